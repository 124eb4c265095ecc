//! Envelopes of the signer, verified by aws-lc-rs with the leaf's key.

#![allow(clippy::unwrap_used)]

use aws_lc_rs::signature;
use aws_lc_rs::signature::RsaPssSaltLength;
use aws_lc_rs::signature::UnparsedPublicKey;
use aws_lc_rs::signature::VerificationAlgorithm;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::SignatureForm;
use countersign_testkit::signer::Cbor;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use serde_json::Value;
use serde_json::json;
use time::macros::datetime;
use x509_parser::parse_x509_certificate;

fn chain(kind: KeyType) -> Chain {
    Authority::root(CertSpec::root()).issue(CertSpec::leaf().key(kind))
}

fn request() -> SignRequest {
    SignRequest::new(&chain(KeyType::P256), &Descriptor::sample("image"))
}

/// The algorithm table of the signature specification.
fn algorithm(kind: KeyType) -> (&'static dyn VerificationAlgorithm, usize) {
    match kind {
        KeyType::Rsa2048 => (&signature::RSA_PSS_2048_8192_SHA256, 256),
        KeyType::Rsa3072 => (&signature::RSA_PSS_2048_8192_SHA384, 384),
        KeyType::Rsa4096 => (&signature::RSA_PSS_2048_8192_SHA512, 512),
        KeyType::P256 => (&signature::ECDSA_P256_SHA256_FIXED, 64),
        KeyType::P384 => (&signature::ECDSA_P384_SHA384_FIXED, 96),
        KeyType::P521 => (&signature::ECDSA_P521_SHA512_FIXED, 132),
        KeyType::Ed25519 => (&signature::ED25519, 64),
    }
}

fn verify(algorithm: &'static dyn VerificationAlgorithm, leaf: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (_, leaf) = parse_x509_certificate(leaf).unwrap();
    let key = leaf.public_key().subject_public_key.as_ref().to_vec();
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

/// Signing input and signature of a JWS.
fn input_and_signature(jws: &[u8]) -> (String, Vec<u8>) {
    let json: Value = serde_json::from_slice(jws).unwrap();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    (format!("{}.{}", text("protected"), text("payload")), URL_SAFE_NO_PAD.decode(text("signature")).unwrap())
}

fn protected(jws: &[u8]) -> String {
    let json: Value = serde_json::from_slice(jws).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(json["protected"].as_str().unwrap()).unwrap()).unwrap()
}

/// The four elements of a COSE_Sign1.
fn elements(cose: &[u8]) -> Vec<Cbor> {
    let Cbor::Tag(18, array) = ciborium::from_reader(cose).unwrap() else { panic!("no COSE_Sign1") };
    array.into_array().unwrap()
}

fn map(bytes: &Cbor) -> Vec<(Cbor, Cbor)> {
    let map: Cbor = ciborium::from_reader(bytes.as_bytes().unwrap().as_slice()).unwrap();
    map.into_map().unwrap()
}

#[test]
fn every_key_signs_a_jws_as_in_the_algorithm_table() {
    for kind in KeyType::SIGNING {
        let chain = chain(kind);
        let jws = SignRequest::new(&chain, &Descriptor::sample("image")).jws();
        let (message, signature) = input_and_signature(&jws);
        let (algorithm, length) = algorithm(kind);
        assert_eq!(signature.len(), length, "{kind:?}");
        assert!(verify(algorithm, chain.leaf_der(), message.as_bytes(), &signature), "{kind:?}");
        assert!(!verify(algorithm, chain.leaf_der(), b"something else", &signature), "{kind:?}");
    }
}

