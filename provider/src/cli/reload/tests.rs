use std::path::PathBuf;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use super::*;
use crate::config::Purpose;
use crate::server::tls::TlsError;
use crate::server::tls::TlsFiles;

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

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.0.join(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn policy(statement: &str) -> String {
    format!(
        r#"{{"version": "1.0", "trustPolicies": [{{"name": "{statement}", "registryScopes": ["*"],
        "signatureVerification": {{"level": "strict"}}, "trustStores": ["ca:main"], "trustedIdentities": ["*"]}}]}}"#
    )
}

fn config(more: &str) -> String {
    format!(
        "server: {{listen: '127.0.0.1:0', tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.crt}}}}\n\
         health: {{listen: '127.0.0.1:0'}}\ntrust: {{directory: trust}}\n{more}"
    )
}

fn certificates(folder: &Folder) -> TlsFiles {
    let authority = Authority::root(CertSpec::root());
    let server = authority.issue(CertSpec::tls_server(&["localhost"]));
    folder.write("tls.crt", &server.pem());
    folder.write("tls.key", &server.key_pem());
    folder.write("ca.crt", &authority.pem());
    let path = |name: &str| folder.0.join(name);
    TlsFiles { certificate: path("tls.crt"), key: path("tls.key"), client_ca: path("ca.crt") }
}

/// A service that is not run: its looks are the test's.
struct Looked {
    folder: Folder,
    reloader: Reloader,
}

impl Looked {
    async fn start(name: &str) -> Self {
        // A second installation is refused, and the first serves all tests of the process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = Folder::new(name);
        certificates(&folder);
        folder.write("trust/trustpolicy.json", &policy("app"));
        folder.write("trust/truststore/x509/ca/main/a.pem", &Authority::root(CertSpec::root()).pem());
        folder.write("c.yaml", &config(""));
        let (file, config) = ConfigFile::load(&folder.0.join("c.yaml"), Purpose::Serve).unwrap();
        let reloader = serve::Service::start(&config).await.unwrap().following(file, None).reloader;
        Self { folder, reloader }
    }

    fn look(&mut self) -> &mut Self {
        self.reloader.look();
        self
    }

    /// The lines about files, without points in time: `+` in use, `!` and why not.
    fn signs(&self) -> Vec<String> {
        let (_, text) = self.reloader.signs.readiness().report(true);
        let files = text.lines().filter_map(|line| {
            let (mark, line) = line.split_once("files ")?;
            let (files, said) = line.split_once(": ")?;
            let why = said.split_once("was refused at ").map(|(_, why)| why.split_once(": ").unwrap().1);
            Some(format!("{}{files}{}", mark.trim(), why.map(|why| format!(" {why}")).unwrap_or_default()))
        });
        files.filter(|line| !line.starts_with("[+]")).collect()
    }

    fn generation(&self) -> u64 {
        self.reloader.trust.handle().current().unwrap().generation()
    }
}

#[tokio::test]
async fn nothing_changes_as_long_as_nothing_changes() {
    let mut service = Looked::start("nothing").await;
    let engine = service.reloader.live.handler_address();
    service.look().look();
    assert_eq!((service.generation(), service.signs()), (1, Vec::new()));
    assert_eq!(service.reloader.live.handler_address(), engine);
}

#[tokio::test]
async fn a_changed_configuration_is_a_new_generation_and_a_comment_is_none() {
    let mut service = Looked::start("configuration").await;
    service.folder.write("c.yaml", &config("cache: {verdictLifetime: 1m}"));
    service.look();
    assert_eq!(service.reloader.config.cache.verdict_lifetime.as_secs(), 60);
    assert_eq!((service.generation(), service.signs()), (2, Vec::new()));
    service.folder.write("c.yaml", &config("cache: {verdictLifetime: 1m} # for a minute"));
    service.look();
    assert_eq!(service.generation(), 2);
}

