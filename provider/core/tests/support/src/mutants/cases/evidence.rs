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
use super::Outcome;
use super::Verdict;
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

struct Pki {
    root: Authority,
    /// With the name of the root.
    impostor: Authority,
    target: Descriptor,
}

/// What an original says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Good,
    Revoked,
}

pub(super) fn cases() -> Vec<Case> {
    let root = |number| Authority::root(CertSpec::root().with_key(&key(number)).serial(&[0x51]));
    let pki = Pki { root: root(0), impostor: root(1), target: Descriptor::sample("image") };
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
    [("list", good, Says::Good), ("list with the certificate", revoked, Says::Revoked)]
        .map(|(name, spec, says)| pki.case(Kind::Crl, name, &pki.root.crl(&spec), &others, &leaf, says))
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
    [
        ("response", good.clone(), Says::Good),
        ("response of a responder", good.signed_by(&responder), Says::Good),
        ("response with a revocation", revoked.clone(), Says::Revoked),
        ("response of a responder with a revocation", revoked.signed_by(&responder), Says::Revoked),
    ]
    .map(|(name, spec, says)| pki.case(Kind::Ocsp, name, &pki.root.ocsp(&spec), &others, &leaf, says))
    .into()
}

impl Pki {
    fn leaf(&self, spec: CertSpec) -> Chain {
        self.root.issue(spec.with_key(&key(2)).serial(&SERIAL))
    }

    fn case(&self, kind: Kind, name: &str, good: &[u8], others: &[Vec<u8>], leaf: &Chain, says: Says) -> Case {
        let envelope = SignRequest::new(leaf, &self.target).jws();
        let judge = Judge::about(&self.target.media_type, &self.target.digest, self.target.size)
            .trusting(StoreKind::Ca, self.root.der())
            .prepare();
        let document = Node::of_der(good).expect("the kit writes DER");
        let signed = if kind == Kind::Crl { equal::list } else { equal::response };
        let original = signed(&document).expect("a good answer has all parts");
        let judge = move |mutant: &Node| {
            let bytes = mutant.encode();
            let read = Node::of_der(&bytes);
            let sources = Sources::new().with(URL, bytes);
            let result = judge.ask(&envelope, format_of(Format::Jws), |request| sources.respond(request));
            // The answer counts, whatever it says, only if its signature covers it.
            let counts = match &result {
                Ok(_) => true,
                Err(failure) => failure.reasons.first().code != Code::RevocationUnchecked,
            };
            let equal = read.as_ref().and_then(signed).as_ref() == Some(&original);
            let verdict = match (result.is_ok(), counts) {
                (true, _) if says == Says::Revoked => Verdict::Verified,
                (_, true) => Verdict::accepted(equal),
                (_, false) => Verdict::Refused,
            };
            Outcome { parsed: read.as_ref().is_some_and(|read| has_form(kind, read)), verdict }
        };
        assert_eq!(judge(&document).verdict, Verdict::EqualMeaning, "the original counts: {name}");
        let others = others.iter().map(|other| Node::of_der(other).expect("the kit writes DER")).collect();
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
