//! Reason codes of the record: all but those that cannot be caused from outside.

use std::collections::BTreeSet;
use std::fs;

use crate::golden;

const CODES: &str = include_str!("../golden/codes.txt");

/// Codes that no case can have, and why.
const UNREACHABLE: &[(&str, &str)] = &[
    (
        "deadline-exceeded",
        "needs work that is late and waits for no host, such as for a permit: see tests/suite/engine/shares and the server's tests",
    ),
    (
        "internal-error",
        "needs a mistake in the product; the tests of the server and the engine have panics of their own",
    ),
    ("overloaded", "needs more work than the limits allow at the same moment, which no record has twice alike"),
    ("revoked", "needs an OCSP responder or a CRL server: see tests/suite/engine/evidence"),
    (
        "timestamp-unchecked",
        "needs a timestamping authority whose revocation status is not available: see core/tests/suite/notation/timestamp",
    ),
];

/// Whether a text has the code: in quotes, or at the beginning of a message and before its colon. A code can be a usual word.
fn has(text: &str, code: &str) -> bool {
    let forms = [format!("\"{code}\""), format!("\"{code}: "), format!(": {code}: "), format!("({code}: ")];
    forms.iter().any(|form| text.contains(form.as_str()))
}

#[test]
fn the_record_has_every_code_that_can_be_reached() {
    let files = fs::read_dir(golden::folder()).unwrap().map(|entry| entry.unwrap().path());
    let record: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let codes = CODES.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(" | ").next().unwrap());
    let missing: BTreeSet<&str> = codes.filter(|code| !has(&record, code)).collect();
    let unreachable = UNREACHABLE.iter().map(|(code, _)| *code).collect();
    assert_eq!(missing, unreachable);
}
