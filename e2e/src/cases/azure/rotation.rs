//! The certificate is rotated in the vault, and a version is disabled. Countersign is not started again.

use anyhow::Context;
use serde_json::json;

use super::super::cloud::Chain;
use super::outages::REFRESHED;

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.chapter("Rotation");
    let former = chain.push(&json!({}))?;
    let added = chain.set(&json!({ "do": "add-version" }))?;
    let version = added["version"].as_str().context("the doubles answer without a version")?;
    chain.note(&format!("the certificate has a new version, {version}"));
    let new = chain.push(&json!({ "version": version }))?;
    chain.until_admitted(&new, REFRESHED)?;
    chain.admitted("an image signed with the new version is admitted", &new)?;
    chain.admitted("one signed with the former version too, as two versions are trusted", &former)?;

    chain.set(&json!({ "do": "disable", "version": version }))?;
    chain.note("the new version is disabled");
    chain.until_denied(&new, "untrusted-chain: ", REFRESHED)?;
    chain.rejected("an image signed with the disabled version is denied", &new, &["untrusted-chain: "])?;
    chain.admitted("the one signed with the former version is admitted", &former)?;
    chain.set(&json!({ "do": "enable", "version": version }))?;
    Ok(())
}
