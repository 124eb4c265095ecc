//! The chain of a timestamping authority: its path to a trusted root and the profile of every certificate.

use countersign_core::policy::StoreKind;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::KeyUsage;
use countersign_testkit::pki::eku;
use countersign_testkit::signer::Format;
use countersign_testkit::timestamp::Tsa;
use time::macros::datetime;

use crate::notation::timestamp::fixture::Fixture;
use crate::notation::timestamp::fixture::MESSAGE;
use crate::notation::timestamp::fixture::TSA;
use crate::notation::timestamp::fixture::subjects;
use crate::notation::timestamp::fixture::verify;

const CA: &str = "CN=TSA CA,O=Testkit,ST=ZH,C=CH";
const ROOT: &str = "CN=TSA Root,O=Testkit,ST=ZH,C=CH";

/// Checks the message about a timestamp by `tsa`, whose root is trusted, in envelopes of both formats.
#[track_caller]
fn check(fixture: &Fixture, tsa: &Tsa, expected: &str) {
    let judge = fixture.judge_without_tsa().trusting(StoreKind::Tsa, tsa.chain().root_der());
    for format in Format::ALL {
        let sentence = judge.sentence(&tsa.envelope(&fixture.request(), format), format.media_type());
        let prefix = "timestamp-invalid: timestamping authority is not trusted: ";
        assert_eq!(sentence.strip_prefix(prefix), Some(expected), "{format:?} {sentence}");
    }
}

fn profile(subject: &str, error: &str) -> String {
    format!("certificate {subject:?} does not meet the requirements for timestamping: {error}")
}

fn accepts(tsa: &Tsa) -> bool {
    verify(&tsa.token(MESSAGE), MESSAGE, &[tsa.chain().root_der()]).is_ok()
}

#[test]
fn the_certificate_of_an_authority_is_for_timestamping_only() {
    let fixture = Fixture::new();
    let leaf = |spec: CertSpec| Tsa::of(fixture.tsa_issuer.issue(spec));
    let spec = CertSpec::tsa;
    let purposes = |found: &str| profile(TSA, &format!("extKeyUsage: found {found}, expected timeStamping only"));
    for (spec, expected) in [
        (
            spec().without_ekus(),
            profile(TSA, "extKeyUsage: found none, expected it to be present and critical, with timeStamping only"),
        ),
        (spec().ekus_critical(false), profile(TSA, "extKeyUsage: found not critical, expected critical")),
        (
            spec().ekus(&[eku::TIME_STAMPING, eku::CODE_SIGNING]).ekus_critical(true),
            purposes("1.3.6.1.5.5.7.3.8, 1.3.6.1.5.5.7.3.3"),
        ),
        (
            spec().ekus(&[eku::TIME_STAMPING, eku::TIME_STAMPING]).ekus_critical(true),
            purposes("1.3.6.1.5.5.7.3.8, 1.3.6.1.5.5.7.3.8"),
        ),
        (spec().ekus(&[eku::ANY]).ekus_critical(true), purposes("2.5.29.37.0")),
        (spec().ekus(&[eku::CODE_SIGNING]).ekus_critical(true), purposes("1.3.6.1.5.5.7.3.3")),
        (spec().is_ca(true), profile(TSA, "cA: found true, expected false for a signing certificate")),
        (
            spec().without_key_usage(),
            profile(TSA, "keyUsage: found none, expected it to be present, with digitalSignature"),
        ),
        (
            spec().key_usage(&[KeyUsage::NonRepudiation]),
            profile(TSA, "keyUsage: found nonRepudiation, expected digitalSignature among them"),
        ),
        (
            spec().key_usage(&[KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]),
            profile(TSA, "keyUsage: found keyCertSign, expected digitalSignature and, at most, nonRepudiation"),
        ),
    ] {
        check(&fixture, &leaf(spec), &expected);
    }
    for spec in [
        spec().is_ca(false),
        spec().key_usage_critical(false),
        spec().key_usage(&[KeyUsage::DigitalSignature, KeyUsage::NonRepudiation]),
    ] {
        assert!(accepts(&leaf(spec)));
    }
}

