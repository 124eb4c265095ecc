//! Objects as the API server sends them to Gatekeeper.

use serde_json::Value as Json;
use serde_json::json;

/// A kind that the template knows, and where it keeps its pod specification.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    group: &'static str,
    kind: &'static str,
    path: &'static [&'static str],
}

pub(crate) const POD: Kind = Kind { group: "", kind: "Pod", path: &["spec"] };
pub(crate) const DEPLOYMENT: Kind = Kind { group: "apps", kind: "Deployment", path: TEMPLATE };
pub(crate) const CRON_JOB: Kind =
    Kind { group: "batch", kind: "CronJob", path: &["spec", "jobTemplate", "spec", "template", "spec"] };
const TEMPLATE: &[&str] = &["spec", "template", "spec"];

pub(crate) const KINDS: [Kind; 8] = [
    POD,
    Kind { group: "", kind: "ReplicationController", path: TEMPLATE },
    DEPLOYMENT,
    Kind { group: "apps", kind: "ReplicaSet", path: TEMPLATE },
    Kind { group: "apps", kind: "StatefulSet", path: TEMPLATE },
    Kind { group: "apps", kind: "DaemonSet", path: TEMPLATE },
    Kind { group: "batch", kind: "Job", path: TEMPLATE },
    CRON_JOB,
];

/// The field of an image within a pod specification.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Containers,
    InitContainers,
    EphemeralContainers,
    Volumes,
}

pub(crate) const PLACES: [Place; 4] =
    [Place::Containers, Place::InitContainers, Place::EphemeralContainers, Place::Volumes];

impl Place {
    /// A pod specification with `image` in this field, and nothing else.
    pub(crate) fn with(self, image: &str) -> Json {
        match self {
            Self::Containers => json!({ "containers": [{ "name": "app", "image": image }] }),
            Self::InitContainers => json!({ "containers": [], "initContainers": [{ "name": "app", "image": image }] }),
            Self::EphemeralContainers => {
                json!({ "containers": null, "ephemeralContainers": [{ "name": "app", "image": image }] })
            }
            Self::Volumes => json!({ "volumes": [
                { "name": "scratch", "emptyDir": {} },
                { "name": "app", "image": { "reference": image, "pullPolicy": "Always" } },
            ] }),
        }
    }
}

impl Kind {
    /// An object of this kind around a pod specification.
    pub(crate) fn object(self, pod_spec: &Json) -> Json {
        let inner = self.path.iter().rev().fold(pod_spec.clone(), |inner, name| json!({ *name: inner }));
        let mut object = json!({ "apiVersion": "any", "kind": self.kind, "metadata": { "name": "web" } });
        object["spec"] = inner["spec"].clone();
        object
    }

    /// The creation of such an object.
    pub(crate) fn creation(self, pod_spec: &Json) -> Json {
        self.review("CREATE", Some(self.object(pod_spec)), None)
    }

    /// The change of one object into another.
    pub(crate) fn update(self, old: Json, new: Json) -> Json {
        self.review("UPDATE", Some(new), Some(old))
    }

    /// An admission request; audit has the empty operation.
    pub(crate) fn review(self, operation: &str, object: Option<Json>, old: Option<Json>) -> Json {
        json!({
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": self.group, "version": "v1", "kind": self.kind },
            "name": "web",
            "namespace": "shop",
            "operation": operation,
            "object": object,
            "oldObject": old,
        })
    }

    /// As the template's messages name it.
    pub(crate) fn text(self) -> String {
        format!("{}/{}", self.group, self.kind)
    }

    /// Where the pod specification is, with dots.
    pub(crate) fn dotted_path(self) -> String {
        self.path.join(".")
    }
}
