//! Signatures of AWS Signer: the status at the service decides about revocation, under the action of the statement.

use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::NotAvailable;
use countersign_core::evidence::RevokedEntities;
use countersign_core::evidence::SignerCause;
use countersign_core::evidence::SignerStatus;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::evidence::Sourced;
use countersign_core::name::SigningProfileAlias;
use countersign_core::notation::Check;
use countersign_core::notation::VerifiedSignature;
use countersign_core::policy::StoreKind;
use countersign_core::time::UnixTime;
use countersign_core::verdict::Code;
use countersign_core::verdict::SignerRevoked;
use countersign_core_test_support::judge::Judge;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;

const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";
const VERSION: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234";
const ALIASED: &str = "arn:aws:signer:eu-central-1::/aliased-signing-profiles/db4a39f3-f858-4b92-8623-8b4c41649972";
const ALIAS: &str = "arn:aws:signer:::/aliases/com.example.release";
const JOB: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/0a1b2c3d-0000-4000-8000-000000000000";

/// The end of the answers.
const UNTIL: &str = "2026-11-21T12:05:00Z";

struct Fixture {
    root: Authority,
    chain: Chain,
    target: Descriptor,
}

impl Fixture {
    fn new() -> Self {
        let root = Authority::root(CertSpec::root());
        let chain = root.intermediate(CertSpec::intermediate()).issue(CertSpec::leaf());
        Self { root, chain, target: Descriptor::sample("image") }
    }

    fn judge(&self, identity: &str) -> Judge {
        let judge = Judge::about(&self.target.media_type, &self.target.digest, self.target.size);
        judge.trusting(StoreKind::SigningAuthority, self.root.der()).identity(identity)
    }

    fn by(&self, chain: &Chain, version: &str) -> SignRequest {
        SignRequest::new(chain, &self.target)
            .scheme(Scheme::SigningAuthority)
            .plugin("com.amazonaws.signer.notation.plugin")
            .critical_attribute("com.amazonaws.signer.signingProfileVersion", version)
            .critical_attribute("com.amazonaws.signer.signingJob", JOB)
    }

    fn signature(&self) -> SignRequest {
        self.by(&self.chain, VERSION)
    }
}

fn under_alias(request: SignRequest, alias: &str) -> SignRequest {
    request.critical_attribute("com.amazonaws.signer.signingProfileAlias", alias)
}

/// The answer with these names, until [`UNTIL`].
fn answer(request: &SignerStatusRequest, revoked: &[String]) -> EvidenceResponse {
    let until = UnixTime::from_rfc3339(UNTIL).expect("it is valid");
    let asked = UnixTime::from_rfc3339("2026-11-21T12:00:00Z").expect("it is valid");
    let status = SignerStatus::new(RevokedEntities::read(request, revoked).expect("it is valid"), until);
    EvidenceResponse::SignerStatus(Sourced::new(status, "https://data-signer.eu-central-1.amazonaws.com", asked))
}

/// The result with an answer that `revoked` makes, as the verified signature or the sentence about the failure.
fn judged(
    judge: &Judge,
    request: &SignRequest,
    revoked: impl Fn(&SignerStatusRequest) -> Vec<String> + Copy,
) -> Result<Box<VerifiedSignature>, String> {
    let respond = |request: &EvidenceRequest| match request {
        EvidenceRequest::SignerStatus(request) => answer(request, &revoked(request)),
        EvidenceRequest::Ocsp(_) | EvidenceRequest::Crl(_) => panic!("AWS Signer has the status of certificates"),
    };
    let (result, _) = judge.ask_with(&request.jws(), Format::Jws.media_type(), respond);
    result.map_err(|failure| {
        let all: Vec<String> =
            failure.reasons.iter().map(|reason| format!("{}: {}", reason.code, reason.detail)).collect();
        all.join("; ")
    })
}

fn good(judge: &Judge, request: &SignRequest) -> Result<Box<VerifiedSignature>, String> {
    judged(judge, request, |_| Vec::new())
}

