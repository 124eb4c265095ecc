//! No secret has gone where it does not belong: to another host, or into a log, a metric or a message. The requests are searched as
//! they were received, for the secrets as they are and encoded.

use std::fs;

use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::super::pod::Pod;
use super::super::secret_search::Secret;
use super::super::secret_search::in_requests;
use super::chain::Chain;

/// The secrets of a cloud's doubles.
pub(in crate::cases) struct SecretsOf {
    /// The secret of an entry of `secrets.json`, with the hosts that may receive it.
    pub(in crate::cases) read: fn(&Value) -> anyhow::Result<Secret>,
    /// The kinds of secrets that were used.
    pub(in crate::cases) used: &'static [&'static str],
    /// The hosts that requests name.
    pub(in crate::cases) hosts: &'static [&'static str],
}

impl SecretsOf {
    /// Searches everything so far.
    pub(in crate::cases) fn search(&self, chain: &mut Chain<'_>) -> anyhow::Result<()> {
        chain.chapter("Where secrets went");
        let directory = chain.site.doubles.directory().clone();
        let count = chain.set(&json!({ "do": "requests" }))?;
        chain.set(&json!({ "do": "secrets" }))?;
        let requests = fs::read_to_string(directory.join("requests.jsonl"))?;
        let secrets: Vec<Value> = serde_json::from_slice(&fs::read(directory.join("secrets.json"))?)?;
        let secrets = secrets.iter().map(self.read).collect::<anyhow::Result<Vec<_>>>()?;
        chain.note(&format!("{count} requests are searched for {} secrets in all forms", secrets.len()));
        chain.verdict("every secret was sent to its own host only", in_requests(&secrets, &requests));
        let received = |kind: &str| secrets.iter().any(|secret| secret.kind == kind && secret.is_in(&requests));
        let result = self.used.iter().try_for_each(|kind| {
            ensure!(received(kind), "no {kind} was found, although each kind was used");
            Ok(())
        });
        chain.verdict("the search finds those that were sent there", result);

        chain.site.workdir.write("logs/metrics.log", Pod::metrics()?)?;
        let mut result = Ok(());
        for entry in fs::read_dir(chain.site.workdir.path().join("logs"))? {
            let path = entry?.path();
            let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
            if let Some(found) = secrets.iter().find(|secret| secret.is_in(&text)) {
                result = Err(anyhow::anyhow!("{} has a {}", path.display(), found.kind));
            }
        }
        chain.verdict("no log and no page of metrics has one", result);

        let journal = chain.journal()?;
        let other = journal.all().find(|exchange| !self.hosts.iter().any(|name| exchange["host"] == *name));
        let result = other.map_or(Ok(()), |found| Err(anyhow::anyhow!("found {found}")));
        chain.verdict(&format!("every request names one of {}", self.hosts.join(", ")), result);
        Ok(())
    }
}
