//! `registries`: hosts and repositories, with the settings of requests to them.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::name::EcrHost;
use countersign_core::name::Host;
use countersign_core::name::HostError;
use countersign_http::Scheme;
use countersign_registry::EntryNumbers;
use countersign_registry::FallbackTag;
use countersign_registry::Mirror;
use countersign_registry::Mirrors;
use countersign_registry::RegistryPattern;
use countersign_registry::RegistryPatternError;
use countersign_registry::mirror_circle;
use serde_json::Value as Json;
use serde_json::json;

use super::MINUTE;
use super::acr_hosts;
use super::aws::Aws;
use super::client_certificate::ClientCertificateKind;
use super::client_certificate::RegistryCertificate;
use super::credentials::Credentials;
use super::credentials::CredentialsKind;
use super::ecr_hosts;
use super::google_hosts;
use super::mirrors;
use super::mirrors::MirrorsKind;
use super::ms;
use super::proxy;
use super::proxy::ProxyKind;
use super::proxy::RegistryProxy;
use super::seconds;
use super::shared_hosts;
use crate::config::fields::Fields;
use crate::config::hints::Cut;
use crate::config::schema::Choice;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::File;
use crate::config::schema::Flag;
use crate::config::schema::Kind;
use crate::config::schema::Number;
use crate::config::schema::Optional;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::Time;
use crate::config::schema::list_schema;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::yaml::Node;

/// One element of `registries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The position in the list, counted from 0. Entries that cannot be read count too.
    pub position: usize,
    /// The keys with a mistake, which are as if they were not written. No request is sent under an entry that has any.
    pub mistaken: Vec<&'static str>,
    pub host: RegistryPattern,
    /// If true, `ca` and credentials are not allowed.
    pub plain_http: bool,
    /// PEM file with the authorities to trust, in place of the built-in ones.
    pub ca: Option<PathBuf>,
    pub credentials: Credentials,
    pub client_certificate: Option<RegistryCertificate>,
    /// Further hosts of token services that get the credentials.
    pub realm_hosts: Vec<Host>,
    pub proxy: RegistryProxy,
    pub mirrors: Mirrors,
    pub fallback_tag: FallbackTag,
    /// In place of `registryAccess.connectTimeout`.
    pub connect_timeout: Option<Duration>,
    /// In place of `registryAccess.requestTimeout`.
    pub request_timeout: Option<Duration>,
    /// Beside the limits of `registryAccess`.
    pub max_requests: Option<usize>,
    pub requests_per_second: Option<u32>,
}

impl Registry {
    /// The entry in messages: `registries[2] "registry.example.com/team"`.
    #[must_use]
    pub fn rule(&self) -> String {
        format!("registries[{}] \"{}\"", self.position, self.host)
    }

    /// Whether it is Amazon ECR Public.
    #[must_use]
    pub fn is_public_ecr(&self) -> bool {
        matches!(ecr_hosts::registry_of(self.host.host()), Some(EcrHost::Public))
    }
}

