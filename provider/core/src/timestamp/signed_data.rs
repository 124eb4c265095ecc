//! The structure of a token: ContentInfo and SignedData of [RFC 5652 §5](https://www.rfc-editor.org/rfc/rfc5652#section-5).

use std::time::Duration;

use super::error::TimestampError;
use super::tst_info::TstInfo;
use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::limits;
use crate::time::UnixTime;
use crate::x509::Certificate;

/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// 1.2.840.113549.1.9.16.1.4
pub(super) const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];

/// A well-formed token. Nothing in it has been verified.
#[derive(Clone, Debug)]
pub struct TimestampToken {
    /// The encoded TSTInfo, which the signatures cover.
    pub(super) content: Vec<u8>,
    pub(super) info: TstInfo,
    /// In the order of the token, which means nothing.
    pub(super) certificates: Vec<Certificate>,
    /// Each SignerInfo with its SEQUENCE. They are read when they are verified, so that one that is not supported does not
    /// exclude another one.
    pub(super) signers: Vec<Vec<u8>>,
}

impl TimestampToken {
    /// Reads exactly one token. Digest algorithms and CRLs of the SignedData decide nothing: a SignerInfo names its own
    /// algorithm, and CRLs in a token are not used as evidence.
    ///
    /// # Errors
    /// More than [`limits::TIMESTAMP_TOKEN_BYTES`], [`limits::TIMESTAMP_CERTIFICATES`] or
    /// [`limits::TIMESTAMP_SIGNERS`]; BER; bytes after the token; another content than a TSTInfo of version 1; a
    /// certificate that is not X.509 or malformed; an accuracy or time out of range; a critical extension of the
    /// TSTInfo; no signature.
    pub fn parse(bytes: &[u8]) -> Result<Self, TimestampError> {
        if bytes.len() > limits::TIMESTAMP_TOKEN_BYTES {
            return Err(TimestampError::TooLarge { found: bytes.len() });
        }
        let part = |part| move |NotDer| TimestampError::Malformed { part };
        let mut reader = Reader::new(bytes);
        let content_info = reader.expect(der::SEQUENCE).map_err(|NotDer| TimestampError::NotDer)?;
        if !reader.is_empty() {
            return Err(TimestampError::TrailingBytes { found: reader.rest().len() });
        }
        let mut fields = content_info.inside();
        let expected = "1.2.840.113549.1.7.2 (signedData)";
        check_type(&mut fields, "contentType", SIGNED_DATA, expected)?;
        let content = fields.expect(der::constructed(0)).map_err(part("content of ContentInfo"))?;
        fields.end().map_err(part("end of ContentInfo"))?;
        let signed_data = Reader::only(content.contents, der::SEQUENCE).map_err(part("SignedData"))?;
        Self::read(signed_data.inside())
    }

    /// Reads the fields of a SignedData.
    fn read(mut fields: Reader<'_>) -> Result<Self, TimestampError> {
        let part = |part| move |NotDer| TimestampError::Malformed { part };
        let version = fields.expect(der::INTEGER).map_err(part("version of SignedData"))?;
        if version.contents != [3] {
            let (part, found) = ("version of SignedData", Text::of(hex(version.contents)));
            return Err(TimestampError::Value { part, found, expected: "3" });
        }
        let algorithms = fields.expect(der::SET).map_err(part("digestAlgorithms"))?;
        check_algorithms(algorithms.inside()).map_err(part("digestAlgorithms"))?;
        let mut encapsulated = fields.expect(der::SEQUENCE).map_err(part("encapContentInfo"))?.inside();
        let expected = "1.2.840.113549.1.9.16.1.4 (id-ct-TSTInfo)";
        check_type(&mut encapsulated, "eContentType", TST_INFO, expected)?;
        let content = encapsulated.expect(der::constructed(0)).map_err(part("eContent"))?;
        encapsulated.end().map_err(part("end of encapContentInfo"))?;
        let content = Reader::only(content.contents, der::OCTET_STRING).map_err(part("eContent"))?.contents;
        let certificates = match fields.optional(der::constructed(0)).map_err(part("certificates"))? {
            Some(list) => read_certificates(list.inside())?,
            None => Vec::new(),
        };
        fields.optional(der::constructed(1)).map_err(part("crls"))?;
        let signers = fields.expect(der::SET).map_err(part("signerInfos"))?;
        fields.end().map_err(part("end of SignedData"))?;
        let signers = read_signers(signers.inside())?;
        Ok(Self { info: TstInfo::read(content)?, content: content.to_vec(), certificates, signers })
    }