#[test]
fn a_signature_that_the_service_has_not_revoked_is_verified_until_the_end_of_the_answer() {
    let fixture = Fixture::new();
    let verified = good(&fixture.judge(PROFILE), &fixture.signature()).unwrap();
    assert_eq!(verified.good_until(), Some(UnixTime::from_rfc3339(UNTIL).unwrap()));
    assert_eq!(verified.warnings().count(), 0);
    assert!(verified.signer().is_some());
}

/// Profile version, alias and job of the signer.
fn shown(verified: &VerifiedSignature) -> Option<[Option<&str>; 3]> {
    let signer = verified.signer()?.aws_signer()?;
    let alias = signer.alias().map(SigningProfileAlias::as_str);
    Some([Some(signer.profile_version().as_str()), alias, Some(signer.job().as_str())])
}

#[test]
fn the_signer_has_the_profile_the_alias_and_the_job_that_aws_signer_states() {
    let fixture = Fixture::new();
    let (plain, both) = (fixture.signature(), under_alias(fixture.signature(), ALIAS));
    let aliased = under_alias(fixture.by(&fixture.chain, ALIASED), ALIAS);
    for (identity, request, expected, text) in [
        (PROFILE, &plain, [Some(VERSION), None, Some(JOB)], format!("{VERSION:?}")),
        (PROFILE, &both, [Some(VERSION), Some(ALIAS), Some(JOB)], format!("{VERSION:?} under the alias {ALIAS:?}")),
        (ALIAS, &aliased, [Some(ALIASED), Some(ALIAS), Some(JOB)], format!("{ALIASED:?} under the alias {ALIAS:?}")),
    ] {
        for judge in [fixture.judge(identity), fixture.judge(identity).level("audit")] {
            let verified = good(&judge, request).unwrap();
            assert_eq!(shown(&verified), Some(expected));
            let signer = verified.signer().map(ToString::to_string);
            assert_eq!(signer, Some(format!("AWS Signer with signing profile {text}")));
        }
    }
}

#[test]
fn a_profile_is_not_shown_unless_the_chain_and_the_identity_are_trusted_and_the_plugin_is_that_of_aws_signer() {
    let fixture = Fixture::new();
    // A chain without a trust anchor, and a profile that is no trusted identity: admitted, as only logged.
    let foreign = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    let audit = fixture.judge(PROFILE).level("audit").overriding("revocation", "skip");
    let other = VERSION.replace("/ci/", "/other/");
    for request in [fixture.by(&foreign, VERSION), fixture.by(&fixture.chain, &other)] {
        let verified = good(&audit, &request).unwrap();
        assert!(verified.signer().is_none());
        assert_eq!(verified.warnings().map(|(check, _)| check).collect::<Vec<_>>(), [Check::Authenticity]);
    }
    // The attributes without the plugin mean nothing, and are not critical then.
    let named = SignRequest::new(&fixture.chain, &fixture.target)
        .scheme(Scheme::SigningAuthority)
        .attribute("com.amazonaws.signer.signingProfileVersion", VERSION)
        .attribute("com.amazonaws.signer.signingJob", JOB);
    let verified = good(&fixture.judge("x509.subject: C=CH, ST=ZH, O=Testkit"), &named).unwrap();
    let signer = verified.signer().unwrap();
    assert_eq!((signer.aws_signer(), signer.to_string()), (None, "\"CN=leaf,O=Testkit,ST=ZH,C=CH\"".to_owned()));
}

#[test]
fn attributes_of_aws_signer_need_not_be_critical_and_others_that_are_not_critical_pass() {
    let fixture = Fixture::new();
    let request = SignRequest::new(&fixture.chain, &fixture.target)
        .scheme(Scheme::SigningAuthority)
        .plugin("com.amazonaws.signer.notation.plugin")
        .attribute("com.amazonaws.signer.signingProfileVersion", VERSION)
        .attribute("com.amazonaws.signer.signingProfileAlias", ALIAS)
        .attribute("com.amazonaws.signer.signingJob", JOB)
        .attribute("com.amazonaws.signer.somethingNew", "1");
    for identity in [PROFILE, ALIAS] {
        let verified = good(&fixture.judge(identity), &request).unwrap();
        assert_eq!(shown(&verified), Some([Some(VERSION), Some(ALIAS), Some(JOB)]));
    }
    assert!(good(&fixture.judge(&PROFILE.replace("/ci", "/other")), &request).is_err());
    let revoked = judged(&fixture.judge(PROFILE), &request, |_| vec![JOB.to_owned()]);
    assert!(revoked.unwrap_err().starts_with("revoked: "));
}

