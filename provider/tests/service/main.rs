//! The running service: endpoints, hostile clients and registries, reload.

#[cfg(feature = "aws")]
mod aws;
mod hostile;
mod http;
mod reload;
