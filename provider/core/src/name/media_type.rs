//! Media types as [RFC 6838 §4.2](https://www.rfc-editor.org/rfc/rfc6838#section-4.2) writes them, without parameters.

use std::fmt;
use std::str::FromStr;

/// `type/subtype`, each a restricted name of at most 127 characters. Compared byte for byte, as Notation does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(String);

/// The text is not a media type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a media type: want type/subtype of letters, digits and !#$&-^_.+")]
pub struct MediaTypeError;

impl MediaType {
    pub const OCI_MANIFEST: &'static str = "application/vnd.oci.image.manifest.v1+json";
    pub const OCI_INDEX: &'static str = "application/vnd.oci.image.index.v1+json";
    pub const OCI_ARTIFACT: &'static str = "application/vnd.oci.artifact.manifest.v1+json";
    pub const DOCKER_MANIFEST: &'static str = "application/vnd.docker.distribution.manifest.v2+json";
    pub const DOCKER_LIST: &'static str = "application/vnd.docker.distribution.manifest.list.v2+json";

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        let (kind, subtype) = text.split_once('/').ok_or(MediaTypeError)?;
        for name in [kind, subtype] {
            let mut bytes = name.bytes();
            let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
            let rest = bytes.all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
            if !first || !rest || name.len() > 127 {
                return Err(MediaTypeError);
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for MediaType {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for MediaType {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn takes_registered_names_and_prints_them_unchanged() {
        for text in [MediaType::OCI_MANIFEST, MediaType::DOCKER_LIST, "text/plain"] {
            assert_eq!(text.parse::<MediaType>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_parameters_spaces_and_missing_halves() {
        for text in ["", "json", "/json", "application/", "a/b/c", "a/b; charset=utf-8", " a/b", "a/ü"] {
            assert_eq!(text.parse::<MediaType>(), Err(MediaTypeError), "{text}");
        }
    }
}
