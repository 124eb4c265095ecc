//! The parts of a token before it is signed.

use crate::der;
use crate::hash::Hash;
use crate::pki::Chain;
use crate::pki::Key;
use crate::timestamp::SigningAlgorithm;
use crate::timestamp::SigningCertificate;
use crate::timestamp::TstInfo;
use crate::timestamp::attribute;
use crate::timestamp::attribute::CONTENT_TYPE;
use crate::timestamp::attribute::MESSAGE_DIGEST;
use crate::timestamp::attribute::issuer_and_serial;

/// `id-signedData`
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
/// `id-ct-TSTInfo`
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

/// A token before it is signed. Change any part, then [`seal`](Self::seal).
#[derive(Clone, Debug)]
pub struct TokenParts {
    /// The content.
    pub info: TstInfo,
    /// The type of the outer content, dotted.
    pub content_type: String,
    /// The type of the signed content, dotted.
    pub signed_content_type: String,
    /// The version of the SignedData; 3 in a correct token.
    pub version: u64,
    /// Encoded certificates, in this order.
    pub certificates: Vec<Vec<u8>>,
    /// Encoded CRLs.
    pub crls: Vec<Vec<u8>>,
    /// The signatures.
    pub signers: Vec<SignerParts>,
}

/// One signature of a token before it is made.
#[derive(Clone, Debug)]
pub struct SignerParts {
    /// The version of the SignerInfo; 1 with an issuer and serial number, 3 with a key identifier.
    pub version: u64,
    /// The encoded identifier of the signer.
    pub identifier: Vec<u8>,
    /// The digest algorithm, an AlgorithmIdentifier.
    pub digest_algorithm: Vec<u8>,
    /// The hash with which the content is hashed.
    pub hash: Hash,
    /// Encoded signed attributes without messageDigest.
    pub attributes: Vec<Vec<u8>>,
    /// The attributes messageDigest, whose values are computed from the content: one in a correct token.
    pub message_digests: usize,
    /// Whether the signed attributes are written in the reverse of DER's order. They are signed in the order of DER.
    pub written_in_reverse: bool,
    /// Whether there are signed attributes; without them the content is signed.
    pub signs_attributes: bool,
    /// The signature algorithm.
    pub algorithm: SigningAlgorithm,
    /// The written identifier of the signature algorithm, if it differs.
    pub written_algorithm: Option<Vec<u8>>,
    /// The signing key.
    pub key: Key,
    /// Encoded unsigned attributes.
    pub unsigned: Vec<Vec<u8>>,
}

impl TokenParts {
    /// Of a chain's first certificate, over `message`, with all certificates of the chain.
    pub(super) fn new(chain: &Chain, message: &[u8]) -> Self {
        Self {
            info: TstInfo::of(message),
            content_type: SIGNED_DATA.to_owned(),
            signed_content_type: TST_INFO.to_owned(),
            version: 3,
            certificates: chain.der().to_vec(),
            crls: Vec::new(),
            signers: vec![SignerParts::new(chain)],
        }
    }

    /// Signs the parts and writes the token.
    #[must_use]
    pub fn seal(&self) -> Vec<u8> {
        let content = self.info.encode();
        let digests = self.signers.iter().map(|signer| signer.digest_algorithm.clone());
        let encapsulated =
            der::sequence([der::oid(&self.signed_content_type), der::element(0xa0, &der::octet_string(&content))]);
        let crls = if self.crls.is_empty() { Vec::new() } else { der::element(0xa1, &self.crls.concat()) };
        let certificates = self.certificates.concat();
        let signed_data = der::sequence([
            der::integer(self.version),
            der::set(digests),
            encapsulated,
            if certificates.is_empty() { Vec::new() } else { der::element(0xa0, &certificates) },
            crls,
            // In the order of this list, so that tests know which signature is read first.
            der::element(0x31, &self.signers.iter().flat_map(|signer| signer.seal(&content)).collect::<Vec<_>>()),
        ]);
        der::sequence([der::oid(&self.content_type), der::element(0xa0, &signed_data)])
    }
}

impl SignerParts {
    /// By the first certificate of a chain.
    #[must_use]
    pub fn new(chain: &Chain) -> Self {
        let (key, certificate) = (chain.key().clone(), chain.leaf_der());
        let algorithm = SigningAlgorithm::of(&key);
        let hash = algorithm.hash(&key);
        let (issuer, serial) = issuer_and_serial(certificate);
        Self {
            version: 1,
            identifier: der::sequence([issuer, serial]),
            digest_algorithm: hash.identifier(),
            hash,
            attributes: vec![
                attribute(CONTENT_TYPE, &[der::oid(TST_INFO)]),
                SigningCertificate::of(certificate, Hash::Sha256).v2(),
            ],
            message_digests: 1,
            written_in_reverse: false,
            signs_attributes: true,
            algorithm,
            written_algorithm: None,
            key,
            unsigned: Vec::new(),
        }
    }

    /// Signs with this algorithm.
    #[must_use]
    pub fn with_algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        (self.algorithm, self.hash) = (algorithm, algorithm.hash(&self.key));
        self.digest_algorithm = self.hash.identifier();
        self
    }

    /// Replaces the certificate identifier, the second attribute, by these attributes.
    pub fn identify_by(&mut self, attributes: impl IntoIterator<Item = Vec<u8>>) {
        self.attributes.truncate(1);
        self.attributes.extend(attributes);
    }

    fn seal(&self, content: &[u8]) -> Vec<u8> {
        let digest = attribute(MESSAGE_DIGEST, &[der::octet_string(&self.hash.digest(content))]);
        let mut attributes = self.attributes.clone();
        attributes.extend(std::iter::repeat_n(digest, self.message_digests));
        attributes.sort();
        let set = der::element(0x31, &attributes.concat());
        let signed = if self.signs_attributes { &set[..] } else { content };
        let signature = self.algorithm.sign(&self.key, signed);
        if self.written_in_reverse {
            attributes.reverse();
        }
        let written = der::element(0xa0, &attributes.concat());
        der::sequence([
            der::integer(self.version),
            self.identifier.clone(),
            self.digest_algorithm.clone(),
            if self.signs_attributes { written } else { Vec::new() },
            self.written_algorithm.clone().unwrap_or_else(|| self.algorithm.identifier(&self.key)),
            der::octet_string(&signature),
            if self.unsigned.is_empty() { Vec::new() } else { der::element(0xa1, &self.unsigned.concat()) },
        ])
    }
}
