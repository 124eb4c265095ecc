//! Demonstrates the provider on one machine: a certificate authority with a CRL, a timestamping authority, signatures as those
//! of AWS Signer, a registry with valid and invalid images, the provider with mutual TLS, one request as Gatekeeper sends it,
//! and the denials that a user sees. One process, loopback only.
//!
//! With `--keep` it waits for Ctrl-C afterwards, so that the command line can be tried.

mod aws_signer;
mod captured_log;
mod certificates;
pub(crate) mod commands;
mod fixtures;
mod gatekeeper;
mod provider;

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use captured_log::CapturedLog;
use certificates::Certificates;
use fixtures::Fixtures;
pub(crate) use fixtures::Image;
use gatekeeper::Gatekeeper;
use provider::Provider;

const USAGE: &str = "usage: cargo demo [--keep]

Exits with 0 if all verdicts are as expected, 1 if not, 3 for usage errors.

  --keep   keep the registry and the provider running until Ctrl-C, and print commands to try";

/// Exit code for usage errors, as of `countersign`.
const USAGE_ERROR: u8 = 3;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut keep = false;
    for word in std::env::args().skip(1) {
        match word.as_str() {
            // The alias ends with `--`; users may add another.
            "--" => {}
            "--keep" => keep = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            _ => {
                eprintln!("unknown argument {word:?}\n\n{USAGE}");
                return Ok(ExitCode::from(USAGE_ERROR));
            }
        }
    }
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a crypto provider is installed already"))?;
    println!("Countersign demo: an embedded registry, signed envelopes, and the HTTPS provider, on loopback only.\n");
    let demo = Demo::start().await?;
    let wrong = demo.show().await?;
    if keep {
        demo.print_commands()?;
        tokio::signal::ctrl_c().await?;
    }
    let images = demo.fixtures.images.len();
    demo.provider.stop().await?;
    if wrong == 0 {
        println!("All {images} verdicts are as expected.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{wrong} of {images} verdicts are not as expected.");
    Ok(ExitCode::FAILURE)
}

/// The registries and the provider, running.
pub(crate) struct Demo {
    pub(crate) fixtures: Fixtures,
    pub(crate) provider: Provider,
    pub(crate) gatekeeper: Gatekeeper,
    log: CapturedLog,
}

impl Demo {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let log = CapturedLog::install()?;
        let fixtures = Fixtures::start().await;
        let provider = Provider::start(&fixtures).await?;
        let gatekeeper = Gatekeeper::new(&provider)?;
        Ok(Self { fixtures, provider, gatekeeper, log })
    }

    /// Prints verdicts, denials and metrics. Returns the number of unexpected verdicts.
    pub(crate) async fn show(&self) -> anyhow::Result<usize> {
        println!("Registry  http://{}", self.fixtures.registry.host());
        println!("CRL       {}", self.fixtures.certificates.crl_url());
        println!("Provider  {} (TLS 1.3, client certificate required)\n", self.provider.verify_url());

        let keys: Vec<_> = self.fixtures.images.iter().map(|image| image.reference.clone()).collect();
        let response = self.gatekeeper.request(&keys).await?;
        println!("One ProviderRequest with {} keys. The verdicts, from the provider's log:\n", keys.len());
        let wrong = self.print_table()?;
        println!(
            "\nTimestamps and revocation: both certificates that have ended did so on {}. An RFC 3161 timestamp proves that the\n\
             signature is older, and the trust policy requires one of such signatures. The revoked certificate has the address\n\
             of the CRL, which the provider downloads when it verifies the image, and keeps until its end.",
            Certificates::end()
        );
        println!(
            "\nAWS Signer: both signatures have its form, below a root of the demo. Their certificates have ended too, and count at\n\
             the time of signing. The trust policy names the signing profile. The provider asks the service, here a part of this\n\
             process, whether the profile, the signing job or a certificate is revoked: of the second signature, the job is."
        );

        println!(
            "\nWhat Gatekeeper receives: an item for each decided key, and a systemError for the others, which it never caches:\n"
        );
        let system_error = response["response"]["systemError"].as_str().unwrap_or_default();
        let items = response["response"]["items"].as_array().map_or(0, Vec::len);
        println!("  {items} items, systemError: {system_error}\n");

        println!(
            "What a user would see. There is no cluster and no kubectl: this process evaluates the shipped template and\n\
             constraint with the responses of the provider.\n"
        );
        for image in &self.fixtures.images {
            print_admission(&self.gatekeeper, image).await?;
        }

        println!("Metrics for Prometheus:\n");
        let metrics = self.provider.metrics().await?;
        let names =
            ["countersign_verdicts_total", "countersign_evidence_requests_total", "countersign_evidence_entries"];
        let shown = |line: &&str| names.iter().any(|name| line.starts_with(name)) && !line.ends_with(" 0");
        for line in metrics.lines().filter(shown) {
            println!("  {line}");
        }
        println!();
        Ok(wrong)
    }

    /// Prints one line per image. Returns the number of unexpected verdicts.
    fn print_table(&self) -> anyhow::Result<usize> {
        println!("  {:<34} {:<13} {:<20} {:>6}", "IMAGE", "VERDICT", "CODE", "TIME");
        let mut unexpected = 0;
        for image in &self.fixtures.images {
            let event = self.log.verdict_about(&image.reference);
            let event = event.with_context(|| format!("no verdict about {}", image.description))?;
            let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
            let code = text("code");
            let mark = if code == image.expected { "" } else { "  <- unexpected" };
            unexpected += usize::from(code != image.expected);
            let time = event["elapsed_ms"].to_string();
            println!("  {:<34} {:<13} {:<20} {time:>3} ms{mark}", image.description, text("verdict"), code);
        }
        Ok(unexpected)
    }

    fn print_commands(&self) -> anyhow::Result<()> {
        let folder = self.provider.configuration();
        let folder = folder.parent().context("a file has a folder")?;
        println!("Everything keeps running until Ctrl-C, which removes the files in {} too.", folder.display());
        println!(
            "Change trust/trustpolicy.json there, or try these commands in another terminal. If countersign is not"
        );
        println!(
            "installed, write `cargo run --package countersign --no-default-features --` in place of `countersign`."
        );
        println!("The AWS Signer of the demo answers the provider only, not these commands.\n");
        for command in commands::commands(&self.fixtures, &self.provider)? {
            println!("  # {}: exit status {}", command.description, command.status);
            println!("  {}\n", command.line());
        }
        Ok(())
    }
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
