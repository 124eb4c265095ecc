//! Demonstrates the provider on one machine: a certificate authority, a registry with valid and invalid images, the provider
//! with mutual TLS, one request as Gatekeeper sends it, and the denials that a user sees. One process, loopback only.

mod captured_log;
mod fixtures;
mod gatekeeper;
mod provider;

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use captured_log::CapturedLog;
use fixtures::Fixtures;
use fixtures::Image;
use gatekeeper::Gatekeeper;
use provider::Provider;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a crypto provider is installed already"))?;
    let log = CapturedLog::install()?;
    println!("Countersign demo: an embedded registry, signed envelopes, and the HTTPS provider, on loopback only.\n");

    let fixtures = Fixtures::start().await;
    let provider = Provider::start(&fixtures).await?;
    let gatekeeper = Gatekeeper::new(&provider)?;
    println!("Registry  http://{}", fixtures.registry.host());
    println!("Provider  {} (TLS 1.3, client certificate required)\n", provider.verify_url());

    let keys: Vec<_> = fixtures.images.iter().map(|image| image.reference.clone()).collect();
    let answer = gatekeeper.request(&keys).await?;
    println!("One ProviderRequest with {} keys. The verdicts, from the provider's log:\n", keys.len());
    let wrong = print_table(&fixtures, &log)?;

    println!(
        "\nWhat Gatekeeper receives: an item for each decided key, and a systemError for the others, which it never caches:\n"
    );
    let system_error = answer["response"]["systemError"].as_str().unwrap_or_default();
    let items = answer["response"]["items"].as_array().map_or(0, Vec::len);
    println!("  {items} items, systemError: {system_error}\n");

    println!("What a user sees with the shipped template and constraint:\n");
    for image in &fixtures.images {
        print_admission(&gatekeeper, image).await?;
    }

    println!("Metrics for Prometheus:\n");
    let metrics = provider.metrics().await?;
    for line in metrics.lines().filter(|line| line.starts_with("countersign_verdicts_total") && !line.ends_with(" 0")) {
        println!("  {line}");
    }
    println!();
    provider.stop().await?;
    if wrong == 0 {
        println!("All {} verdicts are as expected.", fixtures.images.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!("{wrong} of {} verdicts are not as expected.", fixtures.images.len());
    Ok(ExitCode::FAILURE)
}

/// Prints one line per image. Returns the number of unexpected verdicts.
fn print_table(fixtures: &Fixtures, log: &CapturedLog) -> anyhow::Result<usize> {
    println!("  {:<34} {:<13} {:<20} {:>6}", "IMAGE", "VERDICT", "CODE", "TIME");
    let mut wrong = 0;
    for image in &fixtures.images {
        let event =
            log.verdict_about(&image.reference).with_context(|| format!("no verdict about {}", image.description))?;
        let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
        let code = text("code");
        let mark = if code == image.expected { "" } else { "  <- unexpected" };
        wrong += usize::from(code != image.expected);
        let time = event["elapsed_ms"].to_string();
        println!("  {:<34} {:<13} {:<20} {time:>3} ms{mark}", image.description, text("verdict"), code);
    }
    Ok(wrong)
}

async fn print_admission(gatekeeper: &Gatekeeper, image: &Image) -> anyhow::Result<()> {
    println!("  $ kubectl run {} --image {}", image.pod, image.reference);
    let denials = gatekeeper.review(image.pod, &image.reference).await?;
    if denials.is_empty() {
        println!("  pod/{} created\n", image.pod);
    }
    for denial in denials {
        println!("  Error from server (Forbidden): admission webhook \"validation.gatekeeper.sh\" denied the request:");
        println!("  [{}] {denial}\n", gatekeeper.constraint());
    }
    Ok(())
}

/// A YAML document of the repository.
fn shipped(path: &str) -> anyhow::Result<Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(serde_saphyr::from_str(&text)?)
}
