//! When a changed document means the same as the original: everything that a signature covers, the signature and what decides whose
//! it is are identical. The rest is not signed, and no check depends on it: white space, the order of members of JSON outside signed parts, unsigned
//! attributes that no check reads such as the signing agent, and certificates in a token or an answer that are not needed. Each rule has
//! a test in `suite/mutants/equal.rs`, which says why it does no harm.

use ciborium::Value as Cbor;
use countersign_core::notation::EnvelopeFormat;

use super::node::Form;
use super::node::Node;

const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

/// The parts of an envelope that decide; each as it is encoded.
#[derive(Clone, Debug)]
pub struct Decisive {
    /// The protected header, the payload, the signature and the certificates.
    parts: [Vec<u8>; 4],
    /// The timestamp token, if there is one.
    token: Option<Token>,
}

impl Decisive {
    /// Whether an envelope with the parts of `changed` means the same as that with these.
    #[must_use]
    pub fn is_kept_by(&self, changed: &Self) -> bool {
        let token = match (&self.token, &changed.token) {
            (Some(own), Some(changed)) => own.is_kept_by(changed),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        token && self.parts == changed.parts
    }
}

/// The parts of a timestamp token that decide.
#[derive(Clone, Debug)]
pub struct Token {
    /// The encapsulated TSTInfo with its type.
    content: Vec<u8>,
    /// Each SignerInfo that has all parts: see [`signer`].
    signers: Vec<[Vec<u8>; 6]>,
}

impl Token {
    /// Whether a token with the parts of `changed` has a signature of this one about the same. Others beside it are verified each on its
    /// own, and none of them can take that one away.
    #[must_use]
    pub fn is_kept_by(&self, changed: &Self) -> bool {
        self.content == changed.content && self.signers.iter().any(|own| changed.signers.contains(own))
    }
}

/// The parts of an envelope that decide, if it has each of them once.
#[must_use]
pub fn envelope(bytes: &[u8], format: EnvelopeFormat) -> Option<Decisive> {
    match format {
        EnvelopeFormat::Jws => jws(&Node::of_json(bytes)?),
        EnvelopeFormat::Cose => cose(&Node::of_cbor(bytes)?),
    }
}

fn jws(node: &Node) -> Option<Decisive> {
    let once = |node: &Node, name: &str| {
        let mut found = node.parts.iter().filter(|part| part.form == Form::Member(name.to_owned()));
        let value = found.next().and_then(|part| part.parts.first()).cloned();
        value.filter(|_| found.next().is_none())
    };
    if node.form != Form::Object || node.parts.len() != 4 {
        return None;
    }
    let header = once(node, "header")?;
    let has_token = header.value(TIMESTAMP).is_some();
    let parts = [once(node, "protected")?, once(node, "payload")?, once(node, "signature")?, once(&header, "x5c")?];
    Some(Decisive {
        parts: parts.map(|part| part.encode()),
        token: if has_token { Some(token(once(&header, TIMESTAMP)?.parts.first()?)?) } else { None },
    })
}

fn cose(node: &Node) -> Option<Decisive> {
    let [list] = &node.parts[..] else { return None };
    let [protected, unprotected, payload, signature] = &list.parts[..] else { return None };
    if node.form != Form::Tag(18) || list.form != Form::List || unprotected.form != Form::Map {
        return None;
    }
    let times = |label: &Cbor| {
        let labels = unprotected.parts.iter().filter_map(|pair| pair.parts.first());
        labels.filter(|own| own.form == Form::Item(label.clone())).count()
    };
    let (chain, stamp) = (Cbor::from(33), Cbor::from(TIMESTAMP));
    if times(&chain) != 1 || times(&stamp) > 1 {
        return None;
    }
    Some(Decisive {
        parts: [protected, payload, signature, unprotected.labelled(&chain)?].map(Node::encode),
        token: match unprotected.labelled(&stamp) {
            Some(stamp) => Some(token(stamp.parts.first()?)?),
            None => None,
        },
    })
}

/// The parts of a timestamp token that decide.
#[must_use]
pub fn token(node: &Node) -> Option<Token> {
    let signed_data = node.at(&[1, 0])?;
    let signers: Vec<_> = signed_data.parts.last()?.parts.iter().filter_map(signer).collect();
    Some(Token { content: signed_data.at(&[2])?.encode(), signers }).filter(|token| !token.signers.is_empty())
}

/// All parts of a SignerInfo but the unsigned attributes.
fn signer(node: &Node) -> Option<[Vec<u8>; 6]> {
    let [version, identifier, digest, attributes, algorithm_of_key, signature, ..] = &node.parts[..] else {
        return None;
    };
    if attributes.form != Form::Constructed(0xa0) || !is_octets(signature) {
        return None;
    }
    // A set: signed in the order of DER, whatever the order in which they are written.
    let mut attributes = attributes.clone();
    attributes.parts.sort_by_key(Node::encode);
    let [version, identifier, attributes, signature] = [version, identifier, &attributes, signature].map(Node::encode);
    Some([
        version,
        identifier,
        algorithm(digest),
        attributes,
        algorithm_of_signature(algorithm_of_key, digest),
        signature,
    ])
}

/// The algorithm of a SignerInfo. RSA alone and RSA with the SHA-2 of the SignerInfo are two names of the same
/// ([RFC 5754 §3.2](https://www.rfc-editor.org/rfc/rfc5754#section-3.2)).
fn algorithm_of_signature(node: &Node, digest: &Node) -> Vec<u8> {
    // 2.16.840.1.101.3.4.2 and 1.2.840.113549.1.1, and their last numbers for the same hash function.
    const SHA2: [u8; 8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
    const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    let name = |node: &Node, prefix: [u8; 8]| match node.parts.first().map(|name| &name.form) {
        Some(Form::Primitive(0x06, oid)) => oid.strip_prefix(&prefix).and_then(|rest| <[u8; 1]>::try_from(rest).ok()),
        _ => None,
    };
    match (name(digest, SHA2), name(node, RSA)) {
        (Some([1]), Some([11])) | (Some([2]), Some([12])) | (Some([3]), Some([13])) => {
            let mut alone = node.clone();
            alone.parts[0] = Node::leaf(Form::Primitive(0x06, [&RSA[..], &[1]].concat()));
            algorithm(&alone)
        }
        _ => algorithm(node),
    }
}

/// An AlgorithmIdentifier; the parameters NULL are the same as none ([RFC 4055 §2.1 and §5](https://www.rfc-editor.org/rfc/rfc4055#section-5)).
fn algorithm(node: &Node) -> Vec<u8> {
    match &node.parts[..] {
        [name, parameters] if *parameters == Node::leaf(Form::Primitive(0x05, Vec::new())) => {
            Node { form: node.form.clone(), parts: vec![name.clone()] }.encode()
        }
        _ => node.encode(),
    }
}

fn is_octets(node: &Node) -> bool {
    matches!(node.form, Form::Primitive(0x04, _) | Form::Wrapping(0x04, _))
}

/// Of a certificate revocation list: the signed part, the algorithm and the signature.
#[must_use]
pub fn list(node: &Node) -> Option<[Vec<u8>; 3]> {
    let [tbs, algorithm, signature] = &node.parts[..] else { return None };
    Some([tbs.encode(), algorithm.encode(), signature.encode()])
}

/// Of the basic response in an OCSP response: the signed part, the algorithm, which is not in it, and the signature.
#[must_use]
pub fn response(node: &Node) -> Option<[Vec<u8>; 3]> {
    let [signed, name, signature] =
        [&[1, 0, 1, 0, 0][..], &[1, 0, 1, 0, 1], &[1, 0, 1, 0, 2]].map(|path| node.at(path));
    Some([signed?.encode(), algorithm(name?), signature?.encode()])
}
