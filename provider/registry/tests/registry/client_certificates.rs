//! Client certificates: who gets to see them.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::Repository;
use countersign_credentials::Credential;
use countersign_http::ClientCertificate;
use countersign_http::ClientCertificateError;
use countersign_registry::EntryCertificate;
use countersign_registry::EntryNumbers;
use countersign_registry::RegistryEntry;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenService;

use crate::support::PASSWORD;
use crate::support::USER;
use crate::support::alice;
use crate::support::app;
use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::descriptor;
use crate::support::pin_error;
use crate::support::secure;
use crate::support::settings;
use crate::support::soon;
use crate::support::start_secure;

const STORED: &str = "/store/blob";

fn client() -> Chain {
    Authority::root(CertSpec::root()).issue(CertSpec::tls_client("countersign"))
}

fn parsed(chain: &Chain) -> ClientCertificate {
    ClientCertificate::parse(chain.pem().as_bytes(), chain.key_pem().as_bytes()).unwrap()
}

fn with_certificate(entry: RegistryEntry, client: &Chain, for_realm_hosts: bool) -> RegistryEntry {
    let certificate = EntryCertificate { certificate: parsed(client), for_realm_hosts };
    RegistryEntry { client_certificate: Some(certificate), ..entry }
}

/// The certificates that were presented with the requests to `registry`.
fn presented(registry: &Registry) -> Vec<Option<Arc<[u8]>>> {
    registry.requests().into_iter().map(|request| request.client_certificate).collect()
}

fn is(client: &Chain) -> Option<Arc<[u8]>> {
    Some(client.leaf_der().into())
}

#[tokio::test]
async fn the_certificate_of_an_entry_is_presented_to_its_host() {
    let ((registry, ca), client) = (start_secure().await, client());
    let entry = with_certificate(secure(&registry, &ca, Credential::Anonymous), &client, false);
    can_be_pinned(&build(settings(vec![entry])).0, &registry).await;
    assert_eq!(presented(&registry), [is(&client)]);
}

#[tokio::test]
async fn another_entry_of_the_host_uses_other_connections() {
    let ((registry, ca), client) = (start_secure().await, client());
    registry.push_image("team/app", "v1");
    let open = secure(&registry, &ca, Credential::Anonymous);
    let pattern = format!("{}/team", registry.host()).parse().unwrap();
    let team = RegistryEntry { pattern, ..with_certificate(open.clone(), &client, false) };
    let (registries, _) = build(settings(vec![team, open]));
    let of_team = format!("{}/team/app:v1", registry.host()).parse().unwrap();
    for _ in 0..2 {
        let _ = registries.pin(&of_team, soon()).await.unwrap();
        can_be_pinned(&registries, &registry).await;
    }
    assert_eq!(presented(&registry), [is(&client), None, is(&client), None]);
    assert_eq!(registry.connections(), 2);
}

#[tokio::test]
async fn a_redirect_to_another_host_presents_no_certificate_not_even_that_of_the_other_hosts_entry() {
    let ((registry, ca), (store, store_ca), client) = (start_secure().await, start_secure().await, client());
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    store.serve_file(STORED, "application/octet-stream", b"envelope");
    registry.when(Route::Blob).redirect(307, &format!("{}{STORED}", store.url()));
    let entries = vec![
        with_certificate(secure(&registry, &ca, Credential::Anonymous), &client, false),
        with_certificate(secure(&store, &store_ca, Credential::Anonymous), &client, false),
    ];
    let (registries, _) = build(settings(entries));
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    let _ = registries.blob(&repository, &blob, 1024, soon()).await.unwrap();
    assert_eq!(presented(&registry), [is(&client)]);
    assert_eq!(presented(&store), [None]);
}

#[tokio::test]
async fn a_redirect_back_presents_no_certificate_again() {
    let ((registry, ca), (store, store_ca), client) = (start_secure().await, start_secure().await, client());
    let blob = descriptor(&registry.put_blob("app", "a/b", b"envelope"));
    registry.serve_file("/home", "application/octet-stream", b"envelope");
    registry.when(Route::Blob).redirect(307, &format!("{}/away", store.url()));
    store.when(Route::Other).redirect(307, &format!("{}/home", registry.url()));
    let entries = vec![
        with_certificate(secure(&registry, &ca, Credential::Anonymous), &client, false),
        secure(&store, &store_ca, Credential::Anonymous),
    ];
    let repository: Repository = format!("{}/app", registry.host()).parse().unwrap();
    let _ = build(settings(entries)).0.blob(&repository, &blob, 1024, soon()).await.unwrap();
    assert_eq!(presented(&registry), [is(&client), None]);
}

#[tokio::test]
async fn a_redirect_to_another_repository_of_the_host_presents_no_certificate_if_entries_divide_the_host() {
    let ((registry, ca), client) = (start_secure().await, client());
    let blob = descriptor(&registry.put_blob("team/app", "a/b", b"envelope"));
    let _ = registry.put_blob("other", "a/b", b"envelope");
    registry.when(Route::Blob).times(1).redirect(307, &format!("/v2/other/blobs/{}", blob.digest));
    let pattern = format!("{}/team", registry.host()).parse().unwrap();
    let team = RegistryEntry { pattern, ..secure(&registry, &ca, Credential::Anonymous) };
    let (registries, _) = build(settings(vec![with_certificate(team, &client, false)]));
    let repository: Repository = format!("{}/team/app", registry.host()).parse().unwrap();
    let _ = registries.blob(&repository, &blob, 1024, soon()).await.unwrap();
    assert_eq!(presented(&registry), [is(&client), None]);
}

