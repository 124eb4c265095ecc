//! Advisories of the Notary Project, of Ratify, and of the libraries that they use. CVE-2023-25656 and CVE-2025-30204 are about
//! memory: see `tests/memory/advisories.rs`.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign::engine::EngineSettings;
use countersign_core::codec::text::Text;
use countersign_core::limits;
use countersign_core::verdict::Code;
use countersign_credentials::BoxFuture;
use countersign_credentials::Credential;
use countersign_credentials::CredentialError;
use countersign_credentials::CredentialScope;
use countersign_credentials::Identity;
use countersign_credentials::IdentitySource;
use countersign_credentials::RepositoryScope;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_registry::Unlisted;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::notation;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::Tsa;
use http::Method;
use serde_json::json;
use time::macros::datetime;
use tokio::time::Instant;

use crate::advisories::PASSWORD;
use crate::advisories::USER;
use crate::advisories::absent_signature;
use crate::advisories::assert_got_no_credential;
use crate::advisories::code;
use crate::advisories::code_by;
use crate::advisories::code_of;
use crate::advisories::manifest;
use crate::advisories::policy_with;
use crate::advisories::with_credential;
use crate::architecture::source;
use crate::engine::evidence::fixture::Fixture;
use crate::engine::signed;

/// An image with a very high number of signatures exhausts whoever lists them. Here at most 1000 entries are read, and at most
/// `verification.maxSignatures` signatures fetched. One good signature among them is still found.
#[tokio::test]
async fn cve_2023_33957_ten_thousand_referrers_cost_a_limited_number_of_requests() {
    let fixture = EngineFixture::new().await;
    let registry = &fixture.registry;
    registry.page_size(100);
    for (is_signed, expected, manifests) in [(false, Code::TooManySignatures, 100), (true, Code::Verified, 1)] {
        let image = registry.push_image("app", "v1");
        for number in 0..500 {
            registry.list_referrer("app", &image.digest, absent_signature(&number.to_string()));
        }
        if is_signed {
            notation::sign_image(registry, "app", &image, &fixture.root.issue(CertSpec::leaf()));
        }
        for number in 500..10_000 {
            registry.list_referrer("app", &image.digest, absent_signature(&number.to_string()));
        }
        registry.clear_requests();
        assert_eq!(fixture.code(&registry.reference("app", &image)).await, expected);
        // The image, ten pages with 1000 entries, and the signatures.
        assert_eq!((registry.count(Route::Referrers), registry.count(Route::Manifest)), (10, 1 + manifests));
    }
}

/// A registry that sends endless data keeps a verification busy for ever, where the limit is so high that it is none. Here every
/// kind of response ends: pages by their number, bodies by their size.
#[tokio::test]
async fn cve_2023_33958_endless_responses_end_at_a_limit() {
    let (fixture, image) = signed().await;
    let _ = fixture.registry.when(Route::Referrers).endless_empty_pages();
    assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::TooManySignatures);
    assert_eq!(fixture.registry.count(Route::Referrers), limits::REFERRERS_PAGES);
    for (route, expected) in [
        (Route::Manifest, Code::RegistryAnswerInvalid),
        (Route::Referrers, Code::RegistryAnswerInvalid),
        (Route::Blob, Code::SignatureUnavailable),
    ] {
        let (fixture, image) = signed().await;
        let (registry, reference) = (&fixture.registry, fixture.registry.reference("app", &image));
        let endless = registry.when(route).endless_body();
        assert_eq!(fixture.code(&reference).await, expected, "{route:?}");
        assert_eq!(endless.hits(), 1, "{route:?}");
        endless.remove();
        assert_eq!(fixture.code(&reference).await, Code::Verified, "{route:?}");
    }
}

