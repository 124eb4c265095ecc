//! The statement's checks of well-formed envelopes: what each rejects, at which level, to the second.

use countersign_core::name::MediaType;
use countersign_core::notation::Check;
use countersign_core::notation::CheckOutcome;
use countersign_core::policy::StoreKind;
use countersign_core::verdict::Code;
use countersign_core::x509::Certificate;
use countersign_core_test_support::judge::Judge;
use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use time::macros::datetime;

const JWS: &str = "application/jose+json";
const LEVELS: [&str; 3] = ["strict", "permissive", "audit"];

struct Fixture {
    root: Authority,
    target: Descriptor,
}

impl Fixture {
    fn new() -> Self {
        Self { root: Authority::root(CertSpec::root()), target: Descriptor::sample("image") }
    }

    fn judge(&self) -> Judge {
        self.untrusting().trusting(StoreKind::Ca, self.root.der())
    }

    fn untrusting(&self) -> Judge {
        Judge::about(&self.target.media_type, &self.target.digest, self.target.size)
    }

    fn sign(&self, chain: &Chain) -> Vec<u8> {
        SignRequest::new(chain, &self.target).jws()
    }
}

#[test]
fn every_level_enforces_the_signed_target() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(CertSpec::leaf());
    let other_digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let Descriptor { media_type, digest, size, .. } = &fixture.target;
    for format in Format::ALL {
        let envelope = SignRequest::new(&chain, &fixture.target).envelope(format);
        for level in LEVELS {
            for (media_type, digest, size) in [
                (MediaType::OCI_INDEX, digest.as_str(), *size),
                (media_type.as_str(), other_digest, *size),
                (media_type.as_str(), digest.as_str(), *size + 1),
            ] {
                let judge =
                    Judge::about(media_type, digest, size).level(level).trusting(StoreKind::Ca, fixture.root.der());
                assert_eq!(judge.codes(&envelope, format.media_type()), [Code::TargetMismatch], "{format:?} {level}");
            }
        }
    }
}

