//! Every kind and field, and each mistake.

use std::collections::BTreeMap;

use super::*;
use crate::cli::manifests::Document;
use crate::cli::manifests::ManifestMistake;
use crate::cli::manifests::objects;

/// An image and its fields.
type FoundImage = (String, Vec<String>);

/// The images, warnings and mistakes of a text.
fn read(text: &str) -> (Vec<FoundImage>, Vec<String>, Vec<String>) {
    let mut mistakes = ManifestMistakes::default();
    let documents = Document::of("m.yaml", text);
    let objects = objects(&documents, &mut mistakes);
    let Images { images, unread } = images(&objects, &mut mistakes);
    let shown = |field: &ImageField| format!("{}: {}", field.object, field.field);
    let images = images.iter().map(|(image, fields)| (image.clone(), fields.iter().map(shown).collect())).collect();
    (images, unread, mistakes.into_list().iter().map(ManifestMistake::to_string).collect())
}

fn names(text: &str) -> Vec<String> {
    let (images, unread, mistakes) = read(text);
    assert_eq!((unread, mistakes), (Vec::new(), Vec::new()), "{text}");
    images.into_iter().map(|(image, _)| image).collect()
}

fn mistakes(text: &str) -> Vec<String> {
    read(text).2
}

#[test]
fn the_kinds_are_those_of_the_constraint_template() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../templates/countersignimages.yaml");
    let text = std::fs::read_to_string(template).unwrap();
    let table = text.split_once("pod_spec_paths := ").unwrap().1;
    let (table, _) = table.split_once('}').unwrap();
    let table = format!("{}}}", table.trim_end().trim_end_matches(','));
    let table: BTreeMap<String, Vec<String>> = serde_json::from_str(&table).unwrap();
    let ours: BTreeMap<String, Vec<String>> = WORKLOADS
        .iter()
        .map(|Workload { group, kind, pod_spec }| {
            (format!("{group}/{kind}"), pod_spec.iter().map(|part| (*part).to_owned()).collect())
        })
        .collect();
    assert_eq!(ours, table);
    let lists = text.split_once("container_lists := {").unwrap().1.split_once('}').unwrap().0.to_owned();
    let mut lists: Vec<&str> = lists.split(", ").map(|name| name.trim_matches('"')).collect();
    let mut ours = CONTAINER_LISTS;
    lists.sort_unstable();
    ours.sort_unstable();
    assert_eq!(lists, ours);
}

#[test]
fn reads_every_kind() {
    for Workload { group, kind, pod_spec } in WORKLOADS {
        let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
        let spec = serde_json::json!({"containers": [{"name": "app", "image": "a"}]});
        let object = pod_spec.iter().rev().fold(spec, |value, member| serde_json::json!({*member: value}));
        let mut object = object;
        object["apiVersion"] = version.into();
        object["kind"] = kind.into();
        assert_eq!(names(&object.to_string()), ["a"], "{kind}");
    }
}

#[test]
fn reads_every_field_of_a_pod_in_yaml_and_json() {
    let yaml = "\
apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  containers: [{name: app, image: a}, {name: side, image: b}]
  initContainers: [{name: init, image: c}]
  ephemeralContainers: [{name: debug, image: d}]
  volumes:
  - {name: models, image: {reference: e, pullPolicy: Always}}
  - {name: data, emptyDir: {}}
  - {name: again, image: {reference: a}}
";
    let fields = |field: &str| vec![format!("Pod \"shop\": spec.{field}")];
    let wanted = vec![
        ("c".to_owned(), fields("initContainers[0].image")),
        ("a".to_owned(), [fields("containers[0].image"), fields("volumes[2].image.reference")].concat()),
        ("b".to_owned(), fields("containers[1].image")),
        ("d".to_owned(), fields("ephemeralContainers[0].image")),
        ("e".to_owned(), fields("volumes[0].image.reference")),
    ];
    assert_eq!(read(yaml), (wanted.clone(), Vec::new(), Vec::new()));
    // With tabs and a pair of surrogates, which YAML does not have.
    let json = "\u{feff}{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\", \"metadata\": {\"name\": \"shop\", \
                \"annotations\": {\"a\": \"\\ud83d\\ude00\"}}, \"spec\": {\"containers\": [{\"image\": \"a\"}, \
                {\"image\": \"b\"}], \"initContainers\": [{\"image\": \"c\"}], \"ephemeralContainers\": \
                [{\"image\": \"d\"}], \"volumes\": [{\"image\": {\"reference\": \"e\"}}, {}, \
                {\"image\": {\"reference\": \"a\"}}]}}";
    assert_eq!(read(json), (wanted, Vec::new(), Vec::new()));
}

#[test]
fn reads_documents_lists_and_lists_of_one_kind() {
    let text = "\
# nothing
---
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, data: {containers: text}}
- {apiVersion: v1, kind: Pod, spec: {containers: [{image: a}]}}
- apiVersion: v1
  kind: PodList
  items:
  - {spec: {containers: [{image: b}]}}
