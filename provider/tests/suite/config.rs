//! Every mistake in a configuration has a case with the whole message; the samples are valid, and the full one has the
//! defaults.

mod aws;
mod azure;
mod google;
mod hints;
mod key_vault;
mod memory_budget;
mod mistakes;
mod policy_source;
mod registry_files;
mod registry_mistakes;
mod trust_stores;

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use countersign::config::Config;
use countersign::config::ConfigError;
use countersign::config::Credentials;
use countersign::config::ListenAddress;
use countersign::config::LogFormat;
use countersign::config::LogLevel;
use countersign::config::Purpose;
use countersign::config::Registry;
use countersign::config::RegistryCertificate;
use countersign::config::RegistryProxy;
use countersign::config::RegistryProxyServer;
use countersign::config::TrustLocation;
use countersign_http::AddressPolicy;
use countersign_registry::FallbackTag;
use countersign_registry::Mirrors;
use countersign_registry::Unlisted;

const TLS: &str = "server: {tls: {certificate: c, key: k, clientCa: a}}\n";
const TRUST: &str = "trust: {directory: trust}\n";

fn parse(text: &str, purpose: Purpose) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/cs/c.yaml"), purpose)
}

/// The mistakes of `text` without the file's name, one per line.
fn mistakes(text: &str, purpose: Purpose) -> Vec<String> {
    match parse(text, purpose) {
        Ok(config) => panic!("no mistake in {text}: {config}"),
        Err(ConfigError::Mistakes { mistakes, .. }) => {
            let message = |m: &dyn ToString| m.to_string().strip_prefix("/etc/cs/c.yaml").unwrap().to_owned();
            mistakes.iter().map(|mistake| message(mistake)).collect()
        }
        Err(error) => panic!("{error}"),
    }
}

/// `text` stands behind a `trust` section of one line, and has exactly these mistakes for `verify`.
#[track_caller]
fn check(text: &str, wanted: &[&str]) {
    assert_eq!(mistakes(&format!("{TRUST}{text}\n"), Purpose::Verify), wanted, "{text}");
}

#[test]
fn the_minimal_sample_has_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/minimal.yaml");
    let config = Config::load(&path, Purpose::Serve).unwrap();
    let base = path.parent().unwrap();
    assert_eq!(config.server.listen, ListenAddress::any(6001));
    let tls = config.server.tls.unwrap();
    assert_eq!(tls.certificate, base.join("tls/tls.crt"));
    assert_eq!(tls.key, base.join("tls/tls.key"));
    assert_eq!(tls.client_ca, base.join("client-ca/ca.crt"));
    assert_eq!(config.server.allowed_clients, ["gatekeeper-webhook-service.gatekeeper-system.svc"]);
    assert_eq!(config.server.verify_timeout, Duration::from_millis(1800));
    assert_eq!(config.server.mutate_timeout, Duration::from_millis(800));
    assert_eq!(config.health.listen, ListenAddress::any(8888));
    assert_eq!(config.trust.location, TrustLocation::Directory(base.join("trust")));
    assert_eq!(config.trust.reload_interval, Duration::from_secs(10));
    assert_eq!(config.verification.max_signatures, 100);
    assert_eq!(config.cache.verdict_lifetime, Duration::from_secs(300));
    assert_eq!(config.registries, []);
    assert_eq!(config.unlisted_registries, Unlisted::Anonymous);
    assert_eq!((config.log.level, config.log.format), (LogLevel::Info, LogFormat::Json));
    assert!(!config.mutation.keep_tag);
}

#[test]
fn listeners_are_written_as_addresses_names_or_ports() {
    for (text, expected) in [
        (":6001", "[::]:6001"),
        ("\":6001\"", "[::]:6001"),
        ("\"[::]:6001\"", "[::]:6001"),
        ("\"[::1]:6001\"", "[::1]:6001"),
        ("0.0.0.0:6001", "0.0.0.0:6001"),
        ("localhost:6001", "localhost:6001"),
    ] {
        let tls = "tls: {certificate: c, key: k, clientCa: a}";
        let text = format!("server:\n  listen: {text}\n  {tls}\n{TRUST}");
        assert_eq!(parse(&text, Purpose::Serve).unwrap().server.listen.to_string(), expected, "{text}");
    }
}

