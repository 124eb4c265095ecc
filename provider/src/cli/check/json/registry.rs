//! An entry of `registries`, with what applies to it.

use std::path::Path;

use countersign_files::ShownPath;
use countersign_http::ClientCertificate;
use countersign_registry::FallbackTag;
use serde::Serialize;

use crate::cli::check::Applied;
use crate::config::Credentials;
use crate::config::Ecr;
use crate::config::EntraIdentity;
use crate::config::Registry;
use crate::config::RegistryCertificate;
use crate::config::RegistryProxy;

/// The certificate that is presented to a registry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientCertificateView {
    /// Paths of the certificate and of its key.
    files: [String; 2],
    /// Null if the files cannot be used, as the end of its validity.
    subject: Option<String>,
    not_after: Option<String>,
    for_realm_hosts: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegistryView {
    host: String,
    /// The keys with a mistake: no request is sent under the entry; absent without one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mistakes_in: Vec<&'static str>,
    plain_http: bool,
    ca: Option<String>,
    /// Paths of the files; none for an anonymous registry, if tokens are requested, and if `mistakesIn` has `credentials`.
    credentials: Vec<String>,
    /// How tokens of Amazon ECR are requested, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    ecr: Option<EcrView>,
    /// As `ecr`, of Azure Container Registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<AcrView>,
    /// As `ecr`, of Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    google: Option<GoogleView>,
    /// Keys of the entries of the Docker configuration that are for the host, in order of precedence.
    pull_secret_keys: Vec<String>,
    realm_hosts: Vec<String>,
    /// Absent without mirrors, as the following one unless it is true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mirrors: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    mirrors_only: bool,
    /// `always`; absent if the fallback tag is read when it is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback_tag: Option<&'static str>,
    /// Absent unless configured, as the following four.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<ClientCertificateView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_timeout_milliseconds: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_timeout_milliseconds: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_requests: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_second: Option<u32>,
    /// The proxy that the environment names for the host; null if it names none, and for a pattern of hosts.
    environment_proxy: Option<EnvironmentProxyView>,
    /// `environment`, `none` or a URL without its login.
    proxy: String,
    /// Paths of the files; none if there are none.
    proxy_login: Vec<String>,
    proxy_ca: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EcrView {
    /// Null for the identity of the pod.
    role_arn: Option<String>,
    external_id: Option<String>,
    /// Null for the API of the registry's region.
    endpoint: Option<String>,
    region: Option<String>,
}

#[derive(Debug, Serialize)]
struct AcrView {
    /// Whose tokens these are.
    identity: String,
    /// Null if it is that of the environment.
    tenant: Option<String>,
}

#[derive(Debug, Serialize)]
struct GoogleView {
    /// Whose tokens these are.
    identity: String,
}

#[derive(Debug, Serialize)]
struct EnvironmentProxyView {
    variable: &'static str,
    /// Without its login.
    url: String,
}

impl RegistryView {
    pub(super) fn of(registry: &Registry, applied: Applied) -> Self {
        let Registry { host, plain_http, ca, credentials, realm_hosts, proxy, fallback_tag, .. } = registry;
        let Applied { proxy: environment, pull_secret_keys, client_certificate } = applied;
        let path = |path: &Path| ShownPath::of(path).to_string();
        let server = match proxy {
            RegistryProxy::Environment | RegistryProxy::Direct => None,
            RegistryProxy::Server(server) => Some(server),
        };
        let login = server.and_then(|server| server.login.as_ref());
        Self {
            host: host.to_string(),
            mistakes_in: registry.mistaken.clone(),
            plain_http: *plain_http,
            ca: ca.as_deref().map(path),
            credentials: match credentials {
                Credentials::Anonymous | Credentials::Broken(_) | Credentials::Ecr(_) | Credentials::Google(_) => {
                    Vec::new()
                }
                Credentials::Acr(acr) => acr.secret_file().map(|file| path(file)).into_iter().collect(),
                Credentials::DockerConfig(file) => vec![path(file)],
                Credentials::Files { username, password } => vec![path(username), path(password)],
            },
            ecr: credentials.ecr().map(EcrView::of),
            acr: credentials.acr().map(AcrView::of),
            google: credentials.google().map(|account| GoogleView { identity: account.name() }),
            realm_hosts: realm_hosts.iter().map(ToString::to_string).collect(),
            pull_secret_keys,
            mirrors: registry.mirrors.locations.iter().map(ToString::to_string).collect(),
            mirrors_only: registry.mirrors.only,
            fallback_tag: (*fallback_tag == FallbackTag::Always).then_some("always"),
            client_certificate: registry
                .client_certificate
                .as_ref()
                .map(|files| ClientCertificateView::of(files, client_certificate.as_ref())),
            connect_timeout_milliseconds: registry.connect_timeout.map(|time| time.as_millis()),
            request_timeout_milliseconds: registry.request_timeout.map(|time| time.as_millis()),
            max_requests: registry.max_requests,
            requests_per_second: registry.requests_per_second,
            proxy: proxy.text(),
            environment_proxy: environment.map(|(variable, url)| EnvironmentProxyView { variable, url }),
            proxy_login: login.map(|(username, password)| vec![path(username), path(password)]).unwrap_or_default(),
            proxy_ca: server.and_then(|server| server.ca.as_deref()).map(path),
        }
    }
}

impl ClientCertificateView {
    fn of(files: &RegistryCertificate, certificate: Option<&ClientCertificate>) -> Self {
        let RegistryCertificate { certificate: certificate_file, key, for_realm_hosts } = files;
        let path = |path: &Path| ShownPath::of(path).to_string();
        Self {
            files: [path(certificate_file), path(key)],
            subject: certificate.map(|certificate| certificate.subject().escaped().to_owned()),
            not_after: certificate.map(|certificate| certificate.not_after().to_string()),
            for_realm_hosts: *for_realm_hosts,
        }
    }
}

impl AcrView {
    fn of(acr: &EntraIdentity) -> Self {
        Self { identity: acr.name(), tenant: acr.tenant().map(ToString::to_string) }
    }
}

impl EcrView {
    fn of(ecr: &Ecr) -> Self {
        let Ecr { role_arn, external_id, endpoint, region } = ecr;
        Self {
            role_arn: role_arn.as_ref().map(ToString::to_string),
            external_id: external_id.clone(),
            endpoint: endpoint.as_ref().map(ToString::to_string),
            region: region.as_ref().map(ToString::to_string),
        }
    }
}
