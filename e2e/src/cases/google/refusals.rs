//! What Google Cloud refuses: each denial names the cause and what to correct, and ends without a restart when it is corrected.

use anyhow::ensure;
use serde_json::Value;
use serde_json::json;

use super::super::cloud::Chain;
use super::super::pod::Pod;
use super::metrics;
use super::network;
use super::site::ACCOUNT;

/// A mistake in the set-up.
struct Mistake {
    what: &'static str,
    /// The commands of the doubles that make it and correct it.
    make: Value,
    correct: Value,
    /// What the finding says, after the address of the metadata server.
    found: &'static str,
    remedy: &'static str,
    /// The result of the call in the metrics.
    result: &'static str,
}

/// Mistakes at which the metadata server issues no token.
fn mistakes() -> [Mistake; 4] {
    let restore = json!({ "do": "restore", "service": "metadata" });
    [
        Mistake {
            what: "the pod may not act as the service account of Google Cloud",
            make: json!({ "do": "fail", "service": "metadata", "status": 403 }),
            correct: restore.clone(),
            found: "found status 403, expected 200: Unable to generate access token; IAM returned 403 Forbidden: Permission \
                    'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)",
            remedy: "grant the role roles/iam.workloadIdentityUser on the service account that the annotation \
                     iam.gke.io/gcp-service-account names to PROJECT.svc.id.goog[NAMESPACE/NAME], the service account of the pod; a new \
                     grant takes some minutes",
            result: "credentials",
        },
        Mistake {
            what: "the annotation names a service account that does not exist",
            make: json!({ "do": "fail", "service": "metadata", "status": 404 }),
            correct: restore,
            found: "found status 404, expected 200: Unable to generate access token; IAM returned 404 Not Found: Not found; Gaia id not \
                    found for email",
            remedy: "check the annotation iam.gke.io/gcp-service-account of the service account of the pod: it names no service account \
                     of Google Cloud",
            result: "credentials",
        },
        Mistake {
            what: "neither the node nor the pod has an identity",
            make: json!({ "do": "account" }),
            correct: json!({ "do": "account", "email": ACCOUNT }),
            found: "found status 404, expected 200; ",
            remedy: "enable workload identity (the cluster with --workload-pool=PROJECT.svc.id.goog, the node pool with \
                     --workload-metadata=GKE_METADATA), or attach a service account to the node",
            result: "credentials",
        },
        Mistake {
            what: "another server answers at the address of the metadata server",
            make: json!({ "do": "flavor" }),
            correct: json!({ "do": "flavor", "value": "Google" }),
            found: "found status 200 without the header Metadata-Flavor: Google, expected it in every answer of the metadata server",
            remedy: "check that the pod runs on Google Cloud, and that nothing answers in place of its metadata server \
                     (GCE_METADATA_HOST)",
            result: "invalid",
        },
    ]
}

pub(super) fn run(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.chapter("What Google Cloud refuses");
    for mistake in mistakes() {
        without_token(chain, &mistake)?;
    }
    without_role(chain)
}

/// The pod is started while no token is issued to it.
fn without_token(chain: &mut Chain<'_>, mistake: &Mistake) -> anyhow::Result<()> {
    let Mistake { what, make, correct, found, remedy, result: counted } = mistake;
    chain.set(make)?;
    chain.note(what);
    let before = chain.journal()?;
    chain.restart()?;
    let image = chain.push(&json!({}))?;
    let server = format!(
        "no credential for {}: the token request to the metadata server of Google Cloud failed at {}: ",
        network::REGISTRY,
        network::METADATA_SERVER
    );
    chain.undecided("an image is denied with the cause and what to correct", &image, &[&server, found, remedy])?;
    let requests = chain.journal()?.since(&before).of("artifact-registry").len();
    let page = Pod::readiness()?;
    let result = (|| {
        // The line is cut after some hundred characters.
        let line =
            page.lines().find(|line| line.starts_with("[!] token google for the service account of the pod: none; "));
        ensure!(line.is_some_and(|line| line.contains(found)), "found {page}");
        ensure!(requests == 0, "found {requests} requests to the registry without a token, expected 0");
        Ok(())
    })();
    chain.verdict("/readyz?verbose has the cause, and the registry is not asked without a token", result);
    chain.verdict(&format!("the metrics count it as {counted}"), metrics::counted(counted));
    chain.set(correct)?;
    chain.note("this is corrected");
    chain.admitted("it is admitted without a restart", &image).map(drop)
}

/// The account may not read the repository.
fn without_role(chain: &mut Chain<'_>) -> anyhow::Result<()> {
    chain.set(&json!({ "do": "revoke-grant", "account": ACCOUNT }))?;
    chain.note("the account has no role on the repository");
    chain.restart()?;
    let image = chain.push(&json!({}))?;
    let parts = [
        "registry-denied: ",
        "europe-west1-docker.pkg.dev responds with status 403 to the issued token, saying \"DENIED: Permission \
         \\\"artifactregistry.repositories.downloadArtifacts\\\" denied on resource ",
        "roles/artifactregistry.reader",
    ];
    chain.undecided("an image is denied with the permission and the role that is missing", &image, &parts)?;
    chain.set(&json!({ "do": "grant", "account": ACCOUNT }))?;
    chain.note("the role is granted");
    chain.admitted("it is admitted without a restart", &image).map(drop)
}
