//! Azure Container Registry and Azure Key Vault under their real names, from `kubectl run` to the certificate in the vault: the guide
//! `deploy/aks/README.md` is followed, and the Deployment that it applies answers all cases.
//!
//! Nothing is configured for the tests but the authority that the system of the pod trusts, and the shortest `refreshInterval`.

mod cold_start;
mod guide;
mod network;
mod outages;
mod rotation;
mod secrets;
mod site;
mod verdicts;

use std::path::Path;

use super::cloud::Chain;
use super::in_namespaces::Chapter;
use crate::namespaces;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// The chapter, which runs in namespaces of its own.
pub(crate) const CHAPTER: Chapter = Chapter {
    title: "Azure Container Registry and Azure Key Vault under their real names",
    argument: "azure-in-namespaces",
    directory: "azure-chain",
    variables: "azure_",
    cases,
};

/// Its processes are never kept.
fn cases(workdir: &Workdir, binary: &Path, _keep: bool, transcript: &mut Transcript) -> anyhow::Result<()> {
    namespaces::configure(workdir, &network::NETWORK.addresses()?)?;
    let mut site = site::start(workdir, transcript)?;
    let pod = guide::follow(&mut site, binary)?;
    let mut chain = Chain::new(site, pod)?;
    verdicts::run(&mut chain)?;
    outages::run(&mut chain)?;
    rotation::run(&mut chain)?;
    cold_start::run(&mut chain)?;
    secrets::run(&mut chain)?;
    chain.pod.stop()
}
