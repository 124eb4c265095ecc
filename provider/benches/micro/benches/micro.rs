//! Verification of an envelope as a multiple of its signature checks, and look-ups in large policies and lists.
//!
//! `cargo bench-micro [FILTER]`. Criterion prints each figure with its confidence interval; a table of ratios follows.

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

/// In microseconds; `None` if it was not measured.
fn median(name: &str) -> Option<f64> {
    // Cargo runs benchmarks in the directory of their package.
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "../../../target".to_owned());
    let file = Path::new(&target).join("criterion").join(name).join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(estimates["median"]["point_estimate"].as_f64()? / 1e3)
}
