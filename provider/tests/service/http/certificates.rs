//! Which client certificates are accepted, and which server certificates can be used.

use countersign::server::tls::LoadedTls;
use countersign::server::tls::TlsError;
use countersign::server::tls::TlsErrors;
use countersign::server::tls::TlsPem;
use countersign_core::codec::pem::Form;
use countersign_core::codec::pem::PemError;
use countersign_core::time::UnixTime;
use countersign_test_support::client::Client;
use countersign_test_support::client::is_answered;
use countersign_test_support::client::tls;
use countersign_test_support::service::Certificates;
use countersign_test_support::service::GATEKEEPER;
use countersign_test_support::service::Service;
use countersign_test_support::service::now;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::eku;
use rustls::version::TLS12;
use rustls::version::TLS13;
use std::time::Duration;

async fn check_refused(service: &Service, identity: Option<&Chain>, reason: &str) {
    let client = Client::of(service, tls(service, identity, &TLS13));
    assert!(!is_answered(&client).await, "{reason}");
    let series = format!("countersign_tls_handshake_failures_total{{reason=\"{reason}\"}}");
    assert!(service.metric(&series) >= 1.0, "{reason}");
}

#[tokio::test]
async fn only_gatekeeper_gets_a_response() {
    let service = Service::start().await;
    let clients = &service.certificates.clients;
    check_refused(&service, None, "no-certificate").await;
    let untrusted = Authority::root(CertSpec::root().common_name("clients")).issue(CertSpec::tls_client(GATEKEEPER));
    check_refused(&service, Some(&untrusted), "bad-certificate").await;
    assert!(is_answered(&Client::gatekeeper(&service)).await);
    check_refused(&service, Some(&clients.issue(CertSpec::tls_client("other.svc"))), "name-not-allowed").await;
    assert_eq!(service.script.asked(), ["a.example/skipped:latest"]);
}

#[tokio::test]
async fn refuses_a_client_certificate_for_servers_only() {
    let service = Service::start().await;
    let spec = CertSpec::tls_client(GATEKEEPER).ekus(&[eku::SERVER_AUTH]);
    check_refused(&service, Some(&service.certificates.clients.issue(spec)), "bad-certificate").await;
    let spec = CertSpec::tls_client(GATEKEEPER).ekus(&[eku::SERVER_AUTH, eku::CLIENT_AUTH]);
    let both = service.certificates.clients.issue(spec);
    assert!(is_answered(&Client::of(&service, tls(&service, Some(&both), &TLS13))).await);
}

#[tokio::test]
async fn refuses_an_expired_client_certificate() {
    let service = Service::start().await;
    let from = CertSpec::NOT_BEFORE;
    let spec = CertSpec::tls_client(GATEKEEPER).valid(from, from + Duration::from_secs(3600));
    check_refused(&service, Some(&service.certificates.clients.issue(spec)), "bad-certificate").await;
}

#[tokio::test]
async fn uses_the_common_name_only_without_dns_names() {
    let service = Service::start().await;
    let clients = &service.certificates.clients;
    let only_common = clients.issue(CertSpec::tls_client(GATEKEEPER).alternative_names(&[]));
    assert!(is_answered(&Client::of(&service, tls(&service, Some(&only_common), &TLS13))).await);
    let both = CertSpec::tls_client("other.svc").common_name(GATEKEEPER);
    check_refused(&service, Some(&clients.issue(both)), "name-not-allowed").await;
}

