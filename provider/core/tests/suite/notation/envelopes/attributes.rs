//! Signed attributes of both formats.

use countersign_testkit::signer::Cbor;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;

use crate::notation::envelopes::COSE;
use crate::notation::envelopes::EXPIRY;
use crate::notation::envelopes::Fixture;
use crate::notation::envelopes::SCHEME;
use crate::notation::envelopes::SIGNING_TIME;
use crate::notation::envelopes::text;

#[test]
fn the_scheme_decides_which_time_must_and_must_not_be_there() {
    let fixture = Fixture::new();
    let at = SignRequest::SIGNED_AT;
    for format in Format::ALL {
        let refuses = |request, sentence: &str| fixture.refuses(format, request, sentence);
        let authority = || fixture.request().scheme(Scheme::SigningAuthority);
        refuses(
            fixture.request().scheme_text(Some("notary.x509.other")),
            "envelope-malformed: header \"io.cncf.notary.signingScheme\": found \"notary.x509.other\", expected notary.x509 or notary.x509.signingAuthority",
        );
        refuses(
            fixture.request().scheme_text(None).crit([SIGNING_TIME]),
            "envelope-malformed: header \"io.cncf.notary.signingScheme\" is missing",
        );
        refuses(
            fixture.request().signing_time(None),
            "envelope-malformed: header \"io.cncf.notary.signingTime\" is missing",
        );
        refuses(
            fixture.request().authentic_signing_time(at),
            "envelope-malformed: header \"io.cncf.notary.authenticSigningTime\" is not allowed under signing scheme notary.x509",
        );
        refuses(
            authority().authentic_signing_time(None).crit([SCHEME]),
            "envelope-malformed: header \"io.cncf.notary.authenticSigningTime\" is missing",
        );
        refuses(
            authority().signing_time(at),
            "envelope-malformed: header \"io.cncf.notary.signingTime\" is not allowed under signing scheme notary.x509.signingAuthority",
        );
        refuses(
            authority().crit([SCHEME]),
            "envelope-malformed: header \"io.cncf.notary.authenticSigningTime\": found no entry in crit, expected \
             one",
        );
    }
}

#[test]
fn crit_lists_what_must_be_and_only_what_may_be_each_once() {
    let fixture = Fixture::new();
    let later = time::macros::datetime!(2027-01-01 00:00 UTC);
    for format in Format::ALL {
        let crit = |names: &[&str]| fixture.request().crit(names.iter().copied());
        let empty = match format {
            Format::Jws => "envelope-malformed: header \"crit\" is missing",
            Format::Cose => "envelope-malformed: COSE is malformed: got empty array, expected non-empty array",
        };
        fixture.refuses(format, crit(&[]), empty);
        for (request, name) in [
            (crit(&[SCHEME, SCHEME]), SCHEME),
            (crit(&[SCHEME, "com.example.absent"]), "com.example.absent"),
            (crit(&[SCHEME, SIGNING_TIME]), SIGNING_TIME),
            (crit(&[SCHEME, EXPIRY]), EXPIRY),
        ] {
            let sentence = format!(
                "envelope-malformed: crit: found {name:?}, expected only attributes that are present and may be \
                 critical, each once"
            );
            fixture.refuses(format, request, &sentence);
        }
        fixture.refuses(
            format,
            fixture.request().expiry(later).crit([SCHEME]),
            "envelope-malformed: header \"io.cncf.notary.expiry\": found no entry in crit, expected one",
        );
        fixture.refuses(
            format,
            fixture.request().critical_attribute("com.example.x", serde_json::json!(1)),
            "critical-attribute-unknown: unknown critical attribute: found \"com.example.x\", expected only \
             attributes that this verifier processes",
        );
    }
    for name in ["alg", "cty", "crit"] {
        let sentence = format!(
            "envelope-malformed: crit: found {name:?}, expected only attributes that are present and may be \
             critical, each once"
        );
        fixture.refuses(Format::Jws, fixture.request().crit([SCHEME, name]), &sentence);
    }
    for label in [1, 2, 3] {
        let crit = Cbor::Array(vec![text(SCHEME), Cbor::Integer(label.into())]);
        let mut parts = fixture.request().cose_parts();
        let map: Cbor = ciborium::from_reader(parts.protected.as_slice()).unwrap();
        let Cbor::Map(mut members) = map else { panic!("a map") };
        members.iter_mut().find(|(name, _)| *name == Cbor::Integer(2.into())).unwrap().1 = crit;
        parts.protected.clear();
        ciborium::into_writer(&Cbor::Map(members), &mut parts.protected).unwrap();
        let sentence = format!(
            "envelope-malformed: crit: found \"{label}\", expected only attributes that are present and may be \
             critical, each once"
        );
        fixture.refuses_bytes(&parts.seal(), COSE, &sentence);
    }
}

#[test]
fn plugins_are_never_run() {
    let fixture = Fixture::new();
    for format in Format::ALL {
        fixture.refuses(
            format,
            fixture.request().plugin("com.example.plugin"),
            "plugin-unsupported: verification plugin is not supported: found \"com.example.plugin\", expected \
             none or a built-in plugin",
        );
        fixture.refuses(
            format,
            fixture.request().plugin(" "),
            "envelope-malformed: attribute \"io.cncf.notary.verificationPlugin\": found \" \", expected a string \
             that is not blank",
        );
        fixture.refuses(
            format,
            fixture.request().attribute("io.cncf.notary.verificationPlugin", serde_json::json!("x")),
            "envelope-malformed: attribute \"io.cncf.notary.verificationPlugin\": found no entry in crit, \
             expected one",
        );
        fixture.refuses(
            format,
            fixture.request().critical_attribute("io.cncf.notary.verificationPlugin", serde_json::json!(7)),
            "envelope-malformed: attribute \"io.cncf.notary.verificationPlugin\": found \"not a text\", expected \
             a string that is not blank",
        );
    }
}

#[test]
fn expiry_comes_after_signing() {
    let fixture = Fixture::new();
    for format in Format::ALL {
        fixture.refuses(
            format,
            fixture.request().expiry(SignRequest::SIGNED_AT),
            "envelope-malformed: expiry is not after the signing time: found expiry 2026-01-02T03:04:05Z, \
             expected one after 2026-01-02T03:04:05Z",
        );
    }
}
