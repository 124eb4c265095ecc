//! Access to OCI registries: resolves images, lists their referrers, and fetches content. Limits bytes, counts and
//! time. Does not depend on signatures, policies or metrics.
//!
//! [OCI distribution specification 1.1.1](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
//! Entry point: [`Registries`].
//!
//! # What is used of others, and what is not
//!
//! `countersign-http` provides HTTP. oci-client provides the error envelopes of the distribution specification, and
//! its `Reference` is compared with ours in tests. Its client is not used: an attacker controls bodies, pages,
//! redirects, token realms and filters, and each of these is limited or checked here (`referrers`, `routes`,
//! `repository_access`, `token_exchange`).
//!
//! # Where a credential goes
//!
//! The first entry of the settings that matches the host and the path of a repository has its credential. It is sent with
//! requests about this repository, after the challenge of its host (at once to private registries of Amazon ECR), and to the
//! token services of that host as decided in `repository_access`: after a challenge about this repository, or after one about another
//! repository under the same entry and with the same credential (`realm_memory`). It is not sent to other hosts by redirects,
//! further pages or realms, nor to other repositories if the host has an entry with a path. A request that needs a credential is never sent
//! without it.
//!
//! # What goes through a proxy
//!
//! Only requests on behalf of hosts in the settings use a proxy, if one is configured (`routes`).
#![warn(missing_docs)]

mod authorization;
mod authorizer;
mod challenge;
mod challenge_gate;
mod client;
mod content;
mod content_cache;
mod entries;
mod entry_limits;
mod entry_numbers;
mod error;
mod error_body;
mod fallback_tag;
mod head_answer;
mod host_pattern;
mod kept_connections;
mod limits;
mod link;
mod listing;
mod locations;
pub mod memory;
mod mirror;
mod observer;
mod pin_cache;
mod quota;
mod realm_memory;
mod referrers;
mod registries;
mod registry_pattern;
mod repository_access;
mod request;
mod request_result;
mod resolve;
pub mod resources;
mod routes;
mod settings;
mod subject;
mod token_cache;
mod token_exchange;
mod token_request;
mod transport;
mod unsupported;

pub use countersign_credentials::CredentialScope;
pub use entry_numbers::EntryNumbers;
pub use error::AuthoritiesOf;
pub use error::Cause;
pub use error::CredentialKind;
pub use error::CredentialOrigin;
pub use error::EcrRefusal;
pub use error::Fallback;
pub use error::LinkRefusal;
pub use error::LocationFailure;
pub use error::NoList;
pub use error::RealmRefusal;
pub use error::RegistryError;
pub use error::RegistryErrorKind;
pub use error::RoleRefusal;
pub use error_body::RegistryErrorBody;
pub use fallback_tag::FallbackTag;
pub use host_pattern::HostPattern;
pub use host_pattern::HostPatternError;
pub use listing::Incomplete;
pub use listing::Referrers;
pub use locations::ListedLocation;
pub use mirror::MAX_MIRRORS;
pub use mirror::Mirror;
pub use mirror::MirrorError;
pub use mirror::Mirrors;
pub use mirror::MirrorsMistake;
pub use mirror::check_mirrors;
pub use mirror::mirror_circle;
// Only for the fuzz targets, which call what the product calls.
#[doc(hidden)]
pub use link::next as next_page;
pub use observer::ContentStored;
pub use observer::ContentUse;
pub use observer::Exchange;
pub use observer::Observer;
pub use observer::RequestResult;
pub use observer::Stage;
pub use observer::TagCache;
pub use observer::Unobserved;
pub use pin_cache::StandingPin;
pub use quota::Quota;
pub use registries::Registries;
pub use registry_pattern::PatternMiss;
pub use registry_pattern::RegistryPattern;
pub use registry_pattern::RegistryPatternError;
pub use resolve::Pinned;
pub use settings::EntryCertificate;
pub use settings::RegistryEntry;
pub use settings::RegistrySettings;
pub use settings::SettingsError;
pub use settings::Unlisted;
pub use subject::Subject;
