//! Every mistake in a configuration has a case with the whole message; the samples stay readable, and the full one
//! says the defaults.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use countersign::config::Config;
use countersign::config::ConfigError;
use countersign::config::Credentials;
use countersign::config::LogLevel;
use countersign::config::Purpose;
use countersign::config::Registry;
use countersign::config::TrustLocation;
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
    assert_eq!(config.server.listen, SocketAddr::from(([0, 0, 0, 0], 6001)));
    let tls = config.server.tls.unwrap();
    assert_eq!(tls.certificate, base.join("tls/tls.crt"));
    assert_eq!(tls.key, base.join("tls/tls.key"));
    assert_eq!(tls.client_ca, base.join("client-ca/ca.crt"));
    assert_eq!(config.server.allowed_clients, ["gatekeeper-webhook-service.gatekeeper-system.svc"]);
    assert_eq!(config.server.verify_timeout, Duration::from_millis(1800));
    assert_eq!(config.server.mutate_timeout, Duration::from_millis(800));
    assert_eq!(config.health_listen, SocketAddr::from(([0, 0, 0, 0], 8888)));
    assert_eq!(config.trust.location, TrustLocation::Directory(base.join("trust")));
    assert_eq!(config.trust.reload_interval, Duration::from_secs(10));
    assert_eq!(config.verification.max_signatures, 100);
    assert_eq!(config.cache.verdict_lifetime, Duration::from_secs(300));
    assert_eq!(config.registries, []);
    assert_eq!(config.unlisted_registries, Unlisted::Anonymous);
    assert_eq!(config.log_level, LogLevel::Info);
}

#[test]
fn the_full_sample_writes_out_the_defaults_and_nothing_else() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let full = Config::load(&samples.join("countersign.yaml"), Purpose::Serve).unwrap();
    let minimal = Config::load(&samples.join("minimal.yaml"), Purpose::Serve).unwrap();
    assert_eq!(full, minimal);
}

#[test]
fn the_full_sample_is_right_in_what_it_comments_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/countersign.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    // An example in comments stands below the empty list that it would replace; its prose lines have two marks.
    let uncommented: String = text
        .replace("requiredMetadata: []", "requiredMetadata:")
        .replace("registries: []", "registries:")
        .lines()
        .map(|line| {
            let example = ["  # - ", "  #   ", "# - ", "#   "].iter().any(|start| line.starts_with(start));
            let body = line.replacen("# ", "  ", 1);
            if example && !body.trim_start().starts_with("# ") { format!("{body}\n") } else { format!("{line}\n") }
        })
        .collect();
    let config = Config::parse(&uncommented, &path, Purpose::Serve).unwrap();
    let base = path.parent().unwrap();
    let registry = Registry {
        host: "registry.example.com:5000".parse().unwrap(),
        plain_http: false,
        ca: Some(base.join("ca/registry.pem")),
        credentials: Credentials::DockerConfig(base.join("pull-secret/.dockerconfigjson")),
        realm_hosts: vec!["auth.example.com".to_owned()],
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
            ":1: server.tls.certificate: found nothing: want a PEM file, for example tls/tls.crt",
            ":1: server.tls.key: found nothing: want a PEM file, for example tls/tls.key",
            ":1: server.tls.clientCa: found nothing: want a PEM file, for example client-ca/ca.crt",
        ]
    );
    check(
        "server: {tls: {certificate: c, key: k}}",
        &[":2: server.tls.clientCa: found nothing: want a PEM file, for example client-ca/ca.crt"],
    );
}

#[test]
fn all_mistakes_come_at_once_in_order_of_lines() {
    let text = "trust: {directory: 5}\nserver:\n  listn: x\n  verifyTimeout: 2\nlog: {level: loud}\n";
    assert_eq!(
        mistakes(text, Purpose::Verify),
        [
            ":1: trust.directory: found the number 5: want the path of a file or directory, for example trust",
            ":3: server.listn: found an unknown key: want one of listen, tls, allowedClients, verifyTimeout, \
             mutateTimeout, stopGrace, maxBodyBytes, maxKeys, maxConnections, maxConcurrentKeys, \
             maxConcurrentKeysPerRequest",
            ":4: server.verifyTimeout: found the number 2: want a duration with its unit, from 100ms to 30s, for \
             example 1s 800ms",
            ":5: log.level: found \"loud\": want error, warn, info, debug or trace",
        ]
    );
    let error = parse(text, Purpose::Verify).unwrap_err().to_string();
    assert!(error.starts_with("the configuration /etc/cs/c.yaml has 4 mistakes\n  /etc/cs/c.yaml:1: trust"), "{error}");
}

