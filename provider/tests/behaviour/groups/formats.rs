//! Envelope formats, keys, signing schemes, and forms of signature manifests.

use countersign_testkit::notation::ManifestForm;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::SignatureForm;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use serde_json::json;

use super::FORMATS;
use crate::environment::Environment;
use crate::run::record;

const SCHEMES: [(&str, Scheme); 2] = [("x509", Scheme::X509), ("signing authority", Scheme::SigningAuthority)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_signs_in_both_formats_under_both_schemes() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    for key in KeyType::SIGNING {
        let name = format!("{key:?}");
        let chain = leaf_of(&mut environment, key, &name);
        for (format_name, format) in FORMATS {
            for (scheme_name, scheme) in SCHEMES {
                let case = format!("{name} {format_name} {scheme_name}");
                environment.signed_by(&case, &chain, format, |request| request.scheme(scheme));
            }
            // Another key of the same kind.
            let crossed = chain.with_key(&Key::cached(key, 9));
            environment.signed_by(&format!("{name} {format_name} by another key"), &crossed, format, |request| request);
        }
    }
    let ed25519 = leaf_of(&mut environment, KeyType::Ed25519, "Ed25519");
    for (format_name, format) in FORMATS {
        environment.signed_by(&format!("Ed25519 {format_name}"), &ed25519, format, |request| request);
    }
    record("keys", environment).await;
}

fn leaf_of(environment: &mut Environment, key: KeyType, role: &str) -> Chain {
    let spec = environment.serial(CertSpec::leaf().common_name(role).key(key));
    let chain = environment.root.issue(spec);
    environment.name_chain(&chain, role);
    chain
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_in_other_forms_than_the_keys() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    let ec = leaf_of(&mut environment, KeyType::P256, "P256");
    let rsa = environment.leaf.clone();
    for (format_name, format) in FORMATS {
        for (chain, form) in [
            (&ec, SignatureForm::EcdsaDer),
            (&rsa, SignatureForm::PssSalt0),
            (&rsa, SignatureForm::PssSalt20),
            (&rsa, SignatureForm::PssSha256),
            (&rsa, SignatureForm::PssSha384),
            (&rsa, SignatureForm::PssSha512),
            (&rsa, SignatureForm::Pkcs1Sha256),
        ] {
            environment.signed_by(&format!("{form:?} {format_name}"), chain, format, |request| request.form(form));
        }
        for (form, name) in
            [(ManifestForm::Current, "current"), (ManifestForm::Legacy, "legacy"), (ManifestForm::Artifact, "artifact")]
        {
            let mut image = environment.image(&format!("{name} manifest {format_name}"));
            let request = SignRequest::new(&environment.leaf, &image.descriptor);
            environment.attach(&mut image, &Signature::new(&request, format).form(form));
        }
        let media_types = match format {
            Format::Jws => [
                "APPLICATION/JOSE+JSON",
                "application/jose+json; charset=utf-8",
                "application/jose",
                "application/json",
                "application/cose",
            ],
            Format::Cose => [
                "Application/Cose",
                "application/cose;cose-type=\"cose-sign1\"",
                "application/cbor",
                "application/octet-stream",
                "application/jose+json",
            ],
        };
        for media_type in media_types {
            let mut image = environment.image(&format!("{format_name} as {media_type}"));
            let request = SignRequest::new(&environment.leaf, &image.descriptor);
            environment.attach(&mut image, &Signature::of_envelope(&request.envelope(format), media_type));
        }
    }
    record("forms", environment).await;
}
