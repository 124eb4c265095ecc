use std::path::PathBuf;

use countersign_core::verdict::Code;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry as testkit;
use prometheus::Registry;

use super::*;
use crate::config::Purpose;
use crate::config::TrustLocation;
use crate::engine::Deadline;
use crate::engine::Verify as _;
use crate::telemetry::metrics;

/// A directory that goes away with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("countersign-reload-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const POLICY: &str = r#"{"version": "1.0", "trustPolicies": [{"name": "app", "registryScopes": ["*"],
    "signatureVerification": {"level": "strict"}, "trustStores": ["ca:main"], "trustedIdentities": ["*"]}]}"#;

fn identity(folder: &Folder) -> TlsFiles {
    let authority = Authority::root(CertSpec::root());
    let server = authority.issue(CertSpec::tls_server(&["localhost"]));
    folder.write("tls.crt", &server.pem());
    folder.write("tls.key", &server.key_pem());
    folder.write("ca.crt", &authority.pem());
    let path = |name: &str| folder.0.join(name);
    TlsFiles { certificate: path("tls.crt"), key: path("tls.key"), client_ca: path("ca.crt") }
}

#[tokio::test(start_paused = true)]
async fn changed_trust_is_in_use_after_the_next_look_and_bad_trust_is_not() {
    let folder = Folder::new("trust");
    folder.write("trustpolicy.json", POLICY);
    folder.write("truststore/x509/ca/main/a.pem", &Authority::root(CertSpec::root()).pem());
    let mut source = TrustSource::new(TrustLocation::Directory(folder.0.clone()), []);
    source.load().unwrap();
    let handle = source.handle();
    let registry = Registry::new();
    let metrics = Arc::new(Metrics::new(&registry).unwrap());
    let generation = || handle.current().unwrap().generation();
    let looks = trust(source, Duration::from_secs(10), metrics);
    let story = async {
        folder.write("truststore/x509/ca/main/b.pem", &Authority::root(CertSpec::root()).pem());
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert_eq!(generation(), 1);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(generation(), 2);
        assert!(metrics::text(&registry).unwrap().contains("last_reload_successful{files=\"trust\"} 1"));
        folder.write("trustpolicy.json", "{");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(generation(), 2);
        assert!(metrics::text(&registry).unwrap().contains("last_reload_successful{files=\"trust\"} 0"));
    };
    tokio::select! {
        error = looks => panic!("{error}"),
        () = story => {}
    }
}

#[tokio::test(start_paused = true)]
async fn changed_certificates_are_in_use_after_the_next_look_and_bad_ones_are_not() {
    let folder = Folder::new("tls");
    let (source, in_use) = TlsSource::load(identity(&folder)).unwrap();
    let first = in_use.current();
    let registry = Registry::new();
    let metrics = Arc::new(Metrics::new(&registry).unwrap());
    let looks = tls(source, Arc::clone(&in_use), Duration::from_secs(10), metrics);
    let story = async {
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert!(Arc::ptr_eq(&in_use.current(), &first));
        identity(&folder);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let second = in_use.current();
        assert!(!Arc::ptr_eq(&second, &first));
        folder.write("tls.key", "garbage");
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(Arc::ptr_eq(&in_use.current(), &second));
        assert!(metrics::text(&registry).unwrap().contains("last_reload_successful{files=\"tls\"} 0"));
    };
    tokio::select! {
        error = looks => panic!("{error}"),
        () = story => {}
    }
}

#[test]
fn the_same_trouble_is_told_once() {
    let folder = Folder::new("once");
    let (mut source, _) = TlsSource::load(identity(&folder)).unwrap();
    assert!(source.poll().is_none());
    std::fs::remove_file(folder.0.join("tls.key")).unwrap();
    assert!(matches!(source.poll(), Some(Err(TlsError::Read { what: "server key", .. }))));
    assert!(source.poll().is_none());
    folder.write("tls.key", "garbage");
    assert!(matches!(source.poll(), Some(Err(TlsError::Pem { what: "server key", .. }))));
    assert!(source.poll().is_none());
}

#[tokio::test]
async fn changed_credentials_make_a_new_engine_and_broken_ones_do_not() {
    // A second installation is refused, and the first serves all tests of the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let authority = Authority::root(CertSpec::root());
    let registry = testkit::Registry::start_tls(&authority.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
    registry.push_image("app", "v1");
    registry.require_basic("alice", "second");
    let folder = Folder::new("registries");
    folder.write("trust/trustpolicy.json", POLICY);
    folder.write("trust/truststore/x509/ca/main/a.pem", &authority.pem());
    folder.write("ca.pem", &authority.pem());
    folder.write("user", "alice\n");
    folder.write("password", "first\n");
    let host = registry.host();
    let text = format!(
        "trust: {{directory: trust}}\nregistries: [{{host: '{host}', ca: ca.pem, credentials: {{usernameFile: user, \
         passwordFile: password}}}}]\n"
    );
    let config = Config::parse(&text, &folder.0.join("c.yaml"), Purpose::Verify).unwrap();
    let metrics = Arc::new(Metrics::new(&Registry::new()).unwrap());
    let seen = config.registry_files_digest();
    let parts = parts::Parts::load(&config, &metrics).unwrap();
    let mut source = RegistrySource::new(config, parts.source.handle(), seen);
    let current = Current::new(parts.engine);
    let code = || {
        let image = Arc::new(format!("{host}/app:v1").parse().unwrap());
        let verdict = current.verify(image, Deadline::after(Duration::from_secs(20)));
        async { verdict.await.verdict.code() }
    };
    assert_eq!(code().await, Code::RegistryDenied);
    assert!(source.poll(&metrics).is_none());

    folder.write("password", "second\n");
    current.swap(source.poll(&metrics).unwrap().unwrap());
    assert_eq!(code().await, Code::Unsigned);
    assert!(source.poll(&metrics).is_none());

    std::fs::remove_file(folder.0.join("user")).unwrap();
    folder.write("password", "");
    let error = source.poll(&metrics).unwrap().unwrap_err().to_string();
    assert!(error.starts_with("the files of the registries have 2 mistakes\n"), "{error}");
    assert!(source.poll(&metrics).is_none());
}
