//! A client that sends the same request to Countersign several times a second.

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

/// Number of requests of a client with a kept connection, at 20 per second: more than any case needs.
const REQUESTS: usize = 4000;

/// Time limit for further replies.
const REPLIES: Duration = Duration::from_secs(10);

/// How the client connects.
#[derive(Clone, Copy)]
pub(crate) enum Connections {
    /// One connection for as long as the server keeps it open.
    Kept,
    /// One connection for each request.
    New,
}

/// The request. Its files are read for each new connection, so they may be replaced.
pub(crate) struct Request<'a> {
    pub(crate) url: &'a str,
    /// The trusted authorities of the server's certificate.
    pub(crate) authorities: &'a Path,
    /// The client's certificate and key in one file, so that both are replaced together.
    pub(crate) identity: &'a Path,
    pub(crate) body: &'a Path,
}

/// A running client.
pub(crate) struct Load {
    program: Program,
    log: PathBuf,
}

/// The reply to one request.
pub(crate) struct Reply {
    pub(crate) body: Value,
    /// Connections that were opened for it.
    pub(crate) connects: usize,
    pub(crate) seconds: f64,
}

impl Load {
    pub(crate) fn start(workdir: &Workdir, connections: Connections, request: &Request<'_>) -> anyhow::Result<Self> {
        let Request { url, authorities, identity, body } = request;
        let (name, script) = match connections {
            // Unbuffered, so that all replies are in the log when the client is stopped.
            Connections::Kept => ("kept", r#"exec curl --rate 20/s -K "$0.urls" -K "$0""#),
            Connections::New => ("new", r#"while :; do curl --url "$1" -K "$0"; sleep 0.05; done"#),
        };
        let options = format!(
            "silent\nshow-error\nno-buffer\nmax-time = 5\ncacert = {authorities:?}\ncert = {identity:?}\ndata = \"@{}\"\n\
             write-out = \"\\t%{{http_code}} %{{num_connects}} %{{time_total}}\\n\"\n",
            body.display()
        );
        let options = workdir.write(&format!("load/{name}"), options)?;
        workdir.write(&format!("load/{name}.urls"), format!("url = {url:?}\n").repeat(REQUESTS))?;
        let mut command = Command::new("sh");
        let path = std::env::join_paths(
            std::iter::once(workdir.tools().to_path_buf())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )?;
        command.args(["-c", script]).arg(options).arg(url).env("PATH", path);
        let log = workdir.log(&format!("load-{name}"));
        Ok(Self { program: Program::start("a client", &command, log.clone())?, log })
    }

    /// All replies so far. An error if one of them is not 200.
    pub(crate) fn replies(&mut self) -> anyhow::Result<Vec<Reply>> {
        self.program.check_running()?;
        let log = fs::read_to_string(&self.log)?;
        // The text after the last line end may be an incomplete reply.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| reply(line).with_context(|| format!("a request failed: {line}"))).collect()
    }

    /// Waits for `count` more replies.
    pub(crate) fn wait_for(&mut self, count: usize) -> anyhow::Result<()> {
        let before = self.replies()?.len();
        wait::until("more replies", REPLIES, || {
            let more = self.replies()?.len() - before;
            ensure!(more >= count, "{more}, expected {count}");
            Ok(())
        })
    }
}

fn reply(line: &str) -> anyhow::Result<Reply> {
    let (body, rest) = line.rsplit_once('\t').context("no reply")?;
    let mut words = rest.split(' ');
    let mut next = || words.next().context("too short");
    let status = next()?;
    ensure!(status == "200", "status {status}, expected 200");
    Ok(Reply { connects: next()?.parse()?, seconds: next()?.parse()?, body: serde_json::from_str(body)? })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_reply_of_json_and_curl_statistics() {
        let reply = reply("{\"a\":\"\\t\"}\t200 1 0.012").unwrap();
        assert_eq!((reply.body["a"].as_str(), reply.connects, reply.seconds), (Some("\t"), 1, 0.012));
    }

    #[test]
    fn rejects_other_replies() {
        for line in ["\t000 0 0.000", "{}\t503 1 0.1", "{\t200 1 0.1", "{}\t200 1", "curl: (7) Failed to connect"] {
            assert!(reply(line).is_err(), "{line}");
        }
    }
}
