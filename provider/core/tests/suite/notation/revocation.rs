//! Revocation of the chain of a signer: which evidence is requested, what it decides, and the texts.
#![allow(clippy::unwrap_used)]

mod anchors;
mod answers_of_others;
mod delta;
mod ended;
mod facts;
mod invalidity;
mod levels;
mod lists;
mod mix_ups;
mod mutation;
mod ocsp;
mod points;
mod responders;
mod timestamping;

use std::fmt::Debug;

use countersign_core::evidence::CrlKind;
use countersign_core::evidence::EvidenceRequest;
use countersign_core::notation::Failure;
use countersign_core::notation::VerifiedSignature;
use countersign_core::policy::StoreKind;
use countersign_core_test_support::judge::Judge;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::Descriptor;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::PointSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::crl::points;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

const CRL: &str = "http://crl.example/a.crl";
const DELTA: &str = "http://crl.example/delta.crl";
const SERIAL: [u8; 2] = [0x0a, 0x1b];
/// The certificate of [`leaf`] in messages.
const LEAF: &str = r#""CN=leaf,O=Testkit,ST=ZH,C=CH" (serial 0a1b)"#;

struct Fixture {
    root: Authority,
    target: Descriptor,
}

/// A result, and the requests of each round.
struct Outcome {
    result: Result<Box<VerifiedSignature>, Failure>,
    rounds: Vec<Vec<String>>,
}

/// A leaf with the serial number of [`LEAF`].
fn leaf() -> CertSpec {
    CertSpec::leaf().serial(&SERIAL)
}

/// A leaf with these distribution points.
fn leaf_at(list: &[PointSpec]) -> CertSpec {
    leaf().extension("2.5.29.31", false, &points(list))
}

/// An entry for the leaf.
fn entry() -> Revoked {
    Revoked::new(&SERIAL)
}

impl Fixture {
    fn new() -> Self {
        Self { root: Authority::root(CertSpec::root()), target: Descriptor::sample("image") }
    }

    fn judge(&self) -> Judge {
        Judge::about(&self.target.media_type, &self.target.digest, self.target.size)
            .trusting(StoreKind::Ca, self.root.der())
    }

    fn sign(&self, chain: &Chain) -> SignRequest {
        SignRequest::new(chain, &self.target)
    }

    /// Verifies a signature by a leaf that the root issued.
    fn verify(&self, leaf: CertSpec, sources: &Sources) -> Outcome {
        verify(&self.judge(), &self.sign(&self.root.issue(leaf)), sources)
    }

    /// Verifies a signature by a leaf with the distribution point [`CRL`], which answers with this list.
    fn with_list(&self, list: &CrlSpec) -> Outcome {
        self.verify(leaf().crl_url(CRL), &Sources::new().with(CRL, self.root.crl(list)))
    }

    /// As [`Self::with_list`], with a list that names [`DELTA`], which answers with the second list.
    fn with_delta(&self, base: CrlSpec, delta: &CrlSpec) -> Outcome {
        let base = self.root.crl(&base.freshest_url(DELTA));
        self.verify(leaf().crl_url(CRL), &Sources::new().with(CRL, base).with(DELTA, self.root.crl(delta)))
    }
}

fn verify(judge: &Judge, request: &SignRequest, sources: &Sources) -> Outcome {
    let envelope = request.jws();
    let (result, rounds) = judge.ask_with(&envelope, Format::Jws.media_type(), |request| sources.respond(request));
    let rounds = rounds.iter().map(|round| round.iter().map(shown).collect()).collect();
    Outcome { result, rounds }
}

fn shown(request: &EvidenceRequest) -> String {
    match request {
        EvidenceRequest::Ocsp(request) => format!("ocsp {}", request.urls().join(" ")),
        EvidenceRequest::Crl(request) => {
            let kind = match request.kind() {
                CrlKind::Base => "base",
                CrlKind::Delta => "delta",
            };
            format!("{kind} {}", request.urls().join(" "))
        }
        EvidenceRequest::SignerStatus(_) => "signer".to_owned(),
    }
}

impl Outcome {
    /// The reason, with its code; `good` if the signature is verified.
    fn text(&self) -> String {
        match &self.result {
            Ok(_) => "good".to_owned(),
            Err(failure) => failure.reasons.first().to_string(),
        }
    }

    #[track_caller]
    fn is_good(&self) {
        assert_eq!(self.text(), "good");
    }

    /// Checks the text after the code and its first words.
    #[track_caller]
    fn is_revoked(&self, expected: &str) {
        assert_eq!(
            self.text(),
            format!("revoked: certificate is revoked: found {expected}, expected a certificate that is not revoked")
        );
    }

    /// Checks why the leaf has no status, where the reasons name all of its addresses.
    #[track_caller]
    fn is_unchecked(&self, expected: &str) {
        self.is_unchecked_as(&format!("{LEAF} has no usable status: {expected}"));
    }

    /// Checks why the leaf, which names `urls`, has no status, where the reasons do not name all of them.
    #[track_caller]
    fn is_unchecked_at(&self, urls: &str, expected: &str) {
        self.is_unchecked_as(&format!("{LEAF} names {urls}, and has no usable status: {expected}"));
    }

    #[track_caller]
    fn is_unchecked_as(&self, certificate: &str) {
        assert_eq!(
            self.text(),
            format!(
                "revocation-unchecked: revocation was not checked: certificate {certificate}; inconclusive, as the \
                 statement enforces the check"
            )
        );
    }

    #[track_caller]
    fn asked<T: AsRef<[&'static str]> + Debug>(&self, expected: &[T]) {
        let expected: Vec<Vec<String>> =
            expected.iter().map(|round| round.as_ref().iter().map(|text| (*text).to_owned()).collect()).collect();
        assert_eq!(self.rounds, expected);
    }
}
