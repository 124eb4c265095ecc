//! What happens during the run, in turn: the registry fails in each of its ways, and files are replaced. And at any time, tags move.

use std::time::Duration;
use std::time::Instant;

use crate::asking;
use crate::asking::Asked;
use crate::expectations::Condition;
use crate::expectations::LATEST;
use crate::site::REJECTED_LIFETIME;
use crate::site::Replaced;
use crate::site::Site;
use crate::site::TAG_LIFETIME;
use crate::site::VERDICT_LIFETIME;

/// How long each fault lasts, and the time after each event, which is longer than what may be seen of it.
const PART: Duration = Duration::from_secs(5);

/// The time between two moves of tags: no multiple of the time of events, so that they fall into each of their parts.
const MOVES: Duration = Duration::from_secs(7);

/// Fresh images that are asked for before each fault.
const KNOWN: usize = 8;

/// How the registry fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Unavailable,
    Hangs,
    TooManyRequests,
    Disconnects,
    Truncates,
    RefusesTokens,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    Fault(Fault),
    /// A root of the store is removed or added, or the trust policy changes.
    Toggles(Condition),
    /// Another key; every second time another authority too.
    ServerCertificate,
    ClientAuthority,
    Password,
    /// Tokens end before their time.
    TokensEnd,
    RegistryAuthority,
}

/// The first ones are those of short runs.
const EVENTS: [Event; 14] = [
    Event::Toggles(Condition::MainStore),
    Event::Fault(Fault::Unavailable),
    Event::ServerCertificate,
    Event::Password,
    Event::Toggles(Condition::Strict),
    Event::Fault(Fault::Hangs),
    Event::ClientAuthority,
    Event::TokensEnd,
    Event::Fault(Fault::TooManyRequests),
    Event::RegistryAuthority,
    Event::Fault(Fault::Disconnects),
    Event::Toggles(Condition::SecondRoot),
    Event::Fault(Fault::Truncates),
    Event::Fault(Fault::RefusesTokens),
];

/// One event after the other until `time` has passed; returns what was wrong, and how many there were.
pub(crate) async fn run(site: Site, time: Duration) -> (Vec<String>, usize) {
    let (end, mut wrong, mut count) = (Instant::now() + time, Vec::new(), 0);
    for event in EVENTS.iter().cycle() {
        if Instant::now() + longest(*event) > end {
            break;
        }
        count += 1;
        site.expectations.happens(event);
        let result = happen(&site, *event).await;
        wrong.extend(result.err().map(|why| format!("{event:?}: {why}")));
        tokio::time::sleep(PART).await;
    }
    tokio::time::sleep_until(end.into()).await;
    (wrong, count)
}

/// Moves the tags until it is dropped.
pub(crate) async fn move_tags(site: Site) {
    loop {
        tokio::time::sleep(MOVES).await;
        site.move_tags();
    }
}

/// About how long an event takes with the time after it.
fn longest(event: Event) -> Duration {
    match event {
        Event::Toggles(_) | Event::ServerCertificate | Event::Password | Event::TokensEnd => PART,
        Event::Fault(_) => 2 * PART,
        Event::ClientAuthority | Event::RegistryAuthority => 3 * LATEST + PART,
    }
}

/// # Errors
/// What was not as it must be.
async fn happen(site: &Site, event: Event) -> Result<(), String> {
    match event {
        Event::Fault(fault) => {
            remember(site).await?;
            fail(site, fault, PART).await;
            Ok(())
        }
        Event::Toggles(condition) => {
            site.toggle(condition);
            Ok(())
        }
        Event::ServerCertificate => replace_server_certificate(site).await,
        Event::ClientAuthority => replace_client_authority(site).await,
        Event::Password => replace_password(site).await,
        Event::TokensEnd => {
            site.tokens.lock().unwrap().revoke_all();
            Ok(())
        }
        Event::RegistryAuthority => replace_registry_authority(site).await,
    }
}

