//! AWS Signature Version 4 of a received request, verified independently of every client
//! ([its steps](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)).
//!
//! Stricter than AWS: every `x-amz-` header must be signed. Not implemented: signatures in the query, and unsigned or
//! chunked payloads, which the clients of these services do not send.

mod canonical;
mod error;

use aws_lc_rs::hmac;
use time::Duration;
use time::OffsetDateTime;
use time::PrimitiveDateTime;
use time::macros::format_description;

pub use error::SignatureError;

use crate::aws::access_keys::AccessKey;
use crate::aws::access_keys::AccessKeys;
use crate::cloud::clock::Clock;
use crate::hash::sha256_hex;
use crate::registry::RecordedRequest;

/// How far the time of a request may be from the clock.
pub const MAX_SKEW: Duration = Duration::minutes(5);

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a signature must be made for.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The signing name of the service: `signer`, `ecr`, `ecr-public`, `sts`.
    pub service: &'static str,
    /// The only accepted region.
    pub region: String,
}

/// The parts of an `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The access key id.
    pub access_key_id: String,
    /// The date of the scope: `20150830`.
    pub date: String,
    /// The region of the scope.
    pub region: String,
    /// The service of the scope.
    pub service: String,
    /// The names of the signed headers, in the order in which they are listed.
    pub signed_headers: Vec<String>,
    /// Lower-case hex.
    pub signature: String,
}

impl Authorization {
    /// Parses the value of an `Authorization` header.
    ///
    /// # Errors
    /// The value is not a complete signature of version 4.
    pub fn parse(value: &str) -> Result<Self, SignatureError> {
        let malformed = |what: &'static str| SignatureError::Malformed(what);
        let rest = value.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' '));
        let rest = rest.ok_or(malformed("expected AWS4-HMAC-SHA256 and a space first"))?;
        let (mut credential, mut headers, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) =
                part.trim().split_once('=').ok_or(malformed("expected name=value, separated by commas"))?;
            let known = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut headers,
                "Signature" => &mut signature,
                _ => return Err(malformed("expected Credential, SignedHeaders and Signature only")),
            };
            if known.replace(value).is_some() {
                return Err(malformed("expected each name once"));
            }
        }
        let (Some(credential), Some(headers), Some(signature)) = (credential, headers, signature) else {
            return Err(malformed("expected Credential, SignedHeaders and Signature"));
        };
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = parts[..] else {
            return Err(malformed("expected Credential=ID/DATE/REGION/SERVICE/aws4_request"));
        };
        let is_hex = signature.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if signature.len() != 64 || !is_hex {
            return Err(malformed("expected a Signature of 64 lower-case hexadecimal digits"));
        }
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signed_headers: headers.split(';').map(str::to_owned).collect(),
            signature: signature.to_owned(),
        })
    }

    fn credential_scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

/// Verifies the signature of a request. Returns the key that signed it.
///
/// # Errors
/// The first check that fails: header, key, session, scope, time, signed headers, payload, signature.
pub fn verify(
    request: &RecordedRequest,
    scope: &Scope,
    keys: &AccessKeys,
    clock: &Clock,
) -> Result<AccessKey, SignatureError> {
    let given = request.header("authorization").ok_or(SignatureError::NotSigned)?;
    let authorization = Authorization::parse(given)?;
    let id = &authorization.access_key_id;
    let key = keys.get(id).ok_or_else(|| SignatureError::UnknownKey(id.clone()))?;
    if request.header("x-amz-security-token") != key.session_token.as_deref() {
        return Err(SignatureError::WrongSessionToken(id.clone()));
    }
    let now = clock.now();
    if let Some(end) = key.expires_at
        && now >= end
    {
        return Err(SignatureError::Expired { id: id.clone(), end, now });
    }
    check_scope(&authorization, scope)?;
    let signed_at = check_time(request, &authorization, now)?;
    check_signed_headers(request, &authorization)?;
    let payload = sha256_hex(&request.body);
    if let Some(stated) = request.header("x-amz-content-sha256")
        && stated != payload
    {
        return Err(SignatureError::Payload { stated: stated.to_owned(), payload });
    }
    let canonical_request = canonical::request(request, &authorization.signed_headers, &payload)?;
    let string_to_sign = string_to_sign(&signed_at, &authorization.credential_scope(), &canonical_request);
    if sign(&key.secret, &authorization, &string_to_sign) != authorization.signature {
        return Err(SignatureError::Mismatch { canonical_request, string_to_sign });
    }
    Ok(key)
}

fn check_scope(authorization: &Authorization, scope: &Scope) -> Result<(), SignatureError> {
    for (what, found, expected) in
        [("service", &*authorization.service, scope.service), ("region", &*authorization.region, &*scope.region)]
    {
        if found != expected {
            return Err(SignatureError::Scope { what, found: found.to_owned(), expected: expected.to_owned() });
        }
    }
    Ok(())
}

/// The time of the signature as it is written in the request.
fn check_time(
    request: &RecordedRequest,
    authorization: &Authorization,
    now: OffsetDateTime,
) -> Result<String, SignatureError> {
    let written = request.header("x-amz-date").ok_or(SignatureError::Time("no x-amz-date header".to_owned()))?;
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let at = PrimitiveDateTime::parse(written, form).map_err(|_| {
        SignatureError::Time(format!("x-amz-date: found {written:?}, expected the form 20150830T123600Z"))
    })?;
    if !written.starts_with(&authorization.date) || authorization.date.len() != 8 {
        let found = &authorization.date;
        return Err(SignatureError::Time(format!("the scope has the date {found}, x-amz-date is {written}")));
    }
    if (at.assume_utc() - now).abs() > MAX_SKEW {
        return Err(SignatureError::Time(format!("x-amz-date is {written}, now {now}: more than 5 minutes apart")));
    }
    Ok(written.to_owned())
}

/// `host` and all `x-amz-` headers must be signed; signed headers must be listed in order and sent.
fn check_signed_headers(request: &RecordedRequest, authorization: &Authorization) -> Result<(), SignatureError> {
    let signed = &authorization.signed_headers;
    if !signed.is_sorted_by(|one, next| one < next) || signed.iter().any(|name| *name != name.to_ascii_lowercase()) {
        return Err(SignatureError::Malformed("expected SignedHeaders in lower case, sorted, each once"));
    }
    let sent = request.headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    for name in ["host"].into_iter().chain(sent) {
        if !signed.iter().any(|one| one == name) {
            return Err(SignatureError::HeaderNotSigned(name.to_owned()));
        }
    }
    Ok(())
}

fn string_to_sign(signed_at: &str, credential_scope: &str, canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{signed_at}\n{credential_scope}\n{}", sha256_hex(canonical_request.as_bytes()))
}

fn sign(secret: &str, authorization: &Authorization, string_to_sign: &str) -> String {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [&*authorization.date, &*authorization.region, &*authorization.service, "aws4_request"] {
        key = hmac(&key, part);
    }
    hmac(&key, string_to_sign).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests;
