//! The content of an envelope to sign.

use ciborium::Value as Cbor;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::Descriptor;
use crate::pki::Chain;
use crate::pki::SignatureForm;

/// The two signing schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `notary.x509`: the publisher's own key.
    X509,
    /// `notary.x509.signingAuthority`: a service signs for the publisher.
    SigningAuthority,
}

/// The two envelope formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Flattened JSON serialization.
    Jws,
    /// Tagged COSE_Sign1.
    Cose,
}

impl Format {
    /// Both formats.
    pub const ALL: [Self; 2] = [Self::Jws, Self::Cose];

    /// The media type of envelopes of this format.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jws => "application/jose+json",
            Self::Cose => "application/cose",
        }
    }
}

/// The content of an envelope to sign. The defaults are those of a correct signer.
#[derive(Clone, Debug)]
pub struct SignRequest {
    pub(crate) chain: Chain,
    pub(crate) payload: Vec<u8>,
    pub(crate) content_type: Option<String>,
    pub(crate) scheme: Option<String>,
    pub(crate) signing_time: Option<OffsetDateTime>,
    pub(crate) authentic_signing_time: Option<OffsetDateTime>,
    pub(crate) expiry: Option<OffsetDateTime>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) timestamp: Option<Vec<u8>>,
    pub(crate) signing_agent: Option<String>,
    pub(crate) form: SignatureForm,
    pub(crate) crit: Option<Vec<Value>>,
    pub(crate) jws_alg: Option<String>,
    pub(crate) cose_alg: Option<Cbor>,
    pub(crate) jws_protected: Vec<(String, String)>,
    pub(crate) jws_unprotected: Vec<(String, String)>,
    pub(crate) cose_protected: Vec<(Cbor, Cbor)>,
    pub(crate) cose_unprotected: Vec<(Cbor, Cbor)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) critical: bool,
}

impl SignRequest {
    /// Default `signingTime` of the scheme `notary.x509`, and default `authenticSigningTime` of the other scheme.
    pub const SIGNED_AT: OffsetDateTime = datetime!(2026-01-02 03:04:05 UTC);

    /// Signs `target` with the key of `chain`, under the scheme `notary.x509`.
    #[must_use]
    pub fn new(chain: &Chain, target: &Descriptor) -> Self {
        Self::of_payload(chain, json!({ "targetArtifact": target.to_json() }).to_string().as_bytes())
    }

    /// Signs these bytes instead of a target.
    #[must_use]
    pub fn of_payload(chain: &Chain, payload: &[u8]) -> Self {
        Self {
            chain: chain.clone(),
            payload: payload.to_vec(),
            content_type: Some("application/vnd.cncf.notary.payload.v1+json".to_owned()),
            scheme: None,
            signing_time: None,
            authentic_signing_time: None,
            expiry: None,
            attributes: Vec::new(),
            timestamp: None,
            signing_agent: Some("countersign-testkit/0.1.0".to_owned()),
            form: SignatureForm::Proper,
            crit: None,
            jws_alg: None,
            cose_alg: None,
            jws_protected: Vec::new(),
            jws_unprotected: Vec::new(),
            cose_protected: Vec::new(),
            cose_unprotected: Vec::new(),
        }
        .scheme(Scheme::X509)
    }

