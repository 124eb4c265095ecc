//! Signs changed documents again, as the authority of the seeds would have: what comes after the check of a signature is reached, too.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use countersign_core::notation::Envelope;
use countersign_core_test_support::mutants::node::Form;
use countersign_core_test_support::mutants::node::Node;
use countersign_testkit::Hash;
use countersign_testkit::crl;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::SignatureForm;
use countersign_testkit::timestamp::SigningAlgorithm;
use countersign_testkit::timestamp::SigningCertificate;
use countersign_testkit::timestamp::Tsa;
use countersign_testkit::timestamp::attribute;
use serde_json::Value;

/// The root of the seeds about revocation: the same name, and the same key in every process, of which responses have the hash.
pub(crate) static ROOT: LazyLock<Authority> =
    LazyLock::new(|| Authority::root(CertSpec::root().with_key(&Key::cached(KeyType::Rsa2048, 0))));

/// The serial number of the leaf of those seeds.
pub(crate) const SERIAL: [u8; 2] = [0x0a, 0x1b];

/// Signing certificates of this root, with keys for ES256 and PS256.
static SIGNERS: LazyLock<[Chain; 2]> = LazyLock::new(|| {
    let root = &*ROOT;
    [KeyType::P256, KeyType::Rsa2048]
        .map(|kind| root.issue(CertSpec::leaf().with_key(&Key::cached(kind, 1)).serial(&SERIAL)))
});

/// A timestamping authority under [`ROOT`].
pub(crate) static TSA: LazyLock<Tsa> = LazyLock::new(|| Tsa::of(ROOT.issue(CertSpec::tsa().serial(&SERIAL))));

/// Replaces algorithm and signature after a signed part; `inner` is the index of the algorithm in the signed part, if it is there.
fn sign(parts: &mut [Node], inner: Option<usize>) -> Option<()> {
    let [tbs, outer, signature, ..] = parts else { return None };
    let algorithm = Node::of_der(&crl::algorithm(ROOT.key().kind()))?;
    if let Some(index) = inner {
        tbs.parts.get_mut(index)?.clone_from(&algorithm);
    }
    *outer = algorithm;
    let signed = ROOT.key().sign_as(SignatureForm::Pkcs1Sha256, &tbs.encode());
    *signature = Node::of_der(&der::bit_string(&signed))?;
    Some(())
}

/// A certificate of [`ROOT`].
pub(crate) fn certificate(input: &[u8]) -> Option<Vec<u8>> {
    let mut node = Node::of_der(input)?;
    sign(&mut node.parts, Some(2))?;
    Some(node.encode())
}

/// A list of [`ROOT`].
pub(crate) fn list(input: &[u8]) -> Option<Vec<u8>> {
    let mut node = Node::of_der(input)?;
    let has_version = matches!(node.at(&[0, 0])?.form, Form::Primitive(0x02, _));
    sign(&mut node.parts, Some(usize::from(has_version)))?;
    Some(node.encode())
}

/// A response of [`ROOT`].
pub(crate) fn response(input: &[u8]) -> Option<Vec<u8>> {
    let mut node = Node::of_der(input)?;
    sign(&mut node.at_mut(&[1, 0, 1, 0])?.parts, None)?;
    Some(node.encode())
}

/// A token of an authority under [`ROOT`]: with its certificates, and the attributes that depend on them and on the content.
pub(crate) fn token(input: &[u8]) -> Option<Vec<u8>> {
    let mut node = Node::of_der(input)?;
    let signed_data = node.at_mut(&[1, 0])?;
    let content = der::content(&signed_data.at(&[2, 1, 0])?.encode()).to_vec();
    let list = signed_data.parts.iter_mut().find(|part| part.form == Form::Constructed(0xa0))?;
    list.parts = TSA.chain().der().iter().map(|der| Node::of_content(der)).collect();
    let key = TSA.chain().key();
    let signer = signed_data.parts.last_mut()?.parts.first_mut()?;
    let attributes = signer.parts.iter_mut().find(|part| part.form == Form::Constructed(0xa0))?;
    let own = [
        attribute("1.2.840.113549.1.9.4", &[der::octet_string(&Hash::Sha256.digest(&content))]),
        SigningCertificate::of(TSA.chain().leaf_der(), Hash::Sha256).v2(),
    ];
    for own in own.map(|own| Node::of_content(&own)) {
        let others = attributes.parts.iter_mut();
        for other in others.filter(|other| other.parts.first() == own.parts.first()) {
            other.clone_from(&own);
        }
    }
    // Signed as a SET.
    let message = Node { form: Form::Constructed(0x31), parts: attributes.parts.clone() }.encode();
    let is_signature = |part: &Node| matches!(part.form, Form::Primitive(0x04, _) | Form::Wrapping(0x04, _));
    let at = signer.parts.iter().rposition(is_signature)?;
    let algorithm = SigningAlgorithm::of(key);
    signer.parts[at] = Node::of_content(&der::octet_string(&algorithm.sign(key, &message)));
    *signer.parts.get_mut(at.checked_sub(1)?)? = Node::of_content(&algorithm.identifier(key));
    Some(node.encode())
}

/// The signer whose key is for the algorithm of the envelope.
fn signer(envelope: &Envelope) -> Option<&'static Chain> {
    let [fast, slow] = &*SIGNERS;
    match envelope.claimed_algorithm().jose_name() {
        "ES256" => Some(fast),
        "PS256" => Some(slow),
        _ => None,
    }
}

/// A JWS by a signer under [`ROOT`].
pub(crate) fn jws(input: &[u8], envelope: &Envelope) -> Option<Vec<u8>> {
    let signer = signer(envelope)?;
    let mut outer: Value = serde_json::from_slice(input).ok()?;
    let message = format!("{}.{}", outer["protected"].as_str()?, outer["payload"].as_str()?);
    outer["header"]["x5c"] = signer.der().iter().map(|der| STANDARD.encode(der)).collect();
    outer["signature"] = URL_SAFE_NO_PAD.encode(signer.key().sign(message.as_bytes())).into();
    Some(outer.to_string().into_bytes())
}

/// A COSE message by a signer under [`ROOT`].
pub(crate) fn cose(input: &[u8], envelope: &Envelope) -> Option<Vec<u8>> {
    let signer = signer(envelope)?;
    let mut message: Cbor = ciborium::from_reader(input).ok()?;
    let Cbor::Tag(_, list) = &mut message else { return None };
    let [protected, unprotected, payload, signature] = &mut list.as_array_mut()?[..] else { return None };
    let signed = vec![Cbor::from("Signature1"), protected.clone(), Cbor::Bytes(Vec::new()), payload.clone()];
    let chain: Vec<Cbor> = signer.der().iter().map(|der| Cbor::Bytes(der.clone())).collect();
    for (_, value) in unprotected.as_map_mut()?.iter_mut().filter(|(label, _)| *label == Cbor::from(33)) {
        *value = Cbor::Array(chain.clone());
    }
    *signature = Cbor::Bytes(signer.key().sign(&encoded(&Cbor::Array(signed))));
    Some(encoded(&message))
}

fn encoded(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
