//! The table, for terminals: one line for each image, blocks for those that need attention, and a summary.

use countersign_core::codec::text::printable;
use countersign_core::codec::text::truncate;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Inconclusive;
use countersign_core::verdict::Rejected;
use countersign_core::verdict::Skipped;
use countersign_core::verdict::VerdictKind;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;

use super::Checked;
use super::text::IMAGE_BYTES;
use super::text::block;

const HEADINGS: [&str; 4] = ["VERDICT", "IMAGE", "DIGEST", "SIGNER OR CODE"];

/// Of the digest, to recognize it: the algorithm, and as many digits as container runtimes show.
const DIGEST: usize = "sha256:".len() + 12;

pub(super) fn report(checked: &[Checked], colour: bool) -> String {
    let rows: Vec<[String; 4]> = checked.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(HEADINGS.get(column).map(|heading| heading.len())).max().unwrap_or_default()
    };
    let [verdicts, images, digests] = [0, 1, 2].map(width);
    let line = |[verdict, image, digest, last]: [&str; 4], kind: Option<VerdictKind>| {
        let verdict = painted(&format!("{verdict:<verdicts$}"), kind.filter(|_| colour));
        format!("{verdict}  {image:<images$}  {digest:<digests$}  {last}\n")
    };
    let mut page = line(HEADINGS, None);
    for (row, checked) in rows.iter().zip(checked) {
        page.push_str(&line(row.each_ref().map(String::as_str), Some(checked.result.verdict.kind())));
    }
    for checked in checked.iter().filter(|checked| needs_attention(&checked.result.verdict)) {
        page.push('\n');
        page.push_str(&block(checked));
    }
    page.push('\n');
    page.push_str(&summary(checked));
    page
}

fn row(Checked { image, result, fields: _ }: &Checked) -> [String; 4] {
    let verdict = &*result.verdict;
    let digest = match &result.digest {
        Some(digest) => digest.to_string().chars().take(DIGEST).collect(),
        None => "-".to_owned(),
    };
    let last = match verdict {
        ImageVerdict::Verified(verified) => {
            let VerifiedBy::Notation(VerifiedNotation { manifest: _, signature }) = &verified.by;
            let signer = match signature.signer().map(|signer| (signer.aws_signer(), signer)) {
                Some((Some(aws_signer), _)) => aws_signer.profile_version().to_string(),
                Some((None, signer)) => signer.subject().to_string(),
                None => "not known".to_owned(),
            };
            match signature.warnings().count() {
                0 => signer,
                1 => format!("{signer}, 1 warning"),
                more => format!("{signer}, {more} warnings"),
            }
        }
        ImageVerdict::Skipped(Skipped { statement }) => format!("skipped by statement {statement:?}"),
        ImageVerdict::Rejected(Rejected { reason, .. }) | ImageVerdict::Inconclusive(Inconclusive { reason, .. }) => {
            reason.code.to_string()
        }
    };
    [verdict.kind().as_str().to_owned(), printable(&truncate(image, IMAGE_BYTES)), digest, printable(&last)]
}

/// Whether the reasons are shown below the table.
fn needs_attention(verdict: &ImageVerdict) -> bool {
    match verdict {
        ImageVerdict::Verified(verified) => {
            let VerifiedBy::Notation(VerifiedNotation { manifest: _, signature }) = &verified.by;
            signature.warnings().next().is_some()
        }
        ImageVerdict::Skipped(_) => false,
        ImageVerdict::Rejected(_) | ImageVerdict::Inconclusive(_) => true,
    }
}

fn summary(checked: &[Checked]) -> String {
    let count = |kind| checked.iter().filter(|checked| checked.result.verdict.kind() == kind).count();
    let kinds = [VerdictKind::Verified, VerdictKind::Skipped, VerdictKind::Rejected, VerdictKind::Inconclusive];
    let counts = kinds.map(|kind| format!("{} {}", count(kind), kind.as_str())).join(", ");
    format!("{} image{}: {counts}\n", checked.len(), if checked.len() == 1 { "" } else { "s" })
}

/// With the sequence of its colour; unchanged without a kind.
fn painted(text: &str, kind: Option<VerdictKind>) -> String {
    let code = match kind {
        None => return text.to_owned(),
        Some(VerdictKind::Verified) => 32,
        Some(VerdictKind::Skipped) => 36,
        Some(VerdictKind::Rejected) => 31,
        Some(VerdictKind::Inconclusive) => 33,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