section! {
    /// The keys of one entry of `registries`.
    pub(super) RegistryKeys {
        /// The host, as it is in image references (docker.io for Docker Hub), with a port where they have one, and the beginning of the
        /// repository's name if the entry is for some repositories only: registry.example.com/team is for team and team/app, not for
        /// teams; docker.io/library for images such as nginx. *.example.com matches one label, **.example.com one or more;
        /// there are no other wildcards. Any spelling of the host is accepted, except of docker.io and index.docker.io, which container
        /// runtimes compare letter by letter; a.b, A.b and a.b:443 are one host.
        /// Danger: the credentials are sent to every host that a pattern matches.
        host "host": Option<RegistryPattern> = PatternKind;
        /// Use plain HTTP. Danger: an attacker on the network can alter responses; signatures are still verified, but images
        /// can be denied. Not together with `ca` or credentials, nor for Docker Hub. Without a port in `host` that is port 80,
        /// and neither images nor scopes of the trust policy have one. The same in all entries for repositories of one host.
        plain_http "plainHttp": bool = Flag(false);
        /// PEM file with the certificate authorities to trust for this host, in place of the built-in ones; or with the host's
        /// own self-signed certificate, which is then accepted as it is, while its names and dates are valid.
        ca "ca": Option<PathBuf> = File::written("ca/registry.pem");
        /// Exactly one key of the following. Files are read again every trust.reloadInterval. One that cannot be used, here or as `ca`,
        /// disables this registry and nothing else; if it could be used before, its former content stays in use.
        credentials "credentials": Credentials = CredentialsKind;
        /// The certificate by which Countersign authenticates itself to this host, if the host requests one (mutual TLS), beside the
        /// credentials. It is not presented after a redirect to another host, to a proxy, or to a token service on another host.
        /// The files are used as those of credentials.
        client_certificate "clientCertificate": Option<RegistryCertificate> = ClientCertificateKind;
        /// Further hosts that this registry may name as token services. Its own host is always allowed, and auth.docker.io for
        /// docker.io. Danger: the credentials are sent there.
        realm_hosts "realmHosts": Vec<Host> = HostsKind { sample: "[auth.example.com]" };
        /// How this registry is reached, and the token services and blob stores that it leads to: `environment`, the default,
        /// according to HTTPS_PROXY, HTTP_PROXY and NO_PROXY when Countersign starts; `none`, directly; or by this proxy. Hosts
        /// that are not in `registries` receive direct requests. No proxy is used for private addresses, `localhost` and names
        /// inside the cluster: list those in NO_PROXY. Danger: a proxy resolves names itself, so its own rules then determine
        /// where Countersign can connect.
        proxy "proxy": RegistryProxy = ProxyKind::MAP;
        /// Other locations of these repositories, at most 8, tried in their order and before this registry: host[:port][/path], which
        /// replaces `host` at the beginning of the repository's name. For host docker.io and the mirror mirror.example.com/hub, the image
        /// nginx is at mirror.example.com/hub/library/nginx. Each is used under its own entry of `registries`, with its credentials,
        /// ca, proxy and limits, and the mirrors of that entry are not used. Policies and verdicts are about the image as it is written. A
        /// location that fails for any reason is left for the next one and has an equal share of the time that remains; after it was
        /// unreachable it is tried last for 10 s. An image is only `unsigned` if this registry itself lists no signature, or with mirrorsOnly all
        /// mirrors; if that is not known, the image is inconclusive. Not for a `host` with wildcards.
        mirrors "mirrors": Vec<Mirror> = MirrorsKind;
        /// Never send a request to this registry itself: the mirrors have its images and their signatures.
        mirrors_only "mirrorsOnly": bool = Flag(false);
        /// When the fallback tag of an image is read, `sha256-<digest>`, under which clients list referrers for registries without the
        /// referrers API: `whenNeeded`, if the registry sends no list of the API; or `always`, so that signatures of both lists
        /// count, for one more request per image. Set `always` for a registry that got the API after images were
        /// signed and sends a list without those signatures, as Amazon ECR can for signatures of before July 2024.
        fallback_tag "fallbackTag": FallbackTag = Choice {
            words: &[("whenNeeded", FallbackTag::WhenNeeded), ("always", FallbackTag::Always)],
            default: FallbackTag::WhenNeeded,
            wanted: "whenNeeded or always",
        };
        /// For one connection to this host with TLS, in place of registryAccess.connectTimeout.
        connect_timeout "connectTimeout": Option<Duration> = Optional(Time::of(seconds(1), ms(50), MINUTE));
        /// For one request with its response, in place of registryAccess.requestTimeout.
        request_timeout "requestTimeout": Option<Duration> = Optional(Time::of(seconds(5), ms(50), MINUTE));
        /// Requests at the same time under this entry, within the limits of registryAccess. More wait. None unless configured.
        max_requests "maxRequests": Option<usize> = Optional(Number::of(8, 1, 1024));
        /// Requests under this entry that begin in one second, after at most as many at once; each redirect belongs to its request. More
        /// wait as for a pause that the registry requests, and their images are `registry-throttled` if that takes too long. Of each
        /// replica. None unless configured.
        requests_per_second "requestsPerSecond": Option<usize> = Optional(Number::of(10, 1, 1000));
    }
}

