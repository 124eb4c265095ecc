use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_testkit::Descriptor;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::aws::signature::certificate_hashes;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::THUMBPRINT_ANNOTATION;
use countersign_testkit::registry::Registry;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

use crate::aws::NOW;
use crate::aws::REGION;

fn image() -> Descriptor {
    Descriptor::of("application/vnd.oci.image.manifest.v1+json", b"{}")
}

#[test]
fn an_envelope_has_the_attributes_of_aws_signer() {
    let pki = SignerPki::new(REGION);
    let alias = "arn:aws:signer:eu-central-1:111122223333:/aliased-signing-profiles/release";
    let signature = SignerSignature::new(&pki, &image()).with_alias(alias);
    let envelope: Value = serde_json::from_slice(&signature.request().jws()).unwrap();
    let protected = URL_SAFE_NO_PAD.decode(envelope["protected"].as_str().unwrap()).unwrap();
    let protected: Value = serde_json::from_slice(&protected).unwrap();
    assert_eq!(
        protected,
        json!({
            "alg": "ES384",
            "cty": "application/vnd.cncf.notary.payload.v1+json",
            "crit": [
                "io.cncf.notary.signingScheme",
                "io.cncf.notary.authenticSigningTime",
                "io.cncf.notary.expiry",
                "io.cncf.notary.verificationPlugin",
                "com.amazonaws.signer.signingProfileVersion",
                "com.amazonaws.signer.signingJob",
                "com.amazonaws.signer.signingProfileAlias",
            ],
            "io.cncf.notary.signingScheme": "notary.x509.signingAuthority",
            "io.cncf.notary.authenticSigningTime": "2026-01-02T03:04:05Z",
            "io.cncf.notary.expiry": "2037-04-02T03:04:05Z",
            "io.cncf.notary.verificationPlugin": "com.amazonaws.signer.notation.plugin",
            "com.amazonaws.signer.signingProfileVersion": SignerSignature::PROFILE_VERSION,
            "com.amazonaws.signer.signingJob": SignerSignature::JOB,
            "com.amazonaws.signer.signingProfileAlias": alias,
        })
    );
}

#[test]
fn the_chain_has_four_certificates_and_a_leaf_that_has_ended() {
    let pki = SignerPki::new(REGION);
    let signed_at = datetime!(2026-01-02 03:04:05 UTC);
    let chain = pki.chain(signed_at);
    let parsed: Vec<_> = chain.der().iter().map(|der| X509Certificate::from_der(der).unwrap().1).collect();
    let subjects: Vec<String> = parsed.iter().map(|certificate| certificate.subject().to_string()).collect();
    assert_eq!(
        subjects,
        [
            "C=US, ST=WA, L=Seattle, O=AWS, OU=AWS Cryptography, CN=AWS Signer",
            "C=US, O=AWS, OU=Cryptography, ST=WA, CN=Test AWS Signer eu-central-1 Code Signing CA G1",
            "C=US, O=AWS, OU=Cryptography, ST=WA, CN=Test AWS Signer Code Signing Int CA G1",
            "C=US, O=AWS, OU=Cryptography, ST=WA, CN=Test AWS Signer Code Signing Root CA G1",
        ]
    );
    for (certificate, issuer) in parsed.iter().zip(parsed.iter().skip(1).chain(parsed.last())) {
        certificate.verify_signature(Some(issuer.public_key())).unwrap();
        // ecdsa-with-SHA384
        assert_eq!(certificate.signature_algorithm.algorithm.to_id_string(), "1.2.840.10045.4.3.3");
    }
    let validity = parsed[0].validity();
    let times = [&validity.not_before, &validity.not_after].map(|time| time.to_datetime());
    assert_eq!(times, [datetime!(2026-01-02 02:04:05 UTC), datetime!(2026-01-08 02:04:05 UTC)]);
    assert!(times[1] < NOW);
    assert_eq!(pki.root_pem(), chain.root_pem());
    let other = SignerPki::below(pki.root(), "us-east-1");
    assert_eq!(other.chain(OffsetDateTime::UNIX_EPOCH).root_der(), chain.root_der());
}

#[test]
fn hashes_are_of_each_certificate_and_its_issuer_without_their_signatures() {
    let chain = SignerPki::new(REGION).chain(NOW);
    // The bytes of the TBSCertificate, found by another implementation.
    let tbs: Vec<String> = chain
        .der()
        .iter()
        .map(|der| {
            let certificate = X509Certificate::from_der(der).unwrap().1;
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, certificate.tbs_certificate.as_ref());
            digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
        })
        .collect();
    let expected = [(0, 1), (1, 2), (2, 3), (3, 3)].map(|(own, issuer)| format!("{}{}", tbs[own], tbs[issuer]));
    assert_eq!(certificate_hashes(&chain), expected);
    assert!(expected.iter().all(|hash| hash.len() == 192));
}

#[tokio::test]
async fn a_signature_is_a_referrer_of_its_image() {
    let registry = Registry::start().await;
    let image = registry.push_image("app", "v1");
    let signature = SignerSignature::new(&SignerPki::new(REGION), &image);
    let stored = signature.attach(&registry, "app");
    let url = format!("{}/v2/app/referrers/{}", registry.url(), image.digest);
    let listed: Value =
        serde_json::from_slice(&crate::aws::client::http().get(url).send().await.unwrap().bytes().await.unwrap())
            .unwrap();
    assert_eq!(listed["manifests"][0]["digest"], stored.digest);
    assert_eq!(listed["manifests"][0]["artifactType"], SIGNATURE_ARTIFACT_TYPE);
    // The thumbprints are those of the chain that the test sees.
    let thumbprints = listed["manifests"][0]["annotations"][THUMBPRINT_ANNOTATION].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Vec<String>>(thumbprints).unwrap(), signature.chain().thumbprints());
}
