//! Signatures that need evidence which this version cannot fetch: inconclusive only if all other checks pass. Everyone with
//! push rights can attach such a signature, which must not turn a rejection into an inconclusive verdict.

use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::RevokedEntities;
use countersign_core::evidence::SignerStatus;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::evidence::Sourced;
use countersign_core::policy::StoreKind;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_core_test_support::judge;
use countersign_core_test_support::judge::Judge;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use serde_json::Value;
use time::macros::datetime;

const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";
const PROFILE: &str = "com.amazonaws.signer.signingProfileVersion";
const JOB: &str = "com.amazonaws.signer.signingJob";
const PROFILE_ARN: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";

struct Fixture {
    root: Authority,
    untrusted: Authority,
    target: Descriptor,
}

impl Fixture {
    fn new() -> Self {
        Self {
            root: Authority::root(CertSpec::root()),
            untrusted: Authority::root(CertSpec::root().common_name("untrusted")),
            target: Descriptor::sample("image"),
        }
    }

    fn judge(&self, kind: StoreKind) -> Judge {
        Judge::about(&self.target.media_type, &self.target.digest, self.target.size).trusting(kind, self.root.der())
    }

    /// A judge that trusts the signing profile of [`Self::aws`].
    fn aws_judge(&self) -> Judge {
        self.judge(StoreKind::SigningAuthority).identity(PROFILE_ARN)
    }

    /// A signature with the attributes of AWS Signer.
    fn aws(&self, chain: &Chain) -> SignRequest {
        aws_attributes(SignRequest::new(chain, &self.target).scheme(Scheme::SigningAuthority))
    }
}

/// An answer of AWS Signer, by which nothing is revoked.
fn signer_status(request: &SignerStatusRequest, until: UnixTime) -> EvidenceResponse {
    let status = SignerStatus::new(RevokedEntities::read(request, &[]).expect("it is valid"), until);
    EvidenceResponse::SignerStatus(Sourced::new(status, "https://data-signer.example", UnixTime::EPOCH))
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
fn a_signature_of_aws_signer_without_an_answer_of_the_service_is_judged_by_the_action_of_revocation() {
    let fixture = Fixture::new();
    let chains =
        [CertSpec::leaf(), CertSpec::leaf().ocsp_url("http://ocsp.example")].map(|leaf| fixture.root.issue(leaf));
    for chain in chains {
        check(&fixture.aws_judge(), &fixture.aws(&chain), &[Code::SignerServiceUnchecked]);
        for judge in [
            fixture.aws_judge().level("permissive"),
            fixture.aws_judge().level("audit"),
            fixture.aws_judge().overriding("revocation", "log"),
            fixture.aws_judge().overriding("revocation", "skip"),
        ] {
            check(&judge, &fixture.aws(&chain), &[]);
        }
    }
    let sentence = fixture
        .aws_judge()
        .sentence(&fixture.aws(&fixture.root.issue(CertSpec::leaf())).jws(), Format::Jws.media_type());
    assert_eq!(
        sentence,
        "signer-service-unchecked: revocation was not checked at AWS Signer: the service is not called, as aws.signer.enabled \
         is not true; inconclusive, as the statement enforces the check"
    );
}

#[test]
fn naming_aws_signer_does_not_make_a_bad_signature_inconclusive() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(CertSpec::leaf());
    let good = fixture.aws(&chain);
    let judge = fixture.aws_judge();
    let short =
        fixture.root.issue(CertSpec::leaf().valid(datetime!(2026-03-01 00:00 UTC), datetime!(2026-04-01 00:00 UTC)));
    let expired = good.clone().expiry(datetime!(2026-06-01 12:00 UTC));
    let other = Descriptor::sample("another");
    let of_other = aws_attributes(SignRequest::new(&chain, &other).scheme(Scheme::SigningAuthority));
    let by_untrusted = fixture.aws(&fixture.untrusted.issue(CertSpec::leaf()));
    let plain = || SignRequest::new(&chain, &fixture.target).scheme(Scheme::SigningAuthority).plugin(PLUGIN);
    for (judge, request, code) in [
        (judge.clone(), by_untrusted, Code::UntrustedChain),
        (judge.clone(), of_other, Code::TargetMismatch),
        (judge.clone().metadata("pipeline", "release"), good.clone(), Code::MetadataMissing),
        (fixture.judge(StoreKind::Ca).identity(PROFILE_ARN), good.clone(), Code::UntrustedChain),
        (fixture.judge(StoreKind::SigningAuthority), good.clone(), Code::UntrustedIdentity),
        (
            fixture.judge(StoreKind::SigningAuthority).identity("x509.subject: C=CH, ST=ZH, O=Testkit"),
            good.clone(),
            Code::UntrustedIdentity,
        ),
        (
            fixture.judge(StoreKind::SigningAuthority).identity(&PROFILE_ARN.replace("/ci", "/other")),
            good.clone(),
            Code::UntrustedIdentity,
        ),
        (judge.clone(), expired, Code::Expired),
        (judge.clone(), fixture.aws(&short), Code::CertificateOutsideValidity),
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
            fixture.judge(StoreKind::Ca).identity(PROFILE_ARN),
            aws_attributes(SignRequest::new(&chain, &fixture.target)),
            Code::PluginUnsupported,
        ),
    ] {
        check(&judge, &request, &[code]);
    }
}

