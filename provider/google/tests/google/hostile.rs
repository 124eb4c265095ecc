//! Hosts that only look like Google's, redirects, other servers at the address, and answers that are not usable.

use countersign_testkit::registry::Reply;

use super::*;

#[tokio::test]
async fn a_host_that_is_not_googles_causes_no_request() {
    let world = World::start().await;
    let source = world.tokens();
    for host in [
        "europe-west1-docker.pkg.dev.evil.example",
        "europe-west1-docker.pkg.dev:8443",
        "evil.europe-west1-docker.pkg.dev",
        "europe-west1-python.pkg.dev",
        "evil-docker.pkg.dev",
        "mirror.gcr.io",
        "evilgcr.io",
        "gcr.io:5000",
        "registry.example",
        "localhost:5000",
        "169.254.169.254",
    ] {
        assert_eq!(
            identity_of(&source, host).await.unwrap_err().to_string(),
            format!(
                "credentials.google: found the host {host}, expected one of Artifact Registry (LOCATION-docker.pkg.dev, gcr.io, \
                 us.gcr.io, eu.gcr.io, asia.gcr.io); no token of Google Cloud is sent to another host"
            )
        );
    }
    assert_eq!((world.take_calls(), world.metadata.requests().len()), (vec![], 0));
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        for target in ["https://evil.example/token", "http://127.0.0.1/", "/computeMetadata/v1/other"] {
            let world = World::start().await;
            world.metadata.when_any().redirect(status, target);
            let text = failure(&world.tokens()).await;
            assert!(text.contains("redirect"), "{text}");
            assert_eq!((world.metadata.requests().len(), world.proxy.targets()), (1, vec![]), "{status} {target}");
            assert_eq!(world.take_calls(), [Err(CallResult::Invalid)]);
        }
    }
}

#[tokio::test]
async fn an_answer_that_does_not_name_google_is_not_used() {
    for flavor in [None, Some("Azure"), Some("google"), Some("Google, Google"), Some("")] {
        let world = World::start().await;
        world.metadata.set_flavor(flavor);
        assert_eq!(
            failure(&world.tokens()).await,
            "the token request to the metadata server of Google Cloud failed at SERVICE: found status 200 without the header \
             Metadata-Flavor: Google, expected it in every answer of the metadata server; check that the pod runs on Google Cloud, \
             and that nothing answers in place of its metadata server (GCE_METADATA_HOST)",
            "{flavor:?}"
        );
        assert_eq!(world.take_calls(), [Err(CallResult::Invalid)]);
    }
    // Of a refusal neither: that of another cloud says nothing about this one.
    let world = World::start().await;
    world.metadata.when_any().reply(Reply::status(404).body("IAM returned 404"));
    let text = failure(&world.tokens()).await;
    assert!(text.contains("found status 404 without the header Metadata-Flavor: Google"), "{text}");
}

#[tokio::test]
async fn an_answer_without_a_usable_token_is_refused() {
    for (body, problem) in [
        ("", "it is not the expected JSON object"),
        (r#"{"access_token":"a","access_token":"b","expires_in":60}"#, "it is not the expected JSON object"),
        ("{}", "found no access_token, expected one"),
        (r#"{"access_token":"a","expires_in":0}"#, "found no expires_in with a number of seconds, expected one"),
        (r#"{"access_token":"a","expires_in":60,"token_type":"mac"}"#, "found another token_type, expected Bearer"),
    ] {
        let world = World::start().await;
        world.metadata.when_any().reply(Reply::status(200).header("metadata-flavor", "Google").body(body));
        assert_eq!(
            failure(&world.tokens()).await,
            format!(
                "the token request to the metadata server of Google Cloud failed at SERVICE: the answer of the service is not usable: \
                 {problem}; check that the pod runs on Google Cloud, and that nothing answers in place of its metadata server \
                 (GCE_METADATA_HOST)"
            ),
        );
        assert_eq!(world.take_calls(), [Err(CallResult::Invalid)]);
    }
}

#[tokio::test]
async fn a_token_beside_another_status_is_neither_used_nor_shown() {
    for (status, body) in [
        (203, r#"{"access_token":"s3cret","expires_in":60}"#),
        (201, "s3cret"),
        (403, r#"{"access_token":"s3cret","expires_in":60}"#),
    ] {
        let world = World::start().await;
        world.metadata.when_any().reply(Reply::status(status).header("metadata-flavor", "Google").body(body));
        let text = failure(&world.tokens()).await;
        assert!(text.contains(&format!(": found status {status}, expected 200; ")), "{text}");
        assert_eq!(world.take_calls(), [Err(CallResult::Credentials)]);
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read() {
    let world = World::start().await;
    world.metadata.when_any().endless_body();
    let text = failure(&world.tokens()).await;
    assert!(text.contains("65536") || text.contains("64 KiB"), "{text}");
}