#[test]
fn what_the_service_has_revoked_is_named() {
    let fixture = Fixture::new();
    let (judge, request) = (fixture.judge(PROFILE), fixture.signature());
    let sentence = |found: &str| {
        format!(
            "revoked: signature is revoked at AWS Signer: found {found} (asked at 2026-11-21T12:00:00Z), expected a signature \
             that is not revoked"
        )
    };
    for (revoked, found) in [
        (vec![JOB.to_owned()], format!("signing job {JOB}")),
        (vec![VERSION.to_owned()], format!("signing profile version {VERSION}")),
        (vec![VERSION.to_owned(), JOB.to_owned()], format!("signing profile version {VERSION}, signing job {JOB}")),
        (vec!["something".to_owned()], "\"something\"".to_owned()),
    ] {
        assert_eq!(judged(&judge, &request, |_| revoked.clone()).unwrap_err(), sentence(&found));
    }
    let of_certificate = judged(&judge, &request, |request| vec![request.certificate_hashes()[1].clone()]);
    assert_eq!(of_certificate.unwrap_err(), sentence("certificate 2 of the chain"));
}

#[test]
fn the_remedy_of_a_revocation_is_that_of_what_is_revoked() {
    let fixture = Fixture::new();
    let jws = fixture.signature().jws();
    let certificate = "certificate";
    for (revoked, case) in [
        (&[JOB][..], SignerRevoked::Job),
        (&["something", JOB], SignerRevoked::Job),
        (&[JOB, certificate], SignerRevoked::Certificate),
        (&[JOB, certificate, VERSION], SignerRevoked::ProfileVersion),
        (&["something"], SignerRevoked::Other),
    ] {
        let respond = |request: &EvidenceRequest| {
            let EvidenceRequest::SignerStatus(request) = request else { panic!("{request:?}") };
            let hash = &request.certificate_hashes()[0];
            let names = revoked.iter().map(|name| if *name == certificate { hash.clone() } else { (*name).to_owned() });
            answer(request, &names.collect::<Vec<_>>())
        };
        let (result, _) = fixture.judge(PROFILE).ask_with(&jws, Format::Jws.media_type(), respond);
        let reasons = result.unwrap_err().reasons;
        assert_eq!((reasons.first().code, reasons.first().advice()), (Code::Revoked, case.advice()), "{revoked:?}");
    }
}

#[test]
fn the_remedy_of_an_untrusted_profile_names_it_only_under_a_trusted_chain() {
    let fixture = Fixture::new();
    let advice = |judge: &Judge, chain: &Chain| {
        let nothing = |_: &EvidenceRequest| panic!("nothing is requested");
        let jws = fixture.by(chain, VERSION).jws();
        let (result, _) = judge.ask_with(&jws, Format::Jws.media_type(), nothing);
        let reasons = result.unwrap_err().reasons;
        (reasons.first().code, reasons.first().advice().to_owned())
    };
    let other = fixture.judge("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/other");
    let add = format!(
        "sign with a trusted signing profile; or add {PROFILE:?} to trustedIdentities of the statement, if you trust this profile of \
         account 111122223333"
    );
    assert_eq!(advice(&other, &fixture.chain), (Code::UntrustedIdentity, add.clone()));
    // Where authenticity is only logged and revocation is enforced, its remedy stays.
    let logged = fixture.judge("x509.subject: C=US, ST=WA, O=AWS").overriding("authenticity", "log");
    assert_eq!(advice(&logged, &fixture.chain), (Code::UntrustedIdentity, add));
    let foreign = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    assert_eq!(advice(&other, &foreign), (Code::UntrustedChain, Code::UntrustedChain.advice().to_owned()));
}

