//! What the metadata server refuses, and what the operator is to do.

use countersign_credentials::IssueFailure;
use countersign_testkit::google::metadata::missing_binding;
use countersign_testkit::registry::Reply;

use super::*;

fn of_google(status: u16, text: &'static str) -> Reply {
    Reply::status(status).header("metadata-flavor", "Google").body(text)
}

#[tokio::test]
async fn each_refusal_names_what_to_do() {
    type Change = fn(&World);
    let changes: [(Change, &str, &str); 5] = [
        (
            |world| world.metadata.fail(missing_binding()),
            "found status 403, expected 200: Unable to generate access token; IAM returned 403 Forbidden: Permission \
             'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)",
            "grant the role roles/iam.workloadIdentityUser on the service account that the annotation iam.gke.io/gcp-service-account \
             names to PROJECT.svc.id.goog[NAMESPACE/NAME], the service account of the pod; a new grant takes some minutes",
        ),
        (
            |world| {
                let text = "Unable to generate access token; IAM returned 404 Not Found: Not found; Gaia id not found for email";
                world.metadata.when_any().reply(of_google(404, text));
            },
            "found status 404, expected 200: Unable to generate access token; IAM returned 404 Not Found: Not found; Gaia id not found for \
             email",
            "check the annotation iam.gke.io/gcp-service-account of the service account of the pod: it names no service account of \
             Google Cloud",
        ),
        (
            |world| world.metadata.set_account(None),
            "found status 404, expected 200",
            "enable workload identity (the cluster with --workload-pool=PROJECT.svc.id.goog, the node pool with \
             --workload-metadata=GKE_METADATA), or attach a service account to the node",
        ),
        (
            |world| {
                world.metadata.when_any().reply(of_google(403, "This metadata endpoint is concealed.\n"));
            },
            "found status 403, expected 200: This metadata endpoint is concealed",
            "the metadata server is concealed from pods, or the node has no access scopes, or the request was forwarded to the server: enable \
             workload identity on the node pool (--workload-metadata=GKE_METADATA), which needs no access scopes",
        ),
        (
            |world| {
                world.metadata.when_any().reply(of_google(400, ""));
            },
            "found status 400, expected 200",
            "check the service account of the pod; it is called again with the next image",
        ),
    ];
    for (change, found, remedy) in changes {
        let world = World::start().await;
        change(&world);
        let error = identity(&world.tokens()).await.unwrap_err();
        assert!(matches!(error, CredentialError::Refused { .. }), "{error:?}");
        assert_eq!(
            failure(&world.tokens()).await,
            format!(
                "the token request to the metadata server of Google Cloud failed at http://SERVICE: {found}; {remedy}"
            )
            .replace("http://SERVICE", "SERVICE")
        );
        assert_eq!(world.take_calls(), [Err(CallResult::Credentials); 2], "{found}");
        assert_eq!(world.metadata.requests().len(), 2, "it is not tried again");
        assert_eq!(world.registry.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_failure_of_the_server_is_tried_again_and_is_no_mistake_of_the_operator() {
    let world = World::start().await;
    world.metadata.fail_times(1, Reply::status(503));
    identity(&world.tokens()).await.unwrap();
    assert_eq!(world.metadata.requests().len(), 2);
    world.metadata.fail(Reply::status(500).body("GKE Metadata Server: Internal Server Error\n"));
    let error = identity(&world.tokens()).await.unwrap_err();
    let CredentialError::NotIssued { failure: IssueFailure::Failed, why } = &error else { panic!("{error:?}") };
    assert!(
        why.as_str().ends_with(
            ": found status 500, expected 200: GKE Metadata Server: Internal Server Error; it is called again with the next image"
        ),
        "{why}"
    );
}

#[tokio::test]
async fn a_limit_of_requests_is_not_tried_again() {
    let world = World::start().await;
    world.metadata.fail(Reply::status(429));
    let error = identity(&world.tokens()).await.unwrap_err();
    assert!(matches!(error, CredentialError::NotIssued { failure: IssueFailure::Throttled, .. }), "{error:?}");
    assert_eq!(world.metadata.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_reached_names_the_network_policy() {
    let world = World::start().await;
    // The port of a server that has ended.
    let closed = {
        let ended = Metadata::start(&world.setup, &world.accounts, PROJECT).await;
        ended.address().to_string()
    };
    let settings = GoogleSettings {
        metadata_server: closed.parse().unwrap(),
        attempt_timeout: Duration::from_millis(200),
        ..world.settings()
    };
    let source = world.tokens_with(settings);
    let error = identity(&source).await.unwrap_err();
    assert!(matches!(error, CredentialError::NotIssued { failure: IssueFailure::Unreachable, .. }), "{error:?}");
    assert!(
        error.to_string().ends_with(
            "; check that the pod runs on Google Cloud, and that its network policy allows the metadata server: on GKE \
             169.254.169.254 port 80, and 169.254.169.252 port 988 without Dataplane V2; in the first seconds of a pod it may not \
             answer yet"
        ),
        "{error}"
    );
    assert_eq!(world.take_calls(), [Err(CallResult::Unreachable)]);
}
