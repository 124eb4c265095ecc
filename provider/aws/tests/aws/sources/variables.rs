//! Variables and profiles that cannot be used. No message has a value of them.

use countersign_testkit::registry::Reply;

use super::*;

const EXPECTED_ID: &str = "expected 1 to 128 letters, digits or underscores";
const EXPECTED_TEXT: &str = "expected visible ASCII characters";

#[tokio::test]
async fn a_static_key_that_no_request_can_carry_is_named_by_its_variable() {
    if is_second().await {
        return;
    }
    let name = "variables::a_static_key_that_no_request_can_carry_is_named_by_its_variable";
    let (setup, server) = started().await;
    let key = setup.keys().for_user(USER);
    let (id, secret) = (key.id.as_str(), key.secret.as_str());
    let (id_line, secret_line) = (format!("{id}\n"), format!("{secret}\n"));
    let (id_space, id_slash) = (format!(" {id}"), format!("{id}/x"));
    let variable = "the environment variable AWS_";
    for (id, secret, token, problem) in [
        (id_line.as_str(), secret, None, format!("{variable}ACCESS_KEY_ID: found a line break, {EXPECTED_ID}")),
        (&id_space, secret, None, format!("{variable}ACCESS_KEY_ID: found a space, {EXPECTED_ID}")),
        (&id_slash, secret, None, format!("{variable}ACCESS_KEY_ID: found another character, {EXPECTED_ID}")),
        (id, &secret_line, None, format!("{variable}SECRET_ACCESS_KEY: found a line break, {EXPECTED_TEXT}")),
        (id, secret, Some("a\nb"), format!("{variable}SESSION_TOKEN: found a line break, {EXPECTED_TEXT}")),
    ] {
        let mut variables = vec![("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)];
        variables.extend(token.map(|token| ("AWS_SESSION_TOKEN", token)));
        let (results, log) = second_with_log(name, &server, &variables).await;
        let remedy = "correct the variable, or the Secret that it comes from: a line break at its end, for example";
        assert_eq!(results, [format!("credentials AWS credentials failed: {problem}; {remedy}")]);
        assert!(!log.contains(secret.trim()), "{log}");
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn credentials_of_the_agent_that_no_request_can_carry_are_refused() {
    if is_second().await {
        return;
    }
    let name = "variables::credentials_of_the_agent_that_no_request_can_carry_are_refused";
    let (setup, server) = started().await;
    let (agent, folder) = (PodIdentity::start(&setup, &issuer()).await, Folder::new());
    folder.write("token", "token");
    let (file, uri) = (folder.file("token"), agent.credentials_uri());
    let variables =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)];
    for (id, secret, token, problem) in [
        (
            "A\nB",
            "hunter2",
            "hunter2",
            format!("access key identifier in the answer of the agent on the node: found a line break, {EXPECTED_ID}"),
        ),
        (
            "A/B, Signature=x",
            "hunter2",
            "hunter2",
            format!(
                "access key identifier in the answer of the agent on the node: found another character, {EXPECTED_ID}"
            ),
        ),
        (
            "A",
            "hunter2",
            "hunter2\nX: y",
            format!("session token in the answer of the agent on the node: found a line break, {EXPECTED_TEXT}"),
        ),
        (
            "A",
            "hunter2",
            "hunter2é",
            format!("session token in the answer of the agent on the node: found another character, {EXPECTED_TEXT}"),
        ),
        (
            "A",
            "",
            "hunter2",
            format!("secret access key in the answer of the agent on the node: found nothing, {EXPECTED_TEXT}"),
        ),
    ] {
        let fault = agent.when().reply(Reply::status(200).header("content-type", "application/json").body(format!(
            "{{\"AccessKeyId\":{id:?},\"SecretAccessKey\":{secret:?},\"Token\":{token:?},\"Expiration\":\"2099-01-01T00:00:00Z\"}}"
        )));
        let results = second(name, &server, &variables).await;
        let again = "it is called again with the next image";
        assert_eq!(
            results,
            [format!("credentials AWS credentials failed at {}: the {problem}; {again}", agent.host())]
        );
        fault.remove();
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_url_of_the_agent_that_cannot_be_used_is_not_in_the_message() {
    if is_second().await {
        return;
    }
    let name = "variables::a_url_of_the_agent_that_cannot_be_used_is_not_in_the_message";
    let (setup, server) = started().await;
    let (agent, folder) = (PodIdentity::start(&setup, &issuer()).await, Folder::new());
    folder.write("token", "token");
    let (file, host) = (folder.file("token"), agent.host());
    for (uri, found) in [
        (format!("http://user:hunter2@{host}/v1/credentials"), "a URL with a login"),
        ("http://user:hunter2@10.0.0.1/v1/credentials".to_owned(), "a URL with a login"),
        ("http://10.0.0.1/v1?key=hunter2".to_owned(), "another address"),
        ("http://169.254.169.254/v1?key=hunter2".to_owned(), "another address"),
        ("http://agent.invalid/v1?key=hunter2".to_owned(), "http:// with the name of another host"),
        ("hunter2".to_owned(), "a text that is no URL"),
    ] {
        let variables =
            [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)];
        let results = second(name, &server, &variables).await;
        assert_eq!(
            results,
            [format!(
                "credentials AWS credentials failed: the environment variable AWS_CONTAINER_CREDENTIALS_FULL_URI: found {found}, \
                 expected https://HOST/PATH, or http:// with localhost or an address of loopback or of the agent (169.254.170.23, \
                 169.254.170.2, fd00:ec2::23), without a login; correct the variable; EKS Pod Identity sets it"
            )]
        );
    }
    assert_eq!((agent.count(), server.count()), (0, 0));
}

#[tokio::test]
async fn a_role_that_is_no_arn_is_named_before_anything_is_sent_unless_other_keys_are_used() {
    if is_second().await {
        return;
    }
    let name = "variables::a_role_that_is_no_arn_is_named_before_anything_is_sent_unless_other_keys_are_used";
    let (setup, server) = started().await;
    let (sts, folder) = (Sts::start(&setup).await, Folder::new());
    folder.write("token", issuer().token(&ServiceAccountToken::new("countersign", "countersign", setup.clock().now())));
    let (token, sts_url, key) = (folder.file("token"), sts.url(), setup.keys().for_user(USER));
    let web_identity = [
        ("AWS_ROLE_ARN", "countersign"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ENDPOINT_URL_STS", sts_url.as_str()),
    ];
    assert_eq!(
        second(name, &server, &web_identity).await,
        ["credentials AWS credentials failed: the environment variable AWS_ROLE_ARN: found \"countersign\", \
             expected arn:aws:iam::ACCOUNT:role/NAME, with the partition of the account and twelve digits; correct the annotation \
             eks.amazonaws.com/role-arn of the service account, from which EKS sets the variable, and restart the pod"]
    );
    let keys = [("AWS_ACCESS_KEY_ID", key.id.as_str()), ("AWS_SECRET_ACCESS_KEY", &key.secret)];
    assert_eq!(second(name, &server, &[&web_identity[..], &keys].concat()).await, [NOTHING_REVOKED]);
    assert_eq!((principals(&setup, &server), sts.count()), (vec![USER.to_owned()], 0));
}

#[tokio::test]
async fn localhost_is_the_only_name_of_an_agent() {
    if is_second().await {
        return;
    }
    let name = "variables::localhost_is_the_only_name_of_an_agent";
    let (setup, server) = started().await;
    let (issuer, folder) = (issuer(), Folder::new());
    let agent = PodIdentity::start(&setup, &issuer).await;
    agent.associate("countersign", "countersign", ROLE);
    let token = ServiceAccountToken::new("countersign", "countersign", setup.clock().now());
    folder.write("token", issuer.token(&token.audience(ServiceAccountToken::POD_IDENTITY)));
    let (file, uri) = (folder.file("token"), agent.credentials_uri().replace("127.0.0.1", "localhost"));
    let variables =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)];
    assert_eq!(second(name, &server, &variables).await, [NOTHING_REVOKED]);
}

#[tokio::test]
async fn without_a_region_the_message_names_the_settings() {
    if is_second().await {
        return;
    }
    let name = "variables::without_a_region_the_message_names_the_settings";
    let (setup, server) = started().await;
    let folder = Folder::new();
    folder.write("token", issuer().token(&ServiceAccountToken::new("countersign", "countersign", setup.clock().now())));
    folder.write(
        "config",
        "[profile ci]\nrole_arn = arn:aws:iam::111122223333:role/ci\nsource_profile = keys\nregion = eu-central-1\n\
         [profile keys]\naws_access_key_id = AKIA\naws_secret_access_key = hunter2\n",
    );
    let (token, config) = (folder.file("token"), folder.file("config"));
    let expected = "credentials AWS credentials failed: found no region, expected that of the pod; set aws.region or the environment \
                    variable AWS_REGION, which EKS sets";
    let web_identity = [("AWS_ROLE_ARN", ROLE), ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()), (NO_REGION, "yes")];
    assert_eq!(second(name, &server, &web_identity).await, [expected]);
    let profile = [("AWS_CONFIG_FILE", config.as_str()), (PROFILE_NAME, "ci"), (NO_REGION, "yes")];
    assert_eq!(second(name, &server, &profile).await, [expected]);
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn keys_of_a_source_profile_that_no_request_can_carry_are_named_and_nothing_is_sent() {
    if is_second().await {
        return;
    }
    let name = "variables::keys_of_a_source_profile_that_no_request_can_carry_are_named_and_nothing_is_sent";
    let (setup, server) = started().await;
    let sts = Sts::start(&setup).await;
    let folder = Folder::new();
    let role = "role_arn = arn:aws:iam::111122223333:role/ci\n";
    let keys = "aws_access_key_id = AKIA\naws_secret_access_key = hunter2\n";
    folder.write(
        "config",
        format!(
            "[profile line]\n{role}source_profile = broken\n\
             [profile broken]\naws_access_key_id = AKIA\n  hunter2\naws_secret_access_key = hunter2\n\
             [profile far]\n{role}source_profile = near\n[profile near]\n{role}source_profile = space\n\
             [profile space]\naws_access_key_id = AKIA\naws_secret_access_key = hunter2 hunter3\n\
             [profile own]\n{role}source_profile = own\n{keys}aws_session_token = hunter2 hunter3\n\
             [profile unused]\n{role}source_profile = good\naws_access_key_id = A K\naws_secret_access_key = s\n\
             [profile good]\n{keys}\n\
             [profile circle]\n{role}source_profile = back\n[profile back]\n{role}source_profile = circle\n"
        ),
    );
    let (config, sts_url) = (folder.file("config"), sts.url());
    let of = async |profile: &str| {
        let variables =
            [("AWS_CONFIG_FILE", config.as_str()), (PROFILE_NAME, profile), ("AWS_ENDPOINT_URL_STS", sts_url.as_str())];
        let (mut results, log) = second_with_log(name, &server, &variables).await;
        assert!(!log.contains("hunter") && !results[0].contains("hunter"), "{log}{results:?}");
        results.remove(0)
    };
    let visible = "expected visible ASCII characters";
    for (profile, part, source, found) in [
        ("line", "access key identifier", "broken", format!("a line break, {EXPECTED_ID}")),
        ("far", "secret access key", "space", format!("a space, {visible}")),
        ("own", "session token", "own", format!("a space, {visible}")),
    ] {
        assert_eq!(
            of(profile).await,
            format!(
                "credentials AWS credentials failed: the {part} of the profile \"{source}\", a source_profile of aws.profile: found {found}; \
                 correct the file"
            )
        );
    }
    assert_eq!((sts.count(), server.count()), (0, 0));
    // Keys beside a role are not used, and the SDK reports a circle.
    assert!(of("unused").await.contains("STS") || sts.count() == 1);
    assert!(of("circle").await.starts_with("credentials AWS credentials failed: "));
    assert_eq!((sts.count(), server.count()), (1, 0));
}

#[tokio::test]
async fn a_profile_that_cannot_be_used_is_named() {
    if is_second().await {
        return;
    }
    let name = "variables::a_profile_that_cannot_be_used_is_named";
    let (_, server) = started().await;
    let folder = Folder::new();
    folder.write(
        "config",
        "[profile sso]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = ci\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = https://corp.example/start\n\
         [profile old-sso]\nsso_region = eu-central-1\nsso_start_url = https://corp.example/start\n\
         sso_account_id = 111122223333\nsso_role_name = ci\n\
         [profile process]\ncredential_process = /bin/true hunter2\n\
         [profile login]\nlogin_session = arn:aws:iam::111122223333:user/ci\n\
         [profile line]\naws_access_key_id = AK IA\naws_secret_access_key = hunter2\n\
         [profile empty]\nregion = eu-central-1\n",
    );
    let config = folder.file("config");
    let of = async |profile: &str, more: &[(&str, &str)]| {
        let mut variables = vec![("AWS_CONFIG_FILE", config.as_str()), (PROFILE_NAME, profile)];
        variables.extend(more);
        second(name, &server, &variables).await.remove(0)
    };
    for profile in ["sso", "old-sso", "process", "login"] {
        assert_eq!(
            of(profile, &[]).await,
            format!(
                "credentials AWS credentials failed: aws.profile: found the profile {profile}, which needs SSO, a login session or a \
                 process, expected one with keys, or with a role and a source of keys; use another profile; or export the credentials, \
                 for example with `aws configure export-credentials --format env`"
            )
        );
    }
    assert_eq!(
        of("line", &[]).await,
        format!(
            "credentials AWS credentials failed: the access key identifier of aws.profile: found a space, {EXPECTED_ID}; correct the file"
        )
    );
    // Without aws.profile, that of the environment is not read.
    let seen = second(name, &server, &[("AWS_CONFIG_FILE", &config), ("AWS_PROFILE", "line")]).await.remove(0);
    assert!(seen.contains("; AWS_PROFILE is not read: aws.profile names the profile; give the pod a role: "), "{seen}");
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn an_empty_file_of_a_token_is_named() {
    if is_second().await {
        return;
    }
    let name = "variables::an_empty_file_of_a_token_is_named";
    let (setup, server) = started().await;
    let (sts, agent, folder) = (Sts::start(&setup).await, PodIdentity::start(&setup, &issuer()).await, Folder::new());
    folder.write("token", "");
    let (file, sts_url, uri) = (folder.file("token"), sts.url(), agent.credentials_uri());
    for variable in ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] {
        let variables = [
            (variable, file.as_str()),
            ("AWS_ROLE_ARN", ROLE),
            ("AWS_ENDPOINT_URL_STS", &sts_url),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri),
        ];
        let seen = second(name, &server, &variables).await.remove(0);
        let problem = format!(
            "{variable}: found the file {file}, which is empty, expected the token of the service account; check the "
        );
        assert!(seen.contains(&problem), "{seen}");
    }
    assert_eq!(server.count(), 0);
}
