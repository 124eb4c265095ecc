//! What signatures lead to: the profile, its version, its region and account, its alias, and what is revoked.

use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::chain::ANY;
use super::chain::Chain;
use super::chain::NONE;
use super::chain::Pushed;
use super::chain::STATUS;
use super::journal::Journal;
use super::journal::parameters;
use super::network;
use super::settings;

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    first(chain)?;
    profiles(chain)?;
    untrusted(chain)?;
    revoked(chain)?;
    referrers(chain)
}

/// The first image, with which all tokens are fetched.
fn first(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    let image = chain.push("shop/app", &json!({}))?;
    chain.admitted("an image of Amazon ECR with a signature of AWS Signer is admitted", &image, ANY)?;
    let journal = chain.journal()?;
    let calls = journal.expect_one_token_each().and_then(|()| {
        let count = journal.of("signer-data").len();
        ensure!(count == 1, "found {count} calls about a status, expected 1");
        Ok(())
    });
    chain.verdict("with one exchange of the token, one token of Amazon ECR, and one status", calls);
    chain.verdict(
        "its status is asked at the real name, with everything that may be revoked",
        status_request(&journal, &image),
    );
    chain.verdict("the token of the service account is exchanged at the regional endpoint of STS", exchange(&journal));

    let what = "the same image by another tag makes no call";
    chain.admitted(what, &image, NONE)?;
    let what = "another image makes one call, about its status";
    let image = chain.push("shop/app", &json!({}))?;
    chain.admitted(what, &image, STATUS).map(drop)
}

