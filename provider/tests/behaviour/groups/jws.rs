//! JWS envelopes that are not as the specification has them, and odd ones that are.

use countersign_testkit::notation::Signature;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use serde_json::Value as Json;
use serde_json::json;
use time::macros::datetime;

use super::AGENT;
use super::AUTHENTIC_TIME;
use super::EXPIRY;
use super::SCHEME;
use super::SIGNING_TIME;
use super::TIMESTAMP;
use crate::environment::Environment;
use crate::run::record;

type Change = fn(SignRequest) -> SignRequest;

/// Requests whose headers are changed.
const HEADERS: &[(&str, Change)] = &[
    ("another algorithm", |request| request.jws_alg("ES384")),
    ("algorithm none", |request| request.jws_alg("none")),
    ("algorithm of another family", |request| request.jws_alg("RS256")),
    ("another content type", |request| request.content_type(Some("application/json"))),
    ("no content type", |request| request.content_type(None)),
    ("content type in capitals", |request| request.content_type(Some("APPLICATION/vnd.cncf.notary.payload.v1+json"))),
    ("another scheme", |request| request.scheme_text(Some("notary.x509.other"))),
    ("no scheme", |request| request.scheme_text(None).crit([SIGNING_TIME])),
    ("no signing time", |request| request.signing_time(None)),
    ("both times", |request| request.authentic_signing_time(SignRequest::SIGNED_AT)),
    ("no authentic signing time", |request| {
        request.scheme(Scheme::SigningAuthority).authentic_signing_time(None).crit([SCHEME])
    }),
    ("signing time under the other scheme", |request| {
        request.scheme(Scheme::SigningAuthority).signing_time(SignRequest::SIGNED_AT)
    }),
    ("authentic time not critical", |request| request.scheme(Scheme::SigningAuthority).crit([SCHEME])),
    ("empty crit", |request| request.crit([""; 0])),
    ("crit with a name twice", |request| request.crit([SCHEME, SCHEME])),
    ("crit with an absent name", |request| request.crit([SCHEME, "com.example.absent"])),
    ("crit with a name that may not be there", |request| request.crit([SCHEME, SIGNING_TIME])),
    ("crit with alg", |request| request.crit([SCHEME, "alg"])),
    ("expiry not critical", |request| request.expiry(datetime!(2047-01-01 00:00 UTC)).crit([SCHEME])),
    ("expiry not after signing", |request| request.expiry(SignRequest::SIGNED_AT)),
    ("expiry that is no time", |request| request.jws_protected(EXPIRY, "\"tomorrow\"").crit([SCHEME, EXPIRY])),
    ("expiry null", |request| request.jws_protected(EXPIRY, "null").crit([SCHEME, EXPIRY])),
    ("alg twice", |request| request.jws_protected("alg", "\"PS256\"")),
    ("alg in both headers", |request| request.jws_unprotected("alg", "\"PS256\"")),
    ("a name in another spelling", |request| {
        request.jws_protected("IO.CNCF.NOTARY.EXPIRY", "\"2099-01-01T00:00:00Z\"")
    }),
    ("b64", |request| request.jws_protected("b64", "false")),
    ("x5c in the protected header", |request| request.jws_protected("x5c", "[]")),
    ("x5c twice", |request| request.jws_unprotected("x5c", "[]")),
    ("X5C", |request| request.jws_unprotected("X5C", "[]")),
    ("timestamp that is a number", |request| request.jws_unprotected(TIMESTAMP, "7")),
    ("timestamp that is no base64", |request| request.jws_unprotected(TIMESTAMP, "\"***\"")),
    ("agent that is an object", |request| request.signing_agent(None).jws_unprotected(AGENT, "{}")),
    ("agent in another spelling", |request| request.jws_unprotected("io.cncf.notary.SigningAgent", "\"x\"")),
    ("no agent", |request| request.signing_agent(None)),
    ("signing time in another spelling", |request| request.jws_protected("io.cncf.notary.SigningTime", "1")),
    ("authentic time in the first scheme", |request| request.jws_protected(AUTHENTIC_TIME, "\"2026-01-02T03:04:05Z\"")),
    ("a protected header too large", |request| request.attribute("com.example.note", "x".repeat(64 * 1024))),
];

/// Envelopes whose text is changed after signing.
type Rewrite = fn(Json, &str) -> String;

const TEXTS: &[(&str, Rewrite)] = &[
    ("an unknown member", |mut envelope, _| {
        envelope["x"] = json!(1);
        envelope.to_string()
    }),
    ("the general serialization", |mut envelope, _| {
        envelope["signatures"] = json!([]);
        envelope.to_string()
    }),
    ("no header", |mut envelope, _| {
        envelope.as_object_mut().unwrap().remove("header");
        envelope.to_string()
    }),
    ("an empty payload", |mut envelope, _| {
        envelope["payload"] = json!("");
        envelope.to_string()
    }),
    ("an empty signature", |mut envelope, _| {
        envelope["signature"] = json!("");
        envelope.to_string()
    }),
    ("an empty chain", |mut envelope, _| {
        envelope["header"]["x5c"] = json!([]);
        envelope.to_string()
    }),
    ("eleven certificates", |mut envelope, _| {
        envelope["header"]["x5c"] = json!(vec!["AA=="; 11]);
        envelope.to_string()
    }),
    ("a chain that is a text", |mut envelope, _| {
        envelope["header"]["x5c"] = json!("AA==");
        envelope.to_string()
    }),
    ("a certificate that is none", |mut envelope, _| {
        envelope["header"]["x5c"] = json!(["AA=="]);
        envelope.to_string()
    }),
    ("a header that is a list", |mut envelope, _| {
        envelope["header"] = json!([1]);
        envelope.to_string()
    }),
    ("two documents", |_, text| format!("{text}{text}")),
    ("a byte order mark", |_, text| format!("\u{feff}{text}")),
    ("a member in capitals", |_, text| text.replacen("\"payload\"", "\"Payload\"", 1)),
    ("a member twice", |_, text| text.replacen('{', "{\"payload\":\"\",", 1)),
    ("base64 with a line feed", |_, text| text.replacen("\"payload\":\"", "\"payload\":\"\\n", 1)),
    ("a list", |_, text| format!("[{text}]")),
    ("deep nesting", |_, _| format!("{{\"header\":{{\"x\":{}", "[".repeat(100_000))),
    ("no JSON", |_, _| "not json".to_owned()),
    ("nothing", |_, _| String::new()),
    ("an empty object", |_, _| "{}".to_owned()),
    ("more than a mebibyte", |_, _| ".".repeat(1024 * 1024 + 1)),
    ("another payload", |mut envelope, _| {
        envelope["payload"] = json!("e30");
        envelope.to_string()
    }),
    ("another signature", |mut envelope, _| {
        envelope["signature"] = json!("AAAA");
        envelope.to_string()
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jws_envelopes() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    for (name, change) in HEADERS {
        environment.signed(name, Format::Jws, change);
    }
    for (name, rewrite) in TEXTS {
        let mut image = environment.image(name);
        let text = String::from_utf8(SignRequest::new(&environment.leaf, &image.descriptor).jws()).unwrap();
        let envelope = rewrite(serde_json::from_str(&text).unwrap(), &text);
        environment.attach(&mut image, &Signature::of_envelope(envelope.as_bytes(), "application/jose+json"));
    }
    record("jws", environment).await;
}
