//! Known attacks on verifiers of image signatures and on clients of registries, one test each: from an image in a registry to the
//! verdict, with the default of one strict statement for all repositories. Read from top to bottom:
//!
//! - [`published`]: advisories of the Notary Project, Ratify, ORAS and the libraries that they use;
//! - [`related`]: advisories of other verifiers, registries, and parsers of the same formats;
//! - [`http2`]: advisories of HTTP/2 servers, against the endpoints;
//! - [`found`]: attacks that have no advisory;
//! - [`abuse`]: the general list of abuse.
//!
//! `tests/memory/advisories.rs` has those that are about memory, in the same order. A function has the identifier of its advisory in
//! its name. `docs/security.md` lists all of them, and those that cannot reach Countersign, each with the reason; `documents/security.rs`
//! compares that list with the functions. Where other tests have the details of a check, the tests here are the short form of it.

mod abuse;
mod found;
mod http2;
mod published;
mod related;

use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Deadline;
use countersign::engine::Engine;
use countersign::engine::Verifier as _;
use countersign_core::verdict::Code;
use countersign_credentials::Credential;
use countersign_credentials::Secret;
use countersign_http::Scheme;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_test_support::fixture::EngineFixture;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use serde_json::Value;
use serde_json::json;

/// The credential of the registry in tests about leaks.
pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "correct horse";

/// The code of the verdict about a new image with one signature, which `sign` makes for it.
pub(crate) async fn code(fixture: &EngineFixture, sign: impl FnOnce(&Descriptor) -> Signature) -> Code {
    let image = fixture.registry.push_image("app", "v1");
    sign(&image).attach(&fixture.registry, "app", &image);
    fixture.code(&fixture.registry.reference("app", &image)).await
}

/// As [`code`], of a signature by a trusted signer, of which `set` changes what is signed.
pub(crate) async fn code_of(
    fixture: &EngineFixture,
    format: Format,
    set: impl FnOnce(SignRequest) -> SignRequest,
) -> Code {
    let signer = fixture.root.issue(CertSpec::leaf());
    code(fixture, |image| Signature::new(&set(SignRequest::new(&signer, image)), format)).await
}

/// A manifest of an image that differs by `name`.
pub(crate) fn manifest(name: &str) -> String {
    json!({"mediaType": IMAGE_MANIFEST, "config": {}, "layers": [], "annotations": {"name": name}}).to_string()
}

/// An entry of a list of referrers for a signature that the registry does not have.
pub(crate) fn absent_signature(name: &str) -> Descriptor {
    Descriptor { artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..Descriptor::sample(name) }
}

/// A policy with one statement `app` for all repositories and this verification.
pub(crate) fn policy_with(verification: &Value) -> String {
    json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "app",
            "registryScopes": ["*"],
            "signatureVerification": verification,
            "trustStores": ["ca:main"],
            "trustedIdentities": ["*"],
        }],
    })
    .to_string()
}

/// An entry for this registry over plain HTTP.
pub(crate) fn entry(registry: &Registry, credential: Credential) -> RegistryEntry {
    RegistryEntry { scheme: Scheme::Http, ..RegistryEntry::new(registry.host().parse().unwrap(), credential) }
}

/// An engine that has a credential for the first registry of the fixture only; it may send requests to the other one too.
pub(crate) fn with_credential(fixture: &EngineFixture) -> Engine {
    let credential = Credential::basic(USER, Secret::new(PASSWORD)).unwrap();
    let registries = vec![entry(&fixture.registry, credential), entry(&fixture.other, Credential::Anonymous)];
    fixture.successor_over(RegistrySettings { registries, tag_lifetime: Duration::ZERO, ..RegistrySettings::default() })
}

/// The code of the verdict by another engine than that of a fixture.
pub(crate) async fn code_by(engine: &Engine, image: &str) -> Code {
    let deadline = Deadline::after(Duration::from_secs(20));
    engine.verify(engine.request(Arc::new(image.parse().unwrap()), deadline)).await.verdict.code()
}

/// Fails if a request to `registry` has a credential, in any header, or in its path or body.
pub(crate) fn assert_got_no_credential(registry: &Registry) {
    for request in registry.requests() {
        assert_eq!(request.authorization(), None, "{request:?}");
        assert!(!request.shows(PASSWORD), "{request:?}");
    }
}
