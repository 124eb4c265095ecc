//! The JSON document. Every member is always present, except those that say otherwise.

mod fetched_stores;
mod online;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use self::fetched_stores::FetchedStoreView;
use self::online::AwsView;
use self::online::TokensView;
use self::online::TriedAddressView;
use self::online::TriedImageView;
use super::Applied;
use super::Compared;
use super::Findings;
use super::Mistake;
use super::Warning;
use super::endpoint_certificates::EndpointCertificate;
use super::images::AppliedEntry;
use super::images::ImageEntry;
use super::images::ImageLocation;
use super::signer_roots;
use crate::config::Credentials;
use crate::config::Ecr;
use crate::config::EntraIdentity;
use crate::config::Registry;
use crate::config::RegistryCertificate;
use crate::config::RegistryProxy;
use crate::policy_source::ModeOutline;
use crate::policy_source::RequirementOutline;
use crate::policy_source::StatementOutline;
use crate::policy_source::StoreOutline;
use countersign_core::notation::CertificateSummary;
use countersign_core::policy::SignerRoot;
use countersign_files::ShownPath;
use countersign_http::ClientCertificate;
use countersign_registry::FallbackTag;
use countersign_registry::Unlisted;

#[derive(Debug, Serialize)]
pub(super) struct Document {
    config: String,
    mistakes: Vec<MistakeView>,
    warnings: Vec<WarningView>,
    doors: Option<EndpointsView>,
    statements: Option<Vec<StatementView>>,
    /// The trust stores that are fetched; absent without one.
    #[serde(rename = "trustStores", skip_serializing_if = "Vec::is_empty")]
    trust_stores: Vec<FetchedStoreView>,
    registries: Vec<RegistryView>,
    /// Absent without images on the command line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<ImageView>,
    settings: Option<SettingsView>,
    /// Null without `--provider`.
    compared: Option<Vec<ComparedView>>,
    /// Null without `--online`.
    evidence: Option<Vec<TriedAddressView>>,
    /// The images that were tried; absent without `--image`.
    #[serde(rename = "triedImages", skip_serializing_if = "Vec::is_empty")]
    tried_images: Vec<TriedImageView>,
    /// Absent without `--online`, and if the configuration needs no AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    aws: Option<AwsView>,
    /// Absent without `--online`, and if the configuration needs no Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    azure: Option<TokensView>,
    /// Absent without `--online`, and if the configuration needs no Google Cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    google: Option<TokensView>,
}

/// Sections as they are in effect: each key with its value as text.
#[derive(Debug, Serialize)]
struct SettingsView {
    evidence: BTreeMap<String, String>,
    aws: BTreeMap<String, String>,
    azure: BTreeMap<String, String>,
    google: BTreeMap<String, String>,
}

