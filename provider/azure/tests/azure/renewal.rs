//! Tokens are shared, renewed before their end, and used until it.

use countersign_credentials::AuthMethod;
use countersign_testkit::azure::entra_error::EntraError;

use super::*;

fn token(identity: &Identity) -> String {
    let AuthMethod::IdentityToken(token) = identity.method() else { panic!("{identity:?}") };
    String::from_utf8(token.expose().to_vec()).unwrap()
}

#[tokio::test]
async fn twenty_concurrent_cold_requests_cause_one_exchange() {
    let world = World::start().await;
    let source = Arc::new(world.tokens(workload()));
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let source = Arc::clone(&source);
            tokio::spawn(async move { identity(&source).await.map(|identity| token(&identity)) })
        })
        .collect();
    let mut tokens = Vec::new();
    for caller in callers {
        tokens.push(caller.await.unwrap().unwrap());
    }
    tokens.dedup();
    assert_eq!((tokens.len(), world.acr.exchanges(), world.directory.issued()), (1, 1, 1));
}

#[tokio::test]
async fn two_registries_share_the_token_of_entra() {
    let world = World::start().await;
    let source = world.tokens(workload());
    identity(&source).await.unwrap();
    // The double has another name, and refuses the exchange.
    world.proxy.resolve("other.azurecr.io:443", world.acr.address());
    assert!(identity_of(&source, "other.azurecr.io").await.is_err());
    assert_eq!(world.directory.issued(), 1);
}

#[tokio::test]
async fn after_half_of_its_life_a_token_is_renewed_in_the_background() {
    let world = World::start().await;
    let source = world.tokens(workload());
    let first = token(&identity(&source).await.unwrap());
    world.advance(HOUR).await;
    assert_eq!(token(&identity(&source).await.unwrap()), first);
    assert_eq!(world.acr.exchanges(), 1);
    world.advance(HOUR / 2).await;
    // The old one serves meanwhile.
    assert_eq!(token(&identity(&source).await.unwrap()), first);
    for _ in 0..2000 {
        if token(&identity(&source).await.unwrap()) != first {
            assert_eq!(world.acr.exchanges(), 2);
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the token was not renewed");
}

#[tokio::test]
async fn in_an_outage_the_old_token_serves_until_its_end_and_a_later_fetch_succeeds() {
    let world = World::start().await;
    world.directory.set_lifetime(HOUR);
    let source = world.tokens(workload());
    let first = token(&identity(&source).await.unwrap());
    world.entra.fail(EntraError::unavailable().reply(NOW));
    world.advance(2 * HOUR).await;
    world.write_token(&world.token());
    assert_eq!(token(&identity(&source).await.unwrap()), first);
    settle(|| world.take_calls().iter().any(|(_, result)| *result == Err(CallResult::Failed))).await;
    assert_eq!(token(&identity(&source).await.unwrap()), first);
    // It ends after three hours, and is not used in its last minutes.
    world.advance(HOUR).await;
    world.write_token(&world.token());
    let error = identity(&source).await.unwrap_err();
    assert!(matches!(error, CredentialError::NotIssued { .. }), "{error:?}");
    world.entra.succeed();
    assert_ne!(token(&identity(&source).await.unwrap()), first);
}
