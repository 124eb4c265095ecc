//! COSE envelopes that are not as the specification has them, and odd ones that are.

use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Cbor;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use serde_json::json;
use time::macros::datetime;

use super::AGENT;
use super::AUTHENTIC_TIME;
use super::EXPIRY;
use super::SCHEME;
use super::SIGNING_TIME;
use super::TIMESTAMP;
use crate::environment::Environment;
use crate::run::record;

const COSE: &str = "application/cose";

type Change = fn(SignRequest) -> SignRequest;

fn text(text: &str) -> Cbor {
    Cbor::Text(text.to_owned())
}

fn epoch(value: Cbor) -> Cbor {
    Cbor::Tag(1, Box::new(value))
}

fn expiry(request: SignRequest, value: Cbor) -> SignRequest {
    request.cose_protected(text(EXPIRY), value).crit([SCHEME, EXPIRY])
}

/// Requests whose headers are changed.
const HEADERS: &[(&str, Change)] = &[
    ("another algorithm", |request| request.cose_alg(-35)),
    ("algorithm of another family", |request| request.cose_alg(-257)),
    ("algorithm that is a text", |request| request.cose_alg("PS256")),
    ("another content type", |request| request.content_type(Some("application/json"))),
    ("no content type", |request| request.content_type(None)),
    ("another scheme", |request| request.scheme_text(Some("notary.x509.other"))),
    ("no scheme", |request| request.scheme_text(None).crit([SIGNING_TIME])),
    ("no signing time", |request| request.signing_time(None)),
    ("both times", |request| request.authentic_signing_time(SignRequest::SIGNED_AT)),
    ("no authentic signing time", |request| {
        request.scheme(Scheme::SigningAuthority).authentic_signing_time(None).crit([SCHEME])
    }),
    ("signing time under the other scheme", |request| {
        request.scheme(Scheme::SigningAuthority).signing_time(SignRequest::SIGNED_AT)
    }),
    ("empty crit", |request| request.crit([""; 0])),
    ("crit with a name twice", |request| request.crit([SCHEME, SCHEME])),
    ("crit with an absent name", |request| request.crit([SCHEME, "com.example.absent"])),
    ("crit with a name that may not be there", |request| request.crit([SCHEME, SIGNING_TIME])),
    ("crit with a label", |request| request.crit([json!(SCHEME), json!(1)])),
    ("expiry not critical", |request| request.expiry(datetime!(2047-01-01 00:00 UTC)).crit([SCHEME])),
    ("expiry not after signing", |request| request.expiry(SignRequest::SIGNED_AT)),
    ("expiry without a tag", |request| expiry(request, Cbor::Integer(1_900_000_000.into()))),
    ("expiry that is half a second", |request| expiry(request, epoch(Cbor::Float(1_900_000_000.5)))),
    ("expiry that is no number", |request| expiry(request, epoch(Cbor::Float(f64::NAN)))),
    ("expiry before 1970", |request| expiry(request, epoch(Cbor::Integer((-1).into())))),
    ("expiry that is a text", |request| expiry(request, text("2099-01-01T00:00:00Z"))),
    ("expiry that is null", |request| expiry(request, Cbor::Null)),
    ("expiry that is a whole float", |request| expiry(request, epoch(Cbor::Float(2.5e9)))),
    ("expiry that is a bignum", |request| {
        expiry(request, epoch(Cbor::Tag(2, Box::new(Cbor::Bytes(vec![0x71, 0x3f, 0xb3, 0])))))
    }),
    ("a label twice", |request| request.cose_protected(text(SCHEME), text("notary.x509"))),
    ("alg twice", |request| request.cose_protected(Cbor::Integer(1.into()), Cbor::Integer((-37).into()))),
    ("alg in both headers", |request| request.cose_unprotected(Cbor::Integer(1.into()), Cbor::Integer((-37).into()))),
    ("x5chain in both headers", |request| request.cose_protected(Cbor::Integer(33.into()), Cbor::Array(vec![]))),
    ("a map with a label twice", |request| {
        request
            .cose_protected(text("com.example.map"), Cbor::Map(vec![(text("a"), Cbor::Null), (text("a"), Cbor::Null)]))
    }),
    ("a tag in the unprotected header", |request| {
        request.cose_unprotected(text("com.example.time"), epoch(Cbor::Integer(1.into())))
    }),
    ("timestamp that is a text", |request| request.cose_unprotected(text(TIMESTAMP), text("x"))),
    ("agent that is null", |request| request.signing_agent(None).cose_unprotected(text(AGENT), Cbor::Null)),
    ("no agent", |request| request.signing_agent(None)),
    ("authentic time in the first scheme", |request| {
        request.cose_protected(text(AUTHENTIC_TIME), epoch(Cbor::Integer(1.into())))
    }),
    ("a protected header too large", |request| request.attribute("com.example.note", "x".repeat(64 * 1024))),
];

