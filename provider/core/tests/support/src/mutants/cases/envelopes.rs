//! Envelopes, the chains in them and the timestamp tokens in them.

use std::sync::Arc;

use ciborium::Value as Cbor;
use countersign_core::notation::Envelope;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::policy::StoreKind;
use countersign_core::timestamp::TimestampToken;
use countersign_core::x509::Certificate;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::Tsa;

use super::Case;
use super::Judging;
use super::Outcome;
use super::Verdict;
use super::Verifier;
use crate::judge::Judge;
use crate::judge::unavailable;
use crate::mutants::Kind;
use crate::mutants::equal;
use crate::mutants::node::Form;
use crate::mutants::node::Node;

/// Signers, targets and their judges. The keys are RSA and the serial numbers are set, so that all runs have documents of the same
/// lengths, and a seed makes the same change again.
pub(super) struct World {
    verifier: Verifier,
    pub(super) target: Descriptor,
    pub(super) other_target: Descriptor,
    pub(super) root: Authority,
    /// Of a chain of three certificates.
    pub(super) signer: Chain,
    /// By the root, with another key and name.
    colleague: Chain,
    /// By another root with the same subjects and other keys.
    pub(super) impostor: Chain,
    /// By another root, with the key of the signer.
    same_key: Chain,
    other_root: Authority,
    tsa: Tsa,
    tsa_root: Authority,
    /// By the other root, with the subject and key of the first.
    other_tsa: Tsa,
}

pub(super) fn key(number: usize) -> Key {
    Key::cached(KeyType::Rsa2048, number)
}

impl World {
    pub(super) fn new(verifier: Verifier) -> Self {
        let root = Authority::root(CertSpec::root().with_key(&key(0)).serial(&[0x41]));
        let issuing = |root: &Authority, number| {
            root.intermediate(CertSpec::intermediate().with_key(&key(number)).serial(&[0x42]))
        };
        let leaf = |number| CertSpec::leaf().with_key(&key(number)).serial(&[0x43]);
        let other_root = Authority::root(CertSpec::root().with_key(&key(3)).serial(&[0x41]));
        let tsa =
            |root: &Authority, number| Tsa::of(root.issue(CertSpec::tsa().with_key(&key(number)).serial(&[0x45])));
        let tsa_root = Authority::root(CertSpec::root().common_name("TSA").with_key(&key(1)).serial(&[0x44]));
        let issued = issuing(&root, 1);
        Self {
            verifier,
            target: Descriptor::sample("image"),
            other_target: Descriptor::sample("other"),
            signer: issued.issue(leaf(2)),
            colleague: issued.issue(leaf(3).common_name("colleague").serial(&[0x46])),
            impostor: issuing(&other_root, 0).issue(leaf(1)),
            same_key: other_root.issue(leaf(2)),
            tsa: tsa(&tsa_root, 2),
            other_tsa: tsa(&other_root, 2),
            tsa_root,
            other_root,
            root,
        }
    }

    fn judge(&self) -> Judge {
        let judge = Judge::about(&self.target.media_type, &self.target.digest, self.target.size)
            .trusting(StoreKind::Ca, self.root.der());
        let identity = "x509.subject:C=CH,ST=ZH,O=Testkit,CN=leaf";
        match self.verifier {
            Verifier::Product | Verifier::AcceptsEverything => judge.identity(identity),
            Verifier::TrustsOthers => judge.trusting(StoreKind::Ca, self.other_root.der()).identity(identity),
            Verifier::AnyIdentity => judge,
        }
    }

    pub(super) fn judging(&self) -> Judging {
        Judging::new(&self.judge(), self.verifier)
    }

    fn judging_stamps(&self) -> Judging {
        let judge = self.judge().trusting(StoreKind::Tsa, self.tsa_root.der()).verify_timestamp("always");
        let judge = match self.verifier {
            Verifier::TrustsOthers => judge.trusting(StoreKind::Tsa, self.other_root.der()),
            Verifier::Product | Verifier::AcceptsEverything | Verifier::AnyIdentity => judge,
        };
        Judging::new(&judge, self.verifier)
    }

