//! Publishes the status of the policy in use: for each statement and store whose content on disk is not in use, a log
//! line when that begins or changes and one when it ends, gauges, and lines of `/readyz?verbose`.

use std::collections::BTreeMap;

use crate::policy_source::DocumentState;
use crate::policy_source::LoadedPolicy;
use crate::policy_source::StatementState;
use crate::policy_source::StoreState;
use crate::server::health::Condition;
use crate::server::health::Readiness;
use crate::telemetry::metrics::Metrics;

/// Keeps the last reports.
#[derive(Debug, Default)]
pub(super) struct PolicyStatus {
    /// By statement or store.
    reported: BTreeMap<String, Part>,
    /// Whether no statement can be used, as last reported.
    is_unusable: bool,
}

/// A part of the policy whose content on disk is not in use.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// A sentence with the name of the part and its first mistake.
    line: String,
    /// As `line`, without the mistake.
    summary: String,
    effect: Effect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// Images are inconclusive.
    Disabled,
    /// The former content is in use.
    Kept,
}

impl PolicyStatus {
    pub(super) fn show(&mut self, trust: &LoadedPolicy, metrics: &Metrics, readiness: &Readiness) {
        metrics.policy_in_use(trust.generation(), trust.digest());
        readiness.policy_in_use(trust.digest());
        let usable = |state: &StatementState| matches!(state, StatementState::Usable(_));
        metrics.statements_usable(trust.statements().iter().map(|state| (state.name(), usable(state))));
        let names: Vec<String> = trust.stores().keys().map(ToString::to_string).collect();
        let usable = trust.stores().values().map(|state| state.store().is_some());
        metrics.stores_usable(names.iter().map(String::as_str).zip(usable));

        let parts = parts(trust);
        for (subject, part) in parts.iter().filter(|(subject, part)| self.reported.get(*subject) != Some(part)) {
            match part.effect {
                Effect::Disabled => tracing::error!(part = subject, "{}", part.summary),
                Effect::Kept => tracing::warn!(part = subject, "{}", part.summary),
            }
        }
        for subject in self.reported.keys().filter(|subject| !parts.contains_key(*subject)) {
            tracing::info!(
                part = subject,
                "{subject} is in use as it is on disk or at its source, or no longer part of the trust policy"
            );
        }
        readiness.trust_details(parts.values().map(|part| part.line.as_str()));
        self.reported = parts;

        let was_unusable = std::mem::replace(&mut self.is_unusable, !trust.is_usable());
        if trust.is_usable() {
            if was_unusable {
                tracing::info!("ready: a statement of the trust policy can be used");
            }
            readiness.set_ready(Condition::Trust);
        } else {
            let first = self.reported.values().next().map(|part| part.line.as_str());
            // Gatekeeper says only that it cannot connect, as a Service has no endpoint without a pod that is ready.
            if !was_unusable {
                tracing::error!(error = first, "not ready: no statement of the trust policy can be used");
            }
            let why = "no statement of the trust policy can be used";
            match first {
                Some(first) => readiness.set_not_ready(Condition::Trust, &format!("{why}: {first}")),
                None => readiness.set_not_ready(Condition::Trust, why),
            }
        }
    }
}

fn parts(trust: &LoadedPolicy) -> BTreeMap<String, Part> {
    let mut parts = BTreeMap::new();
    if let DocumentState::Kept { since } = trust.document() {
        let line = format!("the trust policy document is in use as it was before {since}");
        parts.insert("trust policy document".to_owned(), Part { summary: line.clone(), line, effect: Effect::Kept });
    }
    for state in trust.statements() {
        if let StatementState::Disabled(statement) = state {
            let subject = format!("statement {:?}", statement.name());
            let line = format!("{subject} is disabled: {}", statement.cause());
            let summary = format!("{subject} is disabled: {}", statement.summary());
            parts.insert(subject, Part { line, summary, effect: Effect::Disabled });
        }
    }
    for (store, state) in trust.stores() {
        let subject = format!("trust store {store}");
        let problem = state.mistakes().first().map(|mistake| mistake.problem()).unwrap_or_default();
        let (what, effect) = match state {
            StoreState::Current(_) => continue,
            StoreState::Kept { since, store: _, mistakes: _ } => {
                (format!("is in use as it was before {since}"), Effect::Kept)
            }
            StoreState::Unusable { mistakes: _ } => ("cannot be used".to_owned(), Effect::Disabled),
        };
        let (line, summary) = (format!("{subject} {what}: {problem}"), format!("{subject} {what}"));
        parts.insert(subject, Part { line, summary, effect });
    }
    parts
}
