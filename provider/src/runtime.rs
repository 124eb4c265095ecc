//! Starts the service, takes changed files into use while it runs, and stops it.
//!
//! Every [`Component`](crate::telemetry::metrics::Component) is loaded and reloaded by itself and has its own status in log,
//! metrics and readiness: the configuration, the server's certificates, the trust policy with its stores, the registries'
//! files. Trust stores that are not in files are fetched by `trust_stores`. A further component is one member of that enum, one file here that loads and reloads it, and one field of
//! `ReloadTask`.
//!
//! Knows no command line and no exit codes: an error has its cause and who can correct it.

mod active_engine;
mod age;
pub mod aws;
pub mod azure;
mod call_reports;
mod certificates;
mod clouds;
mod components;
mod early_timer;
mod environment_warning;
mod environment_warnings;
mod error;
mod external_services;
pub mod google;
mod proxy_environment;
mod registry_files;
mod reload;
mod service;
mod settings;
mod status;
pub(crate) mod tokens;
mod trust_stores;
mod watchdog;

pub(crate) use azure::client_secret_mistake;
pub(crate) use azure::environment_warnings as azure_environment_warnings;
pub(crate) use components::Components;
pub(crate) use components::Observers;
pub(crate) use environment_warning::EnvironmentWarning;
pub(crate) use environment_warnings::environment_warnings;
pub(crate) use environment_warnings::token_file_warnings;
pub use error::Cause;
pub use error::ErrorKind;
pub use error::RuntimeError;
pub use external_services::ExternalServices;
pub use proxy_environment::ProxyVariablesError;
pub(crate) use proxy_environment::beside as proxy_environment_beside;
pub(crate) use proxy_environment::read as proxy_environment;
pub use service::Service;
pub(crate) use settings::FLIGHT_TIME;
pub(crate) use settings::log_format;
pub(crate) use settings::log_level;
pub(crate) use status::NO_SYSTEM_AUTHORITIES;
pub(crate) use trust_stores::danger as trust_store_danger;
pub use trust_stores::memory as trust_store_memory;
pub(crate) use trust_stores::nothing_enabled_of;