#[test]
fn rejects_an_untrusted_signer_that_needs_evidence_where_authenticity_is_only_logged() {
    let fixture = Fixture::new();
    let with_ocsp = || CertSpec::leaf().ocsp_url("http://ocsp.example");
    let by = |authority: &Authority, leaf: CertSpec| SignRequest::new(&authority.issue(leaf), &fixture.target);
    let (ca, aws) = (fixture.judge(StoreKind::Ca), fixture.aws_judge());
    for (judge, trusted, untrusted, code) in [
        (
            aws.level("audit").overriding("revocation", "enforce"),
            fixture.aws(&fixture.root.issue(CertSpec::leaf())),
            fixture.aws(&fixture.untrusted.issue(CertSpec::leaf())),
            Code::SignerServiceUnchecked,
        ),
        (
            ca.clone().level("audit").overriding("revocation", "enforce"),
            by(&fixture.root, with_ocsp()),
            by(&fixture.untrusted, with_ocsp()),
            Code::RevocationUnchecked,
        ),
        (
            ca.clone().overriding("authenticity", "log"),
            by(&fixture.root, with_ocsp()),
            by(&fixture.untrusted, with_ocsp()),
            Code::RevocationUnchecked,
        ),
    ] {
        check(&judge, &trusted, &[code]);
        check(&judge, &untrusted, &[Code::UntrustedChain]);
    }
    let judge = ca.level("audit").overriding("revocation", "enforce");
    assert_eq!(
        judge.sentence(&by(&fixture.untrusted, with_ocsp()).jws(), Format::Jws.media_type()),
        format!(
            "untrusted-chain: revocation is checked only for trusted signers: certificate chain is not trusted: found root \
             CN=untrusted,O=Testkit,ST=ZH,C=CH (SHA-256 {}), expected a certificate of ca:store-0 in the chain",
            fixture.untrusted.as_chain().thumbprints()[0]
        )
    );
}

#[test]
fn rejects_before_revocation() {
    let fixture = Fixture::new();
    let leaf = || CertSpec::leaf().crl_url("http://crl.example/a.crl");
    let chain = fixture.root.issue(leaf());
    let judge = fixture.judge(StoreKind::Ca);
    let good = SignRequest::new(&chain, &fixture.target);
    check(&judge, &good, &[Code::RevocationUnchecked]);
    let later = leaf().valid(datetime!(2027-01-01 00:00 UTC), datetime!(2028-01-01 00:00 UTC));
    let former = fixture
        .root
        .intermediate(CertSpec::intermediate().valid(datetime!(2025-01-01 00:00 UTC), datetime!(2025-12-31 00:00 UTC)));
    let disjoint = former.issue(leaf().valid(datetime!(2026-01-01 00:00 UTC), datetime!(2028-01-01 00:00 UTC)));
    for (judge, request, code) in [
        (judge.clone().identity("x509.subject: C=CH, ST=ZH, O=Other"), good.clone(), Code::UntrustedIdentity),
        (judge.clone().metadata("pipeline", "release"), good.clone(), Code::MetadataMissing),
        (judge.clone(), good.expiry(datetime!(2026-06-01 12:00 UTC)), Code::Expired),
        (judge.clone(), SignRequest::new(&fixture.untrusted.issue(leaf()), &fixture.target), Code::UntrustedChain),
        (judge.clone(), SignRequest::new(&chain, &Descriptor::sample("another")), Code::TargetMismatch),
        (
            judge.clone(),
            SignRequest::new(&fixture.root.issue(later), &fixture.target),
            Code::CertificateOutsideValidity,
        ),
        (judge, SignRequest::new(&disjoint, &fixture.target), Code::CertificateOutsideValidity),
    ] {
        check(&judge, &request, &[code]);
    }
}

/// The requests of each round, by kind and first URL.
fn asked(judge: &Judge, request: &SignRequest) -> Vec<Vec<String>> {
    let show = |request: &EvidenceRequest| match request {
        EvidenceRequest::Ocsp(request) => format!("ocsp {}", request.urls()[0]),
        EvidenceRequest::Crl(request) => format!("{:?} {}", request.kind(), request.urls()[0]),
        EvidenceRequest::SignerStatus(request) => format!("signer {}", request.profile_version()),
    };
    let (_, asked) = judge.ask_with(&request.jws(), Format::Jws.media_type(), judge::unavailable);
    asked.iter().map(|round| round.iter().map(show).collect()).collect()
}

