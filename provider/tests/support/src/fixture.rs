//! A registry, a trust policy on disk and the engine over both.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign::clock::Clock;
use countersign::config::TrustLocation;
use countersign::engine::CountRequests;
use countersign::engine::Deadline;
use countersign::engine::Engine;
use countersign::engine::EngineSettings;
use countersign::engine::ImageResult;
use countersign::engine::Verifier as _;
use countersign::evidence::EvidenceSource;
use countersign::evidence::FetchSettings;
use countersign::evidence::Fetcher;
use countersign::evidence::Unavailable;
use countersign::policy_source::PolicyPoll;
use countersign::policy_source::PolicySource;
use countersign::telemetry::metrics::Metrics;
use countersign_core::evidence::EvidenceSettings;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_credentials::Credential;
use countersign_http::Scheme;
use countersign_registry::Registries;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistrySettings;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Registry;
use prometheus::Registry as MetricsRegistry;

pub struct EngineFixture {
    pub registry: Registry,
    /// Another registry, in the settings as well.
    pub other: Registry,
    pub root: Authority,
    pub engine: Engine,
    pub trust: Mutex<PolicySource>,
    pub folder: Folder,
    pub metrics: MetricsRegistry,
    /// The source of evidence, if the fixture has one: otherwise none is available.
    pub evidence: Option<Fetcher>,
    now: Arc<Mutex<UnixTime>>,
    settings: EngineSettings,
}

/// A host over plain HTTP without a port that is only in the settings.
pub const PLAIN: &str = "plain.example";

/// What the clock shows at first.
const START: &str = "2026-11-21T12:00:00Z";

fn source(folder: &Folder, settings: &EngineSettings) -> PolicySource {
    let expected = settings.required_metadata.keys().cloned();
    PolicySource::new(TrustLocation::Directory(folder.path().to_owned()), expected)
}

fn registry_settings(registries: [&Registry; 2]) -> RegistrySettings {
    let [registry, other] = registries;
    let entry = |host: String| RegistryEntry {
        scheme: Scheme::Http,
        ..RegistryEntry::new(host.parse().unwrap(), Credential::Anonymous)
    };
    let by_name = format!("localhost:{}", registry.address().port());
    let registries = [registry.host(), other.host(), by_name, PLAIN.to_owned()].map(entry).into();
    RegistrySettings { registries, tag_lifetime: Duration::ZERO, ..RegistrySettings::default() }
}

fn engine(
    trust: &PolicySource,
    registries: RegistrySettings,
    settings: &EngineSettings,
    metrics: &MetricsRegistry,
    now: &Arc<Mutex<UnixTime>>,
    evidence: Option<FetchSettings>,
) -> (Engine, Option<Fetcher>) {
    let metrics = Arc::new(Metrics::new(metrics).unwrap());
    let observer = Arc::new(CountRequests::new(Arc::clone(&metrics)));
    let registries = Registries::new(registries, observer).unwrap();
    let shown = Arc::clone(now);
    let clock: Clock = Arc::new(move || *shown.lock().unwrap());
    let fetcher = evidence.map(|evidence| {
        Fetcher::new(evidence, registries.shared_limits(), Arc::clone(&metrics), None, Arc::clone(&clock)).unwrap()
    });
    let source: Arc<dyn EvidenceSource> = match &fetcher {
        Some(fetcher) => Arc::new(fetcher.clone()),
        None => Arc::new(Unavailable),
    };
    (Engine::new(trust.handle(), registries, source, settings.clone(), metrics, clock), fetcher)
}

impl EngineFixture {
    /// One statement for all repositories, which trusts every identity under `root`.
    pub async fn new() -> Self {
        Self::with(&policy(&["ca:main"], &["*"]), |_| {}).await
    }

    /// As [`EngineFixture::new`], with another trust policy and other settings of the engine.
    pub async fn with(policy: &str, set: impl FnOnce(&mut EngineSettings)) -> Self {
        Self::start(policy, set, None).await
    }

    /// As [`EngineFixture::with`], with evidence that is fetched with these settings.
    pub async fn with_evidence(policy: &str, evidence: FetchSettings, set: impl FnOnce(&mut EngineSettings)) -> Self {
        let reading = evidence.reading;
        let set = |settings: &mut EngineSettings| {
            settings.evidence = reading;
            set(settings);
        };
        Self::start(policy, set, Some(evidence)).await
    }

