//! The text output: mistakes, warnings, then what would be used, and what `--online` has tried.

mod fetched_stores;
mod online;

use std::fmt;
use std::path::Path;

use countersign_core::codec::text::printable;
use countersign_core::notation::CertificateSummary;
use countersign_files::ShownPath;
use countersign_registry::FallbackTag;
use countersign_registry::Unlisted;

use super::Applied;
use super::Compared;
use super::Findings;
use super::endpoint_certificates::EndpointCertificate;
use super::endpoint_certificates::EndpointCertificates;
use super::images::AppliedEntry;
use super::images::ImageEntry;
use super::images::ImageLocation;
use super::images::PassedEntry;
use super::signer_roots;
use crate::config::Credentials;
use crate::config::Ecr;
use crate::config::EntraIdentity;
use crate::config::GoogleAccount;
use crate::config::ListenAddress;
use crate::config::Registry;
use crate::config::RegistryProxy;
use crate::config::RegistryProxyServer;
use crate::policy_source::ModeOutline;
use crate::policy_source::RequirementOutline;
use crate::policy_source::StatementOutline;

fn transport(registry: &Registry) -> &'static str {
    if registry.plain_http { "plain HTTP" } else { "TLS" }
}

/// Width of the first column.
const NAMES: usize = 14;

pub(super) fn page(path: &Path, findings: &Findings) -> String {
    let mut page = Page(String::new());
    page.line("configuration", path.display());
    for fault in &findings.mistakes {
        page.line("mistake", fault);
    }
    for warning in &findings.warnings {
        page.line("warning", format_args!("{}: {}", warning.kind, warning.message));
    }
    if let (Some(config), Some(endpoints)) = (&findings.config, &findings.endpoints) {
        page.endpoints(endpoints, &config.server.listen, &config.server.allowed_clients);
    }
    for statement in findings.statements.iter().flatten() {
        page.statement(statement);
    }
    for store in &findings.stores {
        page.fetched_store(store);
    }
    for (registry, applied) in findings.registries() {
        page.registry(registry, &applied);
    }
    for image in &findings.images {
        page.image(image);
    }
    if let Some(config) = &findings.config {
        page.settings("evidence", config.evidence_keys());
        if config.needs_aws() {
            page.settings("aws", config.aws_keys());
        }
        if config.needs_azure() {
            page.settings("azure", config.azure_keys());
        }
        if config.needs_google() {
            page.settings("google", config.google_keys());
        }
    }
    for compared in findings.compared.iter().flatten() {
        page.compared(compared);
    }
    if let Some(survey) = &findings.online {
        page.online(survey, &findings.tried_images);
    }
    for image in &findings.tried_images {
        page.tried_image(image);
    }
    if let Some(survey) = &findings.aws {
        page.aws(survey);
    }
    for tokens in [&findings.azure, &findings.google].into_iter().flatten() {
        page.tokens(tokens);
    }
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    page.0.push_str(&format!(
        "\n{}, {}\n",
        counted(findings.mistakes.len(), "mistake"),
        counted(findings.warnings.len(), "warning")
    ));
    page.0
}

/// Two files that belong together.
fn both(first: &Path, second: &Path) -> String {
    format!("{}, {}", ShownPath::of(first), ShownPath::of(second))
}

struct Page(String);

impl Page {
    fn line(&mut self, name: &str, value: impl fmt::Display) {
        let value = printable(&value.to_string());
        self.0.push_str(&format!("{name:<NAMES$}{value}\n"));
    }

    fn endpoints(&mut self, endpoints: &EndpointCertificates, listen: &ListenAddress, clients: &[String]) {
        self.0.push('\n');
        self.line("endpoints", listen);
        for EndpointCertificate { subject, names, not_before: _, not_after, .. } in &endpoints.certificates {
            let names = if names.is_empty() { String::new() } else { format!(", for {}", names.join(", ")) };
            self.line("  certificate", format_args!("{subject}{names}, until {not_after}"));
        }
        for EndpointCertificate { subject, not_after, .. } in &endpoints.authorities {
            self.line("  client CA", format_args!("{subject}, until {not_after}"));
        }
        self.line("  clients", clients.join(", "));
    }