#[tokio::test]
async fn refuses_tls_1_2() {
    let service = Service::start().await;
    let identity = service.certificates.gatekeeper();
    let client = Client::of(&service, tls(&service, Some(&identity), &TLS12));
    assert!(!is_answered(&client).await);
    assert_eq!(service.metric(r#"countersign_tls_handshake_failures_total{reason="incompatible"}"#), 1.0);
}

#[tokio::test]
async fn new_connections_use_a_reloaded_client_authority() {
    let service = Service::start().await;
    let others = Authority::root(CertSpec::root().common_name("others"));
    let old = Client::gatekeeper(&service);
    let new = || {
        let chain = others.issue(CertSpec::tls_client(GATEKEEPER));
        Client::of(&service, tls(&service, Some(&chain), &TLS13))
    };
    assert!(is_answered(&old).await);
    assert!(!is_answered(&new()).await);
    // Both authorities, as during a rotation.
    let mut pem = service.certificates.server_pem();
    pem.client_ca.extend_from_slice(others.pem().as_bytes());
    service.tls.swap(LoadedTls::load(&pem, now()).unwrap());
    assert!(is_answered(&new()).await);
    assert!(is_answered(&Client::gatekeeper(&service)).await);
    // Only the new authority. Open connections stay open.
    pem.client_ca = others.pem().into();
    service.tls.swap(LoadedTls::load(&pem, now()).unwrap());
    assert!(is_answered(&new()).await);
    assert!(!is_answered(&Client::gatekeeper(&service)).await);
    assert!(is_answered(&old).await);
}

fn refusal(change: impl FnOnce(&Certificates, &mut TlsPem)) -> TlsError {
    let certificates = Certificates::issue();
    let mut pem = certificates.server_pem();
    change(&certificates, &mut pem);
    let TlsErrors(mut errors) = LoadedTls::load(&pem, now()).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn refuses_certificates_without_their_key_with_the_reason() {
    let error = refusal(|all, pem| pem.key = all.server_pem().client_ca);
    assert!(matches!(error, TlsError::Pem { what: "server key", .. }), "{error:?}");
    let error = refusal(|all, pem| pem.key = all.gatekeeper().key_pem().into());
    assert!(matches!(error, TlsError::Foreign), "{error:?}");
    let no_key = b"-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n";
    let error = refusal(|_, pem| pem.key = no_key.to_vec());
    assert!(matches!(error, TlsError::Pair), "{error:?}");
    let error = refusal(|_, pem| pem.certificate = b"nothing".to_vec());
    let not_pem = |form| PemError::NotPem { form };
    assert!(
        matches!(&error, TlsError::Pem { what: "server certificate", source } if *source == not_pem(Form::Other)),
        "{error:?}"
    );
    let error = refusal(|_, pem| pem.client_ca = Vec::new());
    assert!(
        matches!(&error, TlsError::Pem { what: "client CA", source } if *source == not_pem(Form::Empty)),
        "{error:?}"
    );
    let error = refusal(|all, pem| pem.client_ca.extend(all.gatekeeper().key_pem().into_bytes()));
    let TlsError::Pem { what: "client CA", source } = &error else { panic!("{error:?}") };
    assert!(matches!(source, PemError::KeyAmongCertificates { label, .. } if label == "PRIVATE KEY"), "{source:?}");
    let bad_block = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let error = refusal(|_, pem| pem.client_ca.extend_from_slice(bad_block));
    assert!(matches!(error, TlsError::Certificate { what: "client CA", line } if line > 2), "{error:?}");
}

#[test]
fn reads_pem_files_with_other_line_ends_and_combined_files() {
    let certificates = Certificates::issue();
    let TlsPem { certificate, key, client_ca } = certificates.server_pem();
    let windows = |pem: &[u8]| {
        let text = String::from_utf8(pem.to_vec()).unwrap();
        format!("\u{feff}{}\u{1a}", text.replace('\n', "\r\n")).into_bytes()
    };
    let both = [key.as_slice(), &certificate].concat();
    for pem in [
        TlsPem { certificate: windows(&certificate), key: windows(&key), client_ca: windows(&client_ca) },
        TlsPem { certificate: both.clone(), key: both, client_ca: client_ca.clone() },
    ] {
        assert!(LoadedTls::load(&pem, now()).is_ok());
    }
}

#[test]
fn reports_the_end_of_certificates() {
    let certificates = Certificates::issue();
    let end = UnixTime::try_from(CertSpec::NOT_AFTER).unwrap();
    let loaded = LoadedTls::load(&certificates.server_pem(), now()).unwrap();
    assert_eq!((loaded.server_end(), loaded.authorities_end()), (end, end));
    let TlsErrors(errors) = LoadedTls::load(&certificates.server_pem(), end).unwrap_err();
    let [TlsError::Expired { end: server }, TlsError::AuthoritiesExpired { end: authorities }] = errors[..] else {
        panic!("{errors:?}")
    };
    assert_eq!((server, authorities), (end, end));
}
