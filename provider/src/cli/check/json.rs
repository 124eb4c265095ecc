//! The JSON document. Every member is always present, except those that say otherwise.

mod fetched_stores;
mod online;
mod registry;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use self::fetched_stores::FetchedStoreView;
use self::online::AwsView;
use self::online::TokensView;
use self::online::TriedAddressView;
use self::online::TriedImageView;
use self::registry::RegistryView;
use super::Compared;
use super::Findings;
use super::Mistake;
use super::Warning;
use super::endpoint_certificates::EndpointCertificate;
use super::images::AppliedEntry;
use super::images::ImageEntry;
use super::images::ImageLocation;
use super::images::PassedEntry;
use super::signer_roots;
use crate::policy_source::ModeOutline;
use crate::policy_source::RequirementOutline;
use crate::policy_source::StatementOutline;
use crate::policy_source::StoreOutline;
use countersign_core::notation::CertificateSummary;
use countersign_core::policy::SignerRoot;
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
    /// What it stands for, with its host.
    repository: String,
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
    /// `other host`, `other path`, or that the entry has a mistake.
    reason: &'static str,
    /// What to write if the entry is meant for the image; absent if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
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
    fn from(image: &ImageEntry) -> Self {
        let ImageEntry { image, repository, is_expanded: _, passed, entry, locations } = image;
        let view = |PassedEntry { rule, reason, hint }: &PassedEntry| PassedView {
            entry: rule.clone(),
            reason,
            hint: hint.clone(),
        };
        let not = passed.iter().map(view).collect();
        let (entry, registry, unlisted_registries) = match entry {
            AppliedEntry::Listed { rule, registry, applied } => {
                (Some(rule.clone()), Some(RegistryView::of(registry, applied.clone())), None)
            }
            AppliedEntry::None(Unlisted::Anonymous) => (None, None, Some("anonymous")),
            AppliedEntry::None(Unlisted::Refuse) => (None, None, Some("refuse")),
        };
        let locations = locations.iter().map(LocationView::of).collect();
        let (image, repository) = (image.clone(), repository.clone());
        Self { image, repository, not, entry, registry, unlisted_registries, locations }
    }
}

impl From<&Mistake> for MistakeView {
    fn from(fault: &Mistake) -> Self {
        let Mistake { file, line, field, named: _, mismatch } = fault;
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

impl LocationView {
    fn of(ImageLocation { repository, is_mirror, entry }: &ImageLocation) -> Self {
        Self { repository: repository.clone(), mirror: *is_mirror, entry: entry.clone() }
    }
}
