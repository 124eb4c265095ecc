//! The contents of an envelope for people.

use std::collections::BTreeMap;
use std::time::Duration;

use super::envelope::Envelope;
use super::integrity::Certificates;
use super::timestamp::AnchoredTimestamp;
use crate::codec::text::Text;
use crate::oci::Descriptor;
use crate::policy::Anchor;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::timestamp::TimestampError;
use crate::timestamp::TimestampToken;
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
    /// The RFC 3161 token, if present.
    pub timestamp: Option<TimestampFacts>,
}

/// The RFC 3161 token of an envelope. Unverified claims without [`Self::anchor`].
#[derive(Clone, Debug)]
pub struct TimestampFacts {
    /// Length of the token in bytes.
    pub bytes: usize,
    /// The contents, or the reason why the token cannot be read.
    pub contents: Result<TimestampContents, TimestampError>,
    /// The trust anchor of the timestamping authority, if the statement requires a timestamp and this one was verified.
    /// The revocation status of the authority is part of the finding, not of this.
    pub anchor: Option<Anchor>,
}

/// See [`TimestampFacts::contents`].
#[derive(Clone, Debug)]
pub struct TimestampContents {
    /// The time of the timestamp.
    pub gen_time: UnixTime,
    /// The maximum deviation of the time.
    pub accuracy: Duration,
    /// Subject of the certificate that is named as signer, if the token has it.
    pub authority: Option<Text>,
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
            timestamp: envelope.timestamp_token.as_deref().map(TimestampFacts::unverified),
        }
    }

    /// Annotations of the payload; empty if it is malformed.
    #[must_use]
    pub fn metadata(&self) -> Option<&BTreeMap<String, String>> {
        self.target.as_ref().ok().map(|target| &target.annotations)
    }
}

impl TimestampFacts {
    fn unverified(token: &[u8]) -> Self {
        let contents = TimestampToken::parse(token).map(|token| TimestampContents {
            gen_time: token.unverified_gen_time(),
            accuracy: token.unverified_accuracy(),
            authority: token.unverified_authority().map(|certificate| certificate.subject().to_text()),
        });
        Self { bytes: token.len(), contents, anchor: None }
    }

    /// Adds the result of the verification.
    pub(super) fn verified(&mut self, timestamp: &AnchoredTimestamp) {
        self.anchor = Some(timestamp.chain().anchor().clone());
        if let Ok(contents) = &mut self.contents {
            contents.authority = Some(timestamp.authority().subject().to_text());
        }
    }
}
