//! Why a token service is not asked, and why a further page is not read.

use countersign_core::codec::excerpt::Excerpt;
use countersign_http::BadLink;

/// Why a token service is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealmRefusal {
    /// Plain HTTP, or no HTTP.
    #[error("found scheme {found}, expected https")]
    Scheme {
        /// The scheme of the realm.
        found: Excerpt,
    },
    /// The realm is no URL that is asked.
    #[error("found no URL with a host, expected one")]
    Url,
    /// The credential does not belong to the realm's host.
    #[error("the credential may not go there: add {host} to the registry's realmHosts if it belongs to the registry")]
    Host {
        /// The host of the realm.
        host: String,
    },
}

/// Why a further page is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefusal {
    /// The link is no URL that is followed.
    #[error(transparent)]
    Url(#[from] BadLink),
    /// The link leads to another server than the registry.
    #[error("found {found}, expected {expected}")]
    Origin {
        /// Where it leads.
        found: Excerpt,
        /// The registry.
        expected: String,
    },
    /// The link leads to an earlier page.
    #[error("it leads to a page that was already read")]
    Loop,
}
