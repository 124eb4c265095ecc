use std::sync::Mutex;

use countersign_core::name::SigningJob;
use countersign_core::name::SigningProfileVersion;
use countersign_core::policy::AnchoredChain;
use countersign_core::policy::Identities;
use countersign_core::policy::Store;
use countersign_core::policy::StoreKind;
use countersign_core::time::UnixTime;
use countersign_core::x509::Certificate;
use countersign_core::x509::Chain;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::*;
use crate::telemetry::metrics::encode_text;

const JOB: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/0a1b";
const SECOND: Duration = Duration::from_secs(1);

fn request_of(version: &str) -> SignerStatusRequest {
    let root = Authority::root(CertSpec::root());
    let chain = root.issue(CertSpec::leaf());
    let certificates: Vec<Certificate> = chain.der().iter().map(|der| Certificate::parse(der).unwrap()).collect();
    let files = [("root.crt".to_owned(), root.der().to_vec())];
    let store = Store::parse(StoreKind::SigningAuthority, "main".parse().unwrap(), &files).unwrap();
    let chain = Chain::code_signing(certificates).unwrap();
    let trusted =
        AnchoredChain::find(&chain, std::iter::once(&store)).unwrap().trust_subject(&Identities::Any).unwrap();
    let (version, job) = (SigningProfileVersion::parse(version).unwrap(), SigningJob::parse(JOB).unwrap());
    SignerStatusRequest::new(&trusted, version, job, UnixTime::EPOCH)
}

fn request() -> SignerStatusRequest {
    request_of("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234")
}

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap())
}

fn failure(text: &str, pause: Option<Duration>) -> SignerFailure {
    SignerFailure { text: text.into(), pause, result: EvidenceResult::ServerError, cause: SignerCause::Failed }
}

/// Answers as the test says, after a delay.
#[derive(Debug, Default)]
struct Service {
    asked: Mutex<Vec<String>>,
    answer: Mutex<Option<Result<Vec<String>, SignerFailure>>>,
    delay: Mutex<Duration>,
}

