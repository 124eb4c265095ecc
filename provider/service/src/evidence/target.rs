//! The pieces of evidence that are fetched, and the requests for them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_core::evidence::CrlKind;
use countersign_core::evidence::CrlRequest;
use countersign_core::evidence::EvidenceSettings;
use countersign_core::evidence::OcspRequest;
use countersign_core::x509::Certificate;
use countersign_core::x509::ocsp::MissingNonce;
use rustls::crypto::SecureRandom;
use url::Url;

use super::address::Address;
use super::request_error::RequestError;
use super::settings::FetchSettings;
use crate::telemetry::metrics::EvidenceKind;

/// An encoded OCSP request below this length is sent by GET, which caches can answer
/// ([RFC 6960, appendix A.1](https://www.rfc-editor.org/rfc/rfc6960#appendix-A.1)).
const GET_CHARACTERS: usize = 255;

/// Length of a nonce, in bytes ([RFC 9654](https://www.rfc-editor.org/rfc/rfc9654#section-2.1)).
const NONCE_BYTES: usize = 32;

/// A piece of evidence that core requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Ocsp(OcspRequest),
    Crl(CrlRequest),
}

/// What is kept and fetched as one: evidence of one kind at one address, about one certificate or by one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    kind: KeyKind,
    url: Arc<str>,
    /// The identity of the issuer: the part of its certificate that evidence depends on.
    issuer: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum KeyKind {
    /// About the certificate with this SHA-256.
    Ocsp([u8; 32]),
    BaseCrl,
    DeltaCrl,
}

/// A request as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    /// What the request is for, for messages.
    pub(super) step: &'static str,
    /// In place of the address itself.
    pub(super) url: Option<Url>,
    /// The body of a POST.
    pub(super) post: Option<Bytes>,
    pub(super) content_type: &'static str,
    pub(super) accept: &'static str,
    pub(super) nonce: Option<Vec<u8>>,
    pub(super) max_bytes: usize,
    /// The setting that `max_bytes` is from.
    pub(super) max_bytes_setting: &'static str,
}

impl Target {
    pub(super) fn kind(&self) -> EvidenceKind {
        match self {
            Self::Ocsp(_) => EvidenceKind::Ocsp,
            Self::Crl(_) => EvidenceKind::Crl,
        }
    }

    /// The issuer of the certificate, or of the CRL.
    pub(super) fn issuer(&self) -> &Certificate {
        match self {
            Self::Ocsp(request) => request.issuer(),
            Self::Crl(request) => request.issuer(),
        }
    }

    /// The addresses as certificates and CRLs name them.
    pub(super) fn urls(&self) -> &[String] {
        match self {
            Self::Ocsp(request) => request.urls(),
            Self::Crl(request) => request.urls(),
        }
    }

    /// The key of the evidence at `address`.
    pub(super) fn key(&self, address: &Address) -> Key {
        let (kind, issuer) = match self {
            Self::Ocsp(request) => (KeyKind::Ocsp(request.certificate().fingerprint()), request.issuer()),
            Self::Crl(request) => match request.kind() {
                CrlKind::Base => (KeyKind::BaseCrl, request.issuer()),
                CrlKind::Delta => (KeyKind::DeltaCrl, request.issuer()),
            },
        };
        Key { kind, url: Arc::clone(address.text()), issuer: issuer.identity_as_issuer() }
    }

    /// The request to `address`.
    ///
    /// # Errors
    /// A nonce is configured, and there is none.
    pub(super) fn outgoing(&self, address: &Address, settings: &FetchSettings) -> Result<Outgoing, RequestError> {
        Ok(match self {
            Self::Ocsp(request) => {
                let nonce = if settings.ocsp_nonce { Some(nonce().ok_or(RequestError::NoNonce)?) } else { None };
                let der = request.encode(nonce.as_deref());
                let url = if nonce.is_some() { None } else { get_url(address, &der) };
                Outgoing {
                    step: "the OCSP response",
                    post: url.is_none().then(|| der.into()),
                    url,
                    content_type: "application/ocsp-request",
                    accept: "application/ocsp-response",
                    nonce,
                    max_bytes: settings.max_ocsp_bytes,
                    max_bytes_setting: "evidence.maxOcspBytes",
                }
            }
            Self::Crl(_) => Outgoing {
                step: "the CRL",
                url: None,
                post: None,
                content_type: "",
                accept: "application/pkix-crl, */*;q=0.5",
                nonce: None,
                max_bytes: settings.max_crl_bytes,
                max_bytes_setting: "evidence.maxCrlBytes",
            },
        })
    }

