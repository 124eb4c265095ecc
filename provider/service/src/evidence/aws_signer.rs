//! The status of signatures at AWS Signer: which region is asked, how long an answer is kept, and when the service is not asked.

mod answers;
mod outages;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_core::codec::text;
use countersign_core::codec::text::Text;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::NotAvailable;
use countersign_core::evidence::RevokedEntities;
use countersign_core::evidence::SignerCause;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::evidence::TooManyEntities;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_http::Awaited;
use countersign_http::FlightError;
use countersign_http::SingleFlight;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use self::answers::Answer;
use self::answers::Answers;
use self::answers::Question;
use self::outages::Outages;
use super::grace::GRACE;
use super::late_cause::late_cause;
use crate::clock::Clock;
use crate::telemetry::metrics::EvidenceKind;
use crate::telemetry::metrics::EvidenceResult;
use crate::telemetry::metrics::Metrics;

/// Calls AWS Signer.
pub trait SignerService: fmt::Debug + Send + Sync {
    /// The names of what is revoked of a signature, as the service in `region` answers until `deadline`. Nothing else ends a call
    /// that has no callers any more.
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

/// A service with fixed settings: endpoint, authorities, proxy, credentials. Another value is another service, even at the same
/// address, so that no answer, no request in progress and no pause under former settings counts under new ones. Clones are the
/// same service.
#[derive(Clone, Debug)]
pub struct SignerClient {
    number: u64,
    service: Arc<dyn SignerService>,
}

/// The service, and the settings of its use.
#[derive(Clone, Debug)]
pub struct SignerAccess {
    /// The service.
    pub client: SignerClient,
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

/// The service of a region.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Server {
    /// The number of the [`SignerClient`].
    client: u64,
    region: AwsRegion,
}

/// Answers in memory, requests in progress, and pauses. Failures are not kept.
pub(super) struct SignerStatuses {
    shared: Arc<Shared>,
    flights: SingleFlight<Question, Result<Answer, (SignerCause, Text)>>,
}

/// What requests in progress need.
struct Shared {
    answers: Answers,
    outages: Outages,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl SignerClient {
    /// A service of its own.
    #[must_use]
    pub fn new(service: impl SignerService + 'static) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), service: Arc::new(service) }
    }

    /// The address of the service in `region`, for messages and reports.
    #[must_use]
    pub fn address(&self, region: &AwsRegion) -> String {
        self.service.address(region)
    }
}

impl SignerAccess {
    /// The service that is asked about a signature of this profile: that of any region of its partition has the status. The
    /// configured region first, then that of the pod, whose endpoints it can reach, then that of the profile.
    ///
    /// # Errors
    /// The partition is not one that is asked.
    fn server(&self, request: &SignerStatusRequest) -> Result<Server, NotAvailable> {
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
        let region = self.regions.get(&partition).or(of_pod).unwrap_or(profile.region()).clone();
        Ok(Server { client: self.client.number, region })
    }
}

impl SignerStatuses {
    pub(super) fn new(metrics: Arc<Metrics>, clock: Clock) -> Self {
        let shared = Shared { answers: Answers::new(), outages: Outages::default(), metrics, clock };
        Self { shared: Arc::new(shared), flights: SingleFlight::with_grace(GRACE) }
    }

    /// The answer in memory, if the settings permit the question and the use of the answer.
    pub(super) fn in_memory(&self, access: &SignerAccess, request: &SignerStatusRequest) -> Option<EvidenceResponse> {
        let question = Question { server: access.server(request).ok()?, request: request.clone() };
        let now = (self.shared.clock)();
        let answer = self.shared.answers.get(&question, access, now)?;
        Some(EvidenceResponse::SignerStatus(answer.status(access, now)))
    }

