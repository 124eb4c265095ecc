//! The use of timestamps by a statement: when one is required, and the period in which the signer's certificates must be
//! valid.

use countersign_core::evidence::EvidenceRequest;
use countersign_core::notation::Check;
use countersign_core::policy::StoreKind;
use countersign_core::verdict::Code;
use countersign_core_test_support::judge;
use countersign_core_test_support::judge::Judge;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::Tsa;
use countersign_testkit::timestamp::accuracy;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::notation::timestamp::fixture::Fixture;

/// A certificate that was valid at the time of the timestamp and has ended since.
fn ended() -> CertSpec {
    CertSpec::leaf().valid(datetime!(2026-01-01 00:00 UTC), datetime!(2026-02-01 00:00 UTC))
}

#[track_caller]
fn check(judge: &Judge, envelope: impl Fn(Format) -> Vec<u8>, codes: &[Code]) {
    for format in Format::ALL {
        assert_eq!(judge.codes(&envelope(format), format.media_type()), codes, "{format:?}");
    }
}

#[test]
fn a_timestamp_keeps_a_signature_valid_after_the_end_of_its_certificate() {
    let fixture = Fixture::new();
    let request = SignRequest::new(&fixture.signer(ended()), &fixture.target);
    let outside = [Code::CertificateOutsideValidity];
    let plain = |format| request.envelope(format);
    let stamped = |format| fixture.tsa.envelope(&request, format);
    check(&fixture.judge_without_tsa(), stamped, &outside);
    for when in ["always", "afterCertExpiry"] {
        let judge = fixture.judge().verify_timestamp(when);
        check(&judge, stamped, &[]);
        check(&judge, plain, &[Code::TimestampInvalid]);
        // The timestamp does not extend the expiry of the signature.
        let expired = request.clone().expiry(datetime!(2026-06-01 00:00 UTC));
        check(&judge, |format| fixture.tsa.envelope(&expired, format), &[Code::Expired]);
    }
}

#[test]
fn a_timestamp_is_required_always_or_only_after_the_end_of_a_certificate() {
    let fixture = Fixture::new();
    let request = fixture.request();
    let (plain, stamped) = (|format| request.envelope(format), |format| fixture.tsa.envelope(&request, format));
    let broken = |format| request.timestamped(format, |_| b"token".to_vec());
    let after = fixture.judge().verify_timestamp("afterCertExpiry");
    for judge in [fixture.judge(), fixture.judge().verify_timestamp("always")] {
        check(&judge, stamped, &[]);
        check(&judge, plain, &[Code::TimestampInvalid]);
        check(&judge, broken, &[Code::TimestampInvalid]);
    }
    for envelope in [&plain as &dyn Fn(Format) -> Vec<u8>, &stamped, &broken] {
        check(&after, envelope, &[]);
        check(&fixture.judge_without_tsa(), envelope, &[]);
    }
    assert_eq!(
        fixture.judge().sentence(&plain(Format::Jws), Format::Jws.media_type()),
        "timestamp-invalid: timestamp is missing: found none, expected an RFC 3161 timestamp, which the statement requires, \
         as it has a tsa trust store and verifyTimestamp is always"
    );
    // Any certificate of the chain may have ended.
    let issuing = fixture
        .signers
        .intermediate(CertSpec::intermediate().valid(datetime!(2025-01-01 00:00 UTC), datetime!(2026-03-01 00:00 UTC)));
    let request = SignRequest::new(&issuing.issue(CertSpec::leaf()), &fixture.target);
    check(&after, |format| request.envelope(format), &[Code::TimestampInvalid]);
    check(&after, |format| fixture.tsa.envelope(&request, format), &[]);
    for judge in [&after, &fixture.judge()] {
        assert_eq!(
            judge.sentence(&request.envelope(Format::Jws), Format::Jws.media_type()),
            "timestamp-invalid: timestamp is missing: found none, expected an RFC 3161 timestamp from before \
             2026-03-01T00:00:00Z, when certificate CN=intermediate,O=Testkit,ST=ZH,C=CH ended"
        );
    }
}

