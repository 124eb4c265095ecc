use std::sync::Arc;

use prometheus::IntGauge;
use serde_json::Value as Json;
use serde_json::json;

use super::*;
use crate::protocol::ResponseBudget;
use crate::protocol::gatekeeper;
use crate::protocol::gatekeeper::KeyOutcome;
use crate::protocol::gatekeeper::encode_item;

const KIB: usize = 1024;

fn responses(total: usize) -> Arc<ResponseBudget> {
    ResponseBudget::new(total, total, IntGauge::new("bytes", "Bytes.").unwrap())
}

fn outcome(kind: usize, long: usize) -> KeyOutcome<u8> {
    match kind {
        0 => KeyOutcome::Value(7),
        1 => KeyOutcome::Error(Message::new(&"e".repeat(long))),
        _ => KeyOutcome::Undecided(Message::new(&"u".repeat(long))),
    }
}

fn written(response: &EncodedResponse) -> Json {
    serde_json::from_slice(&response.parts.concat()).unwrap()
}

fn about(keys: usize, permit: ResponsePermit) -> Response {
    Response::about(keys, gatekeeper::VERIFY.encoding, permit)
}

/// The answer about these outcomes, which end in the opposite order.
fn answered(outcomes: Vec<KeyOutcome<u8>>, room: usize) -> Json {
    let mut answer = about(outcomes.len(), responses(room).begin());
    for (place, outcome) in outcomes.into_iter().enumerate().rev() {
        answer.add(place, &place.to_string(), encode_item(&place.to_string(), outcome));
    }
    written(&answer.encode("1f"))["response"].take()
}

fn system_error(outcomes: Vec<KeyOutcome<u8>>) -> String {
    answered(outcomes, 1000 * KIB)["systemError"].as_str().unwrap().to_owned()
}

/// All lists of up to four keys, each with each outcome, with empty and with long texts, with and without room.
#[test]
fn every_key_has_an_item_or_there_is_a_system_error() {
    for count in 0..=4_u32 {
        for choice in 0..3_usize.pow(count) {
            for (long, room) in [(0, 100 * KIB), (1, 100 * KIB), (10_000, 100 * KIB), (10_000, 3 * KIB), (1, 0)] {
                let kinds: Vec<usize> = (0..count).map(|place| choice / 3_usize.pow(place) % 3).collect();
                let answer = answered(kinds.iter().map(|kind| outcome(*kind, long)).collect(), room);
                assert_eq!(answer["idempotent"], false);
                let items = answer["items"].as_array().unwrap();
                let with_item: Vec<usize> =
                    items.iter().map(|item| item["key"].as_str().unwrap().parse().unwrap()).collect();
                let decided = kinds.iter().enumerate().filter(|(_, kind)| **kind < 2);
                let decided: Vec<usize> = decided.map(|(index, _)| index).collect();
                if room == 100 * KIB {
                    assert_eq!(with_item, decided);
                } else {
                    assert!(with_item.iter().all(|index| decided.contains(index)));
                }
                assert_eq!(answer["systemError"] == "", with_item.len() == kinds.len());
                assert!(items.iter().all(|item| item["error"] != ""));
            }
        }
    }
}

#[test]
fn a_system_error_lists_every_undecided_key_in_the_order_of_the_request() {
    let undecided = |key: &str| KeyOutcome::Undecided(Message::new(&format!("{key}: why")));
    assert_eq!(
        system_error(vec![undecided("a"), KeyOutcome::Value(7), undecided("b")]),
        "could not decide about 2 of 3 images (request 1f): a: why | b: why"
    );
}

#[test]
fn a_key_without_an_outcome_is_undecided() {
    let answer = about(2, responses(100 * KIB).begin()).encode("1f");
    assert!(answer.has_undecided && !answer.has_item_error);
    assert_eq!(
        written(&answer)["response"],
        json!({
            "idempotent": false,
            "items": [],
            "systemError": "could not decide about 2 of 2 images (request 1f): internal-error: no reason was given",
        })
    );
}

#[test]
fn a_long_system_error_ends_with_the_number_of_omitted_keys() {
    let one = KeyOutcome::<u8>::Undecided(Message::new(&"ü".repeat(500)));
    let text = system_error(vec![one; 20]);
    assert!(text.len() <= SYSTEM_ERROR_BYTES + " | and 20 more".len(), "{}", text.len());
    assert!(text.ends_with(" | and 12 more"), "{text}");
}

#[test]
fn keeps_only_as_many_lines_as_are_shown() {
    for places in [(0..1000).collect::<Vec<_>>(), (0..1000).rev().collect()] {
        let mut undecided = Undecided::default();
        for place in places {
            undecided.add(place, Message::new(&"u".repeat(1000)));
        }
        assert_eq!(undecided.bytes, 9000);
        assert_eq!(undecided.texts.keys().copied().collect::<Vec<_>>(), (0..9).collect::<Vec<_>>());
        assert!(undecided.text("", 1000).ends_with(" | and 992 more"));
    }
}

#[test]
fn a_key_above_the_budget_is_undecided_with_the_reason() {
    let all = responses(4 * KIB);
    let mut other = all.begin();
    other.grow(KIB).unwrap();
    let mut answer = about(2, all.begin());
    answer.add(0, "a", encode_item("a", KeyOutcome::Value("x".repeat(2 * KIB))));
    answer.add(1, "b", encode_item("b", KeyOutcome::Value("x")));
    let response = answer.encode("1f");
    assert!(response.has_undecided && !response.has_item_error);
    assert_eq!(response.exceeded, Some(BudgetExceeded::Full { found: 3351, limit: 4096 }));
    assert_eq!(
        written(&response)["response"],
        json!({
            "idempotent": false,
            "items": [{"key": "b", "value": "x"}],
            "systemError": "could not decide about 1 of 2 images (request 1f): a: overloaded: too many bytes of responses in memory: found 3351, expected at most 4096, half of it for one response; what to do: add replicas or raise the limits of concurrent work",
        })
    );
}

#[test]
fn without_budget_the_response_is_short_and_denies() {
    let long = KeyOutcome::<u8>::Undecided(Message::new(&"u".repeat(2000)));
    let mut answer = about(1, responses(0).begin());
    answer.add(0, "a", encode_item("a", long));
    let complete = answer.encode("1f");
    assert_eq!(complete.exceeded, Some(BudgetExceeded::TooLarge { max: 0 }));
    assert_eq!(
        written(&complete)["response"],
        json!({
            "idempotent": false,
            "items": [],
            "systemError": "could not decide about 1 of 1 images (request 1f): overloaded: response is too large: found more than 0 bytes, expected at most 0; what to do: add replicas or raise the limits of concurrent work",
        })
    );
}

#[test]
fn a_refusal_has_no_items_and_a_reason() {
    assert_eq!(
        EncodedResponse::refusal(gatekeeper::MUTATE.encoding, &Message::new("no"), "1f").parts.concat(),
        r#"{"apiVersion":"externaldata.gatekeeper.sh/v1beta1","kind":"ProviderResponse","response":{"idempotent":true,"items":[],"systemError":"no (request 1f)"}}"#.as_bytes()
    );
}