#[test]
fn refuses_unknown_keys_in_every_section() {
    check(
        "colour: red",
        &[":2: colour: found an unknown key: want one of server, health, trust, verification, cache, registries, \
           unlistedRegistries, registryAccess, log"],
    );
    check(
        "server: {tls: {ca: x, certificate: c, key: k, clientCa: a}}",
        &[":2: server.tls.ca: found an unknown key: want one of certificate, key, clientCa"],
    );
    check("health: {port: 1}", &[":2: health.port: found an unknown key: want one of listen"]);
    check(
        "verification: {signatures: 1}",
        &[":2: verification.signatures: found an unknown key: want one of maxSignatures, requiredMetadata"],
    );
    check(
        "cache: {ttl: 1}",
        &[
            ":2: cache.ttl: found an unknown key: want one of verdictBytes, verdictLifetime, rejectedLifetime, tagLifetime",
        ],
    );
    check(
        "registryAccess: {timeout: 1s}",
        &[":2: registryAccess.timeout: found an unknown key: want one of connectTimeout, requestTimeout, \
         maxRequestsPerHost, maxRequests"],
    );
    check("log: {format: json}", &[":2: log.format: found an unknown key: want one of level"]);
    check(
        "registries: [{host: a.b, insecure: true}]",
        &[":2: registries[0].insecure: found an unknown key: want one of host, plainHttp, ca, credentials, realmHosts"],
    );
    check(
        "registries: [{host: a.b, credentials: {password: hunter2}}]",
        &[
            ":2: registries[0].credentials.password: found an unknown key: want one of dockerConfig, usernameFile, \
             passwordFile, anonymous",
            ":2: registries[0].credentials: found none: want one of dockerConfig, usernameFile with passwordFile, or \
             anonymous: true",
        ],
    );
    assert_eq!(
        mistakes("trust: {directory: x, dir: y}", Purpose::Verify),
        [":1: trust.dir: found an unknown key: want one of directory, policy, store, reloadInterval",]
    );
    check(
        "verification: {requiredMetadata: [{statement: s, annotations: {a: b}, level: x}]}",
        &[":2: verification.requiredMetadata[0].level: found an unknown key: want one of statement, annotations"],
    );
}

#[test]
fn refuses_what_is_not_a_section() {
    check(
        "server: on",
        &[":2: server: found a text: want the keys listen, tls, allowedClients, verifyTimeout, mutateTimeout, \
         stopGrace, maxBodyBytes, maxKeys, maxConnections, maxConcurrentKeys, maxConcurrentKeysPerRequest"],
    );
    check("registries: {host: a}", &[":2: registries: found a map of keys: want a list"]);
    check(
        "registries: [a.b]",
        &[
            ":2: registries[0]: found a text: want the keys host, plainHttp, ca, credentials, realmHosts",
            ":2: registries[0].host: found nothing: want host[:port] as it stands in image references, or *.suffix with at \
         least two labels, for example registry.example.com",
        ],
    );
    assert_eq!(
        mistakes("- a\n", Purpose::Verify)[0],
        ":1: found a list: want the keys server, health, trust, \
         verification, cache, registries, unlistedRegistries, registryAccess, log"
    );
}

#[test]
fn a_pasted_password_is_not_repeated() {
    check(
        "registries: [{host: a.b, credentials: 'bob:hunter2'}]",
        &[
            ":2: registries[0].credentials: found a text: want the keys dockerConfig, usernameFile, passwordFile, anonymous",
        ],
    );
}

#[test]
fn refuses_yaml_that_says_two_things() {
    check("log: {level: info}\nlog: {level: warn}", &[":3: found \"log\" twice: want each key once"]);
    check(
        "log: &l {level: info}",
        &[
            ":2: found an anchor, an alias, or too much: want no anchors or aliases, at most 16 levels and 100000 values",
        ],
    );
    check("---\nlog: {}", &[":3: found a second document: want one document"]);
    check(
        "registries: [{host: a.b, plainHttp: yes}]",
        &[":2: registries[0].plainHttp: found \"yes\": want true or false"],
    );
}

