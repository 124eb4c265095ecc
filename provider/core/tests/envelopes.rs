//! Accepted and refused envelopes of both formats, with the message of each refusal.

use countersign_core::notation::EnvelopeFormat;
use countersign_core::policy::StoreKind;
use countersign_core_test_support::judge::Judge;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::SignatureForm;
use countersign_testkit::signer::Cbor;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;

const JWS: &str = "application/jose+json";
const COSE: &str = "application/cose";
const SCHEME: &str = "io.cncf.notary.signingScheme";
const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
const AUTHENTIC_TIME: &str = "io.cncf.notary.authenticSigningTime";
const EXPIRY: &str = "io.cncf.notary.expiry";
const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
const AGENT: &str = "io.cncf.notary.signingAgent";

struct Fixture {
    chain: Chain,
    target: Descriptor,
    judge: Judge,
}

impl Fixture {
    fn new() -> Self {
        let root = Authority::root(CertSpec::root());
        let chain = root.issue(CertSpec::leaf());
        let target = Descriptor::sample("image");
        let judge = Judge::about(&target.media_type, &target.digest, target.size)
            .trusting(StoreKind::Ca, root.der())
            .trusting(StoreKind::SigningAuthority, root.der());
        Self { chain, target, judge }
    }

    fn request(&self) -> SignRequest {
        SignRequest::new(&self.chain, &self.target)
    }

    #[track_caller]
    fn refuses(&self, format: Format, request: SignRequest, sentence: &str) {
        self.refuses_bytes(&request.envelope(format), format.media_type(), sentence);
    }

    #[track_caller]
    fn refuses_bytes(&self, envelope: &[u8], media_type: &str, sentence: &str) {
        assert_eq!(self.judge.sentence(envelope, media_type), sentence);
    }

    #[track_caller]
    fn takes(&self, format: Format, request: SignRequest) {
        assert_eq!(self.judge.codes(&request.envelope(format), format.media_type()), []);
    }
}

fn text(text: &str) -> Cbor {
    Cbor::Text(text.to_owned())
}

fn epoch(value: Cbor) -> Cbor {
    Cbor::Tag(1, Box::new(value))
}

#[test]
fn good_envelopes_of_both_formats_and_schemes_verify() {
    let fixture = Fixture::new();
    for format in Format::ALL {
        fixture.takes(format, fixture.request());
        fixture.takes(format, fixture.request().scheme(Scheme::SigningAuthority));
        fixture.takes(format, fixture.request().signing_agent(None));
        fixture.takes(format, fixture.request().attribute("com.example.note", serde_json::json!("not critical")));
    }
}

#[test]
fn every_signing_key_of_the_specification_verifies_in_both_formats() {
    use countersign_testkit::pki::KeyType;
    for key in KeyType::SIGNING {
        let root = Authority::root(CertSpec::root().key(key));
        let chain = root.issue(CertSpec::leaf().key(key));
        let target = Descriptor::sample("image");
        let judge = Judge::about(&target.media_type, &target.digest, target.size).trusting(StoreKind::Ca, root.der());
        for format in Format::ALL {
            let request = SignRequest::new(&chain, &target);
            assert_eq!(judge.codes(&request.envelope(format), format.media_type()), [], "{key:?} {format:?}");
            let verified = judge.ask(&request.envelope(format), format.media_type()).unwrap();
            assert_eq!(verified.signer().unwrap().algorithm(), key.jws_alg());
            // Another key's signature of the same length.
            let other = root.issue(CertSpec::leaf().with_key(&countersign_testkit::pki::Key::cached(key, 9)));
            let crossed = SignRequest::new(&chain.with_key(other.key()), &target).envelope(format);
            let sentence = "signature-mismatch: signature verification failed: the signing certificate's key did \
                            not sign this content";
            assert_eq!(judge.sentence(&crossed, format.media_type()), sentence, "{key:?} {format:?}");
        }
    }
}

#[test]
fn other_media_types_are_not_envelopes() {
    let format = |text: &str| {
        let media_type = text.parse().ok()?;
        EnvelopeFormat::of_media_type(&media_type)
    };
    assert_eq!(format("application/jose+json"), Some(EnvelopeFormat::Jws));
    assert_eq!(format("application/cose"), Some(EnvelopeFormat::Cose));
    for other in ["application/jose", "application/jose+json ", "", "application/json", "application/cose-key"] {
        assert_eq!(format(other), None, "{other:?}");
    }
}

