//! The doubles of Google Cloud, and the service accounts.

use serde_json::json;

use super::super::cloud::Platform;
use super::super::cloud::Site;
use super::network;
use crate::cloud_doubles::Cloud;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// The project and the repository of the page.
pub(super) const PROJECT: &str = "my-project";
pub(super) const IMAGES: &str = "images";

/// What the metadata server of GKE names the account of a pod that acts as no service account of Google Cloud.
pub(super) const POOL: &str = "my-project.svc.id.goog";
/// The service account of Google Cloud of the page.
pub(super) const ACCOUNT: &str = "countersign@my-project.iam.gserviceaccount.com";

const GOOGLE: Platform = Platform {
    cloud: Cloud::Google,
    network: network::NETWORK,
    registry: "europe-west1-docker.pkg.dev/my-project/images",
    repository: "image",
};

/// Starts all processes but Countersign. No account has a role yet.
pub(super) fn start<'a>(workdir: &'a Workdir, transcript: &'a mut Transcript) -> anyhow::Result<Site<'a>> {
    let config = json!({ "project": PROJECT, "repository": IMAGES, "account": POOL, "host": network::REGISTRY });
    let mut site = Site::start(workdir, transcript, GOOGLE, config)?;
    site.set(&json!({ "do": "revoke-grant" }))?;
    Ok(site)
}
