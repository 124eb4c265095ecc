//! The signature checks that the verification of an image cannot do without, by the library alone: that of the envelope, of the leaf and of
//! the root. Nothing that is signed is looked at.

use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use aws_lc_rs::signature::RSA_PSS_2048_8192_SHA256;
use aws_lc_rs::signature::UnparsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use x509_parser::prelude::FromDer as _;
use x509_parser::prelude::X509Certificate;

/// An RSA-2048 signature in a JWS envelope, as far as its check reads it.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    payload: &'a str,
    protected: &'a str,
    signature: &'a str,
}

#[derive(Deserialize)]
struct WithChain {
    header: Header,
}

#[derive(Deserialize)]
struct Header {
    x5c: Vec<String>,
}

/// A leaf and a root with RSA keys, which all envelopes have: read from the first one.
pub(crate) struct Chain {
    leaf: Certificate,
    root: Certificate,
}

struct Certificate {
    key: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Certificate {
    fn read(der: &[u8]) -> Self {
        let (_, certificate) = X509Certificate::from_der(der).unwrap();
        Self {
            key: certificate.public_key().raw.to_vec(),
            signed: certificate.tbs_certificate.as_ref().to_vec(),
            signature: certificate.signature_value.data.to_vec(),
        }
    }

    fn check(&self, issuer: &Self) {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &issuer.key);
        key.verify(&self.signed, &self.signature).expect("the certificate is signed by its issuer");
    }
}

impl Chain {
    /// That of an envelope.
    pub(crate) fn read(envelope: &[u8]) -> Self {
        let WithChain { header: Header { x5c } } = serde_json::from_slice(envelope).unwrap();
        let [leaf, root] = &x5c[..] else { panic!("the chain has a leaf and a root") };
        let [leaf, root] = [leaf, root].map(|text| Certificate::read(&STANDARD.decode(text).unwrap()));
        Self { leaf, root }
    }

    /// Checks the signature of an envelope of this chain, and those of the chain.
    pub(crate) fn check(&self, envelope: &[u8]) {
        let Envelope { payload, protected, signature } = serde_json::from_slice(envelope).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &self.leaf.key);
        let signed = [protected, ".", payload].concat();
        key.verify(signed.as_bytes(), &signature).expect("the envelope is signed by the leaf");
        self.leaf.check(&self.root);
        self.root.check(&self.root);
    }
}
