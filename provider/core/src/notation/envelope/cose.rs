//! COSE_Sign1_Tagged, [RFC 9052 §4.2](https://www.rfc-editor.org/rfc/rfc9052#section-4.2), with go-cose's strictness.

use ciborium::Value;
use coset::CoseSign1;
use coset::Header;
use coset::Label;
use coset::RegisteredLabel;
use coset::RegisteredLabelWithPrivate;
use coset::TaggedCborSerializable as _;
use coset::iana::EnumI64 as _;
use coset::iana::HeaderParameter;

use super::attributes as names;
use super::attributes::Protected;
use super::error::EnvelopeError;
use super::error::check_size;
use super::format::EnvelopeFormat;
use super::format::PAYLOAD_TYPE;
use super::format::allowed;
use super::parsed::Envelope;
use super::sign1::Sign1;
use super::sign1::header_labels;
use crate::codec::cbor::Label as CborLabel;
use crate::codec::cbor::Tags;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;
use crate::crypto::SignatureAlgorithm;
use crate::limits;
use crate::time::UnixTime;

/// [RFC 9360](https://www.rfc-editor.org/rfc/rfc9360#section-2)
const X5CHAIN: i64 = 33;
/// Labels that `crit` must not list: every reader understands 0 to 8, so the specification excludes them.
const NEVER_CRITICAL: std::ops::RangeInclusive<i64> = 0..=8;
const CRIT: i128 = 2;

pub(super) fn parse(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
    let Sign1 { protected, unprotected, payload } = Sign1::read(bytes)?;
    check_size("protected header", protected.len(), limits::PROTECTED_HEADER_BYTES)?;
    check_size("payload", payload, limits::PAYLOAD_BYTES)?;
    // Checked before the library allocates values, which limits their number.
    check_labels(protected, unprotected)?;
    let sign1 = CoseSign1::from_tagged_slice(bytes).map_err(|error| EnvelopeError::Cose(Text::of(error)))?;
    // The library keeps the content of the byte string. It must be identical to that of the message.
    if sign1.protected.original_data.as_deref() != Some(protected) {
        return Err(EnvelopeError::Missing { name: "protected header" });
    }
    let (claimed_algorithm, protected) = read_protected(&sign1.protected.header)?;
    let (certificates, timestamp_token) = read_unprotected(&sign1.unprotected)?;
    let signed_bytes = sign1.tbs_data(&[]);
    Ok(Envelope {
        format: EnvelopeFormat::Cose,
        claimed_algorithm,
        attributes: protected.check()?,
        certificates,
        signed_bytes,
        signature: sign1.signature,
        unverified_payload: sign1.payload.unwrap_or_default(),
        timestamp_token,
    })
}

/// Checks that each label occurs once, in only one of the two maps.
fn check_labels(protected: &[u8], unprotected: &[u8]) -> Result<(), EnvelopeError> {
    let protected = header_labels(protected, Tags::Allowed)?;
    let unprotected = header_labels(unprotected, Tags::Refused)?;
    if let Some(label) = protected.intersection(&unprotected).next() {
        return Err(EnvelopeError::InBothHeaders { name: label_text(label) });
    }
    if unprotected.contains(&CborLabel::Int(CRIT)) {
        return Err(EnvelopeError::Header {
            name: "crit".into(),
            found: Text::of("unprotected"),
            expected: "a protected header",
        });
    }
    Ok(())
}

fn label_text(label: &CborLabel<'_>) -> Excerpt {
    match label {
        CborLabel::Int(number) => number.to_string().as_str().into(),
        CborLabel::Text(bytes) => Excerpt::of_bytes(bytes),
    }
}

fn read_protected(header: &Header) -> Result<(SignatureAlgorithm, Protected), EnvelopeError> {
    let number = match &header.alg {
        Some(RegisteredLabelWithPrivate::Assigned(algorithm)) => Some(algorithm.to_i64()),
        Some(RegisteredLabelWithPrivate::PrivateUse(number)) => Some(*number),
        Some(RegisteredLabelWithPrivate::Text(_)) | None => None,
    };
    let algorithm = allowed(number.and_then(SignatureAlgorithm::of_cose_id)).ok_or_else(|| EnvelopeError::Header {
        name: "alg".into(),
        found: number.map_or_else(|| Text::of("no number"), Text::of),
        expected: "-37, -38, -39, -7, -35 or -36",
    })?;
    match &header.content_type {
        Some(RegisteredLabel::Text(text)) if text == PAYLOAD_TYPE => {}
        Some(RegisteredLabel::Text(text)) => {
            let found = Text::of(format_args!("{:?}", Excerpt::of(text)));
            return Err(EnvelopeError::Header { name: "content type".into(), found, expected: PAYLOAD_TYPE });
        }
        Some(RegisteredLabel::Assigned(_)) => {
            let found = Text::of("a number");
            return Err(EnvelopeError::Header { name: "content type".into(), found, expected: PAYLOAD_TYPE });
        }
        None => return Err(EnvelopeError::Missing { name: "content type" }),
    }
    let mut protected = Protected { crit: read_crit(header)?, ..Protected::default() };
    for (label, value) in &header.rest {
        match label {
            Label::Int(number) => protected.extended.push((number.to_string(), None)),
            Label::Text(name) => match name.as_str() {
                names::SCHEME => protected.scheme = Some(text(name, value)?.to_owned()),
                names::SIGNING_TIME => protected.signing_time = Some(time(name, value)?),
                names::AUTHENTIC_SIGNING_TIME => protected.authentic_signing_time = Some(time(name, value)?),
                names::EXPIRY => protected.expiry = Some(time(name, value)?),
                _ => protected.extended.push((name.clone(), value.as_text().map(str::to_owned))),
            },
        }
    }
    Ok((algorithm, protected))
}

