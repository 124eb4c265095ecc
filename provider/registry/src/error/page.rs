//! A 403 with a page in place of an error of a registry: of a firewall or a proxy, which may have refused the request before the registry
//! looked at its credential; or of a server in front of the registry, which has looked at it.

use std::fmt;

use super::credential_kind::CredentialKind;
use crate::error_body::RegistryErrorBody;

/// Whether a refusal has a page. The store that a redirect leads to never answers as a registry does.
pub(super) fn is_page(status: u16, credential: CredentialKind, error: &RegistryErrorBody) -> bool {
    match credential {
        CredentialKind::Withheld => false,
        CredentialKind::Anonymous
        | CredentialKind::NotRequested
        | CredentialKind::Basic
        | CredentialKind::Issued
        | CredentialKind::IdentityToken
        | CredentialKind::Bearer => status == 403 && error.is_page(),
    }
}

/// That it has one, at the end of a sentence.
pub(super) struct WithPage<'a>(pub(super) u16, pub(super) CredentialKind, pub(super) &'a RegistryErrorBody);

impl fmt::Display for WithPage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status, credential, error) = *self;
        if is_page(status, credential, error) {
            f.write_str(", with a page that is no answer of a registry")?;
        }
        Ok(())
    }
}