#[test]
fn the_full_sample_writes_out_the_defaults_and_nothing_else() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let full = Config::load(&samples.join("countersign.yaml"), Purpose::Serve).unwrap();
    let minimal = Config::load(&samples.join("minimal.yaml"), Purpose::Serve).unwrap();
    assert_eq!((full.unlisted_is_written, minimal.unlisted_is_written), (true, false));
    assert_eq!(Config { unlisted_is_written: false, ..full }, minimal);
}

#[test]
fn commented_keys_of_the_full_sample_are_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/countersign.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    // An example in comments stands below the empty list that it would replace; its prose lines have two marks.
    let uncommented: String = text
        .replace("requiredMetadata: []", "requiredMetadata:")
        .replace("registries: []", "registries:")
        .replace("  stores: []", "  stores:")
        .lines()
        .map(|line| {
            let example = ["  # - ", "  #   ", "# - ", "#   "].iter().any(|start| line.starts_with(start));
            let body = line.replacen("# ", "  ", 1);
            if example && !body.trim_start().starts_with("# ") { format!("{body}\n") } else { format!("{line}\n") }
        })
        .collect();
    let config = Config::parse(&uncommented, &path, Purpose::Serve).unwrap();
    let stores: Vec<_> = config.trust.stores.iter().map(|(store, source)| format!("{store} {source}")).collect();
    assert_eq!(stores, ["ca:shop https://pki.example.com/shop-root.pem"]);
    let base = path.parent().unwrap();
    let registry = Registry {
        position: 0,
        mistaken: Vec::new(),
        host: "registry.example.com:5000".parse().unwrap(),
        plain_http: false,
        ca: Some(base.join("ca/registry.pem")),
        credentials: Credentials::DockerConfig(base.join("pull-secret/.dockerconfigjson")),
        realm_hosts: vec!["auth.example.com".parse().unwrap()],
        proxy: RegistryProxy::Server(RegistryProxyServer {
            server: "http://proxy.example.com:3128".parse().unwrap(),
            login: Some((base.join("proxy-login/username"), base.join("proxy-login/password"))),
            ca: None,
        }),
        mirrors: Mirrors { locations: vec!["mirror.example.com/cache".parse().unwrap()], only: false },
        fallback_tag: FallbackTag::WhenNeeded,
        client_certificate: Some(RegistryCertificate {
            certificate: base.join("registry-client/tls.crt"),
            key: base.join("registry-client/tls.key"),
            for_realm_hosts: false,
        }),
        connect_timeout: Some(Duration::from_secs(1)),
        request_timeout: Some(Duration::from_secs(5)),
        max_requests: Some(8),
        requests_per_second: Some(10),
    };
    assert_eq!(config.registries, [registry]);
    assert_eq!(config.verification.required_metadata["production"]["io.example.pipeline"], "release");
}

#[test]
fn verify_needs_no_listener_and_serve_does() {
    let config = parse(TRUST, Purpose::Verify).unwrap();
    assert_eq!(config.server.tls, None);
    assert_eq!(
        mistakes(TRUST, Purpose::Serve),
        [
            ":1: server.tls.certificate: found nothing, expected a PEM file, for example tls/tls.crt",
            ":1: server.tls.key: found nothing, expected a PEM file, for example tls/tls.key",
            ":1: server.tls.clientCa: found nothing, expected a PEM file, for example client-ca/ca.crt",
        ]
    );
    check(
        "server: {tls: {certificate: c, key: k}}",
        &[":2: server.tls.clientCa: found nothing, expected a PEM file, for example client-ca/ca.crt"],
    );
}

#[test]
fn reports_all_mistakes_at_once_in_order_of_lines() {
    let text = "trust: {directory: 5}\nserver:\n  listn: x\n  verifyTimeout: 2\nlog: {level: loud}\n";
    assert_eq!(
        mistakes(text, Purpose::Verify),
        [
            ":1: trust.directory: found the number 5, expected the path of a file or directory, for example trust",
            ":3: server.listn: found an unknown key, expected one of listen, tls, allowedClients, verifyTimeout, \
             mutateTimeout, stopGrace, maxBodyBytes, maxKeys, maxConnections, maxConcurrentKeys, \
             maxConcurrentKeysPerRequest; `listen` seems to be meant",
            ":4: server.verifyTimeout: found the number 2, expected a duration with its unit (h, m, s or ms), from \
             100ms to 30s, for example 1.8s",
            ":5: log.level: found \"loud\", expected error, warn, info, debug or trace",
        ]
    );
    let error = parse(text, Purpose::Verify).unwrap_err().to_string();
    assert!(error.starts_with("the configuration /etc/cs/c.yaml has 4 mistakes\n  /etc/cs/c.yaml:1: trust"), "{error}");
}

