//! Amazon ECR and AWS Signer under their real names, from `kubectl run` to the status of a signature: IRSA, EKS Pod Identity, roles
//! of other accounts, levels for each environment, outages.
//!
//! The chapter runs in namespaces of its own ([`crate::namespaces`]), with a cluster of its own. There the names of AWS lead to its
//! doubles, which are a process on the addresses and ports of the real services. So nothing of Countersign is different from a
//! cluster at AWS.

mod chain;
mod concurrency;
mod cost;
mod environments;
mod guide;
mod identities;
pub(in crate::cases) mod journal;
mod kept;
mod network;
mod outages;
mod secrets;
mod settings;
mod tokens;
mod verdicts;

use std::path::Path;

use self::chain::Chain;
use super::in_namespaces;
use super::in_namespaces::Chapter;
use crate::namespaces;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// The chapter, which runs in namespaces of its own.
pub(crate) const CHAPTER: Chapter = Chapter {
    title: "Amazon ECR and AWS Signer under their real names",
    argument: "aws-in-namespaces",
    directory: "aws-chain",
    variables: "aws_",
    cases,
};

/// Does not return if all cases were tried and the chain is kept.
fn cases(workdir: &Workdir, binary: &Path, keep: bool, transcript: &mut Transcript) -> anyhow::Result<()> {
    namespaces::configure(workdir, &network::NETWORK.addresses()?)?;
    let mut chain = Chain::start(workdir, binary, transcript)?;
    verdicts::run(&mut chain)?;
    environments::run(&mut chain)?;
    outages::run(&mut chain)?;
    tokens::run(&mut chain)?;
    identities::run(&mut chain)?;
    concurrency::run(&mut chain)?;
    cost::run(&mut chain)?;
    guide::run(&mut chain)?;
    secrets::run(&mut chain)?;
    if keep {
        let how_to_use = kept::restore(&mut chain)?;
        in_namespaces::write_results(workdir, chain.transcript)?;
        kept::serve(&chain, &how_to_use);
    }
    Ok(())
}