/// A registry answers a request for one digest with another image, which is validly signed, and the user believes that the first one
/// is verified. Here every manifest is hashed, whatever the headers say, and the signature must be about that digest.
#[tokio::test]
async fn cve_2023_33959_a_signed_image_in_place_of_the_requested_one_is_refused() {
    let fixture = EngineFixture::new().await;
    let registry = &fixture.registry;
    let signer = fixture.root.issue(CertSpec::leaf());
    let good = registry.put_manifest("app", IMAGE_MANIFEST, manifest("good").as_bytes());
    notation::sign_image(registry, "app", &good, &signer);
    assert_eq!(fixture.code(&registry.reference("app", &good)).await, Code::Verified);
    // The signature alone, listed for another image.
    let sign = |_: &_| Signature::new(&SignRequest::new(&signer, &good), Format::Jws);
    assert_eq!(code(&fixture, sign).await, Code::TargetMismatch);
    // The image with it, under the headers of the one that was asked for, its own, and none.
    for case in 0..3 {
        let asked = registry.push_image("app", "v1");
        sign(&asked).attach(registry, "app", &asked);
        let when = || registry.when(Route::Manifest).path_contains(&asked.digest);
        let _ = when().body(manifest("good"));
        let _ = match case {
            0 => when().header("docker-content-digest", &asked.digest),
            1 => when().header("docker-content-digest", &good.digest),
            _ => when().without_header("docker-content-digest"),
        };
        let found = fixture.code(&registry.reference("app", &asked)).await;
        assert_eq!(found, Code::RegistryAnswerInvalid, "{case}");
    }
}

/// Who can write to a registry moves a tag back to an old image that is still signed. No verifier sees that in the signature, so an
/// old image stays verified until its signature expires or its signer is revoked, which a strict statement enforces both.
#[tokio::test]
async fn cve_2024_23332_an_old_image_is_refused_once_its_signature_expired_or_its_signer_is_revoked() {
    let no_cache = |settings: &mut EngineSettings| settings.verdict_lifetime = Duration::ZERO;
    let fixture = Fixture::with_engine("strict", |_| {}, no_cache).await;
    let signer = fixture.signer_with_crl();
    let registry = &fixture.engine.registry;
    let old = |expiry| {
        let image = registry.push_image("app", "v1");
        let request = SignRequest::new(&signer, &image).expiry(expiry);
        Signature::new(&request, Format::Jws).attach(registry, "app", &image);
        registry.reference("app", &image)
    };
    let (short, long) = (old(datetime!(2026-11-21 13:00 UTC)), old(datetime!(2027-11-21 13:00 UTC)));
    assert_eq!(fixture.engine.code(&short).await, Code::Verified);
    assert_eq!(fixture.engine.code(&long).await, Code::Verified);
    fixture.revoke(&signer);
    fixture.at("2026-11-21T14:00:00Z");
    assert_eq!(fixture.engine.code(&short).await, Code::Expired);
    assert_eq!(fixture.engine.code(&long).await, Code::Revoked);
}

/// A cache of CRLs on disk could not be written, and that ended the process. Here no directory is needed: CRLs are in memory.
#[tokio::test]
async fn cve_2024_51491_crls_are_kept_without_any_directory() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_crl();
    fs::remove_dir_all(fixture.engine.folder.path()).unwrap();
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    assert_eq!(fixture.requests(), 1);
}

/// The chain of a timestamping authority was not checked for revocation. Here a revoked intermediate makes its timestamps invalid.
#[tokio::test]
async fn cve_2024_56138_a_revoked_intermediate_of_a_timestamping_authority_invalidates_its_timestamps() {
    for is_revoked in [false, true] {
        let fixture = Fixture::new().await;
        let root = Authority::root(CertSpec::root().common_name("TSA root"));
        let issuing = root.intermediate(CertSpec::intermediate().crl_url(&fixture.responder.url("/tsa.crl")));
        let list = CrlSpec::new();
        let list = if is_revoked { list.revoked(&Revoked::certificate(issuing.der())) } else { list };
        fixture.responder.crl("/tsa.crl", root.crl(&list));
        fixture.engine.folder.write("truststore/x509/tsa/clock/root.pem", root.pem());
        fixture.engine.folder.write("trustpolicy.json", policy(&["ca:main", "tsa:clock"], &["*"]));
        let _ = fixture.engine.poll();
        let (signer, tsa) = (fixture.issue(|leaf| leaf), Tsa::new(&issuing));
        let sign = |image: &_| Signature::timestamped(&SignRequest::new(&signer, image), Format::Jws, &tsa);
        let expected = if is_revoked { Code::TimestampInvalid } else { Code::Verified };
        assert_eq!((code(&fixture.engine, sign).await, fixture.requests()), (expected, 1));
    }
}