#[test]
fn reads_registries_of_every_kind() {
    let text = "registries:
- {host: 'LOCALHOST:5000', plainHttp: true}
- {host: '*.Example.com', credentials: {usernameFile: /u, passwordFile: p}, realmHosts: [Auth.example.com:443]}
- {host: '[::1]:5000', credentials: {anonymous: true}, requestTimeout: 2s, maxRequests: 4, requestsPerSecond: 20}
- {host: docker.io, ca: ca.pem, credentials: {dockerConfig: d}, fallbackTag: always}
unlistedRegistries: refuse
";
    let config = parse(&format!("{TRUST}{text}"), Purpose::Verify).unwrap();
    let plain = |position: usize, host: &str| Registry {
        position,
        mistaken: Vec::new(),
        host: host.parse().unwrap(),
        plain_http: false,
        ca: None,
        credentials: Credentials::Anonymous,
        realm_hosts: Vec::new(),
        proxy: RegistryProxy::Environment,
        mirrors: Mirrors::default(),
        fallback_tag: FallbackTag::WhenNeeded,
        request_timeout: None,
        client_certificate: None,
        connect_timeout: None,
        max_requests: None,
        requests_per_second: None,
    };
    let files = Credentials::Files { username: PathBuf::from("/u"), password: PathBuf::from("/etc/cs/p") };
    assert_eq!(
        config.registries,
        [
            Registry { plain_http: true, ..plain(0, "localhost:5000") },
            Registry {
                host: "*.example.com".parse().unwrap(),
                credentials: files,
                realm_hosts: vec!["auth.example.com".parse().unwrap()],
                ..plain(1, "x.y")
            },
            Registry {
                request_timeout: Some(Duration::from_secs(2)),
                max_requests: Some(4),
                requests_per_second: Some(20),
                ..plain(2, "[::1]:5000")
            },
            Registry {
                ca: Some(PathBuf::from("/etc/cs/ca.pem")),
                credentials: Credentials::DockerConfig(PathBuf::from("/etc/cs/d")),
                fallback_tag: FallbackTag::Always,
                ..plain(3, "docker.io")
            },
        ]
    );
    assert_eq!(config.unlisted_registries, Unlisted::Refuse);
}

#[test]
fn sizes_and_durations_are_written_with_units() {
    for (text, bytes) in
        [("1048576", 1 << 20), ("'1048576'", 1 << 20), ("1Mi", 1 << 20), ("1.5Mi", 3 << 19), ("2M", 2_000_000)]
    {
        let config = parse(&format!("{TRUST}server: {{maxBodyBytes: {text}}}\n"), Purpose::Verify).unwrap();
        assert_eq!(config.server.max_body_bytes, bytes, "{text}");
    }
    let config = parse(&format!("{TRUST}cache: {{verdictBytes: 32Mi, verdictLifetime: 1h30m}}\n"), Purpose::Verify);
    let cache = config.unwrap().cache;
    assert_eq!((cache.verdict_bytes, cache.verdict_lifetime), (33_554_432, Duration::from_secs(5400)));
    let size =
        "expected a number of bytes, or one with a unit (Ki, Mi, Gi, k, M or G), from 1Ki to 64Mi, for example 1Mi";
    for (text, found) in [("32MB", "\"32MB\""), ("65Mi", "\"65Mi\""), ("1.5", "the number 1.5"), ("[]", "a list")] {
        check(
            &format!("server: {{maxBodyBytes: {text}}}"),
            &[&format!(":2: server.maxBodyBytes: found {found}, {size}")],
        );
    }
    let time = "expected a duration with its unit (h, m, s or ms), from 0s to 10m, for example 20s";
    for (text, found) in [("5min", "\"5min\""), ("1 s", "\"1 s\""), ("1.5", "the number 1.5"), ("1h", "\"1h\"")] {
        check(&format!("server: {{stopGrace: {text}}}"), &[&format!(":2: server.stopGrace: found {found}, {time}")]);
    }
}

