//! The contents of an envelope for people.

use std::collections::BTreeMap;

use super::envelope::Envelope;
use super::integrity::Certificates;
use crate::oci::Descriptor;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::x509::CertificateError;
use crate::x509::CertificateSummary;

/// The contents of an envelope. Unverified claims, unless [`super::Explanation::is_authentic`].
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whether the signature by the first certificate's key is valid. It covers everything except the timestamp
    /// token, and does not imply trust.
    pub intact: bool,
    /// `jws` or `cose`.
    pub format: &'static str,
    /// `PS256` … `ES512`, from the header.
    pub algorithm: &'static str,
    /// `notary.x509` or `notary.x509.signingAuthority`.
    pub scheme: &'static str,
    /// The signing time: claimed by the signer under `notary.x509`, by the authority under
    /// `notary.x509.signingAuthority`.
    pub signing_time: UnixTime,
    /// The expiry time, if there is one.
    pub expiry: Option<UnixTime>,
    /// Protected attributes that the specification does not define, and the plugin's.
    pub attributes: Vec<AttributeFacts>,
    /// The certificates in the order of the envelope, leaf first.
    pub certificates: Vec<Result<CertificateSummary, CertificateError>>,
    /// The descriptor in the payload, whose annotations are the user metadata; or the reason why it is unreadable.
    pub target: Result<Descriptor, Reason>,
    /// Length of the RFC 3161 token in bytes, if present.
    pub timestamp_token: Option<usize>,
}

/// See [`Facts::attributes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeFacts {
    /// The name, or the decimal number of an integer COSE label.
    pub name: String,
    /// The value, if it is a string.
    pub text: Option<String>,
    /// Whether `crit` lists it.
    pub critical: bool,
}

impl Facts {
    /// `signed` is the descriptor in the payload.
    pub(super) fn new(envelope: &Envelope, certificates: &Certificates, signed: Result<Descriptor, Reason>) -> Self {
        let attributes = &envelope.attributes;
        let extended = attributes.extended.iter().map(|attribute| AttributeFacts {
            name: attribute.name.clone(),
            text: attribute.text.clone(),
            critical: attribute.critical,
        });
        Self {
            intact: false,
            format: envelope.format.as_str(),
            algorithm: envelope.claimed_algorithm.jose_name(),
            scheme: attributes.scheme.name(),
            signing_time: attributes.scheme.time(),
            expiry: attributes.expiry,
            attributes: extended.collect(),
            certificates: certificates
                .iter()
                .map(|parsed| parsed.as_ref().map(CertificateSummary::from).map_err(Clone::clone))
                .collect(),
            target: signed,
            timestamp_token: envelope.timestamp_token.as_ref().map(Vec::len),
        }
    }

    /// Annotations of the payload; empty if it is malformed.
    #[must_use]
    pub fn metadata(&self) -> Option<&BTreeMap<String, String>> {
        self.target.as_ref().ok().map(|target| &target.annotations)
    }
}