    /// Asks the service, together with all others that have the same question.
    pub(super) async fn ask(
        &self,
        access: &SignerAccess,
        request: &SignerStatusRequest,
        deadline: Instant,
    ) -> EvidenceResponse {
        let server = match access.server(request) {
            Ok(server) => server,
            Err(why) => return EvidenceResponse::NotAvailable(why),
        };
        let address = access.client.address(&server.region);
        let outages = &self.shared.outages;
        let failed = |cause: SignerCause, why: &dyn fmt::Display| {
            let why = NotAvailable::new(format_args!("{address}: {why}")).because(cause);
            EvidenceResponse::NotAvailable(match outages.since(&server) {
                Some(since) => why.since(since),
                None => why,
            })
        };
        if let Some(pause) = outages.pause(&server) {
            let why = format_args!("too many requests; it is asked again in {} s", pause.as_secs() + 1);
            return failed(SignerCause::Throttled, &why);
        }
        let question = Question { server: server.clone(), request: request.clone() };
        let work = |_| Arc::clone(&self.shared).call(access.clone(), question.clone(), Text::of(&address));
        match self.flights.join_or_start(question.clone(), deadline, work).await {
            Ok(Ok(answer)) => EvidenceResponse::SignerStatus(answer.status(access, (self.shared.clock)())),
            Ok(Err((cause, why))) => failed(cause, &why),
            Err(FlightError::Deadline { awaited: Awaited::Pause(pause), .. }) => {
                let why = format_args!("{pause}, which does not end before the request's deadline");
                failed(SignerCause::Throttled, &why)
            }
            // The service itself, or STS for its credentials.
            Err(FlightError::Deadline { awaited: Awaited::Answer(answer), .. }) => {
                failed(SignerCause::Late(late_cause(answer.missing)), &format_args!("the deadline passed: {answer}"))
            }
            Err(FlightError::Deadline { awaited: Awaited::Setting(limit), .. }) => {
                failed(SignerCause::Overloaded, &format_args!("{limit}, until the request's deadline"))
            }
            Err(FlightError::Deadline { awaited: Awaited::Limit(reached), .. }) => {
                failed(SignerCause::Overloaded, &format_args!("{reached}, until the request's deadline"))
            }
            Err(FlightError::Deadline { awaited: Awaited::Nothing | Awaited::Apart(_), .. }) => {
                failed(SignerCause::Slow, &"the deadline passed while the answer was awaited")
            }
            Err(FlightError::Panicked) => {
                let why = NotAvailable::new(format_args!("{address}: the request ended without a result"));
                EvidenceResponse::NotAvailable(why)
            }
        }
    }
}

impl Shared {
    /// Calls the service once, and keeps the answer. Goes on without callers until the call ends, so that a service that is slower
    /// than their deadlines has an answer for later ones, and that one without an answer is noted as such.
    async fn call(
        self: Arc<Self>,
        access: SignerAccess,
        question: Question,
        address: Text,
    ) -> Result<Answer, (SignerCause, Text)> {
        let Self { answers, outages, metrics, clock } = &*self;
        let Question { server, request } = &question;
        // Another call may have ended since the caller looked.
        if let Some(answer) = answers.get(&question, &access, clock()) {
            return Ok(answer);
        }
        let started = Instant::now();
        let names = access.client.service.ask(request.clone(), server.region.clone(), started + access.timeout).await;
        let answer = names.and_then(|names| RevokedEntities::read(request, &names).map_err(SignerFailure::from));
        let now = clock();
        let failure = answer.as_ref().err();
        let result = failure.map_or(EvidenceResult::Ok, |failure| failure.result);
        metrics.evidence_request(EvidenceKind::AwsSigner, result, started.elapsed());
        outages.note(server, address.as_str(), failure, now);
        let entities = answer.map_err(|failure| (failure.cause, failure.text))?;
        let answer = Answer::new(entities, address, now);
        answers.keep(question, answer.clone());
        metrics.evidence_kept(EvidenceKind::AwsSigner, &answers.summary());
        Ok(answer)
    }
}

impl From<TooManyEntities> for SignerFailure {
    fn from(error: TooManyEntities) -> Self {
        Self { text: Text::of(error), pause: None, result: EvidenceResult::Invalid, cause: SignerCause::AnswerInvalid }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
