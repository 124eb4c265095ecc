//! CRLs and OCSP responses: of a certificate that is good, and of one that is revoked.

use countersign_core::policy::StoreKind;
use countersign_core::verdict::Code;
use countersign_testkit::Descriptor;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::IssuingPoint;
use countersign_testkit::crl::Revoked;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use time::OffsetDateTime;
use time::macros::datetime;

use super::Case;
use super::Judging;
use super::Outcome;
use super::Verdict;
use super::Verifier;
use super::envelopes::format_of;
use super::envelopes::key;
use crate::judge::Judge;
use crate::mutants::Kind;
use crate::mutants::equal;
use crate::mutants::node::Form;
use crate::mutants::node::Node;
use crate::revocation::Sources;

const URL: &str = "http://evidence.example/a";
const SERIAL: [u8; 2] = [0x0a, 0x1b];
/// Times that ended before the time of the verification.
const PAST: [OffsetDateTime; 2] = [datetime!(2026-11-01 00:00:00 UTC), datetime!(2026-11-08 00:00:00 UTC)];

/// An answer that the authority signed about the certificate of the signer.
struct Signed(Says, Vec<u8>);

struct Pki {
    root: Authority,
    /// With the name of the root.
    impostor: Authority,
    target: Descriptor,
    verifier: Verifier,
}

/// What an answer says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Good,
    Revoked,
}

pub(super) fn cases(verifier: Verifier) -> Vec<Case> {
    let root = |number| Authority::root(CertSpec::root().with_key(&key(number)).serial(&[0x51]));
    let pki = Pki { root: root(0), impostor: root(1), target: Descriptor::sample("image"), verifier };
    [lists(&pki), responses(&pki)].into_iter().flatten().collect()
}

fn lists(pki: &Pki) -> Vec<Case> {
    let leaf = pki.leaf(CertSpec::leaf().crl_url(URL));
    let entry = Revoked::new(&SERIAL).reason(1);
    let point = IssuingPoint::new().urls(&[URL]).user_certificates_only();
    let good = CrlSpec::new().many(2).issuing_point(&point);
    let revoked = good.clone().revoked(&entry);
    let others = vec![
        pki.root.crl(&CrlSpec::new().valid(PAST[0], PAST[1]).number(6)),
        pki.impostor.crl(&good),
        pki.impostor.crl(&CrlSpec::new()),
        pki.root.crl(&CrlSpec::delta(7)),
        pki.root.crl(&CrlSpec::new().issuing_point(&IssuingPoint::new().urls(&["http://other.example/b"]))),
    ];
    let signed = [Signed(Says::Good, pki.root.crl(&good)), Signed(Says::Revoked, pki.root.crl(&revoked))];
    [("list", 0), ("list with the certificate", 1)]
        .map(|(name, original)| pki.case(Kind::Crl, name, &signed, original, &others, &leaf))
        .into()
}

fn responses(pki: &Pki) -> Vec<Case> {
    let leaf = pki.leaf(CertSpec::leaf().ocsp_url(URL));
    let certificate = leaf.leaf_der();
    let (good, revoked) = (OcspSpec::new([Single::good(certificate)]), OcspSpec::new([Single::revoked(certificate)]));
    let responder = pki.root.issue(
        CertSpec::leaf()
            .ekus(&["1.3.6.1.5.5.7.3.9"])
            .extension("1.3.6.1.5.5.7.48.1.5", false, &[0x05, 0x00])
            .common_name("responder")
            .with_key(&key(3))
            .serial(&[0x52]),
    );
    let past = Single::good(certificate).this_update(PAST[0]).next_update(PAST[1]);
    let others: Vec<Vec<u8>> = [
        OcspSpec::new([past]).produced_at(PAST[0]),
        OcspSpec::new([Single::good(certificate).serial(&[0x53])]),
        good.clone().with_signature_of(pki.impostor.key()),
        good.clone().signed_by(&leaf),
        OcspSpec::new([Single::unknown(certificate)]),
    ]
    .iter()
    .map(|spec| pki.root.ocsp(spec))
    .collect();
    let signed = [
        (Says::Good, good.clone()),
        (Says::Good, good.signed_by(&responder)),
        (Says::Revoked, revoked.clone()),
        (Says::Revoked, revoked.signed_by(&responder)),
    ]
    .map(|(says, spec)| Signed(says, pki.root.ocsp(&spec)));
    [
        ("response", 0),
        ("response of a responder", 1),
        ("response with a revocation", 2),
        ("response of a responder with a revocation", 3),
    ]
    .map(|(name, original)| pki.case(Kind::Ocsp, name, &signed, original, &others, &leaf))
    .into()
}