#[test]
fn a_missing_trust_store_does_not_make_the_timestamp_optional() {
    let fixture = Fixture::new();
    let request = fixture.request();
    let judge = fixture.judge_without_tsa().naming_missing_store(StoreKind::Tsa);
    check(&judge, |format| request.envelope(format), &[Code::TimestampInvalid]);
    for format in Format::ALL {
        assert_eq!(
            judge.sentence(&fixture.tsa.envelope(&request, format), format.media_type()),
            "timestamp-unchecked: timestamp was not checked: found no usable tsa trust store, expected tsa:store-1"
        );
    }
}

#[test]
fn the_signing_authority_scheme_ignores_timestamps() {
    let fixture = Fixture::new();
    let request = fixture.request().scheme(Scheme::SigningAuthority);
    let judge = Judge::about(&fixture.target.media_type, &fixture.target.digest, fixture.target.size)
        .trusting(StoreKind::SigningAuthority, fixture.signers.der())
        .trusting(StoreKind::Tsa, fixture.tsa_root.der());
    check(&judge, |format| request.envelope(format), &[]);
    check(&judge, |format| request.timestamped(format, |_| b"token".to_vec()), &[]);
}

#[test]
fn every_certificate_of_the_signer_is_valid_during_the_whole_period_of_the_timestamp() {
    let fixture = Fixture::new();
    // The timestamp is of 2026-01-02T03:04:06Z with an accuracy of a second.
    let (earliest, latest) = (datetime!(2026-01-02 03:04:05 UTC), datetime!(2026-01-02 03:04:07 UTC));
    let (long_before, long_after) = (datetime!(2020-01-01 00:00 UTC), datetime!(2049-01-01 00:00 UTC));
    let second = time::Duration::SECOND;
    let chain = |position: usize, from: OffsetDateTime, to: OffsetDateTime| {
        let spec = |at: usize, spec: CertSpec| if at == position { spec.valid(from, to) } else { spec };
        let root = Authority::root(spec(2, CertSpec::root()));
        let issuing = root.intermediate(spec(1, CertSpec::intermediate()));
        (root.der().to_vec(), issuing.issue(spec(0, CertSpec::leaf())))
    };
    let names = ["CN=leaf", "CN=intermediate", "CN=root"];
    for (position, name) in names.into_iter().enumerate() {
        for (from, to, valid) in [
            (earliest, latest, true),
            (earliest + second, long_after, false),
            (long_before, latest - second, false),
            (long_before, long_after, true),
        ] {
            let (root, signer) = chain(position, from, to);
            let request = SignRequest::new(&signer, &fixture.target);
            let judge = Judge::about(&fixture.target.media_type, &fixture.target.digest, fixture.target.size)
                .trusting(StoreKind::Ca, &root)
                .trusting(StoreKind::Tsa, fixture.tsa_root.der());
            for format in Format::ALL {
                let envelope = fixture.tsa.envelope(&request, format);
                if valid {
                    assert_eq!(judge.codes(&envelope, format.media_type()), [], "{name} {from} {to}");
                    continue;
                }
                let rfc3339 =
                    |time: OffsetDateTime| time.format(&time::format_description::well_known::Rfc3339).unwrap();
                assert_eq!(
                    judge.sentence(&envelope, format.media_type()),
                    format!(
                        "certificate-outside-validity: certificate {name},O=Testkit,ST=ZH,C=CH is outside its validity: \
                         found {} to {}, expected it to be valid at the timestamp, 2026-01-02T03:04:05Z to \
                         2026-01-02T03:04:07Z",
                        rfc3339(from),
                        rfc3339(to)
                    )
                );
            }
        }
    }
}

