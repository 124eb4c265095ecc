//! `proxy` of an entry of `registries`: `none`, `environment`, a URL, or a URL with files beside it.

use std::path::PathBuf;

use countersign_http::ProxyServer;
use countersign_http::internal_host;
use countersign_registry::HostPattern;

use super::fields::Fields;
use super::read::Reader;
use super::yaml::Value;

/// By which proxy a registry is asked. Printed without a login.
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

pub(super) fn read(reader: &Reader<'_>, entry: &Fields<'_>, host: Option<&HostPattern>) -> RegistryProxy {
    let Some(node) = entry.node("proxy") else { return RegistryProxy::Environment };
    let server = match &node.value {
        Value::Text(text) if text == "none" => return RegistryProxy::Direct,
        Value::Text(text) if text == "environment" => return RegistryProxy::Environment,
        Value::Text(text) => {
            url(entry, "proxy", text).map(|server| RegistryProxyServer { server, login: None, ca: None })
        }
        Value::Map(_) => with_files(reader, entry),
        other @ (Value::Nothing | Value::Boolean(_) | Value::Whole(_) | Value::Number(_) | Value::List(_)) => {
            entry.conflict("proxy", other.kind(), WANTED);
            None
        }
    };
    if let (Some(host), Some(server)) = (host, &server)
        && let Some(internal) =
            host.exact().and_then(|host| internal_host(&host).filter(|internal| !internal.may_be_meant()))
    {
        let found = format_args!("the proxy {} for {host}, which is {}", server.server, internal.as_str());
        entry.conflict("proxy", found, "none, as no proxy is asked for that");
    }
    server.map_or(RegistryProxy::Environment, RegistryProxy::Server)
}

fn with_files(reader: &Reader<'_>, entry: &Fields<'_>) -> Option<RegistryProxyServer> {
    let fields = entry.section("proxy", &["url", "usernameFile", "passwordFile", "ca"]);
    let username = reader.file(&fields, "usernameFile", "proxy-login/username");
    let password = reader.file(&fields, "passwordFile", "proxy-login/password");
    let ca = reader.file(&fields, "ca", "ca/proxy.pem");
    if fields.has("usernameFile") && !fields.has("passwordFile") {
        fields.missing("passwordFile", "the file with the password beside usernameFile", "proxy-login/password");
    }
    if fields.has("passwordFile") && !fields.has("usernameFile") {
        fields.missing("usernameFile", "the file with the name beside passwordFile", "proxy-login/username");
    }
    let server = match fields.node("url").map(|node| &node.value) {
        Some(Value::Text(text)) => url(&fields, "url", text)?,
        Some(other) => {
            fields.conflict("url", other.kind(), "a URL that begins with http:// or https://");
            return None;
        }
        None => {
            fields.missing("url", "a URL that begins with http:// or https://", EXAMPLE);
            return None;
        }
    };
    let login = username.zip(password);
    if login.is_some() && server.has_login() {
        fields.conflict("url", "a user name or password beside usernameFile", "one or the other");
    }
    if ca.is_some() && !server.is_tls() {
        fields.conflict("ca", "authorities for a proxy that is reached by http", "an https URL beside them, or none");
    }
    Some(RegistryProxyServer { server, login, ca })
}

/// The text is never shown: it may hold a password.
fn url(fields: &Fields<'_>, key: &'static str, text: &str) -> Option<ProxyServer> {
    if !["http://", "https://", "socks"].iter().any(|scheme| text.to_ascii_lowercase().starts_with(scheme)) {
        fields.conflict(key, "a text that is none of them", WANTED);
        return None;
    }
    match text.parse::<ProxyServer>() {
        Ok(server) => Some(server),
        Err(error) => {
            let message = error.to_string();
            let (found, wanted) = message.split_once(": want ").unwrap_or((&message, WANTED));
            fields.conflict(key, found, wanted);
            None
        }
    }
}
