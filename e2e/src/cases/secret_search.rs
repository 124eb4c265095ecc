//! Searches requests and logs for secrets, as they are and encoded.

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A secret, and the hosts that may receive it.
#[derive(Debug)]
pub(super) struct Secret {
    pub(super) kind: String,
    /// The texts that give it away.
    forms: Vec<String>,
    hosts: Vec<&'static str>,
}

impl Secret {
    /// A secret with all its plain texts.
    pub(super) fn new(kind: &str, texts: Vec<String>, hosts: Vec<&'static str>) -> Self {
        Self { kind: kind.to_owned(), forms: forms(texts), hosts }
    }

    /// Whether the text has it in any form.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }

    #[cfg(test)]
    pub(super) fn hosts(&self) -> &[&'static str] {
        &self.hosts
    }
}

/// The texts as they are, in base64, and percent-encoded.
fn forms(texts: Vec<String>) -> Vec<String> {
    let mut forms = Vec::new();
    for text in texts {
        // At each of the three positions within a group of base64. The characters at the ends depend on what is beside the secret.
        for before in 0..3 {
            let padded = [vec![b' '; before], text.as_bytes().to_vec()].concat();
            for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                if let Some(middle) = encoded.get(4..encoded.len().saturating_sub(4)) {
                    forms.push(middle.to_owned());
                }
            }
        }
        forms.push(percent_encoded(&text));
        forms.push(text);
    }
    forms.retain(|form| form.len() >= 16);
    forms.dedup();
    forms
}

/// As a form or a query has it.
pub(super) fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// An error if a request has a secret that is not for its host. A host is that of the request, not what led to it.
pub(super) fn in_requests(secrets: &[Secret], requests: &str) -> anyhow::Result<()> {
    for line in requests.lines() {
        let request: Value = serde_json::from_str(line)?;
        let host = request["host"].as_str().unwrap_or_default();
        for secret in secrets.iter().filter(|secret| secret.is_in(line)) {
            let (service, target) = (&request["service"], &request["target"]);
            ensure!(secret.hosts.contains(&host), "a {} was sent to {host} ({service}, {target})", secret.kind);
        }
    }
    Ok(())
}
