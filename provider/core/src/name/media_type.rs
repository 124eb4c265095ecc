//! Media types ([RFC 6838 §4.2](https://www.rfc-editor.org/rfc/rfc6838#section-4.2)) without parameters.

use std::fmt;
use std::str::FromStr;

/// `type/subtype`, each a restricted name of at most 127 characters, in lower case.
///
/// Parsing ignores case ([RFC 6838 §4.2](https://www.rfc-editor.org/rfc/rfc6838#section-4.2)) and drops parameters
/// ([RFC 9110 §8.3.1](https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1)), as none of the supported types has any.
/// Equal values are therefore the same type for every reader of these standards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(String);

/// The text is not a media type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a media type: expected type/subtype of letters, digits and !#$&-^_.+")]
pub struct MediaTypeError;

impl MediaType {
    /// An OCI image manifest.
    pub const OCI_MANIFEST: &'static str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const OCI_INDEX: &'static str = "application/vnd.oci.image.index.v1+json";
    /// The configuration of a manifest that has none ([guidance for an empty
    /// descriptor](https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor)).
    pub const OCI_EMPTY: &'static str = "application/vnd.oci.empty.v1+json";
    /// The former OCI artifact manifest.
    pub const OCI_ARTIFACT: &'static str = "application/vnd.oci.artifact.manifest.v1+json";
    /// A Docker image manifest, schema 2.
    pub const DOCKER_MANIFEST: &'static str = "application/vnd.docker.distribution.manifest.v2+json";
    /// A Docker manifest list.
    pub const DOCKER_LIST: &'static str = "application/vnd.docker.distribution.manifest.list.v2+json";

    /// In lower case, without parameters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        let essence = match text.split_once(';') {
            Some((essence, _)) => essence.trim_end_matches([' ', '\t']),
            None => text,
        };
        let (kind, subtype) = essence.split_once('/').ok_or(MediaTypeError)?;
        for name in [kind, subtype] {
            let mut bytes = name.bytes();
            let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
            let rest = bytes.all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
            if !first || !rest || name.len() > 127 {
                return Err(MediaTypeError);
            }
        }
        Ok(Self(essence.to_ascii_lowercase()))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for MediaType {
    /// Whether `other`, a text without parameters, names the same type.
    fn eq(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl PartialEq<&str> for MediaType {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn prints_registered_names_unchanged() {
        for text in [MediaType::OCI_MANIFEST, MediaType::DOCKER_LIST, "text/plain"] {
            assert_eq!(text.parse::<MediaType>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn case_and_parameters_make_no_other_type() {
        let plain: MediaType = "application/jose+json".parse().unwrap();
        for text in [
            "APPLICATION/JOSE+JSON",
            "Application/jose+Json",
            "application/jose+json;charset=utf-8",
            "application/jose+json ; charset=\"a;b\"",
            "application/JOSE+json\t;",
        ] {
            assert_eq!(text.parse::<MediaType>().unwrap(), plain, "{text}");
            assert_eq!(text.parse::<MediaType>().unwrap().as_str(), "application/jose+json", "{text}");
        }
        assert_eq!(plain, "Application/JOSE+JSON");
        assert_ne!(plain, "application/json");
    }

    #[test]
    fn refuses_spaces_missing_halves_and_lists() {
        for text in [
            "",
            "json",
            "/json",
            "application/",
            "a/b/c",
            " a/b",
            "a/b ",
            "a /b;c",
            "a/ü",
            "a/b, a/b",
            "a/b, c/d;e",
            ";a/b",
        ] {
            assert_eq!(text.parse::<MediaType>(), Err(MediaTypeError), "{text}");
        }
        assert!(format!("{0}/{0}", "a".repeat(127)).parse::<MediaType>().is_ok());
        assert_eq!(format!("a/{}", "a".repeat(128)).parse::<MediaType>(), Err(MediaTypeError));
    }
}
