//! Certificates above the trust anchor. The chain of an envelope is not signed, so whoever pushes a signature can replace
//! them with others for the same keys.

use countersign_core::policy::StoreKind;
use countersign_core_test_support::judge::Judge;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;

use crate::notation::revocation::CRL;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::leaf;
use crate::notation::revocation::verify;

const OF_UPPER: &str = "http://crl.example/upper.crl";
const OF_LOWER: &str = "http://crl.example/lower.crl";

/// A root, two intermediates with addresses, and a leaf with one.
struct Hierarchy {
    fixture: Fixture,
    upper: Authority,
    lower: Authority,
    chain: Chain,
}

impl Hierarchy {
    fn new() -> Self {
        let fixture = Fixture::new();
        let upper =
            fixture.root.intermediate(CertSpec::intermediate().common_name("upper").serial(&[0x51]).crl_url(OF_UPPER));
        let lower = upper.intermediate(CertSpec::intermediate().common_name("lower").serial(&[0x52]).crl_url(OF_LOWER));
        let chain = lower.issue(leaf().crl_url(CRL));
        Self { fixture, upper, lower, chain }
    }

    /// All certificates are on no list.
    fn good(&self) -> Sources {
        Sources::new()
            .with(CRL, self.lower.crl(&CrlSpec::new()))
            .with(OF_LOWER, self.upper.crl(&CrlSpec::new()))
            .with(OF_UPPER, self.fixture.root.crl(&CrlSpec::new()))
    }

    fn trusting(&self, anchors: &[&Authority]) -> Judge {
        let target = &self.fixture.target;
        let judge = Judge::about(&target.media_type, &target.digest, target.size);
        anchors.iter().fold(judge, |judge, anchor| judge.trusting(StoreKind::Ca, anchor.der()))
    }
}

/// The reason against a certificate above the anchors.
fn above(subject: &str, serial: &str, url: &str) -> String {
    format!(
        "revocation-unchecked: revocation was not checked: certificate \"CN={subject},O=Testkit,ST=ZH,C=CH\" (serial \
         {serial}) names \"{url}\", and has no usable status: it is above the certificates of the trust stores in the chain, \
         so nothing is requested for it; add its root to the trust store; inconclusive, as the statement enforces the check"
    )
}

#[test]
fn nothing_is_requested_from_an_address_that_a_pusher_put_above_the_anchor() {
    let hierarchy = Hierarchy::new();
    let Hierarchy { fixture, upper, lower, chain } = &hierarchy;
    let evil = Authority::root(CertSpec::root().common_name("evil"));
    // Only the public key of the real authority is needed for this certificate.
    let same_key = CertSpec::intermediate().common_name("upper").serial(&[0x66]).with_key(upper.key());
    let forged = evil.intermediate(same_key.crl_url("http://10.0.0.1/delete?all"));
    let replaced = chain.with_certificates([&chain.der()[..2], &[forged.der().to_vec(), evil.der().to_vec()]].concat());
    let outcome = verify(&hierarchy.trusting(&[lower]), &fixture.sign(&replaced), &hierarchy.good());
    outcome.asked(&[["base http://crl.example/a.crl", "base http://crl.example/lower.crl"]]);
    assert_eq!(outcome.text(), above("upper", "66", "http://10.0.0.1/delete?all"));
    let logged = hierarchy.trusting(&[lower]).overriding("revocation", "log");
    let outcome = verify(&logged, &fixture.sign(&replaced), &hierarchy.good());
    outcome.is_good();
    outcome.asked(&[["base http://crl.example/a.crl", "base http://crl.example/lower.crl"]]);
}

#[test]
fn a_certificate_above_the_anchors_is_unchecked_until_its_root_is_in_a_store() {
    let hierarchy = Hierarchy::new();
    let Hierarchy { fixture, upper, lower, chain } = &hierarchy;
    let request = fixture.sign(chain);
    let outcome = verify(&hierarchy.trusting(&[lower]), &request, &hierarchy.good());
    assert_eq!(outcome.text(), above("upper", "51", OF_UPPER));
    outcome.asked(&[["base http://crl.example/a.crl", "base http://crl.example/lower.crl"]]);
    let all =
        [["base http://crl.example/a.crl", "base http://crl.example/lower.crl", "base http://crl.example/upper.crl"]];
    let revoked = hierarchy.good().with(OF_UPPER, fixture.root.crl(&CrlSpec::new().revoked(&Revoked::new(&[0x51]))));
    // The highest anchor counts, whatever else is in the stores.
    for anchors in [&[upper][..], &[&fixture.root], &[lower, upper], &[lower, &fixture.root]] {
        let outcome = verify(&hierarchy.trusting(anchors), &request, &hierarchy.good());
        outcome.is_good();
        outcome.asked(&all);
        let text = verify(&hierarchy.trusting(anchors), &request, &revoked).text();
        assert!(text.starts_with("revoked: certificate is revoked: found \"CN=upper,"), "{text}");
    }
}

#[test]
fn a_revoked_certificate_below_the_anchor_decides_before_one_above_it() {
    let hierarchy = Hierarchy::new();
    let revoked =
        hierarchy.good().with(CRL, hierarchy.lower.crl(&CrlSpec::new().revoked(&crate::notation::revocation::entry())));
    let request = hierarchy.fixture.sign(&hierarchy.chain);
    let text = verify(&hierarchy.trusting(&[&hierarchy.lower]), &request, &revoked).text();
    assert!(text.starts_with("revoked: certificate is revoked: found \"CN=leaf,"), "{text}");
}

#[test]
fn a_certificate_above_the_anchor_without_an_address_needs_no_status() {
    let fixture = Fixture::new();
    let upper = fixture.root.intermediate(CertSpec::intermediate().common_name("upper"));
    let lower = upper.intermediate(CertSpec::intermediate().common_name("lower"));
    let target = &fixture.target;
    let judge = Judge::about(&target.media_type, &target.digest, target.size).trusting(StoreKind::Ca, lower.der());
    let outcome = verify(&judge, &fixture.sign(&lower.issue(leaf())), &Sources::new());
    outcome.is_good();
    outcome.asked::<[&str; 0]>(&[]);
}
