//! The signature schemes.

/// A signature scheme: the format of signatures, and how a registry stores them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureScheme {
    /// Signatures of the [Notary Project](https://notaryproject.dev).
    Notation,
}

impl SignatureScheme {
    /// Every scheme.
    pub const ALL: [Self; 1] = [Self::Notation];

    /// The artifact type of signature manifests: `artifactType`, or `config.mediaType` in the legacy form of a
    /// [signature manifest](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#oci-signatures).
    #[must_use]
    pub fn artifact_type(self) -> &'static str {
        match self {
            Self::Notation => "application/vnd.cncf.notary.signature",
        }
    }
}
