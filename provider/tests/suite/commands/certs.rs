//! `countersign certs` as the built binary: TLS uses the issued certificates as Gatekeeper does.

#![allow(clippy::unwrap_used)]

mod renewal;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::ServerName;
use rustls_pki_types::pem::PemObject as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::TlsConnector;

use countersign_test_support::binary;
use countersign_testkit::folder::Folder;

pub(crate) const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// Where the files of a test go, and the folder that holds it.
pub(crate) struct Out(pub(crate) Folder);

impl Out {
    pub(crate) fn new() -> Self {
        Self(Folder::new())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("certs").join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Exit code, output and errors, with the folder's path cut out.
    pub(crate) fn certs(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let out = self.path("").display().to_string();
        let out = out.trim_end_matches('/');
        let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
        command.args(["certs", "--out", out]).args(arguments);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(out, "certs");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    #[track_caller]
    pub(crate) fn made(&self, arguments: &[&str]) -> String {
        let (code, page, errors) = self.certs(arguments);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{page}");
        page
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca.crt")).unwrap()).unwrap();
        Arc::new(roots)
    }

    pub(crate) fn pair(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = CertificateDer::pem_file_iter(self.path(&format!("{name}.crt"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
        (chain.map(Result::unwrap).collect(), key)
    }

    /// A handshake by TLS 1.3 with a server that shows tls.crt, by a client that trusts only ca.crt; the client
    /// shows client.crt if `mutual`.
    pub(crate) async fn handshake(&self, host: &str, mutual: bool) -> Result<(), String> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (chain, key) = self.pair("tls");
        let server = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13]);
        let server = if mutual {
            server.with_client_cert_verifier(WebPkiClientVerifier::builder(self.roots()).build().unwrap())
        } else {
            server.with_no_client_auth()
        };
        let server = server.with_single_cert(chain, key).unwrap();
        let client = ClientConfig::builder().with_root_certificates(self.roots());
        let client = if mutual {
            let (chain, key) = self.pair("client");
            client.with_client_auth_cert(chain, key).unwrap()
        } else {
            client.with_no_client_auth()
        };
        let (near, far) = tokio::io::duplex(1 << 16);
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let (accepted, connected) = tokio::join!(
            TlsAcceptor::from(Arc::new(server)).accept(far),
            TlsConnector::from(Arc::new(client)).connect(name, near)
        );
        connected.map_err(|error| error.to_string())?;
        accepted.map_err(|error| error.to_string())?;
        Ok(())
    }
}

#[tokio::test]
async fn clients_accept_the_issued_certificate_by_name() {
    let out = Out::new();
    let page = out.made(&[]);
    assert_eq!(out.names(), ["ca.crt", "ca.key", "provider-patch.yaml", "tls.crt", "tls.key"]);
    for host in ["countersign.countersign.svc", "countersign.countersign.svc.cluster.local"] {
        assert_eq!(out.handshake(host, false).await, Ok(()));
    }
    let error = out.handshake("countersign.elsewhere.svc", false).await.unwrap_err();
    assert!(error.contains("not valid for name"), "{error}");

    let bundle = STANDARD.encode(out.read("ca.crt"));
    let lines: Vec<_> = page.lines().collect();
    assert!(lines[0].starts_with("authority     certs/ca.crt, new, until 2"), "{page}");
    assert!(
            lines[1].starts_with(
                "server        certs/tls.crt, for countersign.countersign.svc, countersign.countersign.svc.cluster.local, until 2"
            ),
            "{page}"
        );
    assert_eq!(lines[2], "patch         certs/provider-patch.yaml");
    assert_eq!(lines[3], format!("caBundle      {bundle}"));
    assert_eq!(
        lines[4..].iter().filter(|line| !line.starts_with('#')).collect::<Vec<_>>(),
        [
            &"",
            &"kubectl get namespace countersign >/dev/null 2>&1 || kubectl create namespace countersign",
            &"kubectl create secret tls countersign-tls --namespace countersign --cert certs/tls.crt --key certs/tls.key --dry-run=client -o yaml | kubectl apply --server-side --force-conflicts -f -",
        ]
    );
    let patch = out.read("provider-patch.yaml");
    assert!(patch.ends_with(&format!("\nspec:\n  caBundle: {bundle}\n")), "{patch}");
}

#[test]
fn keys_are_only_in_files_readable_by_their_owner() {
    let out = Out::new();
    let page = out.made(&["--secret", "countersign-tls", "--client-name", GATEKEEPER]);
    assert!(!page.contains("PRIVATE") && !page.contains("LS0tLS1CRUdJTiBQUklWQVRF"), "{page}");
    let names = out.names();
    assert_eq!(
        names,
        ["ca.crt", "ca.key", "client.crt", "client.key", "provider-patch.yaml", "secret.yaml", "tls.crt", "tls.key"]
    );
    for name in names {
        let mode = fs::metadata(out.path(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::metadata(out.path("")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn the_secret_is_the_one_that_the_deployment_mounts() {
    let out = Out::new();
    let page = out.made(&["--secret", "countersign-tls", "--namespace", "gatekeeper-system"]);
    assert!(page.contains("\nkubectl apply --server-side --force-conflicts -f certs/secret.yaml\n"), "{page}");
    assert!(page.contains("for countersign.gatekeeper-system.svc, "), "{page}");
    let expected = format!(
        "# Holds a private key.
apiVersion: v1
kind: Secret
metadata:
  name: countersign-tls
  namespace: gatekeeper-system
  labels:
    app.kubernetes.io/name: countersign
type: kubernetes.io/tls
data:
  tls.crt: {}
  tls.key: {}
",
        STANDARD.encode(out.read("tls.crt")),
        STANDARD.encode(out.read("tls.key"))
    );
    assert_eq!(out.read("secret.yaml"), expected);
}

#[tokio::test]
async fn accepts_a_client_of_the_same_authority() {
    let out = Out::new();
    out.made(&["--name", "localhost", "--name", "127.0.0.1", "--client-name", GATEKEEPER]);
    assert_eq!(out.handshake("localhost", true).await, Ok(()));
    assert_eq!(out.handshake("127.0.0.1", true).await, Ok(()));

    // And by `check` as well.
    out.0.write("trust/trustpolicy.json", countersign_test_support::fixture::policy(&["ca:main"], &["*"]));
    out.0.write("trust/truststore/x509/ca/main/root.pem", Authority::root(CertSpec::root()).pem());
    let tls = "{certificate: certs/tls.crt, key: certs/tls.key, clientCa: certs/ca.crt}";
    out.0.write("c.yaml", format!("trust: {{directory: trust}}\nserver: {{tls: {tls}}}\n"));
    let config = out.0.path().join("c.yaml");
    let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
    command.arg("check").arg("--config").arg(config).env_remove("SSL_CERT_DIR");
    let output = command.env("SSL_CERT_FILE", out.path("ca.crt")).output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{page}");
    assert!(page.contains("\n  certificate CN=localhost, for localhost, 127.0.0.1, until "), "{page}");
    assert!(page.ends_with("\n0 mistakes, 0 warnings\n"), "{page}");
}

#[test]
fn validates_names_and_days() {
    let out = Out::new();
    for arguments in [
        &["--name", "*.example.com"][..],
        &["--name", "a_b"],
        &["--name", ""],
        &["--client-name", "127.0.0.1."],
        &["--namespace", "a/b"],
        &["--namespace", "a.b"],
        &["--namespace", "A"],
        &["--secret", "a b"],
        &["--days", "0"],
        &["--days", "3651"],
        &["--renew", "--force"],
    ] {
        let (code, page, errors) = out.certs(arguments);
        assert_eq!((code, page.as_str()), (Some(3), ""), "{arguments:?}");
        assert!(errors.starts_with("error: "), "{errors}");
    }
    assert!(!out.path("").exists());
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output =
            binary::command(env!("CARGO_BIN_EXE_countersign"), &[]).args(["completions", shell]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let script = String::from_utf8(output.stdout).unwrap();
        let commands = ["serve", "verify", "inspect", "check", "certs", "completions"];
        let options = ["filename", "output", "color", "provider", "namespace"];
        for word in commands.iter().chain(&options) {
            assert!(script.contains(word), "{shell} {word}");
        }
    }
    for arguments in [&["verify"][..], &["inspect"], &["check"], &["certs"], &["completions"]] {
        let output =
            binary::command(env!("CARGO_BIN_EXE_countersign"), &[]).args(arguments).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains("Examples:\n  countersign "), "{help}");
    }
}
