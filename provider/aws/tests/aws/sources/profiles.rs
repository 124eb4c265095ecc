//! Profiles that name an endpoint or a source of credentials which the settings exclude.

use countersign_testkit::proxy::Proxy;

use super::*;

const NODE_ROLE: &str = "arn:aws:iam::111122223333:role/node";

/// The configuration file with this profile, `ci`.
fn profile(folder: &Folder, lines: &str) -> String {
    folder.write("config", format!("[profile ci]\nrole_arn = {ROLE}\n{lines}\n"));
    folder.file("config")
}

#[tokio::test]
async fn a_token_is_sent_to_no_endpoint_of_a_profile_without_tls() {
    if is_second().await {
        return;
    }
    let name = "profiles::a_token_is_sent_to_no_endpoint_of_a_profile_without_tls";
    let (_, server) = started().await;
    let (folder, proxy) = (Folder::new(), Proxy::start().await);
    folder.write("token", "hunter2");
    let (token, proxy_url) = (folder.file("token"), proxy.url());
    for host in
        ["sts.example:80", "127.0.0.1.example:8080", "10.255.255.1:8080", "[fd00::2]:8080", "169.254.169.253:80"]
    {
        let lines = format!("web_identity_token_file = {token}\nendpoint_url = http://{host}");
        let config = profile(&folder, &lines);
        for more in [None, Some((PROXY, proxy_url.as_str()))] {
            let mut variables = vec![("AWS_CONFIG_FILE", config.as_str()), (PROFILE_NAME, "ci")];
            variables.extend(more);
            assert_eq!(
                second(name, &server, &variables).await,
                [format!(
                    "credentials AWS credentials failed: found the endpoint http://{host}, expected https://: only loopback addresses and \
                     the services of the node may be without TLS; correct endpoint_url of the profile of aws.profile, or the variable of \
                     the endpoint (AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_ENDPOINT_URL_STS)"
                )]
            );
        }
    }
    assert_eq!((proxy.targets(), server.count()), (Vec::<String>::new(), 0));
}

#[tokio::test]
async fn an_endpoint_of_a_profile_on_loopback_may_be_without_tls() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (sts, issuer, folder) = (Sts::start(&setup).await, issuer(), Folder::new());
    sts.trust_web_identity(ROLE, &issuer, "countersign", "countersign");
    folder.write("token", issuer.token(&ServiceAccountToken::new("countersign", "countersign", setup.clock().now())));
    let lines = format!(
        "web_identity_token_file = {}\nrole_session_name = pod-1\nendpoint_url = {}",
        folder.file("token"),
        sts.url()
    );
    let config = profile(&folder, &lines);
    let variables = [("AWS_CONFIG_FILE", config.as_str()), (PROFILE_NAME, "ci")];
    let name = "profiles::an_endpoint_of_a_profile_on_loopback_may_be_without_tls";
    assert_eq!(second(name, &server, &variables).await, [NOTHING_REVOKED]);
    assert_eq!((sts.count(), principals(&setup, &server)), (1, vec![assumed_role(ROLE, "pod-1")]));
}

#[tokio::test]
async fn a_profile_has_the_credentials_of_the_node_only_if_the_settings_have_them() {
    if is_second().await {
        return;
    }
    let name = "profiles::a_profile_has_the_credentials_of_the_node_only_if_the_settings_have_them";
    let (setup, server) = started().await;
    let (imds, sts, folder) = (Imds::start(&setup).await, Sts::start(&setup).await, Folder::new());
    imds.set_role(Some(NODE_ROLE));
    sts.trust_principal(ROLE, NODE_ROLE, None);
    let (url, sts_url) = (imds.url(), sts.url());
    for source in ["Ec2InstanceMetadata", "ec2instancemetadata"] {
        let lines = format!("role_session_name = pod-1\ncredential_source = {source}");
        let config = profile(&folder, &lines);
        let variables = [
            ("AWS_CONFIG_FILE", config.as_str()),
            (PROFILE_NAME, "ci"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url),
            ("AWS_ENDPOINT_URL_STS", &sts_url),
            (METADATA, "yes"),
        ];
        assert_eq!(
            second(name, &server, &variables[..4]).await,
            [
                "credentials AWS credentials failed: aws.profile: found the profile ci, which leads to credential_source = \
                 Ec2InstanceMetadata, expected another source as aws.instanceMetadata is false; use another profile; or set \
                 aws.instanceMetadata to true, if the pod may have the credentials of the node"
            ]
        );
        assert_eq!((imds.count(), sts.count()), (0, 0));
        assert_eq!(second(name, &server, &variables).await, [NOTHING_REVOKED]);
        assert_eq!((principals(&setup, &server), sts.count()), (vec![assumed_role(ROLE, "pod-1")], 1));
        imds.clear_journal();
        sts.clear_journal();
        server.clear_journal();
    }
}
