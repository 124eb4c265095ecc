//! The network of the chapter: private endpoints of a registry with a dedicated data endpoint and of a vault, and the public address of
//! Microsoft Entra.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;

use anyhow::Context;
use serde_json::Value;

pub(super) const AUTHORITY: &str = "login.microsoftonline.com";
pub(super) const REGISTRY: &str = "shops.azurecr.io";
/// The dedicated data endpoint of the registry.
pub(super) const BLOBS: &str = "shops.westeurope.data.azurecr.io";
pub(super) const VAULT: &str = "shops.vault.azure.net";

/// The doubles' services, where each listens, and the name that leads there.
const SERVICES: [(&str, &str, Option<&str>); 5] = [
    ("entra", "20.190.128.10:443", Some(AUTHORITY)),
    ("acr", "10.0.64.13:443", Some(REGISTRY)),
    ("blob-store", "10.0.64.14:443", Some(BLOBS)),
    ("key-vault", "10.0.64.15:443", Some(VAULT)),
    ("imds", "169.254.169.254:80", None),
];

/// The Service of Countersign, which leads to its pod.
const SERVICE: (&str, &str) = ("10.0.0.50", "countersign.countersign.svc");

/// All addresses with their names.
pub(super) fn addresses() -> anyhow::Result<BTreeMap<IpAddr, Vec<String>>> {
    let parsed = SERVICES.iter().map(|(service, address, name)| {
        let address: SocketAddr = address.parse().with_context(|| format!("the address of {service}"))?;
        Ok((address.ip(), name.iter().map(|name| (*name).to_owned()).collect()))
    });
    let service = Ok((SERVICE.0.parse()?, vec![SERVICE.1.to_owned()]));
    parsed.chain([service]).collect()
}

/// `listen` of the doubles' configuration.
pub(super) fn listen() -> Value {
    SERVICES.iter().map(|(service, address, _)| ((*service).to_owned(), Value::from(*address))).collect()
}

/// The names of all servers.
pub(super) fn names() -> Vec<&'static str> {
    SERVICES.iter().filter_map(|(_, _, name)| *name).collect()
}
