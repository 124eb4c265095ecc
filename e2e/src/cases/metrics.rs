//! Metrics that Prometheus scraped during the run.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;

use super::Seen;
use super::endpoints;
use crate::environment::Environment;
use crate::transcript::Transcript;
use crate::wait;

/// Prometheus scrapes every second.
const SCRAPED: Duration = Duration::from_secs(15);

/// Before Countersign restarts, its counters equal the verdicts of the cases.
pub(super) fn verdicts(environment: &Environment<'_>, transcript: &mut Transcript, seen: &Seen) -> anyhow::Result<()> {
    transcript.chapter("Verdicts in Prometheus");
    let want = seen.verdicts.iter().map(|(code, count)| (*code, count.to_string())).collect();
    let what = "every image is counted once, under the code in its output";
    check(environment, transcript, what, "sum by (code) (countersign_verdicts_total) > 0", "code", &want)
}

/// At the end of the run.
pub(super) fn health(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("Metrics");
    let refused = endpoints::REFUSED.map(|reason| (reason, "1".to_owned())).into();
    let query = "countersign_tls_handshake_failures_total > 0";
    check(environment, transcript, "each refused connection is counted", query, "reason", &refused)?;
    let none = [("", "0".to_owned())].into();
    check(environment, transcript, "nothing panicked", "countersign_panics_total", "", &none)?;

    let line = format!("curl -sSf http://{}/metrics | promtool check metrics", environment.countersign.health());
    let finished = environment.shell(&line)?;
    transcript.command(&line, &finished.output);
    let result = (|| {
        // promtool accepts an empty page too; the queries above show that the page is not empty.
        ensure!(finished.status.success(), "{}", finished.status);
        ensure!(finished.output.is_empty(), "expected no output of promtool");
        Ok(())
    })();
    transcript.verdict("promtool finds no mistake in the metrics", result);
    Ok(())
}

/// Waits until the values of `query`, by its label `label`, are `want`, and prints them.
fn check(
    environment: &Environment<'_>,
    transcript: &mut Transcript,
    what: &str,
    query: &str,
    label: &str,
    want: &BTreeMap<&str, String>,
) -> anyhow::Result<()> {
    let result = wait::until(query, SCRAPED, || {
        let found = environment.prometheus.query(query, label)?;
        let found: BTreeMap<&str, String> =
            found.iter().map(|(label, value)| (label.as_str(), value.clone())).collect();
        ensure!(found == *want, "found {found:?}, expected {want:?}");
        Ok(())
    });
    let line = format!("promtool query instant {} '{query}'", environment.prometheus.url());
    let finished = environment.shell(&line)?;
    transcript.command(&line, &finished.output);
    transcript.verdict(what, result);
    Ok(())
}
