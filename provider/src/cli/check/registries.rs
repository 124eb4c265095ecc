//! What `registries` names: credentials and certificate authorities. Never shows parts of a credential.

use std::path::Path;
use std::sync::Arc;

use countersign_core::codec::mismatch::Mismatched as _;
use countersign_core::name::Repository;
use countersign_core::time::UnixTime;
use countersign_http::ClientCertificate;
use countersign_http::ProxyVariableError;
use countersign_registry::Registries;
use countersign_registry::RegistryPattern;
use countersign_registry::RegistrySettings;
use countersign_registry::SettingsError;
use countersign_registry::Unlisted;
use countersign_registry::Unobserved;

use super::Applied;
use super::Findings;
use super::SOON;
use super::Variables;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::FindingKind;
use crate::config::Purpose;
use crate::config::Registry;
use crate::config::RegistryProxy;
use crate::config::RegistryProxyServer;
use crate::policy_source::ModeOutline;
use crate::runtime::EnvironmentWarning;
use crate::runtime::NO_SYSTEM_AUTHORITIES;
use crate::runtime::environment_warnings;
use crate::runtime::proxy_environment;
use crate::runtime::proxy_environment_beside;
use crate::runtime::token_file_warnings;

pub(super) fn check(
    config: &Config,
    (purpose, variables): (Purpose, Variables),
    now: UnixTime,
    findings: &mut Findings,
) {
    match config.unlisted_registries {
        Unlisted::Anonymous => unrestricted(config, purpose, findings),
        Unlisted::Refuse => refused(config, findings),
    }
    findings.applied = applied(config);
    proxies(config, findings);
    evidence_proxies(config, findings);
    for EnvironmentWarning { kind, message, is_of_variable } in environment_warnings(config) {
        match variables {
            Variables::OfPod if is_of_variable => {}
            Variables::OfProcess | Variables::OfPod => findings.warn(kind, message),
        }
    }
    match variables {
        Variables::OfProcess => {
            for EnvironmentWarning { kind, message, .. } in token_file_warnings(config) {
                findings.warn(kind, message);
            }
        }
        Variables::OfPod => {}
    }
    with_ports(config, findings);
    passwords_of_patterns(config, findings);
    files(config, now, findings);
    // One by one: the client stops at the first mistake.
    for entry in &config.registries {
        let field = format!("registries[{}]", entry.position);
        // What is wrong with the entry as it is written is known already.
        let is_within =
            |found: &str| found.strip_prefix(&field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if findings.mistakes.iter().any(|mistake| mistake.named.is_none() && is_within(&mistake.field)) {
            continue;
        }
        one(&field, &Config { registries: vec![entry.clone()], ..config.clone() }, findings);
    }
    let none = Config { registries: Vec::new(), ..config.clone() };
    let system_roots = client(none.registry_files(None).settings(&none)).ok();
    if system_roots.is_some_and(|registries| registries.system_roots() == 0) {
        findings.warn(NO_SYSTEM_AUTHORITIES.0, NO_SYSTEM_AUTHORITIES.1);
    }
}

/// The proxy of the environment and the entries of the pull secret for each registry.
fn applied(config: &Config) -> Vec<Applied> {
    let environment = proxy_environment(config).unwrap_or_default();
    let proxy = |registry: &Registry| match (&registry.proxy, registry.host.host().exact()) {
        (RegistryProxy::Environment, Some(host)) => {
            environment.server_for(&host, registry.plain_http).map(|(variable, server)| (variable, server.to_string()))
        }
        (RegistryProxy::Environment | RegistryProxy::Direct | RegistryProxy::Server(_), _) => None,
    };
    let files = config.registry_files(None);
    let of_files = files.pull_secret_keys().into_iter().zip(files.client_certificate_of_each());
    let registries = config.registries.iter().zip(of_files);
    let applied = |(registry, (pull_secret_keys, certificate)): (&Registry, (_, Option<&ClientCertificate>))| Applied {
        proxy: proxy(registry),
        pull_secret_keys,
        client_certificate: certificate.cloned(),
    };
    registries.map(applied).collect()
}

/// Proxy variables of this process that concern the entries, and passwords in other keys than the ones for passwords.
fn proxies(config: &Config, findings: &mut Findings) {
    let environment = match proxy_environment(config) {
        Ok(environment) => environment,
        Err(error) => {
            for ProxyVariableError { name, error } in error.mistakes {
                findings.mistake(Path::new("environment"), name, &error.mismatch());
            }
            return;
        }
    };
    // Otherwise, the variables are for other programs.
    if config.registries.iter().any(|registry| registry.proxy == RegistryProxy::Environment) {
        environment.warnings().iter().for_each(|warning| findings.warn("proxy-variable", warning));
    }
    for Registry { host, plain_http, proxy, .. } in &config.registries {
        match proxy {
            RegistryProxy::Environment => {
                let refusal = host.host().exact().and_then(|host| environment.refuses(&host, *plain_http));
                if let Some((internal, variable)) = refusal {
                    let message = format_args!(
                        "registry {host} is {}, for which no proxy is used, and {variable} names one; add it to \
                         NO_PROXY, or set proxy: none; otherwise its images are inconclusive",
                        internal.as_str()
                    );
                    findings.warn("proxy-for-inside", message);
                }
            }
            RegistryProxy::Server(RegistryProxyServer { server, .. }) if server.has_login() => {
                let message = format_args!(
                    "registry {host} has a proxy's user name and password in the configuration; use \
                     proxy.usernameFile and proxy.passwordFile instead"
                );
                findings.warn("proxy-login-in-configuration", message);
            }
            RegistryProxy::Server(_) | RegistryProxy::Direct => {}
        }
    }
    let variables: Vec<_> = environment.servers().map(|(name, _)| name).collect();
    if !variables.is_empty() && config.unlisted_registries == Unlisted::Anonymous {
        let message = format_args!(
            "{} is used only for the hosts in registries; other hosts are reached directly, because \
             unlistedRegistries is anonymous",
            variables.join(" and ")
        );
        findings.warn("proxy-not-for-unlisted", message);
    }
}

/// Proxies of requests for evidence: variables that cannot be used, and hosts to which no request would be sent.
fn evidence_proxies(config: &Config, findings: &mut Findings) {
    // Otherwise, nothing is requested.
    if !findings.statements.iter().flatten().any(|statement| needs_evidence(&statement.mode)) {
        return;
    }
    let environment = match proxy_environment_beside(&config.evidence.proxy) {
        Ok(environment) => environment,
        // Then it is a mistake already.
        Err(_) if proxy_environment(config).is_err() => return,
        Err(why) => {
            let message = format_args!("no OCSP responses and CRLs are requested, unless evidence.proxy is set: {why}");
            return findings.warn("evidence-proxy", message);
        }
    };
    for host in &config.evidence.reachable_hosts {
        let host = host.as_str();
        let refusal = match &config.evidence.proxy {
            RegistryProxy::Direct => None,
            RegistryProxy::Environment => [true, false].into_iter().find_map(|plain| environment.refuses(host, plain)),
            RegistryProxy::Server(_) => {
                environment.refuses_any_proxy(host, true).map(|internal| (internal, "evidence.proxy"))
            }
        };
        if let Some((internal, setting)) = refusal {
            let message = format_args!(
                "evidence.reachableHosts has {host}, {}, for which no proxy is used, and {setting} names one; add it to \
                 NO_PROXY, which takes precedence, or set evidence.proxy: none; otherwise no request is sent to it",
                internal.as_str()
            );
            findings.warn("proxy-for-inside", message);
        }
    }
}

fn client(settings: RegistrySettings) -> Result<Registries, SettingsError> {
    Registries::new(settings, Arc::new(Unobserved))
}

/// The files of all registries and of `evidence`. A mistake in a file that several name is reported once.
fn files(config: &Config, now: UnixTime, findings: &mut Findings) {
    let files = config.registry_files(None);
    files.client_certificates().for_each(|(host, certificate)| client_certificate(host, certificate, now, findings));
    for finding in files.findings() {
        match &finding.kind {
            FindingKind::File { .. } | FindingKind::Entry(_) => {
                findings.mistake(&finding.path, "", &finding.mismatch())
            }
            FindingKind::Warning(warning) => {
                findings.warn(warning.as_str(), finding.warning());
            }
        }
    }
}

/// Warnings as for the certificates of the endpoints, except that the server alone decides about this one.
fn client_certificate(host: &RegistryPattern, certificate: &ClientCertificate, now: UnixTime, findings: &mut Findings) {
    let (subject, begin, end) = (certificate.subject(), certificate.not_before(), certificate.not_after());
    let name = format!("registry {host}: client certificate {subject}");
    if end <= now {
        findings.warn("certificate-expired", format_args!("{name} has expired, at {end}; renew it"));
    } else if begin > now {
        findings.warn("certificate-not-yet-valid", format_args!("{name} is valid only from {begin} on"));
    } else if end < now.saturating_add(SOON) {
        findings.warn("certificate-ends-soon", format_args!("{name} ends soon, at {end}"));
    }
    if !certificate.is_for_clients() {
        let message = format_args!("{name} has an extended key usage without clientAuth: servers will not take it");
        findings.warn("certificate-not-for-clients", message);
    }
}

fn one(field: &str, config: &Config, findings: &mut Findings) {
    if let Err(error) = client(config.registry_files(None).settings(config)) {
        findings.registry_mistake(field, &error.mismatch());
    }
}

/// Warns about passwords that every host of a pattern receives.
fn passwords_of_patterns(config: &Config, findings: &mut Findings) {
    for Registry { host, credentials, .. } in &config.registries {
        let is_pattern = host.host().exact().is_none();
        match credentials {
            Credentials::Files { .. } if is_pattern => {
                let message = format_args!(
                    "registry {host}: every host of the pattern receives the password, as soon as somebody creates a pod with an image of \
                     it; if not all of them are yours, write an entry for each registry"
                );
                findings.warn("credentials-for-pattern", message);
            }
            // A Docker configuration has exact hosts, and tokens are for the registries of their services.
            Credentials::Files { .. }
            | Credentials::Anonymous
            | Credentials::Broken(_)
            | Credentials::DockerConfig(_)
            | Credentials::Ecr(_)
            | Credentials::Acr(_)
            | Credentials::Google(_) => {}
        }
    }
}

/// Warns about scopes with a port for a registry over plain HTTP without a port: references to it have none.
fn with_ports(config: &Config, findings: &mut Findings) {
    let Ok(registries) = client(config.registry_files(None).settings(config)) else { return };
    let mut messages = Vec::new();
    for statement in findings.statements.iter().flatten() {
        for scope in statement.scopes.iter().flatten() {
            if scope.parse::<Repository>().is_ok_and(|repository| registries.check_spelling(&repository).is_err()) {
                messages.push(format!(
                    "statement {:?} has the scope {scope:?}, which writes a port, and registries has that host over plain HTTP \
                     without one: its images are inconclusive; write the scope without a port, as references are",
                    statement.name
                ));
            }
        }
    }
    messages.into_iter().for_each(|message| findings.warn("scope-with-port", message));
}

/// Whether the status of certificates is requested for images under `mode`: of signers, or of timestamping authorities.
fn needs_evidence(mode: &ModeOutline) -> bool {
    match mode {
        ModeOutline::Verify(rules) => rules.revocation != "skip" || rules.verify_timestamp.is_some(),
        ModeOutline::Skip | ModeOutline::Disabled(_) => false,
    }
}

/// Whether images under `mode` are verified.
fn verifies(mode: &ModeOutline) -> bool {
    match mode {
        ModeOutline::Verify(_) => true,
        ModeOutline::Skip | ModeOutline::Disabled(_) => false,
    }
}

/// Warns if registries are listed but the handling of others is not written, so that every host receives requests. Not if
/// there is no entry, which does not suggest that other hosts are unintended, and not if `anonymous` is written, which is a
/// decision. On the command line, the caller chooses the images.
fn unrestricted(config: &Config, purpose: Purpose, findings: &mut Findings) {
    match purpose {
        Purpose::Serve if !config.registries.is_empty() && !config.unlisted_is_written => {
            let message = "registries has entries, and unlistedRegistries is not set, so that anonymous applies: requests \
                           without credentials are also sent to hosts that no entry matches, and everyone who can create a \
                           pod chooses these hosts; set unlistedRegistries: refuse and list every registry in use, or set \
                           anonymous if this is intended";
            findings.warn("unlisted-registries-anonymous", message);
        }
        Purpose::Serve | Purpose::Verify => {}
    }
}

/// Warns about scopes of verifying statements, and about mirrors, at registries that are refused.
fn refused(config: &Config, findings: &mut Findings) {
    let is_listed = |repository: &Repository| config.registries.iter().any(|entry| entry.host.is_for(repository));
    let mut messages = Vec::new();
    for statement in findings.statements.iter().flatten().filter(|statement| verifies(&statement.mode)) {
        for scope in statement.scopes.iter().flatten() {
            if scope.parse().is_ok_and(|repository| !is_listed(&repository)) {
                messages.push(format!(
                    "statement {:?} has the scope {scope:?}, whose registry is not among the registries, and unlistedRegistries \
                     is refuse: its images are inconclusive",
                    statement.name
                ));
            }
        }
    }
    for registry in &config.registries {
        for mirror in &registry.mirrors.locations {
            if !config.registries.iter().any(|other| other.host.host().matches(mirror.host())) {
                messages.push(format!(
                    "registry {} has the mirror {mirror}, whose host is not among the registries, and unlistedRegistries is refuse: \
                     no request is sent to it",
                    registry.host
                ));
            }
        }
    }
    messages.into_iter().for_each(|message| findings.warn("registry-refused", message));
}
