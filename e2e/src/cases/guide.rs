//! `deploy/README.md` as a new user follows it, with the pages that it refers to: writes each file that they show and runs each command,
//! in their order, against the API server.
//!
//! No kubelet and no controllers run here, so this module sets the status that they would set. The commands in [`NOT_RUN`] are not
//! run.

mod kustomization;
mod namespace;
mod shell;
mod user;

use std::fs;

use anyhow::Context;
use anyhow::bail;
use anyhow::ensure;

pub(super) use self::kustomization::add_to_list;
pub(super) use self::shell::CERTIFICATES;
pub(super) use self::shell::EXEC;
pub(super) use self::shell::Shell;
pub(super) use self::user::AWS;
use self::user::User;
pub(super) use self::user::objects;
use crate::environment::Environment;
use crate::transcript::Transcript;

/// Beginnings of the commands that need a container engine, another network or a kubelet; and those with the registry of
/// `private-registry.md`, which a test of the product runs.
const NOT_RUN: [&str; 8] = [
    "curl ",
    "notation sign --plugin ",
    "podman build ",
    "podman push ",
    "helm repo add ",
    "kubectl -n countersign exec ",
    "countersign check --config private-registry/",
    "countersign verify --config private-registry/",
];

/// The pages that the user follows when the installation is complete, before they remove it.
const FURTHER_PAGES: [&str; 2] = ["provider/docs/private-registry.md", "provider/docs/upgrade.md"];

/// The page for EKS, which replaces a step of the guide: it changes the overlay of the user.
const EKS: &str = "deploy/eks/README.md";

/// A step of the guide.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A file that the user writes: its path and content.
    File(String, String),
    Command(String),
}

/// The YAML and shell blocks of a page of Markdown, in their order. The first line of a YAML block is a comment with its path.
pub(super) fn steps(page: &str) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("```") {
        let indentation = before.rsplit('\n').next().unwrap_or_default();
        let (language, after) = after.split_once('\n').context("a block has no content")?;
        let (block, after) = after.split_once(&format!("{indentation}```\n")).context("a block has no end")?;
        let lines = block.lines().map(|line| line.strip_prefix(indentation).unwrap_or(line));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        match language {
            "sh" => {
                let joined = text.replace("\\\n", " ");
                steps.extend(joined.lines().filter(|line| !line.is_empty()).map(|line| Step::Command(line.to_owned())));
            }
            "yaml" => {
                let path = text.lines().next().and_then(|line| line.strip_prefix("# "));
                steps.push(Step::File(path.context("a YAML block has no path in its first line")?.to_owned(), text));
            }
            // Output, or a part of a file.
            "text" => {}
            other => bail!("found a block of the language {other:?}, expected sh, yaml or text"),
        }
        rest = after;
    }
    Ok(steps)
}

/// Follows the guide, from a cluster without Countersign to its uninstallation.
pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("The guide deploy/README.md, word for word");
    let user = User::prepare(environment)?;
    transcript.note(
        "the cluster has Gatekeeper, and the resource definitions of cert-manager and of the Prometheus Operator",
    );
    let mut installed = true;
    for step in steps(&read(environment, "deploy/README.md")?)? {
        // The uninstallation begins with the first deletion.
        if installed && matches!(&step, Step::Command(line) if line.starts_with("kubectl delete ")) {
            installed = false;
            for page in FURTHER_PAGES {
                follow_page(&user, transcript, page)?;
            }
            namespace::build(&user, transcript)?;
            runbook(&user, transcript)?;
            running_images(&user, transcript)?;
            follow_page(&user, transcript, EKS)?;
        }
        follow(&user, transcript, step)?;
    }
    Ok(())
}

fn read(environment: &Environment<'_>, page: &str) -> anyhow::Result<String> {
    fs::read_to_string(environment.workdir.project().join(page)).with_context(|| format!("cannot read {page}"))
}

/// Follows a page that the guide refers to.
fn follow_page(user: &User<'_>, transcript: &mut Transcript, page: &str) -> anyhow::Result<()> {
    transcript.note(page);
    for step in steps(&read(user.environment, page)?)? {
        follow(user, transcript, step)?;
    }
    Ok(())
}

/// Writes the file, or runs the command.
fn follow(user: &User<'_>, transcript: &mut Transcript, step: Step) -> anyhow::Result<()> {
    match step {
        Step::File(path, text) => {
            let path = user.shell.directory.join(path);
            fs::create_dir_all(path.parent().context("a file without a directory")?)?;
            fs::write(path, text)?;
        }
        Step::Command(line) => {
            user.before(&line)?;
            if NOT_RUN.iter().any(|start| line.starts_with(start)) {
                transcript.note(&format!("not run: {line}"));
            } else {
                let finished = user.run(&user.adapted(&line))?;
                transcript.command(&line, &finished.output);
                transcript.verdict(&format!("works: {line}"), finished.success().map(drop));
            }
            user.after(&line)?;
        }
    }
    Ok(())
}

/// README.md: verifies the images of all pods, with the configuration of the server.
fn running_images(user: &User<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let line = "kubectl get pods --all-namespaces -o yaml | countersign verify --config countersign.yaml -f -";
    let page = read(user.environment, "README.md")?;
    ensure!(page.lines().any(|found| found == line), "README.md has no line {line:?}");
    let configuration = user.environment.countersign.configuration().display().to_string();
    let finished = user.run(&line.replace("countersign.yaml", &configuration))?;
    transcript.command(line, &finished.output);
    let result = (|| {
        // Pods of cases with `warn` and `dryrun` may be among them, whose images are rejected.
        let has = |verdict: &str| finished.output.lines().any(|line| line.starts_with(verdict));
        let expected = if has("rejected ") { 1 } else { i32::from(has("inconclusive ")) * 2 };
        ensure!(finished.status.code() == Some(expected), "{}, expected exit status {expected}", finished.status);
        ensure!(has("verified "), "expected a verified image");
        Ok(())
    })();
    transcript.verdict("the images of all pods are verified from standard input", result);
    Ok(())
}

/// Runs the commands of the runbook of the alerts, which are in its text.
fn runbook(user: &User<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let page = fs::read_to_string(user.environment.workdir.project().join("provider/docs/runbooks/alerts.md"))?;
    let commands: Vec<&str> = page.split('`').skip(1).step_by(2).filter(|code| code.starts_with("kubectl ")).collect();
    ensure!(!commands.is_empty(), "the runbook has no commands");
    for line in commands {
        let finished = user.run(line)?;
        transcript.command(line, &finished.output);
        transcript.verdict(&format!("works: {line}"), finished.success().map(drop));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_files_and_commands_in_their_order() {
        let page = "Do:\n\n```sh\na \\\n  b\nc\n```\n\n- List:\n\n  ```yaml\n  # x/y.yaml\n  a:\n    b: 1\n  ```\n";
        let expected = [
            Step::Command("a    b".to_owned()),
            Step::Command("c".to_owned()),
            Step::File("x/y.yaml".to_owned(), "# x/y.yaml\na:\n  b: 1\n".to_owned()),
        ];
        assert_eq!(steps(page).unwrap(), expected);
        assert!(steps("```yaml\na: 1\n```\n").is_err());
        assert_eq!(steps("```text\na\n```\n").unwrap(), []);
        assert!(steps("```json\na\n```\n").is_err());
    }
}
