//! The running service on EKS: images in Amazon ECR, signatures of AWS Signer, the identity of the service account. All services
//! of AWS are doubles in this process, which a proxy resolves by their names. Their journals show what was sent.
#![allow(clippy::unwrap_used)]

mod fixture;
mod log;
mod outages;
mod start;

use countersign_core::verdict::SignerRevoked;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use futures_util::future::join_all;

use fixture::ALIAS;
use fixture::HOST;
use fixture::STORE;
use fixture::in_pod;

/// A signing job of its own for each signature.
fn job(number: usize) -> String {
    format!("arn:aws:signer:eu-central-1:111122223333:/signing-jobs/0a1b2c3d-0000-4000-8000-{number:012}")
}

#[tokio::test]
async fn the_status_of_a_signature_decides_and_only_trusted_signers_are_asked_about() {
    let Some(eks) = in_pod("aws::the_status_of_a_signature_decides_and_only_trusted_signers_are_asked_about").await
    else {
        return;
    };
    let (good, revoked) = (eks.sign("app", "good", |signature| signature), job(1));
    eks.sign("app", "revoked", |signature| signature.with_job(&revoked));
    eks.signer.revoke(&revoked);
    let version = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/oldVersion";
    eks.sign("app", "old-version", |signature| signature.with_profile_version(version).with_job(&job(2)));
    eks.signer.revoke(version);
    let elsewhere = "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/ci/abcDEF1234";
    let elsewhere_job = "arn:aws:signer:eu-west-1:111122223333:/signing-jobs/0a1b2c3d-0000-4000-8000-000000000003";
    eks.sign("app", "other-region", |signature| signature.with_profile_version(elsewhere).with_job(elsewhere_job));
    let aliased = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/team/abcDEF1234";
    eks.sign("app", "alias", |signature| signature.with_profile_version(aliased).with_alias(ALIAS).with_job(&job(4)));
    for (tag, verdict) in [
        ("good", "verified"),
        ("revoked", "rejected revoked"),
        ("old-version", "rejected revoked"),
        ("other-region", "verified"),
        ("alias", "verified"),
    ] {
        assert_eq!(eks.verdict("app", tag).await, verdict, "{tag}");
    }
    for (tag, case) in [("revoked", SignerRevoked::Job), ("old-version", SignerRevoked::ProfileVersion)] {
        let value = eks.value("app", tag).await;
        assert_eq!(value["advice"], case.advice());
        assert!(value["message"].as_str().unwrap().contains(case.advice()), "{value}");
    }
    let asked = eks.signer.journal();
    let parameters = |name: &str| -> Vec<_> {
        asked.iter().map(|exchange| exchange.parameter(name).unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(parameters("jobArn"), [good.job(), &revoked, &job(2), elsewhere_job, &job(4)]);
    let default = SignerSignature::PROFILE_VERSION;
    assert_eq!(parameters("profileVersionArn"), [default, default, version, elsewhere, aliased]);
    // The region of the pod, also about the profile of another one.
    assert!(asked.iter().all(|exchange| exchange.host == "data-signer.eu-central-1.amazonaws.com"), "{asked:?}");
    assert_eq!(eks.metric("countersign_evidence_requests_total{kind=\"aws-signer\",result=\"ok\"}").await, Some(5.0));
    assert_eq!(eks.metric("countersign_evidence_entries{kind=\"aws-signer\"}").await, Some(5.0));

    // Another account, and a chain that no trust store anchors: nothing is asked.
    eks.signer.clear_journal();
    let other = "arn:aws:signer:eu-central-1:444455556666:/signing-profiles/ci/abcDEF1234";
    eks.sign("app", "other-account", |signature| signature.with_profile_version(other).with_job(&job(5)));
    let image = eks.push("app", "untrusted");
    SignerSignature::new(&SignerPki::new("eu-central-1"), &image).attach(&eks.registry, "app");
    let image = eks.push("app", "not-of-signer");
    notation::sign_image(&eks.registry, "app", &image, &Authority::root(CertSpec::root()).issue(CertSpec::leaf()));
    for (tag, verdict) in [
        ("other-account", "rejected untrusted-identity"),
        ("untrusted", "rejected untrusted-chain"),
        ("not-of-signer", "rejected untrusted-chain"),
    ] {
        assert_eq!(eks.verdict("app", tag).await, verdict, "{tag}");
    }
    assert_eq!(eks.signer.count(), 0);
    let value = eks.value("app", "other-account").await;
    let profile = "arn:aws:signer:eu-central-1:444455556666:/signing-profiles/ci";
    let remedy = format!(
        "sign with a trusted signing profile; or add {profile:?} to trustedIdentities of the statement, if you trust this profile of \
         account 444455556666"
    );
    assert_eq!(value["advice"], remedy);
    let nearest = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";
    let differs = format!(
        "expected one of {nearest:?} (the nearest; account: found \"444455556666\", expected \"111122223333\"), "
    );
    let message = value["message"].as_str().unwrap();
    assert!(message.contains(&differs) && message.contains(&format!("what to do: {remedy} (request ")), "{message}");

    // One exchange of the service account's token and one token of the registry for all of that.
    let operations: Vec<_> = eks.sts.journal().iter().map(|exchange| exchange.operation.clone()).collect();
    assert_eq!(operations, ["AssumeRoleWithWebIdentity"]);
    assert_eq!(eks.api.count(), 1);
    // The token is sent to the registry only.
    let registry = eks.registry.journal();
    assert!(
        registry.iter().all(|exchange| exchange.host == HOST && exchange.authorization.as_deref() == Some("Basic"))
    );
    let blobs = eks.blobs.journal();
    assert!(blobs.iter().all(|exchange| exchange.host == STORE && exchange.authorization.is_none()), "{blobs:?}");
    assert_eq!((registry.is_empty(), blobs.is_empty()), (false, false));
    eks.stop().await;
}

#[tokio::test]
async fn twenty_cold_images_make_one_token_exchange_and_one_call_per_signature() {
    let name = "aws::twenty_cold_images_make_one_token_exchange_and_one_call_per_signature";
    let Some(eks) = in_pod(name).await else { return };
    let tags: Vec<_> = (0..20).map(|number| format!("v{number}")).collect();
    for (number, tag) in tags.iter().enumerate() {
        eks.sign("app", tag, |signature| signature.with_job(&job(number)));
    }
    let verdicts = join_all(tags.iter().map(|tag| eks.verdict("app", tag))).await;
    assert_eq!(verdicts, ["verified"; 20]);
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 1, 20]);
    let jobs: std::collections::BTreeSet<_> =
        eks.signer.journal().iter().map(|exchange| exchange.parameter("jobArn").unwrap().to_owned()).collect();
    assert_eq!(jobs.len(), 20);
    // Twenty requests about one image have one status.
    eks.sign("app", "one", |signature| signature.with_job(&job(99)));
    let verdicts = join_all((0..20).map(|_| eks.verdict("app", "one"))).await;
    assert_eq!(verdicts, ["verified"; 20]);
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 1, 21]);
    eks.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_credentials_and_tokens_while_the_settings_of_aws_are_equal() {
    let name = "aws::a_reload_keeps_credentials_and_tokens_while_the_settings_of_aws_are_equal";
    let Some(eks) = in_pod(name).await else { return };
    for number in 0..4 {
        eks.sign("app", &format!("v{number}"), |signature| signature.with_job(&job(number)));
    }
    assert_eq!(eks.verdict("app", "v0").await, "verified");
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 1, 1]);
    // Other settings change, and those of answers.
    eks.reconfigure("signer: {enabled: true, goodLifetime: 1m}").await;
    assert_eq!(eks.verdict("app", "v1").await, "verified");
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 1, 2]);
    // An answer in memory is used after a reload.
    assert_eq!(eks.verdict("app", "v0").await, "verified");
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 1, 2]);
    // AWS Signer is no longer called, and the tokens stay.
    eks.reconfigure("signer: {enabled: false}").await;
    let undecided = eks.verdict("app", "v2").await;
    assert!(
        undecided.contains("AWS Signer: the service is not called, as aws.signer.enabled is not true"),
        "{undecided}"
    );
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 1, 2]);
    // The clients of AWS change: they have credentials and tokens of their own.
    eks.reconfigure("connectTimeout: 2s, signer: {enabled: true}").await;
    assert_eq!(eks.verdict("app", "v3").await, "verified");
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [2, 2, 3]);
    eks.stop().await;
}
