//! A request whose name is never resolved. The resolver of the system cannot be made to wait, so it is another one.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::*;
use crate::address::AddressPolicy;
use crate::answer::Missing;
use crate::body::BodyLimits;
use crate::error::FetchError;
use crate::error::Phase;
use crate::host_limiter::RequestLimits;
use crate::progress::Awaited;
use crate::progress::until;
use crate::request::Payload;
use crate::request::Redirects;
use crate::request::Request;
use crate::request::Route;
use crate::resource::LimitObserver;
use crate::resource::Resource;
use crate::resource::Unit;
use crate::resource::Unobserved;
use crate::share::Class;
use crate::share::Share;
use crate::share::ShareLimits;
use crate::shared_limits::Resources;

const HOST: &str = "slow.example";

/// A client, and what its lookup waits for: the thread ends when that is dropped.
fn client(connect_timeout: Duration) -> (Client, mpsc::SyncSender<()>) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (release, blocked) = mpsc::sync_channel::<()>(0);
    let blocked = Mutex::new(blocked);
    let resolve = move |name: &str| {
        assert_eq!(name, HOST);
        let _ = blocked.lock().unwrap().recv();
        Err(io::Error::other("released"))
    };
    let requests = RequestLimits { per_host: 4, total: 4 };
    let items = Resource::new("requests", "too many requests", Unit::Item, 4);
    let resources = Resources {
        requests: items,
        responders: items,
        bytes: Resource::new("bytes", "too many bytes", Unit::Byte, 8),
    };
    let bodies = ShareLimits { total: 1024, host: 1024, pattern: 1024, unlisted_host: 1024, unlisted: 1024 };
    let observer: Arc<dyn LimitObserver> = Arc::new(Unobserved);
    let limits = SharedLimits::new(requests, bodies, &resources, &observer);
    let settings = ClientSettings { connect_timeout, requests, proxies: ProxyEnvironment::default() };
    let lookups = Lookups::new(limits.lookups().clone(), connect_timeout).by(resolve);
    (ClientBuilder::with_lookups(settings, &limits, lookups).unwrap().build(), release)
}

async fn fetch(client: &Client) -> FetchError {
    let url = Url::parse("https://slow.example/v2/").unwrap();
    let share = Share::new(HOST, Class::Listed);
    let request = Request {
        share: &share,
        step: "the list of referrers",
        home: HOST,
        about: "",
        url: &url,
        referred_by: None,
        route: Route { addresses: AddressPolicy::WithPrivate, roots: RootsId::SYSTEM, proxy: None, listed: true },
        payload: Payload::Get,
        accept: "*/*",
        authorization: None,
        redirects: Redirects::Refuse { what: "such requests" },
        body: BodyLimits::at_most(1024),
        head_timeout: crate::request::HeadTimeout::Request,
        on_head: None,
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    let permit = client.acquire(&request, deadline).await.unwrap();
    client.fetch(&request, permit, deadline).await.err().unwrap()
}

#[tokio::test]
async fn a_name_that_is_not_resolved_is_the_part_that_is_missing_when_the_connection_is_late() {
    let (client, release) = client(Duration::from_millis(200));
    let error = fetch(&client).await;
    assert_eq!(error, FetchError::Timeout { host: HOST.to_owned(), phase: Phase::Connect, missing: Missing::Address });
    assert_eq!(error.to_string(), "slow.example did not respond in time (resolving its name)");
    drop(release);
}

#[tokio::test]
async fn a_deadline_that_passes_during_a_lookup_names_the_host_the_step_and_the_address() {
    let (client, release) = client(Duration::from_secs(20));
    let late = until(Instant::now() + Duration::from_millis(200), fetch(&client)).await.unwrap_err();
    let Awaited::Answer(answer) = late.awaited else { panic!("{late:?}") };
    assert_eq!((answer.host.as_str(), answer.step, answer.missing), (HOST, "the list of referrers", Missing::Address));
    assert_eq!(answer.proxy, None);
    let text = countersign_testkit::waited::without_times(&answer.to_string());
    assert_eq!(
        text,
        "found no address of slow.example for the list of referrers after N s, expected a complete response"
    );
    drop(release);
}
