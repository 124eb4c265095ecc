//! Memory for parsing a document in addition to its own bytes: at most the larger of three times its size and 1 MiB.
//! A trust policy may use 12 MiB more. A CRL takes at most twice its size, its own bytes included.
#![allow(clippy::unwrap_used)]

use crate::ALLOCATOR;
use countersign_core::notation::Envelope;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::time::UnixTime;
use countersign_core::timestamp::TimestampToken;
use countersign_core::x509::Certificate;
use countersign_core::x509::Crl;
use countersign_core::x509::ocsp::OcspAnswer;
use countersign_core::x509::ocsp::OcspSettings;
use countersign_core_test_support::schemas::Schema;
use countersign_core_test_support::schemas::schemas;
use countersign_core_test_support::sweep;
use countersign_testkit::Descriptor;
use countersign_testkit::Hash;
use countersign_testkit::alone;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::der;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Cbor;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::SigningCertificate;
use countersign_testkit::timestamp::TokenParts;
use countersign_testkit::timestamp::Tsa;
use countersign_testkit::timestamp::attribute;
use countersign_testkit::variants;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Peak allocation while `work` runs, beyond the allocation before, in bytes.
fn peak<T>(work: impl FnOnce() -> T) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    drop(work());
    ALLOCATOR.peak_usage().saturating_sub(before)
}

#[track_caller]
fn check(name: &str, document: &[u8], more: usize, work: impl FnOnce()) {
    let peak = peak(work);
    let max = (3 * document.len()).max(MIB) + more;
    assert!(peak <= max, "{name}: {peak} bytes for a document of {}, at most {max} expected", document.len());
}

#[test]
fn json_of_signatures() {
    if alone("parsing::json_of_signatures") {
        json(of_signatures);
    }
}

#[test]
fn json_of_registries_and_policies() {
    if alone("parsing::json_of_registries_and_policies") {
        json(|schema| !of_signatures(schema));
    }
}

fn of_signatures(schema: &Schema) -> bool {
    ["JWS envelope", "JWS protected header", "payload"].contains(&schema.name)
}

/// Every part of every JSON document of this kind, enlarged to at most 128 KiB: about where count limits begin, so that the
/// factor is greatest.
fn json(of_kind: impl Fn(&Schema) -> bool) {
    for schema in schemas().into_iter().filter(of_kind) {
        // The first document allocates shared data.
        schema.check(schema.good.to_string().as_bytes()).unwrap();
        // Parsed into a tree of at most 50,000 values, so that every mistake is found.
        let more = if schema.name == "trust policy" { 12 * MIB } else { 0 };
        for variant in variants::json_of(&schema.good, schema.size(), sweep::some()) {
            let document = (schema.wrap)(&variant.bytes);
            let name = format!("{}: {}", schema.name, variant.name);
            check(&name, &document, more, || drop((schema.read)(&document)));
        }
    }
}

/// Pages of referrers and envelopes of the largest size.
#[test]
fn the_largest_documents_of_json() {
    if !alone("parsing::the_largest_documents_of_json") {
        return;
    }
    for (name, size, parts) in [
        ("index of referrers", sweep::size(MIB, 4 * MIB), &["/manifests ", "/manifests/0/annotations "][..]),
        ("JWS envelope", sweep::size(512 * KIB, MIB), &["/payload ", "/header ", "/header/x5c "]),
    ] {
        let schema = schemas().into_iter().find(|schema| schema.name == name).unwrap();
        let is_one = |name: &str| parts.iter().any(|part| name.starts_with(part));
        for variant in variants::json_of(&schema.good, size, is_one) {
            let name = format!("large {name}: {}", variant.name);
            check(&name, &variant.bytes, 0, || drop((schema.read)(&variant.bytes)));
        }
    }
}

#[test]
fn cose_messages() {
    if !alone("parsing::cose_messages") {
        return;
    }
    let chain = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    let request = SignRequest::new(&chain, &Descriptor::sample("image"));
    let parse = |bytes: &[u8]| drop(Envelope::parse(bytes, EnvelopeFormat::Cose));
    let message: Cbor = ciborium::from_reader(request.cose().as_slice()).unwrap();
    for variant in variants::cbor_of(&message, sweep::size(400 * KIB, 1000 * KIB), sweep::some()) {
        check(&format!("COSE message: {}", variant.name), &variant.bytes, 0, || parse(&variant.bytes));
    }
    let header: Cbor = ciborium::from_reader(request.cose_parts().protected.as_slice()).unwrap();
    for variant in variants::cbor_of(&header, 60 * KIB, sweep::some()) {
        let mut parts = request.cose_parts();
        parts.protected = variant.bytes;
        let message = parts.seal();
        check(&format!("COSE protected header: {}", variant.name), &message, 0, || parse(&message));
    }
}

