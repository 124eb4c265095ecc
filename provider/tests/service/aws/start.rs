//! What is requested of AWS at the start, before the first image.

use super::fixture::in_pod;
use super::fixture::in_pod_without_ecr;
use super::fixture::in_pod_without_token;

#[tokio::test]
async fn tokens_and_credentials_are_requested_before_the_first_image_which_then_costs_none() {
    let name = "aws::start::tokens_and_credentials_are_requested_before_the_first_image_which_then_costs_none";
    let Some(eks) = in_pod(name).await else { return };
    eks.sign("app", "v1", |signature| signature);
    let token = eks.status_line("token ecr eu-central-1 for the role of the pod: issued at ").await;
    assert!(token.starts_with("[+] "), "{token}");
    let credentials = eks.status_line("credentials of AWS for the pod: valid until ").await;
    assert!(credentials.starts_with("[+] "), "{credentials}");
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 1, 0]);
    assert!(eks.registry.journal().is_empty());
    assert_eq!(eks.verdict("app", "v1").await, "verified");
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 1, 1]);
    eks.stop().await;
}

#[tokio::test]
async fn credentials_for_aws_signer_are_requested_at_the_start_without_amazon_ecr_too() {
    let name = "aws::start::credentials_for_aws_signer_are_requested_at_the_start_without_amazon_ecr_too";
    let Some(eks) = in_pod_without_ecr(name).await else { return };
    let image = eks.sign_plain("v1");
    let credentials = eks.status_line("credentials of AWS for the pod: valid until ").await;
    assert!(credentials.starts_with("[+] "), "{credentials}");
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 0, 0]);
    assert!(eks.plain.requests().is_empty());
    assert_eq!(eks.verdict_of(&image).await, "verified");
    assert_eq!([eks.sts.count(), eks.api.count(), eks.signer.count()], [1, 0, 1]);
    // After a change of the configuration that needs other clients.
    eks.reconfigure("connectTimeout: 2s, signer: {enabled: true}").await;
    eks.status_line("credentials of AWS for the pod: valid until ").await;
    assert_eq!([eks.sts.count(), eks.signer.count()], [2, 1]);
    // AWS is no longer needed: nothing is requested, and no line is shown.
    eks.reconfigure("signer: {enabled: false}").await;
    assert!(!eks.status().await.contains("AWS"), "{}", eks.status().await);
    assert_eq!(eks.sts.count(), 2);
    eks.stop().await;
}

#[tokio::test]
async fn a_missing_token_file_is_shown_with_variable_path_and_error_and_readiness_does_not_wait() {
    let name = "aws::start::a_missing_token_file_is_shown_with_variable_path_and_error_and_readiness_does_not_wait";
    let Some(eks) = in_pod_without_token(name).await else { return };
    let file = std::env::var("AWS_WEB_IDENTITY_TOKEN_FILE").unwrap();
    let expected = format!(
        "AWS credentials failed: AWS_WEB_IDENTITY_TOKEN_FILE: found the file {file}, which cannot be read (No such file or \
         directory (os error 2)), expected the token of the service account; check the volume with the token and its permissions"
    );
    let line = eks.status_line("credentials of AWS for the pod: none; requested at ").await;
    assert!(line.starts_with("[!] ") && line.contains(&expected), "{line}");
    let image = eks.sign_plain("v1");
    let why = eks.verdict_of(&image).await;
    assert!(why.contains("signer-service-unchecked") && why.contains(&expected), "{why}");
    assert!(
        why.contains("what to do: correct what the message names, so that the pod has credentials of AWS"),
        "{why}"
    );
    assert_eq!([eks.sts.count(), eks.signer.count()], [0, 0]);
    eks.stop().await;
}
