//! The COSE envelope: COSE_Sign1_Tagged of RFC 9052 §4.2.

use ciborium::Value as Cbor;
use serde_json::Value;
use time::OffsetDateTime;

use crate::pki::Key;
use crate::pki::SignatureForm;
use crate::signer::SignRequest;
use crate::signer::request::AUTHENTIC_SIGNING_TIME;
use crate::signer::request::EXPIRY;
use crate::signer::request::SIGNING_AGENT;
use crate::signer::request::SIGNING_SCHEME;
use crate::signer::request::SIGNING_TIME;
use crate::signer::request::TIMESTAMP;

const ALG: i64 = 1;
const CRIT: i64 = 2;
const CONTENT_TYPE: i64 = 3;
const X5CHAIN: i64 = 33;
const SIGN1_TAG: u64 = 18;
const EPOCH_TAG: u64 = 1;

/// A COSE envelope before it is signed. Change any part, then [`seal`](Self::seal).
#[derive(Clone, Debug)]
pub struct CoseParts {
    /// CBOR of the protected map; these bytes are signed and written without change.
    pub protected: Vec<u8>,
    /// The unprotected map.
    pub unprotected: Cbor,
    /// The payload.
    pub payload: Vec<u8>,
    /// The signing key.
    pub key: Key,
    /// The form of the signature bytes.
    pub form: SignatureForm,
}

impl CoseParts {
    /// The signed bytes: the Sig_structure of RFC 9052 §4.4.
    #[must_use]
    pub fn signing_input(&self) -> Vec<u8> {
        encode(&Cbor::Array(vec![
            Cbor::from("Signature1"),
            Cbor::Bytes(self.protected.clone()),
            Cbor::Bytes(Vec::new()),
            Cbor::Bytes(self.payload.clone()),
        ]))
    }

    /// Signs the parts and writes the envelope.
    #[must_use]
    pub fn seal(&self) -> Vec<u8> {
        self.with_signature(&self.key.sign_as(self.form, &self.signing_input()))
    }

    /// Writes the envelope with a signature made elsewhere.
    #[must_use]
    pub fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        let parts = vec![
            Cbor::Bytes(self.protected.clone()),
            self.unprotected.clone(),
            Cbor::Bytes(self.payload.clone()),
            Cbor::Bytes(signature.to_vec()),
        ];
        encode(&Cbor::Tag(SIGN1_TAG, Box::new(Cbor::Array(parts))))
    }
}

impl SignRequest {
    /// The signed envelope, media type `application/cose`; begins with `d2 84`.
    #[must_use]
    pub fn cose(&self) -> Vec<u8> {
        self.cose_parts().seal()
    }

    /// The parts of the envelope before they are signed.
    #[must_use]
    pub fn cose_parts(&self) -> CoseParts {
        CoseParts {
            protected: encode(&Cbor::Map(self.protected_entries())),
            unprotected: Cbor::Map(self.unprotected_entries()),
            payload: self.payload.clone(),
            key: self.chain.key().clone(),
            form: self.form,
        }
    }

    fn protected_entries(&self) -> Vec<(Cbor, Cbor)> {
        let alg = self.cose_alg.clone().unwrap_or_else(|| Cbor::from(self.chain.key().kind().cose_alg()));
        let mut entries = vec![(Cbor::from(ALG), alg)];
        entries.push((Cbor::from(CRIT), Cbor::Array(self.critical_names().iter().map(from_json).collect())));
        if let Some(content_type) = &self.content_type {
            entries.push((Cbor::from(CONTENT_TYPE), Cbor::from(content_type.as_str())));
        }
        if let Some(scheme) = &self.scheme {
            entries.push((Cbor::from(SIGNING_SCHEME), Cbor::from(scheme.as_str())));
        }
        let times = [
            (SIGNING_TIME, self.signing_time),
            (AUTHENTIC_SIGNING_TIME, self.authentic_signing_time),
            (EXPIRY, self.expiry),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                entries.push((Cbor::from(name), epoch(time)));
            }
        }
        for attribute in &self.attributes {
            entries.push((Cbor::from(attribute.name.as_str()), from_json(&attribute.value)));
        }
        entries.extend(self.cose_protected.iter().cloned());
        entries
    }

    fn unprotected_entries(&self) -> Vec<(Cbor, Cbor)> {
        let chain = self.chain.der().iter().cloned().map(Cbor::Bytes).collect();
        let mut entries = vec![(Cbor::from(X5CHAIN), Cbor::Array(chain))];
        if let Some(token) = &self.timestamp {
            entries.push((Cbor::from(TIMESTAMP), Cbor::Bytes(token.clone())));
        }
        if let Some(agent) = &self.signing_agent {
            entries.push((Cbor::from(SIGNING_AGENT), Cbor::from(agent.as_str())));
        }
        entries.extend(self.cose_unprotected.iter().cloned());
        entries
    }
}

/// Tag 1 around whole seconds.
fn epoch(time: OffsetDateTime) -> Cbor {
    Cbor::Tag(EPOCH_TAG, Box::new(Cbor::from(time.unix_timestamp())))
}

fn encode(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("writing to a Vec cannot fail");
    bytes
}

/// Converts an attribute from JSON. Labels are strings or integers, so the conversion is exact.
fn from_json(value: &Value) -> Cbor {
    Cbor::serialized(value).expect("JSON is a part of CBOR")
}