    /// The time of the timestamp (`genTime`), a claim of the token.
    #[must_use]
    pub fn unverified_gen_time(&self) -> UnixTime {
        self.info.gen_time
    }

    /// The accuracy of the time, a claim of the token: that in TSTInfo; without one a second under the baseline policy
    /// of RFC 3628, otherwise zero.
    #[must_use]
    pub fn unverified_accuracy(&self) -> Duration {
        self.info.accuracy
    }

    /// The policy of the TSA, a claim of the token.
    #[must_use]
    pub fn unverified_policy(&self) -> &Oid {
        &self.info.policy
    }

    /// The certificates in the token, in its order.
    #[must_use]
    pub fn unverified_certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

/// Checks the object identifier that is next.
fn check_type(
    fields: &mut Reader<'_>,
    part: &'static str,
    wanted: &[u8],
    expected: &'static str,
) -> Result<(), TimestampError> {
    let malformed = |NotDer| TimestampError::Malformed { part };
    let found = fields.expect(der::OBJECT_IDENTIFIER).map_err(malformed)?;
    let found = Oid::from_contents(found.contents).map_err(malformed)?;
    if found.contents() == wanted {
        Ok(())
    } else {
        Err(TimestampError::Value { part, found: Text::of(&found), expected })
    }
}

/// Checks that these are AlgorithmIdentifiers: an object identifier and parameters of any kind.
fn check_algorithms(mut list: Reader<'_>) -> Result<(), NotDer> {
    while !list.is_empty() {
        let mut fields = list.expect(der::SEQUENCE)?.inside();
        fields.expect(der::OBJECT_IDENTIFIER)?;
        if !fields.is_empty() {
            fields.next()?;
        }
        fields.end()?;
    }
    Ok(())
}

/// Reads a CertificateSet. Attribute certificates and other kinds are refused.
fn read_certificates(list: Reader<'_>) -> Result<Vec<Certificate>, TimestampError> {
    let malformed = |NotDer| TimestampError::Malformed { part: "certificates" };
    let (found, max) = (list.count().map_err(malformed)?, limits::TIMESTAMP_CERTIFICATES);
    if found > max {
        return Err(TimestampError::TooMany { what: "certificates", found, max });
    }
    let mut list = list;
    let mut certificates = Vec::new();
    while !list.is_empty() {
        let element = list.next().map_err(malformed)?;
        if element.tag != der::SEQUENCE {
            let (part, found) = ("kind of certificate", Text::of(format_args!("the tag 0x{:02x}", element.tag)));
            return Err(TimestampError::Value { part, found, expected: "X.509 certificates only" });
        }
        let position = certificates.len() + 1;
        let certificate = Certificate::parse(element.raw);
        certificates.push(certificate.map_err(|error| TimestampError::Certificate { position, error })?);
    }
    Ok(certificates)
}

fn read_signers(mut list: Reader<'_>) -> Result<Vec<Vec<u8>>, TimestampError> {
    let malformed = |NotDer| TimestampError::Malformed { part: "signerInfos" };
    let (found, max) = (list.count().map_err(malformed)?, limits::TIMESTAMP_SIGNERS);
    if found > max {
        return Err(TimestampError::TooMany { what: "signatures", found, max });
    }
    let mut signers = Vec::new();
    while !list.is_empty() {
        signers.push(list.expect(der::SEQUENCE).map_err(malformed)?.raw.to_vec());
    }
    if signers.is_empty() { Err(TimestampError::NoSigner) } else { Ok(signers) }
}
