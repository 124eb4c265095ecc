//! The metric of calls of Google Cloud, which the alerts `CountersignGoogleRefuses` and `CountersignGoogleFails` are about.

use anyhow::Context;
use anyhow::ensure;

use super::super::pod::Pod;

/// An error unless the pod has counted a request for a token with this result.
pub(super) fn counted(result: &str) -> anyhow::Result<()> {
    let count = calls(&Pod::metrics()?, result)?;
    ensure!(count > 0, "the metrics count no call with the result {result}");
    Ok(())
}

/// The number of calls with this result on a page of metrics.
fn calls(page: &str, result: &str) -> anyhow::Result<u64> {
    let series = format!("countersign_google_calls_total{{call=\"metadata-token\",result=\"{result}\"}} ");
    let count = page.lines().find_map(|line| line.strip_prefix(&series)).with_context(|| format!("no {series}"))?;
    count.parse().with_context(|| format!("found {count:?} calls"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_by_their_result() {
        let page = "# TYPE countersign_google_calls_total counter\n\
                    countersign_google_calls_total{call=\"metadata-token\",result=\"failed\"} 3\n\
                    countersign_google_calls_total{call=\"metadata-token\",result=\"ok\"} 0\n";
        assert_eq!((calls(page, "failed").unwrap(), calls(page, "ok").unwrap()), (3, 0));
        let error = calls(page, "invalid").unwrap_err().to_string();
        assert_eq!(error, "no countersign_google_calls_total{call=\"metadata-token\",result=\"invalid\"} ");
    }
}
