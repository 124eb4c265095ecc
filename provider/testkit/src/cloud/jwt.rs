//! JSON Web Tokens in compact form, signed with RS256 ([RFC 7515](https://www.rfc-editor.org/rfc/rfc7515),
//! [RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)).

use std::fmt;

use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use aws_lc_rs::signature::UnparsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;

use crate::der;
use crate::pki::Key;
use crate::pki::KeyType;
use crate::pki::SignatureForm;

/// Signs tokens, and checks them.
#[derive(Clone)]
pub(crate) struct JwtKey {
    id: String,
    key: Key,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwtError {
    /// Not three parts of base64url with JSON objects in the first two.
    Malformed,
    /// Not signed with RS256 by this key.
    Signature,
}

/// A token in its parts. Nothing is checked yet.
pub(crate) struct Jwt<'a> {
    header: Value,
    pub(crate) claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl JwtKey {
    /// The key of this number: the same one for every caller in this process.
    pub(crate) fn cached(id: &str, number: usize) -> Self {
        Self { id: id.to_owned(), key: Key::cached(KeyType::Rsa2048, number) }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let header = json!({ "typ": "JWT", "alg": "RS256", "kid": self.id });
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.key.sign_as(SignatureForm::Pkcs1Sha256, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Checks algorithm and signature of a token.
    pub(crate) fn verify(&self, token: &Jwt<'_>) -> Result<(), JwtError> {
        let spki = self.key.spki_der();
        // The BIT STRING without its first byte, the number of unused bits.
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der::content(der::children(&spki)[1])[1..]);
        if token.header["alg"] == "RS256" && public.verify(token.signed.as_bytes(), &token.signature).is_ok() {
            Ok(())
        } else {
            Err(JwtError::Signature)
        }
    }

    /// The public key as a JSON Web Key ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).
    pub(crate) fn public(&self) -> Value {
        let spki = self.key.spki_der();
        let numbers = &der::content(der::children(&spki)[1])[1..];
        let [modulus, exponent] = der::children(numbers)[..] else { panic!("an RSA key has two numbers") };
        let number = |element| {
            let bytes: &[u8] = der::content(element);
            // An INTEGER whose first bit is set begins with a zero byte.
            URL_SAFE_NO_PAD.encode(bytes.strip_prefix(&[0]).unwrap_or(bytes))
        };
        json!({ "kty": "RSA", "use": "sig", "kid": self.id, "n": number(modulus), "e": number(exponent) })
    }
}

impl<'a> Jwt<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, JwtError> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else { return Err(JwtError::Malformed) };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed);
        let object = |part: &str| serde_json::from_slice::<Value>(&decode(part)?).map_err(|_| JwtError::Malformed);
        let (header, claims, signature) = (object(header)?, object(claims)?, decode(signature)?);
        if !header.is_object() || !claims.is_object() {
            return Err(JwtError::Malformed);
        }
        let signed = &token[..token.rfind('.').expect("three parts")];
        Ok(Self { header, claims, signed, signature })
    }

    /// A claim that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims[name].as_str()
    }

    /// Whether `now` is from `nbf` on and before `exp`. Both are required.
    pub(crate) fn is_valid_at(&self, now: OffsetDateTime) -> bool {
        let (Some(start), Some(end)) = (self.claims["nbf"].as_i64(), self.claims["exp"].as_i64()) else { return false };
        (start..end).contains(&now.unix_timestamp())
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwtKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn check(key: &JwtKey, token: &str) -> Result<Value, JwtError> {
        let jwt = Jwt::parse(token)?;
        key.verify(&jwt)?;
        Ok(jwt.claims)
    }

    #[test]
    fn a_token_is_verified_by_its_own_key_only() {
        let (one, two) = (JwtKey::cached("one", 2000), JwtKey::cached("two", 2001));
        let token = one.sign(&json!({ "sub": "a" }));
        assert_eq!(check(&one, &token), Ok(json!({ "sub": "a" })));
        assert_eq!(check(&two, &token), Err(JwtError::Signature));
        let parts: Vec<&str> = token.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        assert_eq!(check(&one, &format!("{none}.{}.", parts[1])), Err(JwtError::Signature));
        let array = URL_SAFE_NO_PAD.encode("[]");
        for malformed in ["", "a.b", "a.b.c", &format!("{token}.x"), &format!("{}.{array}.{}", parts[0], parts[2])] {
            assert_eq!(check(&one, malformed), Err(JwtError::Malformed), "{malformed}");
        }
    }

    #[test]
    fn a_token_is_valid_from_its_start_and_until_its_end() {
        let key = JwtKey::cached("one", 2000);
        let at = |second| datetime!(2026-01-01 00:00 UTC) + time::Duration::seconds(second);
        let token = key.sign(&json!({ "nbf": at(0).unix_timestamp(), "exp": at(10).unix_timestamp() }));
        let token = Jwt::parse(&token).unwrap();
        assert_eq!([-1, 0, 9, 10].map(|second| token.is_valid_at(at(second))), [false, true, true, false]);
        assert!(!Jwt::parse(&key.sign(&json!({}))).unwrap().is_valid_at(at(0)));
    }

    #[test]
    fn the_public_key_has_the_numbers_of_the_certificate_key() {
        let public = JwtKey::cached("one", 2000).public();
        assert_eq!((&public["kty"], &public["kid"], &public["e"]), (&json!("RSA"), &json!("one"), &json!("AQAB")));
        assert_eq!(URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap().len(), 256);
    }
}
