//! Spellings of one registry host: all of them have one statement, one verification and one cache entry.

use std::sync::Arc;

use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign::policy_source::PolicyPoll;
use countersign_core::name::ImageRef;
use countersign_core::verdict::Code;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::VerdictKind;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::PLAIN;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use serde_json::json;
use std::time::Duration;

/// Ways to write `localhost:port`, as patterns of the port.
fn names(port: u16) -> [String; 5] {
    [
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("LocalHost:0{port}"),
        format!("localhost:0{port}"),
        format!("localhost:{port:020}"),
    ]
}

/// Ways to write `127.0.0.1:port`.
fn addresses(port: u16) -> [String; 5] {
    [
        format!("127.0.0.1:{port}"),
        format!("127.0.0.1:000{port}"),
        format!("[::ffff:7f00:1]:{port}"),
        format!("[::FFFF:7F00:1]:0{port}"),
        format!("[0:0:0:0:0:ffff:7f00:0001]:{port}"),
    ]
}

/// Statement `prod` for `app` at `host`, strict; `rest` for everything else, which only logs authenticity.
async fn fixture(scopes: impl Fn(u16) -> Vec<String>) -> EngineFixture {
    let fixture = EngineFixture::new().await;
    let statement = |name: &str, scopes: Vec<String>, level: &str| {
        json!({
            "name": name,
            "registryScopes": scopes,
            "signatureVerification": { "level": level },
            "trustStores": ["ca:main"],
            "trustedIdentities": ["*"],
        })
    };
    let scopes = scopes(fixture.registry.address().port());
    let statements = [statement("prod", scopes, "strict"), statement("rest", vec!["*".to_owned()], "audit")];
    fixture.folder.write("trustpolicy.json", json!({ "version": "1.0", "trustPolicies": statements }).to_string());
    assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
    fixture
}

#[tokio::test]
async fn rejects_an_untrusted_signature_under_every_spelling_of_a_strict_scope() {
    // Whichever spelling the scope has.
    for scope in 0..5 {
        let fixture = fixture(|port| vec![format!("{}/app", names(port)[scope])]).await;
        let untrusted = Authority::root(CertSpec::root().common_name("untrusted")).issue(CertSpec::leaf());
        let image = fixture.registry.push_image("app", "x");
        notation::sign_image(&fixture.registry, "app", &image, &untrusted);
        let port = fixture.registry.address().port();
        for host in names(port) {
            for reference in [format!("{host}/app:x"), format!("{host}/app@{}", image.digest)] {
                let verdict = fixture.verify(&reference).await.verdict;
                assert_eq!(verdict.code(), Code::UntrustedChain, "{reference}");
                assert_eq!(verdict.statement(), Some("prod"), "{reference}");
            }
        }
        // An address is another host than a name, and `rest` admits the untrusted signature: the test above could fail.
        let elsewhere = fixture.verify(&format!("127.0.0.1:{port}/app:x")).await.verdict;
        assert_eq!((elsewhere.kind(), elsewhere.statement()), (VerdictKind::Verified, Some("rest")));
    }
}

#[tokio::test]
async fn an_address_has_one_statement_in_every_spelling() {
    let fixture = fixture(|port| vec![format!("[::FFFF:7F00:1]:0{port}/app")]).await;
    let untrusted = Authority::root(CertSpec::root().common_name("untrusted")).issue(CertSpec::leaf());
    let image = fixture.registry.push_image("app", "x");
    notation::sign_image(&fixture.registry, "app", &image, &untrusted);
    for host in addresses(fixture.registry.address().port()) {
        let verdict = fixture.verify(&format!("{host}/app:x")).await.verdict;
        assert_eq!((verdict.code(), verdict.statement()), (Code::UntrustedChain, Some("prod")), "{host}");
    }
}

