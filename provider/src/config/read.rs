//! The schema of the configuration file: which keys there are, what they may hold, what they default to.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::limits;
use countersign_core::name::Host;
use countersign_core::name::HostError;
use countersign_registry::HostPattern;
use countersign_registry::Unlisted;

use super::Cache;
use super::Config;
use super::Credentials;
use super::ListenAddress;
use super::LogLevel;
use super::Mistake;
use super::Purpose;
use super::Registry;
use super::RegistryAccess;
use super::Server;
use super::Tls;
use super::Trust;
use super::TrustLocation;
use super::Verification;
use super::fields::Fields;
use super::fields::Mistakes;
use super::proxy;
use super::yaml::Node;
use super::yaml::Value;
use super::yaml::load_yaml;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Name of Gatekeeper's webhook service in a standard installation: what its client certificate carries.
const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

const MIB: usize = 1024 * 1024;

pub(super) fn config(text: &str, file: &Path, purpose: Purpose) -> Result<Config, Vec<Mistake>> {
    match survey(text, file, purpose) {
        (Some(config), list) if list.is_empty() => Ok(config),
        (Some(_) | None, list) => Err(list),
    }
}

/// What can be read of the text, with defaults in place of what cannot, and every mistake.
pub(super) fn survey(text: &str, file: &Path, purpose: Purpose) -> (Option<Config>, Vec<Mistake>) {
    let mistakes = Mistakes::new(file);
    let root = match load_yaml(text) {
        Ok(root) => root,
        Err(error) => {
            mistakes.add(error.line, "", error.found, error.wanted, "");
            return (None, mistakes.into_list());
        }
    };
    let keys = &[
        "server",
        "health",
        "trust",
        "verification",
        "cache",
        "registries",
        "unlistedRegistries",
        "registryAccess",
        "log",
    ];
    let reader = Reader { base: file.parent().unwrap_or(Path::new("")), mistakes: &mistakes };
    let fields = Fields::new(&root, "", keys, &mistakes);
    let server = reader.server(&fields, purpose);
    let health = fields.section("health", &["listen"]);
    let health_listen = listen(&health, 8888);
    if purpose == Purpose::Serve && health_listen.overlaps(&server.listen) {
        let found = format_args!("{health_listen} beside server.listen, which is {}", server.listen);
        health.conflict("listen", found, "another port");
    }
    let trust = reader.trust(&fields);
    let verification = reader.verification(&fields);
    let cache = cache(&fields);
    let registries = reader.registries(&fields);
    let unlisted = fields.text("unlistedRegistries", "anonymous or refuse", "", |text| match text {
        "anonymous" => Some(Unlisted::Anonymous),
        "refuse" => Some(Unlisted::Refuse),
        _ => None,
    });
    let registry_access = registry_access(&fields);
    let log = fields.section("log", &["level"]);
    let level = log.text("level", "error, warn, info, debug or trace", "", |text| {
        let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
        levels.into_iter().find(|level| level.text() == text)
    });
    let config = trust.map(|trust| Config {
        server,
        health_listen,
        trust,
        verification,
        cache,
        registries,
        unlisted_registries: unlisted.unwrap_or(Unlisted::Anonymous),
        registry_access,
        log_level: level.unwrap_or(LogLevel::Info),
    });
    (config, mistakes.into_list())
}

pub(super) struct Reader<'a> {
    /// Directory of the configuration file.
    base: &'a Path,
    mistakes: &'a Mistakes,
}

impl<'a> Reader<'a> {
    pub(super) fn file(&self, fields: &Fields<'_>, key: &'static str, example: &str) -> Option<PathBuf> {
        fields.path(key, example).map(|path| self.base.join(path))
    }

    fn required_file(&self, fields: &Fields<'_>, key: &'static str, wanted: &str, example: &str) -> Option<PathBuf> {
        if !fields.has(key) {
            fields.missing(key, wanted, example);
        }
        self.file(fields, key, example)
    }

