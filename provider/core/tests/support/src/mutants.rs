//! Changed documents ("mutants") of every kind that decides about an image: none may be accepted as something that it is not, and
//! none may panic. The test and the program make them with [`run()`]; the fuzz targets use the same trees and operators.

pub mod cases;
pub mod equal;
pub mod node;
pub mod operators;
mod read;
mod run;
mod values;

pub use run::Failed;
pub use run::Row;
pub use run::SHARE;
pub use run::Table;
pub use run::one;
pub use run::run;
pub use run::run_cases;

/// The kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A JWS envelope.
    Jws,
    /// A COSE envelope.
    Cose,
    /// The certificates in an envelope.
    Chain,
    /// The timestamp token in an envelope.
    Token,
    /// A certificate revocation list.
    Crl,
    /// An OCSP response.
    Ocsp,
    /// A signature manifest.
    Manifest,
    /// A list of referrers.
    Index,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] =
        [Self::Jws, Self::Cose, Self::Chain, Self::Token, Self::Crl, Self::Ocsp, Self::Manifest, Self::Index];

    /// As in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jws => "JWS envelope",
            Self::Cose => "COSE envelope",
            Self::Chain => "certificate chain",
            Self::Token => "timestamp token",
            Self::Crl => "CRL",
            Self::Ocsp => "OCSP response",
            Self::Manifest => "signature manifest",
            Self::Index => "list of referrers",
        }
    }
}