    /// The effective keys of a section.
    fn settings(&mut self, section: &str, keys: Vec<(String, String)>) {
        const KEYS: usize = 22;
        self.0.push('\n');
        self.line("section", section);
        for (key, value) in keys {
            let gap = if key.len() < KEYS { "" } else { "  " };
            self.0.push_str(format!("  {key:<KEYS$}{gap}{}", printable(&value)).trim_end());
            self.0.push('\n');
        }
    }

    fn compared(&mut self, Compared { file, object, fits }: &Compared) {
        self.0.push('\n');
        self.line("compared", format_args!("{object} in {file}"));
        for (field, value) in fits {
            self.line(&format!("  {field}"), format_args!(" {value}"));
        }
    }

    fn statement(&mut self, statement: &StatementOutline) {
        let StatementOutline { name, scopes, mode } = statement;
        self.0.push('\n');
        self.line("statement", format_args!("{name}, {}", mode.as_str()));
        match scopes {
            Some(scopes) => scopes.iter().for_each(|scope| self.line("  scope", scope)),
            None => self.line("  scope", "every repository that no other statement names"),
        }
        match mode {
            ModeOutline::Skip => {}
            ModeOutline::Verify(requirement) => self.requirement(requirement),
            ModeOutline::Disabled(why) => self.line("  because", why),
        }
    }

    fn requirement(&mut self, rules: &RequirementOutline) {
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
        self.line(
            "  checks",
            format_args!(
                "integrity enforce, authenticity {authenticity}, authenticTimestamp {authentic_timestamp}, expiry {expiry}, \
                 revocation {revocation}"
            ),
        );
        if let Some(when) = verify_timestamp {
            self.line("  timestamps", when);
        }
        for identity in identities {
            self.line("  identity", identity);
        }
        for store in stores {
            self.line("  store", &store.name);
            for CertificateSummary { subject, key, fingerprint, not_after, .. } in &store.certificates {
                self.line("    holds", format_args!("{subject}, {key}, until {not_after}"));
                self.line("    sha256", fingerprint);
                if let Some(root) = signer_roots::root(rules, store, fingerprint) {
                    self.line("    root", root.description());
                }
            }
        }
    }

    fn ecr(&mut self, ecr: &Ecr) {
        let Ecr { role_arn, external_id, endpoint, region } = ecr;
        self.line("  credentials", "tokens of Amazon ECR");
        match (role_arn, external_id) {
            (None, _) => self.line("    identity", "that of the pod"),
            (Some(role), None) => self.line("    identity", role),
            (Some(role), Some(id)) => self.line("    identity", format_args!("{role}, external id {id}")),
        }
        endpoint.iter().for_each(|endpoint| self.line("    endpoint", endpoint));
        region.iter().for_each(|region| self.line("    region", region));
    }

    fn acr(&mut self, acr: &EntraIdentity) {
        self.line("  credentials", "tokens of Azure Container Registry");
        self.line("    identity", acr.name());
        acr.tenant().iter().for_each(|tenant| self.line("    tenant", tenant));
        acr.secret_file().iter().for_each(|file| self.line("    secret", ShownPath::of(file)));
    }

    fn google(&mut self, account: GoogleAccount) {
        self.line("  credentials", "access tokens of Google Cloud");
        self.line("    identity", account.name());
    }

    fn registry(&mut self, registry: &Registry, applied: &Applied) {
        self.0.push('\n');
        self.line("registry", format_args!("{}, {}", registry.host, transport(registry)));
        self.access(registry, applied);
    }