#[test]
fn refuses_ambiguous_payloads() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(CertSpec::leaf());
    let Descriptor { media_type, digest, size, .. } = &fixture.target;
    let target = format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#);
    let judge = fixture.judge();
    let codes = |payload: String| judge.codes(&SignRequest::of_payload(&chain, payload.as_bytes()).jws(), JWS);
    assert_eq!(codes(format!(r#"{{"targetArtifact":{target}}}"#)), []);
    assert_eq!(codes(format!(r#"{{"targetArtifact":{target},"new":1}}"#)), []);
    for payload in [
        format!(r#"{{"targetArtifact":{{"digest":"{digest}"}},"targetArtifact":{target}}}"#),
        format!(r#"{{"TARGETARTIFACT":{target}}}"#),
        format!(r#"{{"targetArtifact":{target}}} "x""#),
        format!(r#"{{"targetArtifact":[{target}]}}"#),
        format!(r#"{{"targetArtifact":{{"mediaType":"{media_type}","digest":"{digest}","size":"{size}"}}}}"#),
        format!(r#"{{"targetArtifact":{{"mediaType":"{media_type}","digest":"{digest}","size":{size}.0}}}}"#),
        format!(
            r#"{{"targetArtifact":{{"mediaType":"{media_type}","digest":"{digest}","size":{size},"size":{size}}}}}"#
        ),
        r#"{"targetArtifact":null}"#.to_owned(),
        "[]".to_owned(),
        "x".to_owned(),
    ] {
        assert_eq!(codes(payload.clone()), [Code::PayloadInvalid], "{payload}");
    }
    let large = format!(r#"{{"targetArtifact":{target},"x":"{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(codes(large), [Code::EnvelopeMalformed]);
}

#[test]
fn trust_requires_a_store_of_the_schemes_type() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(CertSpec::leaf());
    let untrusted = Authority::root(CertSpec::root());
    for (scheme, right, wrong) in [
        (Scheme::X509, StoreKind::Ca, StoreKind::SigningAuthority),
        (Scheme::SigningAuthority, StoreKind::SigningAuthority, StoreKind::Ca),
    ] {
        let envelope = SignRequest::new(&chain, &fixture.target).scheme(scheme).jws();
        let judge = fixture.untrusting().trusting(right, fixture.root.der());
        assert_eq!(judge.codes(&envelope, JWS), []);
        let judge = fixture.untrusting().trusting(wrong, fixture.root.der());
        assert_eq!(judge.codes(&envelope, JWS), [Code::UntrustedChain]);
        let judge = fixture.untrusting().trusting(right, untrusted.der()).trusting(wrong, fixture.root.der());
        assert_eq!(judge.codes(&envelope, JWS), [Code::UntrustedChain]);
        let logged = fixture.untrusting().trusting(wrong, fixture.root.der()).level("audit");
        let verified = logged.ask(&envelope, JWS).unwrap();
        let CheckOutcome::Logged(reason) = &verified.checks().authenticity else { panic!("it is logged") };
        assert_eq!(reason.code, Code::UntrustedChain);
        assert_eq!(verified.signer(), None);
        assert_eq!(*verified.unverified_subject(), "CN=leaf,O=Testkit,ST=ZH,C=CH");
    }
}

#[test]
fn gives_the_signer_only_if_authenticity_passed() {
    let root = Authority::root(CertSpec::root());
    let intermediate = root.intermediate(CertSpec::intermediate());
    let chain = intermediate.issue(CertSpec::leaf().serial(&[0x0a, 0xbc]));
    let fixture = Fixture { root, target: Descriptor::sample("image") };
    let expiry = datetime!(2027-06-01 12:00 UTC);
    for format in Format::ALL {
        let envelope = SignRequest::new(&chain, &fixture.target).expiry(expiry).envelope(format);
        let ask = |judge: Judge| judge.ask(&envelope, format.media_type()).unwrap();
        let name = match format {
            Format::Jws => "jws",
            Format::Cose => "cose",
        };
        for level in LEVELS {
            // The store of the intermediate is listed first, and its certificate precedes the root in the chain.
            let judge = fixture.untrusting().trusting(StoreKind::Ca, fixture.root.der());
            for (judge, store, anchor, der) in [
                (judge.clone(), "ca:store-0", "CN=root,O=Testkit,ST=ZH,C=CH", fixture.root.der()),
                (
                    judge.trusting(StoreKind::Ca, intermediate.der()),
                    "ca:store-1",
                    "CN=intermediate,O=Testkit,ST=ZH,C=CH",
                    intermediate.der(),
                ),
            ] {
                let verified = ask(judge.level(level));
                let signer = verified.signer().unwrap();
                assert_eq!(*signer.subject(), "CN=leaf,O=Testkit,ST=ZH,C=CH");
                assert_eq!(*signer.issuer(), "CN=intermediate,O=Testkit,ST=ZH,C=CH");
                assert_eq!(*signer.serial(), "0abc");
                assert_eq!((signer.format(), signer.algorithm(), signer.scheme()), (name, "ES256", "notary.x509"));
                assert_eq!(signer.signing_time().to_string(), "2026-01-02T03:04:05Z");
                assert_eq!(signer.expiry().unwrap().to_string(), "2027-06-01T12:00:00Z");
                assert_eq!(signer.anchor().store.to_string(), store);
                assert_eq!(signer.anchor().subject, anchor);
                assert_eq!(signer.anchor().fingerprint, Certificate::parse(der).unwrap().fingerprint());
                assert_eq!(verified.warnings().count(), 0);
            }
        }
        let listed = "x509.subject: C=CH, ST=ZH, O=Other";
        for (judge, code) in [
            (fixture.untrusting().trusting(StoreKind::SigningAuthority, fixture.root.der()), Code::UntrustedChain),
            (fixture.judge().identity(listed), Code::UntrustedIdentity),
        ] {
            for judge in [judge.clone().level("audit"), judge.clone().overriding("authenticity", "log")] {
                let verified = ask(judge);
                assert_eq!(verified.signer(), None);
                let warnings: Vec<_> = verified.warnings().map(|(check, reason)| (check, reason.code)).collect();
                assert_eq!(warnings, [(Check::Authenticity, code)]);
            }
            assert_eq!(judge.codes(&envelope, format.media_type()), [code]);
        }
    }
}

#[test]
fn trusts_any_certificate_of_the_chain_by_identity_and_not_by_name() {
    let root = Authority::root(CertSpec::root());
    let intermediate = root.intermediate(CertSpec::intermediate());
    let chain = intermediate.issue(CertSpec::leaf());
    let fixture = Fixture { root, target: Descriptor::sample("image") };
    let envelope = fixture.sign(&chain);
    for trusted in [fixture.root.der(), intermediate.der()] {
        assert_eq!(fixture.untrusting().trusting(StoreKind::Ca, trusted).codes(&envelope, JWS), []);
    }
    let same_name = Authority::root(CertSpec::root());
    assert_eq!(
        fixture.untrusting().trusting(StoreKind::Ca, same_name.der()).codes(&envelope, JWS),
        [Code::UntrustedChain]
    );
    // The same key and name under another serial number is another certificate.
    let again = Authority::root(CertSpec::root().with_key(fixture.root.key()));
    assert_eq!(fixture.untrusting().trusting(StoreKind::Ca, again.der()).codes(&envelope, JWS), [Code::UntrustedChain]);
}

#[test]
fn the_leafs_subject_must_be_a_trusted_identity() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(CertSpec::leaf().common_name("release"));
    let envelope = fixture.sign(&chain);
    let by = |identity: &str| fixture.judge().identity(identity).codes(&envelope, JWS);
    assert_eq!(by("x509.subject: C=CH, ST=ZH, O=Testkit"), []);
    assert_eq!(by("x509.subject: CN=release, O=Testkit, ST=ZH, C=CH"), []);
    assert_eq!(by("x509.subject: C=CH, ST=ZH, O=Testkit, CN=other"), [Code::UntrustedIdentity]);
    assert_eq!(by("x509.subject: C=CH, ST=ZH, O=Testkit, OU=x"), [Code::UntrustedIdentity]);
    assert_eq!(by("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci"), [Code::UntrustedIdentity]);
    let sentence = fixture.judge().identity("x509.subject: C=CH, ST=ZH, O=Other").sentence(&envelope, JWS);
    assert_eq!(
        sentence,
        "untrusted-identity: signer is not a trusted identity: found subject \"CN=release,O=Testkit,ST=ZH,C=CH\", \
         expected one of \"x509.subject: C=CH, ST=ZH, O=Other\""
    );
}

#[test]
fn a_signature_expires_at_the_second_of_its_expiry() {
    let fixture = Fixture::new();
    let chain = fixture.root.issue(CertSpec::leaf());
    for format in Format::ALL {
        let request = SignRequest::new(&chain, &fixture.target).expiry(datetime!(2026-06-01 12:00 UTC));
        let envelope = request.envelope(format);
        let at = |time| fixture.judge().at(time).codes(&envelope, format.media_type());
        assert_eq!(at("2026-06-01T11:59:59Z"), []);
        assert_eq!(at("2026-06-01T12:00:00Z"), [Code::Expired]);
        for level in ["permissive", "audit"] {
            let judge = fixture.judge().level(level).at("2026-06-01T12:00:00Z");
            assert_eq!(judge.codes(&envelope, format.media_type()), []);
        }
        let verified = fixture.judge().at("2026-06-01T11:59:59Z").ask(&envelope, format.media_type()).unwrap();
        assert_eq!(verified.good_until().unwrap().to_string(), "2026-06-01T12:00:00Z");
    }
}

#[test]
fn every_certificate_is_valid_now_both_ends_included() {
    let from = datetime!(2026-03-01 00:00 UTC);
    let to = datetime!(2026-04-01 00:00 UTC);
    let long = Authority::root(CertSpec::root());
    let short = Authority::root(CertSpec::root().valid(from, to));
    for (root, leaf) in [(long, CertSpec::leaf().valid(from, to)), (short, CertSpec::leaf())] {
        let chain = root.issue(leaf);
        let fixture = Fixture { root, target: Descriptor::sample("image") };
        let envelope = fixture.sign(&chain);
        let at = |time| fixture.judge().at(time).codes(&envelope, JWS);
        assert_eq!(at("2026-02-28T23:59:59Z"), [Code::CertificateOutsideValidity]);
        assert_eq!(at("2026-03-01T00:00:00Z"), []);
        assert_eq!(at("2026-04-01T00:00:00Z"), []);
        assert_eq!(at("2026-04-01T00:00:01Z"), [Code::CertificateOutsideValidity]);
        let verified = fixture.judge().at("2026-03-15T00:00:00Z").ask(&envelope, JWS).unwrap();
        assert_eq!(verified.good_until().unwrap().to_string(), "2026-04-01T00:00:00Z");
        let logged = fixture.judge().level("permissive").at("2027-01-01T00:00:00Z").ask(&envelope, JWS).unwrap();
        assert_eq!(logged.good_until(), None);
        assert_eq!(
            logged.warnings().map(|(check, reason)| (check, reason.code)).collect::<Vec<_>>(),
            [(Check::AuthenticTimestamp, Code::CertificateOutsideValidity)]
        );
    }
}

#[test]
fn a_signing_authoritys_signature_is_verified_at_its_signing_time() {
    let from = datetime!(2026-03-01 00:00 UTC);
    let to = datetime!(2026-04-01 00:00 UTC);
    let fixture = Fixture::new();
    let chain = fixture.root.issue(CertSpec::leaf().valid(from, to));
    let judge = fixture.untrusting().trusting(StoreKind::SigningAuthority, fixture.root.der());
    let signed_at = |time| {
        let request = SignRequest::new(&chain, &fixture.target);
        request.scheme(Scheme::SigningAuthority).authentic_signing_time(time).jws()
    };
    assert_eq!(judge.codes(&signed_at(from), JWS), []);
    assert_eq!(judge.codes(&signed_at(to), JWS), []);
    for outside in [datetime!(2026-02-28 23:59:59 UTC), datetime!(2026-04-01 00:00:01 UTC)] {
        assert_eq!(judge.codes(&signed_at(outside), JWS), [Code::CertificateOutsideValidity]);
    }
    let ahead = signed_at(datetime!(2026-03-15 12:05:00 UTC));
    assert_eq!(judge.clone().at("2026-03-15T12:00:00Z").codes(&ahead, JWS), []);
    assert_eq!(judge.at("2026-03-15T11:59:59Z").codes(&ahead, JWS), [Code::TimestampInvalid]);
}

#[test]
fn a_revocable_certificate_is_inconclusive_unless_the_statement_overrides_revocation() {
    let fixture = Fixture::new();
    let plain = || CertSpec::leaf();
    let intermediate = fixture.root.intermediate(CertSpec::intermediate().crl_url("http://crl.example/ca.crl"));
    for chain in [
        fixture.root.issue(plain().ocsp_url("http://ocsp.example")),
        fixture.root.issue(plain().crl_url("http://crl.example/a.crl")),
        intermediate.issue(plain()),
    ] {
        let envelope = fixture.sign(&chain);
        assert_eq!(fixture.judge().codes(&envelope, JWS), [Code::RevocationUnchecked]);
        assert_eq!(fixture.judge().overriding("revocation", "log").codes(&envelope, JWS), []);
        assert_eq!(fixture.judge().overriding("revocation", "skip").codes(&envelope, JWS), []);
        assert_eq!(fixture.judge().level("permissive").codes(&envelope, JWS), []);
    }
    // A root has no issuer that could revoke it.
    let root = Authority::root(CertSpec::root().crl_url("http://crl.example/root.crl"));
    let chain = root.issue(plain());
    let fixture = Fixture { root, target: Descriptor::sample("image") };
    assert_eq!(fixture.judge().codes(&fixture.sign(&chain), JWS), []);
    let sentence = {
        let chain = fixture.root.issue(plain().serial(&[0x0a, 0xff]).ocsp_url("http://ocsp.example"));
        fixture.judge().sentence(&fixture.sign(&chain), JWS)
    };
    assert_eq!(
        sentence,
        "revocation-unchecked: revocation was not checked: certificate \"CN=leaf,O=Testkit,ST=ZH,C=CH\" (serial 0aff) \
         names \"http://ocsp.example\", and has no usable status: OCSP: no fetcher of OCSP responses and CRLs \
         is in use; inconclusive, as the statement enforces the check"
    );
}

#[test]
fn reports_all_enforced_failures_and_none_that_is_only_logged() {
    let fixture = Fixture::new();
    let untrusted = Authority::root(CertSpec::root());
    let chain = untrusted.issue(CertSpec::leaf().ocsp_url("http://ocsp.example"));
    let request = SignRequest::new(&chain, &Descriptor::sample("another")).expiry(datetime!(2026-06-01 12:00 UTC));
    let envelope = request.jws();
    // Unchecked revocation does not change a rejection.
    assert_eq!(fixture.judge().codes(&envelope, JWS), [Code::TargetMismatch, Code::UntrustedChain, Code::Expired]);
    assert_eq!(fixture.judge().level("permissive").codes(&envelope, JWS), [Code::TargetMismatch, Code::UntrustedChain]);
}

#[test]
fn an_altered_chain_does_not_verify_even_where_trust_is_only_logged() {
    let root = Authority::root(CertSpec::root());
    let intermediate = root.intermediate(CertSpec::intermediate());
    let chain = intermediate.issue(CertSpec::leaf());
    let fixture = Fixture { root, target: Descriptor::sample("image") };
    let [leaf, middle, top] = <[Vec<u8>; 3]>::try_from(chain.der().to_vec()).unwrap();
    let same_name = Authority::root(CertSpec::root()).der().to_vec();
    for certificates in [
        vec![leaf.clone(), middle.clone()],
        vec![leaf.clone(), top.clone()],
        vec![leaf.clone()],
        vec![leaf.clone(), middle.clone(), same_name.clone()],
        vec![leaf.clone(), middle.clone(), top.clone(), top.clone()],
        vec![leaf.clone(), middle.clone(), top.clone(), same_name],
        vec![leaf.clone(), leaf.clone(), middle.clone(), top.clone()],
        vec![middle.clone(), top.clone()],
        vec![top, middle, leaf],
    ] {
        let altered = chain.with_certificates(certificates);
        for format in Format::ALL {
            let envelope = SignRequest::new(&altered, &fixture.target).envelope(format);
            let codes = fixture.judge().level("audit").codes(&envelope, format.media_type());
            assert!(matches!(codes[..], [Code::ChainInvalid | Code::CertificateInvalid]), "{codes:?}");
        }
    }
}
