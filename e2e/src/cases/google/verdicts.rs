//! Verdicts, what the first image and a further one cost at Google Cloud, and the ways in which a location lists signatures.

use anyhow::ensure;
use serde_json::json;

use super::super::aws::journal::Journal;
use super::super::cloud::Chain;

/// How the locations of Artifact Registry list signatures.
const REFERRERS: [&str; 2] = ["fallback-tag", "api-with-config-types"];

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.chapter("Verdicts");
    let before = chain.journal()?;
    chain.restart()?;
    let image = chain.push(&json!({}))?;
    chain.admitted("a signed image is admitted", &image)?;
    let journal = chain.journal()?.since(&before);
    chain.verdict("one token of the metadata server and one of the registry were requested", tokens(&journal, 1));
    let another = chain.push(&json!({}))?;
    let journal = chain.admitted("and a further image", &another)?;
    chain.verdict("which needs no further token", tokens(&journal, 0));

    let unsigned = chain.push(&json!({ "signed": false }))?;
    let text = "unsigned: no Notary Project signature found for this image: found none, expected at least one; what to do: sign the image \
                with notation and push the signature beside it; signatures of other tools (cosign, Docker Content Trust, GPG) are not \
                read (request ";
    chain.rejected("an unsigned image is denied", &unsigned, &[text])?;

    for mode in REFERRERS {
        chain.set(&json!({ "do": "referrers", "mode": mode }))?;
        chain.note(&format!("the registry lists signatures as {mode}"));
        // As notation 1 writes signatures.
        let image = chain.push(&json!({ "form": "legacy" }))?;
        chain.admitted("a signed image is admitted", &image)?;
        let unsigned = chain.push(&json!({ "signed": false }))?;
        chain.rejected("an unsigned one is denied", &unsigned, &["unsigned: "])?;
    }
    chain.set(&json!({ "do": "referrers", "mode": "api" }))?;
    Ok(())
}

/// The paths of tokens.
pub(super) const METADATA_TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
pub(super) const REGISTRY_TOKEN: &str = "/v2/token";

/// The number of requests to this path.
pub(super) fn count(journal: &Journal, service: &str, path: &str) -> usize {
    journal.of(service).iter().filter(|exchange| exchange["path"] == path).count()
}

/// An error unless this many tokens of each kind were requested, and nothing else at the metadata server.
pub(super) fn tokens(journal: &Journal, expected: usize) -> anyhow::Result<()> {
    for (service, path) in [("metadata", METADATA_TOKEN), ("artifact-registry", REGISTRY_TOKEN)] {
        let found = count(journal, service, path);
        ensure!(found == expected, "found {found} requests for a token at {service}, expected {expected}");
    }
    let all = journal.of("metadata").len();
    ensure!(all == expected, "found {all} requests to the metadata server, expected {expected}");
    Ok(())
}