#[test]
fn a_revoked_signature_is_a_warning_where_revocation_is_logged_and_nothing_is_asked_where_it_is_skipped() {
    let fixture = Fixture::new();
    let revoked = |_: &SignerStatusRequest| vec![JOB.to_owned()];
    for judge in [fixture.judge(PROFILE).level("permissive"), fixture.judge(PROFILE).overriding("revocation", "log")] {
        let verified = judged(&judge, &fixture.signature(), revoked).unwrap();
        let warnings: Vec<_> = verified.warnings().map(|(check, reason)| (check, reason.code)).collect();
        assert_eq!(warnings, [(Check::Revocation, Code::Revoked)]);
    }
    let skipped = fixture.judge(PROFILE).overriding("revocation", "skip");
    let respond = |_: &EvidenceRequest| panic!("nothing is requested");
    let (result, asked) = skipped.ask_with(&fixture.signature().jws(), Format::Jws.media_type(), respond);
    assert_eq!((result.unwrap().good_until(), asked.len()), (None, 0));
}

#[test]
fn an_outage_of_the_service_is_inconclusive_or_a_warning() {
    let fixture = Fixture::new();
    let down = |_: &EvidenceRequest| EvidenceResponse::NotAvailable(NotAvailable::new("status 503, expected 200"));
    let jws = fixture.signature().jws();
    let (result, asked) = fixture.judge(PROFILE).ask_with(&jws, Format::Jws.media_type(), down);
    assert_eq!(asked.len(), 1);
    let reasons: Vec<_> = result.unwrap_err().reasons.iter().map(|reason| reason.detail.to_string()).collect();
    assert_eq!(
        reasons,
        [
            "revocation was not checked at AWS Signer: status 503, expected 200; inconclusive, as the statement enforces the check"
        ]
    );
    let (result, _) = fixture.judge(PROFILE).level("permissive").ask_with(&jws, Format::Jws.media_type(), down);
    let verified = result.unwrap();
    let warnings: Vec<_> = verified.warnings().map(|(check, reason)| (check, reason.code)).collect();
    assert_eq!(warnings, [(Check::Revocation, Code::SignerServiceUnchecked)]);
}

#[test]
fn the_remedy_is_that_of_the_cause() {
    let fixture = Fixture::new();
    let jws = fixture.signature().jws();
    for cause in SignerCause::ALL {
        let why = move |_: &EvidenceRequest| EvidenceResponse::NotAvailable(NotAvailable::new("why").because(cause));
        let (result, _) = fixture.judge(PROFILE).ask_with(&jws, Format::Jws.media_type(), why);
        let reasons = result.unwrap_err().reasons;
        assert_eq!((reasons.first().code, reasons.first().advice()), (Code::SignerServiceUnchecked, cause.advice()));
    }
    let unknown = |_: &EvidenceRequest| EvidenceResponse::NotAvailable(NotAvailable::new("why"));
    let (result, _) = fixture.judge(PROFILE).ask_with(&jws, Format::Jws.media_type(), unknown);
    assert_eq!(
        result.unwrap_err().reasons.first().advice(),
        "correct the cause that the message names; or let the statement log or skip revocation"
    );
}

#[test]
fn the_answer_about_another_signature_proves_nothing() {
    let fixture = Fixture::new();
    let other = fixture.root.issue(CertSpec::leaf());
    let request_of = |request: &SignRequest| {
        let none = |_: &EvidenceRequest| EvidenceResponse::NotAvailable(NotAvailable::new("none"));
        let (_, asked) = fixture.judge(PROFILE).ask_with(&request.jws(), Format::Jws.media_type(), none);
        let [EvidenceRequest::SignerStatus(request)] = &asked[0][..] else { panic!("{asked:?}") };
        request.clone()
    };
    let others = [
        fixture.by(&other, VERSION),
        fixture.by(&fixture.chain, &VERSION.replace("1234", "1235")),
        fixture.signature().authentic_signing_time(time::macros::datetime!(2026-06-02 00:00 UTC)),
    ];
    for wrong in others.iter().map(request_of) {
        let respond = |_: &EvidenceRequest| answer(&wrong, &[]);
        let jws = fixture.signature().jws();
        let (result, _) = fixture.judge(PROFILE).ask_with(&jws, Format::Jws.media_type(), respond);
        let codes: Vec<_> = result.unwrap_err().reasons.iter().map(|reason| reason.code).collect();
        assert_eq!(codes, [Code::SignerServiceUnchecked]);
    }
}