#[test]
fn every_certificate_above_it_is_a_ca_that_may_issue_it() {
    let fixture = Fixture::new();
    let below = |spec: CertSpec| {
        let authority = fixture.tsa_root.intermediate(spec.common_name("TSA CA"));
        Tsa::new(&authority)
    };
    let spec = CertSpec::intermediate;
    for (spec, expected) in [
        (
            spec().without_basic_constraints(),
            "basicConstraints: found none, expected them to be present and critical, with cA true",
        ),
        (spec().basic_constraints_critical(false), "basicConstraints: found not critical, expected critical"),
        (spec().is_ca(false), "cA: found false, expected true for a certificate that signs certificates"),
        (spec().without_key_usage(), "keyUsage: found none, expected it to be present, with keyCertSign"),
        (spec().key_usage(&[KeyUsage::CrlSign]), "keyUsage: found cRLSign, expected keyCertSign among them"),
        (
            spec().ekus(&[eku::CODE_SIGNING, eku::OCSP_SIGNING]),
            "extKeyUsage: found 1.3.6.1.5.5.7.3.3, 1.3.6.1.5.5.7.3.9, expected none, or timeStamping among them",
        ),
    ] {
        check(&fixture, &below(spec), &profile(CA, expected));
    }
    for spec in [
        spec().key_usage_critical(false),
        spec().ekus(&[eku::TIME_STAMPING]),
        spec().ekus(&[eku::ANY]),
        spec().path_length(0),
    ] {
        assert!(accepts(&below(spec)));
    }
    let short = Authority::root(CertSpec::root().common_name("TSA Root").path_length(0));
    let tsa = Tsa::new(&short.intermediate(spec().common_name("TSA CA")));
    check(
        &fixture,
        &tsa,
        &profile(
            ROOT,
            "pathLenConstraint: found 0, expected at least 1, the number of CA certificates between this one and the leaf",
        ),
    );
}

#[test]
fn every_certificate_is_valid_at_the_time_of_the_timestamp_and_may_have_ended_since() {
    let fixture = Fixture::new();
    // The timestamp is of 2026-01-02T03:04:06Z.
    let (begin, end) = (datetime!(2026-01-02 03:04:06 UTC), datetime!(2026-01-02 03:04:06 UTC));
    let chain = |root: CertSpec, ca: CertSpec, leaf: CertSpec| {
        let root = Authority::root(root.common_name("TSA Root"));
        Tsa::of(root.intermediate(ca.common_name("TSA CA")).issue(leaf))
    };
    let (root, ca, leaf) = (CertSpec::root, CertSpec::intermediate, CertSpec::tsa);
    assert!(accepts(&chain(root().valid(begin, end), ca().valid(begin, end), leaf().valid(begin, end))));
    let late = |spec: CertSpec| spec.valid(datetime!(2026-01-02 03:04:07 UTC), datetime!(2030-01-01 00:00 UTC));
    let early = |spec: CertSpec| spec.valid(datetime!(2020-01-01 00:00 UTC), datetime!(2026-01-02 03:04:05 UTC));
    let outside = |subject: &str, period: &str| {
        format!("certificate {subject:?} is outside its validity: found {period}, expected 2026-01-02T03:04:06Z within")
    };
    let (after, before) =
        ("2026-01-02T03:04:07Z to 2030-01-01T00:00:00Z", "2020-01-01T00:00:00Z to 2026-01-02T03:04:05Z");
    for (tsa, expected) in [
        (chain(root(), ca(), late(leaf())), outside(TSA, after)),
        (chain(root(), ca(), early(leaf())), outside(TSA, before)),
        (chain(root(), late(ca()), leaf()), outside(CA, after)),
        (chain(root(), early(ca()), leaf()), outside(CA, before)),
        (chain(late(root()), ca(), leaf()), outside(ROOT, after)),
        (chain(early(root()), ca(), leaf()), outside(ROOT, before)),
    ] {
        check(&fixture, &tsa, &expected);
    }
}

