//! A stricter level never admits more: checks are skipped, logged or enforced, in this order.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use countersign_core::policy::StoreKind;
use countersign_core_test_support::judge::Judge;
use countersign_core_test_support::property;
use countersign_core_test_support::property::Cases;
use countersign_core_test_support::revocation::Sources;
use countersign_testkit::Descriptor;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use proptest::prelude::*;
use proptest::sample::select;
use time::macros::datetime;

const CASES: Cases = Cases { usual: 1500, full: 15_000 };

const CRL: &str = "http://crl.example/a.crl";

/// The effect of a failed check, the laxest one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    Skip,
    Log,
    Enforce,
}

/// A verification level with overrides.
#[derive(Clone, Debug)]
struct Level {
    name: &'static str,
    /// For authenticity, authenticTimestamp, expiry and revocation.
    overrides: [Option<Effect>; 4],
}

const CHECKS: [&str; 4] = ["authenticity", "authenticTimestamp", "expiry", "revocation"];

impl Level {
    /// As the specification defines the levels.
    fn effects(&self) -> [Effect; 4] {
        use Effect::*;
        let base = match self.name {
            "strict" => [Enforce, Enforce, Enforce, Enforce],
            "permissive" => [Enforce, Log, Log, Log],
            _ => [Log, Log, Log, Log],
        };
        std::array::from_fn(|check| self.overrides[check].unwrap_or(base[check]))
    }

    /// The other level with each check relaxed to the effect that it has here, if that is less.
    fn relaxing(&self, other: &Self) -> Self {
        let (own, others) = (self.effects(), other.effects());
        Self { name: other.name, overrides: std::array::from_fn(|check| Some(own[check].min(others[check]))) }
    }

    fn judge(&self, judge: Judge) -> Judge {
        let overrides = CHECKS.into_iter().zip(self.overrides);
        overrides.fold(judge.level(self.name), |judge, (check, effect)| match effect {
            None => judge,
            Some(Effect::Skip) => judge.overriding(check, "skip"),
            Some(Effect::Log) => judge.overriding(check, "log"),
            Some(Effect::Enforce) => judge.overriding(check, "enforce"),
        })
    }
}