    async fn start(policy: &str, set: impl FnOnce(&mut EngineSettings), evidence: Option<FetchSettings>) -> Self {
        // A second installation is refused, and the first serves all tests of the process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let root = Authority::root(CertSpec::root());
        let folder = Folder::new();
        folder.write("trustpolicy.json", policy);
        folder.write("truststore/x509/ca/main/root.pem", root.pem());
        let (registry, other) = (Registry::start().await, Registry::start().await);
        let metrics = MetricsRegistry::new();
        let now = Arc::new(Mutex::new(UnixTime::from_rfc3339(START).unwrap()));
        let mut settings = EngineSettings {
            max_signatures: 100,
            required_metadata: Default::default(),
            verdict_bytes: 1 << 20,
            verdict_lifetime: Duration::from_secs(300),
            rejected_lifetime: Duration::ZERO,
            flight_time: Duration::from_secs(10),
            ahead_time: Duration::from_secs(20),
            verify_ahead: false,
            verify_again: 200,
            evidence: EvidenceSettings::default(),
            max_flights: 64,
        };
        set(&mut settings);
        let trust = source(&folder, &settings);
        let registries = registry_settings([&registry, &other]);
        let (engine, evidence) = engine(&trust, registries, &settings, &metrics, &now, evidence);
        let trust = Mutex::new(trust);
        let fixture = Self { registry, other, root, engine, trust, folder, metrics, evidence, now, settings };
        fixture.trust.lock().unwrap().load(fixture.time()).unwrap();
        fixture
    }

    /// Restarts the engine over the same files, which may have no usable policy document.
    pub fn restart(&mut self) {
        self.metrics = MetricsRegistry::new();
        let mut trust = source(&self.folder, &self.settings);
        let _ = trust.load(self.time());
        let registries = registry_settings([&self.registry, &self.other]);
        (self.engine, self.evidence) = engine(&trust, registries, &self.settings, &self.metrics, &self.now, None);
        self.trust = Mutex::new(trust);
    }

    /// An engine as after a change of the configuration.
    pub fn successor(&self, set: impl FnOnce(&mut EngineSettings)) -> Engine {
        let mut settings = self.settings.clone();
        set(&mut settings);
        let trust = self.trust.lock().unwrap().handle();
        let registries = registry_settings([&self.registry, &self.other]);
        self.engine.successor(trust, registries, Arc::new(Unavailable), settings).unwrap()
    }

    /// An engine as after a change of the configuration, with another source of evidence.
    pub fn successor_with(&self, evidence: Arc<dyn EvidenceSource>) -> Engine {
        let trust = self.trust.lock().unwrap().handle();
        let registries = registry_settings([&self.registry, &self.other]);
        self.engine.successor(trust, registries, evidence, self.settings.clone()).unwrap()
    }

    /// An engine over the same trust with other settings of the registries.
    pub fn successor_over(&self, registries: RegistrySettings) -> Engine {
        let trust = self.trust.lock().unwrap().handle();
        self.engine.successor(trust, registries, Arc::new(Unavailable), self.settings.clone()).unwrap()
    }

    /// Reads the files of the trust again.
    pub fn poll(&self) -> PolicyPoll {
        self.trust.lock().unwrap().poll(self.time())
    }

    /// What the clock shows.
    pub fn time(&self) -> UnixTime {
        *self.now.lock().unwrap()
    }

    /// The number of a series.
    pub fn metric(&self, series: &str) -> i64 {
        let text = countersign::telemetry::metrics::encode_text(&self.metrics).unwrap();
        let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
        found.unwrap_or_else(|| panic!("no series {series}"))
    }

    /// Sets the clock.
    pub fn at(&self, time: &str) {
        *self.now.lock().unwrap() = UnixTime::from_rfc3339(time).unwrap();
    }

    pub async fn verify(&self, image: &str) -> ImageResult {
        self.verify_within(image, Duration::from_secs(20)).await
    }

    pub async fn verify_within(&self, image: &str, time: Duration) -> ImageResult {
        self.engine.verify(self.engine.request(Arc::new(image.parse().unwrap()), Deadline::after(time))).await
    }

    pub async fn code(&self, image: &str) -> Code {
        self.verify(image).await.verdict.code()
    }
}

/// A policy document with one strict statement `app` for all repositories.
pub fn policy(stores: &[&str], identities: &[&str]) -> String {
    policy_of("strict", stores, identities)
}

/// As [`policy`], with another level.
pub fn policy_of(level: &str, stores: &[&str], identities: &[&str]) -> String {
    serde_json::json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "app",
            "registryScopes": ["*"],
            "signatureVerification": { "level": level },
            "trustStores": stores,
            "trustedIdentities": identities,
        }],
    })
    .to_string()
}
