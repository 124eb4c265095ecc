//! Each source of tokens.

use countersign_credentials::AuthMethod;

use super::*;

#[tokio::test]
async fn a_workload_identity_logs_in_with_the_token_of_its_service_account() {
    let world = World::start().await;
    let source = world.tokens(workload());
    let found = identity(&source).await.unwrap();
    assert!(matches!(found.method(), AuthMethod::IdentityToken(_)), "{found:?}");
    assert_eq!(found.origin().map(|origin| &**origin), Some("credentials.acr, for the workload identity of the pod"));
    // Three hours, less what passed since.
    let life = (found.expires().unwrap() - Instant::now()).as_secs_f64().ceil();
    assert_eq!(format!("{life}"), "10800");
    let [request] = &world.entra.journal()[..] else { panic!("{:?}", world.entra.journal()) };
    assert_eq!(request.path, format!("/{TENANT}/oauth2/v2.0/token"));
    assert_eq!(request.parameter("scope"), Some("https://containerregistry.azure.net/.default"));
    let [request] = &world.acr.journal()[..] else { panic!("{:?}", world.acr.journal()) };
    assert_eq!((request.path.as_str(), request.host.as_str()), ("/oauth2/exchange", HOST));
    assert_eq!((request.parameter("service"), request.parameter("tenant")), (Some(HOST), Some(TENANT)));
    assert_eq!(world.take_calls(), [(Operation::EntraToken, Ok(())), (Operation::AcrExchange, Ok(()))]);
}

#[tokio::test]
async fn identity_and_tenant_of_the_settings_come_before_the_environment() {
    let world = World::start().await;
    let (tenant, client) = ("66666666-7777-8888-9999-000000000000", "ffffffff-0000-1111-2222-333333333333");
    world.directory.add_tenant(tenant);
    world.directory.add_application(tenant, client);
    world.directory.federate(client, &world.issuer, "gatekeeper-system", "countersign");
    let source = world.tokens(AzureIdentity::Workload {
        tenant: Some(tenant.parse().unwrap()),
        client_id: Some(client.parse().unwrap()),
    });
    // The registry is of the first tenant.
    let refused = failure(&source).await;
    assert!(
        refused.starts_with("the token exchange of Azure Container Registry failed at shops.azurecr.io"),
        "{refused}"
    );
    let [request] = &world.entra.journal()[..] else { panic!("{:?}", world.entra.journal()) };
    assert_eq!(request.path, format!("/{tenant}/oauth2/v2.0/token"));
    assert_eq!(request.parameter("client_id"), Some(client));
}

#[tokio::test]
async fn the_token_of_the_service_account_is_read_for_each_token_of_entra() {
    let world = World::start().await;
    world.directory.set_lifetime(HOUR);
    let source = world.tokens(workload());
    identity(&source).await.unwrap();
    // The first one has ended then.
    world.advance(4 * HOUR).await;
    let refused = failure(&source).await;
    assert!(refused.contains("AADSTS700024"), "{refused}");
    assert!(
        refused.ends_with("check the clock of the node, and that the token of the service account is renewed"),
        "{refused}"
    );
    world.write_token(&world.token());
    identity(&source).await.unwrap();
}

#[tokio::test]
async fn a_managed_identity_is_that_of_the_node_or_the_named_one() {
    let world = World::start().await;
    world.imds.add_user_assigned(CLIENT);
    let managed = |client_id: Option<&str>| AzureIdentity::Managed {
        tenant: None,
        client_id: client_id.map(|client_id| client_id.parse().unwrap()),
    };
    identity(&world.tokens(managed(None))).await.unwrap();
    identity(&world.tokens(managed(Some(CLIENT)))).await.unwrap();
    let journal = world.imds.journal();
    assert_eq!(journal.iter().map(|request| request.parameter("client_id")).collect::<Vec<_>>(), [None, Some(CLIENT)]);
    assert_eq!(journal[0].parameter("resource"), Some("https://containerregistry.azure.net"));
    assert_eq!(world.acr.journal()[0].parameter("tenant"), None);
    assert_eq!(world.entra.count(countersign_testkit::registry::Route::Other), 0);
    let other = "ffffffff-0000-1111-2222-333333333333";
    assert_eq!(
        failure(&world.tokens(managed(Some(other)))).await,
        "the token request to the instance metadata service failed at SERVICE: found status 400 invalid_request, expected 200: Identity not \
         found; check clientId, and that the managed identity is assigned to the scale set of the \
         node pool"
    );
}

