//! Signatures on envelopes and on certificates.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::EcdsaSigningAlgorithm;
use countersign_core::crypto::HashAlgorithm::Sha256;
use countersign_core::crypto::HashAlgorithm::Sha384;
use countersign_core::crypto::HashAlgorithm::Sha512;
use countersign_core::crypto::SignatureAlgorithm::Ecdsa;
use countersign_core::crypto::SignatureAlgorithm::RsaPss;
use countersign_core::crypto::SignatureError;
use countersign_core::x509::ChainError;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::SignatureForm;

use crate::x509::check;
use crate::x509::rewrite;

const MESSAGE: &[u8] = b"what was signed";

#[test]
fn verifies_envelopes_with_the_algorithm_of_each_key() {
    let algorithms = [RsaPss(Sha256), RsaPss(Sha384), RsaPss(Sha512), Ecdsa(Sha256), Ecdsa(Sha384), Ecdsa(Sha512)];
    for (kind, algorithm) in KeyType::SIGNING.into_iter().zip(algorithms) {
        let signer = Authority::root(CertSpec::root()).issue(CertSpec::leaf().key(kind));
        let chain = check(signer.der()).unwrap();
        let key = chain.signing_key();
        assert_eq!(key.algorithm(), algorithm);
        assert_eq!((algorithm.jose_name(), algorithm.cose_id()), (kind.jws_alg(), kind.cose_alg()));
        let signature = signer.key().sign(MESSAGE);
        assert_eq!(key.verify_envelope(MESSAGE, &signature), Ok(()), "{kind:?}");
        let mismatch = Err(SignatureError::Mismatch);
        assert_eq!(key.verify_envelope(b"what was not", &signature), mismatch, "{kind:?}");
        assert_eq!(key.verify_envelope(MESSAGE, &[]), mismatch, "{kind:?}");
        assert_eq!(key.verify_envelope(MESSAGE, &[&signature[..], &[0]].concat()), mismatch, "{kind:?}");
        let mut flipped = signature;
        flipped[3] ^= 1;
        assert_eq!(key.verify_envelope(MESSAGE, &flipped), mismatch, "{kind:?}");
    }
}

#[test]
fn refuses_other_paddings_salts_hashes_and_encodings_of_envelope_signatures() {
    let refused = |kind, form| {
        let signer = Authority::root(CertSpec::root()).issue(CertSpec::leaf().key(kind));
        let signature = signer.key().sign_as(form, MESSAGE);
        check(signer.der()).unwrap().signing_key().verify_envelope(MESSAGE, &signature) == Err(SignatureError::Mismatch)
    };
    for (kind, form) in [
        (KeyType::Rsa2048, SignatureForm::PssSalt0),
        (KeyType::Rsa2048, SignatureForm::PssSalt20),
        (KeyType::Rsa2048, SignatureForm::PssSha384),
        (KeyType::Rsa3072, SignatureForm::PssSha256),
        (KeyType::Rsa3072, SignatureForm::PssSha512),
        (KeyType::Rsa4096, SignatureForm::PssSha384),
        (KeyType::Rsa2048, SignatureForm::Pkcs1Sha256),
        (KeyType::P256, SignatureForm::EcdsaDer),
        (KeyType::P384, SignatureForm::EcdsaDer),
        (KeyType::P521, SignatureForm::EcdsaDer),
    ] {
        assert!(refused(kind, form), "{kind:?} {form:?}");
    }
}

#[test]
fn authorities_of_every_signing_key_can_issue() {
    for kind in KeyType::SIGNING {
        let root = Authority::root(CertSpec::root().key(kind));
        let chain = root.intermediate(CertSpec::intermediate().key(kind)).issue(CertSpec::leaf());
        assert_eq!(check(chain.der()).map(|chain| chain.certificates().len()), Ok(3), "{kind:?}");
    }
}