#[test]
fn every_key_signs_a_cose_message_as_in_the_algorithm_table() {
    for kind in KeyType::SIGNING {
        let chain = chain(kind);
        let cose = SignRequest::new(&chain, &Descriptor::sample("image")).cose();
        assert_eq!(cose[..2], [0xd2, 0x84]);
        let parts = elements(&cose);
        // Sig_structure by hand: 84 6a "Signature1" bstr 40 bstr.
        let bstr = |bytes: &[u8]| {
            let mut out = match u16::try_from(bytes.len()).unwrap() {
                length @ 0..24 => vec![0x40 | length.to_be_bytes()[1]],
                length @ 24..256 => vec![0x58, length.to_be_bytes()[1]],
                length => [&[0x59][..], &length.to_be_bytes()].concat(),
            };
            out.extend(bytes);
            out
        };
        let message = [
            &[0x84, 0x6a][..],
            b"Signature1",
            &bstr(parts[0].as_bytes().unwrap()),
            &[0x40],
            &bstr(parts[2].as_bytes().unwrap()),
        ]
        .concat();
        let (algorithm, length) = algorithm(kind);
        assert_eq!(parts[3].as_bytes().unwrap().len(), length, "{kind:?}");
        assert!(verify(algorithm, chain.leaf_der(), &message, parts[3].as_bytes().unwrap()), "{kind:?}");
    }
}

