//! The page of a cloud as a new user follows it: the shipped files, changed where the page says so, and the Deployment run as a node
//! would run it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;

use super::super::guide::CERTIFICATES;
use super::super::guide::EXEC;
use super::super::guide::Shell;
use super::super::guide::Step;
use super::super::pod::Pod;
use super::super::pod::Variables;
use super::site::Site;
use crate::cloud_doubles::CloudDoubles;
use crate::process;
use crate::process::Finished;

/// Time limit for one command in the pod.
const LIMIT: Duration = Duration::from_secs(60);

/// The first command after the files of the user are complete.
const CHECK: &str = "kubectl kustomize ";

/// The command after which the pod runs.
const APPLY: &str = "kubectl apply -k my-cluster";

/// A page, and what its user does besides the words of it.
pub(in crate::cases) struct Page {
    pub(in crate::cases) path: &'static str,
    /// Beginnings of commands that are not run.
    pub(in crate::cases) not_run: &'static [&'static str],
    /// What the user changes in the files of `my-cluster`: file, former and new text.
    pub(in crate::cases) changes: &'static [(&'static str, &'static str, &'static str)],
    /// What the warnings of `check` contain that are expected.
    pub(in crate::cases) warnings: &'static [&'static str],
    /// The variables that the page sets.
    pub(in crate::cases) variables: &'static [(&'static str, &'static str)],
    /// The name of the cloud's command line, and a script in its place, which writes its arguments into [`CALLS`].
    pub(in crate::cases) cli: (&'static str, String),
}

/// The file with the arguments of all calls of the cloud's command line.
const CALLS: &str = "cli-calls";

/// What the cloud adds to a pod with this template and service account, after it has changed the doubles.
type Identity<'a> = &'a dyn Fn(&mut CloudDoubles, &Value, &Value) -> anyhow::Result<Variables>;

/// The user of a page, with a copy of the repository.
pub(in crate::cases) struct User {
    shell: Shell,
    page: Page,
    has_changed_files: bool,
}

/// Whether the step is a command that begins so.
pub(in crate::cases) fn is_step(step: &Step, start: &str) -> bool {
    matches!(step, Step::Command(line) if line.starts_with(start))
}

impl User {
    /// A user who has done the steps of `deploy/README.md` before the page.
    pub(in crate::cases) fn prepare(site: &Site<'_>, binary: &Path, page: Page) -> anyhow::Result<Self> {
        site.transcript.chapter(&format!("The guide {}, word for word", page.path));
        let (name, script) = &page.cli;
        let shell = Shell::prepare(site.workdir, binary, (name, &script.replace("CALLS", CALLS)))?;
        let user = Self { shell, page, has_changed_files: false };
        user.has("gatekeeper-ca.crt", site.gatekeeper.authority().certificate())?;
        for line in CERTIFICATES {
            user.succeeds(site, line)?;
        }
        Ok(user)
    }

