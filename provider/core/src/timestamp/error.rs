//! The reasons why a token is not accepted.

use std::fmt;

use crate::codec::text::Text;
use crate::crypto::HashError;
use crate::crypto::SignatureError;
use crate::limits;
use crate::time::UnixTime;
use crate::x509::CertificateError;
use crate::x509::TimestampingChainError;

/// The reason why a token is not a verified timestamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// More bytes than [`limits::TIMESTAMP_TOKEN_BYTES`].
    #[error("timestamp token: found {found} bytes, expected at most {}", limits::TIMESTAMP_TOKEN_BYTES)]
    TooLarge {
        /// The size in bytes.
        found: usize,
    },
    /// More entries than the limit.
    #[error("timestamp token: found {found} {what}, expected at most {max}")]
    TooMany {
        /// The counted parts.
        what: &'static str,
        /// Their number.
        found: usize,
        /// The maximum number.
        max: usize,
    },
    /// The first bytes are not one DER element.
    #[error("timestamp token: found no DER, expected a ContentInfo of RFC 5652 in DER; BER is not accepted")]
    NotDer,
    /// Bytes after the token.
    #[error("timestamp token: found {found} bytes after it, expected none")]
    TrailingBytes {
        /// The number of bytes.
        found: usize,
    },
    /// A part is malformed.
    #[error("timestamp token has a malformed {part}, expected DER as in RFC 5652 and RFC 3161")]
    Malformed {
        /// The part with the mistake.
        part: &'static str,
    },
    /// A part has another value than the specification requires.
    #[error("timestamp token has the wrong {part}: found {found}, expected {expected}")]
    Value {
        /// The part.
        part: &'static str,
        /// Its value.
        found: Text,
        /// The values that are accepted.
        expected: &'static str,
    },
    /// A certificate is malformed.
    #[error("certificate {position} of the timestamp token: {error}")]
    Certificate {
        /// Counts from 1, in the order of the token.
        position: usize,
        /// The cause.
        error: CertificateError,
    },
    /// The message imprint has a weak or unknown hash algorithm.
    #[error("message imprint of the timestamp: {0}")]
    ImprintAlgorithm(HashError),
    /// The token is for another message.
    #[error(
        "timestamp is for another signature: found the message imprint {found}, expected {expected}, the {algorithm} \
         hash of this signature"
    )]
    Imprint {
        /// The imprint, hexadecimal.
        found: Text,
        /// The hash of the message, hexadecimal.
        expected: Text,
        /// The hash algorithm.
        algorithm: &'static str,
    },
    /// The time is later than now.
    #[error(
        "timestamp is in the future: found {found}, expected at most {latest}, which is now with a tolerance of 5 minutes"
    )]
    Future {
        /// The time of the timestamp.
        found: UnixTime,
        /// The latest time that is accepted.
        latest: UnixTime,
    },
    /// There is no signature.
    #[error("timestamp token is not signed: found no SignerInfo, expected at least one")]
    NoSigner,
    /// No signature is valid.
    #[error("{}", signers(.0))]
    Signers(
        /// The reason for each signature, in the order of the token; not empty.
        Vec<SignerError>,
    ),
}