#[tokio::test]
async fn a_token_service_on_another_host_gets_the_certificate_only_if_the_entry_says_so() {
    for for_realm_hosts in [false, true] {
        let ((registry, ca), (realm, realm_ca), client) = (start_secure().await, start_secure().await, client());
        let service = TokenService::for_user(USER, PASSWORD).realm(&format!("{}/token", realm.url()));
        registry.require_bearer(&service);
        realm.serve_tokens(&service);
        let own = RegistryEntry {
            realm_hosts: vec![realm.host().parse().unwrap()],
            ..with_certificate(secure(&registry, &ca, alice()), &client, for_realm_hosts)
        };
        // The entry of the token service has the authority, and a certificate of its own that is for its own images.
        let other = self::client();
        let theirs = with_certificate(secure(&realm, &realm_ca, Credential::Anonymous), &other, false);
        can_be_pinned(&build(settings(vec![own, theirs])).0, &registry).await;
        assert_eq!(presented(&realm), [if for_realm_hosts { is(&client) } else { None }]);
        assert!(presented(&registry).iter().all(|presented| *presented == is(&client)));
    }
}

#[tokio::test]
async fn a_token_service_of_the_registry_itself_gets_the_certificate() {
    let ((registry, ca), client) = (start_secure().await, client());
    registry.require_bearer(&TokenService::for_user(USER, PASSWORD));
    let entry = with_certificate(secure(&registry, &ca, alice()), &client, false);
    can_be_pinned(&build(settings(vec![entry])).0, &registry).await;
    assert_eq!(presented(&registry), [is(&client), is(&client), is(&client)]);
}

#[tokio::test]
async fn an_entry_has_a_timeout_of_connections_of_its_own() {
    // Accepts no connection beyond its backlog, and answers none.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap().to_string();
    let numbers = EntryNumbers { connect_timeout: Some(Duration::from_millis(50)), ..EntryNumbers::default() };
    let entry = RegistryEntry { numbers, ..RegistryEntry::new(host.parse().unwrap(), Credential::Anonymous) };
    let begun = std::time::Instant::now();
    let image = format!("{host}/app:v1").parse().unwrap();
    let slow =
        countersign_registry::RegistrySettings { connect_timeout: Duration::from_secs(15), ..settings(vec![entry]) };
    let error = build(slow).0.pin(&image, soon()).await.unwrap_err();
    assert_eq!(error.kind(), countersign_registry::RegistryErrorKind::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_pair_of_files_is_checked() {
    let (one, two) = (client(), client());
    let parse = |certificate: &str, key: &str| ClientCertificate::parse(certificate.as_bytes(), key.as_bytes());
    let error = parse(&one.pem(), &two.key_pem()).unwrap_err();
    assert_eq!(error, ClientCertificateError::Foreign);
    assert_eq!(
        error.to_string(),
        "is not the key of the first certificate in certificateFile, expected the key of that certificate"
    );
    assert!(error.is_of_key());
    let error = parse(&one.key_pem(), &one.key_pem()).unwrap_err();
    assert!(matches!(error, ClientCertificateError::Pem(_)) && !error.is_of_key(), "{error}");
    let error = parse(&one.pem(), &one.pem()).unwrap_err();
    assert!(matches!(error, ClientCertificateError::Key(_)) && error.is_of_key(), "{error}");
    let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(parse(wrong, &one.key_pem()).unwrap_err(), ClientCertificateError::Certificate { line: 1 });
    let both = format!("{}{}", one.pem(), one.key_pem());
    let parsed = parse(&both, &both).unwrap();
    assert_eq!(parsed.subject().escaped(), "C=CH, ST=ZH, O=Testkit, CN=countersign");
    assert!(parsed.is_for_clients());
    assert!(parsed != self::parsed(&two) && parsed == self::parsed(&one));
    let shown = format!("{parsed:?}");
    assert!(shown.starts_with("ClientCertificate { subject: ") && shown.ends_with(", .. }"), "{shown}");
}

#[tokio::test]
async fn a_registry_that_is_not_content_names_the_setting() {
    let (registry, ca) = start_secure().await;
    let entry = secure(&registry, &ca, Credential::Anonymous);
    can_be_pinned(&build(settings(vec![entry.clone()])).0, &registry).await;
    registry.require_client_certificates();
    let message = pin_error(&build(settings(vec![entry.clone()])).0, &registry).await.to_string();
    assert!(
        message.ends_with(
            "it requires a client certificate that it accepts: set `clientCertificate` of its entry in registries, or renew \
             that certificate"
        ),
        "{message}"
    );
    let _ = app(&registry);
    can_be_pinned(&build(settings(vec![with_certificate(entry, &client(), false)])).0, &registry).await;
}
