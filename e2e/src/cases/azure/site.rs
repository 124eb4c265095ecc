//! The doubles of Azure, and what the cluster has of them.

use std::fs;

use serde_json::json;

use super::super::cloud::Platform;
use super::super::cloud::Site;
use super::network;
use crate::cloud_doubles::Cloud;
use crate::namespaces;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// The file of the service account's token in the pod, where the webhook of AKS adds it.
pub(super) const TOKEN: &str = "/var/run/secrets/azure/tokens/azure-identity-token";

/// Those of the doubles: the issuer of the cluster's tokens, the tenant, and the client ID of the managed identity.
pub(super) const ISSUER: &str = "https://westeurope.oic.prod-aks.azure.com/testkit/";
pub(super) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(super) const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

const AZURE: Platform =
    Platform { cloud: Cloud::Azure, network: network::NETWORK, registry: network::REGISTRY, repository: "repository" };

/// Starts all processes but Countersign.
pub(super) fn start<'a>(workdir: &'a Workdir, transcript: &'a mut Transcript) -> anyhow::Result<Site<'a>> {
    let config = json!({
        "authority": format!("https://{}", network::AUTHORITY),
        "registry": network::REGISTRY,
        "blobs": format!("https://{}", network::BLOBS),
        "vault": network::VAULT,
        "issuer": ISSUER,
        "tenant": TENANT,
        "client": CLIENT,
        "namespace": "countersign",
        "serviceAccount": "countersign",
        "certificate": "shop-signing",
    });
    let site = Site::start(workdir, transcript, AZURE, config)?;
    let token = fs::read_to_string(site.doubles.directory().join("azure-identity-token"))?;
    namespaces::write_below_run(TOKEN, &token)?;
    Ok(site)
}
