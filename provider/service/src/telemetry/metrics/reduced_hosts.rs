//! The hosts that get fewer requests at the same time than the settings allow.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign_http::ReducedHosts;
use prometheus::core::Collector;
use prometheus::core::Desc;
use prometheus::proto::MetricFamily;

use super::metric_factory::MetricFactory;
use super::single::Kind;
use super::single::family;

const NAME: &str = "registry_reduced_hosts";
const HELP: &str = "Hosts to which fewer requests are sent at the same time than the configuration allows.";

/// Counts them at every scrape: time ends a reduction without an event. Clones show the same.
#[derive(Clone, Debug)]
pub(super) struct ReducedHostsGauge {
    desc: Desc,
    /// `None` until registries are used.
    hosts: Arc<Mutex<Option<ReducedHosts>>>,
}

impl ReducedHostsGauge {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let desc = Desc::new(MetricFactory::full(NAME), HELP.to_owned(), Vec::new(), HashMap::new())?;
        Ok(Self { desc, hosts: Arc::default() })
    }

    pub(super) fn show(&self, hosts: ReducedHosts) {
        *self.hosts.lock().unwrap_or_else(PoisonError::into_inner) = Some(hosts);
    }

    fn count(&self) -> usize {
        // The lock is not held while they are counted.
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        hosts.map_or(0, |hosts| hosts.count())
    }
}

impl Collector for ReducedHostsGauge {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    // Exact for all numbers that occur.
    #[allow(clippy::cast_precision_loss)]
    fn collect(&self) -> Vec<MetricFamily> {
        vec![family((&MetricFactory::full(NAME), Kind::Gauge, HELP), self.count() as f64)]
    }
}
