//! Detects the format of a file from its first bytes, for errors with a remediation.

use std::fmt;

/// The detected format of a file. Only [`Form::Pem`] and [`Form::Der`] can be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text with a `-----BEGIN` line.
    Pem,
    /// One or several DER values of unknown type.
    Der,
    /// A key store of Windows, `.pfx` or `.p12`.
    Pkcs12,
    /// A bundle of certificates in DER, `.p7b`.
    Pkcs7,
    /// A key store of Java, `.jks`.
    JavaKeyStore,
    /// Text of two bytes per character, as PowerShell writes it.
    Utf16,
    /// PEM encoded in base64 again, as in the data of a Secret.
    Base64OfPem,
    /// The file has only white space.
    Empty,
    /// The text or number is not of this form.
    Other,
}

/// The content type signedData, [RFC 5652](https://www.rfc-editor.org/rfc/rfc5652#section-5.1).
const SIGNED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];

/// The version of a PKCS #12 file, [RFC 7292](https://www.rfc-editor.org/rfc/rfc7292#section-4).
const VERSION_3: &[u8] = &[0x02, 0x01, 0x03];

impl Form {
    /// Detects the format of the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let begin = b"-----BEGIN";
        if bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x1a) {
            return Self::Empty;
        }
        if let Some(content) = der_content(bytes) {
            return match content {
                _ if content.starts_with(SIGNED_DATA) => Self::Pkcs7,
                _ if content.starts_with(VERSION_3) => Self::Pkcs12,
                _ => Self::Der,
            };
        }
        if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) {
            return Self::JavaKeyStore;
        }
        let wide = |first: u8, second: u8| (first == 0) != (second == 0);
        let marked = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        if marked || matches!(bytes, [first, second, ..] if wide(*first, *second)) {
            return Self::Utf16;
        }
        if bytes.windows(begin.len()).any(|window| window == begin) {
            Self::Pem
        } else if bytes.trim_ascii_start().starts_with(b"LS0tLS1CRUdJTi") {
            Self::Base64OfPem
        } else {
            Self::Other
        }
    }

    /// How to convert the file to certificates in PEM, as the end of a sentence; empty if it cannot be converted.
    #[must_use]
    pub fn to_certificates(self) -> &'static str {
        match self {
            Self::Pem | Self::Empty | Self::Other => "",
            Self::Der => "; `openssl x509 -inform der -in FILE -out NEW.pem` converts a certificate",
            Self::Pkcs12 => "; `openssl pkcs12 -in FILE -nokeys -out NEW.pem` takes the certificates out",
            Self::Pkcs7 => {
                "; `openssl pkcs7 -inform der -in FILE -print_certs -out NEW.pem` takes the certificates out"
            }
            Self::JavaKeyStore => "; `keytool -exportcert -rfc -alias NAME -keystore FILE` takes a certificate out",
            Self::Utf16 => "; save the file as UTF-8 or ASCII",
            Self::Base64OfPem => "; `base64 -d FILE` decodes it",
        }
    }

    /// As [`Self::to_certificates`], to a private key.
    #[must_use]
    pub fn to_key(self) -> &'static str {
        match self {
            Self::Pem | Self::Empty | Self::Other | Self::Pkcs7 => "",
            Self::Der => "; `openssl pkey -inform der -in FILE -out NEW.key` converts a key",
            Self::Pkcs12 => "; `openssl pkcs12 -in FILE -nocerts -noenc -out NEW.key` takes the key out",
            Self::JavaKeyStore => {
                "; `keytool -importkeystore` makes a PKCS #12 file of it, from which openssl takes the key"
            }
            Self::Utf16 => "; save the file as UTF-8 or ASCII",
            Self::Base64OfPem => "; `base64 -d FILE` decodes it",
        }
    }
}

/// Prints the predicate of a sentence about the file.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "is PEM",
            Self::Der => "is DER",
            Self::Pkcs12 => "is a PKCS #12 file",
            Self::Pkcs7 => "is a PKCS #7 file",
            Self::JavaKeyStore => "is a Java key store",
            Self::Utf16 => "is UTF-16 text",
            Self::Base64OfPem => "is base64 of PEM",
            Self::Empty => "is empty",
            Self::Other => "has no -----BEGIN line",
        })
    }
}

/// The content of a SEQUENCE whose length does not fit into one byte, as far as the file contains it. No text starts
/// with these bytes.
fn der_content(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0x30, 0x81, _, content @ ..]
        | [0x30, 0x82, _, _, content @ ..]
        | [0x30, 0x83, _, _, _, content @ ..]
        // Of indefinite length, as some tools write PKCS #12.
        | [0x30, 0x80, content @ ..] => Some(content),
        _ => None,
    }
}
