//! Gatekeeper's Providers and webhooks: the values that must fit the configuration.

mod ca_bundle;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::time::UnixTime;
use http::Uri;
use humantime::format_duration;
use serde_json::Value as Json;

use super::Compared;
use super::EndpointCertificates;
use super::Findings;
use super::Mistake;
use crate::cli::manifests;
use crate::cli::manifests::ManifestMistake;
use crate::cli::manifests::ManifestMistakes;
use crate::cli::manifests::Object;
use crate::cli::manifests::described;
use crate::config::Config;
use crate::server::Endpoint;

/// What a network inside a cluster needs, with a margin.
const NETWORK: Duration = Duration::from_millis(200);

/// The API server's default of `timeoutSeconds`.
const WEBHOOK_SECONDS: u64 = 10;

/// One of Gatekeeper's webhooks that asks Providers.
struct Webhook {
    kind: &'static str,
    name: &'static str,
    mutates: bool,
}

const WEBHOOKS: [Webhook; 2] = [
    Webhook { kind: "ValidatingWebhookConfiguration", name: "validation.gatekeeper.sh", mutates: false },
    Webhook { kind: "MutatingWebhookConfiguration", name: "mutation.gatekeeper.sh", mutates: true },
];

/// A Provider's role and timeout, as far as they can be read.
struct Timed {
    name: String,
    mutates: bool,
    timeout: Duration,
}

/// Checks all objects of `files`. `endpoints` is the server's certificate, if it can be read.
pub(super) fn check(
    files: &[PathBuf],
    config: &Config,
    endpoints: Option<&EndpointCertificates>,
    now: UnixTime,
    findings: &mut Findings,
) {
    let mut mistakes = ManifestMistakes::default();
    let documents = manifests::read(files, &mut mistakes);
    let objects = manifests::objects(&documents, &mut mistakes);
    let is_provider = |object: &&Object<'_>| object.group == "externaldata.gatekeeper.sh" && object.kind == "Provider";
    let providers: Vec<_> = objects.iter().filter(is_provider).collect();
    if providers.is_empty() && mistakes.is_empty() {
        mistakes.add(ManifestMistake {
            file: files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "),
            line: 0,
            object: String::new(),
            field: String::new(),
            mismatch: Mismatch::new("found no Provider").expecting("an object Provider of externaldata.gatekeeper.sh"),
        });
    }
    let (mut timed, mut compared) = (Vec::new(), Vec::new());
    for provider in providers {
        let mut checked = Provider { object: provider, mistakes: &mut mistakes, findings, fits: Vec::new() };
        let endpoint = checked.url(config, endpoints);
        checked.ca_bundle(endpoints, now);
        if let Some((_, mutates)) = endpoint {
            timed.extend(checked.timeout(config, mutates));
        }
        compared.push(checked.compared());
    }
    for object in objects.iter().filter(|object| object.group == "admissionregistration.k8s.io") {
        for webhook in WEBHOOKS.iter().filter(|webhook| webhook.kind == object.kind) {
            compared.extend(webhook_timeouts(object, webhook, &timed, &mut mistakes, findings));
        }
    }
    findings.compared = Some(compared);
    findings.mistakes.extend(mistakes.into_list().into_iter().map(Mistake::from));
}

impl From<ManifestMistake> for Mistake {
    fn from(ManifestMistake { file, line, object, field, mismatch }: ManifestMistake) -> Self {
        let field = [object, field].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        Self { file, line: (line > 0).then_some(line), field, named: None, mismatch }
    }
}

/// One Provider under examination.
struct Provider<'a, 'd> {
    object: &'a Object<'d>,
    mistakes: &'a mut ManifestMistakes,
    findings: &'a mut Findings,
    /// See [`Compared`].
    fits: Vec<(String, String)>,
}

impl Provider<'_, '_> {
    fn mistake(&mut self, field: &str, mismatch: Mismatch) {
        self.mistakes.add(self.object.mistake(field, mismatch));
    }

    fn warn(&mut self, kind: &'static str, message: &str) {
        let message = format!("{}: {}: {message}", self.object.file(), self.object.name());
        self.findings.warn(kind, message);
    }

