//! Certificates of Azure Key Vault ([REST API](https://learn.microsoft.com/rest/api/keyvault/certificates)).
//!
//! A certificate has versions, of which the newest enabled ones count. `certificates/get` has the certificate alone. The secret of the
//! same name has its chain, and in most cases the private key too: it is read only if the caller asks for it, and nothing but the
//! certificates in it is kept.

mod answers;
mod failure;

use std::collections::HashSet;
use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign_cloud::Answer;
use countersign_core::codec::text::Text;
use countersign_core::name::AzureCloud;
use countersign_core::name::VaultCertificate;
use countersign_core::name::VaultCertificateVersion;
use countersign_core::name::VaultHost;
use countersign_credentials::AuthMethod;
use countersign_credentials::CredentialError;
use countersign_credentials::Identity;
use countersign_http::AuthChallenge;
use countersign_http::Payload;
use countersign_http::resolve_link;
use countersign_http::same_origin;
use tokio::time::Instant;
use url::Url;

use self::answers::ListedVersion;
use self::answers::Page;
pub use self::failure::VaultFailure;
use crate::acr::demanded_claims;
use crate::calls::Call;
use crate::calls::Refused;
use crate::clients::Azure;
use crate::entra::EntraTokenKey;
use crate::error::AzureError;
use crate::error::Kind;
use crate::error::Operation;
use crate::identity::AzureIdentity;
use crate::limits::VERSIONS_BYTES;
use crate::refusal::Refusal;

/// The version of the API. Supported since 2023.
const API: &str = "7.5";

/// The largest page that the service answers.
const PAGE: usize = 25;

/// Most pages of versions that are read: a thousand versions, and as many as a trust store may have certificates.
const PAGES: usize = 40;

/// Certificates of one vault, read with one identity.
#[derive(Clone, Debug)]
pub struct KeyVault {
    azure: Azure,
    vault: VaultHost,
    identity: AzureIdentity,
}

/// Which versions of a certificate count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// So many of the newest enabled ones.
    Newest(usize),
    /// This one, if it is enabled.
    One(VaultCertificateVersion),
}

/// What is read of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The certificate itself, in DER: `certificates/get`.
    Certificate,
    /// Its chain in PEM, of the secret: `secrets/get`. The identity can then read a private key that is exportable.
    Chain,
}

/// What a vault says of a certificate. What is in none of these has ended: it is disabled, or the vault does not have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundCertificate {
    /// Its versions are known.
    Versions {
        /// Those that count, the newest first.
        versions: Vec<FoundVersion>,
        /// The enabled ones that are older, the newest first. They are not read.
        older: Vec<VaultCertificateVersion>,
    },
    /// The list of its versions cannot be read, or there is no such certificate.
    NotListed {
        /// Why.
        error: KeyVaultError,
        /// The versions that the vault says are disabled, as far as the list was read.
        disabled: Vec<VaultCertificateVersion>,
    },
}

/// One version of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundVersion {
    /// The version.
    pub version: VaultCertificateVersion,
    /// What is kept of it. An error is why it cannot be read, or that there is no such version.
    pub content: Result<Vec<u8>, KeyVaultError>,
}

/// Why certificates cannot be read. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyVaultError {
    /// There is no token.
    #[error(transparent)]
    Token(#[from] CredentialError),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] AzureError),
}

impl KeyVaultError {
    /// Whether the vault has answered that there is no such certificate or version.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Call(error) => error.refusal() == Some(Refusal::VaultNotFound),
            Self::Token(_) => false,
        }
    }

    /// What failed, if there was a token.
    ///
    /// # Errors
    /// There is none: why.
    pub fn failure(&self) -> Result<VaultFailure, &CredentialError> {
        match self {
            Self::Token(error) => Err(error),
            Self::Call(error) => Ok(VaultFailure::of(error)),
        }
    }

    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Call(error) => error.refusal(),
            Self::Token(_) => None,
        }
    }
}

impl KeyVault {
    /// Certificates of `vault`. Nothing is sent yet.
    #[must_use]
    pub fn new(azure: Azure, vault: VaultHost, identity: AzureIdentity) -> Self {
        Self { azure, vault, identity }
    }