#[test]
fn case_and_parameters_of_an_envelopes_media_type_do_not_matter() {
    let fixture = Fixture::new();
    for (envelope, media_types) in [
        (fixture.request().jws(), ["APPLICATION/JOSE+JSON", "application/jose+json; charset=utf-8"]),
        (fixture.request().cose(), ["Application/Cose", "application/cose;cose-type=\"cose-sign1\""]),
    ] {
        for media_type in media_types {
            assert_eq!(fixture.judge.codes(&envelope, media_type), [], "{media_type}");
        }
    }
}

#[test]
fn case_and_parameters_of_the_signed_media_type_do_not_matter_and_the_type_does() {
    let fixture = Fixture::new();
    for format in Format::ALL {
        let signed = |media_type: &str| {
            let target = Descriptor { media_type: media_type.to_owned(), ..fixture.target.clone() };
            SignRequest::new(&fixture.chain, &target)
        };
        fixture.takes(format, signed(&fixture.target.media_type.to_ascii_uppercase()));
        fixture.takes(format, signed(&format!("{}; charset=utf-8", fixture.target.media_type)));
        let index = "application/vnd.oci.image.index.v1+json";
        assert_ne!(fixture.target.media_type, index);
        let found = fixture.judge.sentence(&signed(index).envelope(format), format.media_type());
        assert!(found.starts_with("target-mismatch: "), "{found}");
    }
}

#[test]
fn the_payloads_content_type_is_exact() {
    let fixture = Fixture::new();
    let expected = "application/vnd.cncf.notary.payload.v1+json";
    for other in [expected.to_ascii_uppercase(), format!("{expected};charset=utf-8")] {
        for (format, name) in [(Format::Jws, "cty"), (Format::Cose, "content type")] {
            let sentence = format!("envelope-malformed: header {name:?}: found {other:?}, expected {expected}");
            fixture.refuses(format, fixture.request().content_type(Some(other.as_str())), &sentence);
        }
    }
}

#[test]
fn signatures_in_another_form_than_the_keys_are_refused() {
    use countersign_testkit::pki::KeyType;
    let mismatch = "signature-mismatch: signature verification failed: the signing certificate's key did not sign \
                    this content";
    for (key, forms) in [
        (KeyType::P256, &[SignatureForm::EcdsaDer][..]),
        (
            KeyType::Rsa2048,
            &[
                SignatureForm::PssSalt0,
                SignatureForm::PssSalt20,
                SignatureForm::PssSha384,
                SignatureForm::PssSha512,
                SignatureForm::Pkcs1Sha256,
            ],
        ),
    ] {
        let root = Authority::root(CertSpec::root());
        let chain = root.issue(CertSpec::leaf().key(key));
        let target = Descriptor::sample("image");
        let judge = Judge::about(&target.media_type, &target.digest, target.size).trusting(StoreKind::Ca, root.der());
        for form in forms {
            for format in Format::ALL {
                let request = SignRequest::new(&chain, &target).form(*form);
                assert_eq!(
                    judge.sentence(&request.envelope(format), format.media_type()),
                    mismatch,
                    "{form:?} {format:?}"
                );
            }
        }
    }
}

#[test]
fn the_algorithm_follows_from_the_key() {
    let fixture = Fixture::new();
    let sentence = "algorithm-mismatch: algorithm of the header does not fit the signing certificate's key: found ES384, expected ES256";
    fixture.refuses(Format::Jws, fixture.request().jws_alg("ES384"), sentence);
    fixture.refuses(Format::Cose, fixture.request().cose_alg(-35), sentence);
    for name in ["none", "HS256", "RS256", "EdDSA", "es256", "ES256K", ""] {
        let sentence = format!(
            "envelope-malformed: header \"alg\": found {name:?}, expected PS256, PS384, PS512, ES256, ES384 or ES512"
        );
        fixture.refuses(Format::Jws, fixture.request().jws_alg(name), &sentence);
    }
    for number in [5, -8, -257] {
        let sentence =
            format!("envelope-malformed: header \"alg\": found {number}, expected -37, -38, -39, -7, -35 or -36");
        fixture.refuses(Format::Cose, fixture.request().cose_alg(number), &sentence);
    }
}

