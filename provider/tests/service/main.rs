//! The running service: endpoints, hostile clients and registries, reload.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
mod hostile;
mod http;
mod known;
mod reload;
