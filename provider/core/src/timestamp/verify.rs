//! Verifies a token. The only module that creates a [`VerifiedTimestamp`].

use std::time::Duration;

use super::error::TimestampError;
use super::signed_data::TimestampToken;
use super::signer;
use crate::limits;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::TimestampingChain;

/// Tolerance for a time in the future, as the clock of a TSA may be ahead.
const SKEW: Duration = Duration::from_secs(300);

/// A timestamp for one message, by a TSA with a chain to a trusted root. Created only by [`TimestampToken::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct VerifiedTimestamp {
    gen_time: UnixTime,
    accuracy: Duration,
    earliest: UnixTime,
    latest: UnixTime,
    chain: TimestampingChain,
}

impl TimestampToken {
    /// Verifies that a TSA with a chain to one of `roots` has timestamped `message`, not later than `now` and a tolerance
    /// of 5 minutes. Of several signatures one must be valid, and all must be well-formed.
    ///
    /// # Errors
    /// A hash algorithm other than SHA-256, SHA-384 and SHA-512, a timestamp of another message, a time in the future, a
    /// signature that is malformed, or the reason for every signature that is not valid.
    pub fn verify<'c>(
        &'c self,
        message: &[u8],
        roots: impl Iterator<Item = &'c Certificate> + Clone,
        now: UnixTime,
    ) -> Result<VerifiedTimestamp, TimestampError> {
        let info = &self.info;
        info.check_imprint(message)?;
        let latest = now.saturating_add(SKEW);
        if info.gen_time > latest {
            return Err(TimestampError::Future { found: info.gen_time, latest });
        }
        for signer in &self.signers {
            signer::check_form(signer).map_err(|error| TimestampError::Signers(vec![error]))?;
        }
        let mut errors = Vec::new();
        let mut links = limits::TIMESTAMP_LINKS;
        for signer in &self.signers {
            match signer::verify(self, signer, roots.clone(), &mut links) {
                Ok(chain) => {
                    return Ok(VerifiedTimestamp {
                        gen_time: info.gen_time,
                        accuracy: info.accuracy,
                        earliest: info.earliest,
                        latest: info.latest,
                        chain,
                    });
                }
                Err(error) => errors.push(error),
            }
        }
        Err(TimestampError::Signers(errors))
    }
}

impl VerifiedTimestamp {
    /// The time of the timestamp (`genTime`), to the nanosecond.
    #[must_use]
    pub fn gen_time(&self) -> UnixTime {
        self.gen_time
    }

    /// The maximum deviation of [`Self::gen_time`].
    #[must_use]
    pub fn accuracy(&self) -> Duration {
        self.accuracy
    }

    /// The earliest time at which the timestamp was made: its time minus its accuracy.
    #[must_use]
    pub fn earliest(&self) -> UnixTime {
        self.earliest
    }

    /// The latest time at which the timestamp was made: its time plus its accuracy.
    #[must_use]
    pub fn latest(&self) -> UnixTime {
        self.latest
    }

    /// The chain of the TSA.
    pub fn chain(&self) -> &TimestampingChain {
        &self.chain
    }
}