/// A leaf and its root; the leaf is signed again with this algorithm.
fn reissued(root: &Authority, algorithm: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<(), ChainError> {
    let chain = root.issue(CertSpec::leaf());
    let leaf = rewrite(chain.leaf_der(), |_| {}, algorithm, sign);
    check(&[leaf, root.der().to_vec()]).map(|_| ())
}

fn link(error: SignatureError) -> Result<(), ChainError> {
    let name = |common: &str| format!("CN={common},O=Testkit,ST=ZH,C=CH");
    Err(ChainError::Link { subject: name("leaf").as_str().into(), signer: name("root").as_str().into(), error })
}

fn algorithm(oid: &str, parameters: &[u8]) -> Vec<u8> {
    der::sequence([der::oid(oid), parameters.to_vec()])
}

const NULL: &[u8] = &[5, 0];
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SHA384: &str = "2.16.840.1.101.3.4.2.2";
const MGF1: &str = "1.2.840.113549.1.1.8";
const PSS: &str = "1.2.840.113549.1.1.10";

/// RSASSA-PSS-params, with or without a trailer field.
fn pss(hash: &str, function: &str, mask_hash: &str, salt: u64, trailer: Option<u64>) -> Vec<u8> {
    let mut fields = vec![
        der::element(0xa0, &algorithm(hash, NULL)),
        der::element(0xa1, &algorithm(function, &algorithm(mask_hash, NULL))),
        der::element(0xa2, &der::integer(salt)),
    ];
    fields.extend(trailer.map(|trailer| der::element(0xa3, &der::integer(trailer))));
    algorithm(PSS, &der::sequence(fields))
}

#[test]
fn certificates_may_be_signed_with_pss_if_its_parameters_are_the_usual_ones() {
    let root = Authority::root(CertSpec::root().key(KeyType::Rsa2048));
    let sign = |tbs: &[u8]| root.key().sign(tbs);
    assert_eq!(reissued(&root, &pss(SHA256, MGF1, SHA256, 32, None), sign), Ok(()));
    assert_eq!(reissued(&root, &pss(SHA256, MGF1, SHA256, 32, Some(1)), sign), Ok(()));
    let short = |tbs: &[u8]| root.key().sign_as(SignatureForm::PssSalt20, tbs);
    assert_eq!(reissued(&root, &pss(SHA256, MGF1, SHA256, 32, None), short), link(SignatureError::Mismatch));

    let unusual = link(SignatureError::Parameters {
        algorithm: "RSASSA-PSS",
        expected: "SHA-256, SHA-384 or SHA-512, the same hash in MGF1, a salt as long as the hash and trailer field 1",
    });
    for parameters in [
        pss(SHA256, MGF1, SHA384, 32, None),
        pss(SHA256, "1.2.3", SHA256, 32, None),
        pss(SHA256, MGF1, SHA256, 20, None),
        pss(SHA256, MGF1, SHA256, 0, None),
        pss(SHA256, MGF1, SHA256, 32, Some(2)),
        pss("1.3.14.3.2.26", MGF1, "1.3.14.3.2.26", 20, None),
        algorithm(PSS, &[]),
        algorithm(PSS, NULL),
        algorithm(PSS, &der::sequence([])),
    ] {
        assert_eq!(reissued(&root, &parameters, sign), unusual);
    }
}

#[test]
fn curve_and_hash_of_a_certificate_signature_need_not_be_of_one_strength() {
    let root = Authority::root(CertSpec::root().key(KeyType::P521));
    let sign = |with: &'static EcdsaSigningAlgorithm| {
        let key = EcdsaKeyPair::from_pkcs8(with, &root.key().pkcs8_der()).unwrap();
        move |tbs: &[u8]| key.sign(&SystemRandom::new(), tbs).unwrap().as_ref().to_vec()
    };
    for (oid, with) in [
        ("1.2.840.10045.4.3.2", &signature::ECDSA_P521_SHA256_ASN1_SIGNING),
        ("1.2.840.10045.4.3.3", &signature::ECDSA_P521_SHA384_ASN1_SIGNING),
        ("1.2.840.10045.4.3.4", &signature::ECDSA_P521_SHA512_ASN1_SIGNING),
    ] {
        assert_eq!(reissued(&root, &algorithm(oid, &[]), sign(with)), Ok(()), "{oid}");
    }
    let other =
        reissued(&root, &algorithm("1.2.840.10045.4.3.3", &[]), sign(&signature::ECDSA_P521_SHA256_ASN1_SIGNING));
    assert_eq!(other, link(SignatureError::Mismatch));
}

