//! When a changed document means the same as the original: everything that a signature covers, the signature and what decides whose
//! it is are identical. The rest is nobody's statement: white space, the order of members of JSON outside signed parts, unsigned
//! attributes that no check reads such as the signing agent, and certificates in a token or an answer that are not needed.

use ciborium::Value as Cbor;
use countersign_core::notation::EnvelopeFormat;

use super::node::Form;
use super::node::Node;

const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

/// The parts of an envelope that decide; each as it is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decisive {
    protected: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    certificates: Vec<u8>,
    /// See [`token`]; `None` without a token.
    token: Option<[Vec<u8>; 3]>,
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
    Some(Decisive {
        protected: once(node, "protected")?.encode(),
        payload: once(node, "payload")?.encode(),
        signature: once(node, "signature")?.encode(),
        certificates: once(&header, "x5c")?.encode(),
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
        protected: protected.encode(),
        payload: payload.encode(),
        signature: signature.encode(),
        certificates: unprotected.labelled(&chain)?.encode(),
        token: match unprotected.labelled(&stamp) {
            Some(stamp) => Some(token(stamp.parts.first()?)?),
            None => None,
        },
    })
}

/// Of a timestamp token: the content, and the signed attributes and the signature of the first signer that has both. How the signature is
/// made and who else signs is written outside of what is signed.
#[must_use]
pub fn token(node: &Node) -> Option<[Vec<u8>; 3]> {
    let signed_data = node.at(&[1, 0])?;
    let signature = |signer: &Node| {
        // A set: signed in the order of DER, whatever the order in which they are written.
        let mut attributes = signer.parts.iter().find(|part| part.form == Form::Constructed(0xa0))?.clone();
        attributes.parts.sort_by_key(Node::encode);
        let signature = signer.parts.iter().find(|part| is_octets(part))?;
        Some((attributes.encode(), signature.encode()))
    };
    let (attributes, signature) = signed_data.parts.last()?.parts.iter().find_map(signature)?;
    Some([signed_data.at(&[2])?.encode(), attributes, signature])
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

/// Of the basic response in an OCSP response: the signed part, the algorithm without its parameters, which nobody signs, and the signature.
#[must_use]
pub fn response(node: &Node) -> Option<[Vec<u8>; 3]> {
    let basic = node.at(&[1, 0, 1, 0])?;
    Some([&[0][..], &[1, 0], &[2]].map(|path| basic.at(path).map(Node::encode).unwrap_or_default()))
}
