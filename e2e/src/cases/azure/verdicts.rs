//! Verdicts, and what the first image and a further one cost at Azure.

use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::super::aws::journal::Journal;
use super::super::aws::journal::parameters;
use super::super::cloud::Chain;

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.chapter("Verdicts");
    let before = chain.journal()?;
    chain.restart()?;
    let image = chain.push(&json!({}))?;
    chain.admitted("an image signed with the certificate of the vault is admitted", &image)?;
    let journal = chain.journal()?.since(&before);
    chain.verdict("one token for registries, one for vaults, and one exchange were requested", tokens(&journal));
    let another = chain.push(&json!({}))?;
    let journal = chain.admitted("and a further image", &another)?;
    let result = (|| {
        for service in ["entra", "key-vault", "imds"] {
            ensure!(journal.of(service).is_empty(), "found {:?}", journal.of(service));
        }
        ensure!(exchanges(&journal) == 0, "found a further exchange");
        Ok(())
    })();
    chain.verdict("which needs no further token and no vault", result);
    let unsigned = chain.push(&json!({ "signed": false }))?;
    chain.rejected("an unsigned image is denied", &unsigned, &["unsigned: "])?;
    chain.set(&json!({ "do": "add-version", "certificate": "other" }))?;
    let foreign = chain.push(&json!({ "certificate": "other" }))?;
    let what = "one signed with another certificate of the same vault is denied, although its subject is trusted";
    chain.rejected(what, &foreign, &["untrusted-chain: "])
}

/// The exchanges of a token at the registry.
fn exchanges(journal: &Journal) -> usize {
    journal.of("acr").iter().filter(|exchange| exchange["path"] == "/oauth2/exchange").count()
}

/// An error unless each token was requested once, by workload identity.
fn tokens(journal: &Journal) -> anyhow::Result<()> {
    let scope = |exchange: &Value| parameters(exchange, "scope").join(" ");
    let mut scopes: Vec<String> = journal.of("entra").iter().map(scope).collect();
    scopes.sort_unstable();
    let expected = ["https://containerregistry.azure.net/.default", "https://vault.azure.net/.default"];
    ensure!(scopes == expected, "found {scopes:?}, expected {expected:?}");
    ensure!(exchanges(journal) == 1, "found {} exchanges, expected 1", exchanges(journal));
    ensure!(journal.of("imds").is_empty(), "the instance metadata service was asked");
    Ok(())
}