    /// Writes a file into `my-cluster`.
    pub(in crate::cases) fn has(&self, name: &str, contents: impl AsRef<[u8]>) -> anyhow::Result<()> {
        let folder = self.shell.directory.join("my-cluster");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), contents).with_context(|| format!("cannot write {name}"))
    }

    /// Follows the steps, and returns the pod of the Deployment, which serves. `name` is that of its directory.
    pub(in crate::cases) fn follow(
        &mut self,
        site: &mut Site<'_>,
        binary: &Path,
        name: &'static str,
        steps: Vec<Step>,
        identity: Identity<'_>,
    ) -> anyhow::Result<Pod> {
        let mut pod = None;
        for step in steps {
            match step {
                Step::File(path, text) => {
                    site.transcript.note(&format!("writes {path}"));
                    fs::write(self.shell.directory.join(path), text)?;
                }
                Step::Command(line) if line.starts_with(EXEC) => {
                    self.in_pod(site, pod.as_ref().context("there is no pod yet")?, &line)?;
                }
                Step::Command(line) if self.page.not_run.iter().any(|start| line.starts_with(start)) => {
                    site.transcript.note(&format!("not run: {line}"));
                }
                Step::Command(line) => {
                    if line.starts_with(CHECK) {
                        self.change(site)?;
                    }
                    self.succeeds(site, &line)?;
                    if line == APPLY {
                        let doubles = &mut site.doubles;
                        let added = |template: &Value, account: &Value| identity(doubles, template, account);
                        pod = Some(Pod::start(site.workdir, &site.cluster, binary, name, &site.ca, added)?);
                        site.transcript.note("the pod is ready");
                    }
                }
            }
        }
        pod.with_context(|| format!("{} applies no overlay", self.page.path))
    }

    /// The arguments of all calls of the cloud's command line, one call in each line.
    pub(in crate::cases) fn calls(&self) -> anyhow::Result<String> {
        fs::read_to_string(self.shell.directory.join(CALLS)).context("no call of the cloud's command line")
    }

    /// Runs a line of shell at the top of the copy.
    fn run(&self, site: &Site<'_>, line: &str) -> anyhow::Result<Finished> {
        self.shell.run(site.workdir, &site.cluster, line, self.page.variables)
    }

    /// Runs a command that must succeed, and prints both.
    fn succeeds(&self, site: &Site<'_>, line: &str) -> anyhow::Result<()> {
        let finished = self.run(site, line)?;
        site.transcript.command(line, &finished.output);
        finished.success().with_context(|| line.to_owned()).map(drop)
    }

    /// Makes the changes of the user, once.
    fn change(&mut self, site: &Site<'_>) -> anyhow::Result<()> {
        if self.has_changed_files {
            return Ok(());
        }
        for (file, from, to) in self.page.changes {
            let text = fs::read_to_string(self.shell.directory.join("my-cluster").join(file))?;
            ensure!(text.matches(from).count() == 1, "{file} has not one {from:?}");
            self.has(file, text.replace(from, to))?;
            site.transcript.note(&format!("{file}: {to}"));
        }
        self.has_changed_files = true;
        Ok(())
    }

    /// A command in the pod.
    fn in_pod(&self, site: &mut Site<'_>, pod: &Pod, line: &str) -> anyhow::Result<()> {
        let arguments = with_variables(line.trim_start_matches(EXEC), self.page.variables);
        let arguments: Vec<&str> = arguments.split(' ').map(|word| word.trim_matches('"')).collect();
        let finished = process::run(&pod.command(&arguments), LIMIT, &site.workdir.log("exec"))?;
        site.transcript.command(line, &finished.output);
        let result = (|| {
            ensure!(finished.status.success(), "{}", finished.status);
            let mut warnings = finished.output.lines().filter(|line| line.starts_with("warning "));
            let other = warnings.find(|line| !self.page.warnings.iter().any(|code| line.contains(code)));
            ensure!(other.is_none(), "found {other:?}");
            Ok(())
        })();
        site.transcript.verdict(&format!("countersign {} in the pod succeeds", arguments[0]), result);
        Ok(())
    }
}

/// The text with the values of variables, none of which begins as another one.
fn with_variables(text: &str, variables: &[(&str, &str)]) -> String {
    let replace = |text: String, (name, value): &(&str, &str)| text.replace(&format!("${name}"), value);
    variables.iter().fold(text.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_their_values() {
        let variables = [("LOCATION", "europe"), ("PROJECT", "my-project")];
        assert_eq!(
            with_variables("check --image \"$LOCATION-docker.pkg.dev/$PROJECT/shop:v1\"", &variables),
            "check --image \"europe-docker.pkg.dev/my-project/shop:v1\""
        );
    }

    #[test]
    fn a_step_is_recognized_by_the_beginning_of_its_command() {
        assert!(is_step(&Step::Command("cp a b".to_owned()), "cp "));
        assert!(!is_step(&Step::Command("cpio a".to_owned()), "cp "));
        assert!(!is_step(&Step::File("cp ".to_owned(), "cp ".to_owned()), "cp "));
    }
}