#[test]
fn the_payload_has_one_content_type() {
    let fixture = Fixture::new();
    let expected = "application/vnd.cncf.notary.payload.v1+json";
    let other = fixture.request().content_type(Some("application/json"));
    fixture.refuses(
        Format::Jws,
        other.clone(),
        &format!("envelope-malformed: header \"cty\": found \"application/json\", expected {expected}"),
    );
    fixture.refuses(
        Format::Cose,
        other,
        &format!("envelope-malformed: header \"content type\": found \"application/json\", expected {expected}"),
    );
    let none = fixture.request().content_type(None);
    fixture.refuses(Format::Jws, none.clone(), "envelope-malformed: header \"cty\" is missing");
    fixture.refuses(Format::Cose, none, "envelope-malformed: header \"content type\" is missing");
}

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

#[test]
fn jws_headers_have_exact_names_each_once_in_one_header() {
    let fixture = Fixture::new();
    let request = || fixture.request();
    for (request, sentence) in [
        (
            request().jws_protected("alg", "\"ES256\""),
            "protected header is not valid JSON: member \"alg\" is present twice",
        ),
        (
            request().jws_protected("IO.CNCF.NOTARY.EXPIRY", "\"2099-01-01T00:00:00Z\""),
            "header \"IO.CNCF.NOTARY.EXPIRY\": found another spelling of \"io.cncf.notary.expiry\", expected the \
             exact name",
        ),
        (request().jws_protected("b64", "false"), "header \"b64\": found it, expected no such protected header"),
        (
            request().jws_protected("x5c", "[]"),
            "header \"x5c\": found in both the protected and the unprotected header, expected in one of them",
        ),
        (request().jws_protected(EXPIRY, "null"), "header \"io.cncf.notary.expiry\": found null, expected a text"),
        (
            request().jws_protected(EXPIRY, "\"tomorrow\""),
            "header \"io.cncf.notary.expiry\": found \"tomorrow\", expected an RFC 3339 time",
        ),
        (
            request().jws_protected(EXPIRY, "\"0001-01-01T00:00:00Z\""),
            "header \"io.cncf.notary.expiry\": found no entry in crit, expected one",
        ),
        (
            request().jws_unprotected("alg", "\"ES256\""),
            "header \"alg\": found in both the protected and the unprotected header",
        ),
        (
            request().jws_unprotected("X5C", "[]"),
            "header \"X5C\": found another spelling of \"x5c\", expected the \
             exact name",
        ),
        (request().jws_unprotected("x5c", "[]"), "envelope is not valid JSON: member \"x5c\" is present twice"),
        (
            request().jws_unprotected(TIMESTAMP, "7"),
            "header \"io.cncf.notary.timestampSignature\": found a number, expected a text",
        ),
        (request().jws_unprotected(TIMESTAMP, "\"***\""), "timestampSignature is not valid base64"),
        (
            request().signing_agent(None).jws_unprotected(AGENT, "{}"),
            "header \"io.cncf.notary.signingAgent\": found an object, expected a text",
        ),
    ] {
        let found = fixture.judge.sentence(&request.jws(), JWS);
        assert!(found.starts_with(&format!("envelope-malformed: {sentence}")), "{found}");
    }
    // Found in signatures of public tools.
    fixture.takes(Format::Jws, request().jws_unprotected("io.cncf.notary.SigningAgent", "\"x\""));
}

