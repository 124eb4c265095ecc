//! Makes and judges changed documents of every kind, and prints a table: `cargo mutate` makes 1,000,000, `cargo mutate COUNT` others,
//! `cargo mutate --only NUMBER` the one of a failure. A mutant that is accepted or panics is written to a file, and the status is 1.

use std::path::PathBuf;
use std::process::ExitCode;

use countersign_core_test_support::mutants;
use countersign_core_test_support::mutants::Table;

const COUNT: usize = 1_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number"));
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => judge_all(COUNT),
        [count] => judge_all(number(count)),
        ["--only", only] => {
            let (bytes, table) = mutants::one(number(only));
            println!("{} {}", bytes.len(), bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            report(&table)
        }
        _ => panic!("usage: cargo mutate [COUNT | --only NUMBER]"),
    }
}

fn judge_all(count: usize) -> ExitCode {
    let table = mutants::run(count);
    let code = report(&table);
    let problems = table.problems();
    problems.iter().for_each(|problem| println!("{problem}"));
    if problems.is_empty() { code } else { ExitCode::FAILURE }
}

fn report(table: &Table) -> ExitCode {
    print!("{table}");
    for failed in &table.failed {
        let file: PathBuf = std::env::temp_dir().join(format!("mutant-{}", failed.number));
        std::fs::write(&file, &failed.bytes).expect("the folder of temporary files is writable");
        let (name, why, number) = (&failed.name, failed.why, failed.number);
        println!("{name}: a mutant {why}; it is in {}; again: cargo mutate --only {number}", file.display());
    }
    if table.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