/// Certificates of 60 KiB with long lists.
#[test]
fn certificates() {
    if !alone("parsing::certificates") {
        return;
    }
    let authority = Authority::root(CertSpec::root());
    let unit = der::set([der::sequence([der::oid("2.5.4.11"), der::element(0x0c, b"a")])]);
    let uri = der::element(0x86, b"a:");
    let names = vec![der::element(0x82, b"a"); 20_000];
    let points = der::sequence([der::element(0xa0, &der::element(0xa0, &uri.repeat(15_000)))]);
    let access = der::sequence([der::oid("1.3.6.1.5.5.7.48.1"), uri]);
    let policy = der::sequence([der::oid("2.5.29.32.0")]);
    for (oid, value) in [
        ("2.5.29.17", der::sequence(names.clone())),
        ("2.5.29.17", der::sequence([der::element(0xa4, &der::sequence(vec![unit.clone(); 4000]))])),
        ("2.5.29.18", der::sequence(names)),
        ("2.5.29.15", der::element(3, &[1; 60_000])),
        ("2.5.29.31", der::sequence([points])),
        ("2.5.29.31", der::sequence(vec![der::sequence([]); 30_000])),
        ("2.5.29.32", der::sequence(vec![policy; 8000])),
        ("2.5.29.37", der::sequence(vec![der::oid("1.2.3"); 15_000])),
        ("1.3.6.1.5.5.7.1.1", der::sequence(vec![access; 4000])),
    ] {
        let spec = CertSpec::leaf().without_key_usage().without_ekus().extension(oid, false, &value);
        let leaf = authority.issue(spec).leaf_der().to_vec();
        check(&format!("certificate with {oid}"), &leaf, 0, || drop(Certificate::parse(&leaf)));
    }
    let many = (0..4000).fold(CertSpec::leaf().without_key_usage().without_ekus(), |spec, number| {
        spec.extension(&format!("1.2.{number}"), false, &[])
    });
    let leaf = authority.issue(many).leaf_der().to_vec();
    check("certificate with 4000 extensions", &leaf, 0, || drop(Certificate::parse(&leaf)));
    let chain = authority.issue(CertSpec::leaf());
    for at in [3, 5] {
        let leaf = authority.reissue(chain.leaf_der(), |tbs| tbs[at] = der::sequence(vec![unit.clone(); 4000]));
        check("certificate with a name of 4000 attributes", &leaf, 0, || drop(Certificate::parse(&leaf)));
    }
}

/// CRLs with many entries, with the smallest entries, and with many extensions of one entry.
#[test]
fn certificate_revocation_lists() {
    if !alone("parsing::certificate_revocation_lists") {
        return;
    }
    let authority = Authority::root(CertSpec::root());
    let certificate = Certificate::parse(authority.der()).unwrap();
    let small = {
        let one = authority.crl(&CrlSpec::new().revoked(&Revoked::new(&[1])));
        der::children(der::children(der::children(&one)[0])[5])[0].to_vec()
    };
    let extended =
        (0..64).fold(Revoked::new(&[1]), |entry, arc| entry.extension(&format!("1.2.{arc}"), false, &[5, 0]));
    let extended = (0..1000).fold(CrlSpec::new(), |spec, _| spec.revoked(&extended));
    // As small, with different serial numbers.
    let different = (0..60_000).fold(CrlSpec::new(), |spec, number: u16| {
        spec.revoked(&Revoked::new(&[&[1][..], &number.to_be_bytes()].concat()))
    });
    let (many, repeated) = (sweep::size(20_000, 50_000) as u64, sweep::size(200_000, 1_000_000));
    for (name, spec, count) in [
        ("many entries", CrlSpec::new().many(many), usize::try_from(many).unwrap()),
        ("small entries", different, 60_000),
        ("one entry many times", CrlSpec::new().raw_entry(&small.repeat(sweep::size(30_000, 100_000))), 1),
        ("many extensions", extended, 1),
    ] {
        let list = authority.crl(&spec);
        let mut kept = 0;
        let peak = peak(|| {
            let crl = Crl::read(list.clone(), &certificate).unwrap();
            assert_eq!(crl.entry_count(), count);
            kept = crl.memory();
        });
        let max = 2 * list.len();
        assert!(peak <= max && kept <= max, "CRL with {name}: {peak} and {kept} bytes for {}", list.len());
    }
    for refused in [b"<html>".repeat(repeated), [0x30, 0x80].repeat(3 * repeated)] {
        check("no CRL", &refused, 0, || drop(Crl::read(refused.clone(), &certificate)));
    }
}