#[test]
fn a_trusted_signature_requests_evidence_for_all_certificates_at_once_and_crls_without_ocsp() {
    let fixture = Fixture::new();
    let intermediate = fixture.root.intermediate(CertSpec::intermediate().crl_url("http://crl.example/root.crl"));
    let leaf = CertSpec::leaf().ocsp_url("http://ocsp.example").crl_url("http://crl.example/ca.crl");
    let request = SignRequest::new(&intermediate.issue(leaf), &fixture.target);
    let judge = fixture.judge(StoreKind::Ca);
    for judge in [judge.clone(), judge.clone().level("permissive"), judge.clone().level("audit")] {
        assert_eq!(
            asked(&judge, &request),
            [
                vec!["ocsp http://ocsp.example", "Base http://crl.example/root.crl"],
                vec!["Base http://crl.example/ca.crl"]
            ]
        );
    }
    assert_eq!(asked(&judge.overriding("revocation", "skip"), &request), [[""; 0]; 0]);
    let plain = SignRequest::new(&fixture.root.issue(CertSpec::leaf()), &fixture.target);
    assert_eq!(asked(&fixture.judge(StoreKind::Ca), &plain), [[""; 0]; 0]);
    assert_eq!(
        asked(&fixture.aws_judge(), &fixture.aws(&fixture.root.issue(CertSpec::leaf()))),
        [[format!("signer {PROFILE_ARN}/abcDEF1234")]]
    );
}

#[test]
fn requests_no_evidence_for_untrusted_or_rejected_signatures() {
    let fixture = Fixture::new();
    let leaf = || CertSpec::leaf().ocsp_url("http://ocsp.example").crl_url("http://crl.example/ca.crl");
    let good = SignRequest::new(&fixture.root.issue(leaf()), &fixture.target);
    let judge = fixture.judge(StoreKind::Ca);
    let by_untrusted = SignRequest::new(&fixture.untrusted.issue(leaf()), &fixture.target);
    let other = SignRequest::new(&fixture.root.issue(leaf()), &Descriptor::sample("another"));
    for (judge, request) in [
        (judge.clone(), by_untrusted.clone()),
        (judge.clone().level("audit"), by_untrusted.clone()),
        (judge.clone().level("audit").overriding("revocation", "enforce"), by_untrusted),
        (judge.clone().level("audit").identity("x509.subject: C=CH, ST=ZH, O=Other"), good.clone()),
        (judge.clone(), other),
        (judge.clone().metadata("pipeline", "release"), good.clone()),
        (judge.clone(), good.clone().expiry(datetime!(2026-06-01 12:00 UTC))),
        (judge.clone(), good.clone().critical_attribute("com.example.x", "y")),
        (judge.clone().at("2060-01-01T00:00:00Z"), good),
        (fixture.aws_judge().level("audit"), fixture.aws(&fixture.untrusted.issue(leaf()))),
        (fixture.judge(StoreKind::SigningAuthority), fixture.aws(&fixture.root.issue(leaf()))),
    ] {
        assert_eq!(asked(&judge, &request), [[""; 0]; 0], "{judge:?}");
    }
}

#[test]
fn unsupported_evidence_proves_nothing() {
    let fixture = Fixture::new();
    let request =
        SignRequest::new(&fixture.root.issue(CertSpec::leaf().ocsp_url("http://ocsp.example")), &fixture.target);
    let aws = fixture.aws(&fixture.root.issue(CertSpec::leaf()));
    let (_, asked) = fixture.aws_judge().ask_with(&aws.jws(), Format::Jws.media_type(), judge::unavailable);
    let [EvidenceRequest::SignerStatus(of_signer)] = &asked[0][..] else { panic!("{asked:?}") };
    let end = UnixTime::from_rfc3339("2030-01-01T00:00:00Z").unwrap();
    // The answer to another request than the one that is made, and one that has ended.
    let received = |request: &EvidenceRequest| match request {
        EvidenceRequest::SignerStatus(request) => signer_status(request, UnixTime::EPOCH),
        EvidenceRequest::Ocsp(_) | EvidenceRequest::Crl(_) => signer_status(of_signer, end),
    };
    for (judge, request, code) in [
        (fixture.judge(StoreKind::Ca), request, Code::RevocationUnchecked),
        (fixture.aws_judge(), aws.clone(), Code::SignerServiceUnchecked),
    ] {
        let (judged, asked) = judge.ask_with(&request.jws(), Format::Jws.media_type(), received);
        assert_eq!(asked.len(), 1);
        let failure = judged.expect_err("it is not verified");
        assert_eq!(failure.reasons.iter().map(|reason| reason.code).collect::<Vec<_>>(), [code]);
    }
}
