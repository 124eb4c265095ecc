//! Identifies clients by their certificates, which the handshake has verified.

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::text;
use countersign_core::codec::text::Text;
use rustls_pki_types::CertificateDer;

use super::certificate::TlsCertificate;
use super::certificate::TlsName;

/// Maximum number of bytes of a list of names in a message.
const NAMES_SHOWN: usize = 5;

/// The DNS names of allowed clients. Never empty, because an empty list would be ambiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedClients(Vec<String>);

/// An empty list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "list of allowed clients is empty, expected at least one DNS name, such as \
     gatekeeper-webhook-service.gatekeeper-system.svc"
)]
pub struct AllowedClientsError;

/// A client that is not on the list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientNameError {
    #[error("client certificate is missing or not X.509")]
    Unreadable,
    #[error("client certificate: found names {found:?}, expected one of {wanted:?}")]
    NotAllowed { found: Vec<Excerpt>, wanted: Vec<String> },
}

impl AllowedClients {
    /// # Errors
    /// No name.
    pub fn new(names: Vec<String>) -> Result<Self, AllowedClientsError> {
        if names.is_empty() { Err(AllowedClientsError) } else { Ok(Self(names)) }
    }

    /// Checks the DNS names of the certificate's subject alternative name, or its common name if it has none of these
    /// ([RFC 6125 §6.4.4](https://www.rfc-editor.org/rfc/rfc6125#section-6.4.4)). No wildcards; case does not matter.
    ///
    /// # Errors
    /// None of the names is on the list.
    pub fn check(&self, certificates: Option<&[CertificateDer<'_>]>) -> Result<(), ClientNameError> {
        let leaf = certificates.and_then(<[_]>::first).ok_or(ClientNameError::Unreadable)?;
        let found = names(leaf).ok_or(ClientNameError::Unreadable)?;
        if found.iter().any(|name| self.0.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))) {
            return Ok(());
        }
        let found = found.iter().take(NAMES_SHOWN).map(|name| Excerpt::of(name));
        Err(ClientNameError::NotAllowed { found: found.collect(), wanted: self.0.clone() })
    }
}

/// The names in a certificate, regardless of its signature; none if it cannot be parsed.
pub(in crate::server) fn shown_names(leaf: &CertificateDer<'_>) -> Option<Text> {
    let names = names(leaf)?;
    Some(Text::of(text::list(names.iter().map(|name| Excerpt::of(name)), ", ", NAMES_SHOWN)))
}

fn names(leaf: &CertificateDer<'_>) -> Option<Vec<String>> {
    let certificate = TlsCertificate::parse(leaf)?;
    let dns = |name: TlsName| match name {
        TlsName::Dns(name) => Some(name),
        TlsName::Address(_) | TlsName::Other => None,
    };
    let dns: Vec<String> = certificate.names()?.into_iter().filter_map(dns).collect();
    Some(if dns.is_empty() { certificate.common_names() } else { dns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_is_refused() {
        assert_eq!(AllowedClients::new(Vec::new()), Err(AllowedClientsError));
    }

    #[test]
    fn a_client_without_a_certificate_is_refused() {
        let allowed = AllowedClients(vec!["a".to_owned()]);
        assert_eq!(allowed.check(None), Err(ClientNameError::Unreadable));
        assert_eq!(allowed.check(Some(&[CertificateDer::from(vec![0x30, 0])])), Err(ClientNameError::Unreadable));
    }
}
