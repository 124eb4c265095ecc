//! The status of signatures at AWS Signer: which region is asked, how long an answer is kept, and when the service is not asked.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use countersign_core::codec::text;
use countersign_core::codec::text::Text;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::NotAvailable;
use countersign_core::evidence::SignerCause;
use countersign_core::evidence::SignerStatus;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::evidence::Sourced;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_core::time::UnixTime;
use countersign_http::Awaited;
use countersign_http::FlightError;
use countersign_http::LruTtlCache;
use countersign_http::SingleFlight;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::memory;
use crate::clock::Clock;
use crate::telemetry::metrics::EvidenceKind;
use crate::telemetry::metrics::EvidenceResult;
use crate::telemetry::metrics::KeptEvidence;
use crate::telemetry::metrics::Metrics;

/// Calls AWS Signer.
pub trait SignerService: fmt::Debug + Send + Sync {
    /// The names of what is revoked of a signature, as the service in `region` answers until `deadline`.
    fn ask(
        &self,
        request: SignerStatusRequest,
        region: AwsRegion,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<Vec<String>, SignerFailure>>;

    /// The address of the service in `region`, for messages and reports.
    fn address(&self, region: &AwsRegion) -> String;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerFailure {
    /// What failed, and what to do.
    pub text: Text,
    /// How long the service is not asked again, as it refused the request because of their number.
    pub pause: Option<Duration>,
    /// For metrics.
    pub result: EvidenceResult,
    /// For the remedy.
    pub cause: SignerCause,
}

/// The service, and the settings of its use.
#[derive(Clone, Debug)]
pub struct SignerAccess {
    /// The service.
    pub service: Arc<dyn SignerService>,
    /// The region that is asked, for each partition that has one.
    pub regions: BTreeMap<Partition, AwsRegion>,
    /// The region of the pod.
    pub pod_region: Option<AwsRegion>,
    /// The partitions that are asked.
    pub partitions: Vec<Partition>,
    /// Time for an answer.
    pub timeout: Duration,
    /// How long the answer is used that nothing is revoked: a revocation is noticed this much later.
    pub good_lifetime: Duration,
    /// How long the answer is used that something is revoked, which AWS does not take back.
    pub revoked_lifetime: Duration,
}

/// Most regions with an outage: AWS has half as many.
const REGIONS: usize = 64;

type Answers = LruTtlCache<SignerStatusRequest, Sourced<SignerStatus>>;

/// Answers in memory, requests in progress, and pauses. Failures are not kept.
pub(super) struct SignerStatuses {
    kept: Arc<Answers>,
    flights: SingleFlight<SignerStatusRequest, Result<Sourced<SignerStatus>, (SignerCause, Text)>>,
    outages: Arc<Outages>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

/// The regions that do not answer.
#[derive(Debug, Default)]
struct Outages(Mutex<HashMap<AwsRegion, Outage>>);

#[derive(Clone, Copy, Debug)]
struct Outage {
    /// The first of the failures without an answer between them.
    since: UnixTime,
    /// Not asked before.
    paused_until: Option<Instant>,
}

impl SignerAccess {
    /// The region that is asked about a signature of this profile: any region of its partition has the status. The configured
    /// one first, then that of the pod, whose endpoints it can reach, then that of the profile.
    ///
    /// # Errors
    /// The partition is not one that is asked.
    fn region(&self, request: &SignerStatusRequest) -> Result<AwsRegion, NotAvailable> {
        let profile = request.profile_version();
        let Some(partition) = profile.partition().filter(|partition| self.partitions.contains(partition)) else {
            let expected = text::list(self.partitions.iter(), ", ", Partition::ALL.len());
            return Err(NotAvailable::new(format_args!(
                "the signing profile is in the partition {} and the region {}, expected one of aws.partitions: {expected}",
                Text::at_most(64, profile.partition_name()),
                profile.region()
            ))
            .because(SignerCause::Partition));
        };
        let of_pod = self.pod_region.as_ref().filter(|region| region.partition() == partition);
        Ok(self.regions.get(&partition).or(of_pod).unwrap_or(profile.region()).clone())
    }

    fn lifetime(&self, revoked: &[String]) -> Duration {
        if revoked.is_empty() { self.good_lifetime } else { self.revoked_lifetime }
    }
}

impl SignerStatuses {
    pub(super) fn new(metrics: Arc<Metrics>, clock: Clock) -> Self {
        let kept = Arc::new(Answers::new(memory::SIGNER_STATUSES));
        Self { kept, flights: SingleFlight::default(), outages: Arc::default(), metrics, clock }
    }

    /// The answer in memory, if the settings still permit the question.
    pub(super) fn in_memory(&self, access: &SignerAccess, request: &SignerStatusRequest) -> Option<EvidenceResponse> {
        access.region(request).ok()?;
        let kept = self.kept.get(request, Instant::now().into_std());
        // The clock may have been set since.
        let current = kept.filter(|status| (self.clock)() < status.value().until());
        current.map(EvidenceResponse::SignerStatus)
    }

    /// Asks the service, together with all others that have the same question.
    pub(super) async fn ask(
        &self,
        access: &SignerAccess,
        request: &SignerStatusRequest,
        deadline: Instant,
    ) -> EvidenceResponse {
        let region = match access.region(request) {
            Ok(region) => region,
            Err(why) => return EvidenceResponse::NotAvailable(why),
        };
        let address = access.service.address(&region);
        let failed = |cause: SignerCause, why: &dyn fmt::Display| {
            let why = NotAvailable::new(format_args!("{address}: {why}")).because(cause);
            EvidenceResponse::NotAvailable(match self.outages.since(&region) {
                Some(since) => why.since(since),
                None => why,
            })
        };
        if let Some(pause) = self.outages.pause(&region) {
            let why = format_args!("too many requests; it is asked again in {} s", pause.as_secs() + 1);
            return failed(SignerCause::Throttled, &why);
        }
        let (service, outages, clock) =
            (Arc::clone(&access.service), Arc::clone(&self.outages), Arc::clone(&self.clock));
        let (access_of_work, question, asked, source) =
            (access.clone(), request.clone(), region.clone(), address.clone());
        let (kept, metrics) = (Arc::clone(&self.kept), Arc::clone(&self.metrics));
        let work = |_| async move {
            let started = Instant::now();
            let answer = service.ask(question.clone(), asked.clone(), started + access_of_work.timeout).await;
            let now = clock();
            let result = answer.as_ref().err().map_or(EvidenceResult::Ok, |failure| failure.result);
            metrics.evidence_request(EvidenceKind::AwsSigner, result, started.elapsed());
            outages.note(&asked, &source, answer.as_ref().err(), now);
            let revoked = answer.map_err(|failure| (failure.cause, failure.text))?;
            let end = now.saturating_add(access_of_work.lifetime(&revoked));
            let status = SignerStatus::read(&question, &revoked, end)
                .map_err(|error| (SignerCause::AnswerInvalid, Text::of(error)))?;
            let status = Sourced::new(status, source, now);
            // Here, as the callers may have left.
            keep(&kept, question, &status, now);
            metrics.evidence_kept(EvidenceKind::AwsSigner, &summary(&kept));
            Ok(status)
        };
        match self.flights.join_or_start(request.clone(), deadline, work).await {
            Ok(Ok(status)) => EvidenceResponse::SignerStatus(status),
            Ok(Err((cause, why))) => failed(cause, &why),
            Err(FlightError::Deadline { awaited: Awaited::Pause(pause), .. }) => {
                let why = format_args!("{pause}, which does not end before the request's deadline");
                failed(SignerCause::Throttled, &why)
            }
            // The service itself, or STS for its credentials.
            Err(FlightError::Deadline { awaited: Awaited::Answer { host }, .. }) => {
                let why = format_args!("the deadline passed while the answer of {host} was awaited");
                failed(SignerCause::Slow, &why)
            }
            Err(FlightError::Deadline { awaited: Awaited::Nothing, .. }) => {
                failed(SignerCause::Slow, &"the deadline passed while the answer was awaited")
            }
            Err(FlightError::Panicked) => {
                let why = NotAvailable::new(format_args!("{address}: the request ended without a result"));
                EvidenceResponse::NotAvailable(why)
            }
        }
    }
}

/// Keeps an answer until its end. `now` is when it was received.
fn keep(kept: &Answers, request: SignerStatusRequest, status: &Sourced<SignerStatus>, now: UnixTime) {
    let left = u64::try_from(status.value().until().seconds() - now.seconds()).unwrap_or(0);
    let end = Instant::now() + Duration::from_secs(left);
    let bytes = request.bytes() + status.value().bytes() + Answers::ENTRY_OVERHEAD;
    kept.put(request, status.clone(), bytes, Some(end.into_std()));
}

/// What is kept.
fn summary(kept: &Answers) -> KeptEvidence {
    let (entries, bytes) = kept.size();
    KeptEvidence { entries, bytes, ..KeptEvidence::default() }
}

impl Outages {
    /// Notes a failure, or an answer, and logs the first of each.
    fn note(&self, region: &AwsRegion, address: &str, failure: Option<&SignerFailure>, now: UnixTime) {
        let mut outages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            None => {
                if let Some(Outage { since, .. }) = outages.remove(region) {
                    tracing::info!(url = address, %since, "evidence is available again");
                }
            }
            Some(SignerFailure { text, pause, result: _, cause: _ }) => {
                let former = outages.get(region).copied();
                if former.is_none() {
                    tracing::warn!(url = address, error = %text, "evidence is not available");
                }
                let since = former.map_or(now, |outage| outage.since);
                let paused_until = pause.map(|pause| Instant::now() + pause);
                // Without a configured region, signatures name it.
                if former.is_none() && outages.len() >= REGIONS {
                    outages.clear();
                }
                outages.insert(region.clone(), Outage { since, paused_until });
            }
        }
    }

    fn get(&self, region: &AwsRegion) -> Option<Outage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(region).copied()
    }

    fn since(&self, region: &AwsRegion) -> Option<UnixTime> {
        self.get(region).map(|outage| outage.since)
    }

    /// The rest of the pause.
    fn pause(&self, region: &AwsRegion) -> Option<Duration> {
        let until = self.get(region)?.paused_until?;
        let rest = until.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some(rest)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
