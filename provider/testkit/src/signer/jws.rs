//! The JWS envelope: flattened JSON serialization of RFC 7515 §7.2.2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::pki::Key;
use crate::pki::SignatureForm;
use crate::signer::SignRequest;
use crate::signer::request::AUTHENTIC_SIGNING_TIME;
use crate::signer::request::EXPIRY;
use crate::signer::request::SIGNING_AGENT;
use crate::signer::request::SIGNING_SCHEME;
use crate::signer::request::SIGNING_TIME;
use crate::signer::request::TIMESTAMP;

/// A JWS envelope before it is signed. Change any part, then [`seal`](Self::seal).
#[derive(Clone, Debug)]
pub struct JwsParts {
    /// JSON text of the protected header.
    pub protected: Vec<u8>,
    /// JSON text of the unprotected header.
    pub header: String,
    /// The payload, not encoded.
    pub payload: Vec<u8>,
    /// The signing key.
    pub key: Key,
    /// The form of the signature bytes.
    pub form: SignatureForm,
}

impl JwsParts {
    /// The signed bytes: both parts in base64url with a dot between.
    #[must_use]
    pub fn signing_input(&self) -> Vec<u8> {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&self.protected), URL_SAFE_NO_PAD.encode(&self.payload)).into_bytes()
    }

    /// Signs the parts and writes the envelope.
    #[must_use]
    pub fn seal(&self) -> Vec<u8> {
        self.with_signature(&self.key.sign_as(self.form, &self.signing_input()))
    }

    /// Writes the envelope with a signature made elsewhere.
    #[must_use]
    pub fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        format!(
            r#"{{"payload":"{}","protected":"{}","header":{},"signature":"{}"}}"#,
            URL_SAFE_NO_PAD.encode(&self.payload),
            URL_SAFE_NO_PAD.encode(&self.protected),
            self.header,
            URL_SAFE_NO_PAD.encode(signature),
        )
        .into_bytes()
    }
}

impl SignRequest {
    /// The signed envelope, media type `application/jose+json`.
    #[must_use]
    pub fn jws(&self) -> Vec<u8> {
        self.jws_parts().seal()
    }

    /// The parts of the envelope before they are signed.
    #[must_use]
    pub fn jws_parts(&self) -> JwsParts {
        let key = self.chain.key().clone();
        JwsParts {
            protected: object(&self.protected_members()).into_bytes(),
            header: object(&self.unprotected_members()),
            payload: self.payload.clone(),
            key,
            form: self.form,
        }
    }

    fn protected_members(&self) -> Vec<(String, String)> {
        let mut members: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: Value| members.push((name.to_owned(), value.to_string()));
        add("alg", json!(self.jws_alg.as_deref().unwrap_or(self.chain.key().kind().jws_alg())));
        if let Some(content_type) = &self.content_type {
            add("cty", json!(content_type));
        }
        add("crit", Value::Array(self.critical_names()));
        if let Some(scheme) = &self.scheme {
            add(SIGNING_SCHEME, json!(scheme));
        }
        let times = [
            (SIGNING_TIME, self.signing_time),
            (AUTHENTIC_SIGNING_TIME, self.authentic_signing_time),
            (EXPIRY, self.expiry),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                add(name, json!(rfc3339(time)));
            }
        }
        for attribute in &self.attributes {
            add(&attribute.name, attribute.value.clone());
        }
        members.extend(self.jws_protected.iter().cloned());
        members
    }

    fn unprotected_members(&self) -> Vec<(String, String)> {
        let mut members: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: Value| members.push((name.to_owned(), value.to_string()));
        add("x5c", self.chain.der().iter().map(|certificate| STANDARD.encode(certificate)).collect());
        if let Some(token) = &self.timestamp {
            add(TIMESTAMP, json!(STANDARD.encode(token)));
        }
        if let Some(agent) = &self.signing_agent {
            add(SIGNING_AGENT, json!(agent));
        }
        members.extend(self.jws_unprotected.iter().cloned());
        members
    }
}

/// A JSON object of names and raw JSON values, in order; repeated names are kept.
fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).expect("a year of four digits")
}