/// The request for the status of a signature.
fn status_request(journal: &Journal, image: &Pushed) -> anyhow::Result<()> {
    let [request] = journal.of("signer-data") else { anyhow::bail!("expected one request") };
    for (name, expected) in [
        ("host", json!(network::SIGNER)),
        ("path", json!("/revocations")),
        ("authorization", json!("AWS4-HMAC-SHA256")),
        ("region", json!(network::REGION)),
        ("status", json!(200)),
    ] {
        ensure!(request[name] == expected, "{name}: found {}, expected {expected}", request[name]);
    }
    ensure!(parameters(request, "jobArn") == [image.job.as_str()], "another job");
    ensure!(parameters(request, "profileVersionArn") == [settings::PROFILE_VERSION], "another profile");
    let expected: Vec<&str> =
        image.signature["certificateHashes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    ensure!(expected.len() == 4 && parameters(request, "certificateHashes") == expected, "other certificates");
    Ok(())
}

fn exchange(journal: &Journal) -> anyhow::Result<()> {
    let is_exchange = |call: &&Value| call["operation"] == "AssumeRoleWithWebIdentity";
    let request = journal.of("sts").iter().find(is_exchange).context("there is none")?;
    ensure!(request["host"] == network::STS, "found the host {}, expected {}", request["host"], network::STS);
    ensure!(parameters(request, "RoleArn") == [settings::IRSA_ROLE], "another role");
    ensure!(request["authorization"].is_null(), "the exchange is signed");
    Ok(())
}

/// Profiles of other regions and aliases.
fn profiles(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    let version = format!("{}/ghiJKL5678", settings::OTHER_REGION_PROFILE);
    let image = chain.push("shop/regions", &json!({ "profileVersion": version }))?;
    let what = "a signature that was made in another region is admitted, by its status in the region of the pod";
    chain.admitted(what, &image, STATUS)?;
    let image = chain.push("shop/regions", &json!({}))?;
    let what = "a profile with the same name in another region is not trusted";
    let parts = ["untrusted-identity: ", settings::PROFILE_VERSION, settings::OTHER_REGION_PROFILE];
    chain.rejected(what, &image, "regions", &parts, NONE)?;

    let image = chain.push("shop/alias", &json!({ "alias": settings::ALIAS }))?;
    chain.admitted("a signature under an alias is admitted", &image, STATUS)?;
    let aliased = "arn:aws:signer:eu-west-1::/aliased-signing-profiles/a1b2c3d4e5";
    let image = chain.push("shop/alias", &json!({ "alias": settings::ALIAS, "profileVersion": aliased }))?;
    chain.admitted("so is one of a profile that has no name of its own", &image, STATUS)?;
    let other = "arn:aws:signer:::/aliases/com.example.other";
    let image = chain.push("shop/alias", &json!({ "alias": other }))?;
    let what = "another alias is not trusted";
    chain.rejected(what, &image, "alias", &["untrusted-identity: ", other, settings::ALIAS], NONE)?;

    let image = chain.push("shop/pinned", &json!({ "profileVersion": settings::PINNED_VERSION }))?;
    chain.admitted("the trusted version of a profile is admitted", &image, STATUS)?;
    let other = settings::PINNED_VERSION.replace("abcDEF1234", "mnoPQR9012");
    let image = chain.push("shop/pinned", &json!({ "profileVersion": other }))?;
    let what = "another version is not trusted";
    chain.rejected(what, &image, "pinned", &["untrusted-identity: ", &other], NONE).map(drop)
}

/// Signatures that are not trusted. Nothing is sent to AWS Signer about them.
fn untrusted(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    let image = chain.push("shop/app", &json!({ "trusted": false }))?;
    let what = "a chain to another root is not trusted, and no status is asked";
    chain.rejected(what, &image, "shop", &["untrusted-chain: "], NONE)?;
    let version = format!("{}/abcDEF1234", settings::PARTNER_PROFILE);
    let image = chain.push("shop/app", &json!({ "profileVersion": version }))?;
    let what = "a profile with the same name in another account is not trusted, and no status is asked";
    chain.rejected(what, &image, "shop", &["untrusted-identity: ", &version, settings::PROFILE], NONE)?;
    let image = chain.push("shop/app", &json!({ "signed": false }))?;
    chain.rejected("an image without a signature is denied", &image, "shop", &["unsigned: "], NONE)?;
    Ok(())
}

/// A job, a version of a profile and a certificate are revoked.
fn revoked(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    let image = chain.push("shop/app", &json!({}))?;
    chain.set(json!({ "do": "revoke", "entity": image.job }))?;
    let what = "an image whose job is revoked is denied at its first check";
    chain.rejected(what, &image, "shop", &["revoked: ", "AWS Signer", &image.job], STATUS)?;

    let version = format!("{}/zzzYYY0000", settings::PROFILE);
    let image = chain.push("shop/app", &json!({ "profileVersion": version }))?;
    chain.set(json!({ "do": "revoke", "entity": version }))?;
    let what = "an image whose version of the profile is revoked is denied";
    chain.rejected(what, &image, "shop", &["revoked: ", "AWS Signer", &version], STATUS)?;

    // The doubles sign 30 days in the past.
    let version = format!("{}/yyyXXX1111", settings::PROFILE);
    let days_ago = |days| (OffsetDateTime::now_utc() - time::Duration::days(days)).format(&Rfc3339);
    let image = chain.push("shop/app", &json!({ "profileVersion": version }))?;
    chain.set(json!({ "do": "revoke", "entity": version, "from": days_ago(29)? }))?;
    chain.admitted("a version that is revoked from a later time on is admitted", &image, STATUS)?;
    let image = chain.push("shop/app", &json!({ "profileVersion": version }))?;
    chain.set(json!({ "do": "revoke", "entity": version, "from": days_ago(31)? }))?;
    let what = "one that is revoked from an earlier time on is denied";
    chain.rejected(what, &image, "shop", &["revoked: ", &version], STATUS)?;

    let image = chain.push("shop/app", &json!({}))?;
    let hash = image.signature["certificateHashes"][0].as_str().context("the signature has a certificate")?.to_owned();
    chain.set(json!({ "do": "revoke", "entity": hash }))?;
    let what = "an image whose certificate is revoked is denied";
    chain.rejected(what, &image, "shop", &["revoked: ", "certificate"], STATUS)?;

    later(chain)
}

/// A job that is revoked after its image was admitted.
fn later(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    let image = chain.push("shop/app", &json!({}))?;
    chain.admitted("an image is admitted before its job is revoked", &image, STATUS)?;
    chain.set(json!({ "do": "revoke", "entity": image.job }))?;
    let denied = chain.until_denied(&image, "revoked: ", NOTICED);
    if let Ok(took) = denied {
        let lifetime = settings::GOOD_LIFETIME;
        chain
            .transcript
            .note(&format!("denied after {:.1} s; aws.signer.goodLifetime is {lifetime}", took.as_secs_f64()));
    }
    chain.verdict("it is denied at the latest when the answer in memory has ended", denied.map(drop));
    let what = "the answer that it is revoked stays in memory";
    chain.rejected(what, &image, "shop", &["revoked: ", &image.job], NONE)?;

    let image = chain.push("shop/app", &json!({}))?;
    chain.admitted("another image is admitted", &image, STATUS)?;
    chain.set(json!({ "do": "revoke", "entity": image.job }))?;
    chain.restart()?;
    let what = "it is denied at the next check without an answer in memory";
    chain.rejected(what, &image, "shop", &["revoked: ", &image.job], ANY).map(drop)
}

/// `aws.signer.goodLifetime`, and the time for the check itself.
const NOTICED: Duration = Duration::from_secs(15);

/// Signatures from before Amazon ECR listed referrers, and throttled requests.
fn referrers(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    let image = chain.push("shop/app", &json!({}))?;
    chain.set(json!({ "do": "fail", "service": "ecr-registry", "times": 1 }))?;
    chain.undecided("an image of a registry that throttles is denied, and not as unsigned", &image, &[])?;
    let admitted = chain.until_admitted(&image, NOTICED);
    chain.verdict("it is admitted after the pause", admitted);
    chain.set(json!({ "do": "restore", "service": "ecr-registry" }))?;

    let image = chain.push("shop/app", &json!({}))?;
    chain.set(json!({ "do": "referrers", "mode": "fallback-tag" }))?;
    let what = "without the referrers API, a signature is found by its fallback tag";
    chain.admitted(what, &image, STATUS)?;
    chain.set(json!({ "do": "referrers", "mode": "api" }))?;

    let image = chain.push_to("other-ecr-registry", network::OTHER_REGISTRY, "shop/app", &json!({}))?;
    chain.set(json!({ "do": "referrers", "service": "other-ecr-registry", "mode": "empty-api" }))?;
    let what = "with fallbackTag: always, a signature of before the API is found although the API lists none";
    chain.admitted(what, &image, ANY)?;
    chain.set(json!({ "do": "referrers", "service": "other-ecr-registry", "mode": "api" }))
}
