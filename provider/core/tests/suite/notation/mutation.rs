//! Mutates valid envelopes. No mutation may verify or panic.

use countersign_core::policy::StoreKind;
use countersign_core_test_support::judge::Judge;
use countersign_core_test_support::random_bytes::RandomBytes;
use countersign_core_test_support::sweep;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

struct Good {
    envelope: Vec<u8>,
    media_type: &'static str,
    judge: Judge,
}

/// An envelope without unauthenticated parts (the signing agent), so that every byte is significant.
fn good(format: Format) -> Good {
    let root = Authority::root(CertSpec::root());
    let chain = root.issue(CertSpec::leaf());
    let target = Descriptor::sample("image");
    let envelope = SignRequest::new(&chain, &target).signing_agent(None).envelope(format);
    let judge = Judge::about(&target.media_type, &target.digest, target.size).trusting(StoreKind::Ca, root.der());
    Good { envelope, media_type: format.media_type(), judge }
}

#[test]
fn no_envelope_with_a_changed_byte_verifies() {
    for format in Format::ALL {
        let Good { envelope, media_type, judge } = good(format);
        assert_eq!(judge.codes(&envelope, media_type), [], "the untouched envelope verifies");
        for position in sweep::positions(&envelope) {
            for bit in sweep::changes(position, [0x01, 0x20, 0x80]) {
                let mut changed = envelope.clone();
                changed[position] ^= bit;
                assert_ne!(judge.codes(&changed, media_type), [], "{format:?} byte {position} bit {bit:#x}");
            }
        }
    }
}

#[test]
fn no_truncated_or_extended_envelope_verifies() {
    for format in Format::ALL {
        let Good { envelope, media_type, judge } = good(format);
        for length in sweep::positions(&envelope) {
            assert_ne!(judge.codes(&envelope[..length], media_type), [], "{format:?} cut to {length}");
        }
        for extra in [0x00, b' ', b'}', 0xff] {
            let mut longer = envelope.clone();
            longer.push(extra);
            // White space after a JSON document is ignored.
            let harmless = format == Format::Jws && extra == b' ';
            assert_eq!(judge.codes(&longer, media_type).is_empty(), harmless, "{format:?} plus {extra:#x}");
        }
    }
}

#[test]
fn no_envelope_with_a_byte_taken_out_or_doubled_verifies() {
    for format in Format::ALL {
        let Good { envelope, media_type, judge } = good(format);
        for position in sweep::positions(&envelope) {
            let mut without = envelope.clone();
            without.remove(position);
            assert_ne!(judge.codes(&without, media_type), [], "{format:?} without byte {position}");
            let mut doubled = envelope.clone();
            doubled.insert(position, envelope[position]);
            assert_ne!(judge.codes(&doubled, media_type), [], "{format:?} with byte {position} twice");
        }
    }
}

#[test]
fn an_envelope_declared_as_the_other_format_does_not_verify() {
    for (format, other) in [(Format::Jws, Format::Cose), (Format::Cose, Format::Jws)] {
        let Good { envelope, judge, .. } = good(format);
        assert_ne!(judge.codes(&envelope, other.media_type()), []);
    }
}

#[test]
fn no_scrambled_envelope_verifies_and_none_panics() {
    for format in Format::ALL {
        let Good { envelope, media_type, judge } = good(format);
        let mut random = RandomBytes::new(0x9e37_79b9_7f4a_7c15);
        for round in 0..sweep::rounds(10_000) {
            let scrambled = random.scramble(&envelope);
            if scrambled != envelope {
                assert_ne!(judge.codes(&scrambled, media_type), [], "{format:?} round {round}");
            }
        }
    }
}

#[test]
fn no_scrambled_certificate_passes_chain_building() {
    use countersign_core::x509::Certificate;
    use countersign_core::x509::Chain;
    let root = Authority::root(CertSpec::root());
    let chain = root.issue(CertSpec::leaf().ocsp_url("http://ocsp.example").crl_url("http://crl.example/a.crl"));
    let root = Certificate::parse(chain.root_der()).unwrap();
    let mut random = RandomBytes::new(0x2545_f491_4f6c_dd1d);
    for round in 0..sweep::rounds(20_000) {
        let scrambled = random.scramble(chain.leaf_der());
        if scrambled == chain.leaf_der() {
            continue;
        }
        if let Ok(leaf) = Certificate::parse(&scrambled) {
            assert!(Chain::code_signing(vec![leaf, root.clone()]).is_err(), "round {round}");
        }
    }
}
