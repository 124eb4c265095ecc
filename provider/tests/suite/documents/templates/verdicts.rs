//! Every image without a positive verdict is denied, in every kind and every field.

use countersign_core_test_support::sweep;
use serde_json::Value as Json;
use serde_json::json;

use crate::documents::templates::gatekeeper::Item;
use crate::documents::templates::gatekeeper::Outcome;
use crate::documents::templates::gatekeeper::review;
use crate::documents::templates::gatekeeper::review_with;
use crate::documents::templates::objects::KINDS;
use crate::documents::templates::objects::PLACES;
use crate::documents::templates::objects::POD;

const IMAGE: &str = "registry.example.com/team/app:v1";
const NONE: [&str; 0] = [];

fn value(verdict: &str) -> Item {
    Item::Value(json!({
        "verdict": verdict,
        "code": "unsigned",
        "message": "registry.example.com/team/app:v1: unsigned, expected a signature",
        "warnings": ["expiry: logged only"],
    }))
}

fn odd(value: Json) -> Outcome {
    Outcome::Items(Item::Value(value))
}

fn unexplained(value: &str) -> String {
    format!("{IMAGE}: the response of the provider has neither a positive verdict nor a message: {value}")
}

#[test]
fn admits_verified_and_skipped_images_in_every_field() {
    for verdict in ["verified", "skipped"] {
        for outcome in [Outcome::Items(value(verdict)), Outcome::Cached(value(verdict))] {
            for kind in KINDS {
                for place in PLACES {
                    let review = review(&kind.creation(&place.with(IMAGE)), &outcome);
                    assert_eq!(review.denials, NONE, "{kind:?} {place:?} {outcome:?}");
                    let call = json!({ "provider": "countersign-verify", "keys": [IMAGE] });
                    assert_eq!(review.calls, [call], "{kind:?} {place:?}");
                }
            }
        }
    }
}