    /// Sets the scheme and its time attribute; removes the other time attribute.
    #[must_use]
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        let (text, signing, authentic) = match scheme {
            Scheme::X509 => ("notary.x509", Some(Self::SIGNED_AT), None),
            Scheme::SigningAuthority => ("notary.x509.signingAuthority", None, Some(Self::SIGNED_AT)),
        };
        self.scheme = Some(text.to_owned());
        (self.signing_time, self.authentic_signing_time) = (signing, authentic);
        self
    }

    /// Sets the scheme attribute verbatim; `None` omits it. The time attributes stay.
    #[must_use]
    pub fn scheme_text(mut self, scheme: Option<&str>) -> Self {
        self.scheme = scheme.map(str::to_owned);
        self
    }

    /// Sets `signingTime`; `None` omits it.
    #[must_use]
    pub fn signing_time(mut self, time: impl Into<Option<OffsetDateTime>>) -> Self {
        self.signing_time = time.into();
        self
    }

    /// Sets `authenticSigningTime`, critical as the specification requires; `None` omits it.
    #[must_use]
    pub fn authentic_signing_time(mut self, time: impl Into<Option<OffsetDateTime>>) -> Self {
        self.authentic_signing_time = time.into();
        self
    }

    /// Sets `expiry`, critical as the specification requires.
    #[must_use]
    pub fn expiry(mut self, time: OffsetDateTime) -> Self {
        self.expiry = Some(time);
        self
    }

    /// Adds an extended signed attribute that is not critical.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.push(Attribute { name: name.to_owned(), value: value.into(), critical: false });
        self
    }

    /// Adds an extended signed attribute that is listed in `crit`.
    #[must_use]
    pub fn critical_attribute(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.push(Attribute { name: name.to_owned(), value: value.into(), critical: true });
        self
    }

    /// Sets the verification plugin (critical).
    #[must_use]
    pub fn plugin(self, name: &str) -> Self {
        self.critical_attribute("io.cncf.notary.verificationPlugin", name)
    }

    /// Sets the minimum version of the plugin (critical).
    #[must_use]
    pub fn plugin_min_version(self, version: &str) -> Self {
        self.critical_attribute("io.cncf.notary.verificationPluginMinVersion", version)
    }

    /// Sets the RFC 3161 timestamp token, verbatim.
    #[must_use]
    pub fn timestamp(mut self, token: &[u8]) -> Self {
        self.timestamp = Some(token.to_vec());
        self
    }

    /// Sets the signing agent; `None` omits it.
    #[must_use]
    pub fn signing_agent(mut self, agent: Option<&str>) -> Self {
        self.signing_agent = agent.map(str::to_owned);
        self
    }

    /// Sets the content type of the payload; `None` omits it.
    #[must_use]
    pub fn content_type(mut self, content_type: Option<&str>) -> Self {
        self.content_type = content_type.map(str::to_owned);
        self
    }

    /// Sets the form of the signature bytes.
    #[must_use]
    pub fn form(mut self, form: SignatureForm) -> Self {
        self.form = form;
        self
    }

    /// Sets `crit` verbatim: strings, or integers for COSE labels. An empty list is written too.
    #[must_use]
    pub fn crit(mut self, names: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        self.crit = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets `alg` of a JWS verbatim.
    #[must_use]
    pub fn jws_alg(mut self, alg: &str) -> Self {
        self.jws_alg = Some(alg.to_owned());
        self
    }

    /// Sets label 1 (alg) of COSE verbatim.
    #[must_use]
    pub fn cose_alg(mut self, alg: impl Into<Cbor>) -> Self {
        self.cose_alg = Some(alg.into());
        self
    }

    /// Adds a member to the JWS protected header, value as raw JSON text; a name that is present already is then present twice.
    #[must_use]
    pub fn jws_protected(mut self, name: &str, json: &str) -> Self {
        self.jws_protected.push((name.to_owned(), json.to_owned()));
        self
    }

    /// Adds a member to the JWS unprotected header, value as raw JSON text; a name that is present already is then present twice.
    #[must_use]
    pub fn jws_unprotected(mut self, name: &str, json: &str) -> Self {
        self.jws_unprotected.push((name.to_owned(), json.to_owned()));
        self
    }

    /// Adds an entry to the COSE protected map; a label that is present already is then present twice.
    #[must_use]
    pub fn cose_protected(mut self, label: impl Into<Cbor>, value: impl Into<Cbor>) -> Self {
        self.cose_protected.push((label.into(), value.into()));
        self
    }

    /// Adds an entry to the COSE unprotected map; a label that is present already is then present twice.
    #[must_use]
    pub fn cose_unprotected(mut self, label: impl Into<Cbor>, value: impl Into<Cbor>) -> Self {
        self.cose_unprotected.push((label.into(), value.into()));
        self
    }

    /// The certificate chain of the signer.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The signed envelope in either format.
    #[must_use]
    pub fn envelope(&self, format: Format) -> Vec<u8> {
        match format {
            Format::Jws => self.jws(),
            Format::Cose => self.cose(),
        }
    }

    /// The signed envelope in either format, with the RFC 3161 token that `token` makes for the primitive signature: the
    /// decoded `signature` of a JWS, the fourth element of a COSE message.
    #[must_use]
    pub fn timestamped(&self, format: Format, token: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
        // The token is not signed, so both envelopes have the same signature.
        match format {
            Format::Jws => {
                let signature = self.chain.key().sign_as(self.form, &self.jws_parts().signing_input());
                self.clone().timestamp(&token(&signature)).jws_parts().with_signature(&signature)
            }
            Format::Cose => {
                let signature = self.chain.key().sign_as(self.form, &self.cose_parts().signing_input());
                self.clone().timestamp(&token(&signature)).cose_parts().with_signature(&signature)
            }
        }
    }

    /// The names that `crit` must list, or those set with [`crit`](Self::crit).
    pub(crate) fn critical_names(&self) -> Vec<Value> {
        if let Some(verbatim) = &self.crit {
            return verbatim.clone();
        }
        let standard = [
            self.scheme.as_ref().map(|_| SIGNING_SCHEME),
            self.authentic_signing_time.map(|_| AUTHENTIC_SIGNING_TIME),
            self.expiry.map(|_| EXPIRY),
        ];
        let extended = self.attributes.iter().filter(|attribute| attribute.critical).map(|one| one.name.as_str());
        standard.into_iter().flatten().chain(extended).map(Value::from).collect()
    }
}

pub(crate) const SIGNING_SCHEME: &str = "io.cncf.notary.signingScheme";
pub(crate) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(crate) const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(crate) const EXPIRY: &str = "io.cncf.notary.expiry";
pub(crate) const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
pub(crate) const SIGNING_AGENT: &str = "io.cncf.notary.signingAgent";
