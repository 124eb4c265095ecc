//! Why the content of a trust store cannot be fetched, and what to do, by the cause.

use std::fmt;

use countersign_core::codec::text;
use countersign_core::codec::text::Text;

use crate::config::KeyVaultSource;
use crate::config::StoreSource;
use crate::config::UrlSource;

/// Why there is no content, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFailure {
    /// Decides what to do.
    pub cause: StoreFailureCause,
    /// A message without secrets.
    pub why: Text,
}

/// The cause of a failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreFailureCause {
    /// No connection to the server that has the content, or it was interrupted.
    Unreachable,
    /// No complete answer in time.
    Late,
    /// The server refuses because of the number of requests.
    Throttled,
    /// The server reports a failure of its own.
    Failed,
    /// The permission to read is missing.
    Forbidden,
    /// The server does not serve the network of the pod.
    Network,
    /// The server does not have it.
    Absent,
    /// The server refuses in another way.
    Refused,
    /// The server does not accept the token.
    Token,
    /// The service that issues the token for the server has issued none: the server was not asked.
    NoToken(NoToken),
    /// What the pod asks with cannot be used, or the settings do not allow it: nothing was asked.
    Local {
        /// The setting, variable or file to correct.
        subject: Text,
    },
    /// The answer is not that of the server that the configuration means.
    OtherAnswer,
    /// The server has answered, with content that the store cannot have.
    Content,
    /// A limit of this process was reached.
    Busy,
    /// A fault of this program.
    Internal,
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoToken {
    /// The service refuses the identity, or there is none.
    Refused,
    /// The service cannot be reached, or does not answer in time.
    Unreachable,
    /// The service has a failure of its own, or refuses because of the number of requests.
    Failed,
    /// The answer is not that of the service.
    OtherAnswer,
}

impl StoreFailure {
    /// The failure with this message, which has no secret.
    #[must_use]
    pub fn new(cause: StoreFailureCause, why: impl fmt::Display) -> Self {
        Self { cause, why: Text::of(why) }
    }
}

/// The message.
impl fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

/// Most names of certificates in an advice.
const LISTED: usize = 8;

const BUSY: &str = "wait: other trust stores are being fetched; it is fetched again by itself";

const REPORT: &str = "report this, with the version of this program";

/// What to do if nothing could be fetched from `source`, as one sentence without a full stop. Without a failure it was not tried yet.
pub(super) fn access_advice(source: &StoreSource, failure: Option<&StoreFailure>) -> Text {
    let cause = failure.map(|failure| &failure.cause);
    match source {
        StoreSource::Url(source) => of_url(source, cause),
        StoreSource::KeyVault(source) => of_vault(source, cause),
    }
}

/// What to do if the content of `source` is not usable, as one sentence without a full stop.
pub(super) fn content_advice(source: &StoreSource) -> Text {
    match source {
        StoreSource::Url(UrlSource { location, .. }) => Text::of(format_args!(
            "put readable certificates at {location}, and the digest of the file into trust.stores; countersign check --online names every \
             mistake"
        )),
        StoreSource::KeyVault(source) => Text::of(format_args!(
            "correct the certificates in the vault {} ({}), or name others in trust.stores; countersign check --online names every mistake",
            source.vault,
            names(source)
        )),
    }
}

fn names(source: &KeyVaultSource) -> impl fmt::Display {
    text::list(source.certificates.iter().map(|certificate| &certificate.name), ", ", LISTED)
}

