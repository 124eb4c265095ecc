//! The responses that the clients must get.

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;

use crate::load::Reply;

/// The responses that every client must get, in this order, each any number of times: the code of each key, and the
/// statement.
const EXPECTED: [([&str; 4], &str); 4] = [
    (["verified", "unsigned", "verified", "untrusted-chain"], "before"),
    (["verified", "unsigned", "verified", "verified"], "before"),
    (["verified", "unsigned", "untrusted-chain", "verified"], "before"),
    (["verified", "unsigned", "untrusted-chain", "verified"], "after"),
];

/// An error unless the replies are [`EXPECTED`], each repeated any number of times.
pub(super) fn in_order(replies: &[Reply]) -> anyhow::Result<()> {
    let mut seen = Vec::new();
    for reply in replies {
        let got = codes(&reply.body).with_context(|| reply.body.to_string())?;
        if seen.last() != Some(&got) {
            seen.push(got);
        }
    }
    let want = EXPECTED.map(|(codes, statement)| (codes.map(str::to_owned).to_vec(), statement.to_owned()));
    ensure!(seen == want, "found responses {seen:?}, expected {want:?}");
    Ok(())
}

/// The code of each key, and the statement of all of them.
fn codes(body: &Value) -> anyhow::Result<(Vec<String>, String)> {
    let response = &body["response"];
    ensure!(response["systemError"].as_str().is_none_or(str::is_empty), "a system error");
    let items = response["items"].as_array().context("no items")?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no text");
    let codes = items.iter().map(|item| text(&item["value"]["code"])).collect::<anyhow::Result<_>>()?;
    let statement = text(&items.first().context("no item")?["value"]["statement"])?;
    ensure!(
        items.iter().all(|item| item["value"]["statement"] == statement.as_str()),
        "statements differ within a reply"
    );
    Ok((codes, statement))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(codes: &[&str], statement: &str) -> Reply {
        let item = |code: &&str| json!({ "key": "k", "value": { "code": code, "statement": statement } });
        let items: Vec<Value> = codes.iter().map(item).collect();
        Reply { body: json!({ "response": { "systemError": "", "items": items } }), connects: 0, seconds: 0.0 }
    }

    fn replies() -> Vec<Reply> {
        EXPECTED.iter().flat_map(|(codes, statement)| [reply(codes, statement), reply(codes, statement)]).collect()
    }

    #[test]
    fn accepts_repeated_responses() {
        in_order(&replies()).unwrap();
    }

    #[test]
    fn rejects_one_wrong_response() {
        let wrong = [
            reply(&["unsigned", "unsigned", "verified", "untrusted-chain"], "before"),
            reply(&["verified", "unsigned", "verified"], "before"),
            // Right, but later.
            reply(&EXPECTED[1].0, EXPECTED[1].1),
            Reply { body: json!({ "response": { "systemError": "late", "items": [] } }), connects: 0, seconds: 0.0 },
        ];
        for wrong in wrong {
            let mut replies = replies();
            replies.insert(1, wrong);
            assert!(in_order(&replies).is_err());
        }
    }

    #[test]
    fn rejects_responses_that_end_early() {
        let mut replies = replies();
        replies.truncate(6);
        assert!(in_order(&replies).is_err());
    }
}
