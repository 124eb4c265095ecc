use countersign_core::name::SigningJob;
use countersign_core::name::SigningProfileVersion;
use countersign_core::policy::AnchoredChain;
use countersign_core::policy::Identities;
use countersign_core::policy::Store;
use countersign_core::policy::StoreKind;
use countersign_core::x509::Certificate;
use countersign_core::x509::Chain;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::*;

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

impl SignerService for Service {
    fn ask(
        &self,
        _: SignerStatusRequest,
        region: AwsRegion,
        _: Instant,
    ) -> BoxFuture<'static, Result<Vec<String>, SignerFailure>> {
        self.asked.lock().unwrap().push(region.to_string());
        let answer = self.answer.lock().unwrap().clone().unwrap();
        let delay = *self.delay.lock().unwrap();
        async move {
            tokio::time::sleep(delay).await;
            answer
        }
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
}

impl Fixture {
    fn new() -> Self {
        let service = Arc::new(Service::default());
        let access = SignerAccess {
            service: Arc::clone(&service) as _,
            regions: BTreeMap::new(),
            pod_region: None,
            partitions: vec![Partition::Aws],
            timeout: SECOND,
            good_lifetime: 300 * SECOND,
            revoked_lifetime: 3600 * SECOND,
        };
        let start = Instant::now();
        let first = UnixTime::from_seconds(1_800_000_000).unwrap();
        let clock: Clock = Arc::new(move || first.saturating_add(start.elapsed()));
        Self { service, access, statuses: SignerStatuses::new(metrics(), clock) }
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
    let fixture = Fixture::new();
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
        fixture.statuses = SignerStatuses::new(metrics(), Arc::clone(&fixture.statuses.clock));
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

#[test]
fn the_number_of_regions_with_an_outage_is_bounded() {
    let outages = Outages::default();
    for number in 0..3 * REGIONS {
        let words = format!(
            "{}{}",
            char::from(b'a' + u8::try_from(number / 26).unwrap()),
            char::from(b'a' + u8::try_from(number % 26).unwrap())
        );
        let region: AwsRegion = format!("eu-{words}-1").parse().unwrap();
        outages.note(&region, "https://a", Some(&failure("down", None)), UnixTime::EPOCH);
        assert_eq!(outages.since(&region), Some(UnixTime::EPOCH));
        assert!(outages.0.lock().unwrap().len() <= REGIONS);
    }
}
