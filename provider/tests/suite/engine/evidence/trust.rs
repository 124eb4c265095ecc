//! Evidence is requested about trusted chains only.

use countersign_core::verdict::Code;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;
use crate::engine::evidence::fixture::OCSP;

#[tokio::test]
async fn no_address_of_an_untrusted_chain_is_requested_at_any_level() {
    for level in ["strict", "permissive", "audit"] {
        let fixture = Fixture::with(level, |_| {}).await;
        let url = |path: &str| fixture.responder.url(path);
        let untrusted = Authority::root(CertSpec::root().common_name("untrusted"));
        let issuing = untrusted.intermediate(CertSpec::intermediate().path_length(0).crl_url(&url("/root.crl")));
        let signer = issuing.issue(CertSpec::leaf().ocsp_url(&url(OCSP)).crl_url(&url(CRL)));
        let code = fixture.code(&signer).await;
        // Audit only logs authenticity; the status of such a chain is never requested.
        let expected = if level == "audit" { Code::Verified } else { Code::UntrustedChain };
        assert_eq!((code, fixture.requests()), (expected, 0), "{level}");
    }
}

#[tokio::test]
async fn a_statement_that_skips_revocation_requests_nothing() {
    let policy = serde_json::json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "app",
            "registryScopes": ["*"],
            "signatureVerification": { "level": "strict", "override": { "revocation": "skip" } },
            "trustStores": ["ca:main"],
            "trustedIdentities": ["*"],
        }],
    });
    let fixture = Fixture::new().await;
    fixture.engine.folder.write("trustpolicy.json", policy.to_string());
    fixture.engine.poll();
    assert_eq!((fixture.code(&fixture.signer_with_crl()).await, fixture.requests()), (Code::Verified, 0));
}

/// The chain of an envelope is not signed: whoever pushes a signature chooses the certificates above the trust anchor.
#[tokio::test]
async fn other_certificates_above_the_trust_anchor_cause_no_further_requests() {
    let fixture = Fixture::new().await;
    let root = &fixture.engine.root;
    let issuing = root.intermediate(CertSpec::intermediate().crl_url(&fixture.responder.url(CRL)));
    fixture.crl_is(&CrlSpec::new());
    fixture.engine.folder.write("truststore/x509/ca/main/root.pem", issuing.pem());
    fixture.engine.poll();
    let signer = issuing.issue(CertSpec::leaf());
    assert_eq!((fixture.code(&signer).await, fixture.requests()), (Code::Verified, 1));
    let evil = Authority::root(CertSpec::root().common_name("evil"));
    for serial in 1..=3 {
        // Only the public key of the real root is needed for it.
        let same_key = CertSpec::root().serial(&[serial]).with_key(root.key());
        for (forged, code) in [
            (same_key.clone(), Code::Verified),
            (same_key.crl_url(&fixture.responder.url("/chosen")), Code::RevocationUnchecked),
        ] {
            let above = [evil.intermediate(forged).der().to_vec(), evil.der().to_vec()];
            let chain = signer.with_certificates([&signer.der()[..2], &above].concat());
            assert_eq!((fixture.code(&chain).await, fixture.requests()), (code, 0), "{serial}");
        }
    }
}
