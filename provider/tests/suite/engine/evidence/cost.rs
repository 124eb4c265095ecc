//! What evidence costs the first image of a signer and later ones, when every response takes 25 ms. The times are printed:
//! `cargo test -p countersign --test suite engine::evidence::cost -- --nocapture --test-threads 1`.

use std::time::Duration;
use std::time::Instant;

use countersign_core::verdict::Code;
use countersign_test_support::fixture::policy_of;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::notation::Signature;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::Tsa;

use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;

const LATENCY: Duration = Duration::from_millis(25);

/// Verifies a new image; prints how long it took, and returns the numbers of requests to the registry and to the
/// responder.
async fn cost(fixture: &Fixture, what: &str, signer: &Chain, tsa: Option<&Tsa>) -> [usize; 2] {
    let registry = &fixture.engine.registry;
    let image = registry.push_image("app", "v1");
    let request = SignRequest::new(signer, &image);
    let signature = match tsa {
        Some(tsa) => Signature::timestamped(&request, Format::Jws, tsa),
        None => Signature::new(&request, Format::Jws),
    };
    signature.attach(registry, "app", &image);
    let reference = registry.reference("app", &image);
    registry.clear_requests();
    let start = Instant::now();
    let code = fixture.engine.code(&reference).await;
    let time = start.elapsed();
    assert_eq!(code, Code::Verified, "{what}");
    let requests = [registry.requests().len(), fixture.requests()];
    println!("{what}: {} ms, requests to the registry and for evidence: {requests:?}", time.as_millis());
    requests
}

/// A fixture in which every response takes [`LATENCY`].
async fn distant(stores: &[&str]) -> Fixture {
    let fixture = Fixture::new().await;
    fixture.engine.folder.write("trustpolicy.json", policy_of("strict", stores, &["*"]));
    fixture.engine.poll();
    fixture.engine.registry.when_any().delay(LATENCY);
    fixture.responder.when("/").delay(LATENCY);
    fixture
}

#[tokio::test]
async fn the_first_image_costs_one_request_by_ocsp_or_by_crl_and_others_none() {
    let fixture = distant(&["ca:main"]).await;
    let plain = fixture.issue(|leaf| leaf);
    let [registry, evidence] = cost(&fixture, "without addresses", &plain, None).await;
    assert_eq!(evidence, 0);
    for (what, signer) in [("OCSP", fixture.signer_with_ocsp()), ("CRL", fixture.signer_with_crl())] {
        assert_eq!(cost(&fixture, &format!("{what}, first image"), &signer, None).await, [registry, 1]);
        assert_eq!(cost(&fixture, &format!("{what}, second image"), &signer, None).await, [registry, 0]);
    }
}

/// A signer with OCSP and CRL addresses, whose issuer has a CRL, and a timestamping authority with a CRL.
fn revocable(fixture: &Fixture, tsa_root: &Authority) -> (Chain, Tsa) {
    let url = |path: &str| fixture.responder.url(path);
    let tsa = Tsa::of(tsa_root.issue(CertSpec::tsa().crl_url(&url("/tsa.crl"))));
    let issuing = fixture.engine.root.intermediate(CertSpec::intermediate().path_length(0).crl_url(&url(CRL)));
    let signer = issuing.issue(CertSpec::leaf().ocsp_url(&url("/issuing")).crl_url(&url("/issuing.crl")));
    let response = issuing.ocsp(&OcspSpec::new([Single::good(signer.leaf_der())]));
    fixture.responder.crl("/tsa.crl", tsa_root.crl(&CrlSpec::new()));
    fixture.crl_is(&CrlSpec::new());
    fixture.responder.ocsp("/issuing", move |_| response.clone());
    (signer, tsa)
}

/// A fixture as [`distant`], with a trust store for timestamps that has the returned root.
async fn distant_with_timestamps() -> (Fixture, Authority) {
    let root = Authority::root(CertSpec::root().common_name("TSA root"));
    let fixture = distant(&["ca:main", "tsa:main"]).await;
    fixture.engine.folder.write("truststore/x509/tsa/main/root.pem", root.pem());
    fixture.engine.poll();
    (fixture, root)
}

#[tokio::test]
async fn the_first_image_with_ocsp_a_crl_and_a_timestamp_costs_three_requests_and_others_none() {
    let (fixture, tsa_root) = distant_with_timestamps().await;
    let (plain, plain_tsa) = (fixture.issue(|leaf| leaf), Tsa::new(&tsa_root));
    let [registry, evidence] = cost(&fixture, "timestamp without addresses", &plain, Some(&plain_tsa)).await;
    assert_eq!(evidence, 0);
    let (signer, tsa) = revocable(&fixture, &tsa_root);
    let first = cost(&fixture, "OCSP, CRL and timestamp, first image", &signer, Some(&tsa)).await;
    assert_eq!(first, [registry, 3]);
    let second = cost(&fixture, "OCSP, CRL and timestamp, second image", &signer, Some(&tsa)).await;
    assert_eq!(second, [registry, 0]);
}

#[tokio::test]
async fn evidence_about_a_signer_its_issuer_and_its_timestamping_authority_is_requested_at_once() {
    let (fixture, tsa_root) = distant_with_timestamps().await;
    let (signer, tsa) = revocable(&fixture, &tsa_root);
    fixture.responder.clear_faults();
    let held = fixture.responder.when("/").hold();
    let release = async {
        // All requests are in progress at the same time.
        fixture.responder.wait_for(3).await;
        held.release();
    };
    let ([_, evidence], ()) = futures_util::join!(cost(&fixture, "held", &signer, Some(&tsa)), release);
    assert_eq!(evidence, 3);
}
