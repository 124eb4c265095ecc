//! Events that the log of the process has lost.

use std::collections::HashMap;

use prometheus::core::Collector;
use prometheus::core::Desc;
use prometheus::proto::Counter;
use prometheus::proto::LabelPair;
use prometheus::proto::Metric;
use prometheus::proto::MetricFamily;
use prometheus::proto::MetricType;

use super::metric_factory::MetricFactory;
use crate::telemetry::log::LEVELS;
use crate::telemetry::log::LostEvents;
use crate::telemetry::log::level_label;

const NAME: &str = "log_events_lost_total";
const HELP: &str = "Events of the log that were not written.";
const LEVEL: &str = "level";

/// Collects the numbers at every scrape: the log is set up before the metrics are.
#[derive(Debug)]
pub(super) struct LogEventsLost {
    desc: Desc,
    lost: &'static LostEvents,
}

impl LogEventsLost {
    pub(super) fn new(lost: &'static LostEvents) -> Result<Self, prometheus::Error> {
        let labels = vec![LEVEL.to_owned()];
        Ok(Self { desc: Desc::new(MetricFactory::full(NAME), HELP.to_owned(), labels, HashMap::new())?, lost })
    }
}

impl Collector for LogEventsLost {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    // Exact for all numbers that occur.
    #[allow(clippy::cast_precision_loss)]
    fn collect(&self) -> Vec<MetricFamily> {
        let counts = self.lost.counts();
        let metrics = LEVELS.into_iter().map(|level| {
            let (mut label, mut counter, mut metric) = (LabelPair::default(), Counter::default(), Metric::default());
            label.set_name(LEVEL.to_owned());
            label.set_value(level_label(level).to_owned());
            counter.set_value(counts.of(level) as f64);
            metric.set_label(vec![label]);
            metric.set_counter(counter);
            metric
        });
        let mut family = MetricFamily::default();
        family.set_name(MetricFactory::full(NAME));
        family.set_help(HELP.to_owned());
        family.set_field_type(MetricType::COUNTER);
        family.set_metric(metrics.collect());
        vec![family]
    }
}