    fn server(&self, root: &Fields<'_>, purpose: Purpose) -> Server {
        let fields = root.section(
            "server",
            &[
                "listen",
                "tls",
                "allowedClients",
                "verifyTimeout",
                "mutateTimeout",
                "stopGrace",
                "maxBodyBytes",
                "maxKeys",
                "maxConnections",
                "maxConcurrentKeys",
                "maxConcurrentKeysPerRequest",
            ],
        );
        let tls = fields.section("tls", &["certificate", "key", "clientCa"]);
        let tls = if purpose == Purpose::Serve || fields.has("tls") {
            let certificate = self.required_file(&tls, "certificate", "a PEM file", "tls/tls.crt");
            let key = self.required_file(&tls, "key", "a PEM file", "tls/tls.key");
            let client_ca = self.required_file(&tls, "clientCa", "a PEM file", "client-ca/ca.crt");
            certificate.zip(key).zip(client_ca).map(|((certificate, key), client_ca)| Tls {
                certificate,
                key,
                client_ca,
            })
        } else {
            None
        };
        let mut allowed_clients = vec![GATEKEEPER.to_owned()];
        if fields.has("allowedClients") {
            allowed_clients = fields.texts("allowedClients", "a DNS name", GATEKEEPER, |text| {
                let name = text.to_ascii_lowercase();
                is_dns_name(&name).then_some(name)
            });
            if matches!(fields.node("allowedClients").map(|node| &node.value), Some(Value::List(list)) if list.is_empty())
            {
                fields.conflict(
                    "allowedClients",
                    "an empty list",
                    "at least one DNS name, as nobody could ask otherwise",
                );
            }
        }
        let max_concurrent_keys = fields.number("maxConcurrentKeys", 128, 1, 65_536);
        let max_concurrent_keys_per_request = fields.number("maxConcurrentKeysPerRequest", 32, 1, 65_536);
        if max_concurrent_keys_per_request > max_concurrent_keys {
            fields.conflict(
                "maxConcurrentKeysPerRequest",
                max_concurrent_keys_per_request,
                format_args!("at most server.maxConcurrentKeys, which is {max_concurrent_keys}"),
            );
        }
        Server {
            listen: listen(&fields, 6001),
            tls,
            allowed_clients,
            verify_timeout: fields.duration("verifyTimeout", 1800 * MS, 100 * MS, 30 * SECOND),
            mutate_timeout: fields.duration("mutateTimeout", 800 * MS, 100 * MS, 30 * SECOND),
            stop_grace: fields.duration("stopGrace", 20 * SECOND, Duration::ZERO, 10 * MINUTE),
            max_body_bytes: fields.number("maxBodyBytes", MIB, 1024, 64 * MIB),
            max_keys: fields.number("maxKeys", 1000, 1, 10_000),
            max_connections: fields.number("maxConnections", 256, 1, 65_536),
            max_concurrent_keys,
            max_concurrent_keys_per_request,
        }
    }

    fn trust(&self, root: &Fields<'_>) -> Option<Trust> {
        let fields = root.section("trust", &["directory", "policy", "store", "reloadInterval"]);
        let reload_interval = fields.duration("reloadInterval", 10 * SECOND, 100 * MS, HOUR);
        let directory = self.file(&fields, "directory", "trust");
        let policy = self.file(&fields, "policy", "policy/trustpolicy.json");
        let store = self.file(&fields, "store", "truststore");
        let apart = fields.has("policy") || fields.has("store");
        let location = match (fields.has("directory"), apart) {
            (true, true) => {
                fields.conflict("directory", "a directory beside trust.policy or trust.store", "one or the other");
                None
            }
            (true, false) => directory.map(TrustLocation::Directory),
            (false, true) => {
                if !fields.has("policy") {
                    fields.missing("policy", "the trust policy document beside trust.store", "policy/trustpolicy.json");
                }
                if !fields.has("store") {
                    fields.missing("store", "the directory with x509/<type>/<name>/ beside trust.policy", "truststore");
                }
                policy.zip(store).map(|(policy, store)| TrustLocation::Apart { policy, store })
            }
            (false, false) => {
                fields.missing(
                    "directory",
                    "a Notation configuration directory, or trust.policy and trust.store",
                    "trust",
                );
                None
            }
        };
        location.map(|location| Trust { location, reload_interval })
    }

