//! What AWS Signer costs for one cold image: requests and time. The numbers are printed; only those of requests are expected.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::chain::Chain;
use super::chain::Pushed;
use crate::process;

/// The latency of each service.
const LATENCY: Duration = Duration::from_millis(25);
const IMAGES: usize = 9;
const SLOW: [&str; 3] = ["ecr-registry", "blob-store", "signer-data"];

/// What one image cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    requests: usize,
    calls: usize,
    seconds: f64,
}

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    let milliseconds = LATENCY.as_millis();
    chain.transcript.chapter(&format!("What AWS Signer costs, with {milliseconds} ms of latency at each service"));
    // Tokens and connections are there.
    for repository in ["shop/app", "shop/without-signer"] {
        let image = chain.push(repository, &json!({}))?;
        ask(chain, &image.by_digest())?;
    }
    for service in SLOW {
        chain.set(json!({ "do": "delay", "service": service, "milliseconds": u64::try_from(milliseconds)? }))?;
    }
    let (mut without, mut with, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    // In turn, so that other work on the machine concerns all of them.
    for _ in 0..IMAGES {
        let image = chain.push("shop/without-signer", &json!({}))?;
        without.push(cost(chain, &image)?);
        let image = chain.push("shop/app", &json!({}))?;
        with.push(cost(chain, &image)?);
        warm.push(cost(chain, &image)?);
    }
    for service in SLOW {
        chain.set(json!({ "do": "restore", "service": service }))?;
    }
    let (without, with, warm) = (median(without)?, median(with)?, median(warm)?);
    let round_trips = |cost: &Cost| cost.seconds / LATENCY.as_secs_f64();
    for (name, cost) in
        [("cold, revocation skipped", &without), ("cold, with AWS Signer", &with), ("warm, another tag", &warm)]
    {
        chain.transcript.note(&format!(
            "{name}: {} requests, {:.0} ms, {:.2} round trips",
            cost.requests,
            cost.seconds * 1000.0,
            round_trips(cost)
        ));
    }
    chain.transcript.note(&format!(
        "AWS Signer adds {} request and {:.2} round trips, a factor of {:.2}",
        with.requests.saturating_sub(without.requests),
        round_trips(&with) - round_trips(&without),
        with.seconds / without.seconds
    ));
    let result = (|| {
        ensure!(with.requests == without.requests + 1, "found {} and {} requests", with.requests, without.requests);
        ensure!(without.calls == 0 && with.calls == 1, "found {} and {} calls", without.calls, with.calls);
        Ok(())
    })();
    chain.verdict("a cold image needs one request more, about its status", result);
    let result = if warm.calls == 0 { Ok(()) } else { Err(anyhow::anyhow!("found {} calls", warm.calls)) };
    chain.verdict("a warm image needs no call", result);
    Ok(())
}

/// The cost of one image by a new tag.
fn cost(chain: &mut Chain<'_>, image: &Pushed) -> anyhow::Result<Cost> {
    let reference = chain.tag(image)?;
    let before = chain.journal()?;
    let seconds = ask(chain, &reference)?;
    let journal = chain.journal()?.since(&before);
    Ok(Cost { requests: journal.all().count(), calls: journal.of("signer-data").len(), seconds })
}

/// The median of the times. An error unless all have the same number of requests.
fn median(mut costs: Vec<Cost>) -> anyhow::Result<Cost> {
    costs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let middle = *costs.get(costs.len() / 2).context("there is none")?;
    let same = |cost: &Cost| (cost.requests, cost.calls) == (middle.requests, middle.calls);
    ensure!(costs.iter().all(same), "found different numbers of requests: {costs:?}");
    Ok(middle)
}

/// Sends one image to Countersign as Gatekeeper does. It must be verified. Returns the seconds between request and response.
fn ask(chain: &Chain<'_>, reference: &str) -> anyhow::Result<f64> {
    let body = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": { "keys": [reference] },
    });
    let mut command = Command::new(chain.workdir.tool("curl"));
    command.args(["-sS", "--max-time", "5", "--cacert"]).arg(chain.workdir.path().join("countersign-ca.pem"));
    command.arg("--cert").arg(&chain.client).args(["--data", &body.to_string()]);
    command.args(["--write-out", "\t%{time_pretransfer} %{time_total}"]).arg(chain.countersign.url("/v1/verify"));
    let output = process::run(&command, Duration::from_secs(10), &chain.workdir.log("curl"))?.success()?;
    let (response, times) = output.rsplit_once('\t').context("curl prints no times")?;
    let response: Value = serde_json::from_str(response)?;
    let verdict = &response["response"]["items"][0]["value"]["verdict"];
    ensure!(verdict == "verified", "found {response}");
    let (begin, end) = times.split_once(' ').context("curl prints two times")?;
    Ok(end.trim().parse::<f64>()? - begin.parse::<f64>()?)
}
