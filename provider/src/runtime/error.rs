//! Why the service cannot start, cannot take a changed configuration into use, or has ended.

use std::error::Error;
use std::fmt;

use countersign_http::TlsSetupError;
use countersign_registry::SettingsError;
use tokio::task::JoinError;

use super::proxy_environment::ProxyVariablesError;
use crate::config::RegistryFilesError;
use crate::policy_source::PolicySourceError;
use crate::server::ServerError;
use crate::server::tls::AllowedClientsError;
use crate::server::tls::TlsErrors;
use crate::telemetry::ErrorChain;

/// The part that has to be corrected: the configuration, or the program. The command line maps it to an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The operator: a mistake in the configuration or in a file that it names.
    Configuration,
    /// The machine failed, or this program.
    Internal,
}

/// One cause.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The configuration has no certificates for the server.
    #[error("server.tls is missing, expected certificate, key and clientCa")]
    NoTls,
    /// The names of the allowed clients.
    #[error(transparent)]
    AllowedClients(AllowedClientsError),
    /// The server's certificate files.
    #[error(transparent)]
    Tls(TlsErrors),
    /// The trust policy and the trust stores.
    #[error(transparent)]
    Policy(PolicySourceError),
    /// The files that entries of `registries` name.
    #[error(transparent)]
    RegistryFiles(RegistryFilesError),
    /// The environment's proxy variables.
    #[error(transparent)]
    ProxyVariables(ProxyVariablesError),
    /// The settings of the registry client.
    #[error("registries cannot be used")]
    Registries {
        /// The setting that is wrong.
        source: SettingsError,
    },
    /// The client for evidence.
    #[error("evidence cannot be fetched")]
    Evidence {
        /// Why the TLS client cannot be created.
        source: TlsSetupError,
    },
    /// The clients of AWS.
    #[error("AWS cannot be called")]
    Aws {
        /// Why the TLS client cannot be created.
        source: TlsSetupError,
    },
    /// The clients of Azure.
    #[error("Azure cannot be called")]
    Azure {
        /// Why the TLS client cannot be created.
        source: TlsSetupError,
    },
    /// The client of Google Cloud.
    #[error("Google Cloud cannot be called")]
    Google {
        /// Why the TLS client cannot be created.
        source: TlsSetupError,
    },
    /// Metrics cannot be registered.
    #[error(transparent)]
    Metrics(prometheus::Error),
    /// A port cannot be bound, or a listener has stopped.
    #[error(transparent)]
    Server(ServerError),
    /// The reload task panicked.
    #[error(transparent)]
    ReloadTask(JoinError),
}

impl Cause {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoTls
            | Self::AllowedClients(_)
            | Self::Tls(_)
            | Self::Policy(_)
            | Self::RegistryFiles(_)
            | Self::ProxyVariables(_)
            | Self::Registries { .. }
            | Self::Evidence { .. }
            | Self::Aws { .. }
            | Self::Azure { .. }
            | Self::Google { .. } => ErrorKind::Configuration,
            Self::Metrics(_) | Self::Server(_) | Self::ReloadTask(_) => ErrorKind::Internal,
        }
    }
}

/// All causes, found in one pass; at least one.
#[derive(Debug)]
pub struct RuntimeError {
    causes: Vec<Cause>,
}

impl RuntimeError {
    pub(super) fn new(causes: impl IntoIterator<Item = Cause>) -> Self {
        Self { causes: causes.into_iter().collect() }
    }

    /// [`ErrorKind::Internal`] if any cause is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        let is_internal = self.causes.iter().any(|cause| cause.kind() == ErrorKind::Internal);
        if is_internal { ErrorKind::Internal } else { ErrorKind::Configuration }
    }

    /// In the order in which they were found.
    #[must_use]
    pub fn into_causes(self) -> Vec<Cause> {
        self.causes
    }
}

impl From<Cause> for RuntimeError {
    fn from(cause: Cause) -> Self {
        Self { causes: vec![cause] }
    }
}

impl fmt::Display for RuntimeError {
    /// Every cause with its sources, separated by `; `.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, cause) in self.causes.iter().enumerate() {
            if number > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}", ErrorChain(cause))?;
        }
        Ok(())
    }
}

impl Error for RuntimeError {}
