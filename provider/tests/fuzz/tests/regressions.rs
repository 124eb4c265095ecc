//! Runs the seeds of the fuzz targets, changed seeds, and all inputs that once failed (`provider/fuzz/regressions`).
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use countersign_fuzz_targets::Target;
use countersign_fuzz_targets::change;
use countersign_fuzz_targets::seeds;

/// How many changes of each seed are tried; the fuzzer tries more.
const CHANGES: u32 = 8;
/// The limit on the length of inputs, as in `provider/fuzz/run`.
const MAX: usize = 64 * 1024;

#[test]
fn the_seeds_and_changes_of_them_hold_the_properties() {
    for target in Target::ALL {
        let seeds = seeds(target);
        assert!(seeds.len() >= 2, "{target:?}");
        for seed in &seeds {
            target.run(seed);
            for number in 0..CHANGES {
                if let Some(changed) = change(target, seed, number, MAX) {
                    target.run(&changed);
                }
            }
        }
    }
}

#[test]
fn inputs_that_once_failed_hold_the_properties() {
    for target in Target::ALL {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions").join(target.name());
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            target.run(&unhex(&text).unwrap_or_else(|| panic!("{} is not hexadecimal", path.display())));
        }
    }
}

/// Hexadecimal digits with white space between bytes.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.split_ascii_whitespace().collect();
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[test]
fn a_folder_of_regressions_is_that_of_a_target() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || Target::ALL.iter().any(|target| target.name() == name), "{name}");
    }
}
