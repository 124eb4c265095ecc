//! Reads a CRL of more than 20 MiB with 500,000 entries: time, memory, and the time of a lookup.
//!
//! `cargo bench --package countersign-core --bench large_crl`
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark measures and prints"
)]

use std::time::Instant;

use countersign_core::x509::Certificate;
use countersign_core::x509::Crl;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const ENTRIES: u64 = 500_000;

fn main() {
    let authority = Authority::root(CertSpec::root());
    let issuer = Certificate::parse(authority.der()).unwrap();
    let list = authority.crl(&CrlSpec::new().many(ENTRIES));
    println!("list: {} bytes, {ENTRIES} entries in no order", list.len());

    let before = ALLOCATOR.current_usage() - list.len();
    ALLOCATOR.reset_peak_usage();
    let start = Instant::now();
    let crl = Crl::read(list, &issuer).unwrap();
    println!(
        "read and verified in {:?}, peak {} bytes, kept {} bytes",
        start.elapsed(),
        ALLOCATOR.peak_usage() - before,
        crl.memory()
    );

    let start = Instant::now();
    let listed = (0..2 * ENTRIES).filter(|number| crl.entry(&CrlSpec::many_serial(*number)).is_some()).count();
    println!("{listed} of {} serial numbers listed, {:?} for each", 2 * ENTRIES, start.elapsed() / 1_000_000);
}
