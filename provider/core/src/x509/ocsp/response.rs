//! The layout of an encoded response. Nothing is verified.

use super::error::OcspError;
use super::error::ResponseStatus;
use super::error::short_name;
use super::single::SingleResponse;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::limits;
use crate::time::UnixTime;
use crate::x509::DistinguishedName;
use crate::x509::layout;
use crate::x509::signed_extension::SignedExtension;
use crate::x509::signed_extension::oid_name;

/// 1.3.6.1.5.5.7.48.1.2
pub(super) const NONCE: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02];
/// 1.3.6.1.5.5.7.48.1.1
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];

/// A `BasicOCSPResponse` ([RFC 6960 §4.2.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.2.1)) as it is encoded.
pub(super) struct BasicResponse<'a> {
    /// All bytes that are signed.
    pub(super) signed: &'a [u8],
    pub(super) responder: ResponderId<'a>,
    pub(super) produced_at: UnixTime,
    /// At least one.
    pub(super) singles: Vec<SingleResponse<'a>>,
    pub(super) extensions: Vec<SignedExtension<'a>>,
    /// An AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    /// DER of the certificates, not read.
    pub(super) certificates: Vec<&'a [u8]>,
}

/// The identifier of the responder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponderId<'a> {
    /// DER of its name, which is well-formed.
    Name(&'a [u8]),
    /// SHA-1 hash of its key.
    KeyHash(&'a [u8]),
}

impl<'a> BasicResponse<'a> {
    /// Splits a successful response into its parts. Counts are checked before values are allocated.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, OcspError> {
        let basic = successful(bytes)?;
        let malformed = |part| move |NotDer| OcspError::Malformed { part };
        let mut fields = Reader::only(basic, der::SEQUENCE).map_err(malformed("basic response"))?.inside();
        let signed = fields.expect(der::SEQUENCE).map_err(malformed("tbsResponseData"))?;
        let algorithm = fields.expect(der::SEQUENCE).map_err(malformed("signatureAlgorithm"))?.raw;
        let signature =
            fields.expect(der::BIT_STRING).and_then(|bits| bits.whole_bytes()).map_err(malformed("signature"))?;
        let certificates = match fields.optional(der::constructed(0)).map_err(malformed("certs"))? {
            Some(list) => certificates(&list)?,
            None => Vec::new(),
        };
        fields.end().map_err(malformed("basic response"))?;

        let mut data = signed.inside();
        check_version(&mut data)?;
        let responder = data.next().and_then(|id| ResponderId::read(&id)).map_err(malformed("responderID"))?;
        let produced_at = data.next().and_then(|at| layout::generalized_time(&at)).map_err(malformed("producedAt"))?;
        let list = data.expect(der::SEQUENCE).map_err(malformed("responses"))?;
        let singles = singles(list.inside())?;
        let extensions = data
            .optional(der::constructed(1))
            .and_then(|list| list.map_or(Ok(Vec::new()), |list| SignedExtension::read_all(list.contents)))
            .map_err(malformed("responseExtensions"))?;
        data.end().map_err(malformed("tbsResponseData"))?;
        Ok(Self { signed: signed.raw, responder, produced_at, singles, extensions, algorithm, signature, certificates })
    }
}

/// The contents of the response in an `OCSPResponse` with status successful.
fn successful(bytes: &[u8]) -> Result<&[u8], OcspError> {
    let not_a_response = |NotDer| OcspError::NotAResponse;
    let mut outer = Reader::new(bytes);
    let mut fields = outer.expect(der::SEQUENCE).map_err(not_a_response)?.inside();
    if !outer.is_empty() {
        return Err(OcspError::TrailingBytes { found: outer.rest().len() });
    }
    let status = fields.expect(der::ENUMERATED).map_err(not_a_response)?;
    let body = fields.optional(der::constructed(0)).map_err(not_a_response)?;
    fields.end().map_err(not_a_response)?;
    let found = match status.unsigned().map_err(not_a_response)? {
        [] => None,
        [1] => Some(ResponseStatus::MalformedRequest),
        [2] => Some(ResponseStatus::InternalError),
        [3] => Some(ResponseStatus::TryLater),
        [5] => Some(ResponseStatus::SigRequired),
        [6] => Some(ResponseStatus::Unauthorized),
        [number] => Some(ResponseStatus::Unassigned(*number)),
        [_, _, ..] => return Err(OcspError::NotAResponse),
    };
    if let Some(found) = found {
        return Err(OcspError::Status { found });
    }
    let malformed = |NotDer| OcspError::Malformed { part: "responseBytes" };
    let body = body.ok_or(NotDer).map_err(malformed)?;
    let mut fields = Reader::only(body.contents, der::SEQUENCE).map_err(malformed)?.inside();
    let kind = fields.expect(der::OBJECT_IDENTIFIER).map_err(malformed)?.contents;
    let response = fields.expect(der::OCTET_STRING).map_err(malformed)?.contents;
    fields.end().map_err(malformed)?;
    if kind == BASIC { Ok(response) } else { Err(OcspError::ResponseType { found: oid_name(kind) }) }
}