/// The registry fails for that time.
async fn fail(site: &Site, fault: Fault, time: Duration) {
    site.expectations.fault(true);
    let any = site.registry.when_any();
    let _ = match fault {
        Fault::Unavailable => any.status(503),
        Fault::Hangs => any.never_answer(),
        Fault::TooManyRequests => any.too_many_requests("1"),
        Fault::Disconnects => any.disconnect(),
        Fault::Truncates => any.truncated_body(),
        Fault::RefusesTokens => any.status(401),
    };
    tokio::time::sleep(time).await;
    site.registry.clear_faults();
    site.expectations.fault(false);
}

/// Asks for fresh images, so that for a time their verdicts are in memory, and do not depend on the registry.
async fn remember(site: &Site) -> Result<(), String> {
    let mut known = Vec::new();
    for _ in 0..KNOWN {
        let mut image = site.signers.fresh(&site.registry);
        let began = Instant::now();
        asking::ask(site, Asked::Known, vec![image.clone()]).await.first_wrong()?;
        let lifetime = match (image.is_by_tag(), image.is_rejected()) {
            (true, _) => TAG_LIFETIME,
            (false, true) => REJECTED_LIFETIME,
            (false, false) => VERDICT_LIFETIME,
        };
        image.known_until = Some(began + lifetime);
        known.push(image);
    }
    *site.known.lock().unwrap() = known;
    Ok(())
}

async fn replace_server_certificate(site: &Site) -> Result<(), String> {
    // The first two are of one authority.
    let chain = site.caller.next_server(site.next(Replaced::ServerCertificate)[1] / 2);
    site.write("tls.crt", &chain.pem());
    site.write("tls.key", &chain.key_pem());
    tokio::time::sleep(LATEST).await;
    // Requests of the load with new connections check the same, if there are any.
    asking::ask(site, Asked::Connection, vec![site.images[0].clone()]).await.first_wrong()
}

/// Both authorities, then clients of the new one, then the new one alone.
async fn replace_client_authority(site: &Site) -> Result<(), String> {
    let [former, next] = site.next(Replaced::ClientAuthority);
    site.write("authority.pem", &(site.caller.client_authority(former) + &site.caller.client_authority(next)));
    tokio::time::sleep(LATEST).await;
    let clients = site.caller.become_client(next).expect("the run has not ended");
    // Requests that have begun with the former ones connect meanwhile.
    tokio::time::sleep(LATEST).await;
    site.write("authority.pem", &site.caller.client_authority(next));
    tokio::time::sleep(LATEST).await;
    match clients.connecting.get(format!("https://{}/", site.address)).send().await {
        Err(_) => Ok(()),
        Ok(answer) => Err(format!("a client of the former authority has {}, expected no connection", answer.status())),
    }
}

async fn replace_password(site: &Site) -> Result<(), String> {
    remember(site).await?;
    // The former password is refused until the file was read.
    site.expectations.fault(true);
    site.replace_password(site.next(Replaced::Password)[1]);
    site.expectations.fault(false);
    tokio::time::sleep(LATEST).await;
    if site.tokens.lock().unwrap().tokens_issued() == 0 {
        return Err("no token was issued to the new password".to_owned());
    }
    Ok(())
}

/// Both authorities, then a certificate of the new one and new connections, then the new one alone.
async fn replace_registry_authority(site: &Site) -> Result<(), String> {
    let [former, next] = site.next(Replaced::RegistryAuthority);
    site.trust_registry(&[former, next]);
    tokio::time::sleep(LATEST).await;
    site.replace_certificate_of_registry(next);
    let before = site.registry.connections();
    fail(site, Fault::Disconnects, Duration::from_millis(500)).await;
    tokio::time::sleep(LATEST).await;
    if site.registry.connections() == before {
        return Err("the registry has no new connection".to_owned());
    }
    site.trust_registry(&[next]);
    tokio::time::sleep(LATEST).await;
    Ok(())
}
