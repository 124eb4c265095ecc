//! Many cold images at the same time share the fetching of tokens, and concurrent requests about one signature share one call.

use anyhow::ensure;
use serde_json::json;

use super::super::at_once;
use super::super::at_once::COUNT;
use super::chain::Chain;
use super::chain::Pushed;
use super::journal::parameters;

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.transcript.chapter(&format!("{COUNT} cold images at the same time"));
    let images = (0..COUNT).map(|_| chain.push("shop/app", &json!({}))).collect::<anyhow::Result<Vec<_>>>()?;
    // Slow enough that requests without anything in common would overlap.
    for service in ["sts", "ecr-api", "signer-data"] {
        chain.set(json!({ "do": "delay", "service": service, "milliseconds": 100 }))?;
    }
    let before = chain.journal()?;
    chain.restart()?;
    let references = images.iter().map(Pushed::by_digest);
    let (line, finished) = at_once::in_one_pod(chain.workdir, &chain.cluster, references)?;
    chain.transcript.command(&line, &finished.output);
    let result = if finished.status.success() { Ok(()) } else { Err(anyhow::anyhow!("{}", finished.status)) };
    chain.verdict(&format!("a pod with {COUNT} images is admitted right after the start"), result);
    let journal = chain.journal()?.since(&before);
    let calls = journal.expect_one_token_each().and_then(|()| {
        let count = journal.of("signer-data").len();
        ensure!(count == COUNT, "found {count} calls about a status, expected {COUNT}");
        Ok(())
    });
    chain.verdict("with one exchange at STS, one token of Amazon ECR, and one status for each signature", calls);
    let result = (|| {
        let mut jobs: Vec<&str> =
            journal.of("signer-data").iter().flat_map(|call| parameters(call, "jobArn")).collect();
        jobs.sort_unstable();
        let mut expected: Vec<&str> = images.iter().map(|image| image.job.as_str()).collect();
        expected.sort_unstable();
        ensure!(jobs == expected, "found other jobs");
        Ok(())
    })();
    chain.verdict("each signature is asked about once", result);

    let image = chain.push("shop/app", &json!({}))?;
    let references = (0..COUNT).map(|_| chain.tag(&image)).collect::<anyhow::Result<Vec<_>>>()?;
    let before = chain.journal()?;
    let failures = at_once::in_many_pods(chain.workdir, &chain.cluster, &references)?;
    let result = if failures.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("{failures:?}")) };
    chain.verdict(&format!("{COUNT} concurrent kubectl run of one image by {COUNT} tags are admitted"), result);
    let journal = chain.journal()?.since(&before);
    chain.verdict("with one status", journal.expect_calls(&[("signer-data", 1)]));
    for service in ["sts", "ecr-api", "signer-data"] {
        chain.set(json!({ "do": "restore", "service": service }))?;
    }
    Ok(())
}
