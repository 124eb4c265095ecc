//! What the configuration needs of Google Cloud: tokens for Artifact Registry.

#[cfg(feature = "google")]
mod call_counter;
#[cfg(feature = "google")]
mod clients;
#[cfg(feature = "google")]
mod environment;
pub mod memory;
#[cfg(not(feature = "google"))]
mod without;

#[cfg(feature = "google")]
pub(super) use clients::GoogleServices;
#[cfg(feature = "google")]
pub(super) use environment::warnings as environment_warnings;
#[cfg(not(feature = "google"))]
pub(super) use without::GoogleServices;
#[cfg(not(feature = "google"))]
pub(super) use without::environment_warnings;
