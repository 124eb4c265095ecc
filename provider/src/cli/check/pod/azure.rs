//! The identities of Azure: what its webhook of workload identity needs of the pod and of its service account, the variables that it sets,
//! and the instance metadata service of the node.

use std::ffi::OsString;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::ClientId;
use serde_json::Value as Json;

use super::DEFAULT_ACCOUNT;
use super::INSTANCE_METADATA;
use super::PodSetup;
use super::Warnings;
use super::found;
use super::token_file;
use crate::config::Config;
use crate::config::EntraIdentity;
use crate::runtime::azure_environment_warnings;

/// The label by which the webhook of Azure workload identity chooses pods
/// ([labels and annotations](https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html)).
const LABEL: &str = "azure.workload.identity/use";

/// The annotation of a pod with the containers that the webhook does not change.
const SKIPPED_CONTAINERS: &str = "azure.workload.identity/skip-containers";

/// The annotation of a service account with the client ID of its managed identity or application.
const CLIENT_ID: &str = "azure.workload.identity/client-id";

pub(super) fn check(pod: &PodSetup, config: &Config, warnings: &mut Warnings) {
    let workload = config.entra_identities().filter_map(|identity| match identity {
        EntraIdentity::Workload { client_id, .. } => Some(client_id.is_none()),
        EntraIdentity::Managed { .. } | EntraIdentity::ClientSecret { .. } => None,
    });
    let without_client_id: Vec<bool> = workload.collect();
    if !without_client_id.is_empty() {
        webhook(pod, warnings);
    }
    if without_client_id.contains(&true) && pod.variable("AZURE_CLIENT_ID").is_none() {
        client_id(pod, warnings);
    }
    if config.needs_azure() {
        let known = |name: &str| pod.variables.get(name)?.as_ref().map(OsString::from);
        let found = azure_environment_warnings(config, known);
        warnings.extend(found.into_iter().map(|why| ("azure-environment", format!("{}: {why}", pod.workload))));
    }
    if config.entra_identities().any(|identity| matches!(identity, EntraIdentity::Managed { .. })) {
        instance_metadata(pod, warnings);
    }
}

/// The token of the service account: the webhook adds it to labelled pods, unless a variable names its file already.
fn webhook(pod: &PodSetup, warnings: &mut Warnings) {
    let PodSetup { workload, .. } = pod;
    if let Some(file) = pod.variable("AZURE_FEDERATED_TOKEN_FILE") {
        return token_file(pod, "AZURE_FEDERATED_TOKEN_FILE", file, "api://AzureADTokenExchange", warnings);
    }
    if pod.labels.get(LABEL).and_then(Json::as_str) != Some("true") {
        let message = format!(
            "{workload}: spec.template.metadata.labels: found {} for {LABEL}, expected \"true\", as the configuration uses the workload identity \
             of the pod: the webhook of Azure changes no pod without this label, so that no token is issued; add the label, as \
             deploy/components/aks-workload-identity does",
            found(pod.labels.get(LABEL))
        );
        warnings.push(("azure-workload-label", message));
    }
    // As the webhook reads it.
    let skipped = pod.pod_annotations.get(SKIPPED_CONTAINERS).and_then(Json::as_str).unwrap_or_default();
    if skipped.split(';').any(|name| !name.is_empty() && name.trim() == pod.container) {
        let message = format!(
            "{workload}: spec.template.metadata.annotations: found {:?} for {SKIPPED_CONTAINERS}, expected a list without {:?}, as the \
             configuration uses the workload identity of the pod: the webhook of Azure does not change this container, so that no token is \
             issued; remove its name from the annotation",
            Excerpt::of(skipped),
            Excerpt::of(&pod.container)
        );
        warnings.push(("azure-skip-containers", message));
    }
}

/// The client ID, which the webhook reads of the service account.
fn client_id(pod: &PodSetup, warnings: &mut Warnings) {
    let Some(annotations) = &pod.annotations else {
        // That has a warning of its own.
        if pod.service_account != DEFAULT_ACCOUNT {
            let message = format!(
                "{}: spec.template.spec.serviceAccountName: found {:?}, which is not among the manifests, expected it there: its annotation \
                 {CLIENT_ID} is not checked, to which the webhook of Azure sets AZURE_CLIENT_ID; add it to --manifests, or clientId to the \
                 configuration",
                pod.workload,
                Excerpt::of(&pod.service_account)
            );
            warnings.push(("service-account-not-in-manifests", message));
        }
        return;
    };
    let written = annotations.get(CLIENT_ID);
    if written.and_then(Json::as_str).is_none_or(|text| text.parse::<ClientId>().is_err()) {
        let message = format!(
            "{}: metadata.annotations: found {} for {CLIENT_ID}, expected the client ID of the managed identity, a GUID, as the configuration \
             has no clientId: the webhook of Azure sets AZURE_CLIENT_ID to it; add the annotation, or clientId to the configuration",
            pod.account(),
            found(written)
        );
        warnings.push(("azure-client-id", message));
    }
}

/// The service that issues tokens for the identities of the node: a network policy may not allow it.
fn instance_metadata(pod: &PodSetup, warnings: &mut Warnings) {
    let PodSetup { workload, without_metadata: policies, .. } = pod;
    if policies.is_empty() || pod.variable("AZURE_POD_IDENTITY_AUTHORITY_HOST").is_some() {
        return;
    }
    let (address, port) = INSTANCE_METADATA;
    let message = format!(
        "{workload}: found no egress to {address}, port {port}, in the network policies of the pod ({}), expected it, as the configuration uses a \
         managed identity of the node, whose tokens are issued there; add the network policy of deploy/components/aks-managed-identity",
        policies.join(", ")
    );
    warnings.push(("azure-metadata-blocked", message));
}
