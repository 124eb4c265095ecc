//! The processes of the chapter, and what a case asks of them.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::super::POD_DENIED;
use super::super::aws::journal::Journal;
use super::super::denies;
use super::super::pod::Pod;
use super::site::Pushed;
use super::site::REPOSITORY;
use super::site::Site;
use crate::process::Finished;
use crate::wait;

/// Time until Gatekeeper calls the pod.
const CALLED: Duration = Duration::from_secs(20);

pub(in crate::cases) struct Chain<'a> {
    pub(in crate::cases) site: Site<'a>,
    pub(in crate::cases) pod: Pod,
    count: usize,
}

impl<'a> Chain<'a> {
    /// A cluster with the pod of its guide, which Gatekeeper calls.
    pub(in crate::cases) fn new(site: Site<'a>, pod: Pod) -> anyhow::Result<Self> {
        Self { site, pod, count: 0 }.called()
    }

    /// Stops the pod, and continues with the one that `next` returns.
    pub(in crate::cases) fn replace_pod(
        self,
        next: impl FnOnce(&mut Site<'a>) -> anyhow::Result<Pod>,
    ) -> anyhow::Result<Self> {
        let Self { mut site, pod, count } = self;
        pod.stop()?;
        let pod = next(&mut site)?;
        Self { site, pod, count }.called()
    }

    fn called(mut self) -> anyhow::Result<Self> {
        let called = self.push(&json!({}))?;
        self.until_admitted(&called, CALLED)?;
        Ok(self)
    }

    /// Sends a command to the doubles.
    pub(in crate::cases) fn set(&mut self, command: &Value) -> anyhow::Result<Value> {
        self.site.set(command)
    }

    pub(in crate::cases) fn chapter(&self, title: &str) {
        self.site.transcript.chapter(title);
    }

    pub(in crate::cases) fn note(&self, text: &str) {
        self.site.transcript.note(text);
    }

    /// Prints and counts a case without a command.
    pub(in crate::cases) fn verdict(&mut self, what: &str, result: anyhow::Result<()>) {
        self.site.transcript.verdict(what, result);
    }

    /// All requests to the doubles so far.
    pub(in crate::cases) fn journal(&mut self) -> anyhow::Result<Journal> {
        Journal::read(&mut self.site.doubles)
    }

    /// Starts the program of the pod again, with nothing in memory.
    pub(in crate::cases) fn restart(&mut self) -> anyhow::Result<()> {
        self.pod.restart(self.site.workdir)?;
        self.note("the program of the pod is started again");
        Ok(())
    }

    /// As [`Self::restart`], but the pod must not become ready. Returns the page that says why.
    pub(in crate::cases) fn restart_unready(&mut self) -> anyhow::Result<String> {
        let page = self.pod.restart_unready(self.site.workdir)?;
        self.note("the program of the pod is started again, and is not ready");
        Ok(page)
    }

    /// A number that no other call has returned.
    fn next(&mut self) -> usize {
        self.count += 1;
        self.count
    }

    /// Stores a new image, signed with the newest version of the certificate. `changes` are members of the command.
    pub(in crate::cases) fn push(&mut self, changes: &Value) -> anyhow::Result<Pushed> {
        let tag = format!("build-{}", self.next());
        self.site.push_as(&tag, changes)
    }

    /// The reference by digest.
    pub(in crate::cases) fn by_digest(&self, image: &Pushed) -> String {
        format!("{}/{REPOSITORY}@{}", self.site.platform.registry, image.digest)
    }

    /// A reference by a new tag, for which Gatekeeper has no response.
    pub(in crate::cases) fn tag(&mut self, image: &Pushed) -> anyhow::Result<String> {
        let tag = format!("t{}", self.next());
        self.site.tag_as(&tag, image)
    }

    /// `kubectl run` of the image by a new tag. Returns the reference, the output, and the requests to the doubles.
    fn run(&mut self, image: &Pushed) -> anyhow::Result<(String, Finished, Journal)> {
        let reference = self.tag(image)?;
        let pod = format!("{REPOSITORY}-{}", self.next());
        let before = self.journal()?;
        let (line, finished) = self.site.cluster.kubectl(&["run", &pod, "--image", &reference])?;
        self.site.transcript.command(&line, &finished.output);
        Ok((reference, finished, self.journal()?.since(&before)))
    }

    /// `kubectl run` of the image by a new tag, which must be created without a warning. Returns the requests to the doubles.
    pub(in crate::cases) fn admitted(&mut self, what: &str, image: &Pushed) -> anyhow::Result<Journal> {
        let (_, finished, journal) = self.run(image)?;
        let result = (|| {
            ensure!(finished.output.starts_with("pod/"), "expected pod/… created");
            ensure!(finished.status.success() && finished.output.lines().count() == 1, "{}", finished.status);
            Ok(())
        })();
        self.verdict(what, result);
        Ok(journal)
    }

    /// `kubectl run` of the image by a new tag, which must be rejected under the statement with these parts in the finding.
    pub(in crate::cases) fn rejected(&mut self, what: &str, image: &Pushed, parts: &[&str]) -> anyhow::Result<()> {
        let (reference, finished, _) = self.run(image)?;
        let start = format!("{reference} was rejected by statement \"{REPOSITORY}\" of the trust policy: ");
        let result = denies(&finished, POD_DENIED, &[&[start.as_str()], parts].concat());
        self.verdict(what, result);
        Ok(())
    }

    /// `kubectl run` of the image by a new tag, which must be denied because it could not be decided, with these parts in the finding.
    pub(in crate::cases) fn undecided(&mut self, what: &str, image: &Pushed, parts: &[&str]) -> anyhow::Result<()> {
        let (_, finished, _) = self.run(image)?;
        let start = "signature check failed: could not decide about 1 of 1 images (request ";
        let result = denies(&finished, POD_DENIED, &[&[start], parts].concat());
        self.verdict(what, result);
        Ok(())
    }

    /// Tries the image by new tags until it would be denied with `part` in the finding. An error after `limit`.
    pub(in crate::cases) fn until_denied(&mut self, image: &Pushed, part: &str, limit: Duration) -> anyhow::Result<()> {
        wait::until("the image to be denied", limit, || {
            let finished = self.tried_again(image)?;
            ensure!(finished.output.contains(part), "{}", finished.output);
            Ok(())
        })
    }

    /// Tries the image by new tags until it would be created. An error after `limit`.
    pub(in crate::cases) fn until_admitted(&mut self, image: &Pushed, limit: Duration) -> anyhow::Result<()> {
        wait::until("the image to be admitted", limit, || {
            let finished = self.tried_again(image)?;
            ensure!(finished.status.success(), "{}", finished.output);
            Ok(())
        })
    }

    fn tried_again(&mut self, image: &Pushed) -> anyhow::Result<Finished> {
        let finished = self.tried(image)?;
        // Each attempt has a tag of its own.
        std::thread::sleep(PAUSE);
        Ok(finished)
    }

    /// Tries the image by a new tag, without creating a pod.
    pub(in crate::cases) fn tried(&mut self, image: &Pushed) -> anyhow::Result<Finished> {
        let reference = self.tag(image)?;
        let (_, finished) = self.site.cluster.kubectl(&["run", "tried", "--dry-run=server", "--image", &reference])?;
        Ok(finished)
    }
}

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