#[test]
fn denies_images_without_a_positive_verdict_in_every_field() {
    let no_verdict = format!("{IMAGE}: the provider returned no verdict");
    let rejected = "registry.example.com/team/app:v1: unsigned, expected a signature".to_owned();
    let failed = |text: &str| format!("signature check failed: {text}");
    let failures: Vec<(Outcome, String)> = vec![
        (Outcome::Items(value("rejected")), rejected.clone()),
        (Outcome::Cached(value("rejected")), rejected.clone()),
        (Outcome::Items(value("inconclusive")), rejected.clone()),
        (Outcome::Items(value("Verified")), rejected.clone()),
        (Outcome::Items(value("")), rejected),
        (Outcome::Items(Item::Error("not an image reference")), format!("{IMAGE}: not an image reference")),
        (Outcome::Cached(Item::Error("not an image reference")), format!("{IMAGE}: not an image reference")),
        (Outcome::Items(Item::Missing), no_verdict.clone()),
        (Outcome::Cached(Item::Missing), no_verdict.clone()),
        (odd(json!(null)), unexplained("null")),
        (odd(json!(true)), unexplained("true")),
        (odd(json!("verified")), unexplained(r#""verified""#)),
        (odd(json!(["verified"])), unexplained(r#"["verified"]"#)),
        (odd(json!({})), unexplained("{}")),
        (odd(json!({ "isSuccess": true })), unexplained(r#"{"isSuccess":true}"#)),
        (odd(json!({ "verdict": true })), unexplained(r#"{"verdict":true}"#)),
        (odd(json!({ "verdict": ["verified"] })), unexplained(r#"{"verdict":["verified"]}"#)),
        (odd(json!({ "verdict": "no", "message": "" })), unexplained(r#"{"message":"","verdict":"no"}"#)),
        (odd(json!({ "verdict": "no", "message": 1 })), unexplained(r#"{"message":1,"verdict":"no"}"#)),
        (Outcome::Answer(vec![("another/image", value("verified"))], ""), no_verdict.clone()),
        (Outcome::Answer(vec![], "registry is down"), failed("registry is down")),
        (Outcome::Answer(vec![(IMAGE, value("verified"))], "half"), failed("half")),
        (Outcome::Failure(400, "key is not found in provider cache"), failed("key is not found in provider cache")),
        (Outcome::Failure(500, "context deadline exceeded"), failed("context deadline exceeded")),
        (Outcome::Failure(500, "connect: connection refused"), failed("connect: connection refused")),
        (Outcome::Failure(500, "failed to unmarshal"), failed("failed to unmarshal")),
        (Outcome::Failure(200, ""), no_verdict.clone()),
        (
            Outcome::Raw(None),
            failed(
                "external_data was not called: found a control character in an image, or a provider that is not a text",
            ),
        ),
        (Outcome::Raw(Some(json!({}))), failed("the response has no system_error")),
        (Outcome::Raw(Some(json!(null))), no_verdict.clone()),
        (Outcome::Raw(Some(json!("verified"))), no_verdict.clone()),
        (Outcome::Raw(Some(json!({ "responses": {}, "errors": 1, "system_error": "" }))), no_verdict),
        (Outcome::Raw(Some(json!({ "responses": [], "errors": [], "system_error": null }))), failed("null")),
    ];
    let mut is_tried = sweep::some();
    for (outcome, message) in failures {
        for kind in KINDS {
            for place in PLACES {
                if !is_tried(&message) {
                    continue;
                }
                let review = review(&kind.creation(&place.with(IMAGE)), &outcome);
                assert_eq!(review.denials, [message.as_str()], "{kind:?} {place:?} {outcome:?}");
                assert_eq!(review.calls.len(), 1, "{kind:?} {place:?} {outcome:?}");
            }
        }
    }
}

#[test]
fn reports_warnings_only_where_the_constraint_requests_it() {
    let pod = POD.creation(&json!({ "containers": [{ "name": "a", "image": IMAGE }] }));
    let denials = format!("{IMAGE} is admitted although expiry failed");
    let with = |verdict: &str, warnings: Json| {
        Item::Value(json!({ "verdict": verdict, "message": denials, "warnings": warnings }))
    };
    let warning = json!([{ "check": "expiry", "code": "expired", "message": "old" }]);
    let asks = |value: Json| json!({ "provider": "countersign-verify", "reportWarnings": value });
    for (parameters, item, denials) in [
        (asks(json!(true)), with("verified", warning.clone()), vec![denials.as_str()]),
        (asks(json!(true)), with("verified", json!([])), vec![]),
        (asks(json!(true)), with("verified", json!(null)), vec![]),
        (asks(json!(true)), with("rejected", warning.clone()), vec![&denials]),
        (asks(json!(false)), with("verified", warning.clone()), vec![]),
        (asks(json!("true")), with("verified", warning.clone()), vec![]),
        (json!({}), with("verified", warning), vec![]),
    ] {
        let review = review_with(parameters.clone(), &pod, &Outcome::Items(item));
        assert_eq!(review.denials, denials, "{parameters}");
    }
}

#[test]
fn a_key_cannot_forge_a_line_of_its_denial() {
    let key = "a.example/b\u{2028}c\u{202e}d\u{85}e";
    let pod = POD.creation(&json!({ "containers": [{ "name": "a", "image": key }] }));
    let shown = "a.example/b?c?d?e";
    for (item, message) in [
        (Item::Error("not an image reference"), format!("{shown}: not an image reference")),
        (Item::Missing, format!("{shown}: the provider returned no verdict")),
        (
            Item::Value(json!(true)),
            format!("{shown}: the response of the provider has neither a positive verdict nor a message: true"),
        ),
    ] {
        assert_eq!(review(&pod, &Outcome::Items(item)).denials, [message]);
    }
}

#[test]
fn one_verified_image_does_not_admit_another() {
    let pod = POD.creation(&json!({
        "initContainers": [{ "name": "a", "image": "a.example/good" }],
        "containers": [{ "name": "b", "image": "a.example/bad" }, { "name": "c", "image": "a.example/lost" }],
        "ephemeralContainers": [{ "name": "d", "image": "a.example/odd" }],
    }));
    let no = Item::Value(json!({ "verdict": "rejected", "message": "a.example/bad: revoked" }));
    let items = vec![
        ("a.example/good", value("verified")),
        ("a.example/bad", no),
        ("a.example/odd", Item::Error("not an image reference")),
    ];
    let denials = [
        "a.example/bad: revoked",
        "a.example/lost: the provider returned no verdict",
        "a.example/odd: not an image reference",
    ];
    assert_eq!(review(&pod, &Outcome::Answer(items.clone(), "")).denials, denials);
    // Decided keys are reported beside a system error; the system error reports the others.
    let denials = [
        "a.example/bad: revoked",
        "a.example/odd: not an image reference",
        "signature check failed: a.example/lost: time-out",
    ];
    assert_eq!(review(&pod, &Outcome::Answer(items, "a.example/lost: time-out")).denials, denials);
}

#[test]
fn denies_a_contradictory_response() {
    let pod = POD.creation(&json!({ "containers": [{ "name": "a", "image": IMAGE }] }));
    for (items, message) in [
        (vec![(IMAGE, value("verified")), (IMAGE, Item::Value(json!(null)))], unexplained("null")),
        (vec![(IMAGE, Item::Error("no")), (IMAGE, value("verified"))], format!("{IMAGE}: no")),
    ] {
        assert_eq!(review(&pod, &Outcome::Answer(items, "")).denials, [message]);
    }
}

#[test]
fn asks_once_about_every_distinct_image_in_one_array() {
    let pod = json!({
        "initContainers": [{ "name": "a", "image": "b.example/b" }, { "name": "b", "image": "a.example/a" }],
        "containers": [{ "name": "c", "image": "b.example/b" }, { "name": "d", "image": "b.example/b:latest" }],
        "ephemeralContainers": [{ "name": "e", "image": "a.example/a" }],
        "volumes": [{ "name": "f", "image": { "reference": "c.example/c" } }, { "name": "g", "emptyDir": {} }],
    });
    let review = review_with(
        json!({ "provider": "elsewhere", "exemptImages": [] }),
        &POD.creation(&pod),
        &Outcome::Items(value("verified")),
    );
    let keys = ["a.example/a", "b.example/b", "b.example/b:latest", "c.example/c"];
    assert_eq!(review.calls, [json!({ "provider": "elsewhere", "keys": keys })]);
    assert_eq!(review.denials, NONE);
}

#[test]
fn sends_no_request_for_an_object_without_images() {
    for spec in [json!({}), json!({ "containers": [] }), json!({ "containers": null, "volumes": [] })] {
        for kind in KINDS {
            let review = review(&kind.creation(&spec), &Outcome::Failure(500, "not to be called"));
            assert_eq!((review.denials, review.calls), (vec![], vec![]), "{kind:?} {spec}");
        }
    }
}

#[test]
fn denies_objects_that_it_cannot_read() {
    let nameless = |name: &str, list: &str| format!("{name:?} in {list} names no image, expected an image reference");
    for (spec, message) in [
        (json!({ "containers": [{ "name": "a" }] }), nameless("a", "containers")),
        (json!({ "containers": [{ "name": "a", "image": "" }] }), nameless("a", "containers")),
        (json!({ "initContainers": [{ "name": "a", "image": null }] }), nameless("a", "initContainers")),
        (json!({ "ephemeralContainers": [{ "name": "a", "image": ["x"] }] }), nameless("a", "ephemeralContainers")),
        (json!({ "containers": [{ "name": "a", "image": { "x": 1 } }] }), nameless("a", "containers")),
        (json!({ "containers": [{}] }), nameless("", "containers")),
        (json!({ "volumes": [{ "name": "a", "image": {} }] }), nameless("a", "volumes")),
        (json!({ "volumes": [{ "name": "a", "image": "x" }] }), nameless("a", "volumes")),
        (json!({ "containers": ["x"] }), "containers[0] is not an object".to_owned()),
        (json!({ "volumes": [null] }), "volumes[0] is not an object".to_owned()),
        (json!({ "initContainers": { "image": "x" } }), "initContainers is not a list".to_owned()),
    ] {
        for kind in KINDS {
            let creation = review(&kind.creation(&spec), &Outcome::Items(value("verified")));
            assert_eq!(creation.denials, [message.as_str()], "{kind:?} {spec}");
            let object = kind.object(&spec);
            let update = review(&kind.update(object.clone(), object), &Outcome::Items(value("verified")));
            assert_eq!(update.denials, [message.as_str()], "{kind:?} {spec}");
        }
    }
}

#[test]
fn a_malformed_container_does_not_hide_the_next_one() {
    let pod = POD.creation(&json!({ "containers": [{ "name": "a" }, null, { "name": "b", "image": IMAGE }] }));
    let denials = [
        r#""a" in containers names no image, expected an image reference"#,
        "containers[1] is not an object",
        "registry.example.com/team/app:v1: the provider returned no verdict",
    ];
    assert_eq!(review(&pod, &Outcome::Items(Item::Missing)).denials, denials);
}

#[test]
fn denies_objects_without_a_pod_specification() {
    for kind in KINDS {
        let message =
            format!("found no pod specification in {}, expected an object at {}", kind.text(), kind.dotted_path());
        for object in [None, Some(json!({})), Some(json!({ "spec": null })), Some(kind.object(&json!(7)))] {
            for operation in ["CREATE", "UPDATE", ""] {
                let review = review(&kind.review(operation, object.clone(), None), &Outcome::Items(value("verified")));
                assert_eq!(review.denials, [message.as_str()], "{kind:?} {object:?}");
            }
        }
    }
}

#[test]
fn denies_kinds_that_it_does_not_know() {
    let pod = json!({ "containers": [{ "name": "a", "image": IMAGE }] });
    for (kind, named) in [
        (
            json!({ "group": "", "version": "v1", "kind": "PodTemplate" }),
            r#"{"group":"","kind":"PodTemplate","version":"v1"}"#,
        ),
        (json!({ "group": "apps", "version": "v1", "kind": "Pod" }), r#"{"group":"apps","kind":"Pod","version":"v1"}"#),
        (
            json!({ "group": "x.example", "version": "v1", "kind": "Deployment" }),
            r#"{"group":"x.example","kind":"Deployment","version":"v1"}"#,
        ),
        (json!({ "group": "", "version": "v1", "kind": "pod" }), r#"{"group":"","kind":"pod","version":"v1"}"#),
        (json!({}), "{}"),
        (json!(null), "null"),
    ] {
        let mut request = POD.creation(&pod);
        request["kind"] = kind;
        let known = "/Pod, /ReplicationController, apps/DaemonSet, apps/Deployment, apps/ReplicaSet, apps/StatefulSet, batch/CronJob, batch/Job";
        let message =
            format!("countersign cannot check objects of kind {named}; match only {known} with this constraint");
        assert_eq!(review(&request, &Outcome::Items(value("verified"))).denials, [message]);
    }
}
