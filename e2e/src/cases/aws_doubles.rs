//! The doubles of AWS's services that the tests of this project use, with AWS's own client library (botocore) as their client.

use anyhow::ensure;
use serde_json::json;

use crate::cloud_doubles::Cloud;
use crate::cloud_doubles::CloudDoubles;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

use super::doubles_client::Case;
use super::doubles_client::Client;

/// The program with AWS's client library.
const LIBRARY: Client = Client { python: "botocore-python", program: "aws/client.py" };

pub(super) fn run(workdir: &Workdir, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("The doubles of AWS's services, with botocore as client");
    let doubles = CloudDoubles::start(workdir, Cloud::Aws, "aws", json!({}))?;
    let mut case = Case { client: LIBRARY, workdir, transcript, doubles };
    let image = case.doubles.command(&json!({ "do": "push", "repository": "shop/app", "tag": "v1" }))?;
    workdir.write("aws/image.json", image.to_string())?;
    signer(&mut case, &image["job"].to_string())?;
    credentials(&mut case)?;
    registry(&mut case)
}

fn signer(case: &mut Case<'_>, job: &str) -> anyhow::Result<()> {
    let good = ["revokedEntities: []", "retries: 0"];
    case.prints("a signature is not revoked", "revocations", true, &good)?;
    case.prints("the service's older model sends the same request", "revocations signer", true, &good)?;
    case.set([json!({ "do": "revoke", "entity": serde_json::from_str::<String>(job)? })])?;
    let revoked = format!("revokedEntities: [{job}]");
    case.prints("a job is revoked", "revocations", true, &[&revoked, "retries: 0"])?;
    case.set([
        json!({ "do": "revoke-nothing" }),
        json!({ "do": "fail", "service": "signer-data", "status": 429, "code": "TooManyRequestsException", "times": 1 }),
        json!({ "do": "fail", "service": "signer-data", "status": 500, "code": "InternalServiceErrorException", "times": 1 }),
    ])?;
    case.prints(
        "requests over the limit and failures are tried again",
        "retries",
        true,
        &["revokedEntities: []", "retries: 2"],
    )?;
    let principal = "arn:aws:iam::111122223333:user/ci";
    case.set([json!({ "do": "deny", "action": "signer:GetRevocationStatus", "principal": principal })])?;
    case.prints(
        "a user without the action is denied",
        "revocations",
        false,
        &["403 AccessDeniedException: User: arn:aws:iam::111122223333:user/ci is not authorized to perform: \
           signer:GetRevocationStatus because no identity-based policy allows the signer:GetRevocationStatus action"],
    )?;
    case.set([json!({ "do": "allow", "action": "signer:GetRevocationStatus", "principal": principal })])
}

fn credentials(case: &mut Case<'_>) -> anyhow::Result<()> {
    for (what, chain, method) in [
        ("IRSA: STS exchanges the service account's token", "web-identity", "assume-role-with-web-identity"),
        ("EKS Pod Identity returns credentials for the service account's token", "pod-identity", "container-role"),
        ("instance metadata returns the credentials of the node's role", "imds", "iam-role"),
    ] {
        let key = format!("{method}: key ASIA…, token of 604 characters");
        case.prints(what, &format!("chain {chain}"), true, &[&key, "revokedEntities: []", "retries: 0"])?;
    }
    let assumed = "arn:aws:sts::444455556666:assumed-role/pull/e2e";
    case.prints(
        "a role of another account is assumed from the role of the service account",
        "assume-role web-identity shop",
        true,
        &[assumed, "revokedEntities: []", "retries: 0"],
    )?;
    case.prints(
        "another external id is refused",
        "assume-role web-identity other",
        false,
        &["403 AccessDenied: User: arn:aws:sts::111122223333:assumed-role/countersign/e2e is not authorized to perform: \
           sts:AssumeRole on resource: arn:aws:iam::444455556666:role/pull"],
    )?;
    case.set([json!({ "do": "write-tokens", "seconds": -1 })])?;
    case.prints(
        "IRSA: a token that has ended is refused",
        "chain web-identity",
        false,
        &["400 ExpiredTokenException: Token expired: current date/time * must be before the expiration date/time *"],
    )?;
    case.set([json!({ "do": "write-tokens" })])
}

fn registry(case: &mut Case<'_>) -> anyhow::Result<()> {
    let token = "user AWS, password of * characters, for https://111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    case.prints("Amazon ECR issues a token", "ecr-token web-identity", true, &[token, "expires in 12.00 h"])?;
    case.prints(
        "Amazon ECR Public issues one in its own form",
        "ecr-public-token",
        true,
        &["['authorizationToken', 'expiresAt']"],
    )?;
    case.set([
        json!({ "do": "fail", "service": "ecr-api", "status": 400, "code": "ThrottlingException", "message": "Rate exceeded", "times": 1 }),
        json!({ "do": "lifetime", "of": "ecr", "seconds": 3600 }),
    ])?;
    case.prints(
        "requests for tokens have a limit",
        "ecr-token static",
        false,
        &["400 ThrottlingException: Rate exceeded"],
    )?;
    case.prints(
        "the registry accepts the token, and the store of blobs its own addresses only",
        "registry",
        true,
        &[
            token,
            "expires in 1.00 h",
            "401 v2/",
            r#"Basic realm="https://111122223333.dkr.ecr.eu-central-1.amazonaws.com/",service="ecr.amazonaws.com""#,
            "200 v2/shop/app/referrers/sha256",
            "application/vnd.cncf.notary.signature",
            "200 v2/shop/app/manifests/sha256",
            "307 v2/shop/app/blobs/sha256",
            "200 111122223333/shop/app/sha256/*",
            "True",
            "400 111122223333/shop/app/sha256/*",
            "<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed; *</Message></Error>",
        ],
    )?;
    case.set([json!({ "do": "advance", "seconds": 3600 })])?;
    case.prints(
        "a token that has ended is refused",
        "registry-again",
        true,
        &[r#"403 {"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}"#],
    )?;
    let exchanges = case.doubles.exchanges()?;
    let signed = |service: &str| {
        let of_service = exchanges.iter().filter(|exchange| exchange["service"] == service);
        of_service.filter(|exchange| exchange["authorization"] == "AWS4-HMAC-SHA256").count()
    };
    let unsigned = exchanges.iter().filter(|exchange| exchange["operation"] == "AssumeRoleWithWebIdentity");
    let result = (|| {
        ensure!(signed("signer-data") > 0 && signed("ecr-api") > 0 && signed("sts") > 0, "no signed requests");
        ensure!(unsigned.clone().count() > 0, "no AssumeRoleWithWebIdentity");
        for exchange in unsigned.clone() {
            ensure!(exchange["authorization"].is_null(), "found {exchange}, expected no signature");
        }
        Ok(())
    })();
    case.transcript.verdict("calls are signed, except for AssumeRoleWithWebIdentity", result);
    Ok(())
}
