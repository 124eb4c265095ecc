//! Mutates valid envelopes. No mutation may verify or panic.

use countersign_core::policy::StoreKind;
use countersign_core_test_support::judge::Judge;
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
        for position in 0..envelope.len() {
            for bit in [0x01, 0x20, 0x80] {
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
        for length in 0..envelope.len() {
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
        for position in 0..envelope.len() {
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

/// A small generator with a fixed seed: the same mutations on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, max: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % max.max(1) as u64) as usize
    }

    /// Copies, drops, overwrites or swaps ranges of bytes, one to four times.
    fn scramble(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(4) {
            let from = self.below(bytes.len());
            let to = (from + 1 + self.below(64)).min(bytes.len());
            match self.below(4) {
                0 => drop(bytes.drain(from..to)),
                1 => {
                    let piece = bytes[from..to].to_vec();
                    let at = self.below(bytes.len());
                    bytes.splice(at..at, piece);
                }
                2 => {
                    let value = self.below(256) as u8;
                    bytes[from..to].fill(value);
                }
                _ => bytes[from..to].reverse(),
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        bytes
    }
}

#[test]
fn no_scrambled_envelope_verifies_and_none_panics() {
    for format in Format::ALL {
        let Good { envelope, media_type, judge } = good(format);
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for round in 0..10_000 {
            let scrambled = dice.scramble(&envelope);
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
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for round in 0..20_000 {
        let scrambled = dice.scramble(chain.leaf_der());
        if scrambled == chain.leaf_der() {
            continue;
        }
        if let Ok(leaf) = Certificate::parse(&scrambled) {
            assert!(Chain::code_signing(vec![leaf, root.clone()]).is_err(), "round {round}");
        }
    }
}
