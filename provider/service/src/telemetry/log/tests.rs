mod panics;

use std::time::Duration;

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignature;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Reasons;
use countersign_core::verdict::Skipped;
use countersign_testkit::captured_log::Lines;
use countersign_testkit::captured_log::capture;
use serde_json::json;

use super::fields::FAILED_BYTES;
use super::fields::IMAGE_BYTES;
use super::*;

#[test]
fn lost_events_are_reported_at_error_if_an_error_was_lost_so_that_every_level_of_the_log_shows_them() {
    let (mut warned, mut failed) = (EventCounts::default(), EventCounts::default());
    warned.add(Level::WARN);
    failed.add(Level::ERROR);
    failed.add(Level::INFO);
    let report = |level: Level, counts: EventCounts| -> Vec<serde_json::Value> {
        let mut events = written(level, || report_lost(counts));
        events.iter_mut().for_each(|event| drop(event.as_object_mut().unwrap().remove("timestamp")));
        events
    };
    let message = "events of the log were lost: standard error was not read fast enough";
    let warning =
        json!({"level": "WARN", "message": message, "error": 0, "warn": 1, "info": 0, "debug": 0, "trace": 0});
    assert_eq!(report(Level::WARN, warned), [warning]);
    let error = json!({"level": "ERROR", "message": message, "error": 1, "warn": 0, "info": 1, "debug": 0, "trace": 0});
    assert_eq!(report(Level::ERROR, failed), [error]);
}

/// The events of `act`.
fn written(level: Level, act: impl FnOnce()) -> Vec<serde_json::Value> {
    capture(|lines| subscriber(level, move || lines.clone()), act).events()
}

