//! `trust.stores`: not tried without `--online`, and fetched with it.

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::responder::Responder;

use super::check;
use super::policy;
use super::sound;
use super::statement;

fn sha256_hex(bytes: &[u8]) -> String {
    Digest::of(DigestAlgorithm::Sha256, bytes).as_str().trim_start_matches("sha256:").to_owned()
}

struct Fetched {
    server: Responder,
    authority: Authority,
    pem: String,
}

impl Fetched {
    async fn start() -> Self {
        let authority = Authority::root(CertSpec::root().common_name("server CA"));
        let identity = authority.issue(CertSpec::tls_server(&["127.0.0.1"]));
        let server = Responder::start_tls(&identity).await;
        let pem = Authority::root(CertSpec::root().common_name("shop root")).pem();
        server.file("/shop.pem", "application/x-pem-file", pem.clone());
        Self { server, authority, pem }
    }

    /// A sound configuration whose policy names `ca:main` alone, which is fetched from `path` with this pin.
    fn folder(&self, path: &str, pin: &str) -> Folder {
        let folder = sound();
        folder.write("trust/trustpolicy.json", policy(&[statement("app", "registry.example.com/app")]));
        std::fs::remove_dir_all(folder.path().join("trust/truststore")).unwrap();
        folder.write("server-ca.pem", self.authority.pem());
        folder.write(
            "c.yaml",
            format!(
                "trust:\n  directory: trust\n  stores:\n  - store: ca:main\n    url: {{location: '{}', sha256: '{pin}', ca: \
                 server-ca.pem}}\nunlistedRegistries: refuse\nevidence: {{proxy: none, connectTimeout: 10s}}\n",
                self.url(path)
            ),
        );
        folder
    }

    fn url(&self, path: &str) -> String {
        self.server.url(path)
    }
}

/// In a thread that may block: the server is on that of the test.
async fn run(folder: Folder, online: bool) -> (Option<i32>, String) {
    let arguments: &[&str] = if online { &["--for", "verify", "--online"] } else { &["--for", "verify"] };
    tokio::task::spawn_blocking(move || check(&folder, arguments)).await.unwrap()
}

#[tokio::test]
async fn without_online_a_store_is_not_tried() {
    let fetched = Fetched::start().await;
    let (code, page) = run(fetched.folder("/shop.pem", &sha256_hex(fetched.pem.as_bytes())), false).await;
    assert_eq!(code, Some(0), "{page}");
    let warning = format!(
        "warning       store-not-tried: trust store ca:main is fetched from {}, which was not tried: statements that name it are shown as \
         disabled; --online fetches it\n",
        fetched.url("/shop.pem")
    );
    assert!(page.contains(&warning), "{page}");
    assert_eq!(fetched.server.journal().len(), 0);
}

#[tokio::test]
async fn online_shows_what_was_fetched() {
    let fetched = Fetched::start().await;
    let (code, page) = run(fetched.folder("/shop.pem", &sha256_hex(fetched.pem.as_bytes())), true).await;
    assert_eq!(code, Some(0), "{page}");
    assert!(page.contains("  store       ca:main\n    holds     "), "{page}");
    assert!(page.contains("shop root"), "{page}");
    assert!(!page.contains("store-not-tried"), "{page}");
}

#[tokio::test]
async fn content_that_is_not_the_pinned_one_is_a_warning() {
    let fetched = Fetched::start().await;
    let wrong = "0".repeat(64);
    let (code, page) = run(fetched.folder("/shop.pem", &wrong), true).await;
    assert_eq!(code, Some(0), "{page}");
    let warning = format!(
        "warning       store-unusable: c.yaml:4: trust.stores[0], trust store ca:main: nothing was fetched from {}: found {} bytes with the digest sha256:{}, expected \
         sha256:{wrong}; if the file was replaced on purpose, check it and write its digest into the configuration; it is tried \
         again\n",
        fetched.url("/shop.pem"),
        fetched.pem.len(),
        sha256_hex(fetched.pem.as_bytes())
    );
    assert!(page.contains(&warning), "{page}");
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_other_status_is_read() {
    let fetched = Fetched::start().await;
    let pin = sha256_hex(fetched.pem.as_bytes());
    let elsewhere = fetched.url("/shop.pem");
    fetched.server.when("/moved.pem").redirect(302, &elsewhere);
    let (code, page) = run(fetched.folder("/moved.pem", &pin), true).await;
    assert_eq!(code, Some(0), "{page}");
    assert!(page.contains("redirect") && page.contains("requests for trust stores"), "{page}");
    assert_eq!(fetched.server.count("/shop.pem"), 0);
    let (code, page) = run(fetched.folder("/absent.pem", &pin), true).await;
    assert_eq!(code, Some(0), "{page}");
    let why =
        format!("found status 404 of {}, expected 200; put the file there, or correct the URL", fetched.server.host());
    assert!(page.contains(&why), "{page}");
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused() {
    let fetched = Fetched::start().await;
    let folder = fetched.folder("/shop.pem", &sha256_hex(fetched.pem.as_bytes()));
    folder.write("server-ca.pem", Authority::root(CertSpec::root().common_name("other")).pem());
    let (code, page) = run(folder, true).await;
    assert_eq!(code, Some(0), "{page}");
    assert!(
        page.contains("store-unusable: c.yaml:4: trust.stores[0], trust store ca:main: nothing was fetched from "),
        "{page}"
    );
    let folder = fetched.folder("/shop.pem", &sha256_hex(fetched.pem.as_bytes()));
    folder.write("server-ca.pem", "garbage");
    let (code, page) = run(folder, true).await;
    assert_eq!(code, Some(3), "{page}");
    assert!(page.contains("server-ca.pem: "), "{page}");
    let folder = fetched.folder("/shop.pem", &sha256_hex(fetched.pem.as_bytes()));
    let config = std::fs::read_to_string(folder.path().join("c.yaml")).unwrap();
    folder.write("c.yaml", config.replace(", ca: server-ca.pem", ""));
    let (code, page) = run(folder, true).await;
    assert_eq!(code, Some(0), "{page}");
    let remedy = "expected one of the system's certificate authorities; set ca of the store's url to a file with the CA certificate that issued it";
    assert!(page.contains(remedy), "{page}");
    assert_eq!(fetched.server.count("/shop.pem"), 0);
}
