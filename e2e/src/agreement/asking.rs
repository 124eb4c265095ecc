//! The same question for notation, `countersign verify` and `countersign serve`.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use super::answers;
use super::answers::Answers;
use super::site::Question;
use super::site::Site;
use super::site::name;
use crate::process;
use crate::process::Finished;
use crate::workdir::Workdir;

/// Time limit for one verifier about one image.
const LIMIT: Duration = Duration::from_secs(60);

/// Cases that are asked about at the same time.
const AT_ONCE: usize = 3;

/// The commands about one case, as they are run.
pub(super) struct Commands {
    pub(super) notation: Command,
    pub(super) verify: Command,
    pub(super) serve: Command,
}

/// The commands about a case. The body of the request to Countersign is written to a file.
pub(super) fn commands(workdir: &Workdir, site: &Site, question: &Question) -> anyhow::Result<Commands> {
    let mut notation = Command::new(workdir.tool("notation"));
    notation.env("XDG_CONFIG_HOME", &site.home).env("HOME", &site.home);
    notation.env("XDG_CACHE_HOME", site.home.join("cache")).args(["verify", "--insecure-registry", "--verbose"]);
    if let Some((name, value)) = question.metadata {
        notation.arg("--user-metadata").arg(format!("{name}={value}"));
    }
    notation.arg(&question.reference);
    let mut verify = site.countersign.command();
    verify.arg("verify").arg("--config").arg(site.countersign.configuration()).args([
        "-o",
        "json",
        &question.reference,
    ]);
    let body = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": { "keys": [question.reference] },
    });
    let body = workdir.write(&format!("agreement/requests/{}.json", name(question.number)), body.to_string())?;
    let mut serve = Command::new(workdir.tool("curl"));
    // A handshake can time out on a busy machine.
    serve.args(["-sSf", "--noproxy", "*", "--max-time", "40", "--retry", "3", "--retry-all-errors"]).args(&site.client);
    serve.arg("--data").arg(format!("@{}", body.display())).arg(site.countersign.url("/v1/verify"));
    Ok(Commands { notation, verify, serve })
}

/// Asks all three about one case.
fn ask(workdir: &Workdir, site: &Site, question: &Question, scratch: &Path) -> anyhow::Result<Answers> {
    let Commands { notation, verify, serve } = commands(workdir, site, question)?;
    let run = |command: &Command| -> anyhow::Result<Finished> { process::run(command, LIMIT, scratch) };
    Ok(Answers {
        notation: answers::of_notation(run(&notation)?),
        verify: answers::of_verify(&run(&verify)?)?,
        serve: answers::of_serve(&run(&serve)?.success()?, &question.reference)?,
    })
}

/// Asks about every case of a group, some at the same time. In the order of the questions.
pub(super) fn ask_all(workdir: &Workdir, site: &Site) -> anyhow::Result<Vec<Answers>> {
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, anyhow::Result<Answers>)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for worker in 0..AT_ONCE {
            let (next, found, scratch) = (&next, &found, scratch(workdir, worker));
            scope.spawn(move || {
                while let Some(question) = site.questions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answers = ask(workdir, site, question, &scratch);
                    let answers = answers.with_context(|| format!("case {}", question.number));
                    found.lock().unwrap_or_else(PoisonError::into_inner).push((question.number, answers));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, answers)| answers).collect()
}

fn scratch(workdir: &Workdir, worker: usize) -> PathBuf {
    workdir.log(&format!("agreement-{worker}"))
}
