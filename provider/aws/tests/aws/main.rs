//! The clients of AWS against doubles of its services.

// As in the crate `countersign`.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used)]

mod ecr;
mod invalid_answers;
mod names;
mod observed;
mod registry;
mod roles;
mod secrets;
mod signer;
mod signer_errors;
mod sources;
mod waits;

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use countersign_aws::Aws;
use countersign_aws::AwsClock;
use countersign_aws::AwsSettings;
use countersign_aws::ServiceEndpoints;
use countersign_aws::SignerSettings;
use countersign_aws::Unobserved;
use countersign_aws::limits;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_core::name::SigningJob;
use countersign_core::name::SigningProfileVersion;
use countersign_core::policy::AnchoredChain;
use countersign_core::policy::Identities;
use countersign_core::policy::Store;
use countersign_core::policy::StoreKind;
use countersign_core::time::UnixTime;
use countersign_core::x509::Certificate;
use countersign_core::x509::Chain;
use countersign_http::LimitObserver;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::Resource;
use countersign_http::Resources;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_http::SharedLimits;
use countersign_http::Unit;
use countersign_testkit::aws::AccessKey;
use countersign_testkit::aws::Clock;
use countersign_testkit::aws::Setup;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::time::Instant;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

const NOW: OffsetDateTime = datetime!(2026-05-06 07:08:09 UTC);
const REGION: &str = "eu-central-1";
const USER: &str = "arn:aws:iam::111122223333:user/ci";
const ROLE: &str = "arn:aws:iam::111122223333:role/countersign";
const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234";
const JOB: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/01234567-89ab-cdef-0123-456789abcdef";

fn setup() -> Setup {
    Setup::new(&Clock::at(NOW))
}

fn region(name: &str) -> AwsRegion {
    name.parse().unwrap()
}

fn settings() -> AwsSettings {
    AwsSettings {
        region: Some(region(REGION)),
        partitions: vec![Partition::Aws],
        fips: false,
        dual_stack: false,
        instance_metadata: false,
        profile: None,
        connect_timeout: Duration::from_secs(5),
        attempt_timeout: Duration::from_secs(10),
        roots: Roots::System,
        proxy: ProxyChoice::Direct,
        proxies: ProxyEnvironment::default(),
        signer: SignerSettings::default(),
        endpoints: ServiceEndpoints::default(),
    }
}

/// Settings with the endpoint of AWS Signer.
fn signer_at(url: &str) -> AwsSettings {
    let signer = SignerSettings { endpoint: Some(url.parse().unwrap()), ..SignerSettings::default() };
    AwsSettings { signer, ..settings() }
}

fn trusting(root: &Authority, settings: AwsSettings) -> AwsSettings {
    let roots = Roots::Only(RootCertificates::parse("ca.pem", root.pem().as_bytes()).unwrap());
    AwsSettings { roots, ..settings }
}

/// The names of the limits of requests to AWS.
const AWS: Resources = Resources {
    requests: Resource::new("requests", "too many requests", Unit::Item, 64),
    responders: Resource::new("responders", "too many requests", Unit::Item, 64),
    bytes: Resource::new("bytes", "too many bytes", Unit::Byte, 8),
};

fn shared_limits() -> SharedLimits {
    let observer: Arc<dyn LimitObserver> = Arc::new(countersign_http::Unobserved);
    SharedLimits::new(limits::REQUESTS, limits::BODIES, &AWS, &observer)
}

fn clock(setup: &Setup) -> AwsClock {
    let clock = setup.clock().clone();
    AwsClock::new(move || SystemTime::from(clock.now()))
}

/// Clients with this key.
fn aws_with(setup: &Setup, settings: AwsSettings, key: &AccessKey) -> Aws {
    let end = key.expires_at.map(SystemTime::from);
    let credentials = Credentials::new(&key.id, &key.secret, key.session_token.clone(), end, "test");
    let source = SharedCredentialsProvider::new(credentials);
    Aws::with_credentials(settings, &shared_limits(), clock(setup), Arc::new(Unobserved), source).unwrap()
}

/// Clients with a session of [`ROLE`].
fn aws(setup: &Setup, settings: AwsSettings) -> Aws {
    let session =
        setup.keys().for_session(&countersign_testkit::aws::sts::assumed_role(ROLE, "pod"), NOW + time::Duration::HOUR);
    aws_with(setup, settings, &session)
}

/// A request about a signature of 2026-01-02 03:04:05 UTC by a chain of three certificates.
fn status_request() -> SignerStatusRequest {
    status_request_at("2026-01-02T03:04:05Z")
}

/// The same, of this time.
fn status_request_at(signed: &str) -> SignerStatusRequest {
    let root = Authority::root(CertSpec::root());
    let chain = root.intermediate(CertSpec::intermediate()).issue(CertSpec::leaf());
    let certificates = chain.der().iter().map(|der| Certificate::parse(der).unwrap()).collect();
    let files = [("root.crt".to_owned(), root.der().to_vec())];
    let store = Store::parse(StoreKind::SigningAuthority, "main".parse().unwrap(), &files).unwrap();
    let chain = Chain::code_signing(certificates).unwrap();
    let anchored = AnchoredChain::find(&chain, std::iter::once(&store)).unwrap();
    let trusted = anchored.trust_subject(&Identities::Any).unwrap();
    let (version, job) = (SigningProfileVersion::parse(PROFILE).unwrap(), SigningJob::parse(JOB).unwrap());
    SignerStatusRequest::new(&trusted, version, job, UnixTime::from_rfc3339(signed).unwrap())
}

/// All lines but those of a target of the SDK that has responses with secrets at its finest level. The product logs no line of
/// the SDK: it has responses that it cannot read at WARN.
fn log_levels() -> Targets {
    Targets::new().with_default(LevelFilter::TRACE).with_target("aws_smithy_runtime", LevelFilter::DEBUG)
}

async fn status(aws: &Aws) -> Result<Vec<String>, countersign_aws::AwsError> {
    let answer = aws.signer_status(&status_request(), &region(REGION), in_a_minute()).await?;
    Ok(answer.revoked)
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}
