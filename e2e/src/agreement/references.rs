//! Generated texts as image references and as scopes: what Countersign's parsers accept, and what those of containerd and notation do.

mod generator;
mod rows;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use countersign_core::name::ImageRef;
use countersign_core::name::ReferenceError;
use countersign_core::name::Repository;
use countersign_core::name::Selector;
use countersign_core::policy::TrustPolicy;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use self::rows::ROWS;
use self::rows::Row;
use super::differences::Document;
use crate::process;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

/// The number of generated texts, beside those of the shared table.
const TEXTS: usize = 24_000;

/// Differences without a row that are printed.
const SHOWN: usize = 20;

/// Time limit for the program with the parsers of others.
const LIMIT: Duration = Duration::from_secs(60);

/// The answer of the program about one text.
#[derive(Debug, Deserialize)]
struct Theirs {
    /// As containerd reads it; `None` if it refuses the text.
    image: Option<Place>,
    /// Whether notation accepts it as a scope.
    scope: bool,
}

/// What a reference names.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
struct Place {
    host: String,
    path: String,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    digest: Option<String>,
}

/// As what a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// As an image reference; the other reader is containerd.
    Image,
    /// As a scope of the trust policy; the other reader is notation.
    Scope,
}

/// How the readers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Countersign refuses what the other one accepts.
    Stricter,
    /// Countersign accepts what the other one refuses.
    Wider,
    /// Both accept the text, and read another repository or another image.
    OtherPlace,
}

/// A difference about one text.
#[derive(Clone, Debug)]
struct Difference<'a> {
    text: &'a str,
    reader: Reader,
    kind: Kind,
    /// Why Countersign refuses it.
    error: Option<ReferenceError>,
    /// Both readings.
    details: String,
}

impl Difference<'_> {
    fn row(&self) -> Option<&'static Row> {
        ROWS.iter().find(|row| {
            (row.reader, row.kind) == (self.reader, self.kind) && (row.applies)(self.text, self.error.as_ref())
        })
    }
}

/// Compares the readers. Every difference must have a row, and every row a difference and a clause.
pub(super) fn run(workdir: &Workdir, seed: u64, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("Agreement with the parsers of containerd and notation");
    let texts = texts(workdir, seed)?;
    let theirs = ask(workdir, &texts)?;
    let mut differences = Vec::new();
    let mut accepted = [0, 0];
    for (text, theirs) in texts.iter().zip(&theirs) {
        accepted[0] += usize::from(theirs.image.is_some());
        accepted[1] += usize::from(theirs.scope);
        differences.extend(compare_image(text, theirs.image.as_ref()));
        differences.extend(compare_scope(text, theirs.scope));
    }
    let total = texts.len();
    transcript.note(&format!(
        "seed {seed}, {total} texts: containerd accepts {} as references, notation {} as scopes",
        accepted[0], accepted[1]
    ));
    results(workdir, total, &differences, transcript);
    Ok(())
}

/// The generated texts and those of the shared table, each once.
fn texts(workdir: &Workdir, seed: u64) -> anyhow::Result<Vec<String>> {
    let table = fs::read_to_string(workdir.project().join("provider/tests/data/references.json"))?;
    let table: Vec<Value> = serde_json::from_str(&table)?;
    let known = table.iter().filter_map(|row| row["image"].as_str().map(str::to_owned));
    let mut all: Vec<String> = known.collect();
    all.extend(generator::texts(seed, TEXTS));
    Ok(all)
}

/// The answers of containerd's and notation's parsers.
fn ask(workdir: &Workdir, texts: &[String]) -> anyhow::Result<Vec<Theirs>> {
    let lines: String = texts.iter().map(|text| format!("{}\n", json!(text))).collect();
    let input: PathBuf = workdir.write("agreement/references.jsonl", lines)?;
    let mut command = Command::new(workdir.tool("references"));
    command.arg(input);
    let output = process::run(&command, LIMIT, &workdir.log("references"))?.success()?;
    let answers: Vec<Theirs> =
        output.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("an answer of the parsers")?;
    ensure!(answers.len() == texts.len(), "{} answers about {} texts", answers.len(), texts.len());
    Ok(answers)
}