    fn verification(&self, root: &Fields<'_>) -> Verification {
        let fields = root.section("verification", &["maxSignatures", "requiredMetadata"]);
        let mut required_metadata = BTreeMap::new();
        for (path, node) in fields.list("requiredMetadata") {
            let entry = Fields::new(node, &path, &["statement", "annotations"], self.mistakes);
            let wanted = "the name of a statement of the trust policy";
            let statement =
                entry.text("statement", wanted, "production", |text| (!text.is_empty()).then(|| text.to_owned()));
            if !entry.has("statement") {
                entry.missing("statement", wanted, "production");
            }
            let annotations = self.annotations(&entry);
            let Some(statement) = statement else { continue };
            if required_metadata.insert(statement.clone(), annotations).is_some() {
                entry.conflict("statement", format_args!("{statement:?} twice"), "each statement once");
            }
        }
        Verification {
            max_signatures: fields.number("maxSignatures", limits::SIGNATURES_PER_IMAGE, 1, 1000),
            required_metadata,
        }
    }

    fn annotations(&self, entry: &Fields<'_>) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::new();
        let wanted = "at least one annotation with its value";
        let example = "{io.example.pipeline: release}";
        match entry.node("annotations").map(|node| (node.line, &node.value)) {
            Some((_, Value::Map(entries))) if !entries.is_empty() => {
                for (key, Node { line, value }) in entries {
                    if let Value::Text(text) = value {
                        annotations.insert(key.clone(), text.clone());
                    } else {
                        let path = format!("{}.{key}", entry.path_of("annotations"));
                        self.mistakes.add(*line, &path, value.describe(), "a text; put it in quotation marks", "\"1\"");
                    }
                }
            }
            Some((line, value)) => {
                self.mistakes.add(line, &entry.path_of("annotations"), value.kind(), wanted, example);
            }
            None => entry.missing("annotations", wanted, example),
        }
        annotations
    }

    fn registries(&self, root: &Fields<'_>) -> Vec<Registry> {
        let mut registries: Vec<Registry> = Vec::new();
        for (path, node) in root.list("registries") {
            let keys = &["host", "plainHttp", "ca", "credentials", "realmHosts", "proxy"];
            let entry = Fields::new(node, &path, keys, self.mistakes);
            if let Some(registry) = self.registry(&entry) {
                let one =
                    |other: &&Registry| registry.host.is_one_place(registry.scheme(), &other.host, other.scheme());
                if let Some(first) = registries.iter().find(one) {
                    let found = format_args!("{}, the same place as {}", registry.host, first.host);
                    entry.conflict("host", found, "each place once");
                }
                registries.push(registry);
            }
        }
        registries
    }

    fn registry(&self, entry: &Fields<'_>) -> Option<Registry> {
        let wanted = "host[:port] as it stands in image references, or *.suffix with at least two labels";
        if !entry.has("host") {
            entry.missing("host", wanted, "registry.example.com");
        }
        let reason = entry.node("host").and_then(|node| node.value.text()).and_then(reason_against);
        let wanted = reason.map_or_else(|| wanted.to_owned(), |reason| format!("{wanted} ({reason})"));
        let host: Option<HostPattern> = entry.text("host", &wanted, "registry.example.com", |text| text.parse().ok());
        let plain_http = entry.boolean("plainHttp", false);
        let ca = self.file(entry, "ca", "ca/registry.pem");
        let credentials = self.credentials(entry);
        if plain_http && ca.is_some() {
            entry.conflict("plainHttp", "true beside ca", "one or the other: plain HTTP has no certificates");
        }
        if plain_http && credentials != Credentials::Anonymous {
            entry.conflict("plainHttp", "true beside credentials", "one or the other: they would travel in clear text");
        }
        let realm_hosts: Vec<Host> =
            entry.texts("realmHosts", "host[:port]", "auth.example.com", |text| text.parse().ok());
        let proxy = proxy::read(self, entry, host.as_ref());
        let host = host?;
        if plain_http && host.written_port() == Some(443) {
            let wanted = "another port, or none for port 80: references need not write the port of https";
            entry.conflict("plainHttp", format_args!("true beside the port of https in {host}"), wanted);
        }
        if plain_http && host.is_docker_hub() {
            let wanted = "https: all of its names stand for port 443";
            entry.conflict("plainHttp", format_args!("true beside {host}, which is Docker Hub"), wanted);
        }
        Some(Registry { host, plain_http, ca, credentials, realm_hosts, proxy })
    }

