//! Refusals of token services and of further pages.

use countersign_core::codec::excerpt::Excerpt;
use countersign_http::BadLink;

/// The reason why no request is sent to a token service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealmRefusal {
    /// The scheme is not https.
    #[error("found scheme {found}, expected https")]
    Scheme {
        /// The scheme of the realm.
        found: Excerpt,
    },
    /// The realm is not an acceptable URL.
    #[error("found no URL with a host, expected one")]
    Url,
    /// The credential does not belong to the realm's host.
    #[error("the credential is not sent there: add {host} to the registry's realmHosts if it belongs to the registry")]
    Host {
        /// The host of the realm.
        host: String,
    },
}

/// The reason why a further page is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefusal {
    /// The link is not an acceptable URL.
    #[error(transparent)]
    Url(#[from] BadLink),
    /// The link leads to another server than the registry.
    #[error("found {found}, expected {expected}")]
    Origin {
        /// The target of the link.
        found: Excerpt,
        /// The registry.
        expected: String,
    },
    /// The link leads to another repository of the registry, and the settings have an entry for some of its repositories only.
    #[error("found the path {found} of another repository, which may have another entry of registries")]
    Repository {
        /// The path of the link.
        found: Excerpt,
    },
    /// The link leads to an earlier page.
    #[error("it leads to a page that was already read")]
    Loop,
}
