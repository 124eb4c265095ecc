//! The envelope of a case: payload, times, signature and timestamp.

use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::Tsa;

use super::axes::Case;
use super::axes::EnvelopeFormat;
use super::axes::Metadata;
use super::axes::SigningScheme;
use super::axes::Timestamp;
use super::revocation::EvidenceServer;
use super::revocation::State;
use super::signers::Signer;
use super::times::CaseTimes;
use super::times::DAY;

/// The user metadata that is required, and one of another name.
pub(super) const REQUIRED: (&str, &str) = ("io.example.pipeline", "release");
const FURTHER: (&str, &str) = ("io.example.build", "42");

/// The timestamping authority of a case, and the root that its `tsa` store has.
pub(super) struct Timestamping {
    tsa: Tsa,
    pub(super) root: Authority,
}

impl Timestamping {
    pub(super) fn new(case: &Case, name: &str, times: &CaseTimes, server: &EvidenceServer) -> Self {
        let root = Authority::root(CertSpec::root().common_name(&format!("TSA root of {name}")));
        let state = match case.timestamp {
            Timestamp::RevokedTsa => Some(State::Revoked),
            Timestamp::UncheckedTsa => Some(State::Dead),
            Timestamp::Off
            | Timestamp::Ignored
            | Timestamp::ValidAlways
            | Timestamp::ValidDefault
            | Timestamp::ValidAfterExpiry
            | Timestamp::NoneAfterExpiry
            | Timestamp::NoneAlways
            | Timestamp::NoneDefault
            | Timestamp::OtherSignature
            | Timestamp::OtherSignatureAfterExpiry
            | Timestamp::Untrusted
            | Timestamp::UntrustedAfterExpiry
            | Timestamp::Early
            | Timestamp::Future
            | Timestamp::Cut
            | Timestamp::StoreMissing => None,
        };
        let path = format!("/tsa/{name}");
        let mut spec = CertSpec::tsa();
        if let Some(state) = state {
            spec = spec.crl_url(&server.url(&path, state));
        }
        let is_untrusted = matches!(case.timestamp, Timestamp::Untrusted | Timestamp::UntrustedAfterExpiry);
        let issuer = if is_untrusted { Authority::root(CertSpec::root()) } else { root.clone() };
        let chain = issuer.issue(spec);
        if let Some(state) = state {
            server.serve_list(&path, &issuer, chain.leaf_der(), state, times);
        }
        Self { tsa: Tsa::of(chain), root }
    }

    /// The token for a signature.
    fn token(&self, case: &Case, times: &CaseTimes, signature: &[u8]) -> Option<Vec<u8>> {
        let at = times.signed_at() + std::time::Duration::from_secs(60);
        match case.timestamp {
            Timestamp::Off | Timestamp::NoneAfterExpiry | Timestamp::NoneAlways | Timestamp::NoneDefault => None,
            Timestamp::OtherSignature | Timestamp::OtherSignatureAfterExpiry => {
                Some(self.tsa.token_at(at, b"another signature"))
            }
            Timestamp::Early => Some(self.tsa.token_at(times.now - 100 * DAY, signature)),
            Timestamp::Future => Some(self.tsa.token_at(times.now + DAY, signature)),
            Timestamp::Cut => {
                let token = self.tsa.token_at(at, signature);
                Some(token[..token.len() / 2].to_vec())
            }
            Timestamp::Ignored
            | Timestamp::ValidAlways
            | Timestamp::ValidDefault
            | Timestamp::ValidAfterExpiry
            | Timestamp::Untrusted
            | Timestamp::UntrustedAfterExpiry
            | Timestamp::RevokedTsa
            | Timestamp::UncheckedTsa
            | Timestamp::StoreMissing => Some(self.tsa.token_at(at, signature)),
        }
    }
}

pub(super) fn format(case: &Case) -> Format {
    match case.format {
        EnvelopeFormat::Jws => Format::Jws,
        EnvelopeFormat::Cose => Format::Cose,
    }
}

/// The target as the payload names it, with the user metadata of the case.
fn payload_target(case: &Case, target: &Descriptor) -> Descriptor {
    let target = target.clone();
    match case.metadata {
        Metadata::None | Metadata::Missing => target,
        Metadata::Unrequired => target.annotation(FURTHER.0, FURTHER.1),
        Metadata::Matching => target.annotation(REQUIRED.0, REQUIRED.1),
        Metadata::More => target.annotation(REQUIRED.0, REQUIRED.1).annotation(FURTHER.0, FURTHER.1),
        Metadata::Different => target.annotation(REQUIRED.0, "nightly"),
    }
}

/// The user metadata that a signature of the case must have.
pub(super) fn required_metadata(case: &Case) -> Option<(&'static str, &'static str)> {
    match case.metadata {
        Metadata::None | Metadata::Unrequired => None,
        Metadata::Matching | Metadata::More | Metadata::Missing | Metadata::Different => Some(REQUIRED),
    }
}

/// What is signed. The algorithm is that of the key.
pub(super) fn request(case: &Case, times: &CaseTimes, signer: &Signer<'_>, target: &Descriptor) -> SignRequest {
    let mut request = SignRequest::new(&signer.chain, &payload_target(case, target));
    request = match case.scheme {
        SigningScheme::X509 => request.signing_time(times.signed_at()),
        SigningScheme::SigningAuthority => {
            request.scheme(Scheme::SigningAuthority).authentic_signing_time(times.signed_at())
        }
    };
    if let Some(expiry) = times.expiry() {
        request = request.expiry(expiry);
    }
    if signer.weak.is_some() {
        // PS256: that of an RSA key of the least size.
        request = request.jws_alg("PS256").cose_alg(-37);
    }
    request
}

/// The signed envelope with the timestamp of the case.
pub(super) fn envelope(
    case: &Case,
    times: &CaseTimes,
    signer: &Signer<'_>,
    request: &SignRequest,
    timestamping: &Timestamping,
) -> anyhow::Result<Vec<u8>> {
    let sign = |message: &[u8]| match signer.weak {
        Some(weak) => weak.sign_pss(message),
        None => Ok(signer.chain.key().sign(message)),
    };
    // The token is not signed, so both forms of the request have the same signature.
    let stamped = |signature: &[u8]| match timestamping.token(case, times, signature) {
        Some(token) => request.clone().timestamp(&token),
        None => request.clone(),
    };
    Ok(match format(case) {
        Format::Jws => {
            let signature = sign(&request.jws_parts().signing_input())?;
            stamped(&signature).jws_parts().with_signature(&signature)
        }
        Format::Cose => {
            let signature = sign(&request.cose_parts().signing_input())?;
            stamped(&signature).cose_parts().with_signature(&signature)
        }
    })
}
