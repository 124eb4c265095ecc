//! The same question to the webhook and to notation.

use std::time::Duration;

use anyhow::ensure;

use super::super::POD_DENIED;
use super::super::Seen;
use super::super::denies;
use super::super::kubectl;
use super::super::prints_exactly;
use super::corporation::Corporation;
use crate::countersign::Countersign;
use crate::environment::Environment;
use crate::images::Image;
use crate::policy;
use crate::transcript::Transcript;
use crate::wait;

pub(super) struct Questions<'a, 'b> {
    pub(super) environment: &'a Environment<'b>,
    pub(super) transcript: &'a mut Transcript,
    pub(super) seen: &'a mut Seen,
}

/// Time limit until Gatekeeper calls another server.
const CALLED: Duration = Duration::from_secs(20);

impl Questions<'_, '_> {
    /// Makes Gatekeeper call `countersign`, which admits `image`.
    pub(super) fn use_provider(&self, countersign: &Countersign, image: &Image) -> anyhow::Result<()> {
        let (cluster, workdir) = (&self.environment.cluster, self.environment.workdir);
        let (url, ca) = (countersign.url("/v1/verify"), countersign.authority().certificate());
        policy::apply_provider(workdir, cluster, "countersign-verify", &url, &ca)?;
        let mut attempt = 0;
        wait::until("Gatekeeper to call the server", CALLED, || {
            attempt += 1;
            // Each attempt has a tag for which no response is cached.
            let image = image.tagged(&format!("called-{}-{attempt}", countersign.health().replace(':', "-")))?.by_tag();
            let (_, finished) = cluster.kubectl(&["run", "called", "--dry-run=server", "--image", &image])?;
            ensure!(finished.status.success(), "{}", finished.output);
            Ok(())
        })?;
        self.transcript.note(&format!("Gatekeeper calls {url}"));
        Ok(())
    }

    /// `kubectl run` of the image under a new tag, which must be created. notation must agree.
    pub(super) fn admitted(
        &mut self,
        corporation: &Corporation,
        what: &str,
        signed: &Image,
        tag: &str,
    ) -> anyhow::Result<()> {
        self.admitted_by_countersign(what, signed, tag)?;
        self.notation(corporation, signed, true, "Successfully verified signature for ")
    }

    /// As [`Self::admitted`]. notation is not asked.
    pub(super) fn admitted_by_countersign(&mut self, what: &str, signed: &Image, tag: &str) -> anyhow::Result<()> {
        let image = signed.tagged(tag)?;
        let pod = format!("{}-{tag}", image.pod());
        let finished = kubectl(self.environment, self.transcript, &["run", &pod, "--image", &image.by_tag()])?;
        let result = prints_exactly(&finished, &format!("pod/{pod} created\n"));
        if result.is_ok() {
            self.seen.pods.insert(pod);
        }
        self.transcript.verdict(what, result);
        Ok(())
    }

    /// `kubectl run` of the image under this tag, which must be denied. `parts` do not name the image. notation must agree,
    /// with `notation` in its output.
    pub(super) fn denied(
        &mut self,
        corporation: &Corporation,
        what: &str,
        signed: &Image,
        tag: &str,
        parts: &[&str],
        notation: &str,
    ) -> anyhow::Result<()> {
        let image = signed.tagged(tag)?;
        let arguments = ["run", &image.pod(), "--image", &image.by_tag()];
        let finished = kubectl(self.environment, self.transcript, &arguments)?;
        let prefix =
            if parts[0].starts_with(' ') { format!("{POD_DENIED}{}", image.by_tag()) } else { POD_DENIED.to_owned() };
        self.transcript.verdict(what, denies(&finished, &prefix, parts));
        self.notation(corporation, signed, false, notation)
    }

    /// Tries the image with new tags until the finding about it contains `start`. Returns the tag.
    pub(super) fn until_denied(
        &self,
        signed: &Image,
        tag: &str,
        start: &str,
        limit: Duration,
    ) -> anyhow::Result<String> {
        let mut attempt = 0;
        wait::until("the image to be denied", limit, || {
            attempt += 1;
            let tag = format!("{tag}-{attempt}");
            let image = signed.tagged(&tag)?.by_tag();
            let (_, finished) =
                self.environment.cluster.kubectl(&["run", "tried", "--dry-run=server", "--image", &image])?;
            ensure!(finished.output.contains(start), "{}", finished.output);
            Ok(tag)
        })
    }

    /// `countersign verify` with the server's configuration, whose output must have these parts as a warning.
    pub(super) fn warned(&mut self, corporation: &Corporation, signed: &Image, parts: &[&str]) -> anyhow::Result<()> {
        let (line, finished) = corporation.countersign.verify(&signed.by_tag())?;
        self.transcript.command(&line, &finished.output);
        let result = (|| {
            ensure!(finished.status.success(), "{}, expected success", finished.status);
            for part in ["warning"].iter().chain(parts) {
                ensure!(finished.output.contains(part), "expected {part:?}");
            }
            Ok(())
        })();
        self.transcript.verdict("countersign verify prints a warning with the address", result);
        Ok(())
    }

    fn notation(&mut self, corporation: &Corporation, signed: &Image, good: bool, part: &str) -> anyhow::Result<()> {
        corporation.notation.forget_crls()?;
        let (line, finished) = corporation.notation.verify(&signed.by_tag())?;
        self.transcript.command(&line, &finished.output);
        let result = (|| {
            let want = if good { "success" } else { "failure" };
            ensure!(finished.status.success() == good, "{}, expected {want}", finished.status);
            ensure!(finished.output.contains(part), "expected {part:?}");
            Ok(())
        })();
        self.transcript.verdict(&format!("notation agrees about {}", signed.pod()), result);
        Ok(())
    }
}
