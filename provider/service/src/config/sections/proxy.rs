//! `proxy` of an entry of `registries`: `none`, `environment`, a URL, or a URL with files beside it.

use std::path::PathBuf;

use countersign_core::codec::mismatch::Mismatched as _;
use countersign_http::ProxyServer;
use countersign_http::internal_host;
use countersign_registry::RegistryPattern;

use serde_json::json;

use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::File;
use crate::config::schema::Kind;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::map_schema;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::schema::with_alternatives;
use crate::config::yaml::Value;

/// The proxy for requests to a registry. Printed without a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryProxy {
    /// As `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    Environment,
    /// By none.
    Direct,
    Server(RegistryProxyServer),
}

/// A proxy that an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryProxyServer {
    /// With the login of its URL, if that has one.
    pub server: ProxyServer,
    /// Files with a login; then the URL has none.
    pub login: Option<(PathBuf, PathBuf)>,
    /// PEM file with the authorities of the proxy's certificate, in place of the built-in ones; for `https` only.
    pub ca: Option<PathBuf>,
}

const WANTED: &str = "none, environment, or a URL that begins with http:// or https://";
/// [`ProxyKind`] as a text, for the JSON Schema, and a URL. The schema has not the whole grammar of URLs.
const TEXT_PATTERN: &str = r"^(none|environment|[hH][tT][tT][pP][sS]?://[^/?#\\]+/?\s*)$";
const URL_PATTERN: &str = r"^[hH][tT][tT][pP][sS]?://[^/?#\\]+/?\s*$";
const EXAMPLE: &str = "http://proxy.example.com:3128";

impl RegistryProxy {
    /// `none`, `environment` or the URL without its login.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Environment => "environment".to_owned(),
            Self::Direct => "none".to_owned(),
            Self::Server(server) => server.server.to_string(),
        }
    }
}

section! {
    /// A map in place of a URL, as written.
    pub(super) ProxyKeys {
        /// http:// or https://, the way to the proxy itself. The URL alone may be in place of the map: `proxy: http://…`.
        url "url": Option<ProxyServer> = ProxyUrl;
        /// Two files, as for credentials.
        username "usernameFile": Option<PathBuf> = File::written("proxy-login/username");
        /// The file with the password beside usernameFile.
        password "passwordFile": Option<PathBuf> = File::written("proxy-login/password");
        /// PEM file with the certificate authorities of an https:// proxy, in place of the built-in ones.
        ca "ca": Option<PathBuf> = File::alternative("ca/proxy.pem");
    }
}

/// A word, a URL or a map of keys.
pub(super) struct ProxyKind {
    in_sample: InSample,
}

/// What the reference sample has.
enum InSample {
    /// The default.
    Word,
    /// All keys of the map.
    Map,
}

impl ProxyKind {
    /// One that the reference sample shows as the default.
    pub(super) const WORD: Self = Self { in_sample: InSample::Word };
    /// One that the reference sample shows as a map.
    pub(super) const MAP: Self = Self { in_sample: InSample::Map };
}

impl Kind for ProxyKind {
    type Value = RegistryProxy;

    fn read(&self, entry: &Fields<'_>, key: &'static str) -> RegistryProxy {
        let Some(node) = entry.node(key) else { return RegistryProxy::Environment };
        let server = match &node.value {
            Value::Text(text) if text == "none" => return RegistryProxy::Direct,
            Value::Text(text) if text == "environment" => return RegistryProxy::Environment,
            Value::Text(text) => {
                parse_url(entry, key, text).map(|server| RegistryProxyServer { server, login: None, ca: None })
            }
            Value::Map(_) => with_files(&entry.section(key, names(ProxyKeys::KEYS))),
            other @ (Value::Nothing | Value::Boolean(_) | Value::Whole(_) | Value::Number(_) | Value::List(_)) => {
                entry.conflict(key, other.kind(), WANTED);
                None
            }
        };
        server.map_or(RegistryProxy::Environment, RegistryProxy::Server)
    }

