//! Outages of Microsoft Entra and of the vault, while tokens and certificates are in use.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::super::cloud::Chain;
use super::super::pod::Pod;
use crate::wait;

/// More than `refreshInterval`, with the time that is added to it and that of the attempts.
pub(super) const REFRESHED: Duration = Duration::from_secs(120);

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.chapter("Outages of Microsoft Entra and Azure Key Vault");
    chain.set(&json!({ "do": "fail", "service": "entra", "status": 503 }))?;
    chain.set(&json!({ "do": "fail", "service": "key-vault", "status": 500 }))?;
    chain.note("Microsoft Entra and the vault fail");
    let image = chain.push(&json!({}))?;
    chain.admitted("while the token lives, an image is admitted without Microsoft Entra", &image)?;
    wait::until("a reading of the vault to fail", REFRESHED, || {
        ensure!(failures(&Pod::metrics()?) > 0, "no reading has failed");
        Ok(())
    })?;
    let image = chain.push(&json!({}))?;
    chain.admitted("the last certificates stay in use when the vault cannot be read again", &image)?;
    let other = chain.push(&json!({ "certificate": "other" }))?;
    chain.rejected("and others are still denied", &other, &["untrusted-chain: "])?;
    for service in ["entra", "key-vault"] {
        chain.set(&json!({ "do": "restore", "service": service }))?;
    }
    wait::until("the vault to be read again", REFRESHED, || {
        ensure!(failures(&Pod::metrics()?) == 0, "the last reading has failed");
        Ok(())
    })
}

/// The readings of the store that have failed since the last one that succeeded.
fn failures(page: &str) -> usize {
    let lines = page.lines().filter(|line| line.starts_with("countersign_trust_store_fetch_failures{"));
    lines.filter(|line| !line.ends_with(" 0")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_that_have_failed_are_counted() {
        let name = "countersign_trust_store_fetch_failures";
        assert_eq!(failures(&format!("# HELP {name} x\n{name}{{store=\"ca:shop\"}} 0\n")), 0);
        assert_eq!(failures(&format!("{name}{{store=\"ca:shop\"}} 2\n{name}{{store=\"ca:other\"}} 0\n")), 1);
    }
}