    pub(super) fn request(&self, chain: &Chain, target: &Descriptor) -> SignRequest {
        SignRequest::new(chain, target).expiry(SignRequest::SIGNED_AT + std::time::Duration::from_secs(86_400 * 3650))
    }

    /// By the signer, about the image.
    pub(super) fn good(&self) -> SignRequest {
        self.request(&self.signer, &self.target)
    }

    /// Envelopes that do not verify: of other targets, by other signers, with an unknown critical attribute, without a target, that have
    /// ended, of another scheme. Where it is possible, nothing else is wrong with them.
    pub(super) fn others(&self) -> Vec<SignRequest> {
        let authority = self
            .request(&self.signer, &self.target)
            .scheme(Scheme::SigningAuthority)
            .signing_time(None)
            .authentic_signing_time(SignRequest::SIGNED_AT);
        vec![
            self.request(&self.signer, &self.other_target),
            self.request(&self.colleague, &self.target),
            self.request(&self.impostor, &self.target),
            // Not about the image: a signature of this key over the same bytes would be one of the signer.
            self.request(&self.same_key, &self.other_target),
            self.request(&self.signer, &self.target).critical_attribute("com.example.unknown", "x"),
            SignRequest::of_payload(&self.signer, br#"{"targetArtifact":{}}"#),
            self.good().expiry(SignRequest::SIGNED_AT + std::time::Duration::from_secs(1)),
            authority,
        ]
    }
}

pub(super) fn format_of(format: Format) -> EnvelopeFormat {
    match format {
        Format::Jws => EnvelopeFormat::Jws,
        Format::Cose => EnvelopeFormat::Cose,
    }
}

pub(super) fn tree(envelope: &[u8], format: Format) -> Node {
    match format {
        Format::Jws => Node::of_json(envelope),
        Format::Cose => Node::of_cbor(envelope),
    }
    .expect("the kit writes JSON and CBOR")
}

pub(super) fn cases(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for format in Format::ALL {
        let all = |stamp: bool| -> Vec<Node> {
            let one = |request: &SignRequest, format| {
                tree(&if stamp { world.tsa.envelope(request, format) } else { request.envelope(format) }, format)
            };
            let other = if format == Format::Jws { Format::Cose } else { Format::Jws };
            // Also the same statement in the other format.
            world.others().iter().map(|request| one(request, format)).chain([one(&world.good(), other)]).collect()
        };
        let (plain, stamped) = (world.good().envelope(format), world.tsa.envelope(&world.good(), format));
        let kind = if format == Format::Jws { Kind::Jws } else { Kind::Cose };
        let judged = Judged::new(&plain, format, world.judging());
        cases.push(of_envelope(kind, "envelope", &plain, format, all(false), judged));
        let judged = Judged::new(&stamped, format, world.judging_stamps());
        cases.push(of_envelope(kind, "envelope with a timestamp", &stamped, format, all(true), judged));
        cases.push(of_chain(world, &plain, format));
        cases.push(of_token(world, &stamped, format));
    }
    cases
}

fn of_envelope(kind: Kind, name: &str, good: &[u8], format: Format, others: Vec<Node>, judged: Arc<Judged>) -> Case {
    let judge = move |mutant: &Node| {
        let bytes = mutant.encode();
        let parsed = Envelope::parse(&bytes, judged.format).is_ok();
        Outcome { parsed, verdict: judged.verdict(&bytes) }
    };
    Case { kind, name: format!("{name}, {format:?}"), document: tree(good, format), others, judge: Box::new(judge) }
}

/// What is judged: an envelope whose original verifies.
struct Judged {
    judging: Judging,
    format: EnvelopeFormat,
    decisive: equal::Decisive,
}

impl Judged {
    fn new(good: &[u8], format: Format, judging: Judging) -> Arc<Self> {
        let format = format_of(format);
        let decisive = equal::envelope(good, format).expect("a good envelope has all parts");
        let judged = Self { judging, format, decisive };
        assert_eq!(judged.verdict(good), Verdict::EqualMeaning, "the original verifies");
        Arc::new(judged)
    }