#[test]
fn fractions_of_a_second_count() {
    let fixture = Fixture::new();
    let signer =
        fixture.signer(CertSpec::leaf().valid(datetime!(2026-01-02 03:04:06 UTC), datetime!(2026-01-02 03:04:08 UTC)));
    let request = SignRequest::new(&signer, &fixture.target);
    let envelope = |format, (time, millis, micros): (&str, Option<&[u8]>, Option<&[u8]>)| {
        request.timestamped(format, |signature| {
            let mut parts = fixture.tsa.parts(signature);
            parts.info.gen_time = time.to_owned();
            parts.info.accuracy = Some(accuracy(None, millis, micros));
            parts.seal()
        })
    };
    let outside = [Code::CertificateOutsideValidity];
    for (time, millis, micros, codes) in [
        ("20260102030406Z", None, None, &[][..]),
        ("20260102030408Z", None, None, &[]),
        ("20260102030408.000000001Z", None, None, &outside),
        ("20260102030405.999999999Z", None, None, &outside),
        ("20260102030406.000001Z", None, Some(&[1][..]), &[]),
        ("20260102030406.000001Z", None, Some(&[2][..]), &outside),
        ("20260102030407.5Z", Some(&[0x01, 0xf4][..]), None, &[]),
        ("20260102030407.5Z", Some(&[0x01, 0xf4][..]), Some(&[1][..]), &outside),
    ] {
        check(&fixture.judge(), |format| envelope(format, (time, millis, micros)), codes);
    }
}

#[test]
fn a_verdict_with_a_timestamp_does_not_end_with_the_certificates() {
    let fixture = Fixture::new();
    let judge = fixture.judge();
    let request = fixture.request();
    let good_until = |judge: &Judge, envelope: &[u8]| {
        let signature = judge.ask(envelope, Format::Jws.media_type()).unwrap();
        signature.good_until().map(|time| time.to_string())
    };
    let stamped = fixture.tsa.envelope(&request, Format::Jws);
    assert_eq!(good_until(&judge, &stamped), None);
    assert_eq!(good_until(&fixture.judge_without_tsa(), &stamped), Some("2049-12-31T23:59:59Z".to_owned()));
    // After that, the timestamp decides.
    let lenient = judge.clone().verify_timestamp("afterCertExpiry");
    assert_eq!(good_until(&lenient, &stamped), Some("2049-12-31T23:59:59Z".to_owned()));
    let expiring = fixture.tsa.envelope(&request.expiry(datetime!(2030-01-01 00:00 UTC)), Format::Jws);
    assert_eq!(good_until(&judge, &expiring), Some("2030-01-01T00:00:00Z".to_owned()));
    let logged = judge.overriding("authenticTimestamp", "log");
    let plain = fixture.request().jws();
    assert_eq!(good_until(&logged, &plain), None);
}

#[test]
fn a_timestamp_that_is_only_logged_is_a_warning() {
    let fixture = Fixture::new();
    let judge = fixture.judge().overriding("authenticTimestamp", "log");
    for format in Format::ALL {
        let envelope = fixture.request().timestamped(format, |_| fixture.tsa.token(b"another"));
        let signature = judge.ask(&envelope, format.media_type()).unwrap();
        let warnings: Vec<_> = signature.warnings().map(|(check, reason)| (check, reason.code)).collect();
        assert_eq!(warnings, [(Check::AuthenticTimestamp, Code::TimestampInvalid)]);
    }
}

/// The requests of each round, by kind and first URL.
fn asked(judge: &Judge, envelope: &[u8]) -> Vec<Vec<String>> {
    let show = |request: &EvidenceRequest| match request {
        EvidenceRequest::Ocsp(request) => format!("ocsp {}", request.urls()[0]),
        EvidenceRequest::Crl(request) => format!("crl {}", request.urls()[0]),
        EvidenceRequest::SignerStatus(_) => "signer".to_owned(),
    };
    let (_, asked) = judge.ask_with(envelope, Format::Jws.media_type(), judge::unavailable);
    asked.iter().map(|round| round.iter().map(show).collect()).collect()
}

