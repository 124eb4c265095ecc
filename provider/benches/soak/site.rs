//! Countersign with a registry, a signer that comes and goes, and images whose verdicts are known.

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
use std::time::Instant;

use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::TokenService;

use crate::process;
use crate::providers;
use crate::served;

/// Images of each kind that exist from the start.
const IMAGES: usize = 100;

/// How long after a change of the policy both its former and its new verdicts may be seen: Countersign reads its files every second
/// here, and a request that began before has the former policy.
const CHANGE: Duration = Duration::from_secs(10);

/// What the verdict about an image must be, as long as there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By the signer that is always trusted.
    Signed,
    /// By the signer whose root is in the store at times.
    SignedAtTimes,
    /// By a stranger.
    SignedByStranger,
    Unsigned,
}

/// When the store has the second root.
#[derive(Debug)]
struct Second {
    is_trusted: bool,
    changed: Instant,
}

pub(crate) struct Inner {
    process: Mutex<Child>,
    pub(crate) client: reqwest::Client,
    url: String,
    health: String,
    pub(crate) folder: PathBuf,
    pub(crate) registry: Registry,
    pub(crate) images: Vec<(String, Kind)>,
    signer: Chain,
    second_root: String,
    second: Mutex<Second>,
    fresh: AtomicUsize,
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
        let root = |name| Authority::root(CertSpec::root().common_name(name));
        let of_registry = root("registry");
        let registry = Registry::start_tls(&of_registry.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
        registry.require_bearer(&TokenService::for_user("soak", "password").expires_in(Some(60)));
        let (first, second, stranger) = (root("first"), root("second"), root("stranger"));
        let signers = [&first, &second, &stranger].map(|root| root.issue(CertSpec::leaf()));
        let images = images(&registry, &signers);
        let client = served::certificates(&folder).client();
        let host = registry.host();
        // Short lifetimes, so that a minute has everything that an hour has.
        let config = format!(
            "{}trust: {{directory: trust, reloadInterval: 1s}}\n\
             cache: {{verdictLifetime: 20s, tagLifetime: 2s}}\n\
             registries: [{{host: '{host}', ca: registry.pem, credentials: {{usernameFile: user, passwordFile: password}}}}]\n",
            served::server("")
        );
        for (name, content) in [
            ("registry.pem", of_registry.pem().as_str()),
            ("user", "soak"),
            ("password", "password"),
            ("c.yaml", config.as_str()),
            ("trust/trustpolicy.json", &providers::policy("ca:main").to_string()),
            ("trust/truststore/x509/ca/main/first.pem", &first.pem()),
            ("trust/truststore/x509/ca/main/second.pem", &second.pem()),
        ] {
            served::write(&folder, name, content);
        }
        let mut command = Command::new(fs::canonicalize(binary).unwrap());
        command.env_clear().current_dir(&folder).args(["serve", "--config", "c.yaml"]).stdin(Stdio::null());
        let (process, event) = served::start(&mut command).await;
        let [signer, ..] = signers;
        Self(Arc::new(Inner {
            process: Mutex::new(process),
            client,
            url: format!("https://{}/v1/verify", served::address(&event, "endpoints")),
            health: format!("http://{}", served::address(&event, "health")),
            folder,
            registry,
            images,
            signer,
            second_root: second.pem(),
            second: Mutex::new(Second { is_trusted: true, changed: Instant::now() }),
            fresh: AtomicUsize::new(0),
        }))
    }

    /// The image of the request with this number: mostly those that were asked for before, and one of twenty that was never.
    pub(crate) fn image(&self, number: usize) -> (String, Kind) {
        if !number.is_multiple_of(20) {
            return self.images[number % self.images.len()].clone();
        }
        let tag = format!("fresh-{}", self.fresh.fetch_add(1, Ordering::Relaxed));
        let image = self.registry.push_image("fresh", &tag);
        notation::sign_image(&self.registry, "fresh", &image, &self.signer);
        (format!("{}/fresh:{tag}", self.registry.host()), Kind::Signed)
    }

    /// Whether `verdict` can be right for a request of this kind that began at `began` and ends now.
    pub(crate) fn allows(&self, kind: Kind, verdict: &str, began: Instant) -> bool {
        if verdict == "inconclusive" {
            return true;
        }
        let expected = match kind {
            Kind::Signed => "verified",
            Kind::SignedByStranger | Kind::Unsigned => "rejected",
            Kind::SignedAtTimes => {
                let second = self.second.lock().unwrap();
                if began < second.changed + CHANGE {
                    return ["verified", "rejected"].contains(&verdict);
                }
                if second.is_trusted { "verified" } else { "rejected" }
            }
        };
        verdict == expected
    }

    /// Adds the second root to the store, or removes it.
    pub(crate) fn trust_second(&self, is_trusted: bool) {
        *self.second.lock().unwrap() = Second { is_trusted, changed: Instant::now() };
        let name = "trust/truststore/x509/ca/main/second.pem";
        if is_trusted {
            served::write(&self.folder, name, &self.second_root);
        } else {
            fs::remove_file(self.folder.join(name)).unwrap();
        }
    }

    /// Ends all faults of the registry.
    pub(crate) fn heal(&self) {
        self.registry.clear_faults();
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn id(&self) -> u32 {
        self.process.lock().unwrap().id()
    }

    pub(crate) fn memory(&self) -> f64 {
        process::memory(self.id())
    }

    pub(crate) fn threads(&self) -> usize {
        process::entries(self.id(), "task")
    }

    pub(crate) fn files(&self) -> usize {
        process::entries(self.id(), "fd")
    }

    /// The limits that are still in use after the last request.
    pub(crate) async fn left_over(&self) -> Vec<String> {
        // Flights go on for some seconds after their last caller.
        tokio::time::sleep(Duration::from_secs(10)).await;
        let page = self.client.get(format!("{}/metrics", self.health)).send().await.unwrap().text().await.unwrap();
        let in_use = page.lines().filter(|line| line.starts_with("countersign_limit_in_use{"));
        in_use.filter(|line| !line.ends_with(" 0")).map(|line| format!("still in use: {line}")).collect()
    }
}

/// [`IMAGES`] of each kind.
fn images(registry: &Registry, [first, second, stranger]: &[Chain; 3]) -> Vec<(String, Kind)> {
    let kinds = [
        (Kind::Signed, Some(first)),
        (Kind::SignedAtTimes, Some(second)),
        (Kind::SignedByStranger, Some(stranger)),
        (Kind::Unsigned, None),
    ];
    let image = |number: usize, (kind, signer): (Kind, Option<&Chain>)| {
        let (repository, tag) = (format!("shop/{}", number % 10), format!("{kind:?}-{number}").to_lowercase());
        let image = registry.push_image(&repository, &tag);
        if let Some(signer) = signer {
            notation::sign_image(registry, &repository, &image, signer);
        }
        (format!("{}/{repository}:{tag}", registry.host()), kind)
    };
    (0..IMAGES).flat_map(|number| kinds.map(|kind| image(number, kind))).collect()
}