#[test]
fn jws_has_four_members_and_nothing_else() {
    let fixture = Fixture::new();
    let envelope = String::from_utf8(fixture.request().jws()).unwrap();
    let good: serde_json::Value = serde_json::from_str(&envelope).unwrap();
    assert_eq!(fixture.judge.codes(envelope.as_bytes(), JWS), []);
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed.to_string()
    };
    for (changed, sentence) in [
        (with(&|e| e["signatures"] = serde_json::json!([])), "envelope is not valid JSON: unknown field `signatures`"),
        (with(&|e| e["x"] = 1.into()), "envelope is not valid JSON: unknown field `x`"),
        (
            with(&|e| drop(e.as_object_mut().unwrap().remove("header"))),
            "envelope is not valid JSON: missing field `header`",
        ),
        (with(&|e| e["payload"] = "".into()), "payload is empty"),
        (with(&|e| e["signature"] = "".into()), "signature is empty"),
        (with(&|e| e["header"]["x5c"] = serde_json::json!([])), "certificate chain is empty"),
        (
            with(&|e| e["header"]["x5c"] = serde_json::json!(vec!["AA=="; 11])),
            "x5c: found 11 entries, expected at \
             most 10",
        ),
        (
            with(&|e| e["header"]["x5c"] = "AA==".into()),
            "header \"x5c\": found \"AA==\", expected an array of base64 \
             strings",
        ),
        (
            with(&|e| e["header"]["x5c"] = serde_json::json!([7])),
            "header \"x5c\": found a number, expected an array of base64 strings",
        ),
        (format!("{envelope}{envelope}"), "envelope is not valid JSON: trailing characters"),
        (format!("\u{feff}{envelope}"), "envelope is not valid JSON: expected value"),
        (envelope.replacen("\"payload\"", "\"Payload\"", 1), "envelope is not valid JSON: unknown field `Payload`"),
        (
            envelope.replacen('{', "{\"payload\":\"\",", 1),
            "envelope is not valid JSON: member \"payload\" is present twice",
        ),
        (envelope.replacen("\"payload\":\"", "\"payload\":\"\\n", 1), "payload is not valid base64"),
        (format!("[{envelope}]"), "envelope is not valid JSON: invalid"),
        ("[".repeat(100_000), "envelope is not valid JSON: invalid type: array"),
        (
            format!("{{\"header\":{{\"x\":{}", "[".repeat(100_000)),
            "envelope is not valid JSON: nested too deeply: expected at most 16 levels",
        ),
        (
            with(&|e| *e = e.as_object().unwrap().values().cloned().collect()),
            "envelope is not valid JSON: invalid type: array, expected struct",
        ),
        (
            with(&|e| e["header"] = e["header"].as_object().unwrap().values().cloned().collect()),
            "envelope is not valid JSON: invalid type: array, expected a map",
        ),
        (".".repeat(1024 * 1024), "envelope is not valid JSON: expected value"),
        (".".repeat(1024 * 1024 + 1), "envelope: found 1048577 bytes, expected at most 1048576"),
    ] {
        let found = fixture.judge.sentence(changed.as_bytes(), JWS);
        assert!(found.starts_with(&format!("envelope-malformed: {sentence}")), "{found}");
    }
}

