//! Where images are, and who pulls them: roles of other accounts, other regions, Amazon ECR Public, other registries; and EKS Pod
//! Identity in place of IRSA.

use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::chain::ANY;
use super::chain::Chain;
use super::journal::Journal;
use super::journal::parameters;
use super::network;
use super::settings;
use super::settings::Identity;

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.transcript.chapter("Accounts, regions and registries");
    registries(chain)?;
    chain.transcript.chapter("EKS Pod Identity");
    let before = chain.journal()?;
    chain.restart_with(Identity::PodIdentity)?;
    let image = chain.push("shop/app", &json!({}))?;
    chain.admitted("an image is admitted with EKS Pod Identity", &image, ANY)?;
    let journal = chain.journal()?.since(&before);
    let what = "the credentials are those of 169.254.170.23, for one request with the token of the service account";
    chain.verdict(what, pod_identity(&journal));
    partner(chain)?;
    let journal = chain.journal()?;
    let metadata = journal.of("imds").len();
    let result = if metadata == 0 { Ok(()) } else { Err(anyhow::anyhow!("found {metadata} requests")) };
    chain.verdict(&format!("the instance metadata at {} is never asked", network::METADATA), result);
    chain.restart_with(Identity::Irsa)
}

fn pod_identity(journal: &Journal) -> anyhow::Result<()> {
    let [request] = journal.of("pod-identity") else {
        anyhow::bail!("found {} requests, expected one", journal.of("pod-identity").len())
    };
    ensure!(request["host"] == network::POD_IDENTITY, "found the host {}", request["host"]);
    ensure!(request["status"] == 200, "found the status {}", request["status"]);
    let exchanged = journal.of("sts").iter().any(|exchange| exchange["operation"] == "AssumeRoleWithWebIdentity");
    ensure!(!exchanged, "the token is exchanged at STS too");
    Ok(())
}

/// The registry of another account, whose images the role of that account may pull.
fn partner(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    let role = chain.identity.role();
    chain.set(json!({ "do": "deny", "action": "ecr:BatchGetImage", "principal": role }))?;
    let version = format!("{}/abcDEF1234", settings::PARTNER_PROFILE);
    let of_partner = json!({ "profileVersion": version });
    let before = chain.journal()?;
    let image = chain.push_to("ecr-registry", network::PARTNER_REGISTRY, "partner/app", &of_partner)?;
    chain.admitted("an image of another account is admitted by the role of that account", &image, ANY)?;
    let journal = chain.journal()?.since(&before);
    let assumed: Vec<&Value> =
        journal.of("sts").iter().filter(|exchange| exchange["operation"] == "AssumeRole").collect();
    let result = assumed.iter().try_for_each(|request| {
        ensure!(request["host"] == network::STS && request["authorization"] == "AWS4-HMAC-SHA256", "found {request}");
        ensure!(parameters(request, "RoleArn") == [settings::PARTNER_ROLE], "another role");
        ensure!(parameters(request, "ExternalId") == [settings::EXTERNAL_ID], "another external id");
        Ok(())
    });
    chain.verdict("the role is assumed with the external identifier of the registry's entry", result);
    chain.set(json!({ "do": "allow", "action": "ecr:BatchGetImage", "principal": role }))
}

fn registries(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    partner(chain)?;
    let image = chain.push_to("other-ecr-registry", network::OTHER_REGISTRY, "shop/app", &json!({}))?;
    let what =
        "an image of another region is admitted, with a token of that region and the status in the region of the pod";
    let journal = chain.admitted(what, &image, ANY)?;
    chain.verdict(
        "no call is made to AWS Signer of the other region",
        only_host(&journal, "signer-data", network::SIGNER),
    );
    let image = chain.push_to("ecr-public-registry", network::PUBLIC_REGISTRY, "shop/app", &json!({}))?;
    chain.admitted("an image of Amazon ECR Public is admitted", &image, ANY)?;
    let image = chain.push_to("ecr-registry", network::FOREIGN_REGISTRY, "shop/app", &json!({}))?;
    let what = "a host that only begins as one of Amazon's, and challenges as that, gets no credentials";
    let journal = chain.undecided(what, &image, &["registry-denied: ", network::FOREIGN_REGISTRY])?;
    let foreign = |exchange: &&Value| exchange["host"] == network::FOREIGN_REGISTRY;
    let result = (|| {
        ensure!(journal.all().any(|exchange| foreign(&exchange)), "it was not asked");
        let sent = journal.all().filter(foreign).find(|exchange| !exchange["authorization"].is_null());
        ensure!(sent.is_none(), "found {sent:?}");
        Ok(())
    })();
    chain.verdict("its requests have no Authorization", result);
    let role = chain.identity.role();
    chain.set(json!({ "do": "deny", "action": "ecr:GetAuthorizationToken", "principal": role }))?;
    chain.restart()?;
    let image = chain.push("shop/app", &json!({}))?;
    let parts = [
        "GetAuthorizationToken failed at api.ecr.eu-west-1.amazonaws.com: ",
        "AccessDeniedException",
        "allow ecr:GetAuthorizationToken",
    ];
    chain.undecided("without the right to a token, the denial names the action", &image, &parts)?;
    chain.set(json!({ "do": "allow", "action": "ecr:GetAuthorizationToken", "principal": role }))
}

fn only_host(journal: &Journal, service: &str, host: &str) -> anyhow::Result<()> {
    let other = journal.of(service).iter().find(|exchange| exchange["host"] != host);
    ensure!(other.is_none(), "found {other:?}");
    ensure!(journal.of(&format!("other-{service}")).is_empty(), "found a request to the other region");
    Ok(())
}
