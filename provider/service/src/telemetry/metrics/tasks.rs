//! How many asynchronous tasks the process has.

use std::collections::HashMap;

use prometheus::core::Collector;
use prometheus::core::Desc;
use prometheus::proto::Gauge;
use prometheus::proto::Metric;
use prometheus::proto::MetricFamily;
use prometheus::proto::MetricType;
use tokio::runtime::Handle;

use super::metric_factory::MetricFactory;

const NAME: &str = "tasks";
const HELP: &str = "Asynchronous tasks that have not ended.";

/// Collects the number of the runtime that renders the metrics, which is that of the service; 0 without one.
#[derive(Debug)]
pub(super) struct Tasks(Desc);

impl Tasks {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        Ok(Self(Desc::new(MetricFactory::full(NAME), HELP.to_owned(), Vec::new(), HashMap::new())?))
    }
}

impl Collector for Tasks {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0]
    }

    // Exact for all numbers that occur.
    #[allow(clippy::cast_precision_loss)]
    fn collect(&self) -> Vec<MetricFamily> {
        let tasks = Handle::try_current().map_or(0, |runtime| runtime.metrics().num_alive_tasks());
        let (mut gauge, mut metric, mut family) = (Gauge::default(), Metric::default(), MetricFamily::default());
        gauge.set_value(tasks as f64);
        metric.set_gauge(gauge);
        family.set_name(MetricFactory::full(NAME));
        family.set_help(HELP.to_owned());
        family.set_field_type(MetricType::GAUGE);
        family.set_metric(vec![metric]);
        vec![family]
    }
}