---
{apiVersion: apps/v1, kind: DeploymentList, items: [{spec: {template: {spec: {containers: [{image: c}]}}}}]}
---
{apiVersion: v1, kind: PodList, items: null}
---
{apiVersion: example.com/v1, kind: AllowList, items: [a, b]}
--- {apiVersion: v1, kind: Pod, spec: {containers: null}}
";
    let (images, unread, mistakes) = read(text);
    assert_eq!((unread, mistakes), (Vec::new(), Vec::new()));
    let first = |index: usize| images[index].1[0].clone();
    assert_eq!(images.len(), 3);
    assert_eq!(first(0), "Pod: items[1].spec.containers[0].image");
    assert_eq!(first(1), "Pod: items[2].items[0].spec.containers[0].image");
    assert_eq!(first(2), "Deployment: items[0].spec.template.spec.containers[0].image");
}

#[test]
fn expands_anchors_aliases_and_merge_keys() {
    let text = "\
apiVersion: v1
kind: Pod
spec:
  initContainers:
  - &base {image: a, name: init}
  containers:
  - *base
  - {<<: *base, name: other}
";
    assert_eq!(names(text), ["a"]);
}

#[test]
fn names_file_line_document_object_and_field_of_each_mistake() {
    let text = "\
apiVersion: v1
kind: Pod
metadata: {name: shop}
spec:
  containers: [{name: app}, {image: 5}, {image: ''}, text]
  initContainers: {}
  volumes: [{image: text}, {image: {reference: null}}]
---
{apiVersion: batch/v1, kind: CronJob, metadata: {generateName: nightly-}, spec: {jobTemplate: []}}
---
{kind: Pod}
---
{apiVersion: v1}
---
{name: values}
---
- a
---
{apiVersion: v1, kind: List, items: {}}
---
{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, spec: []}, 7]}
";
    assert_eq!(
        mistakes(text),
        [
            "m.yaml:11: document 3: found no apiVersion, expected an object with apiVersion and kind",
            "m.yaml:13: document 4: found no kind, expected an object with apiVersion and kind",
            "m.yaml:15: document 5: found neither apiVersion nor kind, expected an object with apiVersion and kind",
            "m.yaml:17: document 6: found a list, expected an object with apiVersion and kind",
            "m.yaml:19: document 7: items: found an object, expected a list",
            "m.yaml:21: document 8: items[1]: found the number 7, expected an object with apiVersion and kind",
            "m.yaml:1: document 1, Pod \"shop\": spec.initContainers: found an object, expected a list",
            "m.yaml:1: document 1, Pod \"shop\": spec.containers[3]: found \"text\", expected an object",
            "m.yaml:1: document 1, Pod \"shop\": spec.containers[0].image: found nothing, expected an image reference",
            "m.yaml:1: document 1, Pod \"shop\": spec.containers[1].image: found the number 5, expected an image \
             reference",
            "m.yaml:1: document 1, Pod \"shop\": spec.containers[2].image: found \"\", expected an image reference",
            "m.yaml:1: document 1, Pod \"shop\": spec.volumes[0].image.reference: found nothing, expected an image \
             reference",
            "m.yaml:1: document 1, Pod \"shop\": spec.volumes[1].image.reference: found nothing, expected an image \
             reference",
            "m.yaml:9: document 2, CronJob \"nightly-\": spec.jobTemplate.spec.template.spec: found nothing, expected \
             a pod specification",
            "m.yaml:21: document 8, Pod: items[0].spec: found a list, expected a pod specification",
        ]
    );
}

#[test]
fn limits_mistakes_and_images_and_lists_within_lists() {
    let pods = |count: usize, container: &dyn Fn(usize) -> String| {
        let containers: Vec<String> = (0..count).map(container).collect();
        format!("{{apiVersion: v1, kind: Pod, spec: {{containers: [{}]}}}}", containers.join(", "))
    };
    let found = mistakes(&pods(150, &|_| "{}".to_owned()));
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "found 50 more mistakes, expected the mistakes above to be corrected first");
    let (images, _, mistakes) = read(&pods(10_002, &|index| format!("{{image: a{index}}}")));
    assert_eq!(images.len(), 10_000);
    assert_eq!(
        mistakes,
        ["m.yaml:1: document 1, Pod: spec.containers[10000].image: found too many different images, expected at most \
          10000"]
    );
    let list = (0..6).fold("{apiVersion: v1, kind: Pod}".to_owned(), |item, _| {
        format!("{{apiVersion: v1, kind: List, items: [{item}]}}")
    });
    assert_eq!(
        read(&list).2,
        ["m.yaml:1: document 1: items[0].items[0].items[0].items[0]: found too many lists within lists, expected at \
          most 4"]
    );
}

#[test]
fn other_kinds_are_ignored_with_a_warning_if_they_have_containers() {
    let text = "\
{apiVersion: v1, kind: Service, spec: {ports: []}}
---
{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: shop}, spec: {template: {spec: {containers: [{image: a}]}}}}
---
{apiVersion: other.example/v1, kind: Deployment, spec: {template: {spec: {initContainers: []}}}}
";
    let (images, unread, mistakes) = read(text);
    assert_eq!((images, mistakes), (Vec::new(), Vec::new()));
    let kinds = "Pod, ReplicationController, Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob";
    assert_eq!(
        unread,
        [
            format!(
                "m.yaml: Rollout \"shop\" of API group \"argoproj.io\" has containers, whose images are not verified: \
                 found another kind, expected one of {kinds}; give its images as arguments"
            ),
            format!(
                "m.yaml: Deployment of API group \"other.example\" has containers, whose images are not verified: \
                 found another kind, expected one of {kinds}; give its images as arguments"
            ),
        ]
    );
}
