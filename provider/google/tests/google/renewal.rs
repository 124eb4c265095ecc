//! Tokens are shared, renewed before their end, and used until it.

use countersign_testkit::registry::Reply;

use super::*;

/// Waits for what runs in the background.
async fn settle(done: impl Fn() -> bool) {
    for _ in 0..2000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the work in the background has not ended");
}

#[tokio::test]
async fn twenty_concurrent_cold_requests_cause_one_fetch() {
    let world = World::start().await;
    let source = Arc::new(world.tokens());
    let callers: Vec<_> = (0..20)
        .map(|number| {
            let source = Arc::clone(&source);
            let host = if number % 2 == 0 { HOST } else { "gcr.io" };
            tokio::spawn(async move { identity_of(&source, host).await.map(|identity| password(&identity)) })
        })
        .collect();
    let mut tokens = Vec::new();
    for caller in callers {
        tokens.push(caller.await.unwrap().unwrap());
    }
    tokens.dedup();
    assert_eq!((tokens.len(), world.metadata.requests().len(), world.accounts.issued()), (1, 1, 1));
}

#[tokio::test]
async fn after_half_of_its_life_a_token_is_renewed_in_the_background() {
    let world = World::start().await;
    let source = world.tokens();
    let first = password(&identity(&source).await.unwrap());
    world.advance(25 * MINUTE).await;
    assert_eq!(password(&identity(&source).await.unwrap()), first);
    assert_eq!(world.metadata.requests().len(), 1);
    world.metadata.renew();
    world.advance(6 * MINUTE).await;
    // The old one serves meanwhile.
    assert_eq!(password(&identity(&source).await.unwrap()), first);
    settle(|| world.take_calls().len() == 1 || world.accounts.issued() == 2).await;
    for _ in 0..2000 {
        if password(&identity(&source).await.unwrap()) != first {
            assert_eq!(world.metadata.requests().len(), 2);
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the token was not renewed");
}

/// The metadata server keeps its token until five minutes before the end.
#[tokio::test]
async fn the_same_token_again_is_kept_and_its_end_is_the_same() {
    let world = World::start().await;
    let source = world.tokens();
    let first = identity(&source).await.unwrap();
    world.advance(31 * MINUTE).await;
    let _ = identity(&source).await.unwrap();
    settle(|| world.calls.0.lock().unwrap().len() == 2).await;
    let again = identity(&source).await.unwrap();
    assert_eq!((password(&again), world.accounts.issued()), (password(&first), 1));
    assert_eq!(again.revision(), first.revision());
    // With what is left, the new one is requested before the old one ends.
    world.advance(25 * MINUTE).await;
    let _ = identity(&source).await.unwrap();
    settle(|| world.accounts.issued() == 2).await;
}

#[tokio::test]
async fn in_an_outage_the_old_token_serves_until_its_end_and_a_later_fetch_succeeds() {
    let world = World::start().await;
    let source = world.tokens();
    let first = password(&identity(&source).await.unwrap());
    world.metadata.fail(Reply::status(503));
    world.advance(40 * MINUTE).await;
    assert_eq!(password(&identity(&source).await.unwrap()), first);
    settle(|| world.take_calls().contains(&Err(CallResult::Failed))).await;
    assert_eq!(password(&identity(&source).await.unwrap()), first);
    // It is not used in its last minutes.
    world.advance(20 * MINUTE).await;
    let error = identity(&source).await.unwrap_err();
    assert!(matches!(error, CredentialError::NotIssued { .. }), "{error:?}");
    world.metadata.succeed();
    assert_ne!(password(&identity(&source).await.unwrap()), first);
}
