//! Names for what differs from run to run: hosts, digests, fingerprints, paths, times, identifiers.
//!
//! Known texts get the name of their role. In the remaining text, times near the present are `<time>` (all other times are
//! those of fixtures), 32 hexadecimal digits are a `<request id>` and 64 are an unnamed digest.

use std::collections::HashMap;

use serde_json::Value as Json;
use time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The replacements.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Sorted by length, longest first: the longest match is replaced.
    texts: Vec<(String, String)>,
    /// By the 64 digits of a digest.
    digests: HashMap<String, String>,
}

impl Names {
    /// `text` is replaced by `role` from now on, everywhere.
    pub(crate) fn name(&mut self, text: &str, role: &str) {
        let place = self.texts.partition_point(|(known, _)| known.len() >= text.len());
        self.texts.insert(place, (text.to_owned(), role.to_owned()));
    }

    /// The digest, with or without its algorithm, is replaced by `<role>` from now on.
    pub(crate) fn digest(&mut self, digest: &str, role: &str) {
        let hex = digest.trim_start_matches("sha256:");
        assert_eq!(hex.len(), 64, "{digest}");
        self.digests.insert(hex.to_owned(), format!("<{role}>"));
    }

    /// `text` with names.
    pub(crate) fn text(&self, text: &str) -> String {
        let revision = option_env!("COUNTERSIGN_REVISION").unwrap_or("unknown");
        let mut known = text.replace(&format!("(revision {revision})"), "(revision unknown)");
        for (text, role) in &self.texts {
            if known.contains(text.as_str()) {
                known = known.replace(text.as_str(), role);
            }
        }
        let mut out = String::with_capacity(known.len());
        let mut rest = known.as_str();
        while let Some(first) = rest.chars().next() {
            let starts = !out.ends_with(|before: char| before.is_ascii_alphanumeric());
            match starts.then(|| self.named(rest)).flatten() {
                Some((name, length)) => {
                    out.push_str(&name);
                    rest = &rest[length..];
                }
                None => {
                    out.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        as_if_sent(&out)
    }

    /// A name for what `text` begins with, and how many bytes it is for.
    fn named(&self, text: &str) -> Option<(String, usize)> {
        let hex = text.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count();
        let ends = !text[hex..].starts_with(|after: char| after.is_ascii_alphanumeric());
        match hex {
            32 if ends => Some(("<request id>".to_owned(), 32)),
            64 if ends => {
                let name = self.digests.get(&text[..64]);
                Some((name.map_or("<unnamed digest>", String::as_str).to_owned(), 64))
            }
            _ => present(text).map(|length| ("<time>".to_owned(), length)),
        }
    }

    /// A document with names in all of its texts.
    pub(crate) fn json(&self, value: &Json) -> Json {
        match value {
            Json::String(text) => Json::String(self.text(text)),
            Json::Array(list) => list.iter().map(|value| self.json(value)).collect(),
            Json::Object(members) => members
                .iter()
                .map(|(name, value)| {
                    let value = match name.as_str() {
                        "elapsed_ms" => Json::from("<duration>"),
                        // The length of an envelope: certificates and signatures by EC keys vary by some bytes.
                        "bytes" => Json::from("<size>"),
                        "peer" => Json::from("<address>"),
                        _ => self.json(value),
                    };
                    (self.text(name), value)
                })
                .collect(),
            Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
        }
    }

    /// The lines of a page.
    pub(crate) fn lines(&self, page: &str) -> Vec<String> {
        page.lines()
            .map(|line| {
                let line = self.text(line);
                match line.split_once(" bytes") {
                    Some((start, end)) if line.starts_with("  envelope ") => {
                        format!("{}<size> bytes{end}", start.trim_end_matches(char::is_numeric))
                    }
                    _ => line,
                }
            })
            .collect()
    }
}

/// `text` with the last failure in place of "no request was sent": how fast requests fail decides whether a host is known to fail by the
/// next one.
fn as_if_sent(text: &str) -> String {
    const BEGIN: &str = "no request was sent to ";
    const END: &str = "); it is asked again within a second";
    let mut text = text.to_owned();
    while let Some(begin) = text.find(BEGIN)
        && let Some(cause) = text[begin..].find(" s ago (").map(|at| begin + at + " s ago (".len())
        && let Some(end) = text[cause..].find(END).map(|at| cause + at)
    {
        text = format!("{}{}{}", &text[..begin], &text[cause..end], &text[end + END.len()..]);
    }
    text
}

/// How long the time is with which `text` begins, if that is a time near the present.
fn present(text: &str) -> Option<usize> {
    if !text.starts_with("20") {
        return None;
    }
    let end = text.find('Z')? + 1;
    let time = OffsetDateTime::parse(text.get(..end).filter(|text| text.len() <= 30)?, &Rfc3339).ok()?;
    let distance = (OffsetDateTime::now_utc() - time).abs();
    (distance < Duration::days(1)).then_some(end)
}
