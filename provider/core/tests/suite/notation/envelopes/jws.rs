//! JWS envelopes.

use countersign_testkit::signer::Format;

use crate::notation::envelopes::AGENT;
use crate::notation::envelopes::EXPIRY;
use crate::notation::envelopes::Fixture;
use crate::notation::envelopes::JWS;
use crate::notation::envelopes::TIMESTAMP;

#[test]
fn jws_headers_have_exact_names_each_once_in_one_header() {
    let fixture = Fixture::new();
    let request = || fixture.request();
    for (request, sentence) in [
        (
            request().jws_protected("alg", "\"ES256\""),
            "protected header is not valid JSON: member \"alg\" is present twice",
        ),
        (
            request().jws_protected("IO.CNCF.NOTARY.EXPIRY", "\"2099-01-01T00:00:00Z\""),
            "header \"IO.CNCF.NOTARY.EXPIRY\": found another spelling of \"io.cncf.notary.expiry\", expected the \
             exact name",
        ),
        (request().jws_protected("b64", "false"), "header \"b64\": found it, expected no such protected header"),
        (
            request().jws_protected("x5c", "[]"),
            "header \"x5c\": found in both the protected and the unprotected header, expected in one of them",
        ),
        (request().jws_protected(EXPIRY, "null"), "header \"io.cncf.notary.expiry\": found null, expected a text"),
        (
            request().jws_protected(EXPIRY, "\"tomorrow\""),
            "header \"io.cncf.notary.expiry\": found \"tomorrow\", expected an RFC 3339 time",
        ),
        (
            request().jws_protected(EXPIRY, "\"0001-01-01T00:00:00Z\""),
            "header \"io.cncf.notary.expiry\": found no entry in crit, expected one",
        ),
        (
            request().jws_unprotected("alg", "\"ES256\""),
            "header \"alg\": found in both the protected and the unprotected header",
        ),
        (
            request().jws_unprotected("X5C", "[]"),
            "header \"X5C\": found another spelling of \"x5c\", expected the \
             exact name",
        ),
        (request().jws_unprotected("x5c", "[]"), "envelope is not valid JSON: member \"x5c\" is present twice"),
        (
            request().jws_unprotected(TIMESTAMP, "7"),
            "header \"io.cncf.notary.timestampSignature\": found a number, expected a text",
        ),
        (request().jws_unprotected(TIMESTAMP, "\"***\""), "timestampSignature is not valid base64"),
        (
            request().signing_agent(None).jws_unprotected(AGENT, "{}"),
            "header \"io.cncf.notary.signingAgent\": found an object, expected a text",
        ),
    ] {
        let found = fixture.judge.sentence(&request.jws(), JWS);
        assert!(found.starts_with(&format!("envelope-malformed: {sentence}")), "{found}");
    }
    // Found in signatures of public tools.
    fixture.takes(Format::Jws, request().jws_unprotected("io.cncf.notary.SigningAgent", "\"x\""));
}

#[test]
fn jws_has_four_members_and_nothing_else() {
    let fixture = Fixture::new();
    let envelope = String::from_utf8(fixture.request().jws()).unwrap();
    let good: serde_json::Value = serde_json::from_str(&envelope).unwrap();
    assert_eq!(fixture.judge.codes(envelope.as_bytes(), JWS), []);
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed.to_string()
    };
    for (changed, sentence) in [
        (with(&|e| e["signatures"] = serde_json::json!([])), "envelope is not valid JSON: unknown field `signatures`"),
        (with(&|e| e["x"] = 1.into()), "envelope is not valid JSON: unknown field `x`"),
        (
            with(&|e| drop(e.as_object_mut().unwrap().remove("header"))),
            "envelope is not valid JSON: missing field `header`",
        ),
        (with(&|e| e["payload"] = "".into()), "payload is empty"),
        (with(&|e| e["signature"] = "".into()), "signature is empty"),
        (with(&|e| e["header"]["x5c"] = serde_json::json!([])), "certificate chain is empty"),
        (
            with(&|e| e["header"]["x5c"] = serde_json::json!(vec!["AA=="; 11])),
            "x5c: found 11 entries, expected at \
             most 10",
        ),
        (
            with(&|e| e["header"]["x5c"] = "AA==".into()),
            "header \"x5c\": found \"AA==\", expected an array of base64 \
             strings",
        ),
        (
            with(&|e| e["header"]["x5c"] = serde_json::json!([7])),
            "header \"x5c\": found a number, expected an array of base64 strings",
        ),
        (format!("{envelope}{envelope}"), "envelope is not valid JSON: trailing characters"),
        (format!("\u{feff}{envelope}"), "envelope is not valid JSON: expected value"),
        (envelope.replacen("\"payload\"", "\"Payload\"", 1), "envelope is not valid JSON: unknown field `Payload`"),
        (
            envelope.replacen('{', "{\"payload\":\"\",", 1),
            "envelope is not valid JSON: member \"payload\" is present twice",
        ),
        (envelope.replacen("\"payload\":\"", "\"payload\":\"\\n", 1), "payload is not valid base64"),
        (format!("[{envelope}]"), "envelope is not valid JSON: invalid"),
        ("[".repeat(100_000), "envelope is not valid JSON: invalid type: array"),
        (
            format!("{{\"header\":{{\"x\":{}", "[".repeat(100_000)),
            "envelope is not valid JSON: nested too deeply: expected at most 16 levels",
        ),
        (
            with(&|e| *e = e.as_object().unwrap().values().cloned().collect()),
            "envelope is not valid JSON: invalid type: array, expected struct",
        ),
        (
            with(&|e| e["header"] = e["header"].as_object().unwrap().values().cloned().collect()),
            "envelope is not valid JSON: invalid type: array, expected a map",
        ),
        (".".repeat(1024 * 1024), "envelope is not valid JSON: expected value"),
        (".".repeat(1024 * 1024 + 1), "envelope: found 1048577 bytes, expected at most 1048576"),
    ] {
        let found = fixture.judge.sentence(changed.as_bytes(), JWS);
        assert!(found.starts_with(&format!("envelope-malformed: {sentence}")), "{found}");
    }
}
