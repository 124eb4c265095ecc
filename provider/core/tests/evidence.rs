//! Signatures that need evidence which this version cannot get: undecided only if everything else is as it should be.
//! Whoever can push to a repository can write such a signature, and must not turn a refusal into "could not look" by it.

#[path = "support/judge.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod judge;

use countersign_core::policy::StoreKind;
use countersign_core::verdict::Code;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use judge::Judge;
use serde_json::Value;
use time::macros::datetime;

const LEVELS: [&str; 3] = ["strict", "permissive", "audit"];

const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";
const PROFILE: &str = "com.amazonaws.signer.signingProfileVersion";
const JOB: &str = "com.amazonaws.signer.signingJob";
const PROFILE_ARN: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";

struct World {
    root: Authority,
    stranger: Authority,
    target: Descriptor,
}

impl World {
    fn new() -> Self {
        Self {
            root: Authority::root(CertSpec::root()),
            stranger: Authority::root(CertSpec::root().common_name("stranger")),
            target: Descriptor::sample("image"),
        }
    }

    fn judge(&self, kind: StoreKind) -> Judge {
        Judge::about(&self.target.media_type, &self.target.digest, self.target.size).trusting(kind, self.root.der())
    }

    /// Trusts the signing profile that [`Self::aws`] names.
    fn aws_judge(&self) -> Judge {
        self.judge(StoreKind::SigningAuthority).identity(PROFILE_ARN)
    }

    /// As AWS Signer writes it.
    fn aws(&self, chain: &Chain) -> SignRequest {
        aws_attributes(SignRequest::new(chain, &self.target).scheme(Scheme::SigningAuthority))
    }
}

fn aws_attributes(request: SignRequest) -> SignRequest {
    request
        .plugin(PLUGIN)
        .plugin_min_version("1.0.298")
        .critical_attribute(PROFILE, format!("{PROFILE_ARN}/abcDEF1234"))
        .critical_attribute(
            JOB,
            "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/0a1b2c3d-0000-4000-8000-000000000000",
        )
}

#[track_caller]
fn check(judge: &Judge, request: &SignRequest, codes: &[Code]) {
    for format in Format::ALL {
        assert_eq!(judge.codes(&request.envelope(format), format.media_type()), codes, "{format:?}");
    }
}

#[test]
fn a_signature_of_aws_signer_is_undecided_if_all_else_is_as_it_should_be() {
    let world = World::new();
    let chains =
        [CertSpec::leaf(), CertSpec::leaf().ocsp_url("http://ocsp.example")].map(|leaf| world.root.issue(leaf));
    for chain in chains {
        for level in LEVELS {
            check(&world.aws_judge().level(level), &world.aws(&chain), &[Code::SignerServiceUnchecked]);
        }
        for action in ["log", "skip"] {
            let judge = world.aws_judge().overriding("revocation", action);
            check(&judge, &world.aws(&chain), &[Code::SignerServiceUnchecked]);
        }
    }
    let sentence =
        world.aws_judge().sentence(&world.aws(&world.root.issue(CertSpec::leaf())).jws(), Format::Jws.media_type());
    assert_eq!(
        sentence,
        "signer-service-unchecked: AWS Signer could not be asked about the signature: want its revocation status"
    );
}

#[test]
fn the_name_of_aws_signer_does_not_make_a_bad_signature_undecided() {
    let world = World::new();
    let chain = world.root.issue(CertSpec::leaf());
    let good = world.aws(&chain);
    let judge = world.aws_judge();
    let short =
        world.root.issue(CertSpec::leaf().valid(datetime!(2026-03-01 00:00 UTC), datetime!(2026-04-01 00:00 UTC)));
    let expired = good.clone().expiry(datetime!(2026-06-01 12:00 UTC));
    let other = Descriptor::sample("another");
    let of_other = aws_attributes(SignRequest::new(&chain, &other).scheme(Scheme::SigningAuthority));
    let by_stranger = world.aws(&world.stranger.issue(CertSpec::leaf()));
    let plain = || SignRequest::new(&chain, &world.target).scheme(Scheme::SigningAuthority).plugin(PLUGIN);
    for (judge, request, code) in [
        (judge.clone(), by_stranger, Code::UntrustedChain),
        (judge.clone(), of_other, Code::TargetMismatch),
        (judge.clone().metadata("pipeline", "release"), good.clone(), Code::MetadataMissing),
        (world.judge(StoreKind::Ca).identity(PROFILE_ARN), good.clone(), Code::UntrustedChain),
        (world.judge(StoreKind::SigningAuthority), good.clone(), Code::UntrustedIdentity),
        (
            world.judge(StoreKind::SigningAuthority).identity("x509.subject: C=CH, ST=ZH, O=Testkit"),
            good.clone(),
            Code::UntrustedIdentity,
        ),
        (
            world.judge(StoreKind::SigningAuthority).identity(&PROFILE_ARN.replace("/ci", "/other")),
            good.clone(),
            Code::UntrustedIdentity,
        ),
        (judge.clone(), expired, Code::Expired),
        (judge.clone(), world.aws(&short), Code::CertificateOutsideValidity),
        (judge.clone(), good.clone().authentic_signing_time(datetime!(2026-12-24 00:00 UTC)), Code::TimestampInvalid),
        (judge.clone(), good.clone().critical_attribute("com.example.x", "y"), Code::CriticalAttributeUnknown),
        (judge.clone(), plain(), Code::EnvelopeMalformed),
        (judge.clone(), plain().critical_attribute(PROFILE, format!("{PROFILE_ARN}/1")), Code::EnvelopeMalformed),
        (
            judge.clone(),
            plain().critical_attribute(PROFILE, PROFILE_ARN).critical_attribute(JOB, "x"),
            Code::EnvelopeMalformed,
        ),
        (judge.clone(), plain().critical_attribute(PROFILE, Value::from(7)), Code::EnvelopeMalformed),
        (judge.clone(), plain().plugin_min_version("latest"), Code::EnvelopeMalformed),
        (
            world.judge(StoreKind::Ca).identity(PROFILE_ARN),
            aws_attributes(SignRequest::new(&chain, &world.target)),
            Code::PluginUnsupported,
        ),
    ] {
        check(&judge, &request, &[code]);
    }
}

