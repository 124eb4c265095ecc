//! Responses for which notation-go (notation-core-go ef87896) and RFC 6960 differ, and some for which they agree, with the
//! result of both. The reasons are in DIVERGENCES.md.

use std::time::Duration;

use countersign_core::x509::ocsp::OcspSettings;
use countersign_core::x509::ocsp::OcspStatus;
use countersign_testkit::ocsp::IssuerHash;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::pki::CertSpec;
use time::macros::datetime;

use crate::x509::ocsp::Fixture;
use crate::x509::ocsp::other_ca;
use crate::x509::ocsp::responder;

/// What a verifier makes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Good,
    Revoked,
    /// The response proves nothing.
    Unusable,
}
use Outcome::Good;
use Outcome::Revoked;
use Outcome::Unusable;

/// One response, and the results of both.
struct Case {
    what: &'static str,
    spec: OcspSpec,
    notation_go: Outcome,
    here: Outcome,
}

fn case(what: &'static str, spec: OcspSpec, notation_go: Outcome, here: Outcome) -> Case {
    Case { what, spec, notation_go, here }
}

fn cases(fixture: &Fixture) -> Vec<Case> {
    let (good, revoked) = (|| fixture.good(), || fixture.revoked());
    let of = |single| OcspSpec::new([single]);
    let sibling = fixture.ca.issue(CertSpec::leaf().serial(&[0x52]));
    let ended = fixture.ca.issue(responder().valid(datetime!(2026-01-01 00:00 UTC), datetime!(2026-02-01 00:00 UTC)));
    let delegate = fixture.delegate(|spec| spec);
    vec![
        case("the leaf signs its own status", fixture.spec().signed_by(&fixture.leaf), Good, Unusable),
        case("another leaf of the CA signs", fixture.spec().signed_by(&sibling), Good, Unusable),
        case("the responder's certificate has ended", fixture.spec().signed_by(&ended), Good, Unusable),
        case("the issuer's name is another", of(good().of_issuer(other_ca().der())), Good, Unusable),
        case("the issuer's key is another", of(good().with_key_of(other_ca().der())), Good, Unusable),
        case("thisUpdate is in the future", of(good().this_update(datetime!(2026-11-22 00:00 UTC))), Good, Unusable),
        case(
            "producedAt is in the future",
            fixture.spec().produced_at(datetime!(2027-01-01 00:00 UTC)),
            Good,
            Unusable,
        ),
        case("a nonce that was not requested", fixture.spec().nonce(b"nonce"), Good, Good),
        case(
            "the responder is the second certificate",
            fixture
                .spec()
                .signed_by(&delegate)
                .without_certificates()
                .embedding(fixture.ca.der())
                .embedding(delegate.leaf_der()),
            Unusable,
            Good,
        ),
        case("a CertID with SHA-256", of(good().hash(IssuerHash::Sha256)), Good, Good),
        case(
            "an invalidity date that is critical",
            of(revoked().extension("2.5.29.24", true, b"\x18\x0f20261001000000Z")),
            Unusable,
            Revoked,
        ),
        case("nextUpdate is over by a minute", of(good().next_update(datetime!(2026-11-21 11:59 UTC))), Unusable, Good),
        case("nextUpdate is missing", of(good().without_next_update()), Unusable, Unusable),
        case("the issuer signs", fixture.spec(), Good, Good),
        case("a delegate signs", fixture.spec().signed_by(&delegate), Good, Good),
    ]
}

#[test]
fn differs_from_notation_go_where_rfc_6960_does() {
    let fixture = Fixture::new();
    for Case { what, spec, notation_go, here } in cases(&fixture) {
        let outcome = match fixture.read(&fixture.ca.ocsp(&spec)).map(|answer| *answer.status()) {
            Ok(OcspStatus::Good) => Good,
            Ok(OcspStatus::Revoked { .. }) => Revoked,
            Ok(OcspStatus::Unknown) | Err(_) => Unusable,
        };
        assert_eq!(outcome, here, "{what}; notation-go: {notation_go:?}");
    }
}

#[test]
fn a_response_without_next_update_is_usable_with_a_maximum_age_only() {
    let fixture = Fixture::new();
    let spec = OcspSpec::new([fixture.good().without_next_update()]);
    assert!(fixture.read(&fixture.ca.ocsp(&spec)).is_err());
    let day = Some(Duration::from_secs(24 * 3600));
    let settings = OcspSettings { max_age_without_next_update: day, ..fixture.settings };
    let aged = Fixture { settings, ..fixture };
    assert_eq!(aged.answer(&spec).status(), &OcspStatus::Good);
}