#[test]
fn reads_proxies_of_every_kind() {
    let proxy = |text: &str| {
        let text = format!("{TRUST}registries:\n- {{host: r.example, proxy: {text}}}\n");
        parse(&text, Purpose::Verify).unwrap().registries[0].proxy.clone()
    };
    let server = |url: &str, login, ca: Option<&str>| {
        let (server, ca) = (url.parse().unwrap(), ca.map(PathBuf::from));
        RegistryProxy::Server(RegistryProxyServer { server, login, ca })
    };
    assert_eq!(proxy(""), RegistryProxy::Environment);
    assert_eq!(proxy("environment"), RegistryProxy::Environment);
    assert_eq!(proxy("none"), RegistryProxy::Direct);
    assert_eq!(proxy("'http://p.example:3128'"), server("http://p.example:3128", None, None));
    assert_eq!(proxy("{url: 'http://p.example:3128'}"), server("http://p.example:3128", None, None));
    let files = Some((PathBuf::from("/etc/cs/u"), PathBuf::from("/p")));
    assert_eq!(
        proxy("{url: 'https://p.example', usernameFile: u, passwordFile: /p, ca: ca.pem}"),
        server("https://p.example", files, Some("/etc/cs/ca.pem"))
    );
    let with_login = proxy("'http://u:hunter2@p.example:3128'");
    assert_ne!(with_login, server("http://p.example:3128", None, None));
    assert!(!format!("{with_login:?}").contains("hunter2"));
    // A name for private use, which a proxy may know.
    let text = "registries:\n- {host: r.corp.internal, proxy: 'http://p.example:3128'}\n";
    assert!(parse(&format!("{TRUST}{text}"), Purpose::Verify).is_ok());
}

#[test]
fn reads_the_section_about_evidence() {
    let text = format!(
        "{TRUST}evidence: {{ca: evidence.pem, networks: public, reachableHosts: [127.0.0.1:8080, CRL.example], proxy: none, \
         ocspTimeout: 2s, maxCrlBytes: 32Mi, cacheBytes: 256Mi, maxLifetime: 12h, ocspNonce: true, ocspMaxAge: 1h}}\n"
    );
    let evidence = parse(&text, Purpose::Verify).unwrap().evidence;
    assert_eq!(evidence.networks, AddressPolicy::PublicOnly);
    assert_eq!(evidence.reachable_hosts, ["127.0.0.1:8080", "crl.example"].map(|host| host.parse().unwrap()));
    assert_eq!(evidence.proxy, RegistryProxy::Direct);
    assert_eq!(evidence.ca.as_deref(), Some(Path::new("/etc/cs/evidence.pem")));
    assert_eq!((evidence.ocsp_timeout, evidence.max_lifetime), (Duration::from_secs(2), Duration::from_secs(43_200)));
    assert_eq!((evidence.max_crl_bytes, evidence.cache_bytes), (32 << 20, 256 << 20));
    assert_eq!((evidence.ocsp_nonce, evidence.ocsp_max_age), (true, Duration::from_secs(3600)));
    let defaults = parse(TRUST, Purpose::Verify).unwrap().evidence;
    assert_eq!(defaults.networks, AddressPolicy::WithPrivate);
    assert_eq!((defaults.ocsp_nonce, defaults.ocsp_max_age), (false, Duration::ZERO));
    let wrong =
        format!("{TRUST}evidence: {{networks: all, reachableHosts: ['*.example'], maxCrlBytes: 33Mi, proxy: 7}}\n");
    let mistakes = mistakes(&wrong, Purpose::Verify).join("\n");
    for expected in [
        "evidence.networks: found \"all\", expected private or public",
        "evidence.reachableHosts[0]: found \"*.example\", expected host[:port]",
        "evidence.maxCrlBytes: found \"33Mi\", expected a number of bytes, or one with a unit",
        "evidence.proxy: found a number, expected none, environment, or a URL that begins with http:// or https://",
    ] {
        assert!(mistakes.contains(expected), "{expected}\n{mistakes}");
    }
}

#[test]
fn a_key_without_a_value_has_its_default() {
    let config = parse(&format!("{TRUST}server:\n  listen:\nregistries:\nlog:\n  level:\n"), Purpose::Verify).unwrap();
    assert_eq!(config, parse(TRUST, Purpose::Verify).unwrap());
}

