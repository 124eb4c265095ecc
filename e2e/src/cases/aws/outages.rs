//! AWS Signer throttles, fails, is slow, and does not answer: under `strict` and under `permissive`.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::chain::ANY;
use super::chain::Chain;
use super::network;
use super::settings;
use super::settings::environment;

/// Time until requests are sent again to a service that has throttled them.
const RESUMED: Duration = Duration::from_secs(20);

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.transcript.chapter("Outages of AWS Signer");
    for (name, command, part) in [
        (
            "throttles",
            json!({ "do": "fail", "service": "signer-data", "status": 429, "code": "TooManyRequestsException", "message": "Rate exceeded" }),
            "TooManyRequestsException",
        ),
        (
            "refuses the action",
            json!({ "do": "deny", "action": "signer:GetRevocationStatus", "principal": settings::IRSA_ROLE }),
            "signer:GetRevocationStatus",
        ),
        ("does not answer", json!({ "do": "never-answer", "service": "signer-data" }), "the deadline passed"),
        (
            "answers after three seconds",
            json!({ "do": "delay", "service": "signer-data", "milliseconds": 3000 }),
            "the deadline passed",
        ),
        (
            "answers with other content",
            json!({ "do": "body", "service": "signer-data", "text": "{\"revokedEntities\": 1}" }),
            "",
        ),
        ("answers without an end", json!({ "do": "endless", "service": "signer-data" }), ""),
    ] {
        outage(chain, name, command, part)?;
    }
    Ok(())
}

/// Strict denies as undecided, permissive admits with a warning; the first request after the outage is answered.
fn outage(chain: &mut Chain<'_>, name: &str, command: Value, part: &str) -> anyhow::Result<()> {
    chain.set(command)?;
    chain.transcript.note(&format!("{} {name}", network::SIGNER));
    let image = chain.push(&environment("production"), &json!({}))?;
    let parts = ["signer-service-unchecked: ", network::SIGNER, part];
    chain.undecided(&format!("{name}: strict denies"), &image, &parts)?;
    let other = chain.push(&environment("staging"), &json!({}))?;
    let parts = ["signer-service-unchecked: ", network::SIGNER];
    chain.admitted_with_warning(&format!("{name}: permissive admits with a warning"), &other, &parts, ANY)?;

    chain.set(json!({ "do": "restore", "service": "signer-data" }))?;
    let role = chain.identity.role();
    chain.set(json!({ "do": "allow", "action": "signer:GetRevocationStatus", "principal": role }))?;
    // A pause after throttling is not counted.
    chain.until_admitted(&image, RESUMED)?;
    let image = chain.push(&environment("production"), &json!({}))?;
    // A call of before may be tried again meanwhile.
    let journal = chain.admitted(&format!("{name}: admitted when it is over"), &image, ANY)?;
    let calls = journal.statuses_of(&image.job);
    let result = if calls == 1 { Ok(()) } else { Err(anyhow::anyhow!("found {calls} calls")) };
    chain.verdict(&format!("{name}: one call is enough then"), result);
    Ok(())
}