#[test]
fn where_authenticity_is_only_logged_an_untrusted_signer_is_refused_what_needs_evidence() {
    let world = World::new();
    let with_ocsp = || CertSpec::leaf().ocsp_url("http://ocsp.example");
    let by = |authority: &Authority, leaf: CertSpec| SignRequest::new(&authority.issue(leaf), &world.target);
    let tsa = |judge: Judge| judge.trusting(StoreKind::Tsa, world.root.der());
    let (ca, aws) = (world.judge(StoreKind::Ca), world.aws_judge());
    for (judge, trusted, untrusted, code) in [
        (
            aws.level("audit"),
            world.aws(&world.root.issue(CertSpec::leaf())),
            world.aws(&world.stranger.issue(CertSpec::leaf())),
            Code::SignerServiceUnchecked,
        ),
        (
            ca.clone().level("audit").overriding("revocation", "enforce"),
            by(&world.root, with_ocsp()),
            by(&world.stranger, with_ocsp()),
            Code::RevocationUnchecked,
        ),
        (
            ca.clone().overriding("authenticity", "log"),
            by(&world.root, with_ocsp()),
            by(&world.stranger, with_ocsp()),
            Code::RevocationUnchecked,
        ),
        (
            tsa(ca.clone().level("audit").overriding("authenticTimestamp", "enforce")),
            by(&world.root, CertSpec::leaf()).timestamp(b"token"),
            by(&world.stranger, CertSpec::leaf()).timestamp(b"token"),
            Code::TimestampUnchecked,
        ),
    ] {
        check(&judge, &trusted, &[code]);
        check(&judge, &untrusted, &[Code::UntrustedChain]);
    }
    let judge = ca.level("audit").overriding("revocation", "enforce");
    assert_eq!(
        judge.sentence(&by(&world.stranger, with_ocsp()).jws(), Format::Jws.media_type()),
        "untrusted-chain: revocation is looked up for trusted signers only: the certificate chain ends in the root CN=stranger,O=Testkit,ST=ZH,C=CH: want a chain with a certificate of ca:store-0"
    );
}

#[test]
fn what_is_refused_is_refused_whatever_revocation_or_a_timestamp_would_say() {
    let world = World::new();
    let leaf = || CertSpec::leaf().crl_url("http://crl.example/a.crl");
    let chain = world.root.issue(leaf());
    let judge = world.judge(StoreKind::Ca).trusting(StoreKind::Tsa, world.root.der());
    let good = SignRequest::new(&chain, &world.target).timestamp(b"token");
    check(&judge, &good, &[Code::TimestampUnchecked, Code::RevocationUnchecked]);
    let later = leaf().valid(datetime!(2027-01-01 00:00 UTC), datetime!(2028-01-01 00:00 UTC));
    let former = world
        .root
        .intermediate(CertSpec::intermediate().valid(datetime!(2025-01-01 00:00 UTC), datetime!(2025-12-31 00:00 UTC)));
    let apart = former.issue(leaf().valid(datetime!(2026-01-01 00:00 UTC), datetime!(2028-01-01 00:00 UTC)));
    for (judge, request, code) in [
        (judge.clone().identity("x509.subject: C=CH, ST=ZH, O=Other"), good.clone(), Code::UntrustedIdentity),
        (judge.clone().metadata("pipeline", "release"), good.clone(), Code::MetadataMissing),
        (judge.clone(), good.expiry(datetime!(2026-06-01 12:00 UTC)), Code::Expired),
        (
            judge.clone(),
            SignRequest::new(&world.stranger.issue(leaf()), &world.target).timestamp(b"token"),
            Code::UntrustedChain,
        ),
        (
            judge.clone(),
            SignRequest::new(&chain, &Descriptor::sample("another")).timestamp(b"token"),
            Code::TargetMismatch,
        ),
        (judge.clone(), SignRequest::new(&chain, &world.target), Code::TimestampInvalid),
        // There is no moment at which all certificates were valid, so no timestamp can lie in it.
        (
            judge.clone(),
            SignRequest::new(&world.root.issue(later), &world.target).timestamp(b"token"),
            Code::CertificateOutsideValidity,
        ),
        (judge, SignRequest::new(&apart, &world.target).timestamp(b"token"), Code::CertificateOutsideValidity),
    ] {
        check(&judge, &request, &[code]);
    }
}
