//! What to do about a refusal names the source whose credentials were used.

use super::*;

/// What to do, after the text of the refusal.
fn remedy(seen: &str) -> &str {
    seen.rsplit_once("expected 200: text; ").map_or(seen, |(_, remedy)| remedy)
}

#[tokio::test]
async fn a_role_of_a_profile_that_cannot_be_assumed_is_none_of_a_web_identity() {
    if is_second().await {
        return;
    }
    let name = "remedies::a_role_of_a_profile_that_cannot_be_assumed_is_none_of_a_web_identity";
    let (setup, server) = started().await;
    let (sts, folder) = (Sts::start(&setup).await, Folder::new());
    let key = setup.keys().for_user(USER);
    sts.trust_principal(ROLE, USER, None);
    folder.write(
        "config",
        format!(
            "[profile ci]\nrole_arn = {ROLE}\nsource_profile = keys\n[profile keys]\naws_access_key_id = {}\n\
             aws_secret_access_key = {}\n",
            key.id, key.secret
        ),
    );
    let (config, url) = (folder.file("config"), sts.url());
    let variables = [("AWS_CONFIG_FILE", config.as_str()), (PROFILE_NAME, "ci"), ("AWS_ENDPOINT_URL_STS", &url)];
    for (status, code, expected) in [
        (
            403,
            "AccessDenied",
            "the role arn:aws:iam::111122223333:role/countersign of aws.profile must exist; allow sts:AssumeRole of it to the source of its \
             credentials in the profile (source_profile or credential_source), and trust that source in the role; if its trust policy \
             requires an external identifier, set external_id of the profile",
        ),
        (400, "ValidationError", "check role_arn, role_session_name and external_id of the profile of aws.profile"),
        (
            400,
            "ExpiredTokenException",
            "check the clock of the node, and replace the session of aws.profile with which its role is assumed",
        ),
    ] {
        sts.succeed();
        sts.fail(ServiceError::new(status, code, "text"));
        let seen = second(name, &server, &variables).await;
        let start = format!(
            "credentials AWS credentials failed at {} (AssumeRole): found status {status} {code}, expected 200: text; ",
            sts.host()
        );
        assert_eq!(seen, [format!("{start}{expected}")]);
    }
}

#[tokio::test]
async fn a_session_that_has_ended_names_its_source() {
    if is_second().await {
        return;
    }
    let name = "remedies::a_session_that_has_ended_names_its_source";
    let (setup, server) = started().await;
    let (sts, issuer, folder, imds) = (Sts::start(&setup).await, issuer(), Folder::new(), Imds::start(&setup).await);
    let agent = PodIdentity::start(&setup, &issuer).await;
    agent.associate("countersign", "countersign", ROLE);
    sts.trust_web_identity(ROLE, &issuer, "countersign", "countersign");
    imds.set_role(Some(ROLE));
    let now = setup.clock().now();
    let of_pod = ServiceAccountToken::new("countersign", "countersign", now);
    folder.write("token", issuer.token(&of_pod));
    let for_agent = ServiceAccountToken::new("countersign", "countersign", now);
    folder.write("agent", issuer.token(&for_agent.audience(ServiceAccountToken::POD_IDENTITY)));
    let key = setup.keys().for_session(ROLE, now + time::Duration::HOUR);
    let session = key.session_token.clone().unwrap();
    folder.write(
        "config",
        format!(
            "[profile ci]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {session}\n",
            key.id, key.secret
        ),
    );
    let (token, for_agent, config) = (folder.file("token"), folder.file("agent"), folder.file("config"));
    let (sts_url, agent_url, imds_url) = (sts.url(), agent.credentials_uri(), imds.url());
    server.fail(ServiceError::new(403, "ExpiredTokenException", "text"));
    for (variables, expected) in [
        (
            vec![
                ("AWS_ACCESS_KEY_ID", key.id.as_str()),
                ("AWS_SECRET_ACCESS_KEY", &key.secret),
                ("AWS_SESSION_TOKEN", &session),
            ],
            "check the clock of the node, and replace AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment: \
             they are not renewed",
        ),
        (
            vec![("AWS_ROLE_ARN", ROLE), ("AWS_WEB_IDENTITY_TOKEN_FILE", &token), ("AWS_ENDPOINT_URL_STS", &sts_url)],
            "check the clock of the node, and that the token of the service account is renewed (audience sts.amazonaws.com)",
        ),
        (
            vec![
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent_url.as_str()),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &for_agent),
            ],
            "check the clock of the node, and that the token of the service account is renewed (audience pods.eks.amazonaws.com)",
        ),
        (
            vec![("AWS_CONFIG_FILE", config.as_str()), (PROFILE_NAME, "ci")],
            "check the clock of the node, and replace the session of aws.profile if it has one",
        ),
        (
            vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds_url.as_str()), (METADATA, "yes")],
            "check the clock of the node, and the role of the node",
        ),
    ] {
        let seen = second(name, &server, &variables).await;
        assert_eq!(remedy(&seen[0]), expected, "{seen:?}");
    }
}