#[test]
fn an_answer_is_not_used_after_its_end() {
    let fixture = Fixture::new();
    let (before, at) = ("2026-11-21T12:04:59Z", UNTIL);
    assert!(good(&fixture.judge(PROFILE).at(before), &fixture.signature()).is_ok());
    assert_eq!(
        good(&fixture.judge(PROFILE).at(at), &fixture.signature()).unwrap_err(),
        "signer-service-unchecked: revocation was not checked at AWS Signer: the answer is about another signature, or is not \
         current; inconclusive, as the statement enforces the check"
    );
}

#[test]
fn a_signer_is_trusted_by_profile_version_aliased_profile_or_alias() {
    let fixture = Fixture::new();
    let (plain, aliased) = (fixture.signature(), under_alias(fixture.by(&fixture.chain, ALIASED), ALIAS));
    let both = under_alias(fixture.signature(), ALIAS);
    for (identity, request) in
        [(PROFILE, &plain), (VERSION, &plain), (ALIASED, &aliased), (ALIAS, &aliased), (PROFILE, &both), (ALIAS, &both)]
    {
        assert!(good(&fixture.judge(identity), request).is_ok(), "{identity}");
    }
    for (identity, request) in [(ALIAS, &plain), (PROFILE, &aliased), (ALIASED, &plain)] {
        let sentence = good(&fixture.judge(identity), request).unwrap_err();
        assert!(
            sentence.starts_with("untrusted-identity: signing profile is not a trusted identity: found \"arn:"),
            "{sentence}"
        );
    }
}

#[test]
fn attributes_that_are_no_arns_of_the_service_are_malformed() {
    let fixture = Fixture::new();
    let table = "arn:aws:dynamodb:eu-central-1:111122223333:table/t";
    assert_eq!(
        good(&fixture.judge(PROFILE), &fixture.by(&fixture.chain, table)).unwrap_err(),
        format!(
            "envelope-malformed: attribute com.amazonaws.signer.signingProfileVersion: found {table:?}, expected \
             arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME/VERSION"
        )
    );
    assert_eq!(
        good(&fixture.judge(PROFILE), &under_alias(fixture.signature(), PROFILE)).unwrap_err(),
        format!(
            "envelope-malformed: attribute com.amazonaws.signer.signingProfileAlias: found {PROFILE:?}, expected \
             arn:aws:signer:::/aliases/NAME"
        )
    );
    let unknown = fixture.signature().critical_attribute("com.amazonaws.signer.somethingNew", "1");
    assert_eq!(
        good(&fixture.judge(PROFILE), &unknown).unwrap_err(),
        "critical-attribute-unknown: unknown critical attribute: found \"com.amazonaws.signer.somethingNew\", expected only attributes \
         that this verifier processes"
    );
}

#[test]
fn a_signature_that_requires_a_later_version_of_the_plugin_is_unsupported() {
    let fixture = Fixture::new();
    let judge = fixture.judge(PROFILE);
    let requires =
        |version: &str| fixture.signature().critical_attribute("io.cncf.notary.verificationPluginMinVersion", version);
    assert!(judged(&judge, &requires("1.0.2292"), |_| Vec::new()).is_ok());
    for version in ["1.0.2293", "999.0.0"] {
        assert_eq!(
            judged(&judge, &requires(version), |_| Vec::new()).unwrap_err(),
            format!(
                "plugin-unsupported: verification plugin \"com.amazonaws.signer.notation.plugin\" is not supported in this version: found \
                 the minimum version \"{version}\", expected at most 1.0.2292"
            )
        );
    }
}
