//! The canonical form of a request.

use crate::aws::sigv4::error::SignatureError;
use crate::registry::RecordedRequest;

/// Method, path, query, signed headers, their names, and the hash of the payload.
pub(super) fn request(
    request: &RecordedRequest,
    signed_headers: &[String],
    payload: &str,
) -> Result<String, SignatureError> {
    let query = query(request.query.as_deref().unwrap_or_default())?;
    let mut headers = String::new();
    for name in signed_headers {
        headers.push_str(&format!("{name}:{}\n", header(request, name)?));
    }
    let names = signed_headers.join(";");
    let (method, path) = (&request.method, path(&request.path));
    Ok(format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{payload}"))
}

/// The path as it was sent, encoded once more: every service except S3 signs it so.
pub(super) fn path(sent: &str) -> String {
    let encoded: Vec<String> = sent.split('/').map(|segment| encode(segment.as_bytes())).collect();
    let path = encoded.join("/");
    if path.is_empty() { "/".to_owned() } else { path }
}

/// Names and values decoded, encoded in the one allowed form, and sorted by name, then by value.
pub(super) fn query(sent: &str) -> Result<String, SignatureError> {
    let mut pairs = Vec::new();
    for pair in sent.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((encode(&decode(name)?), encode(&decode(value)?)));
    }
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(pairs.join("&"))
}

/// All values of a header, without outer spaces, with single inner spaces, joined by commas.
fn header(request: &RecordedRequest, name: &str) -> Result<String, SignatureError> {
    let mut values = Vec::new();
    for value in request.headers.get_all(name) {
        let text = value.to_str().map_err(|_| SignatureError::Malformed("expected signed headers in ASCII"))?;
        values.push(text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "));
    }
    if values.is_empty() { Err(SignatureError::HeaderNotSent(name.to_owned())) } else { Ok(values.join(",")) }
}

/// Percent-encodes all bytes except the unreserved characters of RFC 3986, with upper-case digits.
fn encode(bytes: &[u8]) -> String {
    let mut encoded = String::new();
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The bytes that a part of a query stands for. A plus is a plus: a space is sent as `%20`.
fn decode(text: &str) -> Result<Vec<u8>, SignatureError> {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = [bytes.next(), bytes.next()].map(|digit| digit.and_then(|digit| char::from(digit).to_digit(16)));
        let [Some(high), Some(low)] = digits else {
            return Err(SignatureError::Malformed(
                "expected two hexadecimal digits after each percent sign of the query",
            ));
        };
        decoded.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits"));
    }
    Ok(decoded)
}
