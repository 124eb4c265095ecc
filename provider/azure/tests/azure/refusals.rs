//! Refusals of Entra and of the registry, each with what to do.

use countersign_testkit::azure::entra_error::EntraError;
use countersign_testkit::registry::Reply;

use super::*;

#[tokio::test]
async fn each_refusal_of_entra_has_its_remedy() {
    type Change = fn(&World);
    let changes: [(Change, &str, &str); 7] = [
        (
            |world| world.write_token(&world.token().audience("sts.amazonaws.com")),
            "AADSTS700212",
            "the federated credential of the identity, and the token of the service account, need the audience \
             api://AzureADTokenExchange",
        ),
        (
            |world| {
                world.write_token(
                    &ServiceAccountToken::new("default", "other", NOW).audience(ServiceAccountToken::ENTRA),
                )
            },
            "AADSTS700213",
            "the federated credential of the identity needs the subject system:serviceaccount:NAMESPACE:NAME of the service account \
             of the pod",
        ),
        (
            |world| world.directory.remove_federation(CLIENT),
            "AADSTS700211",
            "the federated credential of the identity needs the issuer of this cluster (az aks show --query \
             oidcIssuerProfile.issuerUrl)",
        ),
        (
            |world| {
                let error = EntraError::no_matching_credential("https://issuer.example", "system:serviceaccount:a:b");
                world.entra.fail(error.reply(NOW));
            },
            "AADSTS70021",
            "the identity needs a federated credential with the issuer of this cluster, the subject \
             system:serviceaccount:NAMESPACE:NAME and the audience api://AzureADTokenExchange; a new one takes some minutes",
        ),
        (
            |world| world.folder.write("token", "not-a-token"),
            "AADSTS50027",
            "check that AZURE_FEDERATED_TOKEN_FILE is the token of the service account, and that the keys of its issuer are public",
        ),
        (
            |world| world.directory.remove_resource("https://containerregistry.azure.net"),
            "AADSTS500011",
            "the service has no service principal in this tenant: check the tenant, and that the authority belongs to the cloud of \
             the registry or vault",
        ),
        (
            |world| {
                world.entra.fail(EntraError::new(400, "invalid_grant", 53003, "Access has been blocked.").reply(NOW))
            },
            "AADSTS53003",
            "exclude the identity from the conditional access policy of the tenant",
        ),
    ];
    for (change, code, remedy) in changes {
        let world = World::start().await;
        change(&world);
        let text = failure(&world.tokens(workload())).await;
        let begin = "the token request to Microsoft Entra failed at SERVICE: found status 40";
        assert!(text.starts_with(begin) && text.contains(&format!(" {code}, expected 200: ")), "{text}");
        assert!(text.ends_with(&format!("; {remedy}")), "{text}");
        assert!(!text.contains("Trace ID"), "{text}");
        assert_eq!(world.take_calls(), [(Operation::EntraToken, Err(CallResult::Credentials))], "{code}");
        assert_eq!(world.acr.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_wrong_tenant_or_application_is_named() {
    let world = World::start().await;
    let of = |tenant: &str, client: &str| {
        world.tokens(AzureIdentity::Workload {
            tenant: Some(tenant.parse().unwrap()),
            client_id: Some(client.parse().unwrap()),
        })
    };
    let other = "99999999-2222-3333-4444-555555555555";
    let text = failure(&of(other, CLIENT)).await;
    assert!(text.contains(&format!("AADSTS90002, expected 200: Tenant '{other}' not found.")), "{text}");
    assert!(text.contains("; check the tenant (AZURE_TENANT_ID"), "{text}");
    let text = failure(&of(TENANT, other)).await;
    assert!(
        text.contains(&format!("AADSTS700016, expected 200: Application with identifier '{other}' was not found")),
        "{text}"
    );
    assert!(text.contains("; check the client ID (AZURE_CLIENT_ID"), "{text}");
}

#[tokio::test]
async fn a_text_that_repeats_the_secret_is_not_shown() {
    let world = World::start().await;
    let token = std::fs::read_to_string(world.folder.path().join("token")).unwrap();
    world.entra.fail(EntraError::new(400, "invalid_request", 1, &format!("found {token}")).reply(NOW));
    let text = failure(&world.tokens(workload())).await;
    assert_eq!(
        text,
        "the token request to Microsoft Entra failed at SERVICE: found status 400 AADSTS1, expected 200: found (cut: the text \
         repeats a secret of the request); check the settings of the identity; it is called again"
    );
}

#[tokio::test]
async fn an_answer_without_an_error_of_entra_is_that_of_a_proxy_or_a_firewall() {
    for (status, body) in [(403, "<html><body>Blocked</body></html>"), (404, "<html>"), (400, ""), (403, "{}")] {
        let world = World::start().await;
        world.entra.fail(Reply::status(status).header("content-type", "text/html").body(body));
        let error = identity(&world.tokens(workload())).await.unwrap_err();
        let CredentialError::NotIssued { failure: kind, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*kind, countersign_credentials::IssueFailure::Invalid);
        assert_eq!(
            failure(&world.tokens(workload())).await,
            format!(
                "the token request to Microsoft Entra failed at SERVICE: found status {status} without a code, expected 200; the answer has no \
                 error of the service: check that no proxy or firewall answers in its place, and the DNS of its host"
            )
        );
    }
}

#[tokio::test]
async fn a_failure_of_a_service_is_tried_again_and_is_no_mistake_of_the_operator() {
    let world = World::start().await;
    world.entra.fail_times(1, EntraError::unavailable().reply(NOW));
    let source = world.tokens(workload());
    identity(&source).await.unwrap();
    assert_eq!(world.entra.requests().len(), 2);
    world.entra.fail(EntraError::unavailable().reply(NOW));
    let error = identity(&world.tokens(workload())).await.unwrap_err();
    let CredentialError::NotIssued { failure, why } = &error else { panic!("{error:?}") };
    assert_eq!(*failure, countersign_credentials::IssueFailure::Failed);
    assert!(
        why.as_str().contains("found status 503 AADSTS90033, expected 200: A transient error has occurred."),
        "{why}"
    );
}

#[tokio::test]
async fn a_limit_of_requests_is_not_tried_again() {
    let world = World::start().await;
    world.entra.fail(EntraError::throttled().retry_after("30").reply(NOW));
    let error = identity(&world.tokens(workload())).await.unwrap_err();
    let CredentialError::NotIssued { failure, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*failure, countersign_credentials::IssueFailure::Throttled);
    assert_eq!(world.entra.requests().len(), 1);
}

#[tokio::test]
async fn a_registry_that_refuses_the_identity_names_the_role() {
    let world = World::start().await;
    world.acr.refuse_at_exchange(true);
    world.directory.unassign(CLIENT, Role::AcrPull, HOST);
    let source = world.tokens(workload());
    assert_eq!(
        failure(&source).await,
        "the token exchange of Azure Container Registry failed at shops.azurecr.io: found status 401 UNAUTHORIZED, expected 200: authentication \
         required, visit https://aka.ms/acr/authorization for more information; assign the role AcrPull (or Container \
         Registry Repository Reader) on the registry to the identity, and check that the registry and the identity have the same \
         tenant"
    );
    // The token was just issued: another one would be refused as well.
    assert_eq!((world.entra.requests().len(), world.acr.requests().len()), (1, 1));
    world.directory.assign(CLIENT, Role::AcrPull, HOST);
    identity(&source).await.unwrap();
}

#[tokio::test]
async fn a_firewall_of_the_registry_is_named() {
    let world = World::start().await;
    let body = r#"{"errors":[{"code":"DENIED","message":"client with IP '203.0.113.7' is not allowed access."}]}"#;
    world.acr.when_path("/oauth2/exchange").reply(Reply::status(403).body(body));
    assert_eq!(
        failure(&world.tokens(workload())).await,
        "the token exchange of Azure Container Registry failed at shops.azurecr.io: found status 403 DENIED, expected 200: client with IP \
         '203.0.113.7' is not allowed access; allow the network of the pod in the firewall of the registry, or use \
         its private endpoint"
    );
}

#[tokio::test]
async fn a_token_of_entra_that_the_registry_refuses_is_replaced_once() {
    let world = World::start().await;
    let source = world.tokens(workload());
    identity(&source).await.unwrap();
    // Tokens of the former key are refused.
    world.directory.rotate_key();
    world.directory.retire_keys();
    world.advance(4 * HOUR).await;
    world.write_token(&world.token());
    identity(&source).await.unwrap();
    assert_eq!(world.acr.exchanges(), 2);
    assert_eq!((world.entra.requests().len(), world.acr.requests().len()), (2, 3));
}

#[tokio::test]
async fn a_token_with_the_demanded_claims_is_requested_once() {
    let world = World::start().await;
    // {"access_token":{"nbf":{"essential":true,"value":"1767323045"}}}
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNzY3MzIzMDQ1In19fQ==";
    let challenge =
        format!(r#"Bearer realm="https://{HOST}/oauth2/token", error="insufficient_claims", claims="{claims}""#);
    let demanding = Reply::status(401).header("www-authenticate", &challenge);
    world.acr.when_path("/oauth2/exchange").times(1).reply(demanding.clone());
    identity(&world.tokens(workload())).await.unwrap();
    let sent: Vec<_> = world.entra.journal().iter().map(|one| one.parameter("claims").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some(r#"{"access_token":{"nbf":{"essential":true,"value":"1767323045"}}}"#.to_owned())]);
    world.acr.when_path("/oauth2/exchange").reply(demanding);
    let text = failure(&world.tokens(workload())).await;
    assert!(
        text.ends_with("the tenant demands claims that the token of this identity cannot have: check its policies"),
        "{text}"
    );
    assert_eq!(world.entra.requests().len(), 4);
}

#[tokio::test]
async fn claims_that_are_no_json_object_are_not_sent() {
    for claims in ["", "!", "W10=", "eyJh", "bm90LWpzb24="] {
        let world = World::start().await;
        let challenge = format!(r#"Bearer realm="x", error="insufficient_claims", claims="{claims}""#);
        world.acr.when_path("/oauth2/exchange").reply(Reply::status(401).header("www-authenticate", &challenge));
        let text = failure(&world.tokens(workload())).await;
        assert!(text.contains("found status 401 without a code, expected 200; assign the role AcrPull"), "{text}");
        assert_eq!(world.entra.requests().len(), 1, "{claims}");
    }
}
