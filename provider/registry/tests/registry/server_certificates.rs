//! Which certificates of registries are accepted, and the errors for the others.

use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;

use countersign_core::time::UnixTime;
use countersign_credentials::Credential;
use countersign_http::CertificateNames;
use countersign_http::FetchError;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_http::RootsSource;
use countersign_http::TlsFailure;
use countersign_registry::Cause;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::eku;
use countersign_testkit::registry::Registry;
use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use time::Duration;

use crate::support::build;
use crate::support::can_be_pinned;
use crate::support::pin_error;
use crate::support::settings;
use crate::support::soon;

/// The certificate that `openssl req -x509` issues for this key and names: an authority, by its extensions.
const OPENSSL: &str = "-----BEGIN CERTIFICATE-----
MIIBzzCCAXWgAwIBAgIUUNXB7+cVwUvi29Hlfu+0yeaSA5EwCgYIKoZIzj0EAwIw
LjEZMBcGA1UECgwQQ291bnRlcnNpZ24gdGVzdDERMA8GA1UEAwwIcmVnaXN0cnkw
IBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMC4xGTAXBgNVBAoMEENv
dW50ZXJzaWduIHRlc3QxETAPBgNVBAMMCHJlZ2lzdHJ5MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEu98OQhlkDyyI8VSS9uw2Rwm3IRCiKMWMnihj0oir0cw7AoDt
hKzx2EgkCLzuvzStxi/3wqUWsmvvLCHEgrZ016NvMG0wHQYDVR0OBBYEFCQ6sv2I
fueaJZOVhqVj03QQptGJMB8GA1UdIwQYMBaAFCQ6sv2IfueaJZOVhqVj03QQptGJ
MA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYcEfwAAAYIJbG9jYWxob3N0MAoG
CCqGSM49BAMCA0gAMEUCIGZ6aikKzu6zHtp6WAqpYFKMZYj3bGXQdLrhoasbw3aQ
AiEA93ZGzayzcsjmFPkmg9rJE7obhChP48KAxhqqnyz0a6M=
-----END CERTIFICATE-----
";
const OPENSSL_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQdsWEhzaGzf4iICN
NwtNMXCJBdQ4U8LPDphh7t8BiwmhRANCAAS73w5CGWQPLIjxVJL27DZHCbchEKIo
xYyeKGPSiKvRzDsCgO2ErPHYSCQIvO6/NK3GL/fCpRaya+8sIcSCtnTX
-----END PRIVATE KEY-----
";

/// A certificate as `openssl req -x509` creates it: no keyUsage, no extKeyUsage.
fn self_signed(names: &[&str]) -> CertSpec {
    CertSpec::tls_server(names).without_key_usage().without_ekus().is_ca(true)
}

fn entry(address: SocketAddr, ca: &str) -> RegistryEntry {
    let roots = Roots::Only(RootCertificates::parse("ca/registry.pem", ca.as_bytes()).unwrap());
    RegistryEntry { roots, ..RegistryEntry::new(address.to_string().parse().unwrap(), Credential::Anonymous) }
}

fn roots() -> RootsSource {
    RootsSource::File("ca/registry.pem".into())
}

/// The error of a client with this `ca` for a registry with this certificate.
async fn failure(identity: &Chain, ca: &str) -> TlsFailure {
    let registry = Registry::start_tls(identity).await;
    registry.push_image("app", "v1");
    let (registries, seen) = build(settings(vec![entry(registry.address(), ca)]));
    let cause = pin_error(&registries, &registry).await;
    assert_eq!(cause.kind(), RegistryErrorKind::Unreachable);
    assert_eq!(seen.all().len(), 1, "tried again");
    assert_eq!(registry.requests().len(), 0);
    let Cause::Fetch(FetchError::Tls { host, failure }) = cause else { panic!("{cause:?}") };
    assert_eq!(host, registry.host());
    failure
}

async fn accepted(identity: &Chain, ca: &str) {
    let registry = Registry::start_tls(identity).await;
    registry.push_image("app", "v1");
    can_be_pinned(&build(settings(vec![entry(registry.address(), ca)])).0, &registry).await;
}

/// Responds to one connection with 404, with this certificate and key, which may not match.
fn answers_once(certificate: CertificateDer<'static>, key: &PrivateKeyDer<'static>) -> SocketAddr {
    #[derive(Debug)]
    struct Always(Arc<CertifiedKey>);
    impl ResolvesServerCert for Always {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(key).unwrap();
    let identity = Always(Arc::new(CertifiedKey::new(vec![certificate], key)));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(identity));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
        // The test checks the client's error.
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let _ = stream.flush();
    });
    address
}