/// Reads the version, which is 0 for version 1 and then usually omitted.
fn check_version(data: &mut Reader<'_>) -> Result<(), OcspError> {
    let malformed = |NotDer| OcspError::Malformed { part: "version" };
    let Some(version) = data.optional(der::constructed(0)).map_err(malformed)? else {
        return Ok(());
    };
    match Reader::only(version.contents, der::INTEGER).and_then(|number| number.unsigned()).map_err(malformed)? {
        [] => Ok(()),
        [number] => Err(OcspError::Version { found: Text::of(u32::from(*number) + 1) }),
        number @ [_, _, ..] => Err(OcspError::Version { found: Text::of(format_args!("0x{} + 1", hex(number))) }),
    }
}

fn singles(mut list: Reader<'_>) -> Result<Vec<SingleResponse<'_>>, OcspError> {
    let malformed = |NotDer| OcspError::Malformed { part: "responses" };
    let found = list.count().map_err(malformed)?;
    check_count("single responses", found, limits::OCSP_SINGLE_RESPONSES)?;
    if found == 0 {
        return Err(OcspError::Malformed { part: "responses" });
    }
    let mut singles = Vec::with_capacity(found);
    while !list.is_empty() {
        singles.push(list.expect(der::SEQUENCE).map_err(malformed).and_then(|single| SingleResponse::read(&single))?);
    }
    Ok(singles)
}

fn certificates<'a>(explicit: &Element<'a>) -> Result<Vec<&'a [u8]>, OcspError> {
    let malformed = |NotDer| OcspError::Malformed { part: "certs" };
    let mut list = Reader::only(explicit.contents, der::SEQUENCE).map_err(malformed)?.inside();
    let found = list.count().map_err(malformed)?;
    check_count("certificates", found, limits::OCSP_CERTIFICATES)?;
    let mut certificates = Vec::with_capacity(found);
    while !list.is_empty() {
        certificates.push(list.expect(der::SEQUENCE).map_err(malformed)?.raw);
    }
    Ok(certificates)
}

fn check_count(what: &'static str, found: usize, max: usize) -> Result<(), OcspError> {
    if found > max { Err(OcspError::TooMany { what, found, max }) } else { Ok(()) }
}

impl<'a> ResponderId<'a> {
    fn read(element: &Element<'a>) -> Result<Self, NotDer> {
        const BY_NAME: u8 = der::constructed(1);
        const BY_KEY: u8 = der::constructed(2);
        match element.tag {
            BY_NAME => {
                if DistinguishedName::count_der(element.contents)? > limits::NAME_ATTRIBUTES {
                    return Err(NotDer);
                }
                DistinguishedName::from_der(element.contents)?;
                Ok(Self::Name(element.contents))
            }
            BY_KEY => Ok(Self::KeyHash(Reader::only(element.contents, der::OCTET_STRING)?.contents)),
            _ => Err(NotDer),
        }
    }

    /// The name, or the hash of the key, for messages.
    pub(super) fn to_text(self) -> Text {
        match self {
            Self::Name(raw) => DistinguishedName::from_der(raw)
                .map_or_else(|NotDer| Text::default(), |name| Text::of(format_args!("{:?}", short_name(&name)))),
            Self::KeyHash(hash) => Text::of(format_args!("a key with hash {}", hex(hash))),
        }
    }
}
