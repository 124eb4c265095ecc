//! Codes are a contract with dashboards, alerts and scripts: a change shows in `golden/codes.txt`.

use std::fmt::Write as _;

use countersign_core::verdict::Code;

#[test]
fn codes_are_those_of_the_golden_file() {
    let mut list = String::from("# code | verdict | who has to act | what to do\n");
    for code in Code::ALL {
        let line = [code.as_str(), code.kind().as_str(), code.responsible().as_str(), code.advice()].join(" | ");
        let _ = writeln!(list, "{line}");
    }
    let golden = include_str!("../../golden/codes.txt");
    assert!(list == golden, "the codes are not those of golden/codes.txt; they are now:\n{list}");
}
