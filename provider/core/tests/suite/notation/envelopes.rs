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

mod attributes;
mod cose;
mod jws;

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
fn the_signed_parts_have_at_most_64_kib() {
    let fixture = Fixture::new();
    let max = 64 * 1024;
    let payload = |bytes: usize| {
        let target = fixture.target.to_json().to_string();
        let frame = format!(r#"{{"targetArtifact":{target},"x":""}}"#).len();
        format!(r#"{{"targetArtifact":{target},"x":"{}"}}"#, "x".repeat(bytes - frame))
    };
    for format in Format::ALL {
        let signed = |payload: &str| SignRequest::of_payload(&fixture.chain, payload.as_bytes());
        fixture.takes(format, signed(&payload(max)));
        let too_large = |part, found| {
            format!(
                "envelope-malformed: {part}: found {found} bytes, expected at most \
                 {max}"
            )
        };
        for found in [max + 1, max + 2, max + 3, max + 4] {
            fixture.refuses(format, signed(&payload(found)), &too_large("payload", found));
        }
        let note = |bytes: usize| fixture.request().attribute("com.example.note", "x".repeat(bytes));
        fixture.takes(format, note(max - 1024));
        let sentence = fixture.judge.sentence(&note(max).envelope(format), format.media_type());
        assert!(sentence.starts_with("envelope-malformed: protected header: found 65"), "{sentence}");
    }
}