#[test]
fn refuses_bad_server_values() {
    check(
        "server: {listen: localhost}",
        &[":2: server.listen: found \"localhost\": want an IP address and a port, for example 0.0.0.0:6001"],
    );
    check(
        "health: {listen: 8888}",
        &[":2: health.listen: found the number 8888: want an IP address and a port, for example 0.0.0.0:8888"],
    );
    check(
        "server: {allowedClients: []}",
        &[":2: server.allowedClients: found an empty list: want at least one DNS name, as nobody could ask otherwise"],
    );
    check(
        "server: {allowedClients: [a_b, 5]}",
        &[
            ":2: server.allowedClients[0]: found \"a_b\": want a DNS name, for example \
         gatekeeper-webhook-service.gatekeeper-system.svc",
            ":2: server.allowedClients[1]: found the number 5: want a DNS name, for example \
         gatekeeper-webhook-service.gatekeeper-system.svc",
        ],
    );
    check("server: {allowedClients: gatekeeper}", &[":2: server.allowedClients: found a text: want a list"]);
    check(
        "server: {verifyTimeout: 31s}",
        &[
            ":2: server.verifyTimeout: found \"31s\": want a duration with its unit, from 100ms to 30s, for example 1s 800ms",
        ],
    );
    check(
        "server: {mutateTimeout: 99ms}",
        &[
            ":2: server.mutateTimeout: found \"99ms\": want a duration with its unit, from 100ms to 30s, for example 800ms",
        ],
    );
    check(
        "server: {stopGrace: -1s}",
        &[":2: server.stopGrace: found \"-1s\": want a duration with its unit, from 0s to 10m, for example 20s"],
    );
    check(
        "server: {maxBodyBytes: 1023}",
        &[
            ":2: server.maxBodyBytes: found the number 1023: want a whole number from 1024 to 67108864, for example 1048576",
        ],
    );
    check(
        "server: {maxKeys: 0}",
        &[":2: server.maxKeys: found the number 0: want a whole number from 1 to 10000, for example 500"],
    );
    check(
        "server: {maxConnections: 1.5}",
        &[":2: server.maxConnections: found the number 1.5: want a whole number from 1 to 65536, for example 512"],
    );
    check(
        "server: {maxConcurrentKeys: \"8\"}",
        &[":2: server.maxConcurrentKeys: found \"8\": want a whole number from 1 to 65536, for example 256"],
    );
    check(
        "server: {maxConcurrentKeys: 8}",
        &[":2: server.maxConcurrentKeysPerRequest: found 32: want at most server.maxConcurrentKeys, which is 8"],
    );
    assert_eq!(
        mistakes(&format!("{TLS}{TRUST}health: {{listen: 0.0.0.0:6001}}"), Purpose::Serve),
        [":3: health.listen: found 0.0.0.0:6001, which is server.listen: want another port"]
    );
}

#[test]
fn trust_is_one_directory_or_two_places() {
    let both = parse("trust: {policy: p.json, store: /s}", Purpose::Verify).unwrap();
    let apart = TrustLocation::Apart { policy: PathBuf::from("/etc/cs/p.json"), store: PathBuf::from("/s") };
    assert_eq!(both.trust.location, apart);
    let refused = |text| mistakes(text, Purpose::Verify);
    let missing = "trust.directory: found nothing: want a Notation configuration directory, or trust.policy and \
                   trust.store, for example trust";
    assert_eq!(refused(""), [format!(":1: {missing}")]);
    assert_eq!(refused("trust: {reloadInterval: 5s}"), [format!(":1: {missing}")]);
    assert_eq!(
        refused("trust: {directory: d, policy: p}"),
        [":1: trust.directory: found a directory beside trust.policy or trust.store: want one or the other",]
    );
    assert_eq!(
        refused("trust: {policy: p}"),
        [
            ":1: trust.store: found nothing: want the directory with x509/<type>/<name>/ beside trust.policy, for example \
         truststore",
        ]
    );
    assert_eq!(
        refused("trust: {store: s}"),
        [":1: trust.policy: found nothing: want the trust policy document beside trust.store, for example \
         policy/trustpolicy.json",]
    );
    assert_eq!(
        refused("trust: {directory: d, reloadInterval: 100ms}"),
        [":1: trust.reloadInterval: found \"100ms\": want a duration with its unit, from 1s to 1h, for example 10s",]
    );
    assert_eq!(
        refused("trust: {directory: \"\"}"),
        [":1: trust.directory: found \"\": want the path of a file or directory, for example trust",]
    );
}

