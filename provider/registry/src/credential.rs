//! What a registry host may be told about who we are.

use std::sync::Arc;

use countersign_core::codec::text::Text;
use countersign_core::name::Host;

use crate::auth_method::AuthMethod;
use crate::auth_method::AuthMethodError;
use crate::docker_config::DockerConfig;
use crate::docker_config::Found;
use crate::secret::Secret;

/// The credential of a registry pattern. It goes to hosts that match the pattern and to their token services, nowhere
/// else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    Anonymous,
    Basic {
        user: String,
        password: Secret,
    },
    /// Sent as it is with every request, without asking a token service.
    Bearer(Secret),
    /// The host's own entry in the file; hosts and paths without one are asked anonymously, as container runtimes do.
    DockerConfig(Arc<DockerConfig>),
    /// There should be one, and it cannot be used: the hosts are not asked at all. The text says why, and shows nothing
    /// of a credential.
    Unusable(Text),
}

/// A login and where it stands in the settings: tokens got with one are not for another.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) method: AuthMethod,
    pub(crate) id: CredentialId,
}

/// Position of a credential: the settings' entry, and the one within its Docker configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CredentialId(usize, usize);

impl Credential {
    /// What to log in with for `path` on `host`, which the entry at `entry` of the settings matches.
    ///
    /// # Errors
    /// Why there is no credential although there should be one.
    pub(crate) fn identity(&self, entry: usize, host: &Host, path: &str) -> Result<Option<Identity>, Text> {
        let identity = |method, position| Some(Identity { method, id: CredentialId(entry, position) });
        match self {
            Self::Anonymous => Ok(None),
            Self::Basic { user, password } => {
                Ok(identity(AuthMethod::Basic { user: user.clone(), password: password.clone() }, 0))
            }
            Self::Bearer(token) => Ok(identity(AuthMethod::RegistryToken(token.clone()), 0)),
            Self::DockerConfig(config) => match config.find(host, path) {
                Found::Anonymous => Ok(None),
                Found::Login(position, login) => Ok(identity(login.clone(), position)),
                Found::Unusable(why) => Err(why),
            },
            Self::Unusable(why) => Err(why.clone()),
        }
    }

    /// Whether it can be sent.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), AuthMethodError> {
        match self {
            Self::Basic { user, password } => {
                AuthMethod::Basic { user: user.clone(), password: password.clone() }.check()
            }
            Self::Bearer(token) => AuthMethod::RegistryToken(token.clone()).check(),
            // Each entry was checked when the file was read.
            Self::Anonymous | Self::DockerConfig(_) | Self::Unusable(_) => Ok(()),
        }
    }
}
