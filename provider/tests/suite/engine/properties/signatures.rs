//! Signatures of every kind, and the verdict about an image that has some of them.

use std::cell::Cell;

use countersign_core::verdict::Code;
use countersign_core::verdict::VerdictKind;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::notation::THUMBPRINT_ANNOTATION;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use proptest::prelude::*;
use proptest::sample::select;
use time::macros::datetime;

/// What a signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Good,
    GoodCose,
    GoodWithoutAnnotations,
    GoodForAnHour,
    Foreign,
    /// Of a signer under an untrusted root, listed with the fingerprint of a trusted certificate.
    ForeignWithTrustedClaim,
    OfAnotherImage,
    Altered,
    Expired,
    Revoked,
    /// There is no status whether its certificate is revoked.
    Unchecked,
    Malformed,
    OtherFormat,
    TwoLayers,
    OtherSubject,
    WithoutManifest,
    WithoutEnvelope,
    UnknownPlugin,
}

use Kind::*;

/// Kinds of which the verdict needs no evidence.
pub(crate) const WITHOUT_EVIDENCE: [Kind; 16] = [
    Good,
    GoodCose,
    GoodWithoutAnnotations,
    GoodForAnHour,
    Foreign,
    ForeignWithTrustedClaim,
    OfAnotherImage,
    Altered,
    Expired,
    Malformed,
    OtherFormat,
    TwoLayers,
    OtherSubject,
    WithoutManifest,
    WithoutEnvelope,
    UnknownPlugin,
];

/// Fewer good ones than others, so that many images have none.
pub(crate) fn kind() -> impl Strategy<Value = Kind> {
    let all = WITHOUT_EVIDENCE.into_iter().chain([Revoked, Unchecked, Unchecked]);
    select(all.collect::<Vec<_>>())
}

impl Kind {
    /// The code of an image with this signature alone.
    pub(crate) fn code(self) -> Code {
        match self {
            Good | GoodCose | GoodWithoutAnnotations | GoodForAnHour => Code::Verified,
            Foreign | ForeignWithTrustedClaim => Code::UntrustedChain,
            OfAnotherImage => Code::TargetMismatch,
            Altered => Code::SignatureMismatch,
            Expired => Code::Expired,
            Revoked => Code::Revoked,
            Unchecked => Code::RevocationUnchecked,
            Malformed => Code::EnvelopeMalformed,
            OtherFormat => Code::EnvelopeUnsupported,
            TwoLayers | OtherSubject => Code::SignatureManifestInvalid,
            WithoutManifest | WithoutEnvelope => Code::SignatureUnavailable,
            UnknownPlugin => Code::PluginUnsupported,
        }
    }

    pub(crate) fn is_valid(self) -> bool {
        self.code() == Code::Verified
    }
}

/// The code of an image with these signatures, in whatever order: of a valid one, otherwise of one that could not be judged, otherwise
/// of the one that passed the most checks.
pub(crate) fn expected(kinds: &[Kind]) -> Code {
    let codes = || kinds.iter().map(|kind| kind.code());
    let of = |kind: VerdictKind| codes().filter(|code| code.kind() == kind).max_by_key(|code| code.reached());
    let order = [VerdictKind::Verified, VerdictKind::Inconclusive, VerdictKind::Rejected];
    order.into_iter().find_map(of).unwrap_or(Code::Unsigned)
}

/// Makes signatures. Each chain is issued once.
pub(crate) struct Signers {
    good: Chain,
    revoked: Chain,
    unchecked: Chain,
    stranger: Chain,
    count: Cell<usize>,
}

impl Signers {
    /// Signers under `root`; the list at `crl` must have the certificate of [`Self::revoked`].
    pub(crate) fn new(root: &Authority, crl: &str) -> Self {
        Self {
            good: root.issue(CertSpec::leaf()),
            revoked: root.issue(CertSpec::leaf().crl_url(crl)),
            unchecked: root.issue(CertSpec::leaf().crl_url("ldap://crl.example/ca.crl")),
            stranger: Authority::root(CertSpec::root().common_name("stranger")).issue(CertSpec::leaf()),
            count: Cell::new(0),
        }
    }

