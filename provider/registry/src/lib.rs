//! Talks to OCI registries: pins images, lists what refers to them, fetches it. Bounded in bytes, counts and time;
//! knows no signatures, policy or metrics.
//!
//! [OCI distribution specification 1.1.1](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
//! Where to begin: [`Registries`].
//!
//! # What is relied on, and what is not
//!
//! HTTP and connection reuse are hyper's, TLS is rustls'. From oci-client come the error envelopes of the distribution
//! specification, and its `Reference` as the other opinion in the tests of references. Its client is not used: bodies,
//! pages, redirects, token realms and filters are the parts of the protocol that an attacker shapes, and there each has
//! its bound or rule here (`body`, `referrers`, `wire`, `endpoint`, `token`).
//!
//! # Where a credential goes
//!
//! To hosts that match the pattern it is configured for, on their challenge, and to their token services under the
//! rules of `endpoint`. A redirect, a further page or a realm elsewhere does not get it, and a request that may not
//! carry it is not made without it.
//!
//! # What goes by a proxy
//!
//! Requests on behalf of hosts in the settings, if a proxy is configured; no other request knows one (`proxy`).

mod body;
mod bounds;
mod challenge;
mod client;
mod credential;
mod docker_config;
mod endpoint;
mod error;
mod failure;
mod gate;
mod host;
mod link;
mod listing;
mod login;
pub mod memory;
mod observer;
mod origin;
mod pins;
mod process;
mod proxy;
mod quota;
mod referrers;
mod registries;
mod retry;
mod said;
mod secret;
mod send;
mod settings;
mod tls;
mod token;
mod wire;

pub use countersign_http::Class;
pub use countersign_http::Content;
pub use countersign_http::FlightError;
pub use countersign_http::Flights;
pub use countersign_http::GRACE;
pub use countersign_http::Kept;
pub use countersign_http::LimitObserver;
pub use countersign_http::LimitReached;
pub use countersign_http::Limiter;
pub use countersign_http::Permit;
pub use countersign_http::Progress;
pub use countersign_http::Remembered;
pub use countersign_http::Resource;
pub use countersign_http::Scope;
pub use countersign_http::Share;
pub use countersign_http::ShareLimits;
pub use countersign_http::Ticket;
pub use countersign_http::tls::Authorities;
pub use countersign_http::tls::AuthoritiesError;
pub use countersign_http::tls::Names;
pub use countersign_http::tls::TlsFailure;
pub use countersign_http::tls::Vouchers;
pub use credential::Credential;
pub use docker_config::DockerConfig;
pub use docker_config::DockerConfigError;
pub use docker_config::DockerConfigWarning;
pub use docker_config::EntryError;
pub use docker_config::EntryMistake;
pub use error::Cause;
pub use error::CredentialKind;
pub use error::Fallback;
pub use error::LinkRefusal;
pub use error::NoList;
pub use error::Phase;
pub use error::ProxyFailure;
pub use error::RealmRefusal;
pub use error::RegistryError;
pub use error::Trouble;
pub use host::HostPattern;
pub use host::HostPatternError;
pub use listing::Incomplete;
pub use listing::Referrers;
pub use login::LoginError;
pub use observer::Observer;
pub use observer::RequestResult;
pub use observer::Stage;
pub use observer::TagMemory;
pub use observer::Unobserved;
pub use proxy::Inside;
pub use proxy::ProxyChoice;
pub use proxy::ProxyEnvironment;
pub use proxy::ProxyServer;
pub use proxy::ProxyServerError;
pub use proxy::ProxyVariableError;
pub use proxy::inside;
pub use quota::Quota;
pub use registries::Pinned;
pub use registries::Registries;
pub use said::Said;
pub use secret::Secret;
pub use settings::RegistryEntry;
pub use settings::RegistrySettings;
pub use settings::Roots;
pub use settings::Scheme;
pub use settings::SettingsError;
pub use settings::Unlisted;
