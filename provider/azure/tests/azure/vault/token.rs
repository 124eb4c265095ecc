//! The token for a vault is shared, renewed before its end, and used until it.

use countersign_testkit::azure::entra_error::EntraError;

use super::*;

/// How many versions are read.
async fn reading(client: &Client) -> Result<usize, KeyVaultError> {
    read(client, Versions::Newest(1), Content::Certificate).await.map(|found| found.len())
}

impl Vault {
    /// Moves the clocks; the kubelet renews the token of the service account.
    async fn advance(&self, by: Duration) {
        self.world.advance(by).await;
        self.world.write_token(&self.world.token());
    }
}

#[tokio::test]
async fn twenty_concurrent_cold_readings_share_one_token() {
    let world = Vault::start().await;
    world.add(&self_signed());
    let client = Arc::new(world.client());
    let readings: Vec<_> = (0..20)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move { reading(&client).await.map_err(|error| error.to_string()) })
        })
        .collect();
    for reading in readings {
        assert_eq!(reading.await.unwrap(), Ok(1));
    }
    assert_eq!((world.world.entra.requests().len(), world.world.directory.issued()), (1, 1));
}

#[tokio::test]
async fn after_half_of_its_life_it_is_renewed_in_the_background() {
    let world = Vault::start().await;
    world.add(&self_signed());
    world.world.directory.set_lifetime(HOUR);
    let client = world.client();
    assert_eq!(reading(&client).await.unwrap(), 1);
    world.advance(HOUR / 3).await;
    assert_eq!(reading(&client).await.unwrap(), 1);
    assert_eq!(world.world.directory.issued(), 1);
    world.advance(HOUR / 4).await;
    assert_eq!(reading(&client).await.unwrap(), 1);
    settle(|| world.world.directory.issued() == 2).await;
    assert_eq!(reading(&client).await.unwrap(), 1);
}

#[tokio::test]
async fn in_an_outage_of_entra_it_serves_until_its_end_and_a_later_reading_succeeds() {
    let world = Vault::start().await;
    world.add(&self_signed());
    world.world.directory.set_lifetime(HOUR);
    let client = world.client();
    assert_eq!(reading(&client).await.unwrap(), 1);
    world.world.entra.fail(EntraError::unavailable().reply(NOW));
    world.advance(HOUR * 2 / 3).await;
    assert_eq!(reading(&client).await.unwrap(), 1);
    settle(|| world.world.take_calls().contains(&(Operation::EntraToken, Err(CallResult::Failed)))).await;
    assert_eq!(reading(&client).await.unwrap(), 1);
    world.advance(HOUR / 3).await;
    let error = reading(&client).await.unwrap_err();
    assert!(matches!(error, KeyVaultError::Token(_)) && error.to_string().contains("status 503"), "{error}");
    world.world.entra.succeed();
    assert_eq!(reading(&client).await.unwrap(), 1);
}

#[tokio::test]
async fn no_secret_reaches_a_service_that_it_is_not_for() {
    let world = Vault::start().await;
    world.add(&self_signed());
    let client = world.client();
    assert_eq!(reading(&client).await.unwrap(), 1);
    let assertion = std::fs::read_to_string(world.world.folder.path().join("token")).unwrap();
    let [issue] = &world.world.entra.requests()[..] else { panic!("{:?}", world.world.entra.journal()) };
    let issued: serde_json::Value = serde_json::from_slice(&issue.answer_body()).unwrap();
    let token = issued["access_token"].as_str().unwrap();
    assert!(issue.shows(&assertion) && !issue.shows(token));
    for request in world.vault.requests() {
        assert!(request.shows(token) && !request.shows(&assertion), "{request:?}");
    }
    let others = [world.world.acr.requests(), world.world.blobs.requests(), world.world.imds.requests()].concat();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn a_refusal_that_repeats_the_token_does_not_show_it() {
    let world = Vault::start().await;
    world.add(&self_signed());
    let client = world.client();
    assert_eq!(reading(&client).await.unwrap(), 1);
    let issued: serde_json::Value = serde_json::from_slice(&world.world.entra.requests()[0].answer_body()).unwrap();
    let token = issued["access_token"].as_str().unwrap();
    for (code, inner, message) in [
        ("Forbidden", "ForbiddenByPolicy", format!("no: Bearer {token}")),
        // In part.
        ("Forbidden", "ForbiddenByPolicy", format!("no: {}...", &token[..30])),
        ("Forbidden", &token[..30], "no".to_owned()),
        (token, "", "no".to_owned()),
        ("Forbidden", token, "no".to_owned()),
    ] {
        let body = serde_json::json!({"error": {"code": code, "message": message, "innererror": {"code": inner}}});
        let fault = world.vault.when_any().reply(Reply::status(403).body(body.to_string()));
        let error = reading(&client).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("found status 403") || shown.contains("status: 403"), "{shown}");
        assert!(!shown.contains(&token[..24]), "{shown}");
        fault.remove();
    }
}