/// Counts the calls for an identity, and has none.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

impl IdentitySource for Counting {
    fn identity<'a>(&'a self, _: RepositoryScope<'a>, _: Instant) -> BoxFuture<'a, Result<Identity, CredentialError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Err(CredentialError::Unusable(Text::of("none")))))
    }

    fn credential_scope(&self, _: &Arc<str>, _: RepositoryScope<'_>) -> CredentialScope {
        CredentialScope::unusable()
    }
}

/// The name of a registry in a pod decides who gets a token of the cloud: one that only looks like a registry of Azure got it too.
/// Here the token is requested for the hosts of its entry only, and a wildcard stands for one label.
#[tokio::test]
async fn cve_2025_27403_no_token_of_a_cloud_is_requested_for_a_look_alike_of_a_registry() {
    let fixture = EngineFixture::new().await;
    let tokens = Arc::new(Counting::default());
    let cloud = RegistryEntry {
        identities: Arc::<Counting>::clone(&tokens),
        ..RegistryEntry::new("*.azurecr.io".parse().unwrap(), Credential::Anonymous)
    };
    let settings = RegistrySettings { registries: vec![cloud], unlisted: Unlisted::Refuse, ..Default::default() };
    let engine = fixture.successor_over(settings);
    for host in [
        "evil.example",
        "azurecr.io",
        "evilazurecr.io",
        "acme.azurecr.io.evil.example",
        "acme-azurecr.io",
        "evil.acme.azurecr.io",
        "acme.azurecr.io:5000",
        "acme.azurecr.io.",
        "acme.xn--azurecr-9xa.io",
    ] {
        let Ok(image) = format!("{host}/app:v1").parse::<countersign_core::name::ImageRef>() else { continue };
        assert_eq!(code_by(&engine, &image.to_string()).await, Code::RegistryNotAllowed, "{host}");
    }
    assert_eq!(tokens.0.load(Ordering::SeqCst), 0);
    // Without the token no request is sent to the registry that it is for.
    assert_eq!(code_by(&engine, "acme.azurecr.io/app:v1").await, Code::RegistryMisconfigured);
    assert_eq!(tokens.0.load(Ordering::SeqCst), 1);
}

/// Content of a registry that is stored as files leaves its directory by links. Here only two commands write files, both on a
/// machine of the operator and never what a registry sends: `certs` writes certificates, and `check --manifests` copies what
/// manifests mount.
#[test]
fn cve_2026_50162_and_cve_2026_50163_nothing_of_a_registry_is_written_to_a_file() {
    const WRITES: [&str; 7] =
        ["fs::write(", "File::create(", ".write(true)", ".append(true)", "fs::copy(", "fs::hard_link(", "::symlink("];
    let top = source::top();
    let files = source::rust_files(&top.join("provider")).into_iter().filter(|path| {
        let path = path.strip_prefix(&top).unwrap();
        let is_shipped = path.iter().any(|part| part == "src") && !path.starts_with("provider/testkit");
        is_shipped && !source::is_test_file(path)
    });
    let writing = files.filter(|path| {
        let code = source::code(&fs::read_to_string(path).unwrap());
        WRITES.iter().any(|write| code.contains(write))
    });
    let found: Vec<_> = writing.map(|path| path.strip_prefix(&top).unwrap().display().to_string()).collect();
    assert_eq!(found, ["provider/src/cli/certs/files.rs", "provider/src/cli/check/mounts.rs"]);
}

/// On a push, credentials followed a `Location` to another host. Here nothing is pushed: registries get no other requests than GET
/// and HEAD.
#[tokio::test]
async fn cve_2026_50151_registries_are_only_read() {
    let (fixture, image) = signed().await;
    fixture.registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    let engine = with_credential(&fixture);
    for reference in [format!("{}/app:v1", fixture.registry.host()), fixture.registry.reference("app", &image)] {
        assert_eq!(code_by(&engine, &reference).await, Code::Verified);
    }
    let requests = fixture.registry.requests();
    assert!(requests.len() >= 5, "{requests:?}");
    assert!(requests.iter().all(|request| [Method::GET, Method::HEAD].contains(&request.method)), "{requests:?}");
}

