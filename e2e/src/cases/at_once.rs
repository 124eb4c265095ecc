//! Many images at the same time.

use std::sync::Barrier;
use std::thread;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;

use crate::cluster::Cluster;
use crate::process::Finished;
use crate::workdir::Workdir;

/// The number of images.
pub(super) const COUNT: usize = 20;

/// Creates one pod with a container for each of these images. Returns the command and its result.
pub(super) fn in_one_pod(
    workdir: &Workdir,
    cluster: &Cluster,
    images: impl Iterator<Item = String>,
) -> anyhow::Result<(String, Finished)> {
    let containers: Vec<Value> =
        images.enumerate().map(|(number, image)| json!({ "name": format!("c{number}"), "image": image })).collect();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "twenty" }, "spec": { "containers": containers },
    });
    let path = workdir.write("objects/twenty.json", pod.to_string())?;
    cluster.kubectl(&["create", "-f", path.to_str().context("a path is not UTF-8")?])
}

/// `kubectl run` of all references at the same time. Returns the outputs of those that failed.
pub(super) fn in_many_pods(workdir: &Workdir, cluster: &Cluster, references: &[String]) -> anyhow::Result<Vec<String>> {
    let barrier = Barrier::new(references.len());
    let outputs = thread::scope(|scope| {
        let run = |(number, reference): (usize, &String)| {
            let (barrier, reference) = (&barrier, reference.clone());
            scope.spawn(move || {
                let log = workdir.log(&format!("kubectl-{number}"));
                barrier.wait();
                cluster.kubectl_beside(&["run", &format!("at-once-{number}"), "--image", &reference], &log)
            })
        };
        let threads: Vec<_> = references.iter().enumerate().map(run).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
            .collect::<anyhow::Result<Vec<_>>>()
    })?;
    Ok(outputs.into_iter().filter(|finished| !finished.status.success()).map(|finished| finished.output).collect())
}
