//! How many asynchronous tasks the process has.

use std::collections::HashMap;

use prometheus::core::Collector;
use prometheus::core::Desc;
use prometheus::proto::MetricFamily;
use tokio::runtime::Handle;

use super::metric_factory::MetricFactory;
use super::single::Kind;
use super::single::family;

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
        vec![family((&MetricFactory::full(NAME), Kind::Gauge, HELP), tasks as f64)]
    }
}
