//! The lives of credentials and tokens: they are renewed before they end, and used to their end while they cannot be renewed.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::chain::ANY;
use super::chain::Chain;
use super::network;
use crate::wait;

/// The life of tokens of Amazon ECR in these cases, in seconds. They are renewed at half of it.
const ECR_TOKEN: u64 = 8;
/// A refused token is replaced if it is older.
const OLD_TOKEN: Duration = Duration::from_secs(31);
/// The life of the credentials of STS.
const SESSION: u64 = 16;

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.transcript.chapter("Credentials and tokens end");
    refused(chain)?;
    renewal(chain)?;
    outage_of_sts(chain)?;
    ended(chain)
}

/// A token that the registry refuses. One that was just fetched is not replaced, as another one would be refused too.
fn refused(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    let started = chain.started;
    wait::until("the token to be older", OLD_TOKEN, || {
        ensure!(started.elapsed() > OLD_TOKEN, "it was fetched {:?} ago", started.elapsed());
        Ok(())
    })?;
    chain.set(json!({ "do": "revoke-tokens" }))?;
    chain.transcript.note("all tokens of Amazon ECR are revoked");
    let image = chain.push("shop/app", &json!({}))?;
    let calls = Some(&[("ecr-api", 1), ("signer-data", 1)][..]);
    chain.admitted("a token that the registry refuses is replaced at once, with one call", &image, calls).map(drop)
}

/// Short tokens of Amazon ECR, which no request uses after their end.
fn renewal(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.set(json!({ "do": "lifetime", "of": "ecr", "seconds": ECR_TOKEN }))?;
    chain.restart()?;
    let image = chain.push("shop/app", &json!({}))?;
    chain.admitted(&format!("an image is admitted with a token that lives {ECR_TOKEN} s"), &image, ANY)?;
    let before = chain.journal()?;
    let mut failures = Vec::new();
    let renewed = wait::until("the token to be renewed", Duration::from_secs(2 * ECR_TOKEN), || {
        let image = chain.push("shop/app", &json!({}))?;
        let reference = chain.tag(&image)?;
        let (_, finished) = chain.cluster.kubectl(&["run", "tried", "--dry-run=server", "--image", &reference])?;
        if !finished.status.success() {
            failures.push(finished.output);
        }
        let count = chain.journal()?.since(&before).of("ecr-api").len();
        ensure!(count >= 2, "{count} new tokens");
        Ok(())
    });
    let journal = chain.journal()?.since(&before);
    let result = renewed.and_then(|()| {
        ensure!(failures.is_empty(), "denied meanwhile: {failures:?}");
        let refused =
            journal.of("ecr-registry").iter().find(|exchange| exchange["status"] == 403 || exchange["status"] == 401);
        ensure!(refused.is_none(), "the registry refused {refused:?}");
        Ok(())
    });
    chain.verdict("tokens are renewed before they end, and the registry refuses none", result);

    chain.set(json!({ "do": "lifetime", "of": "ecr", "seconds": 12 * 3600 }))
}

/// STS fails while the session lives, and longer.
fn outage_of_sts(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.set(json!({ "do": "lifetime", "of": "sts", "seconds": SESSION }))?;
    chain.restart()?;
    let image = chain.push("shop/app", &json!({}))?;
    chain.admitted(&format!("an image is admitted with a session of {SESSION} s"), &image, ANY)?;
    let session = chain.started;
    chain.set(json!({ "do": "fail", "service": "sts", "status": 500, "code": "InternalFailure" }))?;
    chain.transcript.note(&format!("{} answers 500", network::STS));
    let before = chain.journal()?;
    let mut denied = Vec::new();
    let attempted = wait::until("STS to be asked for the next session", Duration::from_secs(SESSION), || {
        let image = chain.push("shop/app", &json!({}))?;
        let reference = chain.tag(&image)?;
        let (_, finished) = chain.cluster.kubectl(&["run", "tried", "--dry-run=server", "--image", &reference])?;
        if !finished.status.success() {
            denied.push(finished.output);
        }
        ensure!(!chain.journal()?.since(&before).of("sts").is_empty(), "no request to STS");
        Ok(())
    });
    let result = attempted.and_then(|()| {
        ensure!(session.elapsed() < Duration::from_secs(SESSION), "the session has ended meanwhile");
        ensure!(denied.is_empty(), "denied meanwhile: {denied:?}");
        Ok(())
    });
    chain.verdict("while the session lives, images are admitted though STS fails", result);
    let image = chain.push("shop/app", &json!({}))?;
    let denied = chain.until_denied(
        &image,
        "AWS credentials failed at sts.eu-west-1.amazonaws.com (AssumeRoleWithWebIdentity): ",
        Duration::from_secs(SESSION + 4),
    );
    let what = "when the session has ended, images are denied, as there are no credentials";
    chain.verdict(what, denied.map(drop));
    chain.set(json!({ "do": "restore", "service": "sts" }))?;
    chain.set(json!({ "do": "lifetime", "of": "sts", "seconds": 3600 }))?;
    let image = chain.push("shop/app", &json!({}))?;
    chain.admitted("the first image after the outage is admitted", &image, ANY).map(drop)
}

/// The kubelet has not replaced the token of the service account.
fn ended(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.set(json!({ "do": "write-tokens", "seconds": -1 }))?;
    super::chain::publish_tokens(&chain.doubles.directory().clone())?;
    chain.restart()?;
    let image = chain.push("shop/app", &json!({}))?;
    let parts = [
        "AWS credentials failed at sts.eu-west-1.amazonaws.com (AssumeRoleWithWebIdentity): ",
        "ExpiredTokenException",
        "the token of the service account",
    ];
    chain.undecided("a token of the service account that has ended is the reason of a denial", &image, &parts)?;
    chain.set(json!({ "do": "write-tokens" }))?;
    super::chain::publish_tokens(&chain.doubles.directory().clone())?;
    let image = chain.push("shop/app", &json!({}))?;
    chain.admitted("its replacement is read for the next exchange", &image, ANY).map(drop)
}
