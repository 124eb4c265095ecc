//! A timestamping authority, a signer and an image.

use countersign_core::policy::StoreKind;
use countersign_core::time::UnixTime;
use countersign_core::timestamp::TimestampError;
use countersign_core::timestamp::TimestampToken;
use countersign_core::timestamp::VerifiedTimestamp;
use countersign_core::x509::Certificate;
use countersign_core_test_support::judge::Judge;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::TokenParts;
use countersign_testkit::timestamp::Tsa;

/// What is timestamped in tests without an envelope.
pub(crate) const MESSAGE: &[u8] = b"the bytes of a primitive signature";

/// The subject of the authority's certificate.
pub(crate) const TSA: &str = "CN=tsa,O=Testkit,ST=ZH,C=CH";

pub(crate) struct Fixture {
    pub(crate) signers: Authority,
    pub(crate) tsa_root: Authority,
    pub(crate) tsa_issuer: Authority,
    pub(crate) tsa: Tsa,
    pub(crate) target: Descriptor,
}

impl Fixture {
    /// The chain of the authority is leaf, `CN=TSA CA` and `CN=TSA Root`.
    pub(crate) fn new() -> Self {
        let tsa_root = Authority::root(CertSpec::root().common_name("TSA Root"));
        let tsa_issuer = tsa_root.intermediate(CertSpec::intermediate().common_name("TSA CA"));
        Self {
            signers: Authority::root(CertSpec::root()),
            tsa: Tsa::new(&tsa_issuer),
            tsa_root,
            tsa_issuer,
            target: Descriptor::sample("image"),
        }
    }

    /// A signer with this certificate.
    pub(crate) fn signer(&self, spec: CertSpec) -> Chain {
        self.signers.issue(spec)
    }

    /// A signature by a signer with a certificate that does not end soon.
    pub(crate) fn request(&self) -> SignRequest {
        SignRequest::new(&self.signer(CertSpec::leaf()), &self.target)
    }

    /// Trusts the signers, without a `tsa` trust store.
    pub(crate) fn judge_without_tsa(&self) -> Judge {
        Judge::about(&self.target.media_type, &self.target.digest, self.target.size)
            .trusting(StoreKind::Ca, self.signers.der())
    }

    /// Trusts the signers and the timestamping authority.
    pub(crate) fn judge(&self) -> Judge {
        self.judge_without_tsa().trusting(StoreKind::Tsa, self.tsa_root.der())
    }

    /// The parts of a token over [`MESSAGE`].
    pub(crate) fn parts(&self) -> TokenParts {
        self.tsa.parts(MESSAGE)
    }

    /// Verifies a token over [`MESSAGE`] under the authority's root.
    pub(crate) fn verify(&self, token: &[u8]) -> Result<VerifiedTimestamp, TimestampError> {
        verify(token, MESSAGE, &[self.tsa_root.der()])
    }
}

/// The time of verification, long after [`Tsa::STAMPED_AT`].
pub(crate) fn now() -> UnixTime {
    at("2026-11-21T12:00:00Z")
}

pub(crate) fn at(time: &str) -> UnixTime {
    UnixTime::from_rfc3339(time).unwrap()
}

/// Verifies a token under roots in DER.
pub(crate) fn verify(token: &[u8], message: &[u8], roots: &[&[u8]]) -> Result<VerifiedTimestamp, TimestampError> {
    let roots: Vec<_> = roots.iter().map(|root| Certificate::parse(root).unwrap()).collect();
    TimestampToken::parse(token)?.verify(message, roots.iter(), now())
}

/// The subjects of a chain, leaf first.
pub(crate) fn subjects(timestamp: &VerifiedTimestamp) -> Vec<String> {
    let certificates = timestamp.chain().certificates().iter();
    certificates.map(|certificate| certificate.subject().to_string()).collect()
}