    /// The enabled versions of a certificate that count. None if all of them are disabled. What cannot be read until `deadline` has its
    /// error beside what can.
    ///
    /// `keep` gets the content of each one, a certificate in DER or a chain in PEM, never a key, of at most
    /// [`RESPONSE_BYTES`](crate::limits::RESPONSE_BYTES). What it keeps of all versions has at most
    /// [`VERSIONS_BYTES`]; a version that is beyond has an error.
    pub async fn certificate(
        &self,
        name: &VaultCertificate,
        versions: &Versions,
        (content, keep): (Content, impl Fn(Vec<u8>) -> Vec<u8>),
        deadline: Instant,
    ) -> FoundCertificate {
        let (wanted, older) = match versions {
            Versions::One(version) => (vec![version.clone()], Vec::new()),
            Versions::Newest(count) => {
                let disabled = Mutex::default();
                match self.enabled(name, &disabled, deadline).await {
                    Ok(mut newest) => {
                        let older = newest.split_off(newest.len().min(*count));
                        (newest, older)
                    }
                    Err(error) => {
                        let disabled = disabled.into_inner().unwrap_or_else(PoisonError::into_inner);
                        return FoundCertificate::NotListed { error, disabled };
                    }
                }
            }
        };
        let (mut found, mut bytes) = (Vec::new(), 0);
        for version in wanted {
            match self.version(name, &version, content, deadline).await {
                Ok(Some(content)) => {
                    let content = self.within(name, keep(content), bytes);
                    bytes += content.as_ref().map_or(0, Vec::len);
                    found.push(FoundVersion { version, content });
                }
                Ok(None) => {}
                Err(error) if error.refusal() == Some(Refusal::VaultDisabled) => {}
                Err(error) => found.push(FoundVersion { version, content: Err(error) }),
            }
        }
        FoundCertificate::Versions { versions: found, older }
    }

    /// `content`, if it and the versions before it have at most [`VERSIONS_BYTES`].
    fn within(&self, name: &VaultCertificate, content: Vec<u8>, before: usize) -> Result<Vec<u8>, KeyVaultError> {
        if before + content.len() <= VERSIONS_BYTES {
            return Ok(content);
        }
        let problem = Text::of(format_args!(
            "found more than {VERSIONS_BYTES} bytes in the versions of {name}, expected at most as many; set fewer versions"
        ));
        Err(self.failed(Operation::KeyVaultCertificate, Kind::Answer(problem)).into())
    }

    /// The enabled versions, the newest first. The disabled ones are added to `disabled`, also before an error.
    async fn enabled(
        &self,
        name: &VaultCertificate,
        disabled: &Mutex<Vec<VaultCertificateVersion>>,
        deadline: Instant,
    ) -> Result<Vec<VaultCertificateVersion>, KeyVaultError> {
        let first = self.url(&format!("/certificates/{name}/versions"), &format!("&maxresults={PAGE}"))?;
        let mut next = Some(first.clone());
        let mut enabled: Vec<ListedVersion> = Vec::new();
        for _ in 0..PAGES {
            let Some(url) = next.take() else { break };
            let read = |answer: &Answer| {
                let Page { versions, disabled: ended, problem, next } = answers::page(answer)?;
                disabled.lock().unwrap_or_else(PoisonError::into_inner).extend(ended);
                problem.map_or(Ok((versions, next)), Err)
            };
            let (versions, link) = self.get(Operation::KeyVaultVersions, &url, deadline, read).await?;
            enabled.extend(versions);
            next = match link {
                Some(link) => Some(self.next(&first, &url, &link)?),
                None => None,
            };
        }
        if next.is_some() {
            let problem = Text::of(format_args!("{name} has more than {} versions", PAGES * PAGE));
            return Err(self.failed(Operation::KeyVaultVersions, Kind::Answer(problem)).into());
        }
        // Versions that were created in the same second are ordered by their names, so that replicas agree.
        enabled.sort_by(|one, other| (other.created, &other.version).cmp(&(one.created, &one.version)));
        // A version that is created meanwhile moves others to the next page.
        let mut seen = HashSet::new();
        enabled.retain(|version| seen.insert(version.version.clone()));
        Ok(enabled.into_iter().map(|version| version.version).collect())
    }

    /// The link to the next page, if it is one of the same list.
    fn next(&self, first: &Url, from: &Url, link: &str) -> Result<Url, AzureError> {
        let next = resolve_link(from, link).ok();
        next.filter(|next| same_origin(next, first) && next.path().trim_end_matches('/') == first.path() && next != from)
            .ok_or_else(|| {
                let problem = Text::of(format_args!(
                    "found a nextLink that does not lead to {}{}, expected a further page of it; the token is sent to no other address",
                    self.vault,
                    first.path()
                ));
                self.failed(Operation::KeyVaultVersions, Kind::Answer(problem))
            })
    }

