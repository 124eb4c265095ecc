//! `--online`: tries the addresses of OCSP responders and CRLs that certificates of the trust stores name.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::policy::Store;
use prometheus::Registry;
use tokio::time::Instant;

use super::Findings;
use crate::cli::Failure;
use crate::config::Config;
use crate::evidence::Survey;
use crate::evidence::TriedAddress;
use crate::evidence::UntriedCertificate;
use crate::runtime::Components;
use crate::telemetry::metrics::Metrics;

/// The time for all addresses.
const PATIENCE: Duration = Duration::from_secs(120);

/// Adds what was found to `findings`. An address without a usable response causes a warning.
///
/// # Errors
/// The machine, or this program, failed.
pub(super) fn check(config: &Config, findings: &mut Findings) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::unexpected)?;
    let metrics = Arc::new(Metrics::new(&Registry::new()).map_err(Failure::unexpected)?);
    let survey = runtime.block_on(survey(config, &metrics));
    // A fetch that is not finished has no further use.
    runtime.shutdown_background();
    // Mistakes that prevent it are among the findings already.
    let Some(survey) = survey else { return Ok(()) };
    for TriedAddress { certificate, url, result, .. } in &survey.tried {
        if let Err(why) = result {
            findings.warn("evidence-unusable", format_args!("certificate {certificate:?} names {url}: {why}"));
        }
    }
    for UntriedCertificate { certificate, issuer } in &survey.untried {
        findings.warn(
            "evidence-untried",
            format_args!(
                "the addresses of certificate {certificate:?} were not tried: its issuer {issuer:?} is in no trust store"
            ),
        );
    }
    findings.online = Some(survey);
    Ok(())
}

async fn survey(config: &Config, metrics: &Arc<Metrics>) -> Option<Survey> {
    let components = Components::load(config, metrics).ok()?;
    let policy = components.policy()?;
    let stores: Vec<&Store> =
        policy.stores().values().filter_map(|state| state.store()).map(|store| &**store).collect();
    Some(components.evidence.try_stores(&stores, Instant::now() + PATIENCE).await)
}
