//! Identities for registries: where they come from, how long they are valid, and how they are sent.
//!
//! Where to begin: [`IdentitySource`]. Sources are asynchronous, as some fetch an identity over the network, and expiring:
//! today's, [`Credential`] and its [`DockerConfig`], are files that were read; [`ExpiringIdentities`] is the cache for sources
//! that fetch. [`ReloadableCredential`] is a credential whose content changes while requests use it.
//!
//! A source is bound to the hosts of one entry of the settings. Which requests to them may carry an identity is decided by
//! the registry client. Secrets cannot be printed.
#![warn(missing_docs)]

mod auth_method;
mod credential;
mod docker_config;
mod expiring;
mod identity;
pub mod limits;
mod reloadable;
mod scope;
mod secret;
mod source;

pub use auth_method::AuthMethod;
pub use auth_method::AuthMethodError;
pub use credential::Credential;
pub use docker_config::DockerConfig;
pub use docker_config::DockerConfigError;
pub use docker_config::DockerConfigWarning;
pub use docker_config::EntryError;
pub use docker_config::EntryMistake;
pub use expiring::ExpiringIdentities;
pub use expiring::IdentityFetcher;
pub use identity::CredentialRevision;
pub use identity::Identity;
pub use reloadable::ReloadableCredential;
pub use scope::CredentialName;
pub use scope::CredentialScope;
pub use secret::Secret;
pub use source::BoxFuture;
pub use source::CredentialError;
pub use source::IdentitySource;
pub use source::RepositoryScope;