fn one(decision: Decision<'_>) -> VerdictEvent<'_> {
    VerdictEvent {
        endpoint: "verify",
        request_id: "1f",
        image: "nginx",
        digest: None,
        decision,
        cached: true,
        repeated: 0,
        elapsed: Duration::from_millis(12),
    }
}

fn failed(code: Code, detail: &str) -> FailedSignature {
    FailedSignature {
        manifest: Digest::of(DigestAlgorithm::Sha256, b"{}"),
        unverified_subject: None,
        reasons: Reasons::one(Reason::new(code, detail)),
    }
}

#[test]
fn logs_one_event_with_fixed_names_for_each_verdict() {
    let signatures = [failed(Code::UntrustedChain, "a, expected b"), failed(Code::Expired, "found x")];
    let rejected = ImageVerdict::none_verified("all".into(), signatures.into_iter().collect(), None);
    let mut events = written(Level::INFO, || {
        verdict(&VerdictEvent { digest: Some("sha256:00"), ..one(Decision::Decided(&rejected)) });
    });
    assert_eq!(events.len(), 1);
    let mut event = events.remove(0);
    assert!(event.as_object_mut().unwrap().remove("timestamp").is_some());
    let manifest = Digest::of(DigestAlgorithm::Sha256, b"{}");
    assert_eq!(
        event,
        json!({
            "level": "INFO", "message": "verdict", "endpoint": "verify", "door": "verify", "request_id": "1f", "image": "nginx",
            "digest": "sha256:00", "verdict": "rejected", "code": "expired", "blame": "signer",
            "detail": "found x", "statement": "all", "rule": "all", "cache": "hit", "elapsed_ms": 12,
            "failed_signatures": format!("{manifest}: untrusted-chain: a, expected b | {manifest}: expired: found x"),
            "failed_signatures_total": 2,
        })
    );
}

#[test]
fn an_event_has_the_number_of_those_left_out_before_it_unless_there_are_none() {
    let skipped = ImageVerdict::Skipped(Skipped { statement: "mirror".into() });
    let events = written(Level::INFO, || {
        for repeated in [0, 7] {
            verdict(&VerdictEvent { repeated, ..one(Decision::Decided(&skipped)) });
        }
    });
    assert_eq!(events.iter().map(|event| event.get("repeated").cloned()).collect::<Vec<_>>(), [None, Some(json!(7))]);
}

#[test]
fn failed_signatures_are_bounded_in_bytes() {
    let many = (0..100).map(|_| failed(Code::Expired, &"\u{202e}".repeat(100_000)));
    let rejected = ImageVerdict::none_verified("all".into(), many.collect(), None);
    let events = written(Level::INFO, || verdict(&one(Decision::Decided(&rejected))));
    let text = events[0]["failed_signatures"].as_str().unwrap();
    assert!(text.len() <= FAILED_BYTES + " and 100 more".len() && text.ends_with(" and 96 more"), "{text}");
    assert_eq!(events[0]["failed_signatures_total"], 100);
}

#[test]
fn the_level_depends_on_who_is_responsible() {
    let skipped = ImageVerdict::Skipped(Skipped { statement: "mirror".into() });
    let of = |code| ImageVerdict::from_reason(None, Reason::new(code, "found x"));
    let unresolved = Reason::new(Code::RegistryTimeout, "found x");
    let (unsigned, timeout, bug) = (of(Code::Unsigned), of(Code::RegistryTimeout), of(Code::InternalError));
    let events = written(Level::INFO, || {
        for decision in [&skipped, &unsigned, &timeout, &bug].map(Decision::Decided) {
            verdict(&one(decision));
        }
        verdict(&one(Decision::Unresolved(&unresolved)));
    });
    let levels: Vec<&str> = events.iter().map(|event| event["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["INFO", "INFO", "WARN", "ERROR", "WARN"]);
}

#[test]
fn escapes_and_cuts_a_very_long_key() {
    let image = format!("a\n\u{2028}b{}", "ü".repeat(10_000));
    let invalid = ImageVerdict::from_reason(None, Reason::new(Code::InvalidReference, "x"));
    let events = written(Level::INFO, || verdict(&VerdictEvent { image: &image, ..one(Decision::Decided(&invalid)) }));
    let logged = events[0]["image"].as_str().unwrap();
    assert!(logged.starts_with("a\\n\\u{2028}bü") && logged.len() < 2 * IMAGE_BYTES, "{logged}");
}

#[test]
fn the_level_can_be_changed_at_run_time() {
    let lines = Lines::default();
    let writer = lines.clone();
    let (subscriber, handle) = adjustable(Level::WARN, Format::Json, move || writer.clone());
    capture(
        |_| subscriber,
        || {
            tracing::info!(target: "countersign::server", "one");
            handle.set(Level::INFO);
            tracing::info!(target: "countersign::server", "two");
        },
    );
    let text = lines.text();
    assert!(!text.contains("one") && text.contains("two"), "{text}");
}

#[test]
fn other_crates_log_only_warnings() {
    let events = written(Level::DEBUG, || {
        tracing::info!(target: "hyper::proto", "chatter");
        tracing::warn!(target: "hyper::proto", "trouble");
        tracing::debug!(target: "countersign::server", "detail");
    });
    let messages: Vec<&str> = events.iter().map(|event| event["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["trouble", "detail"]);
}

#[test]
fn text_is_one_line_with_message_and_fields() {
    let text = capture(
        |lines| adjustable(Level::INFO, Format::Text, move || lines.clone()).0,
        || {
            tracing::warn!(host = "a.example", why = "one\ntwo", count = 2, "slow");
            tracing::debug!("below the level");
        },
    )
    .text();
    let (time, rest) = text.split_once(' ').unwrap();
    assert!(countersign_core::time::UnixTime::from_rfc3339(time).is_ok(), "{time}");
    assert_eq!(rest, " WARN slow host=\"a.example\" why=\"one\\ntwo\" count=2\n");
}

/// The targets of the crates of the AWS SDK that are linked.
fn targets_of_the_aws_sdk() -> Vec<String> {
    let lock = include_str!("../../../../../Cargo.lock");
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    names.filter(|name| name.starts_with("aws-")).map(|name| name.replace('-', "_")).collect()
}

#[test]
fn no_line_of_a_crate_of_the_aws_sdk_is_logged_at_any_level() {
    let sdk = targets_of_the_aws_sdk();
    for name in ["aws_config", "aws_runtime", "aws_sdk_sts", "aws_smithy_runtime", "aws_sigv4", "aws_credential_types"]
    {
        assert!(sdk.iter().any(|target| target == name), "{name}");
    }
    for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
        for target in &sdk {
            let module = format!("{target}::client");
            for event in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
                assert!(!targets(level).would_enable(target, &event), "{level} {target} {event}");
                assert!(!targets(level).would_enable(&module, &event), "{level} {module} {event}");
            }
        }
        for target in ["countersign", "countersign_aws::clients", "countersign_credentials", "countersign_http::client"]
        {
            assert!(targets(level).would_enable(target, &level), "{level} {target}");
        }
    }
}

#[test]
fn lines_of_other_crates_are_logged_from_warn_on() {
    for level in [Level::INFO, Level::DEBUG, Level::TRACE] {
        let events = written(level, || {
            tracing::error!(target: "aws_config::meta::credentials::chain", "a response with credentials");
            tracing::warn!(target: "aws_smithy_runtime::client", "a warning");
            let span = tracing::error_span!(target: "aws_sdk_sts::operation", "call", secret = "hunter2");
            span.in_scope(|| tracing::info!(target: "countersign_aws", "ours"));
            tracing::info!(target: "hyper::client", "details");
            tracing::warn!(target: "hyper::client", "theirs");
        });
        let messages: Vec<_> = events.iter().map(|event| event["message"].as_str().unwrap()).collect();
        assert_eq!(messages, ["ours", "theirs"], "{level}");
        assert_eq!(events[0].get("span"), None);
    }
}

#[test]
fn the_text_of_a_panic_in_the_aws_sdk_is_not_logged() {
    let logged = |file: &str| logged_panic_text(file, &"found hunter2").to_owned();
    let registry = "/cargo/registry/src/index-0123456789abcdef";
    for file in
        ["aws-runtime-1.10.2/src/auth.rs", "aws-smithy-types-1.9.3/src/date_time.rs", "aws-sigv4-1.6.4/src/lib.rs"]
    {
        assert_eq!(logged(&format!("{registry}/{file}")), "a panic in the AWS SDK, whose text is not logged", "{file}");
    }
    for file in
        ["provider/aws/src/clients.rs", "/cargo/src/aws-lc-rs-1.19.0/src/aead.rs", "library/std/src/time.rs", ""]
    {
        assert_eq!(logged(file), "found hunter2", "{file}");
    }
}