#[tokio::test]
async fn an_application_logs_in_with_the_secret_of_a_file() {
    let world = World::start().await;
    let secret = || AzureIdentity::ClientSecret {
        tenant: TENANT.parse().unwrap(),
        client_id: CLIENT.parse().unwrap(),
        file: world.folder.path().join("secret"),
    };
    world.directory.add_secret(CLIENT, "hunter2~first", NOW + HOUR);
    world.folder.write("secret", "hunter2~first\n");
    let source = world.tokens(secret());
    assert_eq!(
        identity(&source).await.unwrap().origin().map(|origin| &**origin),
        Some("credentials.acr, for the application aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")
    );
    // It is read for each token.
    world.folder.write("secret", "hunter2~wrong");
    let wrong = failure(&world.tokens(secret())).await;
    assert_eq!(
        wrong,
        format!(
            "the token request to Microsoft Entra failed at SERVICE: found status 401 AADSTS7000215, expected 200: Invalid client secret provided. \
             Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to \
             app '{CLIENT}'; write the value of the secret, and not its ID, into the file of clientSecretFile"
        )
    );
    world.advance(HOUR).await;
    world.folder.write("secret", "hunter2~first");
    let expired = failure(&world.tokens(secret())).await;
    assert!(
        expired.contains("AADSTS7000222")
            && expired
                .ends_with("create another secret of the application, and write it into the file of clientSecretFile"),
        "{expired}"
    );
}

#[tokio::test]
async fn what_the_environment_lacks_is_named_and_nothing_is_sent() {
    let world = World::start().await;
    let without = |change: fn(&mut WorkloadEnvironment)| {
        let mut settings = world.settings();
        change(&mut settings.workload);
        ExpiringIdentities::new(AcrTokens::new(world.azure_with(settings), workload()))
    };
    for (source, variable) in [
        (without(|environment| environment.client_id = None), "AZURE_CLIENT_ID"),
        (without(|environment| environment.tenant_id = None), "AZURE_TENANT_ID"),
        (without(|environment| environment.token_file = None), "AZURE_FEDERATED_TOKEN_FILE"),
    ] {
        assert_eq!(
            failure(&source).await,
            format!(
                "the token request to Microsoft Entra failed: found no {variable} in the environment; give the pod the label \
                 azure.workload.identity/use: \"true\" and its service account the annotation azure.workload.identity/client-id, or \
                 choose another `identity` in the configuration"
            )
        );
    }
    let missing = without(|environment| environment.token_file = Some("/nonexistent/token".into()));
    assert_eq!(
        failure(&missing).await,
        "the token request to Microsoft Entra failed: AZURE_FEDERATED_TOKEN_FILE: found the file /nonexistent/token, which cannot be \
         read (No such file or directory (os error 2)), expected the token of the service account; check the volume with the file \
         and its permissions"
    );
    assert_eq!(world.entra.requests().len() + world.acr.requests().len(), 0);
    assert_eq!(world.take_calls(), [(Operation::EntraToken, Err(CallResult::Credentials)); 4]);
}

#[tokio::test]
async fn the_authority_of_another_cloud_is_not_asked() {
    let world = World::start().await;
    let public = || Some("https://login.microsoftonline.com/".parse().unwrap());
    let (mut of_environment, mut of_settings) = (world.settings(), world.settings());
    of_environment.authority = None;
    of_environment.workload.authority_host = public();
    of_settings.authority = public();
    // The environment has the right one, which the settings replace.
    of_settings.workload.authority_host = Some("https://login.chinacloudapi.cn/".parse().unwrap());
    for (key, settings) in [("AZURE_AUTHORITY_HOST", of_environment), ("azure.authorityHost", of_settings)] {
        let source = ExpiringIdentities::new(AcrTokens::new(world.azure_with(settings), workload()));
        let error = identity_of(&source, "shops.azurecr.cn").await.unwrap_err();
        let why = "found https://login.microsoftonline.com, the authority of the cloud public, expected that of the cloud china; no token \
                   of one cloud is valid in another";
        assert_eq!(error.to_string(), format!("{key}: {why}"));
        assert_eq!((world.take_calls(), world.proxy.targets()), (vec![], vec![]));
    }
}
