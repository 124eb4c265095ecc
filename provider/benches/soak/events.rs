//! What happens during the run, in turn: the registry fails in each of its ways, and files change.

use std::time::Duration;
use std::time::Instant;

use crate::served;
use crate::site::Site;

/// How long each fault lasts, and each time without one.
const PART: Duration = Duration::from_secs(5);

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    Unavailable,
    Hangs,
    TooManyRequests,
    Disconnects,
    Truncates,
    TokensEnd,
    RootIsRemoved,
    RootIsAdded,
    CertificateIsReplaced,
}

const EVENTS: [Event; 9] = [
    Event::Unavailable,
    Event::RootIsRemoved,
    Event::Hangs,
    Event::TooManyRequests,
    Event::RootIsAdded,
    Event::Disconnects,
    Event::CertificateIsReplaced,
    Event::Truncates,
    Event::TokensEnd,
];

/// One event after the other until `time` has passed.
pub(crate) async fn run(site: Site, time: Duration) {
    let end = Instant::now() + time.saturating_sub(2 * PART);
    for event in EVENTS.iter().cycle() {
        if Instant::now() >= end {
            return;
        }
        begin(&site, *event);
        tokio::time::sleep(PART).await;
        site.heal();
        tokio::time::sleep(PART).await;
    }
}

fn begin(site: &Site, event: Event) {
    let any = site.registry.when_any();
    match event {
        Event::Unavailable => drop(any.status(503)),
        Event::Hangs => drop(any.never_answer()),
        Event::TooManyRequests => drop(any.too_many_requests("1")),
        Event::Disconnects => drop(any.disconnect()),
        Event::Truncates => drop(any.truncated_body()),
        Event::TokensEnd => drop(any.times(20).status(401)),
        Event::RootIsRemoved => site.trust_second(false),
        Event::RootIsAdded => site.trust_second(true),
        // The authority of clients is replaced too, so that the client of this run has to be known to both: only the times change.
        Event::CertificateIsReplaced => {
            let certificate = std::fs::read_to_string(site.folder.join("tls.crt")).unwrap();
            served::write(&site.folder, "tls.crt", &certificate);
        }
    }
}
