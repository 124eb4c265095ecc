//! Somebody who asks Countersign the same question again and again, several times a second.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;

use crate::process::Program;
use crate::wait;
use crate::workdir::Workdir;

/// Questions that a client who keeps his connection has in store, at twenty a second: more than any case lasts.
const STORE: usize = 4000;

const PATIENCE: Duration = Duration::from_secs(10);

/// How the client connects.
#[derive(Clone, Copy)]
pub(crate) enum Connections {
    /// One for as long as the server lets him.
    Kept,
    /// One for each question.
    New,
}

/// Where and what is asked. Files may be replaced while the client asks: they are read for each new connection.
pub(crate) struct Question<'a> {
    pub(crate) url: &'a str,
    /// The authorities that the server's certificate may come from.
    pub(crate) authorities: &'a Path,
    /// The client's certificate and key in one file, so that nobody sees half of a pair.
    pub(crate) identity: &'a Path,
    pub(crate) body: &'a Path,
}

/// A client at work.
pub(crate) struct Load {
    program: Program,
    log: PathBuf,
}

/// What came back for one question.
pub(crate) struct Reply {
    pub(crate) body: Value,
    /// Connections that were opened for it.
    pub(crate) connects: usize,
    pub(crate) seconds: f64,
}

impl Load {
    pub(crate) fn start(workdir: &Workdir, connections: Connections, question: &Question<'_>) -> anyhow::Result<Self> {
        let Question { url, authorities, identity, body } = question;
        let (name, script) = match connections {
            // Without a buffer, so that what was answered is in the log when the client is stopped.
            Connections::Kept => ("kept", r#"exec curl --rate 20/s -K "$0.urls" -K "$0""#),
            Connections::New => ("new", r#"while :; do curl --url "$1" -K "$0"; sleep 0.05; done"#),
        };
        let options = format!(
            "silent\nshow-error\nno-buffer\nmax-time = 5\ncacert = {authorities:?}\ncert = {identity:?}\ndata = \"@{}\"\n\
             write-out = \"\\t%{{http_code}} %{{num_connects}} %{{time_total}}\\n\"\n",
            body.display()
        );
        let options = workdir.write(&format!("load/{name}"), options)?;
        workdir.write(&format!("load/{name}.urls"), format!("url = {url:?}\n").repeat(STORE))?;
        let mut command = Command::new("sh");
        let path = std::env::join_paths(
            std::iter::once(workdir.tools().to_path_buf())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )?;
        command.args(["-c", script]).arg(options).arg(url).env("PATH", path);
        let log = workdir.log(&format!("load-{name}"));
        Ok(Self { program: Program::start("a client", &command, log.clone())?, log })
    }

    /// Everything that has come back so far. An error if one question was not answered with 200.
    pub(crate) fn replies(&mut self) -> anyhow::Result<Vec<Reply>> {
        self.program.check_running()?;
        let log = fs::read_to_string(&self.log)?;
        // Behind the last line end there may be half a reply.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| reply(line).with_context(|| format!("a question failed: {line}"))).collect()
    }

    /// Waits for `count` more replies.
    pub(crate) fn wait_for(&mut self, count: usize) -> anyhow::Result<()> {
        let before = self.replies()?.len();
        wait::until("more replies", PATIENCE, || {
            let more = self.replies()?.len() - before;
            ensure!(more >= count, "{more}: want {count}");
            Ok(())
        })
    }
}

fn reply(line: &str) -> anyhow::Result<Reply> {
    let (body, rest) = line.rsplit_once('\t').context("no reply")?;
    let mut words = rest.split(' ');
    let mut next = || words.next().context("too short");
    let status = next()?;
    ensure!(status == "200", "status {status}: want 200");
    Ok(Reply { connects: next()?.parse()?, seconds: next()?.parse()?, body: serde_json::from_str(body)? })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_json_with_what_curl_says_of_it() {
        let reply = reply("{\"a\":\"\\t\"}\t200 1 0.012").unwrap();
        assert_eq!((reply.body["a"].as_str(), reply.connects, reply.seconds), (Some("\t"), 1, 0.012));
    }

    #[test]
    fn everything_else_is_a_failed_question() {
        for line in ["\t000 0 0.000", "{}\t503 1 0.1", "{\t200 1 0.1", "{}\t200 1", "curl: (7) Failed to connect"] {
            assert!(reply(line).is_err(), "{line}");
        }
    }
}
