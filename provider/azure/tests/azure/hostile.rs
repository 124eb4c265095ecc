//! Hosts that only look like Azure, redirects, and answers that are not usable.

use countersign_testkit::registry::Reply;

use super::*;

#[tokio::test]
async fn a_host_that_is_not_azures_causes_no_request() {
    let world = World::start().await;
    let source = world.tokens(workload());
    for host in [
        "shops.azurecr.io.evil.example",
        "shops.azurecr.io:8443",
        "azurecr.io.evil.example",
        "evil.shops.azurecr.io",
        "shopsazurecr.io",
        "shops.westeurope.data.azurecr.io",
        "shop.azurecr.io",
        "registry.example",
        "localhost:5000",
        "169.254.169.254",
    ] {
        assert_eq!(
            identity_of(&source, host).await.unwrap_err().to_string(),
            format!(
                "credentials.acr: found the host {host}, expected one of Azure Container Registry (NAME.azurecr.io, NAME.azurecr.us, \
                 NAME.azurecr.cn); no token of Azure is sent to another host"
            )
        );
    }
    assert_eq!((world.take_calls(), world.proxy.targets()), (vec![], vec![]));
    assert_eq!(world.entra.requests().len(), 0);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        for target in ["https://evil.example/oauth2/exchange", "https://shops.azurecr.io/other", "http://127.0.0.1/"] {
            let world = World::start().await;
            world.proxy.resolve("evil.example:443", world.blobs.address());
            world.acr.when_path("/oauth2/exchange").redirect(status, target);
            let text = failure(&world.tokens(workload())).await;
            assert!(text.contains("redirect"), "{text}");
            assert_eq!((world.acr.requests().len(), world.blobs.requests().len()), (1, 0), "{status} {target}");

            let world = World::start().await;
            world.entra.when_any().redirect(status, target);
            let text = failure(&world.tokens(workload())).await;
            assert!(text.contains("redirect"), "{text}");
            assert_eq!((world.entra.requests().len(), world.acr.requests().len()), (1, 0), "{status} {target}");
            assert_eq!(world.proxy.targets(), Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn an_answer_of_entra_without_a_usable_token_is_refused() {
    let long = format!(r#"{{"access_token":"{}","expires_in":60}}"#, "a".repeat(16 * 1024 + 1));
    for (body, problem) in [
        ("", "it is not the expected JSON object"),
        ("[]", "it is not the expected JSON object"),
        (r#"{"access_token":"a","access_token":"b"}"#, "it is not the expected JSON object"),
        ("{}", "found no access_token, expected one"),
        (r#"{"access_token":"","expires_in":60}"#, "found no access_token, expected one"),
        (r#"{"access_token":"a"}"#, "found no expires_in with a number of seconds, expected one"),
        (r#"{"access_token":"a","expires_in":0}"#, "found no expires_in with a number of seconds, expected one"),
        (r#"{"access_token":"a","expires_in":"x"}"#, "found no expires_in with a number of seconds, expected one"),
        (
            r#"{"access_token":"a\nb","expires_in":60}"#,
            "has a bearer token that is not visible ASCII, expected one that an HTTP header can carry",
        ),
        (&long, "access_token has more than 16 KiB"),
    ] {
        let world = World::start().await;
        world.entra.when_any().reply(Reply::status(200).body(body.to_owned()));
        assert_eq!(
            failure(&world.tokens(workload())).await,
            format!(
                "the token request to Microsoft Entra failed at SERVICE: the answer of the service is not usable: {problem}; check \
                 that the endpoint is that of the service, and the clock of the node"
            ),
        );
        assert_eq!(world.take_calls(), [(Operation::EntraToken, Err(CallResult::Invalid))]);
    }
}

#[tokio::test]
async fn an_answer_of_the_registry_without_a_usable_token_is_refused() {
    let ended = "e30.eyJleHAiOjF9.c2ln";
    for (body, problem) in [
        ("{}".to_owned(), "found no refresh_token, expected one"),
        (r#"{"refresh_token":"a"}"#.to_owned(), "refresh_token is not a JSON Web Token"),
        (format!(r#"{{"refresh_token":"{ended}"}}"#), "refresh_token has ended already"),
        (r#"{"refresh_token":"e30.e30.c2ln"}"#.to_owned(), "refresh_token has no end (exp)"),
        (format!(r#"{{"refresh_token":"{}"}}"#, "a".repeat(16 * 1024 + 1)), "refresh_token has more than 16 KiB"),
    ] {
        let world = World::start().await;
        world.acr.when_path("/oauth2/exchange").reply(Reply::status(200).body(body));
        assert_eq!(
            failure(&world.tokens(workload())).await,
            format!(
                "the token exchange of Azure Container Registry failed at shops.azurecr.io: the answer of the service is not usable: \
                 {problem}; check that the endpoint is that of the service, and the clock of the node"
            ),
        );
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read() {
    let world = World::start().await;
    world.acr.when_path("/oauth2/exchange").endless_body();
    let text = failure(&world.tokens(workload())).await;
    assert!(text.contains("65536") || text.contains("64 KiB"), "{text}");
    let world = World::start().await;
    world.entra.when_any().endless_body();
    let text = failure(&world.tokens(workload())).await;
    assert!(text.contains("65536") || text.contains("64 KiB"), "{text}");
}
