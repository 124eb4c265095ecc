//! What is measured.

use std::fmt;
use std::time::Duration;

use super::table::Table;
use super::usage;

/// The figures in the order of the output.
pub(super) const FIGURES: [&str; 9] = [
    "time to all Pods, s",
    "webhook timeouts and failures",
    "denials",
    "FailedCreate events",
    "requests to the registry for each Pod",
    "provider: peak memory, MiB",
    "provider: CPU s",
    "Gatekeeper: peak memory, MiB",
    "Gatekeeper: CPU s",
];

/// The figures of one arm in one round.
pub(super) struct Figures {
    /// From the first request of the user to the last Pod.
    pub(super) time: Duration,
    /// How often the API server got no response from a webhook in time, or an invalid one.
    pub(super) timeouts: f64,
    pub(super) denials: f64,
    pub(super) failed_creates: u64,
    pub(super) requests: f64,
    pub(super) provider: Option<Usage>,
    pub(super) gatekeeper: Option<Usage>,
}

/// What a process has used.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    /// The peak since its start, in MiB.
    memory: f64,
    /// CPU time.
    cpu: Duration,
}

impl Usage {
    /// That of a process so far.
    pub(super) fn of(id: u32) -> Self {
        Self { memory: usage::peak_memory(id), cpu: usage::cpu(id) }
    }

    /// That since an earlier moment. The peak stays that since its start.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(earlier.cpu), ..self }
    }
}

impl Figures {
    /// In the order of [`FIGURES`].
    fn values(&self) -> [Option<f64>; 9] {
        let of = |usage: &Option<Usage>| (usage.map(|usage| usage.memory), usage.map(|usage| usage.cpu.as_secs_f64()));
        let ((provider_memory, provider_cpu), (gatekeeper_memory, gatekeeper_cpu)) =
            (of(&self.provider), of(&self.gatekeeper));
        [
            Some(self.time.as_secs_f64()),
            Some(self.timeouts),
            Some(self.denials),
            Some(self.failed_creates as f64),
            Some(self.requests),
            provider_memory,
            provider_cpu,
            gatekeeper_memory,
            gatekeeper_cpu,
        ]
    }

    pub(super) fn add_to(&self, table: &mut Table, arm: &str) {
        for (name, value) in FIGURES.into_iter().zip(self.values()) {
            if let Some(value) = value {
                table.add(arm, name, value);
            }
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:.1} s, {} timeouts, {} denials, {} FailedCreate",
            self.time.as_secs_f64(),
            self.timeouts,
            self.denials,
            self.failed_creates
        )
    }
}