    fn fits(&mut self, field: &str, value: impl fmt::Display) {
        self.fits.push((field.to_owned(), value.to_string()));
    }

    fn compared(self) -> Compared {
        Compared { file: self.object.file().to_owned(), object: self.object.name(), fits: self.fits }
    }

    fn spec(&self, member: &str) -> Option<&Json> {
        self.object.value.get("spec")?.get(member).filter(|value| !value.is_null())
    }

    /// The path, and whether it is one for mutation; none if the URL leads to no endpoint.
    fn url(&mut self, config: &Config, endpoints: Option<&EndpointCertificates>) -> Option<(&'static str, bool)> {
        const FIELD: &str = "spec.url";
        let expected = "https://HOST:PORT/PATH of Countersign's Service";
        let Some(text) = self.spec("url").and_then(Json::as_str).map(str::to_owned) else {
            self.mistake(FIELD, Mismatch::new("found no text").expecting(expected));
            return None;
        };
        let uri = text.parse::<Uri>().ok().filter(|uri| uri.scheme().is_some());
        let Some((uri, host)) = uri.as_ref().and_then(|uri| Some((uri, uri.host()?))) else {
            self.mistake(FIELD, Mismatch::new(format_args!("found {:?}", Excerpt::of(&text))).expecting(expected));
            return None;
        };
        let scheme = uri.scheme_str().unwrap_or_default();
        if scheme != "https" {
            self.mistake(FIELD, Mismatch::new(format_args!("found scheme {scheme:?}")).expecting("https"));
        }
        let (port, listen) = (uri.port_u16().unwrap_or(443), config.server.listen.port());
        // The Service may map one port to the other.
        if port != listen {
            self.warn(
                "provider-port",
                &format!(
                    "spec.url has port {port}, and server.listen has {listen}: the Service must map one to the other"
                ),
            );
        }
        let is_named = endpoints.and_then(|endpoints| self.host(host, endpoints));
        let endpoint = Endpoint::paths().find(|(path, _)| *path == uri.path());
        if scheme == "https" && endpoint.is_some() && is_named != Some(false) {
            let of_host = match is_named {
                Some(_) => "its host is a name of the server certificate",
                None => "its host was not compared, as there is no server certificate",
            };
            self.fits(FIELD, format_args!("{}, an endpoint; {of_host}", Excerpt::of(&text).escaped()));
        }
        if endpoint.is_none() {
            let paths: Vec<_> = Endpoint::paths().map(|(path, _)| path).collect();
            let found = format_args!("found path {:?}", Excerpt::of(uri.path()));
            let mismatch = Mismatch::new(found).expecting(format_args!("one of {}", paths.join(", ")));
            self.mistake(FIELD, mismatch);
        }
        endpoint
    }

    /// Gatekeeper compares the host with the names in the certificate. Returns whether it is one of
    /// them; `None` without a certificate.
    fn host(&mut self, host: &str, endpoints: &EndpointCertificates) -> Option<bool> {
        let leaf = endpoints.certificates.first()?;
        let is_named = ca_bundle::is_named(leaf, host);
        if !is_named {
            let names = if leaf.names.is_empty() { "none".to_owned() } else { leaf.names.join(", ") };
            let mismatch = Mismatch::new(format_args!("found host {:?}", Excerpt::of(host)))
                .expecting(format_args!("a name of the server certificate, which has {names}"));
            self.mistake("spec.url", mismatch);
        }
        Some(is_named)
    }

    fn ca_bundle(&mut self, endpoints: Option<&EndpointCertificates>, now: UnixTime) {
        let text = self.spec("caBundle").and_then(Json::as_str).unwrap_or_default().to_owned();
        let chain = endpoints.map_or(&[][..], |endpoints| &endpoints.certificates);
        match ca_bundle::check(&text, chain, now) {
            Err(mismatch) => self.mistake("spec.caBundle", mismatch),
            Ok(()) if chain.is_empty() => {}
            Ok(()) => self.fits("spec.caBundle", "has the authority of the server certificate"),
        }
    }

