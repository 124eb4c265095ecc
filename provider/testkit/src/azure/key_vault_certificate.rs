//! The versions of a certificate in a vault.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;

use crate::Hash;
use crate::hash::sha256_hex;
use crate::pki::Chain;

/// What the secret of a certificate has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// `application/x-pem-file`: all certificates of the chain, and the private key.
    Pem,
    /// `application/x-pem-file` without the private key, as for a key that is not exportable.
    PemWithoutKey,
    /// This content type and value.
    Given {
        /// `application/x-pkcs12` or another one.
        content_type: String,
        /// The value.
        value: String,
    },
}

/// One version.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// 32 hexadecimal digits. Their order is not that of the versions.
    pub(super) id: String,
    pub(super) chain: Chain,
    pub(super) secret: Secret,
    pub(super) enabled: bool,
    pub(super) created: OffsetDateTime,
    pub(super) not_before: Option<OffsetDateTime>,
    pub(super) expires: Option<OffsetDateTime>,
}

impl Version {
    /// The version of this number.
    pub(super) fn new(name: &str, number: usize, chain: &Chain, now: OffsetDateTime) -> Self {
        Self {
            id: sha256_hex(format!("{name} {number}").as_bytes())[..32].to_owned(),
            chain: chain.clone(),
            secret: Secret::Pem,
            enabled: true,
            created: now,
            not_before: None,
            expires: None,
        }
    }

    fn attributes(&self) -> Value {
        let created = self.created.unix_timestamp();
        let mut attributes = json!({
            "enabled": self.enabled,
            "created": created,
            "updated": created,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": 90,
        });
        for (name, time) in [("nbf", self.not_before), ("exp", self.expires)] {
            if let Some(time) = time {
                attributes[name] = time.unix_timestamp().into();
            }
        }
        attributes
    }

    fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(Hash::Sha1.digest(self.chain.leaf_der()))
    }

    /// A `CertificateItem` of a list.
    pub(super) fn item(&self, vault: &str, name: &str) -> Value {
        json!({
            "id": format!("{vault}/certificates/{name}/{}", self.id),
            "x5t": self.thumbprint(),
            "attributes": self.attributes(),
            "subject": "",
        })
    }

    /// A `CertificateBundle`: `cer` has the leaf only.
    pub(super) fn bundle(&self, vault: &str, name: &str) -> Value {
        let at = |kind: &str| format!("{vault}/{kind}/{name}/{}", self.id);
        let content_type = self.content_type();
        json!({
            "id": at("certificates"),
            "kid": at("keys"),
            "sid": at("secrets"),
            "x5t": self.thumbprint(),
            "cer": STANDARD.encode(self.chain.leaf_der()),
            "attributes": self.attributes(),
            "policy": {
                "id": format!("{vault}/certificates/{name}/policy"),
                "key_props": { "exportable": self.secret != Secret::PemWithoutKey, "reuse_key": false },
                "secret_props": { "contentType": content_type },
                "issuer": { "name": "Self" },
            },
        })
    }

    fn content_type(&self) -> &str {
        match &self.secret {
            Secret::Pem | Secret::PemWithoutKey => "application/x-pem-file",
            Secret::Given { content_type, .. } => content_type,
        }
    }

    /// A `SecretBundle`.
    pub(super) fn secret(&self, vault: &str, name: &str) -> Value {
        let value = match &self.secret {
            Secret::Pem => format!("{}{}", self.chain.key_pem(), self.chain.pem()),
            Secret::PemWithoutKey => self.chain.pem(),
            Secret::Given { value, .. } => value.clone(),
        };
        json!({
            "value": value,
            "contentType": self.content_type(),
            "id": format!("{vault}/secrets/{name}/{}", self.id),
            "managed": true,
            "attributes": self.attributes(),
            "kid": format!("{vault}/keys/{name}/{}", self.id),
        })
    }
}