    /// Memory that the value keeps in use, in bytes: an upper estimate for two certificates and their parsed parts.
    pub(super) fn bytes(&self) -> usize {
        let certificates = match self {
            Self::Ocsp(request) => request.certificate().der().len() + request.issuer().der().len(),
            Self::Crl(request) => request.issuer().der().len(),
        };
        let urls: usize = self.urls().iter().map(|url| url.len() + size_of::<String>()).sum();
        4 * certificates + urls + 2048
    }
}

impl Outgoing {
    /// The settings for the response. It must repeat a nonce, as a former response without one could replace it.
    pub(super) fn reading(&self, settings: &FetchSettings) -> EvidenceSettings {
        let missing_nonce = if self.nonce.is_some() { MissingNonce::Refuse } else { MissingNonce::Accept };
        EvidenceSettings { missing_nonce, ..settings.reading }
    }
}

impl Key {
    pub(super) fn kind(&self) -> EvidenceKind {
        match self.kind {
            KeyKind::Ocsp(_) => EvidenceKind::Ocsp,
            KeyKind::BaseCrl | KeyKind::DeltaCrl => EvidenceKind::Crl,
        }
    }

    /// Whether both are for evidence of one issuer.
    pub(super) fn has_issuer_of(&self, other: &Self) -> bool {
        self.issuer == other.issuer
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.url.len()
    }
}

impl Outgoing {
    /// The method of the request.
    pub(super) fn method(&self) -> &'static str {
        if self.post.is_some() { "POST" } else { "GET" }
    }
}

/// The URL of the request by GET; `None` if it is too long for it, or the address has a query.
fn get_url(address: &Address, der: &[u8]) -> Option<Url> {
    let encoded = percent_encoded(&STANDARD.encode(der));
    if encoded.len() >= GET_CHARACTERS || address.url().query().is_some() {
        return None;
    }
    let base = address.text();
    Url::parse(&format!("{}/{encoded}", base.strip_suffix('/').unwrap_or(base))).ok()
}

/// The characters of base64 that have a meaning in paths.
fn percent_encoded(base64: &str) -> String {
    let mut encoded = String::with_capacity(base64.len());
    for character in base64.chars() {
        match character {
            '+' => encoded.push_str("%2B"),
            '/' => encoded.push_str("%2F"),
            '=' => encoded.push_str("%3D"),
            other => encoded.push(other),
        }
    }
    encoded
}

/// A random nonce; `None` if the system has no random numbers.
fn nonce() -> Option<Vec<u8>> {
    let random: &dyn SecureRandom = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    let mut nonce = vec![0; NONCE_BYTES];
    random.fill(&mut nonce).ok()?;
    Some(nonce)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_short_request_is_appended_to_the_address() {
        let get = |address: &str, der: &[u8]| get_url(&Address::parse(address).unwrap(), der).map(String::from);
        assert_eq!(get("http://o.example", b"\xfb\xff\xfe"), Some("http://o.example/%2B%2F%2F%2B".to_owned()));
        assert_eq!(get("http://o.example/ocsp/", b"a"), Some("http://o.example/ocsp/YQ%3D%3D".to_owned()));
        assert_eq!(get("http://o.example/ocsp?ca=1", b"a"), None);
        // 188 bytes are 252 characters, without padding.
        assert!(get("http://o.example", &[0; 188]).is_some());
        assert_eq!(get("http://o.example", &[0; 191]), None);
    }

    #[test]
    fn nonces_differ() {
        assert_eq!(nonce().unwrap().len(), NONCE_BYTES);
        assert_ne!(nonce(), nonce());
    }
}