#[test]
fn critical_extensions_that_are_not_evaluated_and_name_constraints_are_refused_anywhere_in_the_chain() {
    let fixture = Fixture::new();
    let constraints = der::sequence([der::element(0xa1, &der::sequence([der::element(0x82, b"example")]))]);
    let critical = |spec: CertSpec| spec.extension("1.2.3.4", true, &[5, 0]);
    let names = |spec: CertSpec, critical| spec.extension("2.5.29.30", critical, &constraints);
    let chain = |root: CertSpec, ca: CertSpec, leaf: CertSpec| {
        let root = Authority::root(root.common_name("TSA Root"));
        Tsa::of(root.intermediate(ca.common_name("TSA CA")).issue(leaf))
    };
    let (root, ca, leaf) = (CertSpec::root, CertSpec::intermediate, CertSpec::tsa);
    let extension = |subject: &str| {
        format!(
            "certificate {subject:?}: found the critical extension 1.2.3.4, expected none that Countersign does not evaluate"
        )
    };
    let constrained = |subject: &str| {
        format!("certificate {subject:?}: found nameConstraints, expected none, as Countersign does not evaluate them")
    };
    for (tsa, expected) in [
        (chain(root(), ca(), critical(leaf())), extension(TSA)),
        (chain(root(), critical(ca()), leaf()), extension(CA)),
        (chain(critical(root()), ca(), leaf()), extension(ROOT)),
        (chain(root(), names(ca(), true), leaf()), constrained(CA)),
        (chain(root(), names(ca(), false), leaf()), constrained(CA)),
        (chain(names(root(), true), ca(), leaf()), constrained(ROOT)),
    ] {
        check(&fixture, &tsa, &expected);
    }
    let harmless = leaf().extension("1.2.3.4", false, &[5, 0]).extension(
        "2.5.29.32",
        true,
        &der::sequence([der::sequence([der::oid("1.2.3.4.5")])]),
    );
    assert!(accepts(&chain(root(), ca(), harmless)));
}

#[test]
fn the_chain_ends_at_a_root_of_the_tsa_stores() {
    let fixture = Fixture::new();
    let other = Authority::root(CertSpec::root().common_name("other"));
    let envelope = |format| fixture.tsa.envelope(&fixture.request(), format);
    let no_issuer = |subject: &str, issuer: &str| {
        format!(
            "timestamp-invalid: timestamping authority is not trusted: certificate {subject:?} has no trusted issuer: \
             found issuer {issuer:?}, expected a root of the tsa trust stores, or a certificate in the timestamp token \
             with a chain to one"
        )
    };
    for format in Format::ALL {
        // The root in the token, and in a store of another type, is trusted for nothing.
        let judge = fixture.judge_without_tsa().trusting(StoreKind::Tsa, other.der());
        let judge = judge.trusting(StoreKind::Ca, fixture.tsa_root.der());
        assert_eq!(judge.sentence(&envelope(format), format.media_type()), no_issuer(ROOT, ROOT), "{format:?}");
        let both = judge.trusting(StoreKind::Tsa, fixture.tsa_root.der());
        assert_eq!(both.codes(&envelope(format), format.media_type()), [], "{format:?}");
        // A root of the same name with another key.
        let twin = Authority::root(CertSpec::root().common_name("TSA Root"));
        let judge = fixture.judge_without_tsa().trusting(StoreKind::Tsa, twin.der());
        assert_eq!(
            judge.sentence(&envelope(format), format.media_type()),
            format!(
                "timestamp-invalid: timestamping authority is not trusted: certificate {ROOT:?} is not signed by {ROOT:?}: \
                 signature does not match the key and the signed bytes"
            )
        );
        let incomplete = fixture.request().timestamped(format, |signature| {
            let mut parts = fixture.tsa.parts(signature);
            parts.certificates.truncate(1);
            parts.seal()
        });
        assert_eq!(fixture.judge().sentence(&incomplete, format.media_type()), no_issuer(TSA, CA), "{format:?}");
    }
}

