//! A pod that starts without a federated credential: nothing is admitted, and the message says what to correct.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::super::cloud::Chain;

/// Time until the token and the store are requested again.
const AGAIN: Duration = Duration::from_secs(120);

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.chapter("A start that Microsoft Entra refuses");
    let image = chain.push(&json!({}))?;
    chain.set(&json!({ "do": "remove-federation" }))?;
    chain.set(&json!({ "do": "federate", "name": "other" }))?;
    chain.note("the federated credential is for another service account");
    let page = chain.restart_unready()?;
    let parts = [
        "found status 401 AADSTS700213",
        "the federated credential of the identity needs the subject system:serviceaccount:NAMESPACE:NAME of the service account of the pod",
    ];
    let result = parts.iter().try_for_each(|part| {
        ensure!(page.contains(part), "found {page}");
        Ok(())
    });
    chain.verdict("the pod is not ready, with the code of Microsoft Entra and what to correct", result);
    // A rollout would stop here. The name of the Service leads to the pod all the same.
    chain.undecided("an image is denied with the code of Microsoft Entra and what to correct", &image, &parts)?;
    chain.set(&json!({ "do": "remove-federation" }))?;
    chain.set(&json!({ "do": "federate", "name": "countersign" }))?;
    chain.note("the federated credential is for the service account of the pod again");
    chain.until_admitted(&image, AGAIN)?;
    chain.admitted("it is admitted without a restart afterwards", &image).map(drop)
}