impl Service {
    fn answers(&self, answer: Result<&[&str], SignerFailure>) {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        *self.answer.lock().unwrap() = Some(answer.map(names));
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl SignerService for Arc<Service> {
    fn ask(
        &self,
        _: SignerStatusRequest,
        region: AwsRegion,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<Vec<String>, SignerFailure>> {
        self.asked.lock().unwrap().push(region.to_string());
        let answer = self.answer.lock().unwrap().clone().unwrap();
        let delay = *self.delay.lock().unwrap();
        let late = SignerFailure { result: EvidenceResult::Timeout, cause: SignerCause::Slow, ..failure("late", None) };
        async move { tokio::time::timeout_at(deadline, tokio::time::sleep(delay)).await.map_or(Err(late), |()| answer) }
            .boxed()
    }

    fn address(&self, region: &AwsRegion) -> String {
        format!("https://data-signer.{region}.amazonaws.com")
    }
}

/// Statuses with a clock that follows the paused time of the runtime.
struct Fixture {
    service: Arc<Service>,
    access: SignerAccess,
    statuses: SignerStatuses,
    registry: prometheus::Registry,
}

impl Fixture {
    fn new() -> Self {
        let service = Arc::new(Service::default());
        let access = SignerAccess {
            client: SignerClient::new(Arc::clone(&service)),
            regions: BTreeMap::new(),
            pod_region: None,
            partitions: vec![Partition::Aws],
            timeout: 5 * SECOND,
            good_lifetime: 300 * SECOND,
            revoked_lifetime: 3600 * SECOND,
        };
        let start = Instant::now();
        let first = UnixTime::from_seconds(1_800_000_000).unwrap();
        let clock: Clock = Arc::new(move || first.saturating_add(start.elapsed()));
        let registry = prometheus::Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        Self { service, access, statuses: SignerStatuses::new(metrics, clock), registry }
    }

    async fn get(&self, request: &SignerStatusRequest) -> EvidenceResponse {
        match self.statuses.in_memory(&self.access, request) {
            Some(response) => response,
            None => self.statuses.ask(&self.access, request, Instant::now() + 10 * SECOND).await,
        }
    }

    /// What is revoked, or why it is not known.
    async fn text(&self, request: &SignerStatusRequest) -> String {
        match self.get(request).await {
            EvidenceResponse::SignerStatus(status) => format!("{} revoked", status.value().revoked().len()),
            EvidenceResponse::NotAvailable(why) => why.to_string(),
            other @ (EvidenceResponse::Ocsp(_) | EvidenceResponse::Crl(_)) => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_for_its_lifetime_and_a_revocation_longer() {
    let fixture = Fixture::new();
    let request = request();
    fixture.service.answers(Ok(&[]));
    assert_eq!(fixture.text(&request).await, "0 revoked");
    tokio::time::advance(299 * SECOND).await;
    fixture.service.answers(Ok(&[JOB]));
    assert_eq!(fixture.text(&request).await, "0 revoked");
    tokio::time::advance(SECOND).await;
    assert_eq!(fixture.text(&request).await, "1 revoked");
    fixture.service.answers(Ok(&[]));
    tokio::time::advance(3599 * SECOND).await;
    assert_eq!(fixture.text(&request).await, "1 revoked");
    assert_eq!(fixture.service.asked().len(), 2);
    tokio::time::advance(SECOND).await;
    assert_eq!(fixture.text(&request).await, "0 revoked");
}

#[tokio::test(start_paused = true)]
async fn twenty_callers_ask_once_and_another_signature_is_asked_about_by_itself() {
    let fixture = Fixture::new();
    let request = request();
    fixture.service.answers(Ok(&[]));
    let texts = join_all((0..20).map(|_| fixture.text(&request))).await;
    assert_eq!(texts, ["0 revoked"; 20]);
    assert_eq!(fixture.service.asked(), ["eu-central-1"]);
    let other = request_of("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1235");
    assert_eq!(fixture.text(&other).await, "0 revoked");
    assert_eq!(fixture.service.asked(), ["eu-central-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_not_kept_and_named_with_its_beginning() {
    let fixture = Fixture::new();
    let request = request();
    fixture.service.answers(Err(failure("status 503", None)));
    let first = "since 2027-01-15T08:00:00Z: https://data-signer.eu-central-1.amazonaws.com: status 503";
    assert_eq!(fixture.text(&request).await, first);
    tokio::time::advance(SECOND).await;
    assert_eq!(fixture.text(&request).await, first);
    assert_eq!(fixture.service.asked().len(), 2);
    fixture.service.answers(Ok(&[]));
    assert_eq!(fixture.text(&request).await, "0 revoked");
    let other = request_of("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1235");
    fixture.service.answers(Err(failure("status 503", None)));
    tokio::time::advance(SECOND).await;
    assert_eq!(
        fixture.text(&other).await,
        "since 2027-01-15T08:00:02Z: https://data-signer.eu-central-1.amazonaws.com: status 503"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_for_their_number_is_not_asked_during_the_pause() {
    let fixture = Fixture::new();
    let request = request();
    fixture.service.answers(Err(failure("status 429", Some(5 * SECOND))));
    let since = "since 2027-01-15T08:00:00Z: https://data-signer.eu-central-1.amazonaws.com: ";
    assert_eq!(fixture.text(&request).await, format!("{since}status 429"));
    fixture.service.answers(Ok(&[]));
    tokio::time::advance(2 * SECOND).await;
    assert_eq!(fixture.text(&request).await, format!("{since}too many requests; it is asked again in 4 s"));
    assert_eq!(fixture.service.asked().len(), 1);
    tokio::time::advance(3 * SECOND).await;
    assert_eq!(fixture.text(&request).await, "0 revoked");
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_until_its_deadline_and_a_late_answer_is_kept() {
    let mut fixture = Fixture::new();
    fixture.access.timeout = 15 * SECOND;
    let request = request();
    fixture.service.answers(Ok(&[JOB]));
    *fixture.service.delay.lock().unwrap() = 11 * SECOND;
    assert_eq!(
        fixture.text(&request).await,
        "https://data-signer.eu-central-1.amazonaws.com: the deadline passed while the answer was awaited"
    );
    assert_eq!(fixture.statuses.in_memory(&fixture.access, &request), None);
    tokio::time::sleep(SECOND + SECOND / 2).await;
    assert!(matches!(
        fixture.statuses.in_memory(&fixture.access, &request),
        Some(EvidenceResponse::SignerStatus(status)) if status.value().revoked().len() == 1
    ));
    assert_eq!(fixture.service.asked().len(), 1);
}

/// Why the status is not known.
async fn cause(fixture: &Fixture, request: &SignerStatusRequest) -> Option<SignerCause> {
    match fixture.get(request).await {
        EvidenceResponse::NotAvailable(why) => why.signer_cause(),
        other @ (EvidenceResponse::SignerStatus(_) | EvidenceResponse::Ocsp(_) | EvidenceResponse::Crl(_)) => {
            panic!("{other:?}")
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_cause_is_that_of_the_failure_of_the_pause_of_the_deadline_or_of_the_partition() {
    let mut fixture = Fixture::new();
    let request = request();
    for expected in SignerCause::ALL {
        let failure = SignerFailure { cause: expected, ..failure("text", None) };
        fixture.service.answers(Err(failure));
        assert_eq!(cause(&fixture, &request).await, Some(expected));
    }
    let refused = SignerFailure { cause: SignerCause::Failed, ..failure("text", Some(SECOND)) };
    fixture.service.answers(Err(refused));
    assert_eq!(cause(&fixture, &request).await, Some(SignerCause::Failed));
    assert_eq!(cause(&fixture, &request).await, Some(SignerCause::Throttled));
    tokio::time::advance(SECOND).await;
    fixture.service.answers(Ok(&[]));
    *fixture.service.delay.lock().unwrap() = 11 * SECOND;
    assert_eq!(cause(&fixture, &request).await, Some(SignerCause::Slow));
    fixture.access.partitions = vec![Partition::AwsUsGov];
    assert_eq!(cause(&fixture, &request).await, Some(SignerCause::Partition));
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_memory_is_not_used_once_its_partition_is_not_asked() {
    let mut fixture = Fixture::new();
    let request = request();
    fixture.service.answers(Ok(&[]));
    assert_eq!(fixture.text(&request).await, "0 revoked");
    fixture.access.partitions = vec![Partition::AwsUsGov];
    assert_eq!(
        fixture.text(&request).await,
        "the signing profile is in the partition aws and the region eu-central-1, expected one of aws.partitions: aws-us-gov"
    );
}

#[tokio::test(start_paused = true)]
async fn the_configured_region_is_asked_then_that_of_the_pod_then_that_of_the_profile() {
    let mut fixture = Fixture::new();
    fixture.service.answers(Ok(&[]));
    let request = request();
    let region = |text: &str| text.parse::<AwsRegion>().unwrap();
    let mut asked = Vec::new();
    for (pod, configured) in
        [(None, None), (Some("us-gov-west-1"), None), (Some("eu-west-1"), None), (Some("eu-west-1"), Some("us-west-2"))]
    {
        fixture.statuses = SignerStatuses::new(metrics(), Arc::clone(&fixture.statuses.shared.clock));
        fixture.access.pod_region = pod.map(region);
        fixture.access.regions = configured.map(|text| (Partition::Aws, region(text))).into_iter().collect();
        assert_eq!(fixture.text(&request).await, "0 revoked");
        asked.extend(fixture.service.asked());
    }
    assert_eq!(asked, ["eu-central-1", "eu-central-1", "eu-west-1", "us-west-2"]);
}

#[tokio::test(start_paused = true)]
async fn another_partition_is_not_asked() {
    let fixture = Fixture::new();
    fixture.service.answers(Ok(&[]));
    for (partition, region) in [("aws-us-gov", "us-gov-west-1"), ("aws-moon", "us-west-2"), ("aws", "cn-north-1")] {
        let request =
            request_of(&format!("arn:{partition}:signer:{region}:111122223333:/signing-profiles/ci/abcDEF1234"));
        assert_eq!(
            fixture.text(&request).await,
            format!(
                "the signing profile is in the partition {partition} and the region {region}, expected one of aws.partitions: aws"
            )
        );
    }
    assert_eq!(fixture.service.asked(), [""; 0]);
}

/// A clock that is set by the test.
fn set_clock() -> (Arc<Mutex<i64>>, Clock) {
    let now = Arc::new(Mutex::new(1_800_000_000_i64));
    let shown = Arc::clone(&now);
    (now, Arc::new(move || UnixTime::from_seconds(*shown.lock().unwrap()).unwrap()))
}

/// The end of the use of the answer in memory, in seconds after the first time of the fixture's clock.
fn end_in_memory(fixture: &Fixture, request: &SignerStatusRequest) -> Option<i64> {
    match fixture.statuses.in_memory(&fixture.access, request)? {
        EvidenceResponse::SignerStatus(status) => Some(status.value().until().seconds() - 1_800_000_000),
        other @ (EvidenceResponse::NotAvailable(_) | EvidenceResponse::Ocsp(_) | EvidenceResponse::Crl(_)) => {
            panic!("{other:?}")
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_lifetime_is_that_of_the_present_settings() {
    let mut fixture = Fixture::new();
    let request = request();
    fixture.access.good_lifetime = 86_400 * SECOND;
    fixture.service.answers(Ok(&[]));
    assert_eq!(fixture.text(&request).await, "0 revoked");
    assert_eq!(end_in_memory(&fixture, &request), Some(86_400));
    tokio::time::advance(30 * SECOND).await;
    // A shorter one applies to the answer in memory, which ends at once if it is older.
    fixture.access.good_lifetime = 60 * SECOND;
    assert_eq!(end_in_memory(&fixture, &request), Some(60));
    fixture.service.answers(Ok(&[JOB]));
    tokio::time::advance(29 * SECOND).await;
    assert_eq!(fixture.text(&request).await, "0 revoked");
    tokio::time::advance(SECOND).await;
    assert_eq!(fixture.text(&request).await, "1 revoked");
    assert_eq!(fixture.service.asked().len(), 2);
    // That of a revocation likewise, and a longer one.
    assert_eq!(end_in_memory(&fixture, &request), Some(60 + 3600));
    fixture.access.revoked_lifetime = 7200 * SECOND;
    tokio::time::advance(3600 * SECOND).await;
    assert_eq!(end_in_memory(&fixture, &request), Some(60 + 7200));
    fixture.access.revoked_lifetime = 3600 * SECOND;
    assert_eq!(end_in_memory(&fixture, &request), None);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_does_not_make_an_answer_last_longer() {
    let mut fixture = Fixture::new();
    let (now, clock) = set_clock();
    fixture.statuses = SignerStatuses::new(metrics(), clock);
    let request = request();
    fixture.service.answers(Ok(&[]));
    assert_eq!(fixture.text(&request).await, "0 revoked");
    *now.lock().unwrap() -= 86_400;
    fixture.service.answers(Ok(&[JOB]));
    tokio::time::advance(299 * SECOND).await;
    assert_eq!(fixture.text(&request).await, "0 revoked");
    // What is kept with it ends as soon by the clock that was set back: it still shows the beginning.
    assert_eq!(end_in_memory(&fixture, &request), Some(-86_400 + 1));
    tokio::time::advance(SECOND).await;
    assert_eq!(fixture.text(&request).await, "1 revoked");
    *now.lock().unwrap() += 10 * 86_400;
    assert_eq!(fixture.text(&request).await, "1 revoked");
    assert_eq!(fixture.service.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_another_service_or_region_is_not_used() {
    let mut fixture = Fixture::new();
    let request = request();
    fixture.service.answers(Ok(&[]));
    assert_eq!(fixture.text(&request).await, "0 revoked");
    let former = fixture.access.clone();
    // Another region.
    fixture.service.answers(Ok(&[JOB]));
    fixture.access.pod_region = Some("us-west-2".parse().unwrap());
    assert_eq!(fixture.text(&request).await, "1 revoked");
    // Other settings of the clients, such as an endpoint.
    let other = Arc::new(Service::default());
    other.answers(Ok(&[JOB, "x"]));
    fixture.access.client = SignerClient::new(Arc::clone(&other));
    assert_eq!(fixture.text(&request).await, "2 revoked");
    assert_eq!(other.asked(), ["us-west-2"]);
    // Images under the former settings have their answer.
    fixture.access = former;
    assert_eq!(fixture.text(&request).await, "0 revoked");
    assert_eq!(fixture.service.asked(), ["eu-central-1", "us-west-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_under_former_settings_is_not_joined_and_its_failure_pauses_nothing() {
    let fixture = Fixture::new();
    let request = request();
    fixture.service.answers(Err(failure("status 429", Some(60 * SECOND))));
    *fixture.service.delay.lock().unwrap() = 4 * SECOND;
    let mut access = fixture.access.clone();
    let other = Arc::new(Service::default());
    other.answers(Ok(&[JOB]));
    *other.delay.lock().unwrap() = SECOND;
    access.client = SignerClient::new(Arc::clone(&other));
    let new = async {
        tokio::time::sleep(2 * SECOND).await;
        fixture.statuses.ask(&access, &request, Instant::now() + 10 * SECOND).await
    };
    let (former, new) = futures_util::join!(fixture.text(&request), new);
    assert_eq!(former, "since 2027-01-15T08:00:04Z: https://data-signer.eu-central-1.amazonaws.com: status 429");
    assert!(matches!(new, EvidenceResponse::SignerStatus(status) if status.value().revoked().len() == 1));
    assert_eq!(other.asked(), ["eu-central-1"]);
    let next = request_of("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1235");
    let next = fixture.statuses.ask(&access, &next, Instant::now() + 10 * SECOND).await;
    assert!(matches!(next, EvidenceResponse::SignerStatus(_)), "{next:?}");
    // Callers with other lifetimes and the same service share a call.
    *fixture.service.delay.lock().unwrap() = SECOND;
    fixture.service.answers(Ok(&[]));
    tokio::time::advance(60 * SECOND).await;
    fixture.service.asked();
    let shorter = SignerAccess { good_lifetime: 10 * SECOND, ..fixture.access.clone() };
    let ask = |access| fixture.statuses.ask(access, &request, Instant::now() + 10 * SECOND);
    let ends = join_all([&fixture.access, &shorter].map(ask)).await.into_iter().map(|response| match response {
        EvidenceResponse::SignerStatus(status) => status.value().until().seconds() - 1_800_000_000,
        other @ (EvidenceResponse::NotAvailable(_) | EvidenceResponse::Ocsp(_) | EvidenceResponse::Crl(_)) => {
            panic!("{other:?}")
        }
    });
    let at = (fixture.statuses.shared.clock)().seconds() - 1_800_000_000;
    assert_eq!(ends.collect::<Vec<_>>(), [at + 300, at + 10]);
    assert_eq!(fixture.service.asked().len(), 1);
}

/// The value of `countersign_evidence_requests_total` for this result.
fn requests(fixture: &Fixture, result: &str) -> u64 {
    let series = format!("countersign_evidence_requests_total{{kind=\"aws-signer\",result=\"{result}\"}} ");
    let text = encode_text(&fixture.registry).unwrap();
    text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_is_counted_and_noted_although_no_caller_waits_as_long() {
    let fixture = Fixture::new();
    let request = request();
    fixture.service.answers(Ok(&[]));
    *fixture.service.delay.lock().unwrap() = 3600 * SECOND;
    let ask = async || {
        let response = fixture.statuses.ask(&fixture.access, &request, Instant::now() + 2 * SECOND).await;
        let EvidenceResponse::NotAvailable(why) = response else { panic!("{response:?}") };
        why.to_string()
    };
    let late = "https://data-signer.eu-central-1.amazonaws.com: the deadline passed while the answer was awaited";
    assert_eq!(ask().await, late);
    // The call ends at its own timeout, 5 s after its beginning.
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(requests(&fixture, "timeout"), 0);
    tokio::time::sleep(SECOND + SECOND / 2).await;
    assert_eq!((requests(&fixture, "timeout"), requests(&fixture, "ok")), (1, 0));
    assert_eq!(ask().await, format!("since 2027-01-15T08:00:05Z: {late}"));
    assert_eq!(fixture.service.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_slower_than_callers_wait_has_an_answer_for_later_ones() {
    let mut fixture = Fixture::new();
    fixture.access.timeout = 15 * SECOND;
    let request = request();
    fixture.service.answers(Ok(&[]));
    *fixture.service.delay.lock().unwrap() = 10 * SECOND;
    let late = fixture.statuses.ask(&fixture.access, &request, Instant::now() + 2 * SECOND).await;
    assert!(matches!(late, EvidenceResponse::NotAvailable(_)), "{late:?}");
    tokio::time::sleep(8 * SECOND + SECOND / 2).await;
    assert_eq!(end_in_memory(&fixture, &request), Some(10 + 300));
    assert_eq!(fixture.service.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_too_many_names_is_counted_and_noted_as_a_failure() {
    let fixture = Fixture::new();
    let request = request();
    fixture.service.answers(Ok(&["x"; 65]));
    let text = "since 2027-01-15T08:00:00Z: https://data-signer.eu-central-1.amazonaws.com: found 65 revoked entities, expected at \
                most 64";
    assert_eq!(fixture.text(&request).await, text);
    assert_eq!((requests(&fixture, "invalid"), requests(&fixture, "ok")), (1, 0));
    assert_eq!(cause(&fixture, &request).await, Some(SignerCause::AnswerInvalid));
}

#[tokio::test(start_paused = true)]
async fn a_pause_does_not_end_with_the_answer_of_an_earlier_call() {
    let fixture = Fixture::new();
    let (one, two) =
        (request(), request_of("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1235"));
    fixture.service.answers(Ok(&[]));
    *fixture.service.delay.lock().unwrap() = SECOND;
    let throttled = async {
        tokio::time::sleep(SECOND / 10).await;
        fixture.service.answers(Err(failure("status 429", Some(5 * SECOND))));
        *fixture.service.delay.lock().unwrap() = Duration::ZERO;
        fixture.text(&two).await
    };
    let (answered, refused) = futures_util::join!(fixture.text(&one), throttled);
    assert_eq!(answered, "0 revoked");
    assert!(refused.ends_with(": status 429"), "{refused}");
    assert_eq!(
        fixture.text(&two).await,
        "https://data-signer.eu-central-1.amazonaws.com: too many requests; it is asked again in 5 s"
    );
    assert_eq!(fixture.service.asked().len(), 2);
}
