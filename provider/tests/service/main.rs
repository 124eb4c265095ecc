//! The running service: endpoints, hostile clients and registries, reload, reporting.

mod hostile;
mod http;
mod reload;
mod reporting;
