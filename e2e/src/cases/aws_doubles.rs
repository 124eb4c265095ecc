//! The doubles of AWS's services that the tests of this project use, with AWS's own client library (botocore) as their client.

use anyhow::ensure;
use serde_json::json;

use crate::aws_doubles::AwsDoubles;
use crate::environment::Environment;
use crate::transcript::Transcript;

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("The doubles of AWS's services, with botocore as client");
    let doubles = AwsDoubles::start(environment.workdir, "aws", json!({}))?;
    let mut case = Case { environment, transcript, doubles };
    let image = case.doubles.command(&json!({ "do": "push", "repository": "shop/app", "tag": "v1" }))?;
    environment.workdir.write("aws/image.json", image.to_string())?;
    signer(&mut case, &image["job"].to_string())?;
    credentials(&mut case)?;
    registry(&mut case)
}

/// The client, the doubles, and what is printed.
struct Case<'a, 'b> {
    environment: &'a Environment<'b>,
    transcript: &'a mut Transcript,
    doubles: AwsDoubles,
}

impl Case<'_, '_> {
    /// Sends commands to the doubles.
    fn set<const N: usize>(&mut self, commands: [serde_json::Value; N]) -> anyhow::Result<()> {
        commands.iter().try_for_each(|command| self.doubles.command(command).map(drop))
    }

    /// Runs the client, which must print exactly `lines`; `*` stands for any text within a line.
    fn prints(&mut self, what: &str, arguments: &str, success: bool, lines: &[&str]) -> anyhow::Result<()> {
        let client = self.environment.workdir.project().join("e2e/tools/aws/client.py");
        let (case, more) = arguments.split_once(' ').unwrap_or((arguments, ""));
        let directory = self.doubles.directory().display();
        let script = format!("botocore-python {} {case} {directory} {more}", client.display());
        let finished = self.environment.shell(&script)?;
        self.transcript.command(&format!("client.py {arguments}"), &finished.output);
        let result = (|| {
            ensure!(finished.status.success() == success, "{}", finished.status);
            let found: Vec<&str> = finished.output.lines().collect();
            ensure!(found.len() == lines.len(), "{} lines, expected {}", found.len(), lines.len());
            for (found, expected) in found.iter().zip(lines) {
                ensure!(matches(expected, found), "found {found:?}, expected {expected:?}");
            }
            Ok(())
        })();
        self.transcript.verdict(what, result);
        Ok(())
    }
}

/// Whether the text is the pattern with some text for each `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    (0..=text.len()).any(|at| text.is_char_boundary(at) && matches(rest, &text[at..]))
}

fn signer(case: &mut Case<'_, '_>, job: &str) -> anyhow::Result<()> {
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

fn credentials(case: &mut Case<'_, '_>) -> anyhow::Result<()> {
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

fn registry(case: &mut Case<'_, '_>) -> anyhow::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("a*c*", "abbc"));
        assert!(matches("abc", "abc"));
        assert!(!matches("abc", "abcd"));
        assert!(!matches("a*c", "abcd"));
    }
}