async fn cause_at(address: SocketAddr, ca: &str) -> Cause {
    let image = format!("{address}/app:v1").parse().unwrap();
    build(settings(vec![entry(address, ca)])).0.pin(&image, soon()).await.unwrap_err().cause
}

#[tokio::test]
async fn a_certificate_by_openssl_req_x509_is_accepted() {
    let address = answers_once(
        CertificateDer::from_pem_slice(OPENSSL.as_bytes()).unwrap(),
        &PrivateKeyDer::from_pem_slice(OPENSSL_KEY.as_bytes()).unwrap(),
    );
    let cause = cause_at(address, OPENSSL).await;
    assert!(matches!(cause, Cause::NotFound { .. }), "{cause:?}");
}

#[tokio::test]
async fn accepts_a_self_signed_certificate_in_the_ca_file_with_any_basic_constraints() {
    let names = ["127.0.0.1", "localhost"];
    for spec in [
        self_signed(&names),
        self_signed(&names).is_ca(false),
        self_signed(&names).without_basic_constraints(),
        CertSpec::tls_server(&names).is_ca(true),
        CertSpec::tls_server(&names),
    ] {
        let identity = Chain::self_signed(spec);
        accepted(&identity, &identity.pem()).await;
        // Together with an authority, in a file with Windows line ends.
        let bundle = format!("{}{}", Authority::root(CertSpec::root()).pem(), identity.pem());
        accepted(&identity, &bundle.replace('\n', "\r\n")).await;
    }
}

#[tokio::test]
async fn accepts_only_the_identical_certificate() {
    let identity = Chain::self_signed(self_signed(&["127.0.0.1"]));
    // The same names and the same key, in another certificate.
    let again = Chain::self_signed(self_signed(&["127.0.0.1"]).with_key(identity.key()));
    let refused = failure(&again, &identity.pem()).await;
    assert_eq!(refused, TlsFailure::SelfSigned { roots: roots() });
    assert_eq!(
        refused.to_string(),
        "its certificate is self-signed and not one of the certificates in ca/registry.pem; add this certificate to that file"
    );
    // Another key; another name, as no authority.
    let other = Chain::self_signed(self_signed(&["127.0.0.1"]));
    assert_eq!(failure(&identity, &other.pem()).await, TlsFailure::SelfSigned { roots: roots() });
    let elsewhere = Chain::self_signed(CertSpec::tls_server(&["127.0.0.1"]).common_name("elsewhere"));
    assert_eq!(failure(&elsewhere, &identity.pem()).await, TlsFailure::SelfSigned { roots: roots() });
    // A CA certificate in the file that is not self-issued.
    let root = Authority::root(CertSpec::root());
    let below = root.issue(self_signed(&["127.0.0.1"]));
    let certificates = Chain::with_certificates(&below, vec![below.leaf_der().to_vec()]);
    assert_eq!(failure(&below, &certificates.pem()).await, TlsFailure::Authority);
    assert_eq!(failure(&below, &root.pem()).await, TlsFailure::Authority);
}