#[test]
fn the_signed_parts_have_at_most_64_kib() {
    let fixture = Fixture::new();
    let most = 64 * 1024;
    let payload = |bytes: usize| {
        let target = fixture.target.to_json().to_string();
        let frame = format!(r#"{{"targetArtifact":{target},"x":""}}"#).len();
        format!(r#"{{"targetArtifact":{target},"x":"{}"}}"#, "x".repeat(bytes - frame))
    };
    for format in Format::ALL {
        let signed = |payload: &str| SignRequest::of_payload(&fixture.chain, payload.as_bytes());
        fixture.takes(format, signed(&payload(most)));
        let too_large = |part, found| {
            format!(
                "envelope-malformed: {part}: found {found} bytes, expected at most \
                 {most}"
            )
        };
        for found in [most + 1, most + 2, most + 3, most + 4] {
            fixture.refuses(format, signed(&payload(found)), &too_large("payload", found));
        }
        let note = |bytes: usize| fixture.request().attribute("com.example.note", "x".repeat(bytes));
        fixture.takes(format, note(most - 1024));
        let sentence = fixture.judge.sentence(&note(most).envelope(format), format.media_type());
        assert!(sentence.starts_with("envelope-malformed: protected header: found 65"), "{sentence}");
    }
}

#[test]
fn cose_times_are_whole_seconds_in_tag_1() {
    let fixture = Fixture::new();
    for (value, found) in [
        (Cbor::Integer(1_900_000_000.into()), "1900000000"),
        (epoch(Cbor::Float(f64::NAN)), "tag 1 around NaN"),
        (epoch(Cbor::Float(f64::INFINITY)), "tag 1 around inf"),
        (epoch(Cbor::Float(f64::NEG_INFINITY)), "tag 1 around -inf"),
        (epoch(Cbor::Float(1_900_000_000.5)), "tag 1 around 1900000000.5"),
        (epoch(Cbor::Float(-1.0)), "tag 1 around -1"),
        (epoch(Cbor::Float(253_402_300_800.0)), "tag 1 around 253402300800"),
        (epoch(Cbor::Float(0.5)), "tag 1 around 0.5"),
        (epoch(Cbor::Integer((-62_135_596_800_i64).into())), "tag 1 around -62135596800"),
        (epoch(Cbor::Integer((-1).into())), "tag 1 around -1"),
        (epoch(Cbor::Integer(253_402_300_800_i64.into())), "tag 1 around 253402300800"),
        (epoch(epoch(Cbor::Integer(1_900_000_000.into()))), "tag 1"),
        (epoch(text("2099-01-01T00:00:00Z")), "tag 1"),
        (Cbor::Float(1.9e9), "1900000000"),
        (Cbor::Tag(0, Box::new(text("2099-01-01T00:00:00Z"))), "tag 0"),
        (text("2099-01-01T00:00:00Z"), "\"2099-01-01T00:00:00Z\""),
        (Cbor::Null, "null"),
    ] {
        let request = fixture.request().cose_protected(text(EXPIRY), value).crit([SCHEME, EXPIRY]);
        let sentence = format!(
            "envelope-malformed: header \"io.cncf.notary.expiry\": found {found}, expected tag 1 around whole seconds between 1970 and 9999"
        );
        fixture.refuses(Format::Cose, request, &sentence);
    }
    for good in [Cbor::Integer(1_900_000_000.into()), Cbor::Float(1.9e9), Cbor::Float(253_402_300_799.0)] {
        fixture.takes(Format::Cose, fixture.request().cose_protected(text(EXPIRY), epoch(good)).crit([SCHEME, EXPIRY]));
    }
}

#[test]
fn cose_times_may_be_whole_floats_of_every_width() {
    use countersign_core::notation::Envelope;
    use countersign_core::notation::EnvelopeFormat;
    let fixture = Fixture::new();
    for (number, head, time) in [
        (61_440.0, 0xf9, "1970-01-01T17:04:00Z"),
        (-0.0, 0xf9, "1970-01-01T00:00:00Z"),
        (1_900_000_000.0, 0xfa, "2030-03-17T17:46:40Z"),
        (1_900_000_001.0, 0xfb, "2030-03-17T17:46:41Z"),
    ] {
        let value = epoch(Cbor::Float(number));
        let mut encoded = Vec::new();
        ciborium::into_writer(&value, &mut encoded).unwrap();
        assert_eq!(encoded[..2], [0xc1, head], "{number}");
        let request = fixture.request().signing_time(None).cose_protected(text(SIGNING_TIME), value);
        let envelope = Envelope::parse(&request.cose(), EnvelopeFormat::Cose).unwrap();
        assert_eq!(envelope.unverified_attributes().scheme.time().to_string(), time, "{number}");
    }
}

#[test]
fn cose_numbers_are_no_bignums() {
    let fixture = Fixture::new();
    let big = |tag, bytes: &[u8]| Cbor::Tag(tag, Box::new(Cbor::Bytes(bytes.to_vec())));
    let time = "envelope-malformed: COSE is malformed: found a time (tag 1) that is a bignum, expected an integer \
                or a float";
    for bignum in [big(2, &[0x71, 0x3f, 0xb3, 0x00]), big(2, &[0; 16]), big(3, &[0]), big(2, &[0xff; 17])] {
        for (name, request) in [
            (EXPIRY, fixture.request().crit([SCHEME, EXPIRY])),
            (SIGNING_TIME, fixture.request().signing_time(None)),
            (AUTHENTIC_TIME, fixture.request().scheme(Scheme::SigningAuthority).authentic_signing_time(None)),
            ("com.example.time", fixture.request()),
        ] {
            fixture.refuses(Format::Cose, request.cose_protected(text(name), epoch(bignum.clone())), time);
        }
    }
    // -7 and 33 as bignums: the library would read them as the numbers.
    let tag = "envelope-malformed: COSE is malformed: has a tag where none may stand";
    fixture.refuses(Format::Cose, fixture.request().cose_alg(big(3, &[6])), tag);
    let listed = fixture.request().cose_protected(Cbor::Integer(2.into()), Cbor::Array(vec![big(2, &[33])]));
    fixture.refuses(Format::Cose, listed, "envelope-malformed: COSE is malformed: has a label twice in one map");
    let mut parts = fixture.request().cose_parts();
    let Cbor::Map(mut members) = ciborium::from_reader(parts.protected.as_slice()).unwrap() else { panic!("a map") };
    members.iter_mut().find(|(name, _)| *name == Cbor::Integer(2.into())).unwrap().1 =
        Cbor::Array(vec![text(SCHEME), big(2, &[33])]);
    parts.protected.clear();
    ciborium::into_writer(&Cbor::Map(members), &mut parts.protected).unwrap();
    fixture.refuses_bytes(&parts.seal(), COSE, tag);
}

#[test]
fn cose_maps_have_each_label_once_in_one_map() {
    let fixture = Fixture::new();
    let request = || fixture.request();
    for (request, sentence) in [
        (
            request().cose_protected(text(SCHEME), text("notary.x509")),
            "COSE is malformed: has a label twice in one map",
        ),
        (
            request().cose_protected(Cbor::Integer(1.into()), Cbor::Integer((-7).into())),
            "COSE is malformed: has a label twice in one map",
        ),
        (
            request().cose_protected(Cbor::Integer(33.into()), Cbor::Array(vec![])),
            "header \"33\": found in both the protected and the unprotected header, expected in one of them",
        ),
        (
            request().cose_unprotected(Cbor::Integer(1.into()), Cbor::Integer((-7).into())),
            "header \"1\": found in both the protected and the unprotected header, expected in one of them",
        ),
        (
            request().cose_protected(
                text("com.example.map"),
                Cbor::Map(vec![(text("a"), Cbor::Null), (text("a"), Cbor::Null)]),
            ),
            "COSE is malformed: has a label twice in one map",
        ),
        (
            request().cose_unprotected(text("com.example.time"), epoch(Cbor::Integer(1.into()))),
            "COSE is malformed: has a tag where none may stand",
        ),
        (
            request().cose_unprotected(text(TIMESTAMP), text("x")),
            "header \"io.cncf.notary.timestampSignature\": found \"x\", expected a byte string",
        ),
        (
            request().signing_agent(None).cose_unprotected(text(AGENT), Cbor::Null),
            "header \"io.cncf.notary.signingAgent\": found null, expected a text",
        ),
        (
            request().cose_protected(text(AUTHENTIC_TIME), epoch(Cbor::Integer(1.into()))),
            "header \"io.cncf.notary.authenticSigningTime\" is not allowed under signing scheme notary.x509",
        ),
    ] {
        let found = fixture.judge.sentence(&request.cose(), COSE);
        assert!(found.starts_with(&format!("envelope-malformed: {sentence}")), "{found}");
    }
}

#[test]
fn cose_is_tagged_with_definite_lengths_and_a_chain_of_byte_strings() {
    let fixture = Fixture::new();
    let envelope = fixture.request().cose();
    let chain = fixture.chain.der().iter().cloned().map(Cbor::Bytes).collect::<Vec<_>>();
    let with_chain = |chain: Cbor| {
        let mut parts = fixture.request().cose_parts();
        let Cbor::Map(members) = &mut parts.unprotected else { panic!("a map") };
        members.iter_mut().find(|(name, _)| *name == Cbor::Integer(33.into())).unwrap().1 = chain;
        parts.seal()
    };
    for (changed, sentence) in [
        (envelope[1..].to_vec(), "COSE is malformed: is not a map with integer and text labels"),
        ([&[0xd2, 0x9f][..], &envelope[2..], &[0xff]].concat(), "COSE is malformed: is not a map"),
        ([&envelope[..], &[0]].concat(), "COSE is malformed: found bytes after the item, expected none"),
        (with_chain(chain[0].clone()), "header \"x5chain (33)\": found a byte string, expected a list of byte strings"),
        (
            with_chain(Cbor::Array(vec![text("x")])),
            "header \"x5chain (33)\": found \"x\", expected a list of byte strings",
        ),
        (with_chain(Cbor::Array(vec![])), "certificate chain is empty"),
        (with_chain(Cbor::Array(vec![chain[0].clone(); 11])), "x5chain (33): found 11 entries, expected at most 10"),
        ([vec![0xd2, 0x84], vec![0x81; 100_000]].concat(), "COSE is malformed: is nested too deeply"),
        (
            vec![0xd2, 0x84, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            "COSE is malformed: found the end of the input inside an item",
        ),
    ] {
        let found = fixture.judge.sentence(&changed, COSE);
        assert!(found.starts_with(&format!("envelope-malformed: {sentence}")), "{found}");
    }
}
