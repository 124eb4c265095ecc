//! A token that has ended, is unknown, or is that of another region; and a permission that is missing.

use countersign_registry::CredentialKind;
use countersign_registry::EcrRefusal;
use countersign_testkit::aws::Protocol;
use countersign_testkit::aws::ServiceError;

use super::*;

/// The time after which a refused token is fetched again.
const OLD: Duration = Duration::from_secs(30);

/// The time after which a token ends.
const LIFE: Duration = Duration::from_secs(300);

/// With a token for [`LIFE`], whose image was read.
async fn started() -> (Ecr, Pinned) {
    let ecr = Ecr::start().await;
    ecr.tokens.set_lifetime(LIFE);
    let pinned = ecr.pin().await.unwrap();
    ecr.registry.clear_requests();
    (ecr, pinned)
}

/// Ends all tokens by the clock of the service; by that of the client they are [`OLD`] and valid.
async fn end_tokens(ecr: &Ecr) {
    ecr.setup.clock().advance(LIFE);
    ecr.registry.clear_requests();
    advance(OLD).await;
}

fn error_text<T: std::fmt::Debug>(result: Result<T, RegistryError>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn a_token_that_has_ended_or_is_unknown_is_replaced_once_and_the_request_is_sent_once_more() {
    for (is_unknown, status) in [(false, 403), (true, 400)] {
        let (ecr, pinned) = started().await;
        let end = async || {
            if is_unknown {
                ecr.tokens.revoke_all();
            }
            end_tokens(&ecr).await;
        };
        end().await;
        assert_eq!(ecr.signatures(&pinned).await.unwrap(), (Vec::new(), true), "{status}");
        let expected = |request: &str| vec![format!("{request} Basic {status}"), format!("{request} Basic 200")];
        assert_eq!(ecr.journal(), (expected("GET referrers"), 2), "{status}");
        // HEAD, whose answers have no text.
        end().await;
        let _ = ecr.pin().await.unwrap();
        assert_eq!(ecr.journal(), (expected("HEAD manifests"), 3), "{status}");
        assert_eq!(ecr.tokens.issued(), 3);
    }
}

#[tokio::test]
async fn many_requests_with_one_ended_token_cause_one_fetch() {
    let (ecr, pinned) = started().await;
    end_tokens(&ecr).await;
    let held = ecr.registry.when(Route::Referrers).times(20).hold();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (registries, pinned) = (ecr.registries.clone(), pinned.clone());
            tokio::spawn(async move { registries.referrers(&pinned, SIGNATURE, in_a_minute()).await.map(drop) })
        })
        .collect();
    ecr.registry.wait_for(Route::Referrers, 20).await;
    held.release();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(()));
    }
    let (requests, calls) = ecr.journal();
    let count = |status: &str| requests.iter().filter(|line| line.ends_with(status)).count();
    assert_eq!((count(" 403"), count(" 200"), requests.len(), calls), (20, 20, 40, 2));
}

#[tokio::test]
async fn a_token_of_another_region_is_refused_without_a_loop() {
    let ecr = Ecr::start_with("us-west-2", FallbackTag::WhenNeeded).await;
    let refused = || "GET manifests Basic 400".to_owned();
    let error = ecr.pin().await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Denied);
    assert_eq!(
        error.to_string(),
        format!(
            "pulling the manifest of {HOST}/app was refused: {HOST} responds with status 400 to the issued token, saying \"DENIED: \
             Your Authorization Token is invalid.\"; registries[0] \"{HOST}\" applies, with credentials.ecr, for the role of \
             the pod; check that the credential is a token for the region of this registry, and the clock of the node"
        )
    );
    // It was just fetched.
    assert_eq!(ecr.journal(), (vec![refused()], 1));
    advance(OLD).await;
    assert_eq!(ecr.pin().await.unwrap_err().kind(), RegistryErrorKind::Denied);
    assert_eq!(ecr.journal(), (vec![refused(), refused(), refused()], 2));
    assert_eq!(ecr.pin().await.unwrap_err().kind(), RegistryErrorKind::Denied);
    assert_eq!(ecr.journal(), (vec![refused(), refused(), refused(), refused()], 2));
}

