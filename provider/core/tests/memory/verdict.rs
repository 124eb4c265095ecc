//! The declared size of a verdict against its allocation: the declared size limits the verdict cache.

use crate::ALLOCATOR;
use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::notation::VerifiedSignature;
use countersign_core::policy::StoreKind;
use countersign_core::verdict::Code;
use countersign_core::verdict::FailedSignature;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Reason;
use countersign_core::verdict::Reasons;
use countersign_core::verdict::Remedy;
use countersign_core::verdict::Skipped;
use countersign_core::verdict::Verified;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;
use countersign_core_test_support::judge::Judge;
use countersign_testkit::Descriptor;
use countersign_testkit::alone;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;

/// Clones that are measured together.
const COPIES: usize = 20;

fn failed(code: Code, subject: usize, details: &[usize]) -> FailedSignature {
    let reasons = details.iter().map(|length| Reason::new(code, "\u{202e}".repeat(*length)));
    FailedSignature {
        manifest: Digest::of(DigestAlgorithm::Sha512, b"{}"),
        unverified_subject: Some(Text::of("x".repeat(subject))),
        reasons: Reasons::of(reasons).expect("a reason"),
    }
}

/// One with the longest remedy.
fn not_an_identity() -> FailedSignature {
    let reason = Reason::new(Code::UntrustedIdentity, "x".repeat(40));
    FailedSignature {
        reasons: Reasons::one(reason.with_remedy(Some(Remedy::Identity(Text::of("x".repeat(5000)))))),
        ..failed(Code::UntrustedIdentity, 40, &[0])
    }
}

fn verified(level: &'static str, others: FailedSignatures, common_name: &str) -> ImageVerdict {
    let (root, target) = (Authority::root(CertSpec::root()), Descriptor::sample("image"));
    let target = (0..500).fold(target, |target, number| target.annotation(&format!("key-{number}"), "value"));
    let chain = root.issue(CertSpec::leaf().common_name(common_name));
    let judge = Judge::about(&target.media_type, &target.digest, target.size).level(level);
    // Admitted by audit without trust.
    let stores = if level == "audit" { StoreKind::SigningAuthority } else { StoreKind::Ca };
    let envelope = SignRequest::new(&chain, &target).jws();
    let signature = judge.trusting(stores, root.der()).ask(&envelope, Format::Jws.media_type()).expect("it counts");
    verified_by(signature, others)
}

/// By AWS Signer, with ARNs of this length at most.
fn verified_by_aws_signer(length: usize) -> ImageVerdict {
    let (root, target) = (Authority::root(CertSpec::root()), Descriptor::sample("image"));
    let arn = |prefix: &str, suffix: &str| {
        format!("{prefix}{}{suffix}", "x".repeat(length.saturating_sub(prefix.len() + suffix.len())))
    };
    let profile = arn("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/", "ci");
    let request = SignRequest::new(&root.issue(CertSpec::leaf()), &target)
        .scheme(Scheme::SigningAuthority)
        .plugin("com.amazonaws.signer.notation.plugin")
        .critical_attribute("com.amazonaws.signer.signingProfileVersion", format!("{profile}/abcDEF1234"))
        .critical_attribute("com.amazonaws.signer.signingProfileAlias", arn("arn:aws:signer:::/aliases/", "a"))
        .critical_attribute(
            "com.amazonaws.signer.signingJob",
            arn("arn:aws:signer:eu-central-1:111122223333:/signing-jobs/", "a"),
        );
    let judge = Judge::about(&target.media_type, &target.digest, target.size).overriding("revocation", "skip");
    let judge = judge.trusting(StoreKind::SigningAuthority, root.der()).identity(&profile);
    verified_by(judge.ask(&request.jws(), Format::Jws.media_type()).expect("it counts"), FailedSignatures::default())
}

fn verified_by(signature: Box<VerifiedSignature>, others: FailedSignatures) -> ImageVerdict {
    let manifest = Digest::of(DigestAlgorithm::Sha256, b"{}");
    ImageVerdict::Verified(Verified {
        statement: "app".into(),
        by: VerifiedBy::Notation(VerifiedNotation { manifest, signature }),
        others,
    })
}

#[test]
fn the_size_of_a_verdict_covers_its_allocation_closely() {
    if !alone("verdict::the_size_of_a_verdict_covers_its_allocation_closely") {
        return;
    }
    let many = |code, count, subject, details: &[usize]| -> FailedSignatures {
        (0..count).map(|_| failed(code, subject, details)).collect()
    };
    let none_verified = |failed| ImageVerdict::none_verified("app".into(), failed, None);
    let long = "x".repeat(5000);
    for (name, verdict) in [
        ("skipped", ImageVerdict::Skipped(Skipped { statement: "app".into() })),
        ("without a statement", ImageVerdict::from_reason(None, Reason::new(Code::NoApplicableRule, "none"))),
        ("unsigned", none_verified(FailedSignatures::default())),
        ("one that failed", none_verified(many(Code::Expired, 1, 40, &[10]))),
        ("a hundred that failed", none_verified(many(Code::Expired, 100, 40, &[10]))),
        ("a thousand as long as can be", none_verified(many(Code::RevocationUnchecked, 1000, 5000, &[5000; 9]))),
        ("a hundred that are no trusted identities", none_verified((0..100).map(|_| not_an_identity()).collect())),
        ("verified", verified("strict", FailedSignatures::default(), "leaf")),
        ("verified by a long name, after others", verified("strict", many(Code::Expired, 50, 400, &[400; 3]), &long)),
        ("verified by AWS Signer", verified_by_aws_signer(0)),
        ("verified by AWS Signer with long names", verified_by_aws_signer(2000)),
        ("admitted by audit", verified("audit", FailedSignatures::default(), &long)),
    ] {
        let mut copies = Vec::with_capacity(COPIES);
        let before = ALLOCATOR.current_usage();
        for _ in 0..COPIES {
            copies.push(verdict.clone());
        }
        // The vector itself was allocated before.
        let occupied = (ALLOCATOR.current_usage() - before) / COPIES + size_of::<ImageVerdict>();
        let declared = copies[0].bytes();
        assert!(occupied <= declared, "{name}: declares {declared} and occupies {occupied}");
        assert!(declared <= occupied + occupied / 2 + 512, "{name}: declares {declared} and occupies {occupied}");
        assert!(declared <= 2 * FailedSignatures::BYTES, "{name}: {declared}");
    }
}