    fn verdict(&self, bytes: &[u8]) -> Verdict {
        match self.judging.ask(bytes, self.format, unavailable) {
            Ok(()) => {
                let changed = equal::envelope(bytes, self.format);
                Verdict::accepted(changed.is_some_and(|changed| self.decisive.is_kept_by(&changed)))
            }
            Err(_) => Verdict::Refused,
        }
    }
}

/// The place of a chain or token in an envelope.
struct Template {
    envelope: Node,
    path: Vec<usize>,
}

impl Template {
    fn new(envelope: &[u8], format: Format, name: &str, label: &Cbor) -> Self {
        let envelope = tree(envelope, format);
        let header: &[usize] = if format == Format::Jws { &[2, 0] } else { &[0, 1] };
        let index = envelope.at(header).unwrap().parts.iter().position(|part| {
            part.form == Form::Member(name.to_owned())
                || part.parts.first().is_some_and(|own| own.form == Form::Item(label.clone()))
        });
        let value = if format == Format::Jws { 0 } else { 1 };
        Self { path: [header, &[index.expect("the header has it"), value]].concat(), envelope }
    }

    fn with(&self, value: Node) -> Vec<u8> {
        let mut envelope = self.envelope.clone();
        *envelope.at_mut(&self.path).unwrap() = value;
        envelope.encode()
    }
}

fn binary(format: Format, content: Node) -> Node {
    let form = if format == Format::Jws { Form::Base64 } else { Form::ByteString };
    Node { form, parts: vec![content] }
}

fn of_chain(world: &World, good: &[u8], format: Format) -> Case {
    let documents = |chain: &Chain| Node {
        form: Form::Documents,
        parts: chain.der().iter().map(|der| Node::of_content(der)).collect(),
    };
    let template = Template::new(good, format, "x5c", &Cbor::from(33));
    let judged = Judged::new(good, format, world.judging());
    let judge = move |mutant: &Node| {
        // A change of the whole leaves one document.
        let parts = if mutant.form == Form::Documents { mutant.parts.clone() } else { vec![mutant.clone()] };
        let parsed = !parts.is_empty() && parts.iter().all(|part| Certificate::parse(&part.encode()).is_ok());
        let form = if format == Format::Jws { Form::Array } else { Form::List };
        let chain = Node { form, parts: parts.into_iter().map(|part| binary(format, part)).collect() };
        Outcome { parsed, verdict: judged.verdict(&template.with(chain)) }
    };
    let others = [&world.colleague, &world.impostor, &world.same_key, world.tsa.chain()].map(documents).into();
    let document = documents(&world.signer);
    Case { kind: Kind::Chain, name: format!("chain in {format:?}"), document, others, judge: Box::new(judge) }
}

fn of_token(world: &World, good: &[u8], format: Format) -> Case {
    let template = Template::new(
        good,
        format,
        "io.cncf.notary.timestampSignature",
        &Cbor::from("io.cncf.notary.timestampSignature"),
    );
    let document = template.envelope.at(&template.path).unwrap().parts[0].clone();
    let signature: &[usize] = if format == Format::Jws { &[3, 0] } else { &[0, 3] };
    let signature: Vec<u8> = template.envelope.at(signature).unwrap().parts.iter().flat_map(Node::encode).collect();
    let others = vec![
        // About the right signature, by a root that is not trusted.
        Node::of_content(&world.other_tsa.token(&signature)),
        Node::of_content(&world.tsa.token(b"another signature")),
        Node::of_content(&world.tsa.token(world.target.digest.as_bytes())),
        Node::of_content(&world.other_tsa.token(b"another signature")),
        template_token(world, format, &world.other_tsa),
    ];
    let judged = Judged::new(good, format, world.judging_stamps());
    let judge = move |mutant: &Node| {
        let parsed = TimestampToken::parse(&mutant.encode()).is_ok();
        Outcome { parsed, verdict: judged.verdict(&template.with(binary(format, mutant.clone()))) }
    };
    Case { kind: Kind::Token, name: format!("token in {format:?}"), document, others, judge: Box::new(judge) }
}

/// A token for another signature of the same statement, by another authority.
fn template_token(world: &World, format: Format, tsa: &Tsa) -> Node {
    let mut token = Vec::new();
    let _ = world.good().timestamped(format, |signature| {
        token = tsa.token(signature);
        token.clone()
    });
    Node::of_content(&token)
}
