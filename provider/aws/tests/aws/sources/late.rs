//! Sources of credentials that do not respond: the error names the server, what was requested and what has not come.

use countersign_testkit::waited::without_times;

use super::*;

/// The result of a call that has 400 ms, in which `host` is asked for `step` and does not respond.
fn expected(host: &str, step: &str) -> [String; 1] {
    [format!(
        "timeout AWS credentials failed: the deadline passed: found no response of {host} for {step} after N s, expected a complete \
         response; check the health of the host that the message names, and whether it delays requests because of their number; if it \
         is always this slow, raise the timeout of its requests (registryAccess.requestTimeout, or attemptTimeout of aws, \
         azure or google for their services), server.verifyTimeout and the timeouts of the Provider and the webhook"
    )]
}

async fn seen(name: &str, server: &SignerData, variables: &[(&str, &str)]) -> Vec<String> {
    let variables = [variables, &[(WITHIN, "400")]].concat();
    second(name, server, &variables).await.iter().map(|text| without_times(text)).collect()
}

#[tokio::test]
async fn a_silent_sts_of_a_web_identity_is_named_with_its_action() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (sts, folder) = (Sts::start(&setup).await, Folder::new());
    folder.write("token", issuer().token(&ServiceAccountToken::new("countersign", "countersign", setup.clock().now())));
    let (file, sts_url) = (folder.file("token"), sts.url());
    sts.when().never_answer();
    let variables = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()),
        ("AWS_ENDPOINT_URL_STS", sts_url.as_str()),
    ];
    let seen = seen("late::a_silent_sts_of_a_web_identity_is_named_with_its_action", &server, &variables).await;
    assert_eq!(seen, expected(&sts.host(), "STS AssumeRoleWithWebIdentity"));
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_silent_agent_of_pod_identity_is_named() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (agent, folder) = (PodIdentity::start(&setup, &issuer()).await, Folder::new());
    folder.write("token", "token");
    let (file, uri) = (folder.file("token"), agent.credentials_uri());
    agent.when().never_answer();
    let variables =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)];
    let seen = seen("late::a_silent_agent_of_pod_identity_is_named", &server, &variables).await;
    assert_eq!(seen, expected(&agent.host(), "AWS credentials"));
    assert_eq!(server.count(), 0);
}
