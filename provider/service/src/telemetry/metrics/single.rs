//! A metric with one series, for collectors that read its value when it is rendered.

use prometheus::proto::Counter;
use prometheus::proto::Gauge;
use prometheus::proto::Metric;
use prometheus::proto::MetricFamily;
use prometheus::proto::MetricType;

/// The type of a metric.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// The metric without labels.
pub(super) fn family((name, kind, help): (&str, Kind, &str), value: f64) -> MetricFamily {
    let (mut family, mut metric) = (MetricFamily::default(), Metric::default());
    match kind {
        Kind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
            family.set_field_type(MetricType::COUNTER);
        }
        Kind::Gauge => {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
            family.set_field_type(MetricType::GAUGE);
        }
    }
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_metric(vec![metric]);
    family
}
