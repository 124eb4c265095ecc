//! The role of a service of the node is for the partition of the pod.

use countersign_core::name::Partition;

use super::*;

/// The second process: a pod in eu-central-1 that may call both partitions, and calls that in China. False in the first one.
async fn is_second_in_china() -> bool {
    let Ok(endpoint) = std::env::var(ENDPOINT) else { return false };
    let settings = AwsSettings {
        region: Some(region(REGION)),
        partitions: vec![Partition::Aws, Partition::AwsCn],
        instance_metadata: std::env::var_os(METADATA).is_some(),
        ..signer_at(&endpoint)
    };
    let aws = Aws::new(settings, &shared_limits(), AwsClock::new(SystemTime::now), Arc::new(Unobserved)).unwrap();
    let answer = aws.signer_status(&status_request(), &region("cn-north-1"), in_a_minute()).await;
    match answer.map(|answer| answer.revoked) {
        Ok(revoked) => println!("{RESULT}revoked {revoked:?}"),
        Err(error) => println!("{RESULT}{} {error}", error.result().as_str()),
    }
    true
}

const REFUSED: &str = "not-allowed AWS Signer GetRevocationStatus failed: found credentials of the partition aws for the region cn-north-1, \
                       expected those of aws-cn; they are not sent to another partition, which does not know them: use a role of that \
                       partition, in a cluster there, or static keys; or remove the partition from aws.partitions";

#[tokio::test]
async fn a_role_of_eks_pod_identity_is_not_sent_to_another_partition() {
    if is_second_in_china().await {
        return;
    }
    let (setup, server) = started().await;
    let (issuer, folder) = (issuer(), Folder::new());
    let agent = PodIdentity::start(&setup, &issuer).await;
    agent.associate("countersign", "countersign", ROLE);
    let token = ServiceAccountToken::new("countersign", "countersign", setup.clock().now());
    folder.write("token", issuer.token(&token.audience(ServiceAccountToken::POD_IDENTITY)));
    let (file, uri) = (folder.file("token"), agent.credentials_uri());
    let variables =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)];
    let name = "partitions::a_role_of_eks_pod_identity_is_not_sent_to_another_partition";
    assert_eq!(second(name, &server, &variables).await, [REFUSED]);
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn the_role_of_the_node_is_not_sent_to_another_partition() {
    if is_second_in_china().await {
        return;
    }
    let (setup, server) = started().await;
    let imds = Imds::start(&setup).await;
    imds.set_role(Some(ROLE));
    let url = imds.url();
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()), (METADATA, "yes")];
    let name = "partitions::the_role_of_the_node_is_not_sent_to_another_partition";
    assert_eq!(second(name, &server, &variables).await, [REFUSED]);
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn keys_of_the_environment_are_sent_to_each_partition_of_the_settings() {
    if is_second_in_china().await {
        return;
    }
    let (setup, server) = started().await;
    let key = setup.keys().for_user(USER);
    let variables = [("AWS_ACCESS_KEY_ID", key.id.as_str()), ("AWS_SECRET_ACCESS_KEY", &key.secret)];
    let name = "partitions::keys_of_the_environment_are_sent_to_each_partition_of_the_settings";
    let seen = second(name, &server, &variables).await;
    assert!(!seen[0].starts_with("not-allowed "), "{seen:?}");
    assert!(server.count() > 0);
}
