//! The tables of MIGRATION.md have every metric and every error code of Ratify's sources, and no other.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context;
use anyhow::ensure;

use crate::environment::Environment;
use crate::transcript::Transcript;

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    // The tool is a link to the folder of the library.
    let library = environment.workdir.tool("ratify").canonicalize().context("cannot find the library of Ratify")?;
    let module = library.parent().context("the library is in a module")?;
    let page = fs::read_to_string(environment.workdir.project().join("provider/MIGRATION.md"))?;
    let mut codes = BTreeSet::new();
    for entry in fs::read_dir(module.join("errors"))? {
        let path = entry?.path();
        if !path.to_string_lossy().ends_with("_test.go") {
            codes.extend(error_codes(&fs::read_to_string(path)?));
        }
    }
    let reporter = fs::read_to_string(module.join("pkg/metrics/stats_reporter.go"))?;
    for (what, heading, theirs) in
        [("metric", "## Metrics of Ratify", metrics(&reporter)), ("error code", "## Error codes of Ratify", codes)]
    {
        let result = first_column(&page, heading).and_then(|listed| {
            ensure!(!theirs.is_empty(), "found none in the sources");
            ensure!(listed == theirs, "found {listed:?}, expected {theirs:?}");
            Ok(())
        });
        transcript.verdict(&format!("the migration guide has every {what} of Ratify"), result);
    }
    Ok(())
}

/// The values of the descriptors of errors.
fn error_codes(source: &str) -> BTreeSet<String> {
    let values = source.lines().filter_map(|line| line.trim().strip_prefix("Value:"));
    values.filter_map(|value| value.trim().strip_prefix('"')?.strip_suffix("\",")).map(str::to_owned).collect()
}

/// All texts that are names of metrics.
fn metrics(source: &str) -> BTreeSet<String> {
    source.split('"').filter(|text| text.starts_with("ratify_")).map(str::to_owned).collect()
}

/// The code spans of the first column of the table below a heading, without labels in braces.
fn first_column(page: &str, heading: &str) -> anyhow::Result<BTreeSet<String>> {
    let (_, section) = page.split_once(&format!("\n{heading}\n")).with_context(|| format!("no {heading:?}"))?;
    let rows = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = rows.skip(2).filter_map(|row| row.split('|').nth(1));
    let spans = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    Ok(spans.map(|span| span.split('{').next().unwrap_or_default().to_owned()).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_of_sources_and_tables() {
        let source = "X = Register(\"errcode\", ErrorDescriptor{\n\t\tValue:       \"A_B\",\n\t\tMessage: \"c\",\n})\n";
        assert_eq!(error_codes(source), BTreeSet::from(["A_B".to_owned()]));
        assert_eq!(metrics("a = \"ratify_x\"\nb = \"y\"\n"), BTreeSet::from(["ratify_x".to_owned()]));
        let page = "# P\n\n## H\n\nText `no`.\n\n| R | C |\n| - | - |\n| `a{b}`, `c` | `d` |\n";
        assert_eq!(first_column(page, "## H").unwrap(), BTreeSet::from(["a".to_owned(), "c".to_owned()]));
    }
}
