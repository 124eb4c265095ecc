//! JWS in the flattened JSON serialization, [RFC 7515 §7.2.2](https://www.rfc-editor.org/rfc/rfc7515#section-7.2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;

use super::attributes as names;
use super::attributes::Protected;
use super::error::EnvelopeError;
use super::error::check_size;
use super::format::EnvelopeFormat;
use super::format::PAYLOAD_TYPE;
use super::format::allowed;
use super::parsed::Envelope;
use crate::codec::excerpt::Excerpt;
use crate::codec::json;
use crate::codec::text::Text;
use crate::crypto::SignatureAlgorithm;
use crate::limits;
use crate::time::UnixTime;

/// Reserved names of a protected header. A name that differs only in case is refused, as case-insensitive readers
/// would read another document.
const RESERVED: [&str; 10] = [
    "alg",
    "cty",
    "crit",
    "b64",
    "x5c",
    names::SCHEME,
    names::SIGNING_TIME,
    names::AUTHENTIC_SIGNING_TIME,
    names::EXPIRY,
    names::PLUGIN,
];

/// The top-level members. According to the specification, no others are allowed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer {
    payload: String,
    protected: String,
    header: Map<String, Value>,
    signature: String,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
    let outer: Outer = json::from_slice(bytes, &limits::ENVELOPE_JSON)
        .map_err(|error| EnvelopeError::Json { part: "envelope", error })?;
    for (part, text, max) in [
        ("protected header", &outer.protected, limits::PROTECTED_HEADER_BYTES),
        ("payload", &outer.payload, limits::PAYLOAD_BYTES),
    ] {
        // The decoded size, checked before decoding.
        check_size(part, text.len() / 4 * 3 + text.len() % 4 * 3 / 4, max)?;
    }
    let header_bytes = url_safe("protected header", &outer.protected)?;
    let protected: Map<String, Value> = json::from_slice(&header_bytes, &limits::ENVELOPE_JSON)
        .map_err(|error| EnvelopeError::Json { part: "protected header", error })?;
    if let Some((name, _)) = outer.header.iter().find(|(name, _)| protected.contains_key(*name)) {
        return Err(EnvelopeError::InBothHeaders { name: name.as_str().into() });
    }
    let (certificates, timestamp_token) = read_unprotected(&outer.header)?;
    let (claimed_algorithm, protected) = read_protected(protected)?;
    Ok(Envelope {
        format: EnvelopeFormat::Jws,
        claimed_algorithm,
        attributes: protected.check()?,
        certificates,
        signed_bytes: format!("{}.{}", outer.protected, outer.payload).into_bytes(),
        signature: url_safe("signature", &outer.signature)?,
        unverified_payload: url_safe("payload", &outer.payload)?,
        timestamp_token,
    })
}

fn read_protected(members: Map<String, Value>) -> Result<(SignatureAlgorithm, Protected), EnvelopeError> {
    let mut algorithm = None;
    let mut content_type = None;
    let mut protected = Protected::default();
    for (name, value) in members {
        match name.as_str() {
            "alg" => {
                let text = text(&name, &value)?;
                algorithm =
                    Some(allowed(SignatureAlgorithm::of_jose_name(text)).ok_or_else(|| EnvelopeError::Header {
                        name: name.as_str().into(),
                        found: Text::of(format_args!("{:?}", Excerpt::of(text))),
                        expected: "PS256, PS384, PS512, ES256, ES384 or ES512",
                    })?);
            }
            "cty" => content_type = Some(text(&name, &value)?.to_owned()),
            "crit" => protected.crit = read_crit(&value)?,
            "b64" | "x5c" => {
                return Err(EnvelopeError::Header {
                    name: name.as_str().into(),
                    found: Text::of("it"),
                    expected: "no such protected header",
                });
            }
            names::SCHEME => protected.scheme = Some(text(&name, &value)?.to_owned()),
            names::SIGNING_TIME => protected.signing_time = Some(time(&name, &value)?),
            names::AUTHENTIC_SIGNING_TIME => protected.authentic_signing_time = Some(time(&name, &value)?),
            names::EXPIRY => protected.expiry = Some(time(&name, &value)?),
            _ => {
                refuse_other_spelling(&name, &RESERVED)?;
                let text = value.as_str().map(str::to_owned);
                protected.extended.push((name, text));
            }
        }
    }
    let content_type = content_type.ok_or(EnvelopeError::Missing { name: "cty" })?;
    if content_type != PAYLOAD_TYPE {
        return Err(EnvelopeError::Header {
            name: "cty".into(),
            found: Text::of(format_args!("{:?}", Excerpt::of(&content_type))),
            expected: PAYLOAD_TYPE,
        });
    }
    Ok((algorithm.ok_or(EnvelopeError::Missing { name: "alg" })?, protected))
}

