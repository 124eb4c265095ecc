//! Tokens of the timestamping authority, verified by aws-lc-rs with the key of its certificate.

#![allow(clippy::unwrap_used)]

use aws_lc_rs::signature;
use aws_lc_rs::signature::UnparsedPublicKey;
use countersign_testkit::Descriptor;
use countersign_testkit::Hash;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::KeyType;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::SigningAlgorithm;
use countersign_testkit::timestamp::TokenParts;
use countersign_testkit::timestamp::Tsa;
use x509_parser::parse_x509_certificate;

fn tsa(kind: KeyType) -> Tsa {
    Tsa::of(Authority::root(CertSpec::root().common_name("TSA Root")).issue(CertSpec::tsa().key(kind)))
}

/// The fields of a SignedData.
fn fields(token: &[u8]) -> Vec<Vec<u8>> {
    let signed_data = der::children(der::children(token)[1])[0].to_vec();
    der::children(&signed_data).into_iter().map(<[u8]>::to_vec).collect()
}

/// The TSTInfo.
fn content(token: &[u8]) -> Vec<u8> {
    let fields = fields(token);
    let encapsulated = der::children(&fields[2]);
    der::content(der::children(encapsulated[1])[0]).to_vec()
}

/// The fields of the only SignerInfo.
fn signer(token: &[u8]) -> Vec<Vec<u8>> {
    let fields = fields(token);
    let signers = fields.last().unwrap();
    der::children(der::children(signers)[0]).into_iter().map(<[u8]>::to_vec).collect()
}

#[test]
fn the_signature_is_over_the_signed_attributes_which_have_the_hash_of_the_content() {
    use SigningAlgorithm::Ecdsa;
    use SigningAlgorithm::RsaEncryption;
    use SigningAlgorithm::RsaPss;
    let cases: [(KeyType, SigningAlgorithm, Hash, &'static dyn signature::VerificationAlgorithm); 6] = [
        (KeyType::P256, Ecdsa, Hash::Sha256, &signature::ECDSA_P256_SHA256_ASN1),
        (KeyType::P384, Ecdsa, Hash::Sha384, &signature::ECDSA_P384_SHA384_ASN1),
        (KeyType::P521, Ecdsa, Hash::Sha512, &signature::ECDSA_P521_SHA512_ASN1),
        (KeyType::Rsa2048, RsaEncryption(Hash::Sha256), Hash::Sha256, &signature::RSA_PKCS1_2048_8192_SHA256),
        (KeyType::Rsa2048, RsaEncryption(Hash::Sha512), Hash::Sha512, &signature::RSA_PKCS1_2048_8192_SHA512),
        (KeyType::Rsa3072, RsaPss, Hash::Sha384, &signature::RSA_PSS_2048_8192_SHA384),
    ];
    for (kind, algorithm, hash, with) in cases {
        let tsa = tsa(kind);
        let mut parts: TokenParts = tsa.parts(b"message");
        parts.signers = parts.signers.into_iter().map(|signer| signer.with_algorithm(algorithm)).collect();
        let token = parts.seal();
        let signer = signer(&token);
        let mut signed = signer[3].clone();
        signed[0] = 0x31;
        let (_, certificate) = parse_x509_certificate(tsa.chain().leaf_der()).unwrap();
        let key = UnparsedPublicKey::new(with, &certificate.public_key().subject_public_key.data);
        key.verify(&signed, der::content(&signer[5])).unwrap();
        let digest = hash.digest(&content(&token));
        assert!(signed.windows(digest.len()).any(|window| window == digest), "{kind:?} {algorithm:?}");
    }
}

#[test]
fn the_imprint_is_that_of_the_primitive_signature() {
    let tsa = tsa(KeyType::P256);
    let signer = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    let request = SignRequest::new(&signer, &Descriptor::sample("image"));
    for format in Format::ALL {
        let mut primitive = Vec::new();
        let mut token = Vec::new();
        let envelope = request.timestamped(format, |signature| {
            primitive = signature.to_vec();
            token = tsa.token(signature);
            token.clone()
        });
        let imprint = Hash::Sha256.digest(&primitive);
        assert!(content(&token).windows(32).any(|window| window == imprint));
        assert!(envelope.len() > token.len() + primitive.len());
    }
}

#[test]
fn a_response_has_the_imprint_and_the_nonce_of_the_request_and_certificates_if_it_asks_for_them() {
    let tsa = tsa(KeyType::P256);
    let imprint = der::sequence([Hash::Sha512.identifier(), der::octet_string(&Hash::Sha512.digest(b"message"))]);
    for wants_certificates in [true, false] {
        let request = der::sequence([
            der::integer(1),
            imprint.clone(),
            der::oid("1.2.3.4.5"),
            der::integer(0x1234_5678),
            der::boolean(wants_certificates),
        ]);
        let response = tsa.respond(&request);
        let parts = der::children(&response);
        assert_eq!(parts[0], der::sequence([der::integer(0)]));
        let info = content(parts[1]);
        let info = der::children(&info);
        assert_eq!(info[2], imprint);
        assert!(info.contains(&&der::integer(0x1234_5678)[..]));
        assert_eq!(fields(parts[1])[3][0] == 0xa0, wants_certificates);
    }
}
