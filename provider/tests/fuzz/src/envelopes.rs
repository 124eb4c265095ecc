//! Envelopes: read, verified and explained, under a trust anchor whose key signed nothing, so that none verifies, and signed again under
//! a trusted one, so that every check is reached.

use std::sync::LazyLock;

use countersign_core::limits;
use countersign_core::notation::Envelope;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::policy::StoreKind;
use countersign_core_test_support::judge::Judge;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use serde_json::Value;

use crate::signed;
use crate::signed::ROOT;

/// About the image of the seeds.
fn judge(root: &[u8]) -> Judge {
    let target = Descriptor::sample("image");
    Judge::about(&target.media_type, &target.digest, target.size).trusting(StoreKind::Ca, root)
}

/// Under a root that signed nothing.
static OTHERS: LazyLock<Judge> = LazyLock::new(|| judge(Authority::root(CertSpec::root()).der()));

/// Under the root of envelopes that are signed again.
static JUDGE: LazyLock<Judge> =
    LazyLock::new(|| judge(ROOT.der()).identity("x509.subject:C=CH,ST=ZH,O=Testkit,CN=leaf"));

pub(crate) fn jws(input: &[u8]) {
    check(input, EnvelopeFormat::Jws, Format::Jws, signed::jws);
}

pub(crate) fn cose(input: &[u8]) {
    check(input, EnvelopeFormat::Cose, Format::Cose, signed::cose);
}

type Sign = fn(&[u8], &Envelope) -> Option<Vec<u8>>;

fn check(input: &[u8], format: EnvelopeFormat, written: Format, sign: Sign) {
    // Also holds the explanation against the verdict.
    assert!(OTHERS.ask(input, written.media_type()).is_err(), "no signature of the root, and a verdict");
    let Ok(envelope) = Envelope::parse(input, format) else { return };
    assert_eq!(envelope.format(), format);
    let certificates = envelope.unverified_certificates();
    assert!(!certificates.is_empty() && certificates.len() <= limits::CHAIN_CERTIFICATES);
    assert!(certificates.iter().all(|certificate| certificate.len() <= input.len()));
    if let Some(signed) = sign(input, &envelope)
        && let Ok(verified) = JUDGE.ask(&signed, written.media_type())
    {
        let target = verified.target();
        let own: Value = serde_json::from_slice(envelope.unverified_payload()).unwrap();
        let member = |name: &str| own["targetArtifact"][name].clone();
        assert_eq!(member("digest"), target.digest.to_string());
        // In any case, and with parameters: DIVERGENCES.md.
        let media_type = member("mediaType").as_str().unwrap().to_ascii_lowercase();
        let (without_parameters, _) = media_type.split_once(';').unwrap_or((&media_type, ""));
        assert_eq!(without_parameters.trim(), target.media_type.to_string());
        assert_eq!(member("size"), target.size);
        assert_eq!(target.digest.to_string(), Descriptor::sample("image").digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;
    use crate::seeds;

    #[test]
    fn good_envelopes_that_are_signed_again_verify() {
        for (target, format, sign) in [
            (Target::Jws, EnvelopeFormat::Jws, signed::jws as Sign),
            (Target::Cose, EnvelopeFormat::Cose, signed::cose),
        ] {
            let written = if target == Target::Jws { Format::Jws } else { Format::Cose };
            let verifies = |seed: &Vec<u8>| {
                let envelope = Envelope::parse(seed, format).ok()?;
                JUDGE.ask(&sign(seed, &envelope)?, written.media_type()).ok()
            };
            let count = seeds(target).iter().filter_map(verifies).count();
            assert!(count >= 3, "{target:?}: {count}");
        }
    }
}