    fn timeout(&mut self, config: &Config, mutates: bool) -> Option<Timed> {
        const FIELD: &str = "spec.timeout";
        let (key, ours) = if mutates {
            ("server.mutateTimeout", config.server.mutate_timeout)
        } else {
            ("server.verifyTimeout", config.server.verify_timeout)
        };
        let expected = format!("whole seconds, more than {key}, which is {}", format_duration(ours));
        let value = self.spec("timeout").cloned();
        let Some(seconds) = value.as_ref().and_then(Json::as_u64).filter(|seconds| *seconds > 0) else {
            let found = described(value.as_ref().unwrap_or(&Json::Null));
            self.mistake(FIELD, Mismatch::new(format_args!("found {found}")).expecting(expected));
            return None;
        };
        let timeout = Duration::from_secs(seconds);
        if timeout > ours {
            let text = format!("{}, more than {key}, which is {}", format_duration(timeout), format_duration(ours));
            self.fits(FIELD, text);
        }
        if timeout <= ours {
            self.mistake(FIELD, Mismatch::new(format_args!("found {}", format_duration(timeout))).expecting(expected));
        } else if timeout.saturating_sub(ours) < NETWORK {
            let rest = format_duration(timeout.saturating_sub(ours));
            self.warn(
                "provider-timeout-without-margin",
                &format!(
                    "spec.timeout is only {rest} longer than {key}: late responses do not reach Gatekeeper; leave at \
                     least {}",
                    format_duration(NETWORK)
                ),
            );
        }
        Some(Timed { name: self.object.name(), mutates, timeout })
    }
}

/// Compares the timeouts of Gatekeeper's webhook with those of the Providers that it asks. Other webhooks are ignored.
fn webhook_timeouts(
    object: &Object<'_>,
    webhook: &Webhook,
    providers: &[Timed],
    mistakes: &mut ManifestMistakes,
    findings: &mut Findings,
) -> Vec<Compared> {
    let mut compared = Vec::new();
    let Some(webhooks) = object.value.get("webhooks").and_then(Json::as_array) else { return compared };
    let is_this = |entry: &Json| entry.get("name").and_then(Json::as_str) == Some(webhook.name);
    for (index, entry) in webhooks.iter().enumerate().filter(|(_, entry)| is_this(entry)) {
        if entry.get("failurePolicy").and_then(Json::as_str) == Some("Ignore") {
            findings.warn(
                "webhook-fails-open",
                format_args!(
                    "{}: {}: webhook {} has failurePolicy Ignore: images are admitted without a verdict when Gatekeeper \
                     does not respond in time; set Fail",
                    object.file(),
                    object.name(),
                    webhook.name
                ),
            );
        }
        let mut fits = Vec::new();
        if entry.get("failurePolicy").and_then(Json::as_str) == Some("Fail") {
            fits.push((format!("webhooks[{index}].failurePolicy"), "Fail".to_owned()));
        }
        let seconds = match entry.get("timeoutSeconds") {
            None | Some(Json::Null) => Some(WEBHOOK_SECONDS),
            Some(value) => value.as_u64(),
        };
        let field = format!("webhooks[{index}].timeoutSeconds");
        let Some(seconds) = seconds else {
            mistakes.add(object.mistake(&field, Mismatch::new("found no number").expecting("whole seconds, 1 to 30")));
            continue;
        };
        let timeout = Duration::from_secs(seconds);
        let asked: Vec<&Timed> = providers.iter().filter(|one| one.mutates == webhook.mutates).collect();
        if let Some(longest) = asked.iter().map(|one| one.timeout).max().filter(|longest| *longest < timeout) {
            let (own, longest) = (format_duration(timeout), format_duration(longest));
            fits.push((field.clone(), format!("{own}, more than spec.timeout of its Providers, at most {longest}")));
        }
        compared.push(Compared {
            file: object.file().to_owned(),
            object: format!("{} {}", object.name(), webhook.name),
            fits,
        });
        for Timed { name, timeout: provider, .. } in asked.into_iter().filter(|one| one.timeout >= timeout) {
            let mismatch = Mismatch::new(format_args!("found {}", format_duration(timeout)))
                .expecting(format_args!("more than spec.timeout of {name}, which is {}", format_duration(*provider)));
            mistakes.add(object.mistake(&field, mismatch));
        }
    }
    compared
}
