//! Reporting to operators in responses, log and metrics: checks that are only logged, signers, rejected signatures, and
//! refused connections.
//!
//! A test binary of its own: tests without a subscriber in the same process would disable events that they emit first, also
//! for the subscribers of these tests.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use countersign::evidence::FetchSettings;
use countersign::telemetry::log;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_test_support::aws_signer::AwsSigner;
use countersign_test_support::client::body;
use countersign_test_support::fixture;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::mounted;
use countersign_test_support::mounted::MountedService;
use countersign_test_support::mounted::root;
use countersign_testkit::Descriptor;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::captured_log::Lines;
use countersign_testkit::notation;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use serde_json::Value as Json;
use serde_json::json;
use time::macros::datetime;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tracing::Level;
use tracing::subscriber::DefaultGuard;

/// The log of this thread, on which the test's runtime runs.
fn capture() -> (Lines, DefaultGuard) {
    let lines = Lines::default();
    let writer = lines.clone();
    let guard = tracing::subscriber::set_default(log::subscriber(Level::INFO, move || writer.clone()));
    (lines, guard)
}

/// A repository `audit` under a statement that only logs, and `app` under one that enforces.
fn policy(host: &str) -> String {
    let statement = |name: &str, level: &str| {
        json!({
            "name": name,
            "registryScopes": [format!("{host}/{name}")],
            "signatureVerification": {"level": level},
            "trustStores": ["ca:main"],
            "trustedIdentities": ["*"],
        })
    };
    json!({"version": "1.0", "trustPolicies": [statement("audit", "audit"), statement("app", "strict")]}).to_string()
}

struct ReportingFixture {
    service: MountedService,
    lines: Lines,
    leaf: Chain,
    untrusted: Chain,
    _log: DefaultGuard,
}

impl ReportingFixture {
    async fn new() -> Self {
        let (lines, log) = capture();
        let service = MountedService::start().await;
        let policy = policy(&service.registry.host());
        service.until_other_trust(|| service.policy.swap(&[("trustpolicy.json", policy)])).await;
        let leaf = service.root.issue(CertSpec::leaf());
        let untrusted = root("untrusted").issue(CertSpec::leaf().common_name("evil"));
        Self { service, lines, leaf, untrusted, _log: log }
    }

    fn push(&self, repository: &str, tag: &str, signers: &[&Chain]) -> Vec<Descriptor> {
        let image = self.service.registry.push_image(repository, tag);
        let sign = |chain: &&Chain| notation::sign_image(&self.service.registry, repository, &image, chain);
        signers.iter().map(sign).collect()
    }

    async fn ask(&self, path: &str, images: &[&str]) -> Vec<Json> {
        let service = &self.service;
        let client = service.client(service.gatekeeper(&service.clients));
        let answer = client.post(path, body(images)).await.unwrap();
        assert_eq!(answer["systemError"], "");
        answer["items"].as_array().unwrap().iter().map(|item| item["value"].clone()).collect()
    }

    fn verdicts(&self, image: &str) -> Vec<Json> {
        self.lines.events_with("verdict").into_iter().filter(|event| event["image"] == image).collect()
    }

    async fn count(&self, check: &str, code: &str, statement: &str) -> f64 {
        let labels = format!("check=\"{check}\",code=\"{code}\",statement=\"{statement}\"");
        let series = format!("countersign_warnings_total{{{labels}}}");
        self.service.metric(&series).await.unwrap()
    }
}

/// Why the signer of [`ReportingFixture::untrusted`] is not trusted.
fn why(fixture: &ReportingFixture) -> String {
    let thumbprints = fixture.untrusted.thumbprints();
    format!(
        "certificate chain is not trusted: found root CN=untrusted,O=Testkit,ST=ZH,C=CH (SHA-256 {}), expected a certificate of ca:main \
         in the chain",
        thumbprints.last().unwrap()
    )
}