/// OCSP responses with the most single responses, extensions and certificates, and with more than that.
#[test]
fn ocsp_responses() {
    if !alone("parsing::ocsp_responses") {
        return;
    }
    let authority = Authority::root(CertSpec::root());
    let leaf = authority.issue(CertSpec::leaf());
    let parse = |der: &[u8]| Certificate::parse(der).unwrap();
    let (certificate, issuer) = (parse(leaf.leaf_der()), parse(authority.der()));
    let now = UnixTime::from_rfc3339("2026-11-21T12:00:00Z").unwrap();
    let settings = OcspSettings::default();
    let read = |bytes: &[u8]| OcspAnswer::read(bytes, &certificate, &issuer, None, now, &settings);
    let good = || Single::good(leaf.leaf_der());
    let extended = (0..64).fold(good(), |single, arc| single.extension(&format!("1.2.{arc}"), false, &[]));
    let large = authority.issue(CertSpec::leaf().extension("1.2.3", false, &[0; 5000]));
    let embedding = |count| (0..count).fold(OcspSpec::new([good()]), |spec, _| spec.embedding(large.leaf_der()));
    for (name, spec, usable) in [
        ("100 single responses", OcspSpec::new(vec![good(); 100]), true),
        ("64 extensions of 60 single responses", OcspSpec::new(vec![extended; 60]), true),
        ("10 certificates", embedding(10), true),
        ("500 single responses", OcspSpec::new(vec![good(); 500]), false),
        ("20 certificates", embedding(20), false),
    ] {
        let bytes = authority.ocsp(&spec);
        assert_eq!(read(&bytes).is_ok(), usable, "{name}");
        check(name, &bytes, 0, || drop(read(&bytes)));
    }
}

/// Timestamp tokens of the largest size with long lists.
#[test]
fn timestamp_tokens() {
    if !alone("parsing::timestamp_tokens") {
        return;
    }
    let authority = Authority::root(CertSpec::root());
    let tsa = Tsa::new(&authority);
    let root = Certificate::parse(authority.der()).unwrap();
    let now = UnixTime::from_rfc3339("2026-11-21T12:00:00Z").unwrap();
    let verify = |token: &[u8]| {
        TimestampToken::parse(token).and_then(|token| token.verify(b"message", std::iter::once(&root), now))
    };
    let parts = |change: &dyn Fn(&mut TokenParts)| {
        let mut parts = tsa.parts(b"message");
        change(&mut parts);
        parts.seal()
    };
    let certificate = tsa.chain().leaf_der();
    let small = attribute("1.2.3", &[]);
    let name = der::set([der::sequence([der::oid("2.5.4.11"), der::element(0x0c, b"a")])]);
    let extension = der::sequence([der::oid("1.2.3"), der::octet_string(&[])]);
    let large = authority.issue(CertSpec::leaf().extension("1.2.3", false, &[0; 6000]));
    for (name, token, verifies) in [
        ("many attributes", parts(&|parts| parts.signers[0].attributes.extend(vec![small.clone(); 6000])), true),
        (
            "many values",
            parts(&|parts| parts.signers[0].attributes.push(attribute("1.2.3", &vec![vec![5, 0]; 30_000]))),
            true,
        ),
        (
            "many certificate identifiers",
            parts(&|parts| {
                let first = SigningCertificate::of(certificate, Hash::Sha256).v2();
                let list = der::children(der::children(der::children(&first)[1])[0])[0].to_vec();
                let first = der::children(&list)[0].to_vec();
                let list = der::sequence(std::iter::once(first).chain(vec![der::sequence([]); 30_000]));
                let value = der::sequence([list]);
                parts.signers[0].identify_by([attribute("1.2.840.113549.1.9.16.2.47", &[value])]);
            }),
            true,
        ),
        (
            "a name of many attributes",
            parts(&|parts| {
                parts.info.tsa = Some(der::element(0xa4, &der::sequence(vec![name.clone(); 4000])));
            }),
            false,
        ),
        ("many extensions", parts(&|parts| parts.info.extensions = vec![extension.clone(); 6000]), true),
        ("many CRLs", parts(&|parts| parts.crls = vec![vec![0x30, 0]; 30_000]), true),
        ("many unsigned attributes", parts(&|parts| parts.signers[0].unsigned = vec![small.clone(); 6000]), true),
        ("many certificates", parts(&|parts| parts.certificates = vec![vec![0x30, 0]; 30_000]), false),
        ("many signatures", parts(&|parts| parts.signers = vec![parts.signers[0].clone(); 200]), false),
        ("large certificates", parts(&|parts| parts.certificates.extend(vec![large.leaf_der().to_vec(); 8])), true),
        ("ten times the size", vec![0x30; 640 * KIB], false),
    ] {
        assert_eq!(verify(&token).is_ok(), verifies, "{name}: {} bytes", token.len());
        check(&format!("timestamp token with {name}"), &token, 0, || drop(verify(&token)));
    }
}