type Unprotected = (Vec<Vec<u8>>, Option<Vec<u8>>);

fn read_unprotected(members: &Map<String, Value>) -> Result<Unprotected, EnvelopeError> {
    // Unknown members are accepted, as public signers write the name of their agent in several spellings.
    for name in members.keys() {
        refuse_other_spelling(name, &["x5c", names::TIMESTAMP])?;
    }
    let chain = members.get("x5c").ok_or(EnvelopeError::Missing { name: "x5c" })?;
    let chain = chain.as_array().ok_or_else(|| header("x5c", chain, "an array of base64 strings"))?;
    let (found, max) = (chain.len(), limits::CHAIN_CERTIFICATES);
    if found > max {
        return Err(EnvelopeError::TooMany { name: "x5c", found, max });
    }
    let certificates = chain
        .iter()
        .map(|value| standard("x5c", value.as_str().ok_or_else(|| header("x5c", value, "an array of base64 strings"))?))
        .collect::<Result<_, _>>()?;
    if let Some(agent) = members.get(names::SIGNING_AGENT) {
        text(names::SIGNING_AGENT, agent)?;
    }
    let token = members
        .get(names::TIMESTAMP)
        .map(|value| standard("timestampSignature", text(names::TIMESTAMP, value)?))
        .transpose()?;
    Ok((certificates, token))
}

fn read_crit(value: &Value) -> Result<Vec<String>, EnvelopeError> {
    let expected = "a list of names";
    let list = value.as_array().ok_or_else(|| header("crit", value, expected))?;
    list.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(|| header("crit", name, expected))).collect()
}

fn refuse_other_spelling(name: &str, reserved: &[&'static str]) -> Result<(), EnvelopeError> {
    match reserved.iter().find(|other| name != **other && name.eq_ignore_ascii_case(other)) {
        Some(reserved) => Err(EnvelopeError::Spelling { name: name.into(), reserved }),
        None => Ok(()),
    }
}

fn text<'v>(name: &str, value: &'v Value) -> Result<&'v str, EnvelopeError> {
    value.as_str().ok_or_else(|| header(name, value, "a text"))
}

fn time(name: &str, value: &Value) -> Result<UnixTime, EnvelopeError> {
    UnixTime::from_rfc3339(text(name, value)?).map_err(|_| header(name, value, "an RFC 3339 time"))
}

fn header(name: &str, value: &Value, expected: &'static str) -> EnvelopeError {
    let found = match value {
        Value::Null => Text::of("null"),
        Value::Bool(_) => Text::of("a boolean"),
        Value::Number(_) => Text::of("a number"),
        Value::String(text) => Text::of(format_args!("{:?}", Excerpt::of(text))),
        Value::Array(_) => Text::of("a list"),
        Value::Object(_) => Text::of("an object"),
    };
    EnvelopeError::Header { name: name.into(), found, expected }
}

/// base64url without padding, line breaks or stray bits.
fn url_safe(part: &'static str, text: &str) -> Result<Vec<u8>, EnvelopeError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| EnvelopeError::Base64 { part, detail: Text::of(error) })
}

/// Standard base64 with padding, without line breaks or stray bits.
fn standard(part: &'static str, text: &str) -> Result<Vec<u8>, EnvelopeError> {
    STANDARD.decode(text).map_err(|error| EnvelopeError::Base64 { part, detail: Text::of(error) })
}