/// Envelopes whose bytes are changed after signing.
type Rewrite = fn(&SignRequest, Vec<u8>) -> Vec<u8>;

fn with_chain(request: &SignRequest, chain: Cbor) -> Vec<u8> {
    let mut parts = request.cose_parts();
    let Cbor::Map(members) = &mut parts.unprotected else { panic!("a map") };
    members.iter_mut().find(|(name, _)| *name == Cbor::Integer(33.into())).unwrap().1 = chain;
    parts.seal()
}

fn first(chain: &Chain) -> Cbor {
    Cbor::Bytes(chain.leaf_der().to_vec())
}

const BYTES: &[(&str, Rewrite)] = &[
    ("no tag", |_, envelope| envelope[1..].to_vec()),
    ("indefinite length", |_, envelope| [&[0xd2, 0x9f][..], &envelope[2..], &[0xff]].concat()),
    ("a byte more", |_, envelope| [&envelope[..], &[0]].concat()),
    ("a byte less", |_, envelope| envelope[..envelope.len() - 1].to_vec()),
    ("nothing", |_, _| Vec::new()),
    ("deep nesting", |_, _| [vec![0xd2, 0x84], vec![0x81; 100_000]].concat()),
    ("an endless length", |_, _| vec![0xd2, 0x84, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ("a text", |_, _| b"not cbor".to_vec()),
    ("more than a mebibyte", |_, _| vec![0x81; 1024 * 1024 + 1]),
    ("a chain of one byte string", |request, _| with_chain(request, first(request.chain()))),
    ("a chain of a text", |request, _| with_chain(request, Cbor::Array(vec![text("x")]))),
    ("an empty chain", |request, _| with_chain(request, Cbor::Array(vec![]))),
    ("eleven certificates", |request, _| with_chain(request, Cbor::Array(vec![first(request.chain()); 11]))),
    ("a certificate that is none", |request, _| with_chain(request, Cbor::Array(vec![Cbor::Bytes(vec![0])]))),
    ("another signature", |request, _| request.cose_parts().with_signature(&[0; 256])),
    ("a short signature", |request, _| request.cose_parts().with_signature(&[0; 3])),
    ("an empty signature", |request, _| request.cose_parts().with_signature(&[])),
    ("another payload", |request, _| {
        let mut parts = request.cose_parts();
        let signature = parts.key.sign(&parts.signing_input());
        parts.payload = b"{}".to_vec();
        parts.with_signature(&signature)
    }),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cose_envelopes() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    for (name, change) in HEADERS {
        environment.signed(name, Format::Cose, change);
    }
    for (name, rewrite) in BYTES {
        let leaf = environment.leaf.clone();
        environment.enveloped(name, COSE, |image| {
            let request = SignRequest::new(&leaf, &image.descriptor);
            rewrite(&request, request.cose())
        });
    }
    record("cose", environment).await;
}