#[tokio::test]
async fn a_configuration_with_mistakes_or_bad_files_changes_nothing_at_all() {
    let mut service = Looked::start("mistakes").await;
    let engine = service.reloader.live.handler_address();
    service.folder.write("c.yaml", &config("cash: {}"));
    let signs = service.look().signs();
    assert_eq!(signs.len(), 1);
    assert!(signs[0].contains("cash: found an unknown key"), "{signs:?}");
    let registry = "registries: [{host: a.example, credentials: {dockerConfig: login.json}}]";
    service.folder.write("c.yaml", &config(registry));
    let signs = service.look().signs();
    assert!(signs[0].starts_with("[!]config the files of the registries have 1 mistake"), "{signs:?}");
    assert_eq!((service.generation(), signs.len()), (1, 1));
    assert_eq!(service.reloader.live.handler_address(), engine);
    // What was missing comes, and the same configuration is good.
    service.folder.write("login.json", r#"{"auths": {"a.example": {"auth": "YTpi"}}}"#);
    assert_eq!(service.look().signs(), [""; 0]);
    assert_eq!(service.generation(), 2);
    assert_eq!(service.reloader.config.registries.len(), 1);
}

#[tokio::test]
async fn the_old_file_put_back_ends_the_trouble() {
    let mut service = Looked::start("back").await;
    for (name, content) in [("c.yaml", config("")), ("trust/trustpolicy.json", policy("app"))] {
        service.folder.write(name, "{");
        assert_eq!(service.look().signs().len(), 1, "{name}");
        service.folder.write(name, &content);
        assert_eq!(service.look().signs(), [""; 0], "{name}");
    }
    service.folder.remove("c.yaml");
    let signs = service.look().signs();
    assert!(signs[0].starts_with("[!]config cannot read the configuration "), "{signs:?}");
}

#[tokio::test]
async fn a_statement_may_be_renamed_in_both_files_in_either_order() {
    let demand = |statement| {
        config(&format!("verification: {{requiredMetadata: [{{statement: {statement}, annotations: {{a: b}}}}]}}"))
    };
    let mut service = Looked::start("renamed").await;
    service.folder.write("c.yaml", &demand("app"));
    assert_eq!(service.look().signs(), [""; 0]);
    service.folder.write("c.yaml", &demand("prod"));
    assert_eq!(service.look().signs().len(), 1);
    service.folder.write("trust/trustpolicy.json", &policy("prod"));
    assert_eq!(service.look().signs(), [""; 0]);
    service.folder.write("trust/trustpolicy.json", &policy("live"));
    assert_eq!(service.look().signs().len(), 1);
    service.folder.write("c.yaml", &demand("live"));
    assert_eq!(service.look().signs(), [""; 0]);
}

#[tokio::test]
async fn what_cannot_change_is_named_until_it_is_put_back() {
    let mut service = Looked::start("restart").await;
    let lines = |service: &Looked| {
        let (_, text) = service.reloader.signs.readiness().report(true);
        text.lines().filter(|line| line.contains("restart")).map(str::to_owned).collect::<Vec<_>>()
    };
    let other = config("").replacen("127.0.0.1:0", "127.0.0.1:1", 1).replacen("127.0.0.1:0", "127.0.0.1:2", 1);
    service.folder.write("c.yaml", &other);
    assert_eq!(lines(service.look()), ["[!] restart needed for server.listen, health.listen"]);
    service.folder.write("c.yaml", &config(""));
    assert_eq!(lines(service.look()), [""; 0]);
}

#[tokio::test]
async fn certificates_may_move_to_other_files() {
    let mut service = Looked::start("moved").await;
    let first = service.reloader.tls.current();
    service.folder.write("c.yaml", &config("").replace("tls.crt", "new.crt"));
    assert_eq!(service.look().signs().len(), 1);
    std::fs::rename(service.folder.0.join("tls.crt"), service.folder.0.join("new.crt")).unwrap();
    assert_eq!(service.look().signs(), [""; 0]);
    assert!(!Arc::ptr_eq(&service.reloader.tls.current(), &first));
}

#[test]
fn the_same_trouble_is_told_once() {
    let folder = Folder::new("once");
    let (mut source, _) = TlsSource::load(certificates(&folder)).unwrap();
    assert!(source.poll().is_none());
    folder.remove("tls.key");
    assert!(matches!(source.poll(), Some(Err(TlsError::Read { what: "server key", .. }))));
    assert!(source.poll().is_none());
    folder.write("tls.key", "garbage");
    let error = source.poll().unwrap().unwrap_err();
    let path = folder.0.join("tls.key");
    assert_eq!(
        crate::cli::Chain(&error).to_string(),
        format!("{}: server key cannot be read: has no -----BEGIN line: want a private key in PEM", path.display())
    );
    assert!(source.poll().is_none());
}

#[tokio::test]
async fn broken_credentials_leave_the_good_ones_in_use() {
    let mut service = Looked::start("credentials").await;
    service.folder.write("user", "alice\n");
    service.folder.write("password", "first\n");
    let registry = "registries: [{host: a.example, credentials: {usernameFile: user, passwordFile: password}}]";
    service.folder.write("c.yaml", &config(registry));
    assert_eq!(service.look().signs(), [""; 0]);
    let engine = service.reloader.live.handler_address();
    service.folder.remove("user");
    service.folder.write("password", "");
    let signs = service.look().signs();
    assert!(signs[0].starts_with("[!]registries the files of the registries have 2 mistakes"), "{signs:?}");
    assert_eq!(service.reloader.live.handler_address(), engine);
    service.folder.write("user", "alice\n");
    service.folder.write("password", "second\n");
    assert_eq!(service.look().signs(), [""; 0]);
    assert_ne!(service.reloader.live.handler_address(), engine);
}
