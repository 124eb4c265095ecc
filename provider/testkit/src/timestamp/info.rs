//! TSTInfo, the signed content.

use crate::der;
use crate::hash::Hash;

/// `Tsa::STAMPED_AT` as GeneralizedTime.
const GEN_TIME: &str = "20260102030406Z";

/// A TSTInfo (RFC 3161 §2.4.2) before it is encoded.
#[derive(Clone, Debug)]
pub struct TstInfo {
    /// 1 in a correct token.
    pub version: u64,
    /// The policy of the TSA, dotted.
    pub policy: String,
    /// The hash algorithm of the imprint, an AlgorithmIdentifier.
    pub imprint_algorithm: Vec<u8>,
    /// The hash of the message.
    pub imprint: Vec<u8>,
    /// The contents of the GeneralizedTime: `20260102030406Z`.
    pub gen_time: String,
    /// An encoded Accuracy. See [`accuracy`].
    pub accuracy: Option<Vec<u8>>,
    /// An encoded INTEGER.
    pub nonce: Option<Vec<u8>>,
    /// An encoded GeneralName.
    pub tsa: Option<Vec<u8>>,
    /// Encoded extensions.
    pub extensions: Vec<Vec<u8>>,
    /// Encoded elements after all others; none in a correct token.
    pub extra: Vec<u8>,
}

/// An Accuracy of these parts, each the contents of an INTEGER.
#[must_use]
pub fn accuracy(seconds: Option<&[u8]>, millis: Option<&[u8]>, micros: Option<&[u8]>) -> Vec<u8> {
    let parts = [(0x02, seconds), (0x80, millis), (0x81, micros)];
    der::sequence(parts.into_iter().filter_map(|(tag, contents)| Some(der::element(tag, contents?))))
}

impl TstInfo {
    /// For `message`, hashed with SHA-256, at `Tsa::STAMPED_AT` with an accuracy of a second.
    pub(super) fn of(message: &[u8]) -> Self {
        Self {
            version: 1,
            policy: "1.2.3.4.1".to_owned(),
            imprint_algorithm: Vec::new(),
            imprint: Vec::new(),
            gen_time: GEN_TIME.to_owned(),
            accuracy: Some(accuracy(Some(&[1]), None, None)),
            nonce: None,
            tsa: None,
            extensions: Vec::new(),
            extra: Vec::new(),
        }
        .imprint_of(Hash::Sha256, message)
    }

    /// Sets the imprint to the hash of `message`.
    #[must_use]
    pub fn imprint_of(mut self, hash: Hash, message: &[u8]) -> Self {
        (self.imprint_algorithm, self.imprint) = (hash.identifier(), hash.digest(message));
        self
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let tagged = |tag, contents: &Option<Vec<u8>>| contents.as_ref().map(|contents| der::element(tag, contents));
        let extensions: Vec<u8> = self.extensions.concat();
        der::sequence([
            der::integer(self.version),
            der::oid(&self.policy),
            der::sequence([self.imprint_algorithm.clone(), der::octet_string(&self.imprint)]),
            der::integer(7),
            der::element(0x18, self.gen_time.as_bytes()),
            self.accuracy.clone().unwrap_or_default(),
            self.nonce.clone().unwrap_or_default(),
            tagged(0xa0, &self.tsa).unwrap_or_default(),
            if extensions.is_empty() { Vec::new() } else { der::element(0xa1, &extensions) },
            self.extra.clone(),
        ])
    }
}