#[tokio::test]
async fn a_missing_permission_names_its_action_and_no_token_is_fetched_for_each_request() {
    let (ecr, pinned) = started().await;
    let layer = ecr.registry.put_blob("app", "application/jose+json", b"envelope");
    let blob = async || ecr.registries.blob(&repository(), &descriptor(&layer), LIMIT, in_a_minute()).await.map(drop);
    let refused = |what: &str, action: &str| {
        format!(
            "there is no permission to pull the {what} of {HOST}/app: {HOST} responds with status 403 to the issued token, saying \"DENIED: User: \
             arn:aws:sts::111122223333:assumed-role/countersign/pod is not authorized to perform: {action} on resource: \
             arn:aws:ecr:eu-central-1:111122223333:repository/app because no identity-based policy allows the {action} action\"; \
             registries[0] \"{HOST}\" applies, with credentials.ecr, for the role of the pod; allow \
             {action} on the repository to the role that the token was issued for, and in the policy of the repository if it \
             is in another account"
        )
    };
    ecr.setup.keys().deny(ROLE, "ecr:GetDownloadUrlForLayer");
    let found = error_text(blob().await);
    assert_eq!(found, refused("blob", "ecr:GetDownloadUrlForLayer"));
    advance(OLD).await;
    for _ in 0..3 {
        let error = blob().await.unwrap_err();
        let Cause::Denied { status: 403, credential: CredentialKind::Issued, ecr: Some(missing), .. } = error.cause
        else {
            panic!("{error:?}")
        };
        assert_eq!(missing, EcrRefusal::Permission { action: "ecr:GetDownloadUrlForLayer" });
    }
    // Four attempts, one of them twice.
    assert_eq!((ecr.registry.count(Route::Blob), ecr.api.count()), (5, 2));
    ecr.setup.keys().deny(ROLE, "ecr:BatchGetImage");
    let error = ecr.pin().await.unwrap_err();
    let Cause::Denied { ecr: Some(missing), .. } = error.cause else { panic!("{error:?}") };
    assert_eq!(missing, EcrRefusal::Permission { action: "ecr:BatchGetImage" });
    assert_eq!(ecr.signatures(&pinned).await.unwrap_err().kind(), RegistryErrorKind::Denied);
}

#[tokio::test]
async fn a_refused_token_stays_in_use_for_others_while_the_api_is_down() {
    let (ecr, pinned) = started().await;
    let layer = ecr.registry.put_blob("app", "application/jose+json", b"envelope");
    ecr.setup.keys().deny(ROLE, "ecr:GetDownloadUrlForLayer");
    ecr.api.fail(ServiceError::throttled(Protocol::Json11));
    advance(OLD).await;
    let error = ecr.registries.blob(&repository(), &descriptor(&layer), LIMIT, in_a_minute()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Denied);
    let text = error.to_string();
    let why = format!(
        "with credentials.ecr, for the role of the pod; there is no other credential: ECR GetAuthorizationToken failed at {}: \
         found status 400 ThrottlingException",
        ecr.api.host()
    );
    assert!(text.contains(&why), "{text}");
    assert!(text.contains("; allow ecr:GetDownloadUrlForLayer on the repository"), "{text}");
    assert_eq!(ecr.api.count(), 2);
    assert_eq!(ecr.signatures(&pinned).await.unwrap(), (Vec::new(), true));
    assert_eq!(ecr.api.count(), 2);
}

#[tokio::test]
async fn a_registry_without_a_credential_names_the_key() {
    let ecr = Ecr::start().await;
    let entry = RegistryEntry::new(HOST.parse().unwrap(), Credential::Anonymous);
    let registries = ecr.client.with(entry);
    let error = registries.pin(&format!("{HOST}/app:v1").parse().unwrap(), in_a_minute()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "pulling the manifest of {HOST}/app without credentials was refused: {HOST} responds with status 401 to a request without credentials, as none \
             are configured for it; registries[0] \"{HOST}\" applies, with no credentials; set `credentials.ecr` in its entry \
             of registries"
        )
    );
}
