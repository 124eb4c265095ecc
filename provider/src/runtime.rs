//! Starts the service, takes changed files into use while it runs, and stops it.
//!
//! Knows no command line and no exit codes.

mod components;
mod failure;
mod proxies;
mod reload;
mod service;

pub(crate) use components::FLIGHT_TIME;
pub(crate) use components::Parts;
pub(crate) use failure::Chain;
pub use failure::Failure;
pub use failure::FailureKind;
pub(crate) use proxies::environment;
pub use service::Service;
pub(crate) use service::level;