#[test]
fn weak_and_unknown_algorithms_are_refused_by_name() {
    let root = Authority::root(CertSpec::root());
    for (oid, parameters, name) in [
        ("1.2.840.113549.1.1.2", NULL, "MD2 with RSA"),
        ("1.2.840.113549.1.1.4", NULL, "MD5 with RSA"),
        ("1.2.840.113549.1.1.5", NULL, "SHA-1 with RSA"),
        ("1.2.840.113549.1.1.14", NULL, "SHA-224 with RSA"),
        ("1.2.840.10045.4.1", &[], "ECDSA with SHA-1"),
        ("1.2.840.10045.4.3.1", &[], "ECDSA with SHA-224"),
        ("1.2.840.10040.4.3", &[], "DSA with SHA-1"),
        ("1.3.101.112", &[], "Ed25519"),
        ("1.3.101.113", &[], "Ed448"),
        ("1.2.840.113549.1.1.1", NULL, "1.2.840.113549.1.1.1"),
        ("1.2.3.4", &[], "1.2.3.4"),
    ] {
        let error = SignatureError::Algorithm { found: name.into() };
        assert_eq!(reissued(&root, &algorithm(oid, parameters), |_| vec![1; 70]), link(error), "{oid}");
    }
}

#[test]
fn a_lone_certificate_signed_with_sha_1_is_refused_too() {
    let signer = Chain::self_signed(CertSpec::leaf().key(KeyType::Rsa2048));
    let leaf = rewrite(signer.leaf_der(), |_| {}, &algorithm("1.2.840.113549.1.1.5", NULL), |_| vec![1; 256]);
    let error = SignatureError::Algorithm { found: "SHA-1 with RSA".into() };
    let subject = "CN=leaf,O=Testkit,ST=ZH,C=CH".to_owned();
    assert_eq!(check(&[leaf]), Err(ChainError::RootNotSelfSigned { subject: subject.as_str().into(), error }));
}

#[test]
fn parameters_that_an_algorithm_does_not_have_are_refused() {
    let root = Authority::root(CertSpec::root());
    let parameters = |algorithm, expected| link(SignatureError::Parameters { algorithm, expected });
    let with = |oid: &str, text: &[u8]| reissued(&root, &algorithm(oid, text), |_| vec![1; 70]);
    assert_eq!(with("1.2.840.10045.4.3.2", NULL), parameters("ECDSA", "none"));
    assert_eq!(with("1.2.840.113549.1.1.11", &[4, 0]), parameters("SHA-2 with RSA", "NULL"));
}

#[test]
fn the_algorithm_must_fit_the_signers_key() {
    let kind = |algorithm, key: &str| link(SignatureError::KeyKind { algorithm, key: key.into() });
    let ec = Authority::root(CertSpec::root());
    let rsa = Authority::root(CertSpec::root().with_key(&Key::cached(KeyType::Rsa2048, 0)));
    let rsa_oid = algorithm("1.2.840.113549.1.1.11", NULL);
    let ec_oid = algorithm("1.2.840.10045.4.3.2", &[]);
    assert_eq!(reissued(&ec, &rsa_oid, |_| vec![1; 70]), kind("SHA-256 with RSA", "EC P-256"));
    assert_eq!(reissued(&rsa, &ec_oid, |_| vec![1; 70]), kind("ECDSA with SHA-256", "RSA 2048 bits"));
}