    /// The certificate that is revoked.
    pub(crate) fn revoked(&self) -> &[u8] {
        self.revoked.leaf_der()
    }

    /// Adds a signature to an image of the repository `app`, as the last one of its list.
    pub(crate) fn attach(&self, registry: &Registry, image: &Descriptor, kind: Kind) {
        let number = self.count.replace(self.count.get() + 1).to_string();
        let request = |chain| SignRequest::new(chain, image);
        let good = || Signature::new(&request(&self.good), Format::Jws);
        let attach = |signature: Signature| signature.attach(registry, "app", image);
        match kind {
            Good => drop(attach(good())),
            GoodCose => drop(attach(Signature::new(&request(&self.good), Format::Cose))),
            GoodWithoutAnnotations => drop(attach(good().without_annotations())),
            GoodForAnHour => {
                let request = request(&self.good).expiry(datetime!(2026-11-21 13:00 UTC));
                drop(attach(Signature::new(&request, Format::Jws)));
            }
            Foreign => drop(attach(Signature::new(&request(&self.stranger), Format::Jws))),
            ForeignWithTrustedClaim => {
                let claim = serde_json::json!(self.good.thumbprints()).to_string();
                let signature = Signature::new(&request(&self.stranger), Format::Cose);
                drop(attach(signature.annotation(THUMBPRINT_ANNOTATION, &claim)));
            }
            OfAnotherImage => {
                let request = SignRequest::new(&self.good, &Descriptor::sample(&number));
                drop(attach(Signature::new(&request, Format::Jws)));
            }
            Altered => {
                let request = request(&self.good);
                let envelope = request.jws_parts().with_signature(&[1; 64]);
                drop(attach(Signature::of_request(&request, &envelope, Format::Jws).annotation("number", &number)));
            }
            Expired => {
                let request = request(&self.good).expiry(datetime!(2026-11-21 11:00 UTC));
                drop(attach(Signature::new(&request, Format::Jws)));
            }
            Revoked => drop(attach(Signature::new(&request(&self.revoked), Format::Jws))),
            Unchecked => drop(attach(Signature::new(&request(&self.unchecked), Format::Jws))),
            Malformed => {
                let signature = Signature::of_envelope(b"{}", Format::Jws.media_type());
                drop(attach(signature.annotation("number", &number)));
            }
            OtherFormat => {
                let signature = Signature::of_envelope(b"{}", "application/x-other");
                drop(attach(signature.annotation("number", &number)));
            }
            TwoLayers => drop(attach(good().extra_layers(1))),
            OtherSubject => drop(attach(good().subject(&Descriptor::sample(&number)))),
            WithoutManifest => {
                let artifact_type = Some(SIGNATURE_ARTIFACT_TYPE.to_owned());
                let entry = Descriptor { artifact_type, ..Descriptor::of(IMAGE_MANIFEST, number.as_bytes()) };
                registry.list_referrer("app", &image.digest, entry);
            }
            WithoutEnvelope => {
                let signature = good();
                let envelope = Descriptor::of(Format::Jws.media_type(), signature.envelope()).digest;
                attach(signature);
                registry.remove("app", &envelope);
            }
            UnknownPlugin => {
                drop(attach(Signature::new(&request(&self.good).plugin("example.unknown"), Format::Jws)));
            }
        }
    }

    /// A new image of the repository `app` with these signatures, in this order.
    pub(crate) fn image(&self, registry: &Registry, kinds: &[Kind]) -> Descriptor {
        let image = registry.push_image("app", "v1");
        kinds.iter().for_each(|kind| self.attach(registry, &image, *kind));
        image
    }
}