    fn credentials(&self, entry: &Fields<'_>) -> Credentials {
        let fields = entry.section("credentials", &["dockerConfig", "usernameFile", "passwordFile", "anonymous"]);
        let docker = self.file(&fields, "dockerConfig", "pull-secret/.dockerconfigjson");
        let username = self.file(&fields, "usernameFile", "registry-login/username");
        let password = self.file(&fields, "passwordFile", "registry-login/password");
        let anonymous = fields.boolean("anonymous", false);
        let files = fields.has("usernameFile") || fields.has("passwordFile");
        if files && !fields.has("usernameFile") {
            fields.missing("usernameFile", "the file with the name beside passwordFile", "registry-login/username");
        }
        if files && !fields.has("passwordFile") {
            fields.missing("passwordFile", "the file with the password beside usernameFile", "registry-login/password");
        }
        let kinds = usize::from(fields.has("dockerConfig")) + usize::from(files) + usize::from(anonymous);
        let kind_wanted = "one of dockerConfig, usernameFile with passwordFile, or anonymous: true";
        if kinds > 1 {
            entry.conflict("credentials", format_args!("{kinds} kinds"), kind_wanted);
        }
        if kinds == 0 && entry.has("credentials") && entry.is_map("credentials") {
            entry.conflict("credentials", "none", kind_wanted);
        }
        match (docker, username.zip(password)) {
            (Some(docker), _) => Credentials::DockerConfig(docker),
            (None, Some((username, password))) => Credentials::Files { username, password },
            (None, None) => Credentials::Anonymous,
        }
    }
}

fn cache(root: &Fields<'_>) -> Cache {
    let keys = &["verdictBytes", "verdictLifetime", "rejectedLifetime", "tagLifetime"];
    let fields = root.section("cache", keys);
    Cache {
        verdict_bytes: fields.number("verdictBytes", 16 * MIB, 0, 4096 * MIB),
        verdict_lifetime: fields.duration("verdictLifetime", 5 * MINUTE, Duration::ZERO, 24 * HOUR),
        rejected_lifetime: fields.duration("rejectedLifetime", 5 * SECOND, Duration::ZERO, 10 * MINUTE),
        tag_lifetime: fields.duration("tagLifetime", 5 * SECOND, Duration::ZERO, 10 * MINUTE),
    }
}

fn registry_access(root: &Fields<'_>) -> RegistryAccess {
    let fields =
        root.section("registryAccess", &["connectTimeout", "requestTimeout", "maxRequestsPerHost", "maxRequests"]);
    RegistryAccess {
        connect_timeout: fields.duration("connectTimeout", SECOND, 50 * MS, MINUTE),
        request_timeout: fields.duration("requestTimeout", 5 * SECOND, 50 * MS, MINUTE),
        max_requests_per_host: fields.number("maxRequestsPerHost", 32, 1, 1024),
        max_requests: fields.number("maxRequests", 128, 1, 65_536),
    }
}

/// `listen` of a section: all addresses of both families and `port` unless written.
fn listen(fields: &Fields<'_>, port: u16) -> ListenAddress {
    let wanted = "an IP address or a host name with a port, or a port alone";
    let read = fields.text("listen", wanted, &format!(":{port}"), |text| text.parse().ok());
    read.unwrap_or(ListenAddress::any(port))
}

/// A DNS name: labels of letters, digits, inner hyphens; at most 253 bytes; lower-case.
pub(super) fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// Why a text that looks like a registry host is none.
fn reason_against(text: &str) -> Option<HostError> {
    let reason = text.parse::<HostPattern>().err()?.reason;
    (reason != HostError::Syntax).then_some(reason)
}
