//! Countersign with a registry and files that change.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::TokenService;
use serde_json::json;

use crate::caller::Caller;
use crate::expectations::Condition;
use crate::expectations::Expectations;
use crate::expectations::Image;
use crate::images;
use crate::images::Signers;
use crate::served;

const USER: &str = "soak";

/// The lifetimes of the configuration: short, so that a minute has everything that an hour has.
pub(crate) const VERDICT_LIFETIME: Duration = Duration::from_secs(20);
pub(crate) const REJECTED_LIFETIME: Duration = Duration::from_secs(5);
pub(crate) const TAG_LIFETIME: Duration = Duration::from_secs(2);

/// The root that is in the store at times.
const SECOND_ROOT: &str = "trust/truststore/x509/ca/main/second.pem";

/// What is replaced by another one of its kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Replaced {
    ServerCertificate,
    ClientAuthority,
    Password,
    RegistryAuthority,
}

pub(crate) struct Inner {
    process: Mutex<Child>,
    pub(crate) caller: Caller,
    pub(crate) registry: Registry,
    /// Of the certificate of the registry, in use in turn.
    registry_authorities: [Authority; 2],
    pub(crate) signers: Signers,
    pub(crate) images: Vec<Image>,
    pub(crate) expectations: Expectations,
    /// Fresh images whose verdicts are in memory.
    pub(crate) known: Mutex<Vec<Image>>,
    /// `HOST:PORT` of the endpoints.
    pub(crate) address: String,
    /// `HOST:PORT` of the metrics, and a client for them.
    health: (String, reqwest::Client),
    folder: PathBuf,
    /// Issues tokens for the password in use.
    pub(crate) tokens: Mutex<TokenService>,
    /// The numbers of what is in use.
    replaced: [AtomicUsize; 4],
}

/// Clones share all of it.
#[derive(Clone)]
pub(crate) struct Site(Arc<Inner>);