    /// An image with the entry that applies to it.
    fn image(&mut self, image: &ImageEntry) {
        let ImageEntry { image, repository, is_expanded, passed, entry, locations } = image;
        self.0.push('\n');
        self.line("image", image);
        if *is_expanded {
            self.line("  repository", repository);
        }
        for PassedEntry { rule, reason, hint } in passed {
            let hint = hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
            self.line("  not", format_args!("{rule}: {reason}{hint}"));
        }
        match entry {
            AppliedEntry::Listed { rule, registry, applied } => {
                self.line("  entry", format_args!("{rule}, {}", transport(registry)));
                self.access(registry, applied);
                for (number, ImageLocation { repository, is_mirror, entry }) in (1..).zip(locations) {
                    let kind = if *is_mirror { "mirror" } else { "the registry itself" };
                    self.line("  location", format_args!("{number}. {repository}, {kind}: {entry}"));
                }
            }
            AppliedEntry::None(Unlisted::Anonymous) => {
                self.line("  entry", "none; unlistedRegistries is anonymous, TLS");
                self.line("  credentials", "none");
            }
            AppliedEntry::None(Unlisted::Refuse) => {
                self.line("  entry", "none; unlistedRegistries is refuse: no request is sent");
            }
        }
    }

    fn access(&mut self, registry: &Registry, applied: &Applied) {
        let Registry { host: _, plain_http: _, ca, credentials, realm_hosts, proxy, fallback_tag, .. } = registry;
        if !registry.mistaken.is_empty() {
            let keys = registry.mistaken.join(", ");
            self.line("  mistakes in", format_args!("{keys}: no request is sent under this entry"));
        }
        if let Some(ca) = ca {
            self.line("  authorities", ShownPath::of(ca));
        }
        match credentials {
            Credentials::Anonymous => self.line("  credentials", "none"),
            Credentials::Broken(_) => self.line("  credentials", "have a mistake; no request is sent without them"),
            Credentials::DockerConfig(path) => {
                self.line("  credentials", ShownPath::of(path));
                applied.pull_secret_keys.iter().for_each(|key| self.line("    entry", key));
            }
            Credentials::Files { username, password } => {
                self.line("  credentials", both(username, password));
            }
            Credentials::Ecr(ecr) => self.ecr(ecr),
            Credentials::Acr(acr) => self.acr(acr),
            Credentials::Google(account) => self.google(*account),
        }
        if let Some(files) = &registry.client_certificate {
            self.line("  client cert", both(&files.certificate, &files.key));
            if let Some(certificate) = &applied.client_certificate {
                let (subject, end) = (certificate.subject(), certificate.not_after());
                self.line("    subject", format_args!("{}, until {end}", subject.escaped()));
            }
        }
        if !realm_hosts.is_empty() {
            self.line("  tokens from", realm_hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        }
        if !registry.mirrors.locations.is_empty() {
            let mirrors: Vec<_> = registry.mirrors.locations.iter().map(ToString::to_string).collect();
            let only = if registry.mirrors.only { "; only these" } else { "" };
            self.line("  mirrors", format_args!("{}{only}", mirrors.join(", ")));
        }
        if *fallback_tag == FallbackTag::Always {
            self.line("  fallback tag", "always");
        }
        registry
            .connect_timeout
            .iter()
            .for_each(|time| self.line("  connect", format_args!("{} ms", time.as_millis())));
        registry
            .request_timeout
            .iter()
            .for_each(|time| self.line("  timeout", format_args!("{} ms", time.as_millis())));
        registry
            .max_requests
            .iter()
            .for_each(|limit| self.line("  requests", format_args!("{limit} at the same time")));
        registry
            .requests_per_second
            .iter()
            .for_each(|limit| self.line("  requests", format_args!("{limit} in a second")));
        match proxy {
            RegistryProxy::Environment => {
                if let Some((variable, server)) = &applied.proxy {
                    self.line("  proxy", format_args!("{server}, from {variable}"));
                }
            }
            RegistryProxy::Direct => self.line("  proxy", "none"),
            RegistryProxy::Server(RegistryProxyServer { server, login, ca }) => {
                self.line("  proxy", server);
                if let Some((username, password)) = login {
                    self.line("    login", both(username, password));
                }
                if let Some(ca) = ca {
                    self.line("    CA", ShownPath::of(ca));
                }
            }
        }
    }
}