#[test]
fn a_jws_has_exactly_these_members() {
    let target = Descriptor::sample("image").annotation("team", "a");
    let request = SignRequest::new(&chain(KeyType::P256), &target).expiry(datetime!(2027-01-01 00:00:00 UTC));
    let jws = request.jws();
    assert_eq!(
        protected(&jws),
        concat!(
            r#"{"alg":"ES256","cty":"application/vnd.cncf.notary.payload.v1+json","#,
            r#""crit":["io.cncf.notary.signingScheme","io.cncf.notary.expiry"],"#,
            r#""io.cncf.notary.signingScheme":"notary.x509","io.cncf.notary.signingTime":"2026-01-02T03:04:05Z","#,
            r#""io.cncf.notary.expiry":"2027-01-01T00:00:00Z"}"#,
        )
    );
    let json: Value = serde_json::from_slice(&jws).unwrap();
    let payload: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(json["payload"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(
        payload,
        json!({ "targetArtifact": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": target.digest,
            "size": 5,
            "annotations": { "team": "a" },
        }})
    );
    let certificates: Vec<String> = request.chain().der().iter().map(|one| STANDARD.encode(one)).collect();
    assert_eq!(
        json["header"],
        json!({ "x5c": certificates, "io.cncf.notary.signingAgent": "countersign-testkit/0.1.0" })
    );
}

#[test]
fn the_signing_authority_scheme_has_its_own_time_attribute() {
    let jws = request().scheme(Scheme::SigningAuthority).plugin("com.acme.plugin").plugin_min_version("1.2.3").jws();
    assert_eq!(
        protected(&jws),
        concat!(
            r#"{"alg":"ES256","cty":"application/vnd.cncf.notary.payload.v1+json","#,
            r#""crit":["io.cncf.notary.signingScheme","io.cncf.notary.authenticSigningTime","#,
            r#""io.cncf.notary.verificationPlugin","io.cncf.notary.verificationPluginMinVersion"],"#,
            r#""io.cncf.notary.signingScheme":"notary.x509.signingAuthority","#,
            r#""io.cncf.notary.authenticSigningTime":"2026-01-02T03:04:05Z","#,
            r#""io.cncf.notary.verificationPlugin":"com.acme.plugin","#,
            r#""io.cncf.notary.verificationPluginMinVersion":"1.2.3"}"#,
        )
    );
}

#[test]
fn a_cose_message_has_exactly_these_entries() {
    let request = request().expiry(datetime!(2027-01-01 00:00:00 UTC)).critical_attribute("com.acme.x", 7);
    let parts = elements(&request.timestamp(b"token").cose());
    let epoch = |seconds: i64| Cbor::Tag(1, Box::new(Cbor::from(seconds)));
    let entry = |label: Cbor, value: Cbor| (label, value);
    let crit = ["io.cncf.notary.signingScheme", "io.cncf.notary.expiry", "com.acme.x"];
    assert_eq!(
        map(&parts[0]),
        [
            entry(1.into(), (-7).into()),
            entry(2.into(), Cbor::Array(crit.into_iter().map(Cbor::from).collect())),
            entry(3.into(), "application/vnd.cncf.notary.payload.v1+json".into()),
            entry("io.cncf.notary.signingScheme".into(), "notary.x509".into()),
            entry("io.cncf.notary.signingTime".into(), epoch(1_767_323_045)),
            entry("io.cncf.notary.expiry".into(), epoch(1_798_761_600)),
            entry("com.acme.x".into(), 7.into()),
        ]
    );
    let unprotected = parts[1].as_map().unwrap();
    assert_eq!(unprotected[0].0, 33.into());
    assert_eq!(unprotected[0].1.as_array().unwrap().len(), 2);
    assert_eq!(unprotected[1], entry("io.cncf.notary.timestampSignature".into(), Cbor::Bytes(b"token".to_vec())));
    assert_eq!(unprotected[2], entry("io.cncf.notary.signingAgent".into(), "countersign-testkit/0.1.0".into()));
}

#[test]
fn writes_verbatim_members_unchanged() {
    let request = request()
        .crit(["a", "a"])
        .jws_alg("none")
        .cose_alg(-999)
        .jws_protected("cty", "null")
        .cose_protected(3, Cbor::Null)
        .content_type(Some("text/plain"))
        .scheme_text(None)
        .signing_time(None);
    assert_eq!(protected(&request.jws()), r#"{"alg":"none","cty":"text/plain","crit":["a","a"],"cty":null}"#);
    assert_eq!(
        map(&elements(&request.cose())[0]),
        [
            (1.into(), (-999).into()),
            (2.into(), Cbor::Array(vec!["a".into(), "a".into()])),
            (3.into(), "text/plain".into()),
            (3.into(), Cbor::Null),
        ]
    );
}

#[test]
fn signs_an_edited_header_as_it_is() {
    let request = request();
    let mut parts = request.jws_parts();
    parts.protected.extend(b"   ");
    let jws = parts.seal();
    assert!(protected(&jws).ends_with("}   "));
    let (message, signature) = input_and_signature(&jws);
    assert!(verify(&signature::ECDSA_P256_SHA256_FIXED, request.chain().leaf_der(), message.as_bytes(), &signature));

    let mut parts = request.cose_parts();
    parts.payload = b"other".to_vec();
    let elements = elements(&parts.seal());
    assert_eq!(elements[2].as_bytes().unwrap(), b"other");
    let signature = elements[3].as_bytes().unwrap();
    assert!(verify(&signature::ECDSA_P256_SHA256_FIXED, request.chain().leaf_der(), &parts.signing_input(), signature));
}

#[test]
fn signature_forms_differ_as_documented() {
    const NO_SALT: signature::RsaParameters =
        signature::RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(0));
    let chain = chain(KeyType::Rsa2048);
    let cases: [(SignatureForm, &'static dyn VerificationAlgorithm); 4] = [
        (SignatureForm::PssSalt0, &NO_SALT),
        (SignatureForm::PssSha384, &signature::RSA_PSS_2048_8192_SHA384),
        (SignatureForm::PssSha512, &signature::RSA_PSS_2048_8192_SHA512),
        (SignatureForm::Pkcs1Sha256, &signature::RSA_PKCS1_2048_8192_SHA256),
    ];
    for (form, fitting) in cases {
        let signature = chain.key().sign_as(form, b"message");
        assert!(verify(fitting, chain.leaf_der(), b"message", &signature), "{form:?}");
        assert!(!verify(&signature::RSA_PSS_2048_8192_SHA256, chain.leaf_der(), b"message", &signature), "{form:?}");
    }
}

#[test]
fn formats_have_the_media_types_of_the_specification() {
    assert_eq!(Format::ALL.map(Format::media_type), ["application/jose+json", "application/cose"]);
}
