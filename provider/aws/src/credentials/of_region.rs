//! Credentials for the services of one region.

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use countersign_core::name::AwsRegion;

use super::KeptCredentials;
use crate::error::AwsError;
use crate::error::Kind;
use crate::naming;
use crate::secrets_in_use;

/// The source of a client in this region: credentials of another partition are refused.
#[derive(Debug)]
pub(super) struct OfRegion {
    pub(super) kept: KeptCredentials,
    pub(super) region: AwsRegion,
}

impl OfRegion {
    async fn get(&self) -> Result<Credentials, AwsError> {
        let found = self.kept.find().await?;
        if let Some(partition) = found.partition.filter(|partition| *partition != self.region.partition()) {
            let operation = naming::operation().unwrap_or(self.kept.0.operation);
            return Err(AwsError::new(operation, Kind::other_partition(partition, &self.region)));
        }
        naming::note_origin(found.origin);
        // Requests have the token in a header. None has the key, but the service knows it.
        secrets_in_use::note(found.credentials.secret_access_key().as_bytes());
        Ok(found.credentials)
    }
}

impl ProvideCredentials for OfRegion {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.get().await.map_err(CredentialsError::provider_error) })
    }
}
