//! Services of AWS Signer that do not answer, and those that are not asked for a while.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use countersign_core::time::UnixTime;
use tokio::time::Instant;

use super::Server;
use super::SignerFailure;

/// Most services with an outage or a pause: AWS has half as many regions.
const SERVERS: usize = 64;

/// The present outages and pauses.
#[derive(Debug, Default)]
pub(super) struct Outages(Mutex<HashMap<Server, State>>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// The first of the failures without an answer between them.
    since: Option<UnixTime>,
    /// Not asked before. Neither an answer nor another failure of a call that began earlier ends it.
    paused_until: Option<Instant>,
}

impl Outages {
    /// Notes a failure, or an answer, and logs the first of each.
    pub(super) fn note(&self, server: &Server, address: &str, failure: Option<&SignerFailure>, now: UnixTime) {
        let mut servers = self.lock();
        match failure {
            None => {
                let Some(state) = servers.get_mut(server) else { return };
                if let Some(since) = state.since.take() {
                    tracing::info!(url = address, %since, "evidence is available again");
                }
                if !state.is_current() {
                    servers.remove(server);
                }
            }
            Some(SignerFailure { text, pause, result: _, cause: _ }) => {
                if !servers.contains_key(server) {
                    make_room(&mut servers);
                }
                let state = servers.entry(server.clone()).or_default();
                if state.since.is_none() {
                    tracing::warn!(url = address, error = %text, "evidence is not available");
                }
                state.since.get_or_insert(now);
                // None is the smallest.
                state.paused_until = state.paused_until.max(pause.map(|pause| Instant::now() + pause));
            }
        }
    }

    /// Since when there was no answer.
    pub(super) fn since(&self, server: &Server) -> Option<UnixTime> {
        self.lock().get(server)?.since
    }

    /// The rest of the pause.
    pub(super) fn pause(&self, server: &Server) -> Option<Duration> {
        self.lock().get(server)?.pause()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Server, State>> {
        // No operation can panic while the map is inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pause(&self) -> Option<Duration> {
        let rest = self.paused_until?.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some(rest)
    }

    fn is_current(&self) -> bool {
        self.since.is_some() || self.pause().is_some()
    }
}

/// Without a configured region, signatures name it.
fn make_room(servers: &mut HashMap<Server, State>) {
    if servers.len() >= SERVERS {
        servers.retain(|_, state| state.is_current());
    }
    if servers.len() >= SERVERS {
        servers.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::evidence::SignerCause;
    use countersign_core::name::AwsRegion;

    use super::*;
    use crate::telemetry::metrics::EvidenceResult;

    const SECOND: Duration = Duration::from_secs(1);

    fn server(region: &str) -> Server {
        Server { client: 0, region: region.parse::<AwsRegion>().unwrap() }
    }

    fn failure(pause: Option<Duration>) -> SignerFailure {
        SignerFailure { text: "down".into(), pause, result: EvidenceResult::ServerError, cause: SignerCause::Failed }
    }

    #[test]
    fn the_number_of_services_is_bounded() {
        let outages = Outages::default();
        for number in 0..3 * SERVERS {
            let letter = |number: usize| char::from(b'a' + u8::try_from(number).unwrap());
            let server = server(&format!("eu-{}{}-1", letter(number / 26), letter(number % 26)));
            outages.note(&server, "https://a", Some(&failure(None)), UnixTime::EPOCH);
            assert_eq!(outages.since(&server), Some(UnixTime::EPOCH));
            assert!(outages.lock().len() <= SERVERS);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_lasts_until_its_end_whatever_earlier_calls_bring() {
        let (outages, server) = (Outages::default(), server("eu-west-1"));
        let note = |failure: Option<&SignerFailure>| outages.note(&server, "https://a", failure, UnixTime::EPOCH);
        note(Some(&failure(Some(5 * SECOND))));
        assert_eq!((outages.pause(&server), outages.since(&server)), (Some(5 * SECOND), Some(UnixTime::EPOCH)));
        // A failure without a pause, one with a shorter pause, and an answer.
        note(Some(&failure(None)));
        assert_eq!(outages.pause(&server), Some(5 * SECOND));
        note(Some(&failure(Some(SECOND))));
        assert_eq!(outages.pause(&server), Some(5 * SECOND));
        note(None);
        assert_eq!((outages.pause(&server), outages.since(&server)), (Some(5 * SECOND), None));
        tokio::time::advance(2 * SECOND).await;
        note(Some(&failure(Some(4 * SECOND))));
        assert_eq!(outages.pause(&server), Some(4 * SECOND));
        tokio::time::advance(4 * SECOND).await;
        assert_eq!(outages.pause(&server), None);
        note(None);
        assert_eq!(outages.lock().len(), 0);
    }
}
