//! The text output.

use std::fmt;

use countersign_core::codec::hex::hex;
use countersign_core::codec::text::printable;
use countersign_core::codec::text::truncate;
use countersign_core::notation::Anchor;
use countersign_core::notation::AwsSigner;
use countersign_core::notation::Checks;
use countersign_core::notation::Signer;
use countersign_core::verdict::FailedSignature;
use countersign_core::verdict::FailedSignatures;
use countersign_core::verdict::ImageVerdict;
use countersign_core::verdict::Inconclusive;
use countersign_core::verdict::Rejected;
use countersign_core::verdict::Skipped;
use countersign_core::verdict::VerdictKind;
use countersign_core::verdict::Verified;
use countersign_core::verdict::VerifiedBy;
use countersign_core::verdict::VerifiedNotation;

use super::Checked;
use crate::cli::manifests::ImageField;

/// Width of the first column.
const NAMES: usize = 12;

/// Maximum number of bytes of a text that is no reference. References are shorter.
pub(super) const IMAGE_BYTES: usize = 1024;

/// Maximum number of fields of manifests that are shown for one image.
const FIELDS: usize = 10;

/// One block for each image.
pub(in crate::cli) fn report(checked: &[Checked]) -> String {
    checked.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// One sentence about the verdict, without the image.
pub(super) fn message(verdict: &ImageVerdict) -> String {
    match verdict {
        ImageVerdict::Verified(verified) => verified.summary().to_string(),
        ImageVerdict::Skipped(Skipped { statement }) => {
            format!("statement {statement:?} of the trust policy skips this repository")
        }
        ImageVerdict::Rejected(Rejected { statement: _, reason, signatures: _ })
        | ImageVerdict::Inconclusive(Inconclusive { statement: _, reason, signatures: _ }) => reason.detail.to_string(),
    }
}

/// The block of one image.
pub(super) fn block(Checked { image, result, fields }: &Checked) -> String {
    let verdict = &*result.verdict;
    let mut block = Block(format!(
        "{:<width$}{}\n",
        verdict.kind().as_str(),
        printable(&truncate(image, IMAGE_BYTES)),
        width = NAMES + 2
    ));
    for ImageField { file, object, field } in fields.iter().take(FIELDS) {
        block.line("named by", format_args!("{file}, {object}, {field}"));
    }
    match fields.len().saturating_sub(FIELDS) {
        0 => {}
        more => block.line("", format_args!("and {more} more")),
    }
    if let Some(digest) = &result.digest {
        block.line("digest", digest);
    }
    if let Some(statement) = verdict.statement() {
        block.line("statement", statement);
    }
    match verdict {
        ImageVerdict::Verified(verified) => {
            block.signer(verified);
            block.line("code", verdict.code());
            block.line("message", message(verdict));
            block.failed(&verified.others);
        }
        ImageVerdict::Skipped(_) => {
            block.line("code", verdict.code());
            block.line("message", message(verdict));
        }
        ImageVerdict::Rejected(Rejected { statement: _, reason, signatures })
        | ImageVerdict::Inconclusive(Inconclusive { statement: _, reason, signatures }) => {
            block.line("code", reason.code);
            block.line("message", &reason.detail);
            block.line("what to do", reason.advice());
            block.failed(signatures);
        }
    }
    block.0
}

struct Block(String);

impl Block {
    fn line(&mut self, name: &str, value: impl fmt::Display) {
        let value = printable(&value.to_string());
        self.0.push_str(&format!("  {name:<NAMES$}{value}\n"));
    }

    fn signer(&mut self, verified: &Verified) {
        let VerifiedBy::Notation(VerifiedNotation { manifest, signature }) = &verified.by;
        match signature.signer() {
            Some(signer) => {
                match signer.aws_signer() {
                    Some(aws_signer) => self.aws_signer(aws_signer, signer),
                    None => self.line("signer", signer.subject()),
                }
                self.line("issuer", signer.issuer());
                let Anchor { store, subject, fingerprint } = signer.anchor();
                self.line("trusted by", format_args!("{store}, {subject} (sha256 {})", hex(fingerprint)));
                let mut how = format!("{manifest} ({}, {}, {}", signer.format(), signer.algorithm(), signer.scheme());
                how.push_str(&format!(", signed {}", signer.signing_time()));
                if let Some(time) = signer.expiry() {
                    how.push_str(&format!(", expires {time}"));
                }
                self.line("signature", format_args!("{how})"));
            }
            None => {
                self.line("signer", "not known");
                let subject = signature.unverified_subject();
                self.line("signature", format_args!("{manifest} of {subject} (not verified)"));
            }
        }
        let Checks { integrity, authenticity, authentic_timestamp, expiry, revocation } = signature.checks();
        self.line(
            "checks",
            format_args!(
                "integrity {}, authenticity {}, authenticTimestamp {}, expiry {}, revocation {}",
                integrity.as_str(),
                authenticity.as_str(),
                authentic_timestamp.as_str(),
                expiry.as_str(),
                revocation.as_str()
            ),
        );
        for (check, reason) in signature.warnings() {
            self.line("warning", format_args!("{check}: {reason}"));
        }
    }

    /// The customer of AWS, before the certificate, which names AWS.
    fn aws_signer(&mut self, aws_signer: &AwsSigner, signer: &Signer) {
        self.line("signer", format_args!("AWS Signer, signing profile {}", aws_signer.profile_version()));
        if let Some(alias) = aws_signer.alias() {
            self.line("alias", alias);
        }
        self.line("job", aws_signer.job());
        self.line("subject", signer.subject());
    }

    fn failed(&mut self, signatures: &FailedSignatures) {
        for failed in signatures.listed() {
            let FailedSignature { manifest, unverified_subject, reasons } = failed;
            match unverified_subject {
                Some(subject) => self.line("signature", format_args!("{manifest} of {subject} (not verified)")),
                None => self.line("signature", manifest),
            }
            let kind = if failed.is_inconclusive() { VerdictKind::Inconclusive } else { VerdictKind::Rejected };
            for reason in reasons.iter() {
                self.line("", format_args!("{}: {reason}", kind.as_str()));
            }
        }
        match signatures.omitted() {
            0 => {}
            more => self.line("", format_args!("and {more} more that do not count")),
        }
    }
}