    /// The content of a version; `None` if it is disabled.
    async fn version(
        &self,
        name: &VaultCertificate,
        version: &VaultCertificateVersion,
        content: Content,
        deadline: Instant,
    ) -> Result<Option<Vec<u8>>, KeyVaultError> {
        match content {
            Content::Certificate => {
                let url = self.url(&format!("/certificates/{name}/{version}"), "")?;
                self.get(Operation::KeyVaultCertificate, &url, deadline, answers::certificate).await
            }
            Content::Chain => {
                let url = self.url(&format!("/secrets/{name}/{version}"), "")?;
                self.get(Operation::KeyVaultSecret, &url, deadline, answers::chain).await
            }
        }
    }

    /// Names and versions have only characters that mean themselves in a path.
    fn url(&self, path: &str, more: &str) -> Result<Url, AzureError> {
        Url::parse(&format!("https://{}{path}?api-version={API}{more}", self.vault))
            .map_err(|why| self.failed(Operation::KeyVaultVersions, Kind::NotAllowed(Text::of(why))))
    }

    /// A token of Entra is kept, and replaced once if the vault refuses it or demands claims.
    async fn get<T>(
        &self,
        operation: Operation,
        url: &Url,
        deadline: Instant,
        read: impl Fn(&Answer) -> Result<T, Text>,
    ) -> Result<T, KeyVaultError> {
        let cloud = self.vault.cloud();
        let mut key = EntraTokenKey { identity: self.identity.clone(), resource: resource(cloud), cloud, claims: None };
        let token = self.azure.token(&key, deadline).await?;
        let error = match self.send(operation, url, &token, deadline, &read).await {
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        let refusal = error.refusal();
        let other = if refusal == Some(Refusal::VaultToken) {
            self.azure.other_token(&key, &token, deadline).await?
        } else if refusal == Some(Refusal::Claims) {
            key.claims = error.claims().map(Into::into);
            Some(self.azure.token(&key, deadline).await?)
        } else {
            None
        };
        match other {
            Some(other) => Ok(self.send(operation, url, &other, deadline, &read).await?),
            None => Err(error.into()),
        }
    }

    async fn send<T>(
        &self,
        operation: Operation,
        url: &Url,
        token: &Identity,
        deadline: Instant,
        read: &impl Fn(&Answer) -> Result<T, Text>,
    ) -> Result<T, AzureError> {
        let secret = match token.method() {
            AuthMethod::RegistryToken(token) => Some(token),
            AuthMethod::Anonymous | AuthMethod::Basic { .. } | AuthMethod::IdentityToken(_) => None,
        };
        let call = Call { operation, url, payload: Payload::Get, secret, authorization: token.authorization() };
        let deadline = deadline.min(Instant::now() + self.azure.longest_call());
        self.azure.calls().call(&call, deadline, |answer| self.refused(operation, answer), read).await
    }

    /// The refusal of the vault. A challenge for another resource than that of its cloud is not answered.
    fn refused(&self, operation: Operation, answer: &Answer) -> Refused {
        let claims = demanded_claims(answer);
        let answers::Refusal { code, inner, message } = answers::refusal(&answer.body);
        let of_other = answer.status == 401 && !self.is_own_challenge(answer);
        let refusal = if of_other {
            Refusal::VaultResource
        } else {
            Refusal::of_vault(answer.status, &inner, claims.is_some(), operation == Operation::KeyVaultSecret)
        };
        let refusal = if code.is_empty() && inner.is_empty() { refusal.without_error() } else { refusal };
        let shown = if inner.is_empty() { code } else { inner };
        let code = if shown.is_empty() { Text::of("without a code") } else { Text::at_most(64, shown) };
        Refused { code, message, refusal, claims }
    }

    /// Whether a challenge names the resource of the vault's cloud, or none.
    fn is_own_challenge(&self, answer: &Answer) -> bool {
        let named = AuthChallenge::of(&answer.headers).filter_map(Result::ok).find_map(|challenge| {
            let resource = challenge.parameter("resource").ok().flatten().map(str::to_owned);
            challenge.is("bearer").then_some(resource).flatten()
        });
        named.is_none_or(|resource| self.vault.is_of_resource(&resource))
    }

    fn failed(&self, operation: Operation, kind: Kind) -> AzureError {
        AzureError::new(operation, kind).at(&self.vault.to_string())
    }
}

impl fmt::Display for KeyVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.vault)
    }
}

/// The service of vaults in a cloud.
fn resource(cloud: AzureCloud) -> &'static str {
    match cloud {
        AzureCloud::Public => "https://vault.azure.net",
        AzureCloud::UsGovernment => "https://vault.usgovcloudapi.net",
        AzureCloud::China => "https://vault.azure.cn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_of_each_cloud_is_that_of_its_hosts() {
        for cloud in AzureCloud::ALL {
            assert_eq!(resource(cloud), format!("https://{}", cloud.vault_suffix()));
        }
    }
}