/// What is wrong with a signature, and what is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Signature {
    format: Format,
    scheme: Scheme,
    is_intact: bool,
    is_of_the_image: bool,
    is_of_a_trusted_root: bool,
    has_unknown_critical_attribute: bool,
    has_expired: bool,
    certificate: Validity,
    revocation: Revocation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Validity {
    Now,
    EndedAfterTheSignature,
    BeganAfterTheSignature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Revocation {
    NotNamed,
    Good,
    Revoked,
    Unreachable,
}

fn level() -> impl Strategy<Value = Level> {
    use Effect::*;
    let relaxed = || select(vec![None, Some(Log), Some(Enforce)]);
    let revocation = select(vec![None, Some(Skip), Some(Log), Some(Enforce)]);
    let overrides = (relaxed(), relaxed(), relaxed(), revocation);
    (select(vec!["strict", "permissive", "audit"]), overrides)
        .prop_map(|(name, (a, b, c, d))| Level { name, overrides: [a, b, c, d] })
}

/// Mostly good ones, so that many are accepted under some level.
fn signature() -> impl Strategy<Value = Signature> {
    let mostly = || prop::bool::weighted(0.9);
    let formats = (select(Format::ALL.to_vec()), select(vec![Scheme::X509, Scheme::SigningAuthority]));
    let parts = (mostly(), mostly(), any::<bool>(), mostly(), any::<bool>());
    let certificate = select(vec![Validity::Now, Validity::EndedAfterTheSignature, Validity::BeganAfterTheSignature]);
    let revocation = select(vec![Revocation::NotNamed, Revocation::Good, Revocation::Revoked, Revocation::Unreachable]);
    (formats, parts, certificate, revocation).prop_map(|((format, scheme), parts, certificate, revocation)| {
        let (is_intact, is_of_the_image, is_of_a_trusted_root, no_attribute, has_expired) = parts;
        Signature {
            format,
            scheme,
            is_intact,
            is_of_the_image,
            is_of_a_trusted_root,
            has_unknown_critical_attribute: !no_attribute,
            has_expired,
            certificate,
            revocation,
        }
    })
}

/// Signs what a model describes, once for each model.
struct Signer {
    root: Authority,
    stranger: Authority,
    image: Descriptor,
    signed: RefCell<HashMap<Signature, Rc<Signed>>>,
}

struct Signed {
    envelope: Vec<u8>,
    sources: Sources,
}

impl Signer {
    fn new() -> Self {
        let root = |name| Authority::root(CertSpec::root().common_name(name));
        let image = Descriptor::sample("image");
        Self { root: root("root"), stranger: root("stranger"), image, signed: RefCell::default() }
    }

    fn judge(&self) -> Judge {
        Judge::about(&self.image.media_type, &self.image.digest, self.image.size)
            .trusting(StoreKind::Ca, self.root.der())
            .trusting(StoreKind::SigningAuthority, self.root.der())
    }

    fn signed(&self, signature: Signature) -> Rc<Signed> {
        let mut signed = self.signed.borrow_mut();
        Rc::clone(signed.entry(signature).or_insert_with(|| Rc::new(self.sign(signature))))
    }

    fn sign(&self, model: Signature) -> Signed {
        let root = if model.is_of_a_trusted_root { &self.root } else { &self.stranger };
        let (begin, end) = (datetime!(2020-01-01 00:00 UTC), datetime!(2040-01-01 00:00 UTC));
        let leaf = match model.certificate {
            Validity::Now => CertSpec::leaf(),
            Validity::EndedAfterTheSignature => CertSpec::leaf().valid(begin, datetime!(2026-11-20 00:00 UTC)),
            Validity::BeganAfterTheSignature => CertSpec::leaf().valid(datetime!(2026-11-20 00:00 UTC), end),
        };
        let leaf = match model.revocation {
            Revocation::NotNamed => leaf,
            Revocation::Good | Revocation::Revoked | Revocation::Unreachable => leaf.crl_url(CRL),
        };
        let chain = root.issue(leaf);
        let target = if model.is_of_the_image { self.image.clone() } else { Descriptor::sample("another image") };
        let mut request = SignRequest::new(&chain, &target).scheme(model.scheme);
        if model.has_expired {
            request = request.expiry(datetime!(2026-11-20 00:00 UTC));
        }
        if model.has_unknown_critical_attribute {
            request = request.critical_attribute("example.unknown", "a");
        }
        let envelope = match (model.is_intact, model.format) {
            (true, format) => request.envelope(format),
            (false, Format::Jws) => request.jws_parts().with_signature(&[1; 64]),
            (false, Format::Cose) => request.cose_parts().with_signature(&[1; 64]),
        };
        let sources = match model.revocation {
            Revocation::NotNamed | Revocation::Unreachable => Sources::new(),
            Revocation::Good => Sources::new().with(CRL, root.crl(&CrlSpec::new())),
            Revocation::Revoked => {
                let list = CrlSpec::new().revoked(&Revoked::certificate(chain.leaf_der()));
                Sources::new().with(CRL, root.crl(&list))
            }
        };
        Signed { envelope, sources }
    }

    /// The codes of the reasons, empty if the signature is accepted.
    fn refused(&self, signature: Signature, level: &Level) -> Vec<&'static str> {
        let signed = self.signed(signature);
        let judge = level.judge(self.judge());
        let answer = |request: &_| signed.sources.respond(request);
        match judge.ask_with(&signed.envelope, signature.format.media_type(), answer).0 {
            Ok(_) => Vec::new(),
            Err(failure) => failure.reasons.iter().map(|reason| reason.code.as_str()).collect(),
        }
    }
}

#[test]
fn a_signature_that_a_stricter_level_accepts_is_accepted_by_a_laxer_one() {
    let signer = Signer::new();
    let accepted = RefCell::new(0);
    property::holds(CASES, (signature(), level(), level()), |(signature, strict, other)| {
        let lax = strict.relaxing(other);
        if !signer.refused(*signature, strict).is_empty() {
            return Ok(());
        }
        *accepted.borrow_mut() += 1;
        let refused = signer.refused(*signature, &lax);
        if refused.is_empty() { Ok(()) } else { Err(format!("{strict:?} accepts what {lax:?} refuses as {refused:?}")) }
    });
    let accepted = accepted.into_inner();
    assert!(accepted > 150, "only {accepted} signatures were accepted");
}

#[test]
fn no_level_accepts_a_signature_that_is_altered_or_of_another_image_or_not_understood() {
    let signer = Signer::new();
    property::holds(CASES, (signature(), level()), |(signature, level)| {
        let is_sound = signature.is_intact && signature.is_of_the_image && !signature.has_unknown_critical_attribute;
        match is_sound || !signer.refused(*signature, level).is_empty() {
            true => Ok(()),
            false => Err(format!("{level:?} accepts it")),
        }
    });
}
