//! How many requests are sent, and in which form.

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::ocsp::OcspRequest;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::responder::Protocol;
use futures_util::future::join_all;

use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;
use crate::engine::evidence::fixture::OCSP;

#[tokio::test]
async fn ocsp_costs_one_request_for_the_first_image_of_a_signer_and_none_for_others() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_ocsp();
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    let journal = fixture.responder.journal();
    assert_eq!(journal.len(), 1);
    assert!(journal[0].path.starts_with("/ocsp/M") && journal[0].protocol == Protocol::Get, "{journal:?}");
    assert_eq!((journal[0].accept.as_deref(), journal[0].has_credential), (Some("application/ocsp-response"), false));
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    assert_eq!(fixture.requests(), 1);
    let series = |series: &str| fixture.engine.metric(&format!("countersign_{series}"));
    assert_eq!(series("evidence_requests_total{kind=\"ocsp\",result=\"ok\"}"), 1);
    assert_eq!(series("cache_requests_total{cache=\"evidence\",result=\"hit\"}"), 1);
    assert_eq!(series("cache_requests_total{cache=\"evidence\",result=\"miss\"}"), 1);
    assert_eq!(series("evidence_entries{kind=\"ocsp\"}"), 1);
}

#[tokio::test]
async fn a_crl_costs_one_request_for_all_certificates_that_name_it() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    assert_eq!(fixture.code(&fixture.signer_with_crl()).await, Code::Verified);
    assert_eq!(fixture.requests(), 1);
    assert_eq!(fixture.engine.metric("countersign_evidence_entries{kind=\"crl\"}"), 1);
}

#[tokio::test]
async fn ten_images_at_once_share_one_request() {
    for by_ocsp in [true, false] {
        let fixture = Fixture::new().await;
        let signer = if by_ocsp { fixture.signer_with_ocsp() } else { fixture.signer_with_crl() };
        let images: Vec<String> = (0..10).map(|_| fixture.image(&signer)).collect();
        let held = fixture.responder.when("/").hold();
        let release = async {
            fixture.responder.wait_for(1).await;
            held.release();
        };
        let (codes, ()) = futures_util::join!(join_all(images.iter().map(|image| fixture.engine.code(image))), release);
        assert_eq!(codes, [Code::Verified; 10]);
        assert_eq!(fixture.requests(), 1, "{by_ocsp}");
    }
}

#[tokio::test]
async fn the_status_of_all_certificates_of_a_chain_is_requested_at_once() {
    let fixture = Fixture::new().await;
    let url = |path: &str| fixture.responder.url(path);
    let issuing = fixture.engine.root.intermediate(CertSpec::intermediate().path_length(0).crl_url(&url("/root.crl")));
    let signer = issuing.issue(CertSpec::leaf().crl_url(&url("/issuing.crl")));
    fixture.responder.crl("/root.crl", fixture.engine.root.crl(&CrlSpec::new()));
    fixture.responder.crl("/issuing.crl", issuing.crl(&CrlSpec::new()));
    let held = fixture.responder.when(".crl").hold();
    let release = async {
        // Both requests are in progress at the same time.
        fixture.responder.wait_for(2).await;
        held.release();
    };
    let (code, ()) = futures_util::join!(fixture.code(&signer), release);
    assert_eq!((code, fixture.requests()), (Code::Verified, 2));
}

#[tokio::test]
async fn a_crl_is_requested_if_ocsp_has_no_status() {
    let fixture = Fixture::new().await;
    let url = |path: &str| fixture.responder.url(path);
    let signer = fixture.issue(|leaf| leaf.ocsp_url(&url(OCSP)).crl_url(&url(CRL)));
    fixture.crl_is(&CrlSpec::new());
    fixture.responder.when(OCSP).status(500);
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    assert_eq!((fixture.responder.count(OCSP), fixture.responder.count(CRL)), (1, 1));
}

#[tokio::test]
async fn the_addresses_of_a_certificate_are_tried_in_their_order() {
    let fixture = Fixture::new().await;
    let url = |path: &str| fixture.responder.url(path);
    let signer = fixture.issue(|leaf| {
        leaf.ocsp_url("ldap://directory.example/ocsp")
            .ocsp_url(&url("/down"))
            .ocsp_url(&url("/wrong"))
            .ocsp_url(&url(OCSP))
    });
    fixture.ocsp_is(&signer, Single::good(signer.leaf_der()));
    fixture.responder.when("/down").status(503);
    // The response about another certificate says nothing about this one.
    let other = fixture.issue(|leaf| leaf);
    let response = fixture.engine.root.ocsp(&OcspSpec::new([Single::good(other.leaf_der())]));
    fixture.responder.ocsp("/wrong", move |_| response.clone());
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    let counts = ["/down", "/wrong", OCSP].map(|path| fixture.responder.count(path));
    assert_eq!(counts, [1, 1, 1]);
}

#[tokio::test]
async fn with_a_nonce_requests_are_posted_and_the_response_must_repeat_it() {
    let fixture = Fixture::with("strict", |settings| settings.ocsp_nonce = true).await;
    let signer = fixture.issue(|leaf| leaf.ocsp_url(&fixture.responder.url(OCSP)));
    let (root, leaf) = (fixture.engine.root.clone(), signer.leaf_der().to_vec());
    let answer = move |request: &[u8], repeat: bool| {
        let nonce = OcspRequest::parse(request).unwrap().nonce.unwrap();
        assert_eq!(nonce.len(), 32);
        let spec = OcspSpec::new([Single::good(&leaf)]);
        root.ocsp(&if repeat { spec.nonce(&nonce) } else { spec.nonce(&[1; 32]) })
    };
    let other = answer.clone();
    fixture.responder.ocsp(OCSP, move |request| other(request, false));
    assert_eq!(fixture.code(&signer).await, Code::RevocationUnchecked);
    // A former response without a nonce could be that of an attacker on the network.
    fixture.ocsp_is(&signer, Single::good(signer.leaf_der()));
    fixture.at("2026-11-21T12:01:00Z");
    let (code, message) = fixture.reason(&signer).await;
    assert_eq!(code, Code::RevocationUnchecked);
    assert!(message.as_str().contains("OCSP response has no nonce"), "{message}");
    fixture.responder.ocsp(OCSP, move |request| answer(request, true));
    fixture.at("2026-11-21T12:02:00Z");
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    let protocols: Vec<_> = fixture.responder.journal().iter().map(|exchange| exchange.protocol).collect();
    assert_eq!(protocols, [Protocol::OcspPost; 3]);
}

#[tokio::test]
async fn a_fetch_goes_on_after_its_caller_has_left() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    let held = fixture.responder.when(CRL).hold();
    let (engine, image) = (fixture.engine.engine.clone(), fixture.image(&signer).parse().unwrap());
    let request = engine.request(Arc::new(image), Deadline::after(Duration::from_secs(20)));
    let caller = tokio::spawn(engine.verify(request));
    fixture.responder.wait_for(1).await;
    caller.abort();
    assert!(caller.await.is_err());
    held.release();
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    assert_eq!(fixture.requests(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    fixture.responder.crl("/moved.crl", fixture.engine.root.crl(&CrlSpec::new()));
    fixture.responder.when(CRL).redirect(302, &fixture.responder.url("/moved.crl"));
    let (code, message) = fixture.reason(&signer).await;
    assert_eq!(code, Code::RevocationUnchecked);
    assert!(message.as_str().contains("requests for evidence are not redirected"), "{message}");
    assert_eq!(fixture.requests(), 1);
}
