use countersign_core::name::DigestAlgorithm;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Skipped;
use prometheus::Registry;

use super::*;
use crate::protocol::Operation;
use crate::server::routes::find;
use crate::telemetry::metrics;

const KEY: &str = "registry.example/app:v1";

/// A result from memory.
fn skipped(statement: &str) -> ImageResult {
    let verdict = Arc::new(ImageVerdict::Skipped(Skipped { statement: statement.into() }));
    ImageResult { digest: None, verdict, cached: true }
}

fn encoder(path: &str) -> Encode {
    match find(path).unwrap().protocol.operation {
        Operation::Verify(encode) => encode,
        Operation::Resolve(_) => panic!("{path} resolves"),
    }
}

fn context(request_id: &str) -> ResponseContext<'_> {
    ResponseContext { request_id, timestamp: UnixTime::EPOCH, max_signatures: 20, keep_tag: false }
}

fn encoded(items: &RenderedItems, key: &str, request_id: &str, result: &ImageResult) -> EncodedKey {
    let image = key.parse().unwrap();
    items.encode(Endpoint::Verify, context(request_id), (key, &image), result, encoder("/v1/verify"))
}

/// The item as it is encoded for each request.
fn plain(key: &str, request_id: &str, result: &ImageResult) -> EncodedKey {
    encoder("/v1/verify")(context(request_id), key, &key.parse().unwrap(), result)
}

fn new(max_bytes: usize) -> RenderedItems {
    RenderedItems::new(max_bytes, Arc::new(Metrics::new(&Registry::new()).unwrap()))
}

/// The number of items in memory.
fn kept(items: &RenderedItems) -> usize {
    items.items.size().0
}

#[test]
fn a_rendered_item_is_the_one_that_would_be_encoded() {
    let (items, result) = (new(RENDERED_BYTES), skipped("mirror"));
    // Also an ID that is part of other members, and one of another length.
    for request_id in ["1f", "app", "mirror", "requestId", "a.b_c-0123456789", "1f"] {
        assert_eq!(encoded(&items, KEY, request_id, &result), plain(KEY, request_id, &result), "{request_id}");
        assert_eq!(kept(&items), 1);
    }
}

#[test]
fn another_verdict_or_digest_is_encoded_anew() {
    let items = new(RENDERED_BYTES);
    let (first, second) = (skipped("mirror"), skipped("other"));
    let digest = Some(Digest::of(DigestAlgorithm::Sha256, b"{}"));
    let third = ImageResult { digest, ..second.clone() };
    for result in [&first, &second, &third, &first] {
        for request_id in ["1f", "2e"] {
            assert_eq!(encoded(&items, KEY, request_id, result), plain(KEY, request_id, result));
        }
    }
    assert_eq!(kept(&items), 1);
}

#[test]
fn each_key_has_its_own_item() {
    let (items, result) = (new(RENDERED_BYTES), skipped("mirror"));
    for key in [KEY, "registry.example:443/app:v1", KEY] {
        assert_eq!(encoded(&items, key, "1f", &result), plain(key, "1f", &result));
    }
    assert_eq!(kept(&items), 2);
}

#[test]
fn items_of_new_results_and_of_other_endpoints_are_not_kept() {
    let (items, result) = (new(RENDERED_BYTES), skipped("mirror"));
    let new = ImageResult { cached: false, ..result.clone() };
    assert_eq!(encoded(&items, KEY, "1f", &new), plain(KEY, "1f", &new));
    let (image, encode) = (KEY.parse().unwrap(), encoder("/ratify/gatekeeper/v1/verify"));
    let of_ratify = items.encode(Endpoint::RatifyVerify, context("1f"), (KEY, &image), &result, encode);
    assert_eq!(of_ratify, encode(context("1f"), KEY, &image, &result));
    assert_eq!(kept(&items), 0);
}

#[test]
fn when_there_is_no_room_one_of_sixteen_items_takes_the_place_of_others() {
    let (items, result) = (new(8 * 1024), skipped("mirror"));
    let key = |number: usize| format!("registry.example/app:v{number}");
    let ask =
        |number: usize| assert_eq!(encoded(&items, &key(number), "1f", &result), plain(&key(number), "1f", &result));
    (0..).take_while(|_| items.items.size().1 <= 7 * 1024).for_each(ask);
    let is_kept = |number: usize| items.items.contains(&key(number));
    (1000..1032).for_each(ask);
    assert_eq!((1000..1032).filter(|number| is_kept(*number)).collect::<Vec<_>>(), [1000, 1016]);
    assert!(items.items.size().1 <= 8 * 1024);
}

#[test]
fn without_room_the_item_of_a_new_verdict_takes_the_place_of_the_former_one() {
    let (items, first, second) = (new(8 * 1024), skipped("mirror"), skipped("other"));
    let key = |number: usize| format!("registry.example/app:v{number}");
    (0..)
        .take_while(|_| items.items.used("").0 <= 7 * 1024)
        .for_each(|number| drop(encoded(&items, &key(number), "1f", &first)));
    let before = kept(&items);
    for number in 0..before {
        assert_eq!(encoded(&items, &key(number), "1f", &second), plain(&key(number), "1f", &second));
        assert!(items.items.get(key(number).as_str(), Instant::now().into_std()).unwrap().is_of(&second), "{number}");
    }
    assert_eq!(kept(&items), before);
}

#[test]
fn the_metrics_say_what_is_in_memory_and_how_often_it_was_used() {
    let registry = Registry::new();
    let items = RenderedItems::new(8 * 1024, Arc::new(Metrics::new(&registry).unwrap()));
    let shown = || {
        let text = metrics::encode_text(&registry).unwrap();
        let value = |series: &str| {
            let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
            line.unwrap().rsplit(' ').next().unwrap().parse::<usize>().unwrap()
        };
        let event = |event: &str| value(&format!("countersign_cache_events_total{{event=\"{event}\"}}"));
        let request =
            |result: &str| value(&format!("countersign_cache_requests_total{{cache=\"items\",result=\"{result}\"}}"));
        assert_eq!([request("hit"), request("miss")], [event("item-hit"), event("item-miss")]);
        let size = (value("countersign_item_cache_entries"), value("countersign_item_cache_bytes"));
        assert_eq!(size, items.items.size());
        (size.0, ["item-hit", "item-miss", "item-evicted"].map(event))
    };
    assert_eq!(shown(), (0, [0, 0, 0]));
    let result = skipped("mirror");
    for _ in 0..3 {
        encoded(&items, KEY, "1f", &result);
    }
    assert_eq!(shown(), (1, [2, 1, 0]));
    // An item that is not kept is no look-up.
    encoded(&items, KEY, "1f", &ImageResult { cached: false, ..result.clone() });
    assert_eq!(shown(), (1, [2, 1, 0]));
    encoded(&items, KEY, "1f", &skipped("other"));
    assert_eq!(shown(), (1, [2, 2, 0]));
    let mut asked = 2;
    while shown().1[2] == 0 {
        encoded(&items, &format!("registry.example/app:v{asked}"), "1f", &result);
        asked += 1;
    }
    // One for one: they have about the same size.
    assert_eq!((shown().1, kept(&items) + 1 < asked), ([2, asked, 1], true));
}
