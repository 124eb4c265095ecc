//! Access to OCI registries: resolves images, lists their referrers, and fetches content. Limits bytes, counts and time;
//! knows no signatures, policy or metrics.
//!
//! [OCI distribution specification 1.1.1](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
//! Where to begin: [`Registries`].
//!
//! # What is used of others, and what is not
//!
//! HTTP is that of `countersign-http`. From oci-client come the error envelopes of the distribution specification, and its
//! `Reference` as a second opinion in the tests of references. Its client is not used: bodies, pages, redirects, token realms
//! and filters are the parts of the protocol that an attacker controls, and each is limited or checked here (`referrers`,
//! `routes`, `endpoint`, `token_exchange`).
//!
//! # Where a credential goes
//!
//! To hosts that match the pattern it is configured for, on their challenge, and to their token services under the rules of
//! `endpoint`. It does not go to a redirect, a further page or a realm elsewhere, and a request that needs a credential is
//! not made without it.
//!
//! # What goes through a proxy
//!
//! Requests on behalf of hosts in the settings, if a proxy is configured; no other request (`routes`).
#![warn(missing_docs)]

mod authorization;
mod challenge;
mod client;
mod content;
mod endpoint;
mod entries;
mod error;
mod error_body;
mod host_pattern;
mod limits;
mod link;
mod listing;
pub mod memory;
mod observer;
mod pin_cache;
mod quota;
mod referrers;
mod registries;
mod request;
mod request_result;
mod resolve;
pub mod resources;
mod routes;
mod settings;
mod token_cache;
mod token_exchange;
mod token_request;
mod transport;

pub use countersign_credentials::CredentialScope;
pub use error::Cause;
pub use error::CredentialKind;
pub use error::Fallback;
pub use error::LinkRefusal;
pub use error::NoList;
pub use error::RealmRefusal;
pub use error::RegistryError;
pub use error::RegistryErrorKind;
pub use error_body::RegistryErrorBody;
pub use host_pattern::HostPattern;
pub use host_pattern::HostPatternError;
pub use listing::Incomplete;
pub use listing::Referrers;
pub use observer::Observer;
pub use observer::RequestResult;
pub use observer::Stage;
pub use observer::TagCache;
pub use observer::Unobserved;
pub use quota::Quota;
pub use registries::Registries;
pub use resolve::Pinned;
pub use settings::RegistryEntry;
pub use settings::RegistrySettings;
pub use settings::SettingsError;
pub use settings::Unlisted;
