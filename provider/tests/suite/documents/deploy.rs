//! Consistency of `deploy/`: the documents with each other, the configuration and the binary.
//!
//! Read as files, without kubectl: the end-to-end run applies them to Kubernetes and Gatekeeper.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "azure")]
mod aks;
// The operations of the clients.
#[cfg(feature = "aws")]
mod eks;
mod files;
mod gke;
mod image;
mod kustomizations;
mod metric_names;
mod metrics_doc;
mod monitoring;
mod mutators;
mod namespace;
mod providers;
mod readme;
mod workload;