#[tokio::test]
async fn refuses_spellings_that_runtimes_read_differently() {
    let port = EngineFixture::new().await.registry.address().port();
    for host in [
        format!("127.1:{port}"),
        format!("0x7f.0.0.1:{port}"),
        format!("127.0.0.01:{port}"),
        format!("2130706433:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("localhost.:{port}"),
        // The number that a 16-bit counter makes of it.
        format!("localhost:{}", u32::from(port) + 65_536),
    ] {
        assert!(format!("{host}/app:x").parse::<ImageRef>().is_err(), "{host}");
    }
}

#[tokio::test]
async fn caches_one_verdict_for_all_spellings() {
    let fixture = fixture(|port| vec![format!("localhost:{port}/app")]).await;
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    let names = names(fixture.registry.address().port());
    let first = fixture.verify(&format!("{}/app@{}", names[0], image.digest)).await;
    assert_eq!((first.verdict.code(), first.cached), (Code::Verified, false));
    fixture.registry.clear_requests();
    for host in &names {
        let again = fixture.verify(&format!("{host}/app@{}", image.digest)).await;
        assert_eq!((again.verdict.code(), again.cached), (Code::Verified, true), "{host}");
    }
    assert_eq!(fixture.registry.requests().len(), 0);
    assert_eq!(fixture.metric("countersign_cache_events_total{event=\"verdict-stored\"}"), 1);
}

#[tokio::test]
async fn all_spellings_share_one_flight() {
    let fixture = fixture(|port| vec![format!("localhost:{port}/app")]).await;
    let image = fixture.registry.push_image("app", "v1");
    notation::sign_image(&fixture.registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
    let held = fixture.registry.when(Route::Manifest).hold();
    let calls: Vec<_> = names(fixture.registry.address().port())
        .map(|host| {
            let (engine, image) = (fixture.engine.clone(), Arc::new(format!("{host}/app:v1").parse().unwrap()));
            tokio::spawn(engine.verify(engine.request(image, Deadline::after(Duration::from_secs(20)))))
        })
        .into();
    fixture.registry.wait_for(Route::Manifest, 1).await;
    held.release();
    for call in calls {
        assert_eq!(call.await.unwrap().verdict.code(), Code::Verified);
    }
    // The image's manifest and the signature's, each for all of them.
    assert_eq!(fixture.registry.count(Route::Manifest), 2);
    assert_eq!(fixture.registry.count(Route::Blob), 1);
}

/// Over plain HTTP a missing port means 80. References that write port 443 or 80 of such a registry are refused, so that a
/// statement for the host applies to no other port.
#[tokio::test]
async fn a_plain_http_registry_without_a_port_is_not_asked_at_a_written_port() {
    let fixture = EngineFixture::new().await;
    let policy = json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "skipped",
            "registryScopes": [format!("{PLAIN}/app")],
            "signatureVerification": { "level": "skip" },
        }],
    });
    fixture.folder.write("trustpolicy.json", policy.to_string());
    assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
    assert_eq!(fixture.code(&format!("{PLAIN}/app")).await, Code::Skipped);
    for host in ["plain.example:443", "PLAIN.example:0443", "plain.example:80", "plain.example:0080"] {
        let verdict = fixture.verify(&format!("{host}/app")).await.verdict;
        let ImageVerdict::Inconclusive(inconclusive) = &*verdict else { panic!("{host}: {verdict:?}") };
        assert_eq!(inconclusive.reason.code, Code::RegistryNotAllowed, "{host}");
        assert!(inconclusive.reason.detail.as_str().contains("expected no port"), "{host}");
        let image = Arc::new(format!("{host}/app").parse().unwrap());
        let resolved =
            fixture.engine.resolve(fixture.engine.request(image, Deadline::after(Duration::from_secs(20)))).await;
        assert_eq!(resolved.unwrap_err().code, Code::RegistryNotAllowed, "{host}");
    }
}

/// A scope that writes a port of such a registry is not ignored in favour of the statement with `*`.
#[tokio::test]
async fn a_scope_with_a_port_of_a_plain_registry_leaves_no_other_statement_to_its_images() {
    let fixture = EngineFixture::new().await;
    let skip = |name: &str, scopes: &[&str]| json!({ "name": name, "registryScopes": scopes, "signatureVerification": { "level": "skip" } });
    let rest = json!({
        "name": "rest",
        "registryScopes": ["*"],
        "signatureVerification": { "level": "audit" },
        "trustStores": ["ca:main"],
        "trustedIdentities": ["*"],
    });
    let load = |statements: &[serde_json::Value]| {
        fixture.folder.write("trustpolicy.json", json!({ "version": "1.0", "trustPolicies": statements }).to_string());
        assert!(matches!(fixture.poll(), PolicyPoll::Loaded(_)));
    };
    let others = skip("others", &["plain.example/other", "plain.example:5000/app", "other.example/app"]);
    for scope in ["plain.example:80/app", "PLAIN.example:0080/app", "plain.example:443/app", "Plain.example:0443/app"] {
        load(&[skip("prod", &[scope]), others.clone(), rest.clone()]);
        for image in ["plain.example/app", "PLAIN.example/app:v1"] {
            let verdict = fixture.verify(image).await.verdict;
            let ImageVerdict::Inconclusive(inconclusive) = &*verdict else { panic!("{scope} {image}: {verdict:?}") };
            assert_eq!(
                (verdict.code(), verdict.statement()),
                (Code::StatementDisabled, Some("prod")),
                "{scope} {image}"
            );
            let host = image.split_once('/').unwrap().0;
            let detail = format!(
                "statement \"prod\" of the trust policy has the scope {scope}, and registries has {host} over plain HTTP \
                 without a port: expected the scope without a port"
            );
            assert_eq!(inconclusive.reason.detail.as_str(), detail);
        }
        for image in ["plain.example/other", "plain.example:5000/app", "other.example/app"] {
            assert_eq!(fixture.verify(image).await.verdict.statement(), Some("others"), "{scope} {image}");
        }
    }
    // At a registry over https 443 is its port, and 80 is another one.
    load(&[skip("prod", &["tls.example:443/app"]), skip("others", &["tls.example:80/app"]), rest]);
    for (image, rule) in
        [("tls.example/app", "prod"), ("TLS.example:0443/app", "prod"), ("tls.example:80/app", "others")]
    {
        let verdict = fixture.verify(image).await.verdict;
        assert_eq!((verdict.code(), verdict.statement()), (Code::Skipped, Some(rule)), "{image}");
    }
}