#[test]
fn refuses_bad_verification_values() {
    check(
        "verification: {maxSignatures: 1001}",
        &[":2: verification.maxSignatures: found the number 1001: want a whole number from 1 to 1000, for example 100"],
    );
    check(
        "verification: {requiredMetadata: [{annotations: {a: b}}]}",
        &[":2: verification.requiredMetadata[0].statement: found nothing: want the name of a statement of the trust \
         policy, for example production"],
    );
    check(
        "verification: {requiredMetadata: [{statement: 7, annotations: {a: b}}]}",
        &[
            ":2: verification.requiredMetadata[0].statement: found the number 7: want the name of a statement of the trust \
         policy, for example production",
        ],
    );
    let wanted = "want at least one annotation with its value, for example {io.example.pipeline: release}";
    check(
        "verification: {requiredMetadata: [{statement: s}]}",
        &[&format!(":2: verification.requiredMetadata[0].annotations: found nothing: {wanted}")],
    );
    check(
        "verification: {requiredMetadata: [{statement: s, annotations: {}}]}",
        &[&format!(":2: verification.requiredMetadata[0].annotations: found a map of keys: {wanted}")],
    );
    check(
        "verification: {requiredMetadata: [{statement: s, annotations: [a]}]}",
        &[&format!(":2: verification.requiredMetadata[0].annotations: found a list: {wanted}")],
    );
    check(
        "verification: {requiredMetadata: [{statement: s, annotations: {a: 1}}]}",
        &[":2: verification.requiredMetadata[0].annotations.a: found the number 1: want a text; put it in quotation \
         marks, for example \"1\""],
    );
    check(
        "verification:\n  requiredMetadata:\n  - {statement: s, annotations: {a: b}}\n  - {statement: s, annotations: {a: b}}",
        &[":5: verification.requiredMetadata[1].statement: found \"s\" twice: want each statement once"],
    );
}

#[test]
fn refuses_bad_cache_and_access_values() {
    check(
        "cache: {verdictBytes: -1}",
        &[
            ":2: cache.verdictBytes: found the number -1: want a whole number from 0 to 4294967296, for example 33554432",
        ],
    );
    check(
        "cache: {verdictLifetime: 25h}",
        &[":2: cache.verdictLifetime: found \"25h\": want a duration with its unit, from 0s to 1day, for example 5m"],
    );
    check(
        "cache: {rejectedLifetime: 11m}",
        &[":2: cache.rejectedLifetime: found \"11m\": want a duration with its unit, from 0s to 10m, for example 5s"],
    );
    check(
        "cache: {tagLifetime: soon}",
        &[":2: cache.tagLifetime: found \"soon\": want a duration with its unit, from 0s to 10m, for example 5s"],
    );
    check(
        "registryAccess: {connectTimeout: 1ms}",
        &[
            ":2: registryAccess.connectTimeout: found \"1ms\": want a duration with its unit, from 50ms to 1m, for example 1s",
        ],
    );
    check(
        "registryAccess: {requestTimeout: 2m}",
        &[
            ":2: registryAccess.requestTimeout: found \"2m\": want a duration with its unit, from 50ms to 1m, for example 5s",
        ],
    );
    check(
        "registryAccess: {maxRequestsPerHost: 0}",
        &[
            ":2: registryAccess.maxRequestsPerHost: found the number 0: want a whole number from 1 to 1024, for example 32",
        ],
    );
    check(
        "registryAccess: {maxRequests: 70000}",
        &[
            ":2: registryAccess.maxRequests: found the number 70000: want a whole number from 1 to 65536, for example 256",
        ],
    );
    check("unlistedRegistries: allow", &[":2: unlistedRegistries: found \"allow\": want anonymous or refuse"]);
}

