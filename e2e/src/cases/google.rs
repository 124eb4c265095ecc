//! Google Artifact Registry under its real name, from `kubectl run` to the token of the metadata server: the guide `deploy/gke/README.md`
//! is followed, and the Deployment that it applies answers all cases.
//!
//! Nothing is configured for the tests but the authority that the system of the pod trusts.

mod concurrency;
mod guide;
mod lifetimes;
mod metrics;
mod network;
mod refusals;
mod secrets;
mod site;
mod verdicts;

use std::path::Path;

pub(super) use self::guide::overlays;
use super::in_namespaces::Chapter;
use crate::namespaces;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// The chapter, which runs in namespaces of its own.
pub(crate) const CHAPTER: Chapter = Chapter {
    title: "Google Artifact Registry under its real name",
    argument: "google-in-namespaces",
    directory: "google-chain",
    variables: "gce_",
    cases,
};

/// Its processes are never kept.
fn cases(workdir: &Workdir, binary: &Path, _keep: bool, transcript: &mut Transcript) -> anyhow::Result<()> {
    namespaces::configure(workdir, &network::NETWORK.addresses()?)?;
    let site = site::start(workdir, transcript)?;
    let mut chain = guide::follow(site, binary)?;
    verdicts::run(&mut chain)?;
    lifetimes::run(&mut chain)?;
    refusals::run(&mut chain)?;
    concurrency::run(&mut chain)?;
    secrets::run(&mut chain)?;
    chain.pod.stop()
}
