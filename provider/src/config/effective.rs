//! The configuration in effect, as one line for the log. Nothing in a [`Config`] is secret: credentials are paths.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use countersign_registry::Unlisted;

use super::Cache;
use super::Config;
use super::Credentials;
use super::ListenAddress;
use super::Registry;
use super::RegistryAccess;
use super::RegistryProxy;
use super::RegistryProxyServer;
use super::Server;
use super::Tls;
use super::Trust;
use super::TrustLocation;
use super::Verification;

impl fmt::Display for Config {
    /// `key=value` with the keys of the file, parted by spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            health_listen,
            trust,
            verification,
            cache,
            registries,
            unlisted_registries,
            registry_access,
            log_level,
        } = self;
        let mut line = Line { f };
        self::server(&mut line, server)?;
        line.address("health.listen", health_listen)?;
        self::trust(&mut line, trust)?;
        let Verification { max_signatures, required_metadata } = verification;
        line.pair("verification.maxSignatures", max_signatures)?;
        for (statement, annotations) in required_metadata {
            line.pair("verification.requiredMetadata", format_args!("{statement:?}:{annotations:?}"))?;
        }
        let Cache { verdict_bytes, verdict_lifetime, rejected_lifetime, tag_lifetime } = cache;
        line.pair("cache.verdictBytes", verdict_bytes)?;
        line.duration("cache.verdictLifetime", *verdict_lifetime)?;
        line.duration("cache.rejectedLifetime", *rejected_lifetime)?;
        line.duration("cache.tagLifetime", *tag_lifetime)?;
        for entry in registries {
            registry(&mut line, entry)?;
        }
        line.pair(
            "unlistedRegistries",
            match unlisted_registries {
                Unlisted::Anonymous => "anonymous",
                Unlisted::Refuse => "refuse",
            },
        )?;
        let RegistryAccess { connect_timeout, request_timeout, max_requests_per_host, max_requests } = registry_access;
        line.duration("registryAccess.connectTimeout", *connect_timeout)?;
        line.duration("registryAccess.requestTimeout", *request_timeout)?;
        line.pair("registryAccess.maxRequestsPerHost", max_requests_per_host)?;
        line.pair("registryAccess.maxRequests", max_requests)?;
        write!(line.f, "log.level={}", log_level.text())
    }
}

fn server(line: &mut Line<'_, '_>, server: &Server) -> fmt::Result {
    let Server {
        listen,
        tls,
        allowed_clients,
        verify_timeout,
        mutate_timeout,
        stop_grace,
        max_body_bytes,
        max_keys,
        max_connections,
        max_concurrent_keys,
        max_concurrent_keys_per_request,
    } = server;
    line.address("server.listen", listen)?;
    if let Some(Tls { certificate, key, client_ca }) = tls {
        line.path("server.tls.certificate", certificate)?;
        line.path("server.tls.key", key)?;
        line.path("server.tls.clientCa", client_ca)?;
    }
    line.pair("server.allowedClients", allowed_clients.join(","))?;
    line.duration("server.verifyTimeout", *verify_timeout)?;
    line.duration("server.mutateTimeout", *mutate_timeout)?;
    line.duration("server.stopGrace", *stop_grace)?;
    line.pair("server.maxBodyBytes", max_body_bytes)?;
    line.pair("server.maxKeys", max_keys)?;
    line.pair("server.maxConnections", max_connections)?;
    line.pair("server.maxConcurrentKeys", max_concurrent_keys)?;
    line.pair("server.maxConcurrentKeysPerRequest", max_concurrent_keys_per_request)
}

fn trust(line: &mut Line<'_, '_>, trust: &Trust) -> fmt::Result {
    let Trust { location, reload_interval } = trust;
    match location {
        TrustLocation::Directory(directory) => line.path("trust.directory", directory)?,
        TrustLocation::Apart { policy, store } => {
            line.path("trust.policy", policy)?;
            line.path("trust.store", store)?;
        }
    }
    line.duration("trust.reloadInterval", *reload_interval)
}

fn registry(line: &mut Line<'_, '_>, registry: &Registry) -> fmt::Result {
    let Registry { host, plain_http, ca, credentials, realm_hosts, proxy } = registry;
    write!(line.f, "registries={{host={host} plainHttp={plain_http} ")?;
    if let Some(ca) = ca {
        line.path("ca", ca)?;
    }
    match credentials {
        Credentials::Anonymous => {}
        Credentials::DockerConfig(path) => line.path("credentials.dockerConfig", path)?,
        Credentials::Files { username, password } => {
            line.path("credentials.usernameFile", username)?;
            line.path("credentials.passwordFile", password)?;
        }
    }
    line.pair("proxy", proxy.text())?;
    if let RegistryProxy::Server(RegistryProxyServer { server: _, login, ca }) = proxy {
        if let Some((username, password)) = login {
            line.path("proxy.usernameFile", username)?;
            line.path("proxy.passwordFile", password)?;
        }
        if let Some(ca) = ca {
            line.path("proxy.ca", ca)?;
        }
    }
    write!(line.f, "realmHosts={}}} ", realm_hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}

/// Writes pairs with a space behind each.
struct Line<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
}

impl Line<'_, '_> {
    fn pair(&mut self, key: &str, value: impl fmt::Display) -> fmt::Result {
        write!(self.f, "{key}={value} ")
    }

    fn address(&mut self, key: &str, value: &ListenAddress) -> fmt::Result {
        self.pair(key, value)
    }

    fn path(&mut self, key: &str, value: &Path) -> fmt::Result {
        self.pair(key, format_args!("{value:?}"))
    }

    fn duration(&mut self, key: &str, value: Duration) -> fmt::Result {
        self.pair(key, format_args!("{}ms", value.as_millis()))
    }
}
