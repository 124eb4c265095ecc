//! Deployments, all of which exist from the beginning, without replicas.

use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::api::Api;
use super::api::NAMESPACE;
use crate::wait;

/// Concurrent requests of the user who scales Deployments.
const AT_ONCE: usize = 8;

/// Time limit until all Pods are gone, and until all ReplicaSets are there.
const SETTLED: Duration = Duration::from_secs(180);

/// Time limit until new controllers act.
const ACTING: Duration = Duration::from_secs(60);

/// The Deployment of which all Pods are, in the arm with one.
const ONE: &str = "one";

/// The Deployment that shows whether the controllers act.
const PROBE: &str = "probe";

pub(super) struct Workloads {
    /// The Deployments with an image each.
    names: Vec<String>,
    /// What was scaled up last.
    scaled: Vec<String>,
}

fn collection(group: &str, kind: &str) -> String {
    format!("/{group}/namespaces/{NAMESPACE}/{kind}")
}

fn pods() -> String {
    collection("api/v1", "pods")
}

fn events() -> String {
    collection("api/v1", "events")
}

fn deployments() -> String {
    collection("apis/apps/v1", "deployments")
}

fn replica_sets() -> String {
    collection("apis/apps/v1", "replicasets")
}

impl Workloads {
    /// Creates a Deployment for each image. The controllers must act, and no webhook must be called.
    pub(super) fn create(api: &Api, images: &[String]) -> anyhow::Result<Self> {
        let names: Vec<String> = (0..images.len()).map(|number| format!("app-{number}")).collect();
        let mut all: Vec<(&str, &str)> =
            names.iter().map(String::as_str).zip(images.iter().map(String::as_str)).collect();
        all.extend([(ONE, images[0].as_str()), (PROBE, images[0].as_str())]);
        concurrently(&all, |(name, image)| api.create(&deployments(), &deployment(name, image)))?;
        let workloads = Self { names, scaled: Vec::new() };
        wait::until("a ReplicaSet for each Deployment", SETTLED, || workloads.check_replica_sets(api))?;
        Ok(workloads)
    }

    /// An error unless there is one ReplicaSet for each Deployment: more would be rollouts.
    pub(super) fn check_replica_sets(&self, api: &Api) -> anyhow::Result<()> {
        let (found, expected) = (api.count(&replica_sets())?, self.names.len() + 2);
        ensure!(found == expected, "found {found} ReplicaSets, expected {expected}");
        Ok(())
    }

    /// Waits until the controllers create and delete Pods. There must be none.
    pub(super) fn wait_acting(api: &Api) -> anyhow::Result<()> {
        for replicas in [1, 0] {
            scale(api, PROBE, replicas)?;
            wait_for(api, replicas, ACTING)?;
        }
        Ok(())
    }

    /// Scales up to this number of Pods.
    pub(super) fn scale_up(&mut self, api: &Api, count: usize, is_one_deployment: bool) -> anyhow::Result<()> {
        if is_one_deployment {
            self.scaled = vec![ONE.to_owned()];
            return scale(api, ONE, count);
        }
        self.scaled = self.names[..count].to_vec();
        concurrently(&self.scaled, |name| scale(api, name, 1))
    }

    /// Removes all Pods.
    pub(super) fn scale_down(&mut self, api: &Api) -> anyhow::Result<()> {
        concurrently(&self.scaled, |name| scale(api, name, 0))?;
        self.scaled.clear();
        wait_for(api, 0, SETTLED)
    }

    pub(super) fn delete_events(api: &Api) -> anyhow::Result<()> {
        wait::until("all events to be deleted", SETTLED, || {
            api.delete_all(&events())?;
            let left = api.count(&events())?;
            ensure!(left == 0, "{left} are left");
            Ok(())
        })
    }

    pub(super) fn count(api: &Api) -> anyhow::Result<usize> {
        api.count(&pods())
    }

    /// How often the controllers have reported that they could not create a Pod.
    pub(super) fn failed_creates(api: &Api) -> anyhow::Result<u64> {
        let list = api.get(&format!("{}?fieldSelector=reason%3DFailedCreate", events()))?;
        // An event stands for several equal ones; `count` is absent in a single one of the newer kind.
        Ok(list["items"].as_array().into_iter().flatten().map(|event| event["count"].as_u64().unwrap_or(1)).sum())
    }
}

fn wait_for(api: &Api, count: usize, limit: Duration) -> anyhow::Result<()> {
    wait::until("the number of Pods", limit, || {
        let found = Workloads::count(api)?;
        ensure!(found == count, "found {found} Pods, expected {count}");
        Ok(())
    })
}

/// A subresource for which no webhook is called.
fn scale(api: &Api, name: &str, replicas: usize) -> anyhow::Result<()> {
    api.patch(&format!("{}/{name}/scale", deployments()), &json!({ "spec": { "replicas": replicas } }))
}

fn deployment(name: &str, image: &str) -> Value {
    let labels = json!({ "app": name });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "app", "image": image }] },
            },
        },
    })
}

/// Calls `each` for every item, several at the same time, up to the first error of each thread.
fn concurrently<T: Sync>(items: &[T], each: impl Fn(&T) -> anyhow::Result<()> + Sync) -> anyhow::Result<()> {
    let each = &each;
    thread::scope(|scope| {
        let part = items.len().div_ceil(AT_ONCE).max(1);
        let threads: Vec<_> =
            items.chunks(part).map(|items| scope.spawn(move || items.iter().try_for_each(each))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })
}
