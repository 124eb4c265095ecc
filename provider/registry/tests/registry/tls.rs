//! TLS to registries: authorities, and refused downgrades.

use countersign_core::codec::pem::Form;
use countersign_core::codec::pem::PemError;
use countersign_core::name::Repository;
use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_http::RedirectRefusal;
use countersign_http::RootCertificates;
use countersign_http::RootCertificatesError;
use countersign_registry::Cause;
use countersign_registry::RealmRefusal;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::support::alice;
use crate::support::app;
use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::descriptor;
use crate::support::pin_error;
use crate::support::secure;
use crate::support::settings;
use crate::support::soon;
use crate::support::start_secure as start;

#[tokio::test]
async fn trusts_the_configured_authority_and_reuses_the_connection() {
    let (registry, ca) = start().await;
    let (registries, _) = build(settings(vec![secure(&registry, &ca, Credential::Anonymous)]));
    can_be_pinned(&registries, &registry).await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (registries, image) = (registries.clone(), app(&registry));
            tokio::spawn(async move { registries.pin(&image, soon()).await })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(registry.connections(), 1);
}

#[tokio::test]
async fn does_not_retry_an_untrusted_server_certificate() {
    let (registry, _) = start().await;
    let other = Authority::root(CertSpec::root());
    let only_system = RegistryEntry::new(registry.host().parse().unwrap(), Credential::Anonymous);
    for entry in [secure(&registry, &other, Credential::Anonymous), only_system] {
        let (registries, seen) = build(settings(vec![entry]));
        let cause = pin_error(&registries, &registry).await;
        assert!(matches!(cause, Cause::Fetch(FetchError::Tls { .. })), "{cause:?}");
        assert_eq!(cause.kind(), RegistryErrorKind::Unreachable);
        assert_eq!(seen.all().len(), 1);
    }
    assert_eq!(registry.requests().len(), 0);
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_refused() {
    let (registry, ca) = start().await;
    let plain = Registry::start().await;
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    registry.when(Route::Blob).redirect(307, &format!("{}/x", plain.url()));
    let (registries, _) = build(settings(vec![secure(&registry, &ca, Credential::Anonymous)]));
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    let cause = registries.blob(&repository, &blob, 1024, soon()).await.unwrap_err().cause;
    let refusal = RedirectRefusal::Scheme { found: "http".into() };
    assert_eq!(cause, Cause::Fetch(FetchError::Redirect { host: registry.host(), refusal }));
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn a_blob_store_uses_the_authorities_of_its_own_entry() {
    let (registry, ca) = start().await;
    let (store, store_ca) = start().await;
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    store.serve_file("/store", "application/octet-stream", b"envelope");
    // By name, because the registry's entry has the authority for the address.
    let location = format!("https://localhost:{}/store", store.address().port());
    registry.when(Route::Blob).redirect(307, &location);
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    let alone = settings(vec![secure(&registry, &ca, Credential::Anonymous)]);
    let cause = build(alone).0.blob(&repository, &blob, 1024, soon()).await.unwrap_err().cause;
    let Cause::Redirected { cause, .. } = cause else { panic!("{cause:?}") };
    assert!(matches!(*cause, Cause::Fetch(FetchError::Tls { .. })), "{cause:?}");
    let own = RegistryEntry {
        pattern: format!("localhost:{}", store.address().port()).parse().unwrap(),
        ..secure(&store, &store_ca, alice())
    };
    let both = settings(vec![secure(&registry, &ca, Credential::Anonymous), own]);
    let found = build(both).0.blob(&repository, &blob, 1024, soon()).await.unwrap();
    assert_eq!(&*found, b"envelope".as_slice());
    // Its entry has the authority. Its credential is only for its own images, not for redirects.
    assert_eq!(store.requests()[0].authorization(), None);
}

#[tokio::test]
async fn a_plain_token_service_of_a_secure_registry_is_refused_even_if_the_settings_name_it() {
    let (registry, ca) = start().await;
    let plain = Registry::start().await;
    registry.require_bearer(&TokenService::anonymous().realm(&format!("{}/token", plain.url())));
    for credential in [alice(), Credential::Anonymous] {
        let entry =
            RegistryEntry { realm_hosts: vec![plain.host().parse().unwrap()], ..secure(&registry, &ca, credential) };
        let cause = pin_error(&build(settings(vec![entry])).0, &registry).await;
        assert_eq!(cause, Cause::Realm(RealmRefusal::Scheme { found: "http".into() }));
    }
    assert_eq!(plain.connections(), 0);
}

#[test]
fn names_the_pem_block_that_is_no_authority() {
    let parse = |pem: &str| RootCertificates::parse("ca.pem", pem.as_bytes());
    let not_pem = |form| Err(RootCertificatesError::Pem(PemError::NotPem { form }));
    assert_eq!(parse(""), not_pem(Form::Empty));
    assert_eq!(parse("no pem"), not_pem(Form::Other));
    let root = Authority::root(CertSpec::root()).pem();
    let second = root.lines().count() + 1;
    let half = format!("{root}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_eq!(parse(&half), Err(RootCertificatesError::Certificate { line: second }));
    for (label, error) in [
        ("TRUSTED CERTIFICATE", PemError::NoCertificate { line: second, label: "TRUSTED CERTIFICATE".to_owned() }),
        ("PRIVATE KEY", PemError::KeyAmongCertificates { line: second, label: "PRIVATE KEY".to_owned() }),
    ] {
        let other = root.replace("-----BEGIN CERTIFICATE", &format!("-----BEGIN {label}"));
        let other = other.replace("-----END CERTIFICATE", &format!("-----END {label}"));
        assert_eq!(parse(&format!("{root}{other}")), Err(RootCertificatesError::Pem(error)));
    }
    assert!(parse(&format!("\u{feff}# by hand\r\n{}", root.replace('\n', "\r\n"))).is_ok());
}