#[test]
fn refuses_bad_registries() {
    let host = "want host[:port] as it stands in image references, or *.suffix with at least two labels, for example \
                registry.example.com";
    check("registries: [{plainHttp: true}]", &[&format!(":2: registries[0].host: found nothing: {host}")]);
    for bad in ["https://a.b", "a.b/c", "a.b:0", "a.b:65536", "*.com", "*", "a.*.b", "-a.b", "a..b", "[::1"] {
        check(
            &format!("registries: [{{host: \"{bad}\"}}]"),
            &[&format!(":2: registries[0].host: found \"{bad}\": {host}")],
        );
    }
    check(
        "registries:\n- host: docker.io\n- host: index.docker.io",
        &[":4: registries[1].host: found docker.io twice: want each host once"],
    );
    check("registries:\n- host: a.b\n- host: A.B", &[":4: registries[1].host: found a.b twice: want each host once"]);
    check(
        "registries: [{host: a.b, plainHttp: true, ca: x}]",
        &[":2: registries[0].plainHttp: found true beside ca: want one or the other: plain HTTP has no certificates"],
    );
    check(
        "registries: [{host: a.b, plainHttp: true, credentials: {dockerConfig: x}}]",
        &[
            ":2: registries[0].plainHttp: found true beside credentials: want one or the other: they would travel in clear \
         text",
        ],
    );
    check(
        "registries: [{host: a.b, realmHosts: ['https://c']}]",
        &[":2: registries[0].realmHosts[0]: found \"https://c\": want host[:port], for example auth.example.com"],
    );
    check(
        "registries: [{host: a.b, credentials: {usernameFile: u}}]",
        &[":2: registries[0].credentials.passwordFile: found nothing: want the file with the password beside \
         usernameFile, for example registry-login/password"],
    );
    check(
        "registries: [{host: a.b, credentials: {passwordFile: u}}]",
        &[
            ":2: registries[0].credentials.usernameFile: found nothing: want the file with the name beside passwordFile, \
         for example registry-login/username",
        ],
    );
    let kinds = "want one of dockerConfig, usernameFile with passwordFile, or anonymous: true";
    check(
        "registries: [{host: a.b, credentials: {dockerConfig: d, anonymous: true}}]",
        &[&format!(":2: registries[0].credentials: found 2 kinds: {kinds}")],
    );
    check(
        "registries: [{host: a.b, credentials: {dockerConfig: d, usernameFile: u, passwordFile: p, anonymous: true}}]",
        &[&format!(":2: registries[0].credentials: found 3 kinds: {kinds}")],
    );
    check(
        "registries: [{host: a.b, credentials: {anonymous: false}}]",
        &[&format!(":2: registries[0].credentials: found none: {kinds}")],
    );
}

#[test]
fn reads_registries_of_every_kind() {
    let text = "registries:
- {host: 'LOCALHOST:5000', plainHttp: true}
- {host: '*.Example.com', credentials: {usernameFile: /u, passwordFile: p}, realmHosts: [Auth.example.com:443]}
- {host: '[::1]:5000', credentials: {anonymous: true}}
- {host: docker.io, ca: ca.pem, credentials: {dockerConfig: d}}
unlistedRegistries: refuse
";
    let config = parse(&format!("{TRUST}{text}"), Purpose::Verify).unwrap();
    let plain = |host: &str| Registry {
        host: host.parse().unwrap(),
        plain_http: false,
        ca: None,
        credentials: Credentials::Anonymous,
        realm_hosts: Vec::new(),
    };
    let files = Credentials::Files { username: PathBuf::from("/u"), password: PathBuf::from("/etc/cs/p") };
    assert_eq!(
        config.registries,
        [
            Registry { plain_http: true, ..plain("localhost:5000") },
            Registry {
                host: "*.example.com".parse().unwrap(),
                credentials: files,
                realm_hosts: vec!["auth.example.com:443".to_owned()],
                ..plain("x.y")
            },
            plain("[::1]:5000"),
            Registry {
                ca: Some(PathBuf::from("/etc/cs/ca.pem")),
                credentials: Credentials::DockerConfig(PathBuf::from("/etc/cs/d")),
                ..plain("docker.io")
            },
        ]
    );
    assert_eq!(config.unlisted_registries, Unlisted::Refuse);
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
        "server.listen=0.0.0.0:6001 server.tls.certificate=\"/etc/cs/c\" server.tls.key=\"/etc/cs/k\" \
         server.tls.clientCa=\"/etc/cs/a\" server.allowedClients=gatekeeper-webhook-service.gatekeeper-system.svc \
         server.verifyTimeout=1800ms server.mutateTimeout=800ms server.stopGrace=20000ms server.maxBodyBytes=1048576 \
         server.maxKeys=500 server.maxConnections=512 server.maxConcurrentKeys=256 \
         server.maxConcurrentKeysPerRequest=32 health.listen=0.0.0.0:8888 trust.directory=\"/etc/cs/trust\" \
         trust.reloadInterval=10000ms verification.maxSignatures=100 \
         verification.requiredMetadata=\"s\":{\"a\": \"b\"} cache.verdictBytes=33554432 cache.verdictLifetime=300000ms \
         cache.rejectedLifetime=5000ms cache.tagLifetime=5000ms registries={host=a.b plainHttp=false \
         credentials.usernameFile=\"/etc/cs/u\" credentials.passwordFile=\"/etc/cs/p\" realmHosts=c.d} \
         unlistedRegistries=anonymous registryAccess.connectTimeout=1000ms registryAccess.requestTimeout=5000ms \
         registryAccess.maxRequestsPerHost=32 registryAccess.maxRequests=256 log.level=info"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Path::new("/nowhere/c.yaml"), Purpose::Verify).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the configuration /nowhere/c.yaml");
}
