//! The revocation status of a signature at AWS Signer.

use std::fmt;
use std::sync::Arc;

use super::SignerStatusRequest;
use crate::codec::text;
use crate::codec::text::Text;
use crate::limits;
use crate::reason::SignerRevoked;
use crate::time::UnixTime;

/// The answer of AWS Signer about one signature: what is revoked, at most [`limits::SIGNER_ENTITIES`] names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedEntities {
    request: SignerStatusRequest,
    entities: Vec<RevokedEntity>,
}

/// An answer, with the end of its use. How long it is used is a setting, which may change while the answer is in memory: the end
/// is computed when it is used. Clones share the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerStatus {
    answer: Arc<RevokedEntities>,
    until: UnixTime,
}

/// What AWS Signer has revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokedEntity {
    /// The version of the signing profile.
    ProfileVersion(Text),
    /// The signing job.
    Job(Text),
    /// A certificate of the chain, by its position; the leaf has 0.
    Certificate(usize),
    /// A name that the request does not have. It means that the signature is revoked, as for the service's own plugin.
    Other(Text),
}

/// An answer that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found} revoked entities, expected at most {}", limits::SIGNER_ENTITIES)]
pub struct TooManyEntities {
    found: usize,
}

/// Maximum number of entities in a message.
const SHOWN: usize = 4;

/// Most bytes of a name of the service in a message.
const NAME_BYTES: usize = 256;

impl RevokedEntities {
    /// Reads the answer of the service to `request`: the names of what is revoked.
    ///
    /// # Errors
    /// There are too many names.
    pub fn read(request: &SignerStatusRequest, revoked: &[String]) -> Result<Self, TooManyEntities> {
        if revoked.len() > limits::SIGNER_ENTITIES {
            return Err(TooManyEntities { found: revoked.len() });
        }
        let entities = revoked.iter().map(|name| RevokedEntity::of(name, request)).collect();
        Ok(Self { request: request.clone(), entities })
    }

    /// What is revoked; empty if the signature is not.
    #[must_use]
    pub fn entities(&self) -> &[RevokedEntity] {
        &self.entities
    }

    /// The memory of the value, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let names = self.entities.iter().map(|entity| match entity {
            RevokedEntity::ProfileVersion(name) | RevokedEntity::Job(name) | RevokedEntity::Other(name) => {
                name.heap_bytes()
            }
            RevokedEntity::Certificate(_) => 0,
        });
        let names: usize = names.sum();
        size_of::<Self>() + self.request.bytes() + names + self.entities.len() * size_of::<RevokedEntity>()
    }
}

impl SignerStatus {
    /// An answer that can be used until `until`.
    #[must_use]
    pub fn new(answer: impl Into<Arc<RevokedEntities>>, until: UnixTime) -> Self {
        Self { answer: answer.into(), until }
    }

    /// Whether this answers `request`.
    pub(crate) fn answers(&self, request: &SignerStatusRequest) -> bool {
        self.answer.request == *request
    }

    /// What is revoked; empty if the signature is not.
    #[must_use]
    pub fn revoked(&self) -> &[RevokedEntity] {
        self.answer.entities()
    }

    /// The end of its use.
    #[must_use]
    pub fn until(&self) -> UnixTime {
        self.until
    }

    /// What is revoked, of several the one that decides what to do; `None` if nothing is.
    pub(crate) fn revoked_case(&self) -> Option<SignerRevoked> {
        self.revoked().iter().map(RevokedEntity::case).min()
    }

    /// What is revoked, for messages.
    pub(crate) fn revoked_text(&self) -> Text {
        Text::of(text::list(self.revoked().iter(), ", ", SHOWN))
    }
}

impl RevokedEntity {
    /// The service names what it was asked about. A certificate is named by its hash, with or without that of its issuer.
    fn of(name: &str, request: &SignerStatusRequest) -> Self {
        let shown = || Text::at_most(NAME_BYTES, name);
        let is_certificate = |hashes: &String| !name.is_empty() && (hashes == name || hashes.get(..96) == Some(name));
        if name == request.profile_version().as_str() {
            Self::ProfileVersion(shown())
        } else if name == request.job().as_str() {
            Self::Job(shown())
        } else if let Some(position) = request.certificate_hashes().iter().position(is_certificate) {
            Self::Certificate(position)
        } else {
            Self::Other(shown())
        }
    }

    fn case(&self) -> SignerRevoked {
        match self {
            Self::ProfileVersion(_) => SignerRevoked::ProfileVersion,
            Self::Certificate(_) => SignerRevoked::Certificate,
            Self::Job(_) => SignerRevoked::Job,
            Self::Other(_) => SignerRevoked::Other,
        }
    }
}

impl fmt::Display for RevokedEntity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProfileVersion(name) => write!(f, "signing profile version {name}"),
            Self::Job(name) => write!(f, "signing job {name}"),
            Self::Certificate(position) => write!(f, "certificate {} of the chain", position + 1),
            Self::Other(name) => write!(f, "{name:?}"),
        }
    }
}