/// Countersign's reading of an image reference, in the words of containerd.
fn place(image: &ImageRef) -> Place {
    let (tag, digest) = match image.selector() {
        Selector::Tag(tag) => (Some(tag.clone()), None),
        Selector::Digest(digest) => (None, Some(digest.to_string())),
    };
    let repository = image.repository();
    Place { host: repository.host().as_str().to_owned(), path: repository.path().to_owned(), tag, digest }
}

fn compare_image<'a>(text: &'a str, theirs: Option<&Place>) -> Option<Difference<'a>> {
    let ours = text.parse::<ImageRef>();
    let (kind, error) = match (&ours, theirs) {
        (Ok(ours), Some(theirs)) if place(ours) == *theirs => return None,
        (Err(_), None) => return None,
        (Ok(_), Some(_)) => (Kind::OtherPlace, None),
        (Ok(_), None) => (Kind::Wider, None),
        (Err(error), Some(_)) => (Kind::Stricter, Some(error.clone())),
    };
    let ours = ours.map(|image| format!("{:?}", place(&image))).unwrap_or_else(|error| error.to_string());
    let details = format!("containerd: {theirs:?}; Countersign: {ours}");
    Some(Difference { text, reader: Reader::Image, kind, error, details })
}

fn compare_scope(text: &str, theirs: bool) -> Option<Difference<'_>> {
    let document = json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "policy",
            "registryScopes": [text],
            "signatureVerification": { "level": "strict" },
            "trustStores": ["ca:store"],
            "trustedIdentities": ["*"],
        }],
    });
    let read = TrustPolicy::parse(document.to_string().as_bytes());
    let is_accepted = read.as_ref().is_ok_and(|policy| policy.mistakes().is_empty());
    if is_accepted == theirs {
        return None;
    }
    let kind = if theirs { Kind::Stricter } else { Kind::Wider };
    let details = match &read {
        Ok(policy) => format!("mistakes: {:?}", policy.mistakes()),
        Err(errors) => format!("errors: {errors:?}"),
    };
    // `*` is not a repository, and both accept it.
    Some(Difference { text, reader: Reader::Scope, kind, error: text.parse::<Repository>().err(), details })
}

fn results(workdir: &Workdir, total: usize, differences: &[Difference<'_>], transcript: &mut Transcript) {
    let mut by_row: BTreeMap<&str, Vec<&str>> = ROWS.iter().map(|row| (row.name, Vec::new())).collect();
    let mut unlisted = Vec::new();
    for difference in differences {
        match difference.row() {
            Some(row) => by_row.entry(row.name).or_default().push(difference.text),
            None => unlisted.push(difference),
        }
    }
    for Row { name, reader, kind, applies: _, section, clause, reason } in ROWS {
        let texts = by_row.get(name).map(Vec::as_slice).unwrap_or_default();
        println!("{:>6}  {reader:?}, {kind:?}: {name}", texts.len());
        println!("        {section}: {clause}; {reason}");
        if let Some(shortest) = texts.iter().min_by_key(|text| text.len()) {
            println!("        for example {shortest:?}");
        }
    }
    unlisted.sort_by_key(|difference| difference.text.len());
    for Difference { text, reader, kind, error: _, details } in unlisted.iter().take(SHOWN) {
        println!("{reader:?}, {kind:?}: {text:?}\n    {details}");
    }
    let what = format!("in {total} texts, the parsers differ as listed only");
    let otherwise = format!("{} differences are not listed", unlisted.len());
    transcript.verdict(&what, super::holds(unlisted.is_empty(), &otherwise));
    let absent: Vec<&str> = by_row.iter().filter(|(_, texts)| texts.is_empty()).map(|(name, _)| *name).collect();
    let result = (|| {
        ensure!(absent.is_empty(), "these do not occur: {}", absent.join("; "));
        let document = Document::read(workdir.project())?;
        ROWS.iter().try_for_each(|row| document.has(row.section, row.clause, row.kind == Kind::Wider).context(row.name))
    })();
    transcript.verdict("every listed difference of the parsers occurs, and has its clause in DIVERGENCES.md", result);
}