impl Registry {
    /// The scheme of requests to the registry.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        if self.plain_http { Scheme::Http } else { Scheme::Https }
    }

    /// The limits of the entry.
    #[must_use]
    pub fn numbers(&self) -> EntryNumbers {
        EntryNumbers {
            connect_timeout: self.connect_timeout,
            request_timeout: self.request_timeout,
            requests: self.max_requests,
            per_second: self.requests_per_second.and_then(NonZeroU32::new),
        }
    }

    /// Whether the later entry `other` can never apply, or is for the same server under another host.
    fn hides(&self, other: &Self) -> bool {
        self.host.covers(&other.host) || self.host.is_other_spelling_of(self.scheme(), &other.host, other.scheme())
    }

    /// Whether this entry and the later entry `other` can be for repositories of one host over different schemes.
    fn differs(&self, other: &Self) -> bool {
        self.host.shares_host_with(&other.host) && self.plain_http != other.plain_http
    }

    /// Returns `None` if `host` cannot be read.
    fn read(entry: &Fields<'_>, position: usize) -> Option<Self> {
        let RegistryKeys {
            host,
            plain_http,
            ca,
            credentials,
            client_certificate,
            realm_hosts,
            proxy,
            mirrors: locations,
            mirrors_only,
            fallback_tag,
            connect_timeout,
            request_timeout,
            max_requests,
            requests_per_second,
        } = RegistryKeys::read(entry);
        if plain_http && client_certificate.is_some() {
            let wanted = "one or the other; plain HTTP has no certificates";
            entry.conflict("plainHttp", "true beside clientCertificate", wanted);
        }
        if client_certificate.as_ref().is_some_and(|certificate| certificate.for_realm_hosts) && realm_hosts.is_empty()
        {
            let wanted = "hosts in realmHosts beside it, or false";
            entry.conflict("clientCertificate", "forRealmHosts: true without realmHosts", wanted);
        }
        if plain_http && ca.is_some() {
            entry.conflict("plainHttp", "true beside ca", "one or the other; plain HTTP has no certificates");
        }
        if plain_http && *credentials.readable() != Credentials::Anonymous {
            entry.conflict(
                "plainHttp",
                "true beside credentials",
                "one or the other; credentials would be sent \
             in clear text",
            );
        }
        proxy::check(entry, host.as_ref(), &proxy);
        ecr_hosts::check(entry, host.as_ref(), credentials.readable(), &realm_hosts);
        acr_hosts::check(entry, host.as_ref(), credentials.readable(), &realm_hosts);
        google_hosts::check(entry, host.as_ref(), credentials.readable(), &realm_hosts);
        shared_hosts::check(entry, host.as_ref(), credentials.readable());
        let host = host?;
        if plain_http && host.host().written_port() == Some(443) {
            let wanted = "another port, or none for port 80; references can omit the default port of https";
            entry.conflict("plainHttp", format_args!("true beside the port of https in {host}"), wanted);
        }
        if plain_http && host.host().is_docker_hub() {
            let wanted = "https; all of its names mean port 443";
            entry.conflict("plainHttp", format_args!("true beside {host}, which is Docker Hub"), wanted);
        }
        let mirrors = Mirrors { locations, only: mirrors_only };
        mirrors::check(entry, &host, &mirrors);
        let requests_per_second = requests_per_second.and_then(|number| u32::try_from(number).ok());
        Some(Self {
            position,
            mistaken: entry.keys_with_mistakes(),
            host,
            plain_http,
            ca,
            credentials,
            client_certificate,
            realm_hosts,
            proxy,
            mirrors,
            fallback_tag,
            connect_timeout,
            request_timeout,
            max_requests,
            requests_per_second,
        })
    }

    fn show(&self) -> Effective {
        let Self { host, plain_http, ca, credentials, realm_hosts, proxy, fallback_tag, .. } = self;
        let mut effective = Effective::default();
        effective.add("host", host);
        effective.add("plainHttp", plain_http);
        if let Some(ca) = ca {
            effective.path("ca", ca);
        }
        CredentialsKind.show("credentials", credentials, &mut effective);
        ClientCertificateKind.show("clientCertificate", &self.client_certificate, &mut effective);
        ProxyKind::MAP.show("proxy", proxy, &mut effective);
        effective.add("realmHosts", listed(realm_hosts));
        MirrorsKind.show("mirrors", &self.mirrors.locations, &mut effective);
        if self.mirrors.only {
            effective.add("mirrorsOnly", true);
        }
        if *fallback_tag == FallbackTag::Always {
            effective.add("fallbackTag", "always");
        }
        let Self { request_timeout, max_requests, requests_per_second, .. } = self;
        self.connect_timeout
            .iter()
            .for_each(|time| effective.add("connectTimeout", format_args!("{}ms", time.as_millis())));
        request_timeout.iter().for_each(|time| effective.add("requestTimeout", format_args!("{}ms", time.as_millis())));
        max_requests.iter().for_each(|limit| effective.add("maxRequests", limit));
        requests_per_second.iter().for_each(|limit| effective.add("requestsPerSecond", limit));
        effective
    }
}