/// A registry redirects to the host of an attacker, and the credential goes along. Here no redirect to another host, and no link to
/// a further page, carries it; a blob store needs none.
#[tokio::test]
async fn ghsa_vh4v_2xq2_g5cg_no_redirect_and_no_link_carries_the_credential_to_another_host() {
    let fixture = EngineFixture::new().await;
    let (registry, other) = (&fixture.registry, &fixture.other);
    let image = registry.put_manifest("app", IMAGE_MANIFEST, manifest("image").as_bytes());
    let _ = other.put_manifest("app", IMAGE_MANIFEST, manifest("image").as_bytes());
    let request = SignRequest::new(&fixture.root.issue(CertSpec::leaf()), &image);
    let signature = Signature::new(&request, Format::Jws);
    signature.attach(registry, "app", &image);
    other.serve_file("/stored", "application/octet-stream", signature.envelope());
    registry.require_basic(USER, PASSWORD);
    let reference = registry.reference("app", &image);
    for status in [301, 302, 303, 307, 308] {
        let engine = with_credential(&fixture);
        let manifest = registry
            .when(Route::Manifest)
            .path_contains(&image.digest)
            .redirect(status, &format!("{}/v2/app/manifests/{}", other.url(), image.digest));
        let blob = registry.when(Route::Blob).redirect(status, &format!("{}/stored", other.url()));
        assert_eq!(code_by(&engine, &reference).await, Code::Verified, "{status}");
        assert_eq!((manifest.hits(), blob.hits()), (1, 1), "{status}");
        registry.clear_faults();
    }
    assert_eq!(other.requests().len(), 10);
    let connections = other.connections();
    let _ = registry
        .when(Route::Referrers)
        .header("link", &format!("<{}/v2/app/referrers/{}>; rel=\"next\"", other.url(), image.digest));
    assert_eq!(code_by(&with_credential(&fixture), &reference).await, Code::Verified);
    assert_eq!(other.connections(), connections);
    assert_got_no_credential(other);
}

/// The challenge of a registry names a token service on the host of an attacker, which gets the credential. Here a token service on
/// another host gets it only if the entry names that host in `realmHosts`.
#[tokio::test]
async fn cve_2026_48978_a_token_service_on_another_host_gets_no_credential() {
    let (fixture, image) = signed().await;
    let (registry, other) = (&fixture.registry, &fixture.other);
    let reference = registry.reference("app", &image);
    for realm in [
        format!("{}/token", other.url()),
        format!("//{}/token", other.host()),
        format!("http://{}@{}/token", registry.host(), other.host()),
        format!("http:\\\\{}/token", other.host()),
    ] {
        let service = TokenService::for_user(USER, PASSWORD).realm(&realm);
        registry.require_bearer(&service);
        other.serve_tokens(&service);
        assert_eq!(code_by(&with_credential(&fixture), &reference).await, Code::RegistryDenied, "{realm}");
    }
    assert_eq!(other.connections(), 0);
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    assert_eq!(code_by(&with_credential(&fixture), &reference).await, Code::Verified);
}

/// A parser reported several faults in one error, and callers that forgave one of them, such as an expired token, forgave all. Here
/// each check has its own result: a statement that only logs the expiry still refuses a signature that is also false.
#[tokio::test]
async fn go_2024_3250_a_forgiven_fault_does_not_forgive_another_one() {
    let policy = policy_with(&json!({"level": "strict", "override": {"expiry": "log"}}));
    let fixture = EngineFixture::with(&policy, |_| {}).await;
    let expired = |request: SignRequest| request.expiry(datetime!(2026-06-01 00:00 UTC));
    assert_eq!(code_of(&fixture, Format::Jws, expired).await, Code::Verified);
    let signer = fixture.root.issue(CertSpec::leaf());
    let forged = code(&fixture, |image| {
        let parts = expired(SignRequest::new(&signer, image)).jws_parts();
        Signature::of_envelope(&parts.with_signature(&[7; 64]), Format::Jws.media_type())
    });
    assert_eq!(forged.await, Code::SignatureMismatch);
    let untrusted = Authority::root(CertSpec::root().common_name("untrusted")).issue(CertSpec::leaf());
    let foreign = code(&fixture, |image| Signature::new(&expired(SignRequest::new(&untrusted, image)), Format::Jws));
    assert_eq!(foreign.await, Code::UntrustedChain);
}