fn read_crit(header: &Header) -> Result<Vec<String>, EnvelopeError> {
    let name = |label: &RegisteredLabelWithPrivate<HeaderParameter>| match label {
        RegisteredLabelWithPrivate::Assigned(parameter) => {
            let number = parameter.to_i64();
            if NEVER_CRITICAL.contains(&number) {
                return Err(EnvelopeError::Crit { name: number.to_string().as_str().into() });
            }
            Ok(number.to_string())
        }
        RegisteredLabelWithPrivate::PrivateUse(number) => Ok(number.to_string()),
        RegisteredLabelWithPrivate::Text(text) => Ok(text.clone()),
    };
    header.crit.iter().map(name).collect()
}

type Unprotected = (Vec<Vec<u8>>, Option<Vec<u8>>);

fn read_unprotected(header: &Header) -> Result<Unprotected, EnvelopeError> {
    let mut certificates = None;
    let mut token = None;
    for (label, value) in &header.rest {
        match label {
            Label::Int(X5CHAIN) => certificates = Some(read_chain(value)?),
            Label::Int(_) => {}
            Label::Text(name) => match name.as_str() {
                names::TIMESTAMP => {
                    let bytes = value.as_bytes().ok_or_else(|| header_error(name, value, "a byte string"))?;
                    token = Some(bytes.clone());
                }
                names::SIGNING_AGENT => {
                    text(name, value)?;
                }
                _ => {}
            },
        }
    }
    Ok((certificates.ok_or(EnvelopeError::Missing { name: "x5chain (33)" })?, token))
}

fn read_chain(value: &Value) -> Result<Vec<Vec<u8>>, EnvelopeError> {
    let expected = "a list of byte strings";
    let list = value.as_array().ok_or_else(|| header_error("x5chain (33)", value, expected))?;
    let (found, max) = (list.len(), limits::CHAIN_CERTIFICATES);
    if found > max {
        return Err(EnvelopeError::TooMany { name: "x5chain (33)", found, max });
    }
    list.iter()
        .map(|item| item.as_bytes().cloned().ok_or_else(|| header_error("x5chain (33)", item, expected)))
        .collect()
}

fn text<'v>(name: &str, value: &'v Value) -> Result<&'v str, EnvelopeError> {
    value.as_text().ok_or_else(|| header_error(name, value, "a text"))
}

/// Tag 1 around a whole number of seconds, from 1970 on, as an integer or a float of any width ([RFC 8949
/// §3.4.2](https://www.rfc-editor.org/rfc/rfc8949#section-3.4.2)). NaN and infinity are refused. Bignums were refused
/// before, as the library does not distinguish them from integers.
fn time(name: &str, value: &Value) -> Result<UnixTime, EnvelopeError> {
    let expected = "tag 1 around whole seconds between 1970 and 9999";
    let inner = value.as_tag().filter(|(tag, _)| *tag == 1).and_then(|(_, inner)| whole_seconds(inner));
    inner.and_then(|seconds| UnixTime::from_seconds(seconds).ok()).ok_or_else(|| header_error(name, value, expected))
}

fn whole_seconds(value: &Value) -> Option<i64> {
    if let Some(number) = value.as_integer() {
        return i64::try_from(i128::from(number)).ok().filter(|seconds| *seconds >= 0);
    }
    // 9999-12-31T23:59:59Z. Up to this value, floats represent every whole number exactly.
    let whole =
        value.as_float().filter(|number| number.fract() == 0.0 && (0.0..=253_402_300_799.0).contains(number))?;
    Some(whole as i64)
}

fn header_error(name: &str, value: &Value, expected: &'static str) -> EnvelopeError {
    let found = match value {
        Value::Integer(number) => Text::of(i128::from(*number)),
        Value::Bytes(_) => Text::of("a byte string"),
        Value::Float(number) => Text::of(number),
        Value::Text(text) => Text::of(format_args!("{:?}", Excerpt::of(text))),
        Value::Bool(_) => Text::of("a boolean"),
        Value::Null => Text::of("null"),
        Value::Tag(tag, inner) => match (inner.as_integer(), inner.as_float()) {
            (Some(number), _) => Text::of(format_args!("tag {tag} around {}", i128::from(number))),
            (None, Some(number)) => Text::of(format_args!("tag {tag} around {number}")),
            (None, None) => Text::of(format_args!("tag {tag}")),
        },
        Value::Array(_) => Text::of("a list"),
        Value::Map(_) => Text::of("a map"),
        // ciborium's enum is non-exhaustive; other variants are unexpected.
        _ => Text::of("another type"),
    };
    EnvelopeError::Header { name: name.into(), found, expected }
}
