//! The processes of the chapter, and what a case asks of them.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::super::POD_DENIED;
use super::super::aws::journal::Journal;
use super::super::denies;
use super::super::pod::Pod;
use super::guide;
use super::network;
use super::site::Pushed;
use super::site::REPOSITORY;
use super::site::Site;
use crate::process::Finished;
use crate::transcript::Transcript;
use crate::wait;
use crate::workdir::Workdir;

/// Time until Gatekeeper calls the pod.
const CALLED: Duration = Duration::from_secs(20);

pub(super) struct Chain<'a> {
    pub(super) site: Site<'a>,
    pub(super) pod: Pod,
    count: usize,
}

impl<'a> Chain<'a> {
    /// Starts a cluster, and installs Countersign there by following the guide.
    pub(super) fn start(workdir: &'a Workdir, binary: &Path, transcript: &'a mut Transcript) -> anyhow::Result<Self> {
        let mut site = Site::start(workdir, transcript)?;
        let pod = guide::follow(&mut site, binary)?;
        let mut chain = Self { site, pod, count: 0 };
        let called = chain.push(&json!({}))?;
        chain.until_admitted(&called, CALLED)?;
        Ok(chain)
    }

    /// Sends a command to the doubles.
    pub(super) fn set(&mut self, command: &Value) -> anyhow::Result<Value> {
        self.site.set(command)
    }

    pub(super) fn chapter(&self, title: &str) {
        self.site.transcript.chapter(title);
    }

    pub(super) fn note(&self, text: &str) {
        self.site.transcript.note(text);
    }

    /// Prints and counts a case without a command.
    pub(super) fn verdict(&mut self, what: &str, result: anyhow::Result<()>) {
        self.site.transcript.verdict(what, result);
    }

    /// All requests to the doubles so far.
    pub(super) fn journal(&mut self) -> anyhow::Result<Journal> {
        Journal::read(&mut self.site.doubles)
    }

    /// Starts the program of the pod again, with nothing in memory.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        self.pod.restart(self.site.workdir)?;
        self.note("the program of the pod is started again");
        Ok(())
    }

    /// As [`Self::restart`], but the pod must not become ready. Returns the page that says why.
    pub(super) fn restart_unready(&mut self) -> anyhow::Result<String> {
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
    pub(super) fn push(&mut self, changes: &Value) -> anyhow::Result<Pushed> {
        let tag = format!("build-{}", self.next());
        self.site.push_as(&tag, changes)
    }

    /// A reference by a new tag, for which Gatekeeper has no response.
    fn tag(&mut self, image: &Pushed) -> anyhow::Result<String> {
        let tag = format!("t{}", self.next());
        self.set(&json!({ "do": "tag", "repository": REPOSITORY, "tag": tag, "digest": image.digest }))?;
        Ok(format!("{}/{REPOSITORY}:{tag}", network::REGISTRY))
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
    pub(super) fn admitted(&mut self, what: &str, image: &Pushed) -> anyhow::Result<Journal> {
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
    pub(super) fn rejected(&mut self, what: &str, image: &Pushed, parts: &[&str]) -> anyhow::Result<()> {
        let (reference, finished, _) = self.run(image)?;
        let start = format!("{reference} was rejected by statement \"shop\" of the trust policy: ");
        let result = denies(&finished, POD_DENIED, &[&[start.as_str()], parts].concat());
        self.verdict(what, result);
        Ok(())
    }

    /// `kubectl run` of the image by a new tag, which must be denied because it could not be decided, with these parts in the finding.
    pub(super) fn undecided(&mut self, what: &str, image: &Pushed, parts: &[&str]) -> anyhow::Result<()> {
        let (_, finished, _) = self.run(image)?;
        let start = "signature check failed: could not decide about 1 of 1 images (request ";
        let result = denies(&finished, POD_DENIED, &[&[start], parts].concat());
        self.verdict(what, result);
        Ok(())
    }

    /// Tries the image by new tags until it would be denied with `part` in the finding. An error after `limit`.
    pub(super) fn until_denied(&mut self, image: &Pushed, part: &str, limit: Duration) -> anyhow::Result<()> {
        wait::until("the image to be denied", limit, || {
            let finished = self.tried(image)?;
            ensure!(finished.output.contains(part), "{}", finished.output);
            Ok(())
        })
    }

    /// Tries the image by new tags until it would be created. An error after `limit`.
    pub(super) fn until_admitted(&mut self, image: &Pushed, limit: Duration) -> anyhow::Result<()> {
        wait::until("the image to be admitted", limit, || {
            let finished = self.tried(image)?;
            ensure!(finished.status.success(), "{}", finished.output);
            Ok(())
        })
    }

    fn tried(&mut self, image: &Pushed) -> anyhow::Result<Finished> {
        let reference = self.tag(image)?;
        let (_, finished) = self.site.cluster.kubectl(&["run", "tried", "--dry-run=server", "--image", &reference])?;
        // Each attempt has a tag of its own.
        std::thread::sleep(PAUSE);
        Ok(finished)
    }
}

/// Between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
