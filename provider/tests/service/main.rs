//! The running service: endpoints, hostile clients and registries, reload.

mod hostile;
mod http;
mod reload;
