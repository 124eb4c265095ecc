//! The sections of the configuration, each with the table of its keys.

mod access;
mod acr;
mod acr_hosts;
mod authority;
mod aws;
mod azure;
mod braces;
mod cache;
mod client_certificate;
mod credentials;
mod ecr;
mod ecr_api;
mod ecr_hosts;
mod entra_identity;
mod evidence;
mod google;
mod google_hosts;
mod health;
mod images;
mod key_vault;
mod log;
mod metadata;
mod mirrors;
mod mutation;
mod proxy;
mod registries;
mod server;
mod shared_hosts;
mod stores;
mod tls;
mod trust;
mod vault_certificates;
mod verification;

use std::marker::PhantomData;
use std::time::Duration;

use countersign_registry::Unlisted;

use super::schema::Change;
use super::schema::Choice;
use super::schema::Key;
use super::schema::Keys;
use super::schema::Nested;

pub use self::access::RegistryAccess;
pub use self::authority::AuthorityMismatch;
pub(super) use self::authority::check_authority;
pub use self::aws::Aws;
pub use self::aws::AwsSigner;
pub use self::azure::Azure;
pub use self::cache::Cache;
pub use self::client_certificate::RegistryCertificate;
pub use self::credentials::Credentials;
pub use self::ecr::Ecr;
pub use self::ecr_api::WANTED_API;
pub use self::ecr_api::is_registry;
pub use self::ecr_hosts::any_host;
pub use self::ecr_hosts::has_private_ecr;
pub use self::entra_identity::EntraIdentity;
pub use self::evidence::Evidence;
pub use self::google::Google;
pub use self::google::GoogleAccount;
pub use self::health::Health;
pub use self::key_vault::KeyVaultSource;
pub use self::log::CachedVerdictEvents;
pub use self::log::Log;
pub use self::log::LogFormat;
pub use self::log::LogLevel;
pub use self::mutation::Mutation;
pub use self::proxy::RegistryProxy;
pub use self::proxy::RegistryProxyServer;
pub use self::registries::Registry;
pub(super) use self::registries::check_partitions;
pub(super) use self::registries::unread as unread_registries;
pub use self::server::Server;
pub use self::stores::StoreLocation;
pub use self::stores::StoreSource;
pub use self::stores::UrlSource;
pub use self::tls::Tls;
pub use self::trust::Trust;
pub use self::trust::TrustLocation;
pub use self::vault_certificates::VaultEntry;
pub use self::vault_certificates::VaultVersions;
pub use self::verification::Verification;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

const MIB: usize = 1024 * 1024;

/// So many milliseconds.
const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// So many seconds.
const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Every key of the file.
pub(super) const ROOT: Keys = &[
    &SERVER,
    &HEALTH,
    &TRUST,
    &VERIFICATION,
    &EVIDENCE,
    &AWS,
    &AZURE,
    &GOOGLE,
    &MUTATION,
    &CACHE,
    &REGISTRIES,
    &UNLISTED,
    &REGISTRY_ACCESS,
    &LOG,
];

pub(super) const SERVER: Key<Nested<Server>> =
    section("server", "The endpoints for Gatekeeper: /v1/verify, /v1/mutate and the Ratify-compatible paths.");

pub(super) const HEALTH: Key<Nested<Health>> = section("health", "Probes and metrics.");

pub(super) const TRUST: Key<trust::TrustKind> = Key {
    name: "trust",
    doc: "The trust policy and the trust stores.",
    kind: trust::TrustKind,
    change: Change::Reload,
};

pub(super) const VERIFICATION: Key<Nested<Verification>> =
    section("verification", "What is demanded of signatures beyond the trust policy.");

pub(super) const EVIDENCE: Key<Nested<Evidence>> = section(
    "evidence",
    "Revocation information: how OCSP responses and CRLs are fetched and kept. Addresses with other schemes than http and https \
     are not used. Redirects are not followed, and no credentials are sent.",
);

pub(super) const AWS: Key<aws::AwsKind> = Key {
    name: "aws",
    doc: "AWS. Nothing is requested unless signer.enabled is true or a registry has credentials.ecr. The sources of credentials are, in \
          this order: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), the role of the service \
          account (IRSA: AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_SESSION_NAME), EKS Pod Identity \
          (AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE), and what `profile` and `instanceMetadata` add.",
    kind: aws::AwsKind,
    change: Change::Reload,
};

pub(super) const AZURE: Key<Nested<Azure>> = section(
    "azure",
    "Azure: how tokens for registries with credentials.acr and for vaults of trust.stores are requested, and vaults are read. Nothing is \
     unless there is one.",
);

pub(super) const GOOGLE: Key<Nested<Google>> = section(
    "google",
    "Google Cloud: how tokens for registries with credentials.google are requested, from the metadata server (169.254.169.254, or \
     GCE_METADATA_HOST). Nothing is unless there is one.",
);

pub(super) const MUTATION: Key<Nested<Mutation>> =
    section("mutation", "What /v1/mutate and the Ratify-compatible path of mutation write.");

pub(super) const CACHE: Key<Nested<Cache>> = section("cache", "What is kept in memory, and for how long.");

pub(super) const REGISTRIES: Key<registries::RegistriesKind> = Key {
    name: "registries",
    doc: "How to reach registries. For each image the first entry applies that matches its host and repository: write narrower \
          entries before wider ones. An entry that never applies, because an earlier one has all of its repositories, is a \
          mistake. None unless configured.",
    kind: registries::RegistriesKind,
    change: Change::Reload,
};

pub(super) const UNLISTED: Key<Choice<Unlisted>> = Key {
    name: "unlistedRegistries",
    doc: "Hosts that no entry of `registries` matches: `anonymous` sends requests without credentials, `refuse` makes their \
          images inconclusive, so that Gatekeeper denies them. Danger of `anonymous`: every user who can create a pod chooses \
          hosts that receive requests. They have smaller shares of every limit, and one joint share, which a single one of \
          them can use up for the others. The configuration in deploy/ refuses them.",
    kind: Choice {
        words: &[("anonymous", Unlisted::Anonymous), ("refuse", Unlisted::Refuse)],
        default: Unlisted::Anonymous,
        wanted: "anonymous or refuse",
    },
    change: Change::Reload,
};

pub(super) const REGISTRY_ACCESS: Key<Nested<RegistryAccess>> =
    section("registryAccess", "Limits of requests to registries.");

pub(super) const LOG: Key<Nested<Log>> = section("log", "The log, on standard error.");

const fn section<S>(name: &'static str, doc: &'static str) -> Key<Nested<S>> {
    Key { name, doc, kind: Nested(PhantomData), change: Change::Reload }
}
