//! Names of certificates and of their versions ([object
//! identifiers](https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#object-identifiers)).

use std::fmt;
use std::str::FromStr;

use crate::codec::excerpt::Excerpt;

/// The name of a certificate in a vault: 1 to 127 letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultCertificate(String);

/// The version of a certificate: 32 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultCertificateVersion(String);

/// A text that is not a name, or not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found:?}, expected {expected}")]
pub struct VaultNameError {
    found: Excerpt,
    expected: &'static str,
}

impl VaultCertificate {
    /// What a name is, for messages.
    pub const FORM: &'static str = "the name of a certificate: 1 to 127 letters, digits and hyphens";
}

impl VaultCertificateVersion {
    /// What a version is, for messages.
    pub const FORM: &'static str = "the version of a certificate: 32 hexadecimal digits";
}

impl FromStr for VaultCertificate {
    type Err = VaultNameError;

    fn from_str(text: &str) -> Result<Self, VaultNameError> {
        let is_name =
            (1..=127).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(VaultNameError { found: Excerpt::at_most(256, text), expected: Self::FORM })
        }
    }
}

impl FromStr for VaultCertificateVersion {
    type Err = VaultNameError;

    fn from_str(text: &str) -> Result<Self, VaultNameError> {
        let is_version = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_version {
            Ok(Self(text.to_owned()))
        } else {
            Err(VaultNameError { found: Excerpt::at_most(256, text), expected: Self::FORM })
        }
    }
}

impl fmt::Display for VaultCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for VaultCertificateVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_have_only_characters_that_mean_themselves_in_a_path() {
        for name in ["a", "shop-signing", "Shop1", &"a".repeat(127)] {
            assert_eq!(name.parse::<VaultCertificate>().unwrap().to_string(), name);
        }
        for name in ["", "a/b", "a.b", "..", "a b", "a?b", "a%2fb", "\u{e4}", &"a".repeat(128)] {
            let error = name.parse::<VaultCertificate>().unwrap_err();
            assert_eq!(error, VaultNameError { found: Excerpt::at_most(256, name), expected: VaultCertificate::FORM });
        }
        let version = "0123456789abcdef0123456789abcdef";
        assert_eq!(version.parse::<VaultCertificateVersion>().unwrap().to_string(), version);
        for text in
            ["", "versions", &version.to_uppercase(), &version[1..], &format!("{version}0"), &version.replace('0', "/")]
        {
            assert!(text.parse::<VaultCertificateVersion>().is_err(), "{text}");
        }
    }
}
