//! The main job on a laptop: a certificate authority, a registry with good and bad images, the real provider behind
//! mutual TLS, one request of Gatekeeper's kind, and what a user would be told. One process, loopback only.

mod gatekeeper;
mod journal;
mod provider;
mod shop;

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use gatekeeper::Gatekeeper;
use journal::Journal;
use provider::Provider;
use shop::Shop;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a crypto provider is installed already"))?;
    let journal = Journal::install()?;
    println!(
        "Countersign demo: an embedded registry, real envelopes, the real HTTPS provider; nothing leaves loopback.\n"
    );

    let shop = Shop::open().await;
    let provider = Provider::start(&shop).await?;
    let gatekeeper = Gatekeeper::new(&provider)?;
    println!("Registry  http://{}", shop.registry.host());
    println!("Provider  {} (TLS 1.3, client certificate required)\n", provider.verify_url());

    let keys: Vec<_> = shop.images.iter().map(|image| image.reference.clone()).collect();
    let answer = gatekeeper.ask(&keys).await?;
    println!("One ProviderRequest with {} keys. The verdicts, from the provider's log:\n", keys.len());
    let wrong = print_table(&shop, &journal)?;

    println!(
        "\nWhat Gatekeeper gets: an item for each decided key, and for the rest a systemError, which it never caches:\n"
    );
    let system_error = answer["response"]["systemError"].as_str().unwrap_or_default();
    let items = answer["response"]["items"].as_array().map_or(0, Vec::len);
    println!("  {items} items, systemError: {system_error}\n");

    println!("What a user sees, by the shipped template and constraint:\n");
    for image in &shop.images {
        print_admission(&gatekeeper, image).await?;
    }

    println!("Metrics that Prometheus would scrape:\n");
    let metrics = provider.metrics().await?;
    for line in metrics.lines().filter(|line| line.starts_with("countersign_verdicts_total") && !line.ends_with(" 0")) {
        println!("  {line}");
    }
    println!();
    provider.stop().await?;
    if wrong == 0 {
        println!("All {} verdicts are as they should be.", shop.images.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!("{wrong} of {} verdicts are not as they should be.", shop.images.len());
    Ok(ExitCode::FAILURE)
}

/// One line per image; how many are not what the shop expects.
fn print_table(shop: &Shop, journal: &Journal) -> anyhow::Result<usize> {
    println!("  {:<34} {:<13} {:<20} {:>6}", "IMAGE", "VERDICT", "CODE", "TIME");
    let mut wrong = 0;
    for image in &shop.images {
        let event =
            journal.verdict_about(&image.reference).with_context(|| format!("no verdict about {}", image.what))?;
        let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
        let code = text("code");
        let mark = if code == image.expected { "" } else { "  <- unexpected" };
        wrong += usize::from(code != image.expected);
        let time = event["elapsed_ms"].to_string();
        println!("  {:<34} {:<13} {:<20} {time:>3} ms{mark}", image.what, text("verdict"), code);
    }
    Ok(wrong)
}

async fn print_admission(gatekeeper: &Gatekeeper, image: &shop::Image) -> anyhow::Result<()> {
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

/// A YAML document of the project.
fn shipped(path: &str) -> anyhow::Result<Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(serde_saphyr::from_str(&text)?)
}
