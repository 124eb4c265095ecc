//! An update that starts no container is admitted; every other update is verified.

use serde_json::Value as Json;
use serde_json::json;

use crate::documents::templates::gatekeeper::Item;
use crate::documents::templates::gatekeeper::Outcome;
use crate::documents::templates::gatekeeper::review;
use crate::documents::templates::objects::CRON_JOB;
use crate::documents::templates::objects::DEPLOYMENT;
use crate::documents::templates::objects::KINDS;
use crate::documents::templates::objects::Kind;
use crate::documents::templates::objects::POD;

const IMAGE: &str = "registry.example.com/team/app:v1";

fn spec() -> Json {
    json!({
        "containers": [{ "name": "app", "image": IMAGE }, { "name": "proxy", "image": "registry.example.com/proxy" }],
        "volumes": [{ "name": "model", "image": { "reference": "registry.example.com/model" } }],
    })
}

/// Whether the provider, which has no verdicts, was asked; then the object was denied, too.
fn asked(request: &Json) -> bool {
    let review = review(request, &Outcome::Items(Item::Missing));
    assert_eq!(review.calls.is_empty(), review.denials.is_empty(), "{request}");
    !review.calls.is_empty()
}

fn changed(kind: Kind, change: impl FnOnce(&mut Json)) -> Json {
    let mut new = kind.object(&spec());
    change(&mut new);
    kind.update(kind.object(&spec()), new)
}

#[test]
fn labels_finalizers_and_scale_of_an_object_can_be_changed_when_its_image_no_longer_verifies() {
    for kind in KINDS {
        assert!(!asked(&changed(kind, |object| object["metadata"]["labels"] = json!({ "team": "shop" }))), "{kind:?}");
        assert!(!asked(&changed(kind, |object| object["metadata"]["finalizers"] = json!([]))), "{kind:?}");
    }
    assert!(!asked(&changed(DEPLOYMENT, |object| object["spec"]["replicas"] = json!(0))));
    assert!(!asked(&changed(CRON_JOB, |object| object["spec"]["suspend"] = json!(true))));
    // A Pod's containers do not start again when a toleration is added.
    assert!(!asked(&changed(POD, |pod| pod["spec"]["tolerations"] = json!([{ "operator": "Exists" }]))));
}

#[test]
fn deletion_is_never_denied() {
    for kind in KINDS {
        let object = kind.object(&spec());
        assert!(!asked(&kind.review("DELETE", Some(object.clone()), Some(object.clone()))), "{kind:?}");
        assert!(!asked(&kind.review("DELETE", None, Some(object))), "{kind:?}");
    }
    let mut unknown = POD.review("DELETE", None, None);
    unknown["kind"] = json!({ "group": "x.example", "version": "v1", "kind": "Widget" });
    assert!(!asked(&unknown));
}

#[test]
fn audit_verifies_unchanged_objects() {
    for kind in KINDS {
        let object = kind.object(&spec());
        assert!(asked(&kind.review("", Some(object.clone()), None)), "{kind:?}");
        assert!(asked(&kind.review("", Some(object.clone()), Some(object))), "{kind:?}");
    }
}

#[test]
fn verifies_a_creation_whatever_its_old_object_says() {
    for kind in KINDS {
        let object = kind.object(&spec());
        for operation in ["CREATE", "CONNECT", "update", "UPDATE "] {
            assert!(asked(&kind.review(operation, Some(object.clone()), Some(object.clone()))), "{kind:?} {operation}");
        }
    }
}

#[test]
fn verifies_an_update_without_an_old_object() {
    for kind in KINDS {
        for old in [None, Some(json!({})), Some(json!({ "spec": null })), Some(json!([]))] {
            assert!(asked(&kind.review("UPDATE", Some(kind.object(&spec())), old)), "{kind:?}");
        }
    }
}

#[test]
fn verifies_a_changed_image_together_with_the_unchanged_ones() {
    let update = changed(POD, |pod| pod["spec"]["containers"][0]["image"] = json!("registry.example.com/team/app:v2"));
    let review = review(&update, &Outcome::Items(Item::Value(json!({ "verdict": "verified" }))));
    let keys = ["registry.example.com/model", "registry.example.com/proxy", "registry.example.com/team/app:v2"];
    assert_eq!(review.calls, [json!({ "provider": "countersign-verify", "keys": keys })]);
}

#[test]
fn verifies_an_ephemeral_container_even_with_an_image_of_the_pod() {
    for image in ["docker.io/library/busybox", IMAGE] {
        let debug = json!([{ "name": "debugger-x7k2p", "image": image, "targetContainerName": "app" }]);
        assert!(asked(&changed(POD, |pod| pod["spec"]["ephemeralContainers"] = debug)), "{image}");
    }
}

#[test]
fn verifies_images_that_swap_their_containers() {
    assert!(asked(&changed(POD, |pod| {
        pod["spec"]["containers"][0]["image"] = json!("registry.example.com/proxy");
        pod["spec"]["containers"][1]["image"] = json!(IMAGE);
    })));
    assert!(asked(&changed(POD, |pod| pod["spec"]["containers"][0]["name"] = json!("renamed"))));
    assert!(asked(&changed(POD, |pod| {
        pod["spec"]["initContainers"] = pod["spec"]["containers"].clone();
    })));
}

#[test]
fn verifies_a_rolling_restart_because_it_pulls_again() {
    let restarted = json!({ "annotations": { "kubectl.kubernetes.io/restartedAt": "2026-11-21T12:00:00Z" } });
    for kind in KINDS.into_iter().filter(|kind| kind.dotted_path() == "spec.template.spec") {
        assert!(asked(&changed(kind, |object| object["spec"]["template"]["metadata"] = restarted.clone())), "{kind:?}");
    }
    assert!(asked(&changed(CRON_JOB, |job| {
        job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"] =
            json!("registry.example.com/x");
    })));
}