fn of_vault(source: &KeyVaultSource, cause: Option<&StoreFailureCause>) -> Text {
    let (vault, who, names) = (&source.vault, source.identity.name(), names(source));
    let Some(cause) = cause else {
        return Text::of(format_args!(
            "wait: the certificates ({names}) of the vault {vault} are being read; countersign check --online tries it"
        ));
    };
    let what = match cause {
        StoreFailureCause::Unreachable => format!(
            "make the vault {vault} reachable from the pod, as the message says: its name in trust.stores, name resolution, network policy, private \
             endpoint, proxy and certificate authorities"
        ),
        StoreFailureCause::Late => {
            format!("check the connection of the pod to the vault {vault}: network policy, private endpoint and proxy")
        }
        StoreFailureCause::Throttled => format!(
            "wait for the rate limit of the vault {vault}; if it continues, set a longer refreshInterval in trust.stores"
        ),
        StoreFailureCause::Failed => format!("wait until Azure has mended the vault {vault}"),
        StoreFailureCause::Forbidden => {
            let role = if source.secret { "Key Vault Secrets User" } else { "Key Vault Certificate User" };
            format!("assign the role {role} on the vault {vault} to {who}")
        }
        StoreFailureCause::Network => {
            format!("allow the network of the pod in the firewall of the vault {vault}, or use its private endpoint")
        }
        StoreFailureCause::Absent => format!(
            "correct the names and versions of the certificates ({names}) in trust.stores, or create or recover them in the vault {vault}"
        ),
        StoreFailureCause::Refused => format!(
            "check in trust.stores the vault {vault}, the names of the certificates ({names}) and the identity, which is {who}"
        ),
        StoreFailureCause::Token => format!(
            "correct the tenant or the identity in trust.stores: the vault {vault} does not accept the token of {who}"
        ),
        StoreFailureCause::NoToken(NoToken::Refused) => format!(
            "correct what the message names, in the settings of the pod or in Azure: {who} has no token, and the vault {vault} was not asked"
        ),
        StoreFailureCause::NoToken(NoToken::Unreachable) => format!(
            "make the host that the message names reachable, which issues the tokens of {who}: name resolution, network policy and proxy; the \
             vault {vault} was not asked"
        ),
        StoreFailureCause::NoToken(NoToken::Failed) => {
            format!("wait until Azure issues tokens for {who} again; the vault {vault} was not asked")
        }
        StoreFailureCause::NoToken(NoToken::OtherAnswer) => format!(
            "check that the host that the message names issues the tokens of Azure, and that no proxy answers in its place; the vault {vault} \
             was not asked"
        ),
        StoreFailureCause::Local { subject } => {
            format!("correct {subject}, as the message says: the vault {vault} was not asked")
        }
        StoreFailureCause::OtherAnswer => {
            format!("check that the host {vault} is the vault, and that no proxy answers in its place")
        }
        StoreFailureCause::Busy => return Text::of(BUSY),
        StoreFailureCause::Content => return content_advice(&StoreSource::KeyVault(source.clone())),
        StoreFailureCause::Internal => return Text::of(REPORT),
    };
    Text::of(format_args!("{what}; the vault is read again by itself"))
}

fn of_url(source: &UrlSource, cause: Option<&StoreFailureCause>) -> Text {
    let UrlSource { location, sha256, ca: _ } = source;
    let Some(cause) = cause else {
        return Text::of(format_args!("wait: {location} is being fetched; countersign check --online tries it"));
    };
    let what = match cause {
        StoreFailureCause::Unreachable => format!(
            "make the server of {location} reachable from the pod, as the message says: name resolution, network policy and evidence.proxy"
        ),
        StoreFailureCause::Late => {
            format!("check the connection of the pod to the server of {location}: network policy and evidence.proxy")
        }
        StoreFailureCause::Throttled => format!("wait for the rate limit of the server of {location}"),
        StoreFailureCause::Failed => format!("wait until the server of {location} has recovered"),
        // There is no login, and no token.
        StoreFailureCause::Forbidden | StoreFailureCause::Token | StoreFailureCause::NoToken(_) => {
            format!("let anyone read {location}, to which no credentials are sent")
        }
        StoreFailureCause::Absent => format!("put the file at {location}, or correct the location in trust.stores"),
        StoreFailureCause::Refused | StoreFailureCause::Network => {
            format!("check the location {location} in trust.stores, and that anyone can read it")
        }
        StoreFailureCause::Local { subject } => {
            format!("correct {subject}, as the message says: the server of {location} was not asked")
        }
        StoreFailureCause::OtherAnswer => format!(
            "check that {location} is the file itself and no redirect to it, and that no proxy answers in its place"
        ),
        StoreFailureCause::Busy => return Text::of(BUSY),
        StoreFailureCause::Content => {
            format!("check that {location} has the content with the digest {sha256} of trust.stores")
        }
        StoreFailureCause::Internal => return Text::of(REPORT),
    };
    Text::of(format_args!("{what}; it is fetched again by itself"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
