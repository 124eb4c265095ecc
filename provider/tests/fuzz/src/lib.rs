//! The bodies of the fuzz targets (`provider/fuzz`): each calls the functions that the product calls, and panics if a property does
//! not hold. They are here, in the main workspace, so that `cargo test` runs the seeds and all inputs that once failed.

#![allow(clippy::unwrap_used)]

mod certificates;
mod changes;
mod documents;
mod envelopes;
mod headers;
mod seeds;
mod signed;

pub use changes::change;
pub use seeds::seeds;

/// A fuzz target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A JWS envelope, to the verdict.
    Jws,
    /// A COSE envelope, to the verdict.
    Cose,
    /// A certificate.
    Certificate,
    /// A trusted identity with its distinguished name.
    Name,
    /// A timestamp token (CMS, TSTInfo), to its verification.
    Timestamp,
    /// An OCSP response, to its verification.
    Ocsp,
    /// A certificate revocation list, to its verification.
    Crl,
    /// A trust policy document.
    Policy,
    /// An image reference.
    Reference,
    /// A manifest or index.
    Manifest,
    /// The headers `Link` of a page.
    Link,
    /// The headers `WWW-Authenticate` of a 401.
    Challenge,
    /// A request of Gatekeeper.
    Request,
    /// A configuration.
    Config,
}

impl Target {
    /// All targets.
    pub const ALL: [Self; 14] = [
        Self::Jws,
        Self::Cose,
        Self::Certificate,
        Self::Name,
        Self::Timestamp,
        Self::Ocsp,
        Self::Crl,
        Self::Policy,
        Self::Reference,
        Self::Manifest,
        Self::Link,
        Self::Challenge,
        Self::Request,
        Self::Config,
    ];

    /// The name of the target and of the folders of its inputs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jws => "jws",
            Self::Cose => "cose",
            Self::Certificate => "certificate",
            Self::Name => "name",
            Self::Timestamp => "timestamp",
            Self::Ocsp => "ocsp",
            Self::Crl => "crl",
            Self::Policy => "policy",
            Self::Reference => "reference",
            Self::Manifest => "manifest",
            Self::Link => "link",
            Self::Challenge => "challenge",
            Self::Request => "request",
            Self::Config => "config",
        }
    }

    /// Whether its inputs are texts without a structure of JSON.
    fn is_text(self) -> bool {
        match self {
            Self::Name | Self::Reference | Self::Link | Self::Challenge | Self::Config => true,
            Self::Jws
            | Self::Cose
            | Self::Certificate
            | Self::Timestamp
            | Self::Ocsp
            | Self::Crl
            | Self::Policy
            | Self::Manifest
            | Self::Request => false,
        }
    }

    /// Runs the target.
    pub fn run(self, input: &[u8]) {
        match self {
            Self::Jws => envelopes::jws(input),
            Self::Cose => envelopes::cose(input),
            Self::Certificate => certificates::certificate(input),
            Self::Name => documents::name(input),
            Self::Timestamp => certificates::timestamp(input),
            Self::Ocsp => certificates::ocsp(input),
            Self::Crl => certificates::crl(input),
            Self::Policy => documents::policy(input),
            Self::Reference => documents::reference(input),
            Self::Manifest => documents::manifest(input),
            Self::Link => headers::link(input),
            Self::Challenge => headers::challenge(input),
            Self::Request => documents::request(input),
            Self::Config => documents::config(input),
        }
    }
}

/// The input as text, if it is one.
fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}
