//! The authority.

use time::OffsetDateTime;
use time::macros::datetime;

use crate::pki::Authority;
use crate::pki::CertSpec;
use crate::pki::Chain;
use crate::signer::Format;
use crate::signer::SignRequest;
use crate::timestamp::TokenParts;

/// A timestamping authority.
#[derive(Clone, Debug)]
pub struct Tsa {
    chain: Chain,
}

impl Tsa {
    /// The time of a token, unless it is changed: a second after [`SignRequest::SIGNED_AT`].
    pub const STAMPED_AT: OffsetDateTime = datetime!(2026-01-02 03:04:06 UTC);

    /// A TSA with a correct certificate of this CA.
    #[must_use]
    pub fn new(authority: &Authority) -> Self {
        Self::of(authority.issue(CertSpec::tsa()))
    }

    /// A TSA that signs with the key of a chain's first certificate.
    #[must_use]
    pub fn of(chain: Chain) -> Self {
        Self { chain }
    }

    /// The certificates and the key.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// A correct token over `message`, with all certificates.
    #[must_use]
    pub fn token(&self, message: &[u8]) -> Vec<u8> {
        self.parts(message).seal()
    }

    /// The parts of a correct token over `message` before it is signed.
    #[must_use]
    pub fn parts(&self, message: &[u8]) -> TokenParts {
        TokenParts::new(&self.chain, message)
    }

    /// A token as [`Self::token`], of another time.
    #[must_use]
    pub fn token_at(&self, time: OffsetDateTime, message: &[u8]) -> Vec<u8> {
        let mut parts = self.parts(message);
        let (date, clock) = (time.date(), time.time());
        parts.info.gen_time = format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            clock.hour(),
            clock.minute(),
            clock.second()
        );
        parts.seal()
    }

    /// The signed envelope with a correct token.
    #[must_use]
    pub fn envelope(&self, request: &SignRequest, format: Format) -> Vec<u8> {
        request.timestamped(format, |signature| self.token(signature))
    }
}
