//! CODES.md documents all codes: complete, in order, and with the texts of the codes.

#![allow(clippy::unwrap_used)]

use countersign_core::evidence::SignerCause;
use countersign_core::verdict::Code;
use countersign_core::verdict::LateCause;
use countersign_core::verdict::SignerRevoked;

/// The cells of every row of the table with this heading.
fn rows_of(heading: &str) -> Vec<Vec<String>> {
    let lines = include_str!("../../../CODES.md").lines().skip_while(|line| *line != heading);
    let table = lines.take_while(|line| line.starts_with('|')).skip(2);
    table
        .map(|line| {
            let cells = line.trim_start_matches("| ").trim_end_matches(" |").split(" | ");
            cells.map(str::to_owned).collect()
        })
        .collect()
}

fn rows() -> Vec<Vec<String>> {
    rows_of("| Code | Verdict | Who | Cause | Remedy |")
}

#[test]
fn each_cause_without_a_status_of_aws_signer_has_its_remedy_in_order() {
    let documented: Vec<_> = rows_of("| Cause | Remedy |").into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(documented, SignerCause::ALL.map(SignerCause::advice));
}

#[test]
fn each_revocation_of_aws_signer_has_its_remedy_in_order() {
    let documented: Vec<_> =
        rows_of("| Revoked at AWS Signer | Remedy |").into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(documented, SignerRevoked::ALL.map(SignerRevoked::advice));
}

#[test]
fn each_part_of_a_response_that_has_not_come_has_its_remedy_in_order() {
    let documented: Vec<_> = rows_of("| Missing | Remedy |").into_iter().map(|row| row[1].clone()).collect();
    assert_eq!(documented, LateCause::ALL.map(LateCause::advice));
}

#[test]
fn the_table_has_every_code_in_order_with_its_texts() {
    let documented: Vec<_> = rows()
        .into_iter()
        .map(|row| {
            let [code, verdict, who, _, cure] = row.as_slice() else { panic!("not five cells: {row:?}") };
            [code, verdict, who, cure].map(String::clone)
        })
        .collect();
    let codes = Code::ALL.iter().map(|code| {
        let name = format!("`{}`", code.as_str());
        [name, code.kind().as_str().to_owned(), code.responsible().as_str().to_owned(), code.advice().to_owned()]
    });
    assert_eq!(documented, codes.collect::<Vec<_>>());
}

#[test]
fn every_code_has_a_cause_of_its_own() {
    let mut causes: Vec<_> = rows().into_iter().map(|row| row[3].trim().to_owned()).collect();
    assert!(causes.iter().all(|cause| cause.len() > 15 && !cause.ends_with('.')), "{causes:?}");
    causes.sort();
    let all = causes.len();
    causes.dedup();
    assert_eq!((causes.len(), all), (Code::ALL.len(), Code::ALL.len()));
}

#[test]
fn the_readme_links_to_the_table() {
    assert!(include_str!("../../../../README.md").contains("[All codes](provider/CODES.md)"));
}