/// An authority whose certificates name addresses.
fn revocable(fixture: &Fixture) -> Tsa {
    let issuing = fixture
        .tsa_root
        .intermediate(CertSpec::intermediate().common_name("TSA CA").crl_url("http://crl.example/root.crl"));
    Tsa::of(issuing.issue(CertSpec::tsa().ocsp_url("http://ocsp.example")))
}

#[test]
fn the_status_of_the_authority_is_requested_together_with_that_of_the_signer() {
    let fixture = Fixture::new();
    let tsa = revocable(&fixture);
    let leaf = CertSpec::leaf().crl_url("http://crl.example/signers.crl");
    let request = SignRequest::new(&fixture.signer(leaf), &fixture.target);
    let envelope = tsa.envelope(&request, Format::Jws);
    let mut first = asked(&fixture.judge(), &envelope).remove(0);
    first.sort();
    assert_eq!(
        first,
        ["crl http://crl.example/root.crl", "crl http://crl.example/signers.crl", "ocsp http://ocsp.example"]
    );
    // Skipping revocation does not skip the status of the authority.
    let mut first = asked(&fixture.judge().overriding("revocation", "skip"), &envelope).remove(0);
    first.sort();
    assert_eq!(first, ["crl http://crl.example/root.crl", "ocsp http://ocsp.example"]);
    check(
        &fixture.judge().overriding("revocation", "skip"),
        |format| tsa.envelope(&request, format),
        &[Code::TimestampUnchecked],
    );
}

#[test]
fn an_authority_without_a_status_is_inconclusive_and_one_without_addresses_cannot_be_revoked() {
    let fixture = Fixture::new();
    let tsa = revocable(&fixture);
    let request = fixture.request();
    check(&fixture.judge(), |format| tsa.envelope(&request, format), &[Code::TimestampUnchecked]);
    let logged = fixture.judge().overriding("authenticTimestamp", "log");
    let signature = logged.ask(&tsa.envelope(&request, Format::Cose), Format::Cose.media_type()).unwrap();
    let warnings: Vec<_> = signature.warnings().map(|(check, reason)| (check, reason.code)).collect();
    assert_eq!(warnings, [(Check::AuthenticTimestamp, Code::TimestampUnchecked)]);
    assert_eq!(asked(&fixture.judge(), &fixture.tsa.envelope(&request, Format::Jws)), [[""; 0]; 0]);
}

#[test]
fn nothing_is_requested_about_an_authority_that_is_not_trusted_or_a_signature_that_is_rejected() {
    let fixture = Fixture::new();
    let tsa = revocable(&fixture);
    let untrusted = Authority::root(CertSpec::root().common_name("untrusted"));
    let unknown = Tsa::of(untrusted.issue(CertSpec::tsa().ocsp_url("http://ocsp.example")));
    let by_untrusted = SignRequest::new(&untrusted.issue(CertSpec::leaf()), &fixture.target);
    let expired = fixture.request().expiry(datetime!(2026-06-01 00:00 UTC));
    let judge = fixture.judge();
    let enforced = judge.clone().level("audit").overriding("authenticTimestamp", "enforce");
    for (judge, envelope, code) in [
        (judge.clone(), unknown.envelope(&fixture.request(), Format::Jws), Code::TimestampInvalid),
        (judge.clone(), tsa.envelope(&expired, Format::Jws), Code::Expired),
        (judge.clone(), tsa.envelope(&by_untrusted, Format::Jws), Code::UntrustedChain),
        (enforced, tsa.envelope(&by_untrusted, Format::Jws), Code::UntrustedChain),
    ] {
        assert_eq!(asked(&judge, &envelope), [[""; 0]; 0]);
        assert_eq!(judge.codes(&envelope, Format::Jws.media_type()), [code]);
    }
}
