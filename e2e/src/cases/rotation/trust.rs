//! Replaces the roots and the trust policy, also with mistakes.

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::RELOAD;
use super::Rotation;
use super::policy;
use crate::http;
use crate::notation::STORE;
use crate::notation::Signer;
use crate::transcript::Transcript;
use crate::wait;

/// 1 if the trust policy and all stores are in use without mistakes.
const SUCCESSFUL: &str = r#"countersign_last_reload_successful{files="trust"}"#;

impl Rotation<'_> {
    pub(super) fn root(&mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        let (old, new) =
            [Signer::Release, Signer::Untrusted].map(|signer| self.environment.notation.root_of(signer)).into();
        let result = self.reloaded(|rotation| rotation.store.replace(&[("root.pem", &old), ("next.pem", &new)]));
        transcript.verdict("a second root is added", result);
        self.wait_for_replies()?;
        let result = self.reloaded(|rotation| rotation.store.replace(&[("next.pem", &new)]));
        transcript.verdict("the first root is removed", result);
        self.wait_for_replies()
    }

    pub(super) fn policy(&mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        let after = policy(self.environment, "after");
        let result = self.reloaded(|rotation| rotation.policy.replace(&[("trustpolicy.json", &after)]));
        transcript.verdict("another policy is loaded", result);
        self.wait_for_replies()
    }

    pub(super) fn broken_policy(&mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        let whole = policy(self.environment, "after");
        let half = whole.split_at(whole.len() / 2).0;
        self.policy.replace(&[("trustpolicy.json", half)])?;
        let result = wait::until("the broken policy to be reported", RELOAD, || self.successful("0"));
        transcript.verdict("a truncated policy is reported by a gauge", result);
        let (line, text) = self.readiness()?;
        transcript.command(&line, &text);
        let result = (|| {
            let line = text.lines().find(|line| line.starts_with("[!] files trust: in use since "));
            let line = line.context("expected a line about trust")?;
            ensure!(line.contains("; what is on disk was refused at "), "expected it to be refused");
            ensure!(line.contains("trustpolicy.json"), "expected the file named");
            Ok(())
        })();
        transcript.verdict("Countersign stays ready, and readiness names the file and the mistake", result);
        self.wait_for_replies()?;

        self.policy.replace(&[("trustpolicy.json", &whole)])?;
        let result = wait::until("the repaired policy to be loaded", RELOAD, || {
            self.successful("1")?;
            let (_, text) = self.readiness()?;
            ensure!(!text.contains("[!]"), "{text}");
            Ok(())
        });
        transcript.verdict("the repaired policy is loaded", result);
        self.wait_for_replies()
    }

    /// A store that cannot be parsed any more, and a statement with a mistake beside the good one.
    pub(super) fn broken_parts(&mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        let root = self.environment.notation.root_of(Signer::Untrusted);
        self.store.replace(&[("next.pem", &root), ("broken.pem", "no certificate")])?;
        let result = wait::until("the broken store to be reported", RELOAD, || {
            self.successful("0")?;
            self.shows(&format!("\n[!] trust store ca:{STORE} is in use as it was before "))?;
            let series = format!("countersign_trust_store_usable{{store=\"ca:{STORE}\"}}");
            ensure!(self.countersign.metric(&series)?.to_string() == "1", "expected the store to be usable");
            Ok(())
        });
        transcript.verdict("a store with an unreadable file stays in use as it was", result);
        self.wait_for_replies()?;
        self.store.replace(&[("next.pem", &root)])?;

        let mut document: Value = serde_json::from_str(&policy(self.environment, "after"))?;
        let statements = document["trustPolicies"].as_array_mut().context("no list of statements")?;
        statements.push(json!({ "name": "broken", "registryScopes": [self.environment.fixtures.uncovered.scope()] }));
        self.policy.replace(&[("trustpolicy.json", &document.to_string())])?;
        let result = wait::until("the broken statement to be reported", RELOAD, || {
            self.shows("\n[!] statement \"broken\" is disabled: ")?;
            let usable = |name: &str| {
                let series = format!("countersign_statement_usable{{statement=\"{name}\"}}");
                anyhow::Ok(self.countersign.metric(&series)?.to_string())
            };
            ensure!(usable("broken")? == "0" && usable("after")? == "1", "expected one of two statements to be usable");
            Ok(())
        });
        transcript.verdict("a statement with a mistake is disabled, and no other", result);
        let (line, text) = self.readiness()?;
        transcript.command(&line, &text);
        self.wait_for_replies()?;

        self.policy.replace(&[("trustpolicy.json", &policy(self.environment, "after"))])?;
        let result = wait::until("the repaired policy to be loaded", RELOAD, || {
            self.successful("1")?;
            let (_, text) = self.readiness()?;
            ensure!(!text.contains("[!]"), "{text}");
            Ok(())
        });
        transcript.verdict("both are in use again once they are repaired", result);
        self.wait_for_replies()
    }

    fn shows(&self, want: &str) -> anyhow::Result<()> {
        let (_, text) = self.readiness()?;
        ensure!(text.contains(want), "expected {want:?} in {text}");
        Ok(())
    }

    /// Changes files of the trust configuration. Returns once they are in use.
    fn reloaded(&mut self, change: impl FnOnce(&mut Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let generation = "countersign_trust_generation";
        let before = self.countersign.metric(generation)?;
        change(self)?;
        wait::until("the changed files", RELOAD, || {
            let now = self.countersign.metric(generation)?;
            ensure!(now > before, "generation {now}, expected more than {before}");
            Ok(())
        })
    }

    fn successful(&self, want: &str) -> anyhow::Result<()> {
        let found = self.countersign.metric(SUCCESSFUL)?.to_string();
        ensure!(found == want, "{SUCCESSFUL} {found}, expected {want}");
        Ok(())
    }

    fn readiness(&self) -> anyhow::Result<(String, String)> {
        let url = format!("http://{}/readyz?verbose", self.countersign.health());
        let text = http::get(&url)?.expect_status(200)?.text();
        Ok((format!("curl -sSf '{url}'"), text))
    }
}