/// The reason why one signature of a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// A part is malformed.
    #[error("SignerInfo has a malformed {part}, expected DER as in RFC 5652")]
    Malformed {
        /// The part with the mistake.
        part: &'static str,
    },
    /// Another version than 1.
    #[error("SignerInfo version: found {found}, expected 1, with the signer's issuer and serial number")]
    Version {
        /// The version.
        found: Text,
    },
    /// The digest algorithm is weak or unknown.
    #[error("digest algorithm of the timestamp's signature: {0}")]
    Digest(HashError),
    /// There are no signed attributes.
    #[error(
        "signed attributes of the timestamp: found none, expected contentType, messageDigest and signingCertificateV2"
    )]
    NoSignedAttributes,
    /// A required attribute is absent.
    #[error("signed attribute {name}: found none, expected one")]
    AttributeMissing {
        /// The name of the attribute.
        name: &'static str,
    },
    /// An attribute is present more than once, or has not one value.
    #[error("signed attribute {name}: found {found} values, expected one attribute with one value")]
    AttributeCount {
        /// The name of the attribute.
        name: &'static str,
        /// The number of values in all attributes of this type.
        found: usize,
    },
    /// An attribute is malformed.
    #[error("signed attribute {name} is malformed, expected DER as in {specification}")]
    AttributeMalformed {
        /// The name of the attribute.
        name: &'static str,
        /// The specification of the attribute.
        specification: &'static str,
    },
    /// The signed content type is another one.
    #[error("signed attribute contentType: found {found}, expected 1.2.840.113549.1.9.16.1.4 (id-ct-TSTInfo)")]
    ContentType {
        /// The object identifier.
        found: Text,
    },
    /// The signature is not about this TSTInfo.
    #[error("signed attribute messageDigest: found {found}, expected {expected}, the {algorithm} hash of TSTInfo")]
    MessageDigest {
        /// The signed hash, hexadecimal.
        found: Text,
        /// The hash of the TSTInfo, hexadecimal.
        expected: Text,
        /// The hash algorithm.
        algorithm: &'static str,
    },
    /// The certificate of the signer is not in the token.
    #[error(
        "signing certificate is not in the timestamp token: found none with the serial number {serial} and its issuer, expected one"
    )]
    CertificateMissing {
        /// The serial number of the signer's identifier, hexadecimal.
        serial: Text,
    },
    /// The attribute names no certificate.
    #[error("signed attribute {name}: found no certificate identifier, expected at least one")]
    NoCertificateIdentifier {
        /// The name of the attribute.
        name: &'static str,
    },
    /// The hash algorithm of the certificate identifier is weak or unknown.
    #[error("certificate identifier of signingCertificateV2: {0}")]
    CertificateHashAlgorithm(HashError),
    /// The attribute names another certificate.
    #[error(
        "signed attribute {name} is for another certificate: found the hash {found}, expected {expected}, that of the signing certificate"
    )]
    CertificateHash {
        /// The name of the attribute.
        name: &'static str,
        /// The hash in the attribute, hexadecimal.
        found: Text,
        /// The hash of the certificate, hexadecimal.
        expected: Text,
    },
    /// The attribute names another issuer or serial number.
    #[error(
        "signed attribute {name} is for another certificate: found another issuer or serial number, expected those of the signing certificate"
    )]
    CertificateIssuer {
        /// The name of the attribute.
        name: &'static str,
    },
    /// The signature algorithm is not supported.
    #[error("{0}")]
    Algorithm(SignatureError),
    /// The signature is wrong.
    #[error("signature of the timestamp was not made by the certificate {subject:?}: {error}")]
    Signature {
        /// Subject of the certificate.
        subject: Text,
        /// The cause.
        error: SignatureError,
    },
    /// There is no chain to a trusted root.
    #[error("timestamping authority is not trusted: {0}")]
    Chain(TimestampingChainError),
    /// The signed time is outside the validity of a certificate of the chain.
    #[error(
        "signed attribute signingTime: found {found}, expected it within {not_before} to {not_after}, the validity of certificate {subject:?}"
    )]
    SigningTime {
        /// The signed time.
        found: UnixTime,
        /// Subject of the certificate.
        subject: Text,
        /// The start of its validity period.
        not_before: UnixTime,
        /// Its end, included.
        not_after: UnixTime,
    },
    /// `tsa` of TSTInfo is another name.
    #[error(
        "name of the timestamping authority in TSTInfo (tsa): found {found}, expected the subject {subject:?} or an alternative name of the signing certificate"
    )]
    TsaName {
        /// The name.
        found: Text,
        /// Subject of the certificate.
        subject: Text,
    },
}

fn signers(errors: &[SignerError]) -> impl fmt::Display {
    fmt::from_fn(move |f| match errors {
        [only] => write!(f, "{only}"),
        [] | [_, ..] => {
            write!(f, "no signature of the timestamp token is valid: found {} invalid", errors.len())?;
            (1..).zip(errors).try_for_each(|(number, error)| write!(f, "; {number}: {error}"))?;
            f.write_str("; expected one valid signature")
        }
    })
}
