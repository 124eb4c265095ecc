//! How much is measured.

use std::time::Duration;

/// Requests of a burst at the same time, as many as a Gatekeeper under load sends.
pub(crate) const BURST_AT_ONCE: usize = 32;

/// Keys of a batch.
pub(crate) const BATCH: usize = 20;

/// Batches at the same time.
pub(crate) const BATCHES_AT_ONCE: usize = 8;

/// Each image takes half a second, of Ratify with tokens more than one.
const FAR: Duration = Duration::from_millis(100);

pub(crate) struct Sizes {
    pub(crate) rounds: usize,
    /// Round-trip times, in milliseconds.
    pub(crate) round_trips: Vec<u64>,
    /// Images of each kind that are asked for one after the other: without a round-trip time, with one of less than [`FAR`], and with a longer
    /// one. The median of few says enough where the network decides; the CPU time takes many.
    sequential: [usize; 3],
    pub(crate) burst: usize,
    /// Requests for the round trip of a bare one.
    pub(crate) pings: usize,
    /// Requests for images whose verdicts are in memory.
    pub(crate) warm: usize,
    /// Those of them that each need a new connection.
    pub(crate) warm_connecting: usize,
    /// Keys of one large request, and of a burst of as many.
    pub(crate) keys: usize,
    /// Such requests for images whose verdicts are in memory.
    pub(crate) warm_large: usize,
    /// Distinct images of a run whose memory is measured.
    pub(crate) distinct: &'static [usize],
    /// How long nothing is asked before the first request after idle. It is not measured without.
    pub(crate) idle: Option<Duration>,
}

impl Sizes {
    pub(crate) fn whole() -> Self {
        Self {
            rounds: 5,
            round_trips: vec![0, 25, 100],
            sequential: [200, 10, 4],
            burst: 425,
            pings: 50,
            warm: 10_000,
            warm_connecting: 2000,
            keys: 1000,
            warm_large: 30,
            distinct: &[1, 100, 1000, 10_000],
            idle: Some(Duration::from_secs(70)),
        }
    }

    pub(crate) fn short() -> Self {
        Self {
            rounds: 1,
            round_trips: vec![5],
            sequential: [2, 2, 2],
            burst: 32,
            pings: 2,
            warm: 64,
            warm_connecting: 16,
            keys: 40,
            warm_large: 2,
            distinct: &[20],
            idle: None,
        }
    }

    /// Images that are asked for one after the other.
    pub(crate) fn sequential(&self, round_trip: Duration) -> usize {
        let [without, near, far] = self.sequential;
        match round_trip {
            Duration::ZERO => without,
            time if time < FAR => near,
            _ => far,
        }
    }
}