/// Records registries with `credentials.ecr` in partitions that are not called.
pub(in crate::config) fn check_partitions(fields: &Fields<'_>, registries: &[Registry], aws: &Aws) {
    let list = nodes(fields);
    for registry in registries.iter().filter(|registry| matches!(registry.credentials, Credentials::Ecr(_))) {
        let partition = ecr_hosts::registry_of(registry.host.host()).map(|registry| registry.partition());
        let Some(partition) = partition.filter(|partition| !aws.partitions.contains(partition)) else { continue };
        let Some(host) = list.get(registry.position).and_then(|node| node.value.member("host")) else { continue };
        let found = format_args!("{} with credentials.ecr, which is in the partition {partition}", registry.host);
        let field = format!("registries[{}].host", registry.position);
        fields.mistake(host.line, &field, found, aws.wanted_partitions(), "");
    }
}

/// The positions of the entries that cannot be read, among `registries`, the ones that can.
pub(in crate::config) fn unread(fields: &Fields<'_>, registries: &[Registry]) -> Vec<usize> {
    let is_unread = |position: &usize| !registries.iter().any(|registry| registry.position == *position);
    (0..nodes(fields).len()).filter(is_unread).collect()
}

/// The elements of the list as written.
fn nodes<'a>(fields: &Fields<'a>) -> &'a [Node] {
    fields.node("registries").and_then(|node| node.value.elements()).unwrap_or_default()
}

/// The list `registries`, in the order of the file; no entry hides a later one.
pub(in crate::config) struct RegistriesKind;

impl Kind for RegistriesKind {
    type Value = Vec<Registry>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Vec<Registry> {
        let mut registries: Vec<Registry> = Vec::new();
        for (position, (path, node)) in fields.list(key).into_iter().enumerate() {
            let entry = fields.element(node, &path, names(RegistryKeys::KEYS));
            entry.is_registry();
            let Some(registry) = Registry::read(&entry, position) else { continue };
            if let Some(first) = registries.iter().find(|first| first.hides(&registry)) {
                let found = format_args!(
                    "{}, which never applies: {} is before it and has all of its repositories",
                    registry.host,
                    first.rule()
                );
                entry.conflict("host", found, "each registry once, and the narrower one first");
            } else if let Some(first) = registries.iter().find(|first| first.differs(&registry)) {
                let found = format_args!(
                    "{} beside {}, which can be for repositories of the same host",
                    registry.plain_http,
                    first.rule()
                );
                entry.conflict("plainHttp", found, "the same in both");
            }
            let all = std::iter::once(&registry).chain(&registries);
            let all: Vec<_> = all.map(|registry| (&registry.host, &registry.mirrors)).collect();
            if let Some((0, mistake)) = mirror_circle(&all) {
                mirrors::record(&entry, &mistake);
            }
            registries.push(registry);
        }
        registries
    }

