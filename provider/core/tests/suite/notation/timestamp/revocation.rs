//! The revocation status of the timestamping authority's chain, by the same rules as that of the signer's chain.

use countersign_core::notation::Check;
use countersign_core_test_support::judge::Judge;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::timestamp::Tsa;
use time::macros::datetime;

use crate::notation::timestamp::fixture::Fixture;
use crate::notation::timestamp::fixture::TSA;

const LEAF: &str = "http://crl.example/tsa.crl";
const CA: &str = "http://crl.example/root.crl";

/// An authority with a CRL for each certificate, and a signature with its timestamp.
struct Revocable {
    fixture: Fixture,
    issuing: Authority,
    tsa: Tsa,
}

impl Revocable {
    fn new() -> Self {
        let fixture = Fixture::new();
        let issuing =
            fixture.tsa_root.intermediate(CertSpec::intermediate().common_name("TSA CA").serial(&[0x0a]).crl_url(CA));
        let tsa = Tsa::of(issuing.issue(CertSpec::tsa().serial(&[0x0b]).crl_url(LEAF)));
        Self { fixture, issuing, tsa }
    }

    fn sources(&self, leaf: &CrlSpec, ca: &CrlSpec) -> Sources {
        Sources::new().with(LEAF, self.issuing.crl(leaf)).with(CA, self.fixture.tsa_root.crl(ca))
    }

    /// The reason in both formats, which is the same; or the end of the verdict.
    fn text(&self, judge: &Judge, sources: &Sources) -> String {
        let texts = Format::ALL.map(|format| {
            let envelope = self.tsa.envelope(&self.fixture.request(), format);
            let (result, _) = judge.ask_with(&envelope, format.media_type(), |request| sources.respond(request));
            match result {
                Ok(signature) => format!("good until {:?}", signature.good_until().map(|time| time.to_string())),
                Err(failure) => failure.reasons.first().to_string(),
            }
        });
        assert_eq!(texts[0], texts[1]);
        texts[0].clone()
    }
}

#[test]
fn a_verdict_with_a_timestamp_ends_with_the_evidence_about_its_authority() {
    let setup = Revocable::new();
    let judge = setup.fixture.judge();
    let good = CrlSpec::new();
    assert_eq!(setup.text(&judge, &setup.sources(&good, &good)), r#"good until Some("2026-11-27T00:00:00Z")"#);
    let short = CrlSpec::new().valid(datetime!(2026-11-20 00:00 UTC), datetime!(2026-11-22 00:00 UTC));
    assert_eq!(setup.text(&judge, &setup.sources(&good, &short)), r#"good until Some("2026-11-22T00:00:00Z")"#);
}

#[test]
fn a_revoked_certificate_of_the_authority_invalidates_the_timestamp() {
    let setup = Revocable::new();
    let judge = setup.fixture.judge();
    let good = CrlSpec::new();
    let revoked = |serial, reason: Option<u8>| {
        let entry = Revoked::new(&[serial]).at(datetime!(2026-10-01 00:00 UTC));
        CrlSpec::new().revoked(&reason.into_iter().fold(entry, Revoked::reason))
    };
    let text = |certificate: &str, reason: &str, url: &str| {
        format!(
            "timestamp-invalid: timestamping certificate is revoked: found {certificate} revoked since \
             2026-10-01T00:00:00Z with reason {reason} by the CRL of 2026-11-20T00:00:00Z from {url:?}, expected a \
             certificate that is not revoked"
        )
    };
    let (leaf, ca) = (format!("{TSA:?} (serial 0b)"), "\"CN=TSA CA,O=Testkit,ST=ZH,C=CH\" (serial 0a)");
    // Also for a reason that RFC 3161 excuses after the time of the timestamp, and whatever the policy says of the signer.
    for (number, name) in [
        (None, "unspecified"),
        (Some(4), "superseded"),
        (Some(3), "affiliationChanged"),
        (Some(5), "cessationOfOperation"),
    ] {
        for judge in [judge.clone(), judge.clone().overriding("revocation", "skip")] {
            let found = setup.text(&judge, &setup.sources(&revoked(0x0b, number), &good));
            assert_eq!(found, text(&leaf, name, LEAF));
        }
    }
    let found = setup.text(&judge, &setup.sources(&good, &revoked(0x0a, None)));
    assert_eq!(found, text(ca, "unspecified", CA));
}

#[test]
fn an_invalidity_date_after_the_timestamp_does_not_excuse_the_authority() {
    let setup = Revocable::new();
    let entry = Revoked::new(&[0x0b]).invalid_since(datetime!(2026-09-01 00:00 UTC));
    let found = setup.text(&setup.fixture.judge(), &setup.sources(&CrlSpec::new().revoked(&entry), &CrlSpec::new()));
    assert!(found.starts_with("timestamp-invalid: timestamping certificate is revoked: "), "{found}");
}

#[test]
fn an_authority_without_a_usable_status_is_inconclusive_or_a_warning() {
    let setup = Revocable::new();
    let judge = setup.fixture.judge();
    let sources = Sources::new().with(CA, setup.fixture.tsa_root.crl(&CrlSpec::new()));
    let found = setup.text(&judge, &sources);
    assert!(
        found.starts_with("timestamp-unchecked: revocation of the timestamping authority was not checked: certificate")
            && found.contains(LEAF),
        "{found}"
    );
    let logged = judge.overriding("authenticTimestamp", "log");
    let envelope = setup.tsa.envelope(&setup.fixture.request(), Format::Jws);
    let (result, _) = logged.ask_with(&envelope, Format::Jws.media_type(), |request| sources.respond(request));
    let signature = result.unwrap();
    let warnings: Vec<_> = signature.warnings().map(|(check, reason)| (check, reason.code.as_str())).collect();
    assert_eq!(warnings, [(Check::AuthenticTimestamp, "timestamp-unchecked")]);
    // The evidence of a check that is not passed does not limit the verdict.
    assert_eq!(signature.good_until(), None);
}
