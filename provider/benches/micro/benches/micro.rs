//! Verification of an envelope as a multiple of its signature checks, and look-ups in large policies, in lists, and in caches that threads
//! share.
//!
//! `cargo bench-micro [FILTER]`. Criterion prints each figure with its confidence interval; tables of ratios follow.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints")]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use countersign_micro::KEYS;
use countersign_micro::Raw;
use countersign_micro::Signed;
use countersign_testkit::signer::Format;
use criterion::Criterion;

const FORMATS: [(&str, Format); 2] = [("JWS", Format::Jws), ("COSE", Format::Cose)];

/// Look-ups of each thread in a shared cache.
const LOOK_UPS: usize = 1_000_000;

/// Entries of a long list of revoked certificates.
const ENTRIES: u64 = 500_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (key, kind) in KEYS {
        let raw = Raw::new(kind);
        criterion.bench_function(&format!("raw {key}"), |bencher| bencher.iter(|| raw.verify()));
        for (name, format) in FORMATS {
            let signed = Signed::new(format, kind);
            criterion.bench_function(&format!("{name} {key}"), |bencher| bencher.iter(|| signed.verify()));
        }
    }
    look_ups(&mut criterion);
    criterion.final_summary();
    ratios();
    println!();
    caches();
}

fn look_ups(criterion: &mut Criterion) {
    let policy = countersign_micro::policy(1000);
    let repository = "registry.example/team/500".parse().unwrap();
    criterion.bench_function("policy of 1,000 statements", |bencher| {
        bencher.iter(|| assert!(policy.policy().select(black_box(&repository)).is_some()));
    });
    let crl = countersign_micro::crl(ENTRIES);
    let (listed, absent) = (countersign_micro::serial(ENTRIES / 2), countersign_micro::serial(ENTRIES));
    criterion.bench_function("CRL of 500,000 entries", |bencher| {
        bencher.iter(|| {
            assert!(crl.entry(black_box(&listed)).is_some());
            assert!(crl.entry(black_box(&absent)).is_none());
        });
    });
}

/// Prints the medians of the last run of each verification, as multiples of those of its signature checks.
fn ratios() {
    let medians = KEYS.map(|(key, _)| ["raw", "JWS", "COSE"].map(|name| median(&format!("{name} {key}"))));
    println!(
        "{:10} {:>14} {:>14} {:>8} {:>14} {:>8}",
        "median", "signatures, us", "JWS, us", "ratio", "COSE, us", "ratio"
    );
    for ((key, _), medians) in KEYS.iter().zip(medians) {
        let [Some(raw), Some(jws), Some(cose)] = medians else { continue };
        println!("{key:10} {raw:14.1} {jws:14.1} {:8.2} {cose:14.1} {:8.2}", jws / raw, cose / raw);
    }
}

/// Prints the look-ups of threads that share a cache, with one lock and with one for each part, as multiples of those of one thread.
fn caches() {
    println!(
        "{:>7} {:>16} {:>6} {:>16} {:>6} {:>14}",
        "threads", "one lock, M/s", "ratio", "parts, M/s", "ratio", "parts/one lock"
    );
    let mut of_one_thread = None;
    for threads in [1, 2, 4, 8] {
        let [one, parts] = countersign_micro::look_ups_by(threads, LOOK_UPS).map(|per_second| per_second / 1e6);
        let (one_of_one, parts_of_one) = *of_one_thread.get_or_insert((one, parts));
        let ratios = (one / one_of_one, parts / parts_of_one, parts / one);
        println!("{threads:7} {one:16.2} {:6.2} {parts:16.2} {:6.2} {:14.2}", ratios.0, ratios.1, ratios.2);
    }
}

/// In microseconds; `None` if it was not measured.
fn median(name: &str) -> Option<f64> {
    // Cargo runs benchmarks in the directory of their package.
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "../../../target".to_owned());
    let file = Path::new(&target).join("criterion").join(name).join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(estimates["median"]["point_estimate"].as_f64()? / 1e3)
}
