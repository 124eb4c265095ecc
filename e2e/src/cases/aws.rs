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
mod journal;
mod kept;
mod network;
mod outages;
mod pod;
mod secrets;
mod settings;
mod tokens;
mod verdicts;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use self::chain::Chain;
use crate::namespaces;
use crate::process;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// The argument of this program that makes it run the chapter, before the path of a file that [`run`] writes.
pub(crate) const IN_NAMESPACES: &str = "aws-in-namespaces";

/// Time limit for the chapter.
const LIMIT: Duration = Duration::from_secs(900);

/// Time limit for a chain that is kept: it ends with the run.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

const TITLE: &str = "Amazon ECR and AWS Signer under their real names";

/// Runs the chapter in new namespaces, or skips it if this machine does not permit them. With `keep`, its processes serve afterwards
/// until the run is interrupted; then this does not return, unless the chapter did not complete.
pub(crate) fn run(workdir: &Workdir, binary: &Path, keep: bool, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter(TITLE);
    if let Err(why) = namespaces::check(workdir) {
        transcript.skip(TITLE, &why);
        return Ok(());
    }
    let below = workdir.below("aws-chain")?;
    let task = json!({ "work": below.path(), "tools": below.tools(), "binary": binary, "keep": keep });
    let task = below.write("task.json", task.to_string())?;
    let program = std::env::current_exe()?;
    let mut command = namespaces::command(&program, &[IN_NAMESPACES, task.to_str().context("a path is not UTF-8")?]);
    // The environment of the pod is that of the cases.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_lowercase();
        if text.starts_with("aws_") || text.ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    let status = process::run_attached(&command, if keep { KEPT } else { LIMIT })?;
    let results = fs::read(below.path().join(RESULTS)).context("the chapter has no results")?;
    let results: Value = serde_json::from_slice(&results)?;
    let failed = results["failed"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let passed = results["passed"].as_u64().context("the chapter has no number of results")?;
    transcript.add(usize::try_from(passed)?, failed.collect());
    if !status.success() {
        below.print_tails();
        ensure!(!transcript.all_passed(), "the chapter in namespaces ended with {status}");
    }
    Ok(())
}

const RESULTS: &str = "results.json";

/// Runs the chapter in this process, which is in new namespaces. An error if a case failed.
pub(crate) fn run_in_namespaces(task: &str) -> anyhow::Result<()> {
    let task: Value = serde_json::from_slice(&fs::read(task).with_context(|| format!("cannot read {task}"))?)?;
    let text = |name: &str| task[name].as_str().with_context(|| format!("the task has no {name}"));
    let workdir = Workdir::existing(text("tools")?, text("work")?)?;
    let mut transcript = Transcript::new();
    let keep = task["keep"].as_bool().context("the task has no keep")?;
    let result = cases(&workdir, Path::new(text("binary")?), keep, &mut transcript);
    if let Err(error) = result {
        transcript.verdict("the chapter completes", Err(error));
        if keep {
            transcript.note("nothing is kept, as the chapter did not complete");
        }
    }
    write_results(&workdir, &transcript)?;
    ensure!(transcript.all_passed(), "{} of its cases failed", transcript.results().1.len());
    Ok(())
}

fn write_results(workdir: &Workdir, transcript: &Transcript) -> anyhow::Result<()> {
    let (passed, failed) = transcript.results();
    workdir.write(RESULTS, json!({ "passed": passed, "failed": failed }).to_string()).map(drop)
}

/// Does not return if all cases were tried and the chain is kept.
fn cases(workdir: &Workdir, binary: &Path, keep: bool, transcript: &mut Transcript) -> anyhow::Result<()> {
    namespaces::configure(workdir, &network::addresses()?)?;
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
        write_results(workdir, chain.transcript)?;
        kept::serve(&chain, &how_to_use);
    }
    Ok(())
}
