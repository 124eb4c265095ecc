//! Identities for registries: their sources, their validity, and the headers that carry them.
//!
//! Entry point: [`IdentitySource`]. Sources are asynchronous, as some fetch identities over the network, and
//! identities may expire. [`Credential`] and its [`DockerConfig`] have the content of files; [`ExpiringIdentities`]
//! caches fetched identities. [`ReloadableCredential`] is a credential that can be replaced while requests use it.
//!
//! A source is bound to the hosts of one entry of the settings. The registry client decides which requests carry an
//! identity. Secrets cannot be printed.
#![warn(missing_docs)]

mod auth_method;
mod call_request;
mod call_result;
mod credential;
mod docker_config;
mod expiring;
mod hidden;
mod identity;
mod issued;
mod jwt;
pub mod limits;
mod reloadable;
mod scope;
mod secret;
mod source;

pub use auth_method::AuthMethod;
pub use auth_method::AuthMethodError;
pub use call_request::CallRequest;
pub use call_result::CallResult;
pub use credential::Credential;
pub use docker_config::DockerConfig;
pub use docker_config::DockerConfigError;
pub use docker_config::DockerConfigWarning;
pub use docker_config::EntryError;
pub use docker_config::EntryMistake;
pub use docker_config::Instead;
pub use expiring::ExpiringIdentities;
pub use expiring::IdentityFetcher;
pub use expiring::IdentityIssuer;
pub use expiring::IdentityObserver;
pub use hidden::REPEATS_SECRET;
pub use hidden::secrets_of_authorization;
pub use hidden::without_secrets;
pub use identity::CredentialRevision;
pub use identity::Identity;
pub use issued::IssuedIdentities;
pub use jwt::JwtTimes;
pub use reloadable::ReloadableCredential;
pub use scope::CredentialName;
pub use scope::CredentialScope;
pub use secret::Secret;
pub use source::BoxFuture;
pub use source::CredentialError;
pub use source::IdentitySource;
pub use source::IssueFailure;
pub use source::RepositoryScope;
