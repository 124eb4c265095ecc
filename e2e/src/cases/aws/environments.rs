//! One pipeline, and an environment for each level of its trust policy: development (`audit`), staging (`permissive`) and
//! production (`strict`).

use serde_json::json;

use super::chain::Chain;
use super::chain::NONE;
use super::chain::STATUS;
use super::network;
use super::settings::environment;

const PRODUCTION: &str = "production";
/// Environments where a failed check of revocation is only reported.
const OTHERS: [&str; 2] = ["staging", "development"];

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.transcript.chapter("Environments: development (audit), staging (permissive), production (strict)");
    for name in [PRODUCTION, "staging", "development"] {
        let image = chain.push(&environment(name), &json!({}))?;
        chain.admitted(&format!("{name}: a good signature is admitted"), &image, STATUS)?;
        let image = chain.push(&environment(name), &json!({ "signed": false }))?;
        chain.rejected(&format!("{name}: no signature is denied"), &image, name, &["unsigned: "], NONE)?;
    }

    let revoked = |chain: &mut Chain<'_>, name: &str| {
        let image = chain.push(&environment(name), &json!({}))?;
        chain.set(json!({ "do": "revoke", "entity": image.job }))?;
        anyhow::Ok(image)
    };
    let image = revoked(chain, PRODUCTION)?;
    let parts = ["revoked: ", &image.job];
    chain.rejected("production: a revoked job is denied", &image, PRODUCTION, &parts, STATUS)?;
    for name in OTHERS {
        let image = revoked(chain, name)?;
        let what = format!("{name}: a revoked job is admitted with a warning");
        chain.admitted_with_warning(&what, &image, &["revoked: ", &image.job], STATUS)?;
    }

    chain.set(
        json!({ "do": "fail", "service": "signer-data", "status": 500, "code": "InternalServiceErrorException" }),
    )?;
    chain.transcript.note(&format!("{} answers 500", network::SIGNER));
    let image = chain.push(&environment(PRODUCTION), &json!({}))?;
    chain.undecided(
        "production: an unknown status is denied",
        &image,
        &["signer-service-unchecked: ", network::SIGNER],
    )?;
    for name in OTHERS {
        let image = chain.push(&environment(name), &json!({}))?;
        let what = format!("{name}: an unknown status is admitted with a warning");
        let parts = ["signer-service-unchecked: ", network::SIGNER];
        chain.admitted_with_warning(&what, &image, &parts, super::chain::ANY)?;
    }
    chain.set(json!({ "do": "restore", "service": "signer-data" }))?;

    // The chain to the root is trusted at every level but `audit`.
    for name in [PRODUCTION, "staging"] {
        let image = chain.push(&environment(name), &json!({ "trusted": false }))?;
        chain.rejected(&format!("{name}: another root is denied"), &image, name, &["untrusted-chain: "], NONE)?;
    }
    let image = chain.push(&environment("development"), &json!({ "trusted": false }))?;
    let what = "development: another root is admitted with a warning, and no status is asked";
    chain.admitted_with_warning(what, &image, &["untrusted-chain: "], NONE).map(drop)
}