#[test]
fn a_self_signed_authority_is_refused() {
    let fixture = Fixture::new();
    let tsa = Tsa::of(countersign_testkit::pki::Chain::self_signed(CertSpec::tsa()));
    let envelope = tsa.envelope(&fixture.request(), Format::Jws);
    assert_eq!(
        fixture.judge().sentence(&envelope, Format::Jws.media_type()),
        format!(
            "timestamp-invalid: timestamping authority is not trusted: certificate {TSA:?} has no trusted issuer: found \
             issuer {TSA:?}, expected a root of the tsa trust stores, or a certificate in the timestamp token with a \
             chain to one"
        )
    );
}

#[test]
fn of_several_paths_one_to_a_trusted_root_is_found() {
    let (old, new) = (
        Authority::root(CertSpec::root().common_name("old root")),
        Authority::root(CertSpec::root().common_name("new root")),
    );
    // The CA has certificates of both roots, and an ended one of the new root.
    let key = Key::generate(KeyType::P256);
    let spec = || CertSpec::intermediate().common_name("TSA CA").with_key(&key);
    let ended = spec().valid(datetime!(2020-01-01 00:00 UTC), datetime!(2021-01-01 00:00 UTC));
    let by = [old.intermediate(spec()), new.intermediate(ended), new.intermediate(spec())];
    let tsa = Tsa::new(&by[0]);
    for trusted in [&old, &new] {
        for rotation in 0..3 {
            let mut parts = tsa.parts(MESSAGE);
            let mut issuers: Vec<_> = by.iter().map(|issuer| issuer.der().to_vec()).collect();
            issuers.rotate_left(rotation);
            parts.certificates = [vec![tsa.chain().leaf_der().to_vec()], issuers].concat();
            let timestamp = verify(&parts.seal(), MESSAGE, &[trusted.der()]).unwrap();
            let root = if std::ptr::eq(trusted, &old) { "old root" } else { "new root" };
            assert_eq!(subjects(&timestamp)[2], format!("CN={root},O=Testkit,ST=ZH,C=CH"));
        }
    }
}

#[test]
fn certificates_that_issue_one_another_end_the_search() {
    let fixture = Fixture::new();
    let key = |_| Key::generate(KeyType::P256);
    let keys: [Key; 2] = [key(0), key(1)];
    let name = |number: usize| format!("CA {number}");
    let spec = |number: usize| CertSpec::intermediate().common_name(&name(number)).with_key(&keys[number]);
    // Each of the two has a certificate by the other one.
    let first = Authority::root(spec(0)).intermediate(spec(1));
    let second = first.intermediate(spec(0));
    let tsa = Tsa::new(&second);
    let mut parts = tsa.parts(MESSAGE);
    parts.certificates.truncate(3);
    let error = verify(&parts.seal(), MESSAGE, &[fixture.tsa_root.der()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "timestamping authority is not trusted: certificate \"CN=CA 1,O=Testkit,ST=ZH,C=CH\" has no trusted issuer: found \
         issuer \"CN=CA 0,O=Testkit,ST=ZH,C=CH\", expected a root of the tsa trust stores, or a certificate in the \
         timestamp token with a chain to one"
    );
}

#[test]
fn certificates_with_many_possible_issuers_cost_a_limited_number_of_signatures() {
    let fixture = Fixture::new();
    // Eight certificates of one name, none of which issued another one, and one that all of them could have issued.
    let spec = || CertSpec::intermediate().common_name("TSA CA");
    let parent = Authority::root(spec());
    let tsa = Tsa::new(&parent.intermediate(spec()));
    let mut parts = tsa.parts(MESSAGE);
    let twins = (0..8).map(|_| Authority::root(spec()).intermediate(spec()).der().to_vec());
    parts.certificates = tsa.chain().der()[..2].iter().cloned().chain(twins).collect();
    parts.signers = vec![parts.signers[0].clone(); 4];
    let error = verify(&parts.seal(), MESSAGE, &[fixture.tsa_root.der()]).unwrap_err().to_string();
    let limit = "certificate chain: found more than 32 possible links between certificates, expected at most that many";
    assert!(error.contains(limit), "{error}");
    // The usual number is far below.
    let mut parts = fixture.parts();
    parts.certificates.extend((0..7).map(|_| fixture.tsa_root.intermediate(spec()).der().to_vec()));
    assert!(fixture.verify(&parts.seal()).is_ok());
}