    fn show(&self, key: &str, value: &RegistryProxy, effective: &mut Effective) {
        effective.add(key, value.text());
        if let RegistryProxy::Server(RegistryProxyServer { server: _, login, ca }) = value {
            let (username, password) = login.clone().unzip();
            ProxyKeys { url: None, username, password, ca: ca.clone() }.show(key, effective);
        }
    }

    fn describe(&self) -> Description {
        let text = json!({"type": ["string", "null"], "pattern": TEXT_PATTERN, "default": "environment"});
        let map = with_alternatives(
            map_schema(ProxyKeys::KEYS),
            &[(&[], &["usernameFile", "passwordFile"]), (&["usernameFile", "passwordFile"], &[])],
        );
        Description {
            sample: match self.in_sample {
                InSample::Word => Sample::Value(RegistryProxy::Environment.text()),
                InSample::Map => Sample::Section(ProxyKeys::KEYS),
            },
            schema: json!({"anyOf": [text, map]}),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// Records a proxy for a host that is always contacted directly.
pub(super) fn check(entry: &Fields<'_>, host: Option<&RegistryPattern>, proxy: &RegistryProxy) {
    let server = match proxy {
        RegistryProxy::Environment | RegistryProxy::Direct => return,
        RegistryProxy::Server(server) => server,
    };
    let Some(host) = host else { return };
    if let Some(internal) =
        host.host().exact().and_then(|host| internal_host(&host).filter(|host| !host.may_be_meant()))
    {
        let found = format_args!("the proxy {} for {host}, which is {}", server.server, internal.as_str());
        entry.conflict("proxy", found, "none, as no proxy is used for this host");
    }
}

fn with_files(fields: &Fields<'_>) -> Option<RegistryProxyServer> {
    let ProxyKeys { url, username, password, ca } = ProxyKeys::read(fields);
    if fields.has("usernameFile") && !fields.has("passwordFile") {
        fields.missing("passwordFile", "the file with the password beside usernameFile", "proxy-login/password");
    }
    if fields.has("passwordFile") && !fields.has("usernameFile") {
        fields.missing("usernameFile", "the file with the name beside passwordFile", "proxy-login/username");
    }
    let server = url?;
    let login = username.zip(password);
    if login.is_some() && server.has_login() {
        fields.conflict("url", "a user name or password beside usernameFile", "one or the other");
    }
    if ca.is_some() && !server.is_tls() {
        fields.conflict("ca", "authorities for a proxy that is reached by http", "an https URL beside them, or none");
    }
    Some(RegistryProxyServer { server, login, ca })
}

/// A URL, which must be there. Never shown: it may hold a password.
pub(super) struct ProxyUrl;

impl Kind for ProxyUrl {
    type Value = Option<ProxyServer>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<ProxyServer> {
        let wanted = "a URL that begins with http:// or https://";
        match fields.node(key).map(|node| &node.value) {
            Some(Value::Text(text)) => parse_url(fields, key, text),
            Some(other) => {
                fields.conflict(key, other.kind(), wanted);
                None
            }
            None => {
                fields.missing(key, wanted, EXAMPLE);
                None
            }
        }
    }

    fn show(&self, _: &str, _: &Option<ProxyServer>, _: &mut Effective) {}

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Value(EXAMPLE.to_owned()),
            schema: json!({"type": "string", "pattern": URL_PATTERN}),
            limits: String::new(),
            is_required: true,
        }
    }
}

/// The text is never shown: it may hold a password.
fn parse_url(fields: &Fields<'_>, key: &'static str, text: &str) -> Option<ProxyServer> {
    if !["http://", "https://", "socks"].iter().any(|scheme| text.to_ascii_lowercase().starts_with(scheme)) {
        fields.conflict(key, "a string that is none of them", WANTED);
        return None;
    }
    match text.parse::<ProxyServer>() {
        Ok(server) => Some(server),
        Err(error) => {
            let mismatch = error.mismatch();
            fields.conflict(key, mismatch.found(), mismatch.expected().unwrap_or(WANTED));
            None
        }
    }
}