/// An object of the cluster, and the fields that fit the configuration.
#[derive(Debug, Serialize)]
struct ComparedView {
    file: String,
    object: String,
    fits: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct MistakeView {
    file: String,
    line: Option<u64>,
    field: String,
    found: String,
    /// Null if there is no expected value.
    expected: Option<String>,
    /// The former name of `expected`; empty if there is no expected value.
    wanted: String,
}

#[derive(Debug, Serialize)]
struct WarningView {
    warning: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointsView {
    listen: Option<String>,
    certificates: Vec<EndpointCertificateView>,
    client_authorities: Vec<EndpointCertificateView>,
    allowed_clients: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointCertificateView {
    subject: String,
    names: Vec<String>,
    not_before: String,
    not_after: String,
}

#[derive(Debug, Serialize)]
struct StatementView {
    name: String,
    /// Null for `*`; of a disabled statement those that can be read.
    scopes: Option<Vec<String>>,
    /// `disabled` for a statement that cannot be used.
    level: &'static str,
    /// Null if the level is `skip` or `disabled`.
    rules: Option<RequirementView>,
    /// Why the statement is disabled, else null.
    disabled: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequirementView {
    authenticity: &'static str,
    authentic_timestamp: &'static str,
    expiry: &'static str,
    revocation: &'static str,
    verify_timestamp: Option<&'static str>,
    identities: Vec<String>,
    stores: Vec<StoreView>,
}

#[derive(Debug, Serialize)]
struct StoreView {
    store: String,
    certificates: Vec<CertificateView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateView {
    subject: String,
    key: String,
    sha256: String,
    not_before: String,
    not_after: String,
    /// `commercial`, `govcloud` or `unknown`; absent unless the statement trusts signing profiles of AWS Signer under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    aws_signer_root: Option<&'static str>,
}

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
struct RegistryView {
    host: String,
    plain_http: bool,
    ca: Option<String>,
    /// Paths of the files; none for an anonymous registry, and if tokens are requested.
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

/// A location of an image with mirrors, with the entry of `registries` that applies there.
#[derive(Debug, Serialize)]
struct LocationView {
    repository: String,
    mirror: bool,
    entry: String,
}

/// An image with the entry of `registries` that applies to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageView {
    image: String,
    /// The earlier entries.
    not: Vec<PassedView>,
    /// `registries[2] "registry.example.com/team"`; null if none matches.
    entry: Option<String>,
    /// What the entry has; null if none matches.
    registry: Option<RegistryView>,
    /// `anonymous` or `refuse`; null if an entry matches.
    unlisted_registries: Option<&'static str>,
    /// Where the image is requested, in this order; absent without mirrors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<LocationView>,
}

#[derive(Debug, Serialize)]
struct PassedView {
    entry: String,
    /// `other host` or `other path`.
    reason: &'static str,
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

impl Document {
    pub(super) fn of(path: &Path, findings: &Findings) -> Self {
        let server = findings.config.as_ref().map(|config| &config.server);
        let doors = findings.endpoints.as_ref().map(|doors| EndpointsView {
            listen: server.map(|server| server.listen.to_string()),
            certificates: doors.certificates.iter().map(EndpointCertificateView::from).collect(),
            client_authorities: doors.authorities.iter().map(EndpointCertificateView::from).collect(),
            allowed_clients: server.map(|server| server.allowed_clients.clone()).unwrap_or_default(),
        });
        let statements = findings.statements.as_ref();
        Self {
            config: path.display().to_string(),
            mistakes: findings.mistakes.iter().map(MistakeView::from).collect(),
            warnings: findings.warnings.iter().map(WarningView::from).collect(),
            doors,
            statements: statements.map(|list| list.iter().map(StatementView::from).collect()),
            trust_stores: findings.stores.iter().map(FetchedStoreView::from).collect(),
            registries: findings.registries().map(|(registry, applied)| RegistryView::of(registry, applied)).collect(),
            images: findings.images.iter().map(ImageView::from).collect(),
            settings: findings.config.as_ref().map(|config| SettingsView {
                evidence: config.evidence_keys().into_iter().collect(),
                aws: config.aws_keys().into_iter().collect(),
                azure: config.azure_keys().into_iter().collect(),
                google: config.google_keys().into_iter().collect(),
            }),
            compared: findings.compared.as_ref().map(|list| list.iter().map(ComparedView::from).collect()),
            evidence: findings.online.as_ref().map(|survey| survey.tried.iter().map(TriedAddressView::from).collect()),
            tried_images: findings.tried_images.iter().map(TriedImageView::from).collect(),
            aws: findings.aws.as_ref().map(AwsView::from),
            azure: findings.azure.as_deref().map(TokensView::from),
            google: findings.google.as_deref().map(TokensView::from),
        }
    }
}

impl From<&ImageEntry> for ImageView {
    fn from(ImageEntry { image, passed, entry, locations }: &ImageEntry) -> Self {
        let not = passed.iter().map(|(rule, miss)| PassedView { entry: rule.clone(), reason: miss.as_str() });
        let (entry, registry, unlisted_registries) = match entry {
            AppliedEntry::Listed { rule, registry, applied } => {
                (Some(rule.clone()), Some(RegistryView::of(registry, applied.clone())), None)
            }
            AppliedEntry::None(Unlisted::Anonymous) => (None, None, Some("anonymous")),
            AppliedEntry::None(Unlisted::Refuse) => (None, None, Some("refuse")),
        };
        let locations = locations.iter().map(LocationView::of).collect();
        Self { image: image.clone(), not: not.collect(), entry, registry, unlisted_registries, locations }
    }
}

impl From<&Mistake> for MistakeView {
    fn from(fault: &Mistake) -> Self {
        let Mistake { file, line, field, mismatch } = fault;
        Self {
            file: file.clone(),
            line: *line,
            field: field.clone(),
            found: mismatch.found().to_owned(),
            expected: mismatch.expected().map(str::to_owned),
            wanted: mismatch.expected().unwrap_or_default().to_owned(),
        }
    }
}

impl From<&Compared> for ComparedView {
    fn from(Compared { file, object, fits }: &Compared) -> Self {
        Self { file: file.clone(), object: object.clone(), fits: fits.iter().cloned().collect() }
    }
}

impl From<&Warning> for WarningView {
    fn from(Warning { kind, message }: &Warning) -> Self {
        Self { warning: kind, message: message.clone() }
    }
}

impl From<&EndpointCertificate> for EndpointCertificateView {
    fn from(shown: &EndpointCertificate) -> Self {
        Self {
            subject: shown.subject.clone(),
            names: shown.names.clone(),
            not_before: shown.not_before.to_string(),
            not_after: shown.not_after.to_string(),
        }
    }
}

impl From<&StatementOutline> for StatementView {
    fn from(StatementOutline { name, scopes, mode }: &StatementOutline) -> Self {
        let (rules, disabled) = match mode {
            ModeOutline::Skip => (None, None),
            ModeOutline::Verify(rules) => (Some(RequirementView::from(rules)), None),
            ModeOutline::Disabled(why) => (None, Some(why.clone())),
        };
        Self { name: name.clone(), scopes: scopes.clone(), level: mode.as_str(), rules, disabled }
    }
}

impl From<&RequirementOutline> for RequirementView {
    fn from(rules: &RequirementOutline) -> Self {
        let RequirementOutline {
            level: _,
            authenticity,
            authentic_timestamp,
            expiry,
            revocation,
            verify_timestamp,
            identities,
            stores,
        } = rules;
        Self {
            authenticity,
            authentic_timestamp,
            expiry,
            revocation,
            verify_timestamp: *verify_timestamp,
            identities: identities.clone(),
            stores: stores.iter().map(|store| StoreView::of(rules, store)).collect(),
        }
    }
}

impl StoreView {
    fn of(rules: &RequirementOutline, store: &StoreOutline) -> Self {
        let view = |certificate: &CertificateSummary| CertificateView {
            aws_signer_root: signer_roots::root(rules, store, &certificate.fingerprint).map(SignerRoot::as_str),
            ..CertificateView::from(certificate)
        };
        Self { store: store.name.clone(), certificates: store.certificates.iter().map(view).collect() }
    }
}

impl From<&CertificateSummary> for CertificateView {
    fn from(certificate: &CertificateSummary) -> Self {
        let CertificateSummary { subject, issuer: _, serial: _, fingerprint, key, not_before, not_after } = certificate;
        Self {
            subject: subject.to_string(),
            key: key.to_string(),
            sha256: fingerprint.clone(),
            not_before: not_before.to_string(),
            not_after: not_after.to_string(),
            aws_signer_root: None,
        }
    }
}

impl RegistryView {
    fn of(registry: &Registry, applied: Applied) -> Self {
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
            plain_http: *plain_http,
            ca: ca.as_deref().map(path),
            credentials: match credentials {
                Credentials::Anonymous | Credentials::Ecr(_) | Credentials::Google(_) => Vec::new(),
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

impl LocationView {
    fn of(ImageLocation { repository, is_mirror, entry }: &ImageLocation) -> Self {
        Self { repository: repository.clone(), mirror: *is_mirror, entry: entry.clone() }
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