#[test]
fn the_effective_configuration_is_one_line() {
    let text = format!(
        "{TLS}{TRUST}registries: [{{host: a.b, credentials: {{usernameFile: u, passwordFile: p}}, realmHosts: [c.d]}}]\n\
         verification: {{requiredMetadata: [{{statement: s, annotations: {{a: b}}}}]}}\n"
    );
    let config = parse(&text, Purpose::Serve).unwrap();
    assert_eq!(
        config.to_string(),
        "server.listen=[::]:6001 server.tls.certificate=\"/etc/cs/c\" server.tls.key=\"/etc/cs/k\" \
         server.tls.clientCa=\"/etc/cs/a\" server.allowedClients=gatekeeper-webhook-service.gatekeeper-system.svc \
         server.verifyTimeout=1800ms server.mutateTimeout=800ms server.stopGrace=20000ms server.maxBodyBytes=1048576 \
         server.maxKeys=1000 server.maxConnections=256 server.maxConcurrentKeys=128 \
         server.maxConcurrentKeysPerRequest=32 health.listen=[::]:8888 trust.directory=\"/etc/cs/trust\" \
         trust.reloadInterval=10000ms verification.maxSignatures=100 \
         verification.requiredMetadata=\"s\":{\"a\": \"b\"} evidence.networks=private evidence.reachableHosts= \
         evidence.proxy=environment evidence.connectTimeout=500ms evidence.responseTimeout=1000ms \
         evidence.ocspTimeout=1000ms evidence.crlTimeout=30000ms evidence.maxOcspBytes=65536 \
         evidence.maxCrlBytes=25165824 evidence.maxRequestsPerHost=8 evidence.maxRequests=32 \
         evidence.cacheBytes=50331648 evidence.maxLifetime=86400000ms evidence.refreshInterval=3600000ms \
         evidence.negativeLifetime=10000ms evidence.clockSkew=300000ms evidence.ocspNonce=false \
         evidence.ocspMaxAge=0ms aws.partitions=aws,aws-us-gov,aws-cn aws.fips=false aws.dualStack=false \
         aws.instanceMetadata=false aws.proxy=environment aws.connectTimeout=1000ms aws.attemptTimeout=2000ms \
         aws.signer.enabled=false aws.signer.goodLifetime=300000ms aws.signer.revokedLifetime=86400000ms azure.proxy=environment azure.connectTimeout=1000ms azure.attemptTimeout=3000ms google.connectTimeout=1000ms google.attemptTimeout=3000ms \
         mutation.keepTag=false mutation.verifyAhead=true cache.verdictBytes=16777216 cache.verdictLifetime=300000ms \
         cache.rejectedLifetime=5000ms cache.tagLifetime=5000ms cache.verifyAgain=200 cache.imagesAtStart= registries={host=a.b plainHttp=false \
         credentials.usernameFile=\"/etc/cs/u\" credentials.passwordFile=\"/etc/cs/p\" proxy=environment realmHosts=c.d} \
         unlistedRegistries=anonymous registryAccess.connectTimeout=1000ms registryAccess.requestTimeout=5000ms \
         registryAccess.maxRequestsPerHost=32 registryAccess.maxRequests=128 registryAccess.keepConnections=600000ms log.level=info log.format=json \
         log.cachedVerdicts.every=0ms"
    );
    let proxy = |text: &str| {
        let text = format!("{TRUST}registries: [{{host: a.b, proxy: {text}}}]\n");
        let line = parse(&text, Purpose::Verify).unwrap().to_string();
        assert!(!line.contains("hunter2"), "{line}");
        line.split_once("plainHttp=false ").unwrap().1.split_once(" realmHosts=}").unwrap().0.to_owned()
    };
    assert_eq!(proxy("none"), "proxy=none");
    assert_eq!(proxy("'http://u:hunter2@p.example:3128'"), "proxy=http://p.example:3128");
    assert_eq!(
        proxy("{url: 'https://p.example', usernameFile: u, passwordFile: p, ca: c}"),
        "proxy=https://p.example:443 proxy.usernameFile=\"/etc/cs/u\" proxy.passwordFile=\"/etc/cs/p\" proxy.ca=\"/etc/cs/c\""
    );
}

#[test]
fn names_a_missing_file() {
    let error = Config::load(Path::new("/nowhere/c.yaml"), Purpose::Verify).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the configuration /nowhere/c.yaml");
}

/// Set to `rewrite`, the test below writes what is made from the table of keys, and fails if that is something new.
const REWRITE: &str = "COUNTERSIGN_CONFIG_DOCUMENTS";

#[test]
fn the_reference_sample_and_the_json_schema_are_those_of_the_table_of_keys() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, wanted) in [
        ("samples/countersign.yaml", countersign::config::reference_sample()),
        ("docs/countersign.schema.json", countersign::config::json_schema()),
    ] {
        let path = folder.join(file);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        if found != wanted && std::env::var_os(REWRITE).is_some_and(|value| value == "rewrite") {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &wanted).unwrap();
        }
        assert_eq!(found, wanted, "{file} is not made from the table of keys: run this test with {REWRITE}=rewrite");
    }
}
