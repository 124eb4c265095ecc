//! The lives of tokens: they are renewed before they end, and used to their end while the metadata server fails.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::super::cloud::Chain;
use super::metrics;
use super::network;
use super::verdicts::METADATA_TOKEN;
use super::verdicts::count;
use crate::wait;

/// The life of access tokens in the case of renewal, in seconds. They are renewed at half of it.
const SHORT: u64 = 16;
/// In the outage: the renewal fails at half of it, and the rest is time for further images.
const IN_OUTAGE: u64 = 24;

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.chapter("Tokens end");
    renewal(chain)?;
    outage(chain)?;
    set_life(chain, 3600)
}

/// Sets how long access tokens live, in seconds. The metadata server keeps none of before.
fn set_life(chain: &mut Chain<'_>, seconds: u64) -> anyhow::Result<()> {
    chain.set(&json!({ "do": "lifetime", "of": "metadata", "seconds": seconds }))?;
    chain.set(&json!({ "do": "renew" })).map(drop)
}

/// Short tokens, which no request uses after their end.
fn renewal(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    set_life(chain, SHORT)?;
    chain.restart()?;
    let image = chain.push(&json!({}))?;
    chain.admitted(&format!("an image is admitted with a token that lives {SHORT} s"), &image)?;
    let before = chain.journal()?;
    let mut denied = Vec::new();
    let renewed = wait::until("the token to be renewed twice", Duration::from_secs(3 * SHORT), || {
        let image = chain.push(&json!({}))?;
        let finished = chain.tried(&image)?;
        if !finished.status.success() {
            denied.push(finished.output);
        }
        let count = count(&chain.journal()?.since(&before), "metadata", METADATA_TOKEN);
        ensure!(count >= 2, "{count} new tokens");
        Ok(())
    });
    let journal = chain.journal()?.since(&before);
    let result = renewed.and_then(|()| {
        ensure!(denied.is_empty(), "denied meanwhile: {denied:?}");
        let is_refused = |exchange: &&Value| {
            !exchange["authorization"].is_null() && (exchange["status"] == 401 || exchange["status"] == 403)
        };
        let refused = journal.of("artifact-registry").iter().find(is_refused);
        ensure!(refused.is_none(), "the registry refused {refused:?}");
        Ok(())
    });
    chain.verdict("tokens are renewed before they end, and the registry refuses none", result);
    Ok(())
}

/// The metadata server fails while the token lives, and longer.
fn outage(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    set_life(chain, IN_OUTAGE)?;
    chain.restart()?;
    let image = chain.push(&json!({}))?;
    chain.admitted(&format!("an image is admitted with a token that lives {IN_OUTAGE} s"), &image)?;
    chain.set(&json!({ "do": "fail", "service": "metadata", "status": 503 }))?;
    chain.note("the metadata server answers 503");
    let before = chain.journal()?;
    let mut denied = Vec::new();
    let attempted = wait::until("a renewal to be tried", Duration::from_secs(IN_OUTAGE), || {
        let image = chain.push(&json!({}))?;
        let finished = chain.tried(&image)?;
        if !finished.status.success() {
            denied.push(finished.output);
        }
        ensure!(count(&chain.journal()?.since(&before), "metadata", METADATA_TOKEN) > 0, "no request for a token");
        Ok(())
    });
    let result = attempted.and_then(|()| {
        ensure!(denied.is_empty(), "denied meanwhile: {denied:?}");
        Ok(())
    });
    chain.verdict("while the token lives, images are admitted though the metadata server fails", result);
    let image = chain.push(&json!({}))?;
    chain.admitted("also after the first failure", &image)?;

    let image = chain.push(&json!({}))?;
    let text = format!(
        "the token request to the metadata server of Google Cloud failed at {}: found status 503, expected 200; it is called again with \
         the next image",
        network::METADATA_SERVER
    );
    chain.until_denied(&image, &text, Duration::from_secs(IN_OUTAGE + 4))?;
    chain.undecided("when the token has ended, an image is denied, as there is none", &image, &[&text])?;
    chain.verdict("the metric of CountersignGoogleFails counts it", metrics::counted("failed"));
    chain.set(&json!({ "do": "restore", "service": "metadata" }))?;
    chain.note("the metadata server answers again");
    chain.admitted("the first image after the outage is admitted", &image).map(drop)
}
