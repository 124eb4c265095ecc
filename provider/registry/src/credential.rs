//! What a registry host may be told about who we are.

use std::sync::Arc;

use countersign_core::name::Host;

use crate::docker_config::DockerConfig;
use crate::login::Login;
use crate::secret::Secret;

/// The credential of a registry pattern. It goes to hosts that match the pattern and to their token services, nowhere
/// else.
#[derive(Clone, Debug)]
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
}

/// A login and where it stands in the settings: tokens got with one are not for another.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) login: Login,
    pub(crate) id: CredentialId,
}

/// Position of a credential: the settings' entry, and the one within its Docker configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CredentialId(usize, usize);

impl Credential {
    /// What to log in with for `path` on `host`, which the entry at `entry` of the settings matches.
    pub(crate) fn identity(&self, entry: usize, host: &Host, path: &str) -> Option<Identity> {
        match self {
            Self::Anonymous => None,
            Self::Basic { user, password } => Some(Identity {
                login: Login::Basic { user: user.clone(), password: password.clone() },
                id: CredentialId(entry, 0),
            }),
            Self::Bearer(token) => Some(Identity { login: Login::Bearer(token.clone()), id: CredentialId(entry, 0) }),
            Self::DockerConfig(config) => config
                .find(host, path)
                .map(|(position, login)| Identity { login: login.clone(), id: CredentialId(entry, position) }),
        }
    }
}