#[tokio::test]
async fn an_untrusted_signer_admitted_by_audit_is_never_reported_as_signer() {
    let fixture = ReportingFixture::new().await;
    let why = why(&fixture);
    let image = fixture.service.image("audit:foreign");
    let [manifest] = <[Descriptor; 1]>::try_from(fixture.push("audit", "foreign", &[&fixture.untrusted])).unwrap();
    let summary = format!(
        "admitted although authenticity failed (untrusted-chain: {why}), which statement \"audit\" of the trust policy only logs; who signed is not known"
    );

    let native = fixture.ask("/v1/verify", &[&image]).await.remove(0);
    assert_eq!((&native["verdict"], &native["code"]), (&json!("verified"), &json!("verified")));
    assert_eq!(native["message"], format!("{image} is {summary}"));
    assert_eq!(native["signer"], Json::Null);
    assert_eq!(
        native["unverifiedSigner"],
        json!({"subject": "CN=evil,O=Testkit,ST=ZH,C=CH", "signature": manifest.digest})
    );
    assert_eq!(native["checks"]["authenticity"], "logged");
    assert_eq!(native["warnings"], json!([{"check": "authenticity", "code": "untrusted-chain", "message": why}]));

    let ratify = fixture.ask("/ratify/gatekeeper/v1/verify", &[&image]).await.remove(0);
    assert_eq!(ratify["isSuccess"], true);
    let report = &ratify["verifierReports"][0];
    assert_eq!((&report["isSuccess"], &report["message"]), (&json!(true), &json!(format!("{image} is {summary}"))));
    assert_eq!(
        report["extensions"],
        json!({"Issuer": "", "SN": "", "Warnings": [format!("authenticity: untrusted-chain: {why}")]})
    );
    assert!(!ratify.to_string().contains("evil"), "{ratify}");

    for event in fixture.verdicts(&image) {
        let fields = ["level", "code", "statement", "rule", "signature", "unverified_subject", "warnings", "detail"];
        let found = fields.map(|field| event[field].as_str().unwrap_or_default().to_owned());
        let wanted = ["WARN", "verified", "audit", "audit", &manifest.digest, "CN=evil,O=Testkit,ST=ZH,C=CH"];
        assert_eq!(found[..6], wanted);
        assert_eq!(found[6..], ["authenticity=untrusted-chain", &summary]);
        for field in ["subject", "issuer", "trust_store", "anchor", "anchor_sha256"] {
            assert_eq!(event.get(field), None, "{event}");
        }
    }
    assert_eq!(fixture.verdicts(&image).len(), 2);
    assert_eq!(fixture.count("authenticity", "untrusted-chain", "audit").await, 2.0);
    assert_eq!(
        fixture
            .service
            .metric(r#"countersign_verdicts_total{code="verified",statement="audit",verdict="verified"}"#)
            .await,
        Some(2.0)
    );
    fixture.service.stop().await;
}

#[tokio::test]
async fn reports_a_trusted_signer_with_its_trust_anchor_whatever_is_only_logged() {
    let fixture = ReportingFixture::new().await;
    let (late, good) = (fixture.service.image("audit:late"), fixture.service.image("app:good"));
    let pushed = fixture.service.registry.push_image("audit", "late");
    let request = SignRequest::new(&fixture.leaf, &pushed).expiry(datetime!(2026-02-01 00:00 UTC));
    Signature::new(&request, Format::Jws).attach(&fixture.service.registry, "audit", &pushed);
    let manifest = fixture.push("app", "good", &[&fixture.leaf]).remove(0);
    let fingerprint = Digest::of(DigestAlgorithm::Sha256, fixture.service.root.der());
    let anchor = "CN=signers,O=Testkit,ST=ZH,C=CH";

    let [first, second] = <[Json; 2]>::try_from(fixture.ask("/v1/verify", &[&late, &good]).await).unwrap();
    let message = first["message"].as_str().unwrap();
    assert!(
        message.starts_with(&format!(
            "{late} is admitted although expiry failed (expired: signature has expired: found expiry 2026-02-01T00:00:00Z, now "
        )) && message.ends_with(
            "), which statement \"audit\" of the trust policy only logs; signed by \"CN=leaf,O=Testkit,ST=ZH,C=CH\""
        ),
        "{message}"
    );
    assert_eq!(first["warnings"][0]["code"], "expired");
    assert_eq!(
        second["message"],
        format!(
            "{good} is signed by \"CN=leaf,O=Testkit,ST=ZH,C=CH\", trusted by statement \"app\" of the trust policy"
        )
    );
    assert_eq!(second["warnings"], json!([]));
    for value in [&first, &second] {
        assert_eq!(value["unverifiedSigner"], Json::Null);
        assert_eq!(value["signer"]["subject"], "CN=leaf,O=Testkit,ST=ZH,C=CH");
        assert_eq!(value["signer"]["issuer"], anchor);
        assert_eq!(value["signer"]["trustStore"], "ca:main");
        assert_eq!(value["signer"]["anchor"], json!({"subject": anchor, "sha256": fingerprint.hex()}));
    }
    let ratify = fixture.ask("/ratify/gatekeeper/v1/verify", &[&late, &good]).await;
    for (value, warned) in ratify.iter().zip([true, false]) {
        let extensions = &value["verifierReports"][0]["extensions"];
        assert_eq!(
            (&extensions["Issuer"], &extensions["SN"]),
            (&json!(anchor), &json!("CN=leaf,O=Testkit,ST=ZH,C=CH"))
        );
        assert_eq!(extensions.get("Warnings").is_some(), warned);
    }

    let event = fixture.verdicts(&good).remove(0);
    let fields =
        ["level", "statement", "rule", "signature", "subject", "issuer", "trust_store", "anchor", "anchor_sha256"];
    assert_eq!(
        fields.map(|field| event[field].as_str().unwrap()),
        [
            "INFO",
            "app",
            "app",
            &manifest.digest,
            "CN=leaf,O=Testkit,ST=ZH,C=CH",
            anchor,
            "ca:main",
            anchor,
            fingerprint.hex()
        ]
    );
    for field in ["unverified_subject", "warnings", "failed_signatures"] {
        assert_eq!(event.get(field), None, "{event}");
    }
    let event = fixture.verdicts(&late).remove(0);
    assert_eq!((&event["level"], &event["warnings"]), (&json!("WARN"), &json!("expiry=expired")));
    assert_eq!(event["trust_store"], "ca:main");
    assert_eq!(fixture.count("expiry", "expired", "audit").await, 2.0);
    assert_eq!(fixture.count("authenticity", "untrusted-chain", "audit").await, 0.0);
    fixture.service.stop().await;
}

#[tokio::test]
async fn logs_rejected_signatures_with_their_reasons() {
    let fixture = ReportingFixture::new().await;
    let why = why(&fixture);
    let (admitted, refused) = (fixture.service.image("app:both"), fixture.service.image("app:foreign"));
    let two = fixture.push("app", "foreign", &[&fixture.untrusted, &fixture.untrusted]);
    fixture.ask("/v1/verify", &[&refused]).await;
    let event = fixture.verdicts(&refused).remove(0);
    let text = event["failed_signatures"].as_str().unwrap();
    for manifest in &two {
        assert!(text.contains(&format!("{}: untrusted-chain: {why}", manifest.digest)), "{text}");
    }
    assert_eq!((&event["level"], &event["failed_signatures_total"]), (&json!("INFO"), &json!(2)));

    // With thumbprints the trusted signature would be tried first, and the other one not at all.
    let image = fixture.service.registry.push_image("app", "both");
    let other = notation::sign_image(&fixture.service.registry, "app", &image, &fixture.untrusted);
    let good = SignRequest::new(&fixture.leaf, &image);
    Signature::of_envelope(&good.jws(), Format::Jws.media_type()).attach(&fixture.service.registry, "app", &image);
    let verdict = fixture.ask("/v1/verify", &[&admitted]).await.remove(0);
    assert_eq!(verdict["verdict"], "verified");
    let event = fixture.verdicts(&admitted).remove(0);
    assert_eq!(event["failed_signatures"], format!("{}: untrusted-chain: {why}", other.digest));
    assert_eq!((&event["level"], &event["failed_signatures_total"]), (&json!("INFO"), &json!(1)));
    fixture.service.stop().await;
}

#[tokio::test]
async fn logs_a_refused_connection_with_its_peer() {
    let fixture = ReportingFixture::new().await;
    let service = &fixture.service;
    let untrusted = root("other clients").issue(CertSpec::tls_client("untrusted.example\n\u{202e}"));
    let other = service.clients.issue(CertSpec::tls_client("other.example"));
    for identity in [&untrusted, &other] {
        let tls = mounted::client(&service.servers, Some(identity));
        // Under TLS 1.3 the client learns of the refusal when it reads.
        if let Ok(mut stream) = service.connect(tls).await {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let plain = stream.local_addr().unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _ = stream.read_to_end(&mut Vec::new()).await;

    let events = fixture.lines.events_with("connection refused");
    let text = |event: &Json, field: &str| event[field].as_str().unwrap_or("-").to_owned();
    let found: Vec<_> =
        events.iter().map(|event| ["reason", "client", "unverified_client"].map(|field| text(event, field))).collect();
    assert_eq!(
        found,
        [
            ["bad-certificate", "-", r#""untrusted.example\u{a}\u{202e}""#],
            ["name-not-allowed", r#""other.example""#, "-"],
            ["malformed", "-", "-"],
        ]
    );
    assert!(events.iter().all(|event| text(event, "peer").starts_with("127.0.0.1:")), "{events:?}");
    assert_eq!(text(&events[2], "peer"), plain.to_string());
    fixture.service.stop().await;
}

#[tokio::test]
async fn limits_log_events_of_refused_connections_and_counts_all() {
    let fixture = ReportingFixture::new().await;
    for _ in 0..50 {
        let mut stream = TcpStream::connect(fixture.service.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let malformed = r#"countersign_tls_handshake_failures_total{reason="malformed"}"#;
    assert_eq!(fixture.service.metric(malformed).await, Some(50.0));
    // Twenty per ten seconds; a slow machine may need a second period.
    let events = fixture.lines.events_with("connection refused");
    assert!((20..50).contains(&events.len()), "{}", events.len());
    assert_eq!(events[0]["left_out"], 0);
    fixture.service.stop().await;
}

#[tokio::test]
async fn a_result_that_is_answered_again_is_reported_as_each_known_result_is() {
    let fixture = ReportingFixture::new().await;
    let service = &fixture.service;
    service.until_other_trust(|| service.keep_verdicts(5)).await;
    let image = service.registry.push_image("app", "v1");
    notation::sign_image(&service.registry, "app", &image, &fixture.leaf);
    let image = service.registry.reference("app", &image);
    let without_id = |mut item: Json| {
        assert_eq!(item["requestId"].take().as_str().unwrap().len(), 32);
        item
    };
    let mut items = Vec::new();
    for _ in 0..6 {
        items.push(without_id(fixture.ask("/v1/verify", &[&image]).await.remove(0)));
    }
    assert!(items.iter().all(|item| item == &items[0] && item["verdict"] == "verified"), "{items:#?}");
    let mut events = fixture.verdicts(&image);
    assert_eq!(events.len(), 6);
    for event in &mut events {
        assert_eq!(event["request_id"].take().as_str().unwrap().len(), 32);
        for member in ["timestamp", "elapsed_ms"] {
            assert!(event.as_object_mut().unwrap().remove(member).is_some());
        }
    }
    assert_eq!(events[0]["cache"], "miss");
    assert!(events[1..].iter().all(|event| event == &events[1] && event["cache"] == "hit"), "{events:#?}");
    assert_eq!(service.metric("countersign_cache_events_total{event=\"verdict-hit\"}").await, Some(5.0));
    let verdicts = "countersign_verdicts_total{code=\"verified\",statement=\"app\",verdict=\"verified\"}";
    assert_eq!(service.metric(verdicts).await, Some(6.0));
}

/// The line of the event as `tracing` writes it, and as it is prepared; both without their time.
fn lines(event: &log::VerdictEvent<'_>) -> (String, Option<String>) {
    let (written, guard) = capture();
    log::verdict(event);
    drop(guard);
    let without_time = |line: &str| {
        let (time, rest) =
            line.strip_prefix("{\"timestamp\":\"").unwrap().split_at("2026-01-01T00:00:00.000000Z".len());
        assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
        rest.to_owned()
    };
    let unknown = log::VerdictEvent { request_id: "", repeated: 0, elapsed: Duration::ZERO, ..*event };
    let prepared = log::PreparedVerdict::in_json(&unknown).map(|prepared| {
        let mut line = String::new();
        prepared.line(&mut line, event.request_id, event.repeated, event.elapsed);
        without_time(&line)
    });
    (without_time(&written.text()), prepared)
}

/// The engine under a policy that trusts this identity, with an image that has a usual signature, one of AWS Signer, and none.
async fn signed(profile: &str, identity: &str) -> (EngineFixture, [String; 3]) {
    let (signer, pki) = (AwsSigner::default(), SignerPki::new("eu-central-1"));
    let settings = FetchSettings { signer: Some(signer.access()), ..FetchSettings::default() };
    let policy = fixture::policy(&["ca:main", "signingAuthority:aws"], &[identity]);
    let fixture = EngineFixture::with_evidence(&policy, settings, |_| {}).await;
    fixture.folder.write("truststore/x509/signingAuthority/aws/root.pem", pki.root_pem());
    fixture.poll();
    let images = ["plain", "aws", "unsigned"].map(|name| (name, fixture.registry.push_image(name, "v1")));
    let [(_, plain), (_, aws), _] = &images;
    let leaf = CertSpec::leaf().common_name("a \"quoted\" \\ name é");
    notation::sign_image(&fixture.registry, "plain", plain, &fixture.root.issue(leaf));
    SignerSignature::new(&pki, aws).with_profile_version(profile).attach(&fixture.registry, "aws");
    let references = images.each_ref().map(|(name, image)| fixture.registry.reference(name, image));
    (fixture, references)
}

#[tokio::test]
async fn a_prepared_event_is_written_as_others_are() {
    let profile = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/admission/abcDEF1234";
    for (identity, marks) in [
        ("*", ["\"verdict\":\"verified\"", "\"failed_signatures\"", "\"code\":\"unsigned\""]),
        (profile, ["\"failed_signatures\"", "\"signing_job\"", "\"code\":\"unsigned\""]),
    ] {
        let (fixture, images) = signed(profile, identity).await;
        for (image, mark) in images.iter().zip(marks) {
            let verdict = fixture.verify(image).await.verdict;
            let event = log::VerdictEvent {
                endpoint: "verify",
                request_id: "0123abcd",
                image,
                digest: Some("sha256:00"),
                decision: log::Decision::Decided(&verdict),
                cached: true,
                repeated: 0,
                elapsed: Duration::from_millis(12),
            };
            for repeated in [0, 7] {
                let (written, prepared) = lines(&log::VerdictEvent { repeated, ..event });
                assert!(written.contains(mark), "{written}");
                // Events with failed signatures are not prepared.
                assert_eq!(prepared, (mark != "\"failed_signatures\"").then_some(written));
            }
        }
    }
}