    fn show(&self, key: &str, value: &Vec<Registry>, effective: &mut Effective) {
        for registry in value {
            effective.add(key, format_args!("{{{}}}", registry.show()));
        }
    }

    fn describe(&self) -> Description {
        let mut schema = list_schema(RegistryKeys::KEYS);
        if let Some(Json::Object(element)) = schema.get_mut("items") {
            // Conflicts of `plainHttp`, except those with the host.
            element.insert(
                "if".to_owned(),
                json!({"properties": {"plainHttp": {"const": true}}, "required": ["plainHttp"]}),
            );
            let anonymous = json!({"properties": {"anonymous": {"const": true}}, "required": ["anonymous"]});
            element.insert(
                "then".to_owned(),
                json!({"properties": {
                    "ca": {"type": "null"}, "clientCertificate": {"type": "null"}, "credentials": anonymous
                }}),
            );
        }
        Description { sample: Sample::List(RegistryKeys::KEYS), schema, limits: String::new(), is_required: false }
    }
}

/// The characters of a host and of a pattern of hosts, for the JSON Schema, which has not the whole grammar.
const HOST_PATTERN: &str = r"^[A-Za-z0-9.:\[\]-]+$";
const PATTERN_PATTERN: &str = r"^((\*\*\.|\*\.|[A-Za-z0-9-]+\.)(\*\.|[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+\.[A-Za-z0-9-]+(:[0-9]+)?|[A-Za-z0-9.:\[\]-]+)(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$";

/// The required pattern of hosts and repositories.
pub(super) struct PatternKind;

impl Kind for PatternKind {
    type Value = Option<RegistryPattern>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<RegistryPattern> {
        let (wanted, example) = (
            "host[:port][/path] as in image references, with *. or **. only before at least two labels",
            "registry.example.com",
        );
        if !fields.has(key) {
            fields.missing(key, wanted, example);
        }
        let text = fields.node(key).and_then(|node| node.value.as_str()).unwrap_or_default();
        let mut wanted = match reason_against(text) {
            Some(reason) => format!("{wanted} ({reason})"),
            None => wanted.to_owned(),
        };
        if text.to_ascii_lowercase().starts_with("http://") {
            wanted.push_str("; plain HTTP is `plainHttp: true` beside it");
        }
        fields.text_without(key, (&wanted, example), Cut::Scheme, |text| text.parse().ok())
    }

    fn show(&self, key: &str, value: &Option<RegistryPattern>, effective: &mut Effective) {
        if let Some(host) = value {
            effective.add(key, host);
        }
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Value("registry.example.com:5000".to_owned()),
            schema: json!({"type": "string", "pattern": PATTERN_PATTERN}),
            limits: String::new(),
            is_required: true,
        }
    }
}

/// Why the text is not a valid host, if it has the form of one.
fn reason_against(text: &str) -> Option<HostError> {
    match text.parse::<RegistryPattern>().err()? {
        RegistryPatternError::Host(error) => (error.reason != HostError::Syntax).then_some(error.reason),
        RegistryPatternError::Path { .. } => None,
    }
}

fn listed(hosts: &[Host]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// A list of hosts.
pub(super) struct HostsKind {
    /// The value in the reference sample.
    pub(super) sample: &'static str,
}

impl Kind for HostsKind {
    type Value = Vec<Host>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Vec<Host> {
        fields.texts(key, ("host[:port]", "auth.example.com"), Cut::SchemeAndPath, |text| text.parse().ok())
    }

    fn show(&self, key: &str, value: &Vec<Host>, effective: &mut Effective) {
        effective.add(key, listed(value));
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Value(self.sample.to_owned()),
            schema: json!({"type": ["array", "null"], "items": {"type": "string", "pattern": HOST_PATTERN}, "default": []}),
            limits: String::new(),
            is_required: false,
        }
    }
}
