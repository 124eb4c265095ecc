//! Reads the answers of a vault. Messages of the parser are omitted, as they may have parts of a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_cloud::Answer;
use countersign_core::codec::json;
use countersign_core::codec::text::Text;
use countersign_core::name::VaultCertificateVersion;
use serde::Deserialize;

use crate::limits;

/// A page of the versions of a certificate.
pub(super) struct Page {
    pub(super) versions: Vec<ListedVersion>,
    /// Those that the vault says are disabled, also if nothing else of them is understood.
    pub(super) disabled: Vec<VaultCertificateVersion>,
    /// Why a version is not understood: then the others are not all.
    pub(super) problem: Option<Text>,
    pub(super) next: Option<String>,
}

/// An enabled version in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedVersion {
    pub(super) version: VaultCertificateVersion,
    /// Seconds since 1970.
    pub(super) created: u64,
}

#[derive(Deserialize)]
struct PageBody {
    value: Option<Vec<Item>>,
    #[serde(rename = "nextLink")]
    next_link: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: Option<String>,
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
struct Attributes {
    enabled: Option<bool>,
    created: Option<u64>,
}

#[derive(Deserialize)]
struct Bundle {
    cer: Option<String>,
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
struct SecretBundle {
    value: Option<String>,
    #[serde(rename = "contentType")]
    content_type: Option<String>,
    attributes: Option<Attributes>,
}

const NO_OBJECT: &str = "it is not the expected JSON object";

fn object<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, Text> {
    json::from_slice(&answer.body, &limits::VAULT_JSON).map_err(|_| Text::of(NO_OBJECT))
}

/// Without a statement of the service a version is not enabled.
fn is_enabled(attributes: Option<&Attributes>) -> bool {
    attributes.and_then(|attributes| attributes.enabled).unwrap_or(false)
}

/// A page of versions. The name in an identifier is not compared: the list is that of the URL.
pub(super) fn page(answer: &Answer) -> Result<Page, Text> {
    let PageBody { value, next_link } = object(answer)?;
    let items = value.ok_or("found no value, expected a list of versions")?;
    let (mut versions, mut disabled, mut problem) = (Vec::new(), Vec::new(), None);
    for item in items {
        let id = item.id.unwrap_or_default();
        let version: VaultCertificateVersion = match id.rsplit('/').next().unwrap_or_default().parse() {
            Ok(version) => version,
            Err(error) => {
                problem.get_or_insert_with(|| Text::of(format_args!("the version of an id: {error}")));
                continue;
            }
        };
        let attributes = item.attributes.as_ref();
        let enabled = attributes.and_then(|attributes| attributes.enabled);
        if enabled == Some(false) {
            disabled.push(version.clone());
        }
        match attributes.and_then(|attributes| attributes.created) {
            // Without a statement of the service a version is not enabled.
            Some(created) if enabled == Some(true) => versions.push(ListedVersion { version, created }),
            Some(_) => {}
            None => {
                problem.get_or_insert_with(|| "found a version without attributes.created, expected its time".into());
            }
        }
    }
    Ok(Page { versions, disabled, problem, next: next_link.filter(|link| !link.is_empty()) })
}

/// The certificate in DER; `None` if the version is disabled.
pub(super) fn certificate(answer: &Answer) -> Result<Option<Vec<u8>>, Text> {
    let Bundle { cer, attributes } = object(answer)?;
    if !is_enabled(attributes.as_ref()) {
        return Ok(None);
    }
    let cer = cer.ok_or("found no cer, expected a certificate")?;
    let der = STANDARD.decode(cer).map_err(|_| Text::of("cer is not base64, expected a certificate in DER"))?;
    Ok(Some(der))
}

/// The certificates of a secret in PEM; `None` if the version is disabled. Everything else of the secret is dropped here: keys are
/// neither read nor kept.
pub(super) fn chain(answer: &Answer) -> Result<Option<Vec<u8>>, Text> {
    let SecretBundle { value, content_type, attributes } = object(answer)?;
    if !is_enabled(attributes.as_ref()) {
        return Ok(None);
    }
    let content_type = content_type.unwrap_or_default();
    if content_type != "application/x-pem-file" {
        let shown = Text::at_most(64, &content_type);
        return Err(Text::of(format_args!(
            "found a secret of the content type {shown:?}, expected application/x-pem-file: issue a version of the certificate with the \
             secret property contentType application/x-pem-file, or leave out secret: true, so that the certificate alone is read, and \
             trust its authority by another store"
        )));
    }
    let chain = certificates(&value.ok_or("found no value, expected certificates in PEM")?);
    if chain.is_empty() {
        return Err(Text::of("found no certificate in the secret, expected at least one"));
    }
    Ok(Some(chain.into_bytes()))
}

/// The blocks of `pem` that are certificates. A block in which another one begins is left out.
fn certificates(pem: &str) -> String {
    let mut kept = String::new();
    let mut block: Option<String> = None;
    for line in pem.lines().map(str::trim_end) {
        if line.starts_with("-----BEGIN ") {
            block = (line == "-----BEGIN CERTIFICATE-----").then(String::new);
        }
        let Some(text) = &mut block else { continue };
        text.push_str(line);
        text.push('\n');
        if line == "-----END CERTIFICATE-----" {
            kept.push_str(text);
            block = None;
        } else if line.starts_with("-----END ") {
            block = None;
        }
    }
    kept
}

/// What a vault says of a refusal.
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) inner: String,
    pub(super) message: Option<String>,
}

#[derive(Deserialize)]
struct RefusedBody {
    error: Option<RefusedError>,
}

#[derive(Default, Deserialize)]
struct RefusedError {
    code: Option<String>,
    message: Option<String>,
    innererror: Option<InnerError>,
}

#[derive(Deserialize)]
struct InnerError {
    code: Option<String>,
}

/// The refusal in a body; empty if it cannot be read.
pub(super) fn refusal(body: &[u8]) -> Refusal {
    let body = json::from_slice::<RefusedBody>(body, &limits::JSON).ok();
    let RefusedError { code, message, innererror } = body.and_then(|body| body.error).unwrap_or_default();
    // What follows are identifiers of the caller and of the request.
    let message = message.map(|message| message.lines().next().unwrap_or_default().to_owned());
    Refusal {
        code: code.unwrap_or_default(),
        inner: innererror.and_then(|inner| inner.code).unwrap_or_default(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_certificates_of_a_secret_are_kept() {
        let pem = "Bag Attributes\n-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\r\n-----BEGIN \
                   CERTIFICATE-----\r\nAA==\r\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE \
                   KEY-----\n-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----\nhunter2\n";
        let wanted = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAQ==\n-----END \
                      CERTIFICATE-----\n";
        assert_eq!(certificates(pem), wanted);
        assert_eq!(certificates("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"), "");
        let broken = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(broken), "");
        assert_eq!(certificates("-----BEGIN CERTIFICATE-----\nAA==\n"), "");
        assert_eq!(certificates(""), "");
    }
}