impl std::ops::Deref for Site {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap();
        let _ = process.kill();
        let _ = process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Site {
    // The ban on child processes is for the product.
    #[allow(clippy::disallowed_methods)]
    pub(crate) async fn start(binary: &Path) -> Self {
        let folder = std::env::temp_dir().join(format!("countersign-soak-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let authorities = ["registry 1", "registry 2"].map(|name| Authority::root(CertSpec::root().common_name(name)));
        let registry = Registry::start_tls(&certificate_of_registry(&authorities[0])).await;
        let tokens = token_service("password 0");
        registry.require_bearer(&tokens);
        let signers = Signers::new();
        let images = signers.images(&registry);
        let (caller, server) = Caller::new();
        for (name, content) in [
            ("tls.crt", server.pem()),
            ("tls.key", server.key_pem()),
            ("authority.pem", caller.client_authority(0)),
            ("registry.pem", authorities[0].pem()),
            ("user", USER.to_owned()),
            ("password", "password 0".to_owned()),
            ("c.yaml", config(&registry.host())),
            ("trust/trustpolicy.json", policy(&registry.host(), true, true)),
            ("trust/truststore/x509/ca/main/first.pem", signers.first.pem()),
            (SECOND_ROOT, signers.second.pem()),
            ("trust/truststore/x509/ca/other/other.pem", signers.other.pem()),
        ] {
            served::write(&folder, name, &content);
        }
        let mut command = Command::new(fs::canonicalize(binary).unwrap());
        command.env_clear().current_dir(&folder).args(["serve", "--config", "c.yaml"]).stdin(Stdio::null());
        let (process, event) = served::start(&mut command).await;
        Self(Arc::new(Inner {
            process: Mutex::new(process),
            caller,
            registry,
            registry_authorities: authorities,
            signers,
            images,
            expectations: Expectations::new(images::TAGS),
            known: Mutex::default(),
            address: served::address(&event, "endpoints"),
            health: (
                served::address(&event, "health"),
                reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap(),
            ),
            folder,
            tokens: Mutex::new(tokens),
            replaced: Default::default(),
        }))
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.lock().unwrap().id()
    }

    /// The page of metrics.
    ///
    /// # Panics
    /// The process has ended.
    pub(crate) async fn metrics(&self) -> String {
        let (address, client) = &self.health;
        client.get(format!("http://{address}/metrics")).send().await.unwrap().text().await.unwrap()
    }

    /// The numbers of what is in use and of what is in use from now on.
    pub(crate) fn next(&self, what: Replaced) -> [usize; 2] {
        let former = self.replaced[what as usize].fetch_add(1, Ordering::Relaxed);
        [former, former + 1]
    }

    /// Replaces a file by one rename, as Kubernetes does.
    pub(crate) fn write(&self, name: &str, content: &str) {
        served::write(&self.folder, "next", content);
        fs::rename(self.folder.join("next"), self.folder.join(name)).unwrap();
    }

    /// Changes what the condition is about.
    pub(crate) fn toggle(&self, condition: Condition) {
        self.expectations.toggle(condition);
        let holds = |condition| self.expectations.holds(condition);
        match condition {
            Condition::SecondRoot if holds(condition) => self.write(SECOND_ROOT, &self.signers.second.pem()),
            Condition::SecondRoot => fs::remove_file(self.folder.join(SECOND_ROOT)).unwrap(),
            Condition::MainStore | Condition::Strict => {
                let policy = policy(&self.registry.host(), holds(Condition::MainStore), holds(Condition::Strict));
                self.write("trust/trustpolicy.json", &policy);
            }
        }
    }

    pub(crate) fn move_tags(&self) {
        let is_signed = self.expectations.toggle_tags();
        images::move_tags(&self.registry, &self.images, is_signed);
    }

    /// Replaces the password at the registry, whose former tokens end, and in the file.
    pub(crate) fn replace_password(&self, number: usize) {
        let password = format!("password {number}");
        let tokens = token_service(&password);
        self.registry.require_bearer(&tokens);
        *self.tokens.lock().unwrap() = tokens;
        self.write("password", &password);
    }

    /// Trusts the authorities of the registry of these numbers, in place of others.
    pub(crate) fn trust_registry(&self, numbers: &[usize]) {
        let content: String = numbers.iter().map(|number| self.registry_authorities[number % 2].pem()).collect();
        self.write("registry.pem", &content);
    }

    /// The certificate of the registry is one of the authority of this number, for new connections.
    pub(crate) fn replace_certificate_of_registry(&self, number: usize) {
        self.registry.replace_certificate(&certificate_of_registry(&self.registry_authorities[number % 2]));
    }
}

fn certificate_of_registry(authority: &Authority) -> Chain {
    authority.issue(CertSpec::tls_server(&["127.0.0.1"]))
}

fn token_service(password: &str) -> TokenService {
    TokenService::for_user(USER, password).expires_in(Some(60))
}

/// The trust policy, with the store `main` or `other` for the one repository, and the level `strict` or `skip` for the other one.
fn policy(host: &str, main_store: bool, is_strict: bool) -> String {
    let statement = |name: &str, scope: &str, level: &str, store: &str| {
        if level == "skip" {
            return json!({"name": name, "registryScopes": [scope], "signatureVerification": {"level": level}});
        }
        json!({"name": name, "registryScopes": [scope], "signatureVerification": {"level": level},
            "trustStores": [store], "trustedIdentities": ["*"]})
    };
    let of = |repository: &str| format!("{host}/{repository}");
    json!({"version": "1.0", "trustPolicies": [
        statement("moves", &of(images::MOVES), "strict", if main_store { "ca:main" } else { "ca:other" }),
        statement("level", &of(images::LEVEL), if is_strict { "strict" } else { "skip" }, "ca:main"),
        statement("all", "*", "strict", "ca:main"),
    ]})
    .to_string()
}

/// With little memory for verdicts, so that it is full before memory is compared.
fn config(host: &str) -> String {
    let [verdict, rejected, tag] = [VERDICT_LIFETIME, REJECTED_LIFETIME, TAG_LIFETIME].map(|time| time.as_secs());
    format!(
        "{}trust: {{directory: trust, reloadInterval: 1s}}\n\
         cache: {{verdictLifetime: {verdict}s, rejectedLifetime: {rejected}s, tagLifetime: {tag}s, verdictBytes: 4Mi}}\n\
         registries: [{{host: '{host}', ca: registry.pem, credentials: {{usernameFile: user, passwordFile: password}}}}]\n",
        served::server("")
    )
}
