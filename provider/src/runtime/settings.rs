//! From the configuration to the settings of the server, the registry client, the engine and the log.

use std::time::Duration;

use countersign_core::evidence::EvidenceSettings;
use countersign_http::ProxyEnvironment;
use countersign_http::RequestLimits;
use countersign_registry::RegistrySettings;

use super::error::Cause;
use super::proxy_environment;
use crate::config::Config;
use crate::config::Evidence;
use crate::config::LogFormat;
use crate::config::LogLevel;
use crate::config::RegistryFiles;
use crate::config::Server;
use crate::engine::EngineSettings;
use crate::evidence::FetchSettings;
use crate::evidence::SignerAccess;
use crate::server::ConnectionTimes;
use crate::server::ServerSettings;
use crate::server::tls::AllowedClients;
use crate::server::tls::TlsFiles;
use crate::telemetry::log::Format;

/// Time limit for the work on one image without callers: long enough that the result of a slow registry is ready for
/// the next request.
pub(crate) const FLIGHT_TIME: Duration = Duration::from_secs(30);

/// The server's settings, and where its certificates are.
///
/// # Errors
/// There are no certificates, or a name of an allowed client is wrong.
pub(super) fn server(config: &Config) -> Result<(ServerSettings, TlsFiles), Cause> {
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
        max_concurrent_keys: _,
        max_concurrent_keys_per_request,
    } = config.server.clone();
    let tls = tls.ok_or(Cause::NoTls)?;
    let files = TlsFiles { certificate: tls.certificate, key: tls.key, client_ca: tls.client_ca };
    let settings = ServerSettings {
        listen,
        health_listen: config.health.listen.clone(),
        allowed_clients: AllowedClients::new(allowed_clients).map_err(Cause::AllowedClients)?,
        verify_timeout,
        mutate_timeout,
        keep_tag: config.mutation.keep_tag,
        cached_verdicts_every: config.log.cached_verdicts.every,
        stop_grace,
        max_body_bytes,
        max_keys,
        max_connections,
        max_concurrent_keys_per_request,
        connection_times: ConnectionTimes::default(),
    };
    Ok((settings, files))
}

/// The registry client's settings, with what the registries' files say and the proxies of the environment.
///
/// # Errors
/// A variable does not name a proxy, and a registry needs it.
pub(super) fn registries(config: &Config, files: &RegistryFiles) -> Result<RegistrySettings, Cause> {
    let proxies = proxy_environment::read(config).map_err(Cause::ProxyVariables)?;
    Ok(RegistrySettings { proxies, ..files.settings(config) })
}

/// The engine's settings.
pub(super) fn engine(config: &Config) -> EngineSettings {
    EngineSettings {
        max_signatures: config.verification.max_signatures,
        evidence: reading(config),
        required_metadata: config.verification.required_metadata.clone(),
        verdict_bytes: config.cache.verdict_bytes,
        verdict_lifetime: config.cache.verdict_lifetime,
        rejected_lifetime: config.cache.rejected_lifetime,
        flight_time: FLIGHT_TIME,
        ahead_time: config.server.verify_timeout,
        verify_ahead: config.mutation.verify_ahead,
        verify_again: config.cache.verify_again,
        max_flights: config.server.max_concurrent_keys,
    }
}

/// The settings of the fetcher of evidence, with the content of its files and the proxies of the environment. If
/// these cannot be used, no evidence is requested.
pub(super) fn evidence(config: &Config, files: &RegistryFiles, signer: Option<SignerAccess>) -> FetchSettings {
    let Evidence {
        networks,
        reachable_hosts,
        proxy: _,
        ca: _,
        connect_timeout,
        response_timeout,
        ocsp_timeout,
        crl_timeout,
        max_ocsp_bytes,
        max_crl_bytes,
        max_requests_per_host,
        max_requests,
        cache_bytes,
        max_lifetime: _,
        refresh_interval,
        negative_lifetime,
        clock_skew: _,
        ocsp_nonce,
        ocsp_max_age: _,
    } = config.evidence.clone();
    let (proxies, environment) = match proxy_environment::beside(&config.evidence.proxy) {
        Ok(proxies) => (proxies, Ok(())),
        Err(why) => (ProxyEnvironment::default(), Err(why)),
    };
    FetchSettings {
        networks,
        reachable_hosts,
        proxy: environment.and_then(|()| files.evidence_proxy().cloned().map_err(Clone::clone)),
        roots: files.evidence_roots().clone(),
        proxies,
        connect_timeout,
        response_timeout,
        ocsp_timeout,
        crl_timeout,
        max_ocsp_bytes,
        max_crl_bytes,
        requests: RequestLimits { per_host: max_requests_per_host, total: max_requests },
        cache_bytes,
        refresh_interval,
        refresh_patience: FetchSettings::REFRESH_PATIENCE,
        negative_lifetime,
        ocsp_nonce,
        reading: reading(config),
        signer,
    }
}

/// The settings with which evidence is read and judged.
fn reading(config: &Config) -> EvidenceSettings {
    let Evidence { clock_skew, ocsp_max_age, max_lifetime, .. } = config.evidence;
    EvidenceSettings {
        skew: clock_skew,
        max_age_without_next_update: (!ocsp_max_age.is_zero()).then_some(ocsp_max_age),
        max_lifetime: Some(max_lifetime),
        ..EvidenceSettings::default()
    }
}

/// The log's format.
pub(crate) fn log_format(format: LogFormat) -> Format {
    match format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    }
}

/// The log's level.
pub(crate) fn log_level(level: LogLevel) -> tracing::Level {
    match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    }
}
