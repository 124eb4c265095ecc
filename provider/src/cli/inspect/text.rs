//! The text output: the block that `verify` prints, then one for each signature.

use std::fmt;

use countersign_core::codec::text::printable;
use countersign_core::notation::Anchor;
use countersign_core::notation::CertificateSummary;
use countersign_core::notation::EvidenceFact;
use countersign_core::notation::Facts;
use countersign_core::notation::Finding;
use countersign_core::notation::TimestampContents;
use countersign_core::notation::TimestampFacts;

use super::Inspected;
use super::age;
use super::ended;
use crate::cli::report::text::report;
use crate::cli::usable::usable;
use crate::engine::Envelope;
use crate::engine::InspectedSignature;

/// Width of the first column.
const NAMES: usize = 12;

pub(super) fn page(inspected: &Inspected) -> String {
    let mut page = Page { text: report(std::slice::from_ref(&inspected.checked)), claimed: false };
    page.text.push('\n');
    match &inspected.listed {
        Ok(listed) => {
            page.line("target", &listed.target);
            page.line("signatures", listed.found);
            if let Some(reason) = &listed.left_out {
                page.line("problem", reason);
            }
            for (number, signature) in (1_usize..).zip(&listed.signatures) {
                page.text.push_str(&format!("\nsignature {number} of {}\n", listed.found));
                page.signature(signature, inspected.result(signature));
            }
        }
        // The block of the verdict already has its own reason.
        Err(reason) if inspected.checked.result.verdict.reason() == Some(reason) => {}
        Err(reason) => {
            page.line("problem", reason);
            page.line("what to do", reason.advice());
        }
    }
    if let Some(trace) = &inspected.trace {
        page.text.push_str("\ntrace\n");
        for (number, step) in (1_usize..).zip(&trace.steps) {
            page.text.push_str(&format!("  {number:>3}. {}\n", printable(&step.to_string())));
        }
        if trace.omitted > 0 {
            page.text.push_str(&format!("  and {} further requests\n", trace.omitted));
        }
    }
    page.text
}

struct Page {
    text: String,
    /// Whether the content of the envelope is marked as claimed.
    claimed: bool,
}

impl Page {
    fn line(&mut self, name: &str, value: impl fmt::Display) {
        let value = printable(&value.to_string());
        self.text.push_str(&format!("  {name:<NAMES$}{value}\n"));
    }

    /// The content of the envelope.
    fn fact(&mut self, name: &str, value: impl fmt::Display) {
        if self.claimed {
            self.line(name, format_args!("{value} (claimed)"));
        } else {
            self.line(name, value);
        }
    }

    fn signature(&mut self, signature: &InspectedSignature, result: &str) {
        self.line("manifest", &signature.manifest);
        self.line("result", result);
        match &signature.envelope {
            Ok(envelope) => {
                if let Some(facts) = &envelope.explanation.facts {
                    self.claimed = !envelope.explanation.is_authentic();
                    self.facts(envelope, facts);
                } else {
                    self.line("envelope", format_args!("{} bytes of {}", envelope.bytes, envelope.media_type));
                }
                for finding in &envelope.explanation.findings {
                    self.check(finding);
                }
                for fact in &envelope.explanation.evidence {
                    self.evidence(fact);
                }
            }
            Err(reason) => {
                self.line("problem", reason);
                self.line("what to do", reason.advice());
            }
        }
    }

    fn facts(&mut self, envelope: &Envelope, facts: &Facts) {
        let Facts {
            intact: _,
            format,
            algorithm,
            scheme,
            signing_time,
            expiry,
            attributes,
            certificates,
            target,
            timestamp,
        } = facts;
        self.fact("envelope", format_args!("{format}, {algorithm}, {} bytes", envelope.bytes));
        self.fact("scheme", scheme);
        self.fact("signed", signing_time);
        match expiry {
            Some(time) => self.fact("expires", time),
            None => self.fact("expires", "never"),
        }
        match timestamp {
            Some(timestamp) => self.timestamp(timestamp),
            None => self.fact("timestamp", "none"),
        }
        for attribute in attributes {
            let value = attribute.text.as_ref().map_or_else(|| "not a text".to_owned(), |text| format!("{text:?}"));
            let critical = if attribute.critical { ", critical" } else { "" };
            self.fact("attribute", format_args!("{}: {value}{critical}", attribute.name));
        }
        if let Ok(target) = target {
            self.fact("signed for", target);
            for (name, value) in &target.annotations {
                self.fact("metadata", format_args!("{name}: {value:?}"));
            }
        }
        for certificate in certificates {
            match certificate {
                Ok(certificate) => self.certificate(certificate),
                Err(error) => self.fact("certificate", error),
            }
        }
    }

    fn timestamp(&mut self, timestamp: &TimestampFacts) {
        let TimestampFacts { bytes, contents, anchor } = timestamp;
        match contents {
            Ok(TimestampContents { gen_time, accuracy, authority }) => {
                // Whether the authority is revoked is in the result of the check.
                let state = if anchor.is_some() { "signature and chain valid" } else { "not verified" };
                self.fact("timestamp", format_args!("{gen_time}, accuracy {accuracy:?}, {state}, {bytes} bytes"));
                if let Some(authority) = authority {
                    self.fact("  authority", authority);
                }
            }
            Err(error) => self.fact("timestamp", format_args!("a token of {bytes} bytes that cannot be read: {error}")),
        }
        if let Some(Anchor { store, subject, fingerprint: _ }) = anchor {
            self.fact("  anchor", format_args!("{store}: {subject}"));
        }
    }

    fn certificate(&mut self, certificate: &CertificateSummary) {
        let CertificateSummary { subject, issuer, serial, fingerprint, key, not_before, not_after } = certificate;
        self.fact("certificate", subject);
        self.fact("  issuer", issuer);
        self.fact("  serial", serial);
        self.fact("  sha256", fingerprint);
        self.fact("  key", key);
        self.fact("  valid", format_args!("{not_before} to {not_after}"));
    }

    fn evidence(&mut self, fact: &EvidenceFact) {
        let EvidenceFact { kind, certificate, status, url, fetched, this_update, next_update, usable_until } = fact;
        self.line("evidence", format_args!("{} from {url}", kind.as_str()));
        self.line("  status", format_args!("{} for {certificate}", status.as_str()));
        self.line("  issued", this_update);
        self.line("  fetched", format_args!("{fetched}, at an age of {}", humantime::format_duration(age(fact))));
        match next_update {
            Some(next) => self.line("  next", next),
            None => self.line("  next", "not stated"),
        }
        self.line("  usable", usable(usable_until));
    }

    fn check(&mut self, finding: &Finding) {
        let (result, reason) = ended(&finding.found);
        let (check, action) = (finding.check.as_str(), finding.action.as_str());
        let line = format!("{check:<19}{action:<9}{result}");
        match reason {
            Some(reason) => self.line("check", format_args!("{line}: {reason}")),
            None => self.line("check", line),
        }
    }
}