impl Pki {
    fn leaf(&self, spec: CertSpec) -> Chain {
        self.root.issue(spec.with_key(&key(2)).serial(&SERIAL))
    }

    /// Changes one of the answers that the authority `signed`, also with parts of the others of these.
    fn case(
        &self,
        kind: Kind,
        name: &str,
        signed: &[Signed],
        original: usize,
        others: &[Vec<u8>],
        leaf: &Chain,
    ) -> Case {
        let envelope = SignRequest::new(leaf, &self.target).jws();
        let judging = Judge::about(&self.target.media_type, &self.target.digest, self.target.size)
            .trusting(StoreKind::Ca, self.root.der());
        let judging = Judging::new(&judging, self.verifier);
        let read = |bytes: &Vec<u8>| Node::of_der(bytes).expect("the kit writes DER");
        let parts = if kind == Kind::Crl { equal::list } else { equal::response };
        let known: Vec<_> = signed
            .iter()
            .map(|Signed(says, answer)| (*says, parts(&read(answer)).expect("a good answer has all parts")))
            .collect();
        let judge = move |mutant: &Node| {
            let bytes = mutant.encode();
            let read = Node::of_der(&bytes);
            let sources = Sources::new().with(URL, bytes);
            let says = match judging.ask(&envelope, format_of(Format::Jws), |request| sources.respond(request)) {
                Ok(()) => Some(Says::Good),
                Err(Code::RevocationUnchecked) => None,
                Err(code) => {
                    assert_eq!(code, Code::Revoked, "nothing else is wrong with the signature");
                    Some(Says::Revoked)
                }
            };
            let found = read.as_ref().and_then(parts);
            let is_known = |said| known.iter().any(|(says, parts)| *says == said && Some(parts) == found.as_ref());
            let verdict = says.map_or(Verdict::Refused, |said| Verdict::accepted(is_known(said)));
            Outcome { parsed: read.as_ref().is_some_and(|read| has_form(kind, read)), verdict }
        };
        let document = read(&signed[original].1);
        let siblings =
            signed.iter().enumerate().filter(|(index, _)| *index != original).map(|(_, Signed(_, answer))| answer);
        let others = siblings.chain(others).map(read).collect();
        Case { kind, name: name.to_owned(), document, others, judge: Box::new(judge) }
    }
}

/// The outer structure of a list, or of a response and of the basic response in it, by tags only.
fn has_form(kind: Kind, node: &Node) -> bool {
    let tag = |path: &[usize]| match node.at(path).map(|part| &part.form) {
        Some(Form::Constructed(tag) | Form::Wrapping(tag, _) | Form::Primitive(tag, _)) => *tag,
        _ => 0,
    };
    let tags: &[(&[usize], u8)] = match kind {
        Kind::Crl => &[(&[], 0x30), (&[0], 0x30), (&[1], 0x30), (&[2], 0x03), (&[3], 0)],
        Kind::Ocsp | Kind::Jws | Kind::Cose | Kind::Chain | Kind::Token | Kind::Manifest | Kind::Index => &[
            (&[], 0x30),
            (&[0], 0x0a),
            (&[1], 0xa0),
            (&[1, 0], 0x30),
            (&[1, 0, 0], 0x06),
            (&[1, 0, 1], 0x04),
            (&[1, 0, 1, 0], 0x30),
            (&[1, 0, 1, 0, 2], 0x03),
        ],
    };
    tags.iter().all(|(path, expected)| tag(path) == *expected)
}
