//! What reading takes in memory: a small multiple of the document, whatever is in it.
//!
//! One test, as it counts what the whole process allocates.

#[path = "support/judge.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod judge;
#[path = "support/schemas.rs"]
#[allow(clippy::unwrap_used)]
mod schemas;

use countersign_core::envelope::Envelope;
use countersign_core::envelope::EnvelopeFormat;
use countersign_core::x509::Certificate;
use countersign_testkit::Descriptor;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Cbor;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::variants;
use peak_alloc::PeakAlloc;
use schemas::schemas;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What is allocated at most while `work` runs, beyond what was before, in bytes.
fn peak<T>(work: impl FnOnce() -> T) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    drop(work());
    ALLOCATOR.peak_usage().saturating_sub(before)
}

/// Runs all cases in turn: what one allocates must not be counted for another.
#[test]
fn reading_takes_a_small_multiple_of_the_document() {
    json();
    pages();
    cose();
    certificates();
}

#[track_caller]
fn check(name: &str, document: &[u8], times: usize, work: impl FnOnce()) {
    check_bytes(name, document, document.len() * times, work);
}

#[track_caller]
fn check_bytes(name: &str, document: &[u8], most: usize, work: impl FnOnce()) {
    let peak = peak(work);
    assert!(peak <= most, "{name}: {peak} bytes for a document of {}, at most {most} wanted", document.len());
}

/// Every part of every JSON document, blown up to 128 KiB at most: about where the limits on counts begin, and the multiple
/// is greatest.
fn json() {
    for schema in schemas() {
        // The first one makes what all share.
        schema.check(schema.good.to_string().as_bytes()).unwrap();
        let most = |document: &[u8]| match schema.name {
            // A tree of values, as every mistake in it is to be found; 50,000 of them at most.
            "trust policy" => 12 * MIB + 4 * document.len(),
            // The test reads header and payload twice, for the verdict and for its explanation.
            _ => 6 * document.len(),
        };
        for variant in variants::json(&schema.good, schema.size()) {
            let document = (schema.wrap)(&variant.bytes);
            let name = format!("{}: {}", schema.name, variant.name);
            check_bytes(&name, &document, most(&document), || drop((schema.read)(&document)));
        }
    }
}

/// Pages of referrers of the largest size: what multiplied 18 times before there were limits on counts.
fn pages() {
    for schema in schemas().into_iter().filter(|schema| schema.name == "index of referrers") {
        let variants = variants::json(&schema.good, 4 * MIB);
        let lists = variants.into_iter().filter(|variant| {
            variant.name.starts_with("/manifests ") || variant.name.starts_with("/manifests/0/annotations ")
        });
        for variant in lists {
            let name = format!("{} of 4 MiB: {}", schema.name, variant.name);
            check(&name, &variant.bytes, 2, || drop((schema.read)(&variant.bytes)));
        }
    }
}

fn cose() {
    let chain = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    let request = SignRequest::new(&chain, &Descriptor::sample("image"));
    let parse = |bytes: &[u8]| drop(Envelope::parse(bytes, EnvelopeFormat::Cose));
    let message: Cbor = ciborium::from_reader(request.cose().as_slice()).unwrap();
    for variant in variants::cbor(&message, 256 * KIB) {
        check(&format!("COSE message: {}", variant.name), &variant.bytes, 5, || parse(&variant.bytes));
    }
    let header: Cbor = ciborium::from_reader(request.cose_parts().protected.as_slice()).unwrap();
    for variant in variants::cbor(&header, 60 * KIB) {
        let mut parts = request.cose_parts();
        parts.protected = variant.bytes;
        let message = parts.seal();
        // Half a megabyte: the library copies the header for what is signed.
        check(&format!("COSE protected header: {}", variant.name), &message, 8, || parse(&message));
    }
}

/// Certificates of 60 KiB, full of what is in lists.
fn certificates() {
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
        check(&format!("certificate with {oid}"), &leaf, 4, || drop(Certificate::parse(&leaf)));
    }
    let many = (0..4000).fold(CertSpec::leaf().without_key_usage().without_ekus(), |spec, number| {
        spec.extension(&format!("1.2.{number}"), false, &[])
    });
    let leaf = authority.issue(many).leaf_der().to_vec();
    check("certificate with 4000 extensions", &leaf, 4, || drop(Certificate::parse(&leaf)));
    let chain = authority.issue(CertSpec::leaf());
    for at in [3, 5] {
        let leaf = authority.reissue(chain.leaf_der(), |tbs| tbs[at] = der::sequence(vec![unit.clone(); 4000]));
        check("certificate with a name of 4000 attributes", &leaf, 4, || drop(Certificate::parse(&leaf)));
    }
}