#[tokio::test]
async fn it_is_accepted_for_the_host_of_that_entry_only() {
    let identity = Chain::self_signed(self_signed(&["127.0.0.1"]));
    let registry = Registry::start_tls(&identity).await;
    registry.push_image("app", "v1");
    let other = Registry::start_tls(&identity).await;
    other.push_image("app", "v1");
    let system = RegistryEntry::new(other.host().parse().unwrap(), Credential::Anonymous);
    let (registries, _) = build(settings(vec![entry(registry.address(), &identity.pem()), system]));
    can_be_pinned(&registries, &registry).await;
    let failure = TlsFailure::SelfSigned { roots: RootsSource::System };
    let cause = pin_error(&registries, &other).await;
    assert_eq!(
        cause.to_string(),
        format!(
            "cannot connect to {} over TLS: its certificate is self-signed and not one of the system's certificate \
             authorities; set `ca` of the registry's entry to a file with this certificate",
            other.host()
        )
    );
    assert_eq!(cause, Cause::Fetch(FetchError::Tls { host: other.host(), failure }));
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused() {
    let identity = Chain::self_signed(self_signed(&["127.0.0.1"]));
    let (_, key) = Chain::self_signed(self_signed(&["127.0.0.1"])).for_rustls();
    let address = answers_once(identity.leaf_der().to_vec().into(), &key);
    let cause = cause_at(address, &identity.pem()).await;
    assert_eq!(cause, Cause::Fetch(FetchError::Tls { host: address.to_string(), failure: TlsFailure::Proof }));
}

#[tokio::test]
async fn name_time_and_purpose_are_checked_however_it_is_issued() {
    let (begin, hour) = (CertSpec::NOT_BEFORE, Duration::hours(1));
    let (old, future) = (begin + hour, CertSpec::NOT_AFTER - hour);
    let time = |time| UnixTime::try_from(time).unwrap();
    let root = Authority::root(CertSpec::root());
    let many = ["a.example", "b.example", "c.example", "d.example", "10.0.0.1"];
    let names =
        |first: &[&str], more| CertificateNames { first: first.iter().map(|name| (*name).into()).collect(), more };
    let name = |names| TlsFailure::Name { expected: "127.0.0.1".to_owned(), names };
    let fine = || self_signed(&["127.0.0.1"]);
    for (spec, expected) in [
        (fine().valid(begin, old), TlsFailure::Expired { end: time(old) }),
        (fine().valid(future, CertSpec::NOT_AFTER), TlsFailure::NotYetValid { begin: time(future) }),
        (self_signed(&["localhost", "10.0.0.1", "::1"]), name(names(&["localhost", "10.0.0.1", "::1"], 0))),
        (self_signed(&many), name(names(&many[..3], 2))),
        (self_signed(&[]).common_name("127.0.0.1"), name(names(&[], 0))),
        (fine().ekus(&[eku::CLIENT_AUTH]), TlsFailure::Purpose),
    ] {
        let lone = Chain::self_signed(spec.clone());
        assert_eq!(failure(&lone, &lone.pem()).await, expected);
        let issued = root.issue(spec.is_ca(false));
        assert_eq!(failure(&issued, &root.pem()).await, expected);
    }
}

#[tokio::test]
async fn names_the_configured_authorities_in_the_error() {
    let root = Authority::root(CertSpec::root());
    let issued = root.issue(CertSpec::tls_server(&["127.0.0.1"]));
    let other = Authority::root(CertSpec::root().common_name("other"));
    let refused = failure(&issued, &other.pem()).await;
    let issuer = "C=CH, ST=ZH, O=Testkit, CN=root".into();
    assert_eq!(refused, TlsFailure::UnknownIssuer { issuer, roots: roots() });
    assert_eq!(
        refused.to_string(),
        "its certificate is not trusted: found issuer \"C=CH, ST=ZH, O=Testkit, CN=root\", expected one of the \
         certificates in ca/registry.pem; add the CA certificate that issued it to that file"
    );
    let ended = CertSpec::NOT_BEFORE + Duration::hours(1);
    let between = root.intermediate(CertSpec::intermediate().valid(CertSpec::NOT_BEFORE, ended));
    assert_eq!(
        failure(&between.issue(CertSpec::tls_server(&["127.0.0.1"])), &root.pem()).await,
        TlsFailure::AuthorityExpired { end: UnixTime::try_from(ended).unwrap() }
    );
}

#[tokio::test]
async fn a_certificate_of_version_1_has_no_names_and_is_refused() {
    let root = Authority::root(CertSpec::root());
    let spec = CertSpec::root().common_name("127.0.0.1").with_key(root.key());
    let version_1 = root.reissue(Authority::root(spec).der(), |tbs| {
        tbs.remove(0);
        tbs.pop();
    });
    let (_, key) = root.as_chain().for_rustls();
    let ca = root.as_chain().with_certificates(vec![version_1.clone()]).pem();
    let address = answers_once(version_1.into(), &key);
    let failure = TlsFailure::Certificate { detail: "is not of X.509 version 3, which names of servers need" };
    assert_eq!(cause_at(address, &ca).await, Cause::Fetch(FetchError::Tls { host: address.to_string(), failure }));
}

#[tokio::test]
async fn reports_a_port_without_tls() {
    let registry = Registry::start().await;
    let ca = Authority::root(CertSpec::root()).pem();
    let cause = pin_error(&build(settings(vec![entry(registry.address(), &ca)])).0, &registry).await;
    assert_eq!(cause, Cause::Fetch(FetchError::Tls { host: registry.host(), failure: TlsFailure::NotTls }));
    assert_eq!(
        cause.to_string(),
        format!(
            "cannot connect to {} over TLS: it does not use TLS, expected a TLS port; for a registry without TLS, \
             set `plainHttp: true`",
            registry.host()
        )
    );
}
