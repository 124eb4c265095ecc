//! Many cold images at the same time share the fetching of tokens.

use serde_json::json;

use super::super::at_once;
use super::super::at_once::COUNT;
use super::super::cloud::Chain;
use super::verdicts::tokens;

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.chapter(&format!("{COUNT} cold images at the same time"));
    let images = (0..COUNT).map(|_| chain.push(&json!({}))).collect::<anyhow::Result<Vec<_>>>()?;
    // Slow enough that requests without anything in common would overlap.
    chain.set(&json!({ "do": "delay", "service": "metadata", "milliseconds": 100 }))?;
    let before = chain.journal()?;
    chain.restart()?;
    let references: Vec<_> = images.iter().map(|image| chain.by_digest(image)).collect();
    let (line, finished) = at_once::in_one_pod(chain.site.workdir, &chain.site.cluster, references.into_iter())?;
    chain.site.transcript.command(&line, &finished.output);
    let result = finished.success().map(drop);
    chain.verdict(&format!("a pod with {COUNT} images is admitted right after the start"), result);
    let journal = chain.journal()?.since(&before);
    chain.verdict("with one token of the metadata server, and one of the registry", tokens(&journal, 1));

    let references = images.iter().map(|image| chain.tag(image)).collect::<anyhow::Result<Vec<_>>>()?;
    chain.set(&json!({ "do": "renew" }))?;
    let before = chain.journal()?;
    chain.restart()?;
    let failures = at_once::in_many_pods(chain.site.workdir, &chain.site.cluster, &references)?;
    let result = if failures.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("{failures:?}")) };
    chain.verdict(&format!("{COUNT} concurrent kubectl run of {COUNT} images are admitted"), result);
    let journal = chain.journal()?.since(&before);
    chain.verdict("with one token each, too", tokens(&journal, 1));
    chain.set(&json!({ "do": "restore", "service": "metadata" })).map(drop)
}
