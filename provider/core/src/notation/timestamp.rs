//! Authentic timestamp: checks that every certificate of the chain was valid at the signing time, or is valid now
//! ([trust policy](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/trust-store-trust-policy.md#steps)).
//!
//! Under `notary.x509` the signing time is that of an RFC 3161 timestamp of the signature, if the statement requires one.
//! The token is verified without evidence; the revocation status of the timestamping authority's chain needs evidence, and
//! is checked by `revocation` as that of the signer's chain.

use std::time::Duration;

use super::envelope::SigningScheme;
use super::input::VerificationInput;
use super::integrity::IntactEnvelope;
use crate::codec::text;
use crate::policy::Store;
use crate::policy::StoreKind;
use crate::policy::TsaChain;
use crate::policy::VerifyTimestamp;
use crate::reason::Code;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::timestamp::TimestampToken;
use crate::timestamp::VerifiedTimestamp;
use crate::x509::Certificate;
use crate::x509::Chain;

/// Tolerance for a signing time in the future, as an authority's clock may be ahead.
const SKEW: Duration = Duration::from_secs(300);

/// Maximum number of trust stores in a message.
const STORES_SHOWN: usize = 8;

/// The time at which every certificate of the chain was valid.
#[derive(Clone, Debug)]
pub(super) enum SigningTime {
    /// No signing time is known, and the certificates are valid at the time of verification.
    Unknown,
    /// The signing time of a signing authority.
    Authority,
    /// The time of an RFC 3161 timestamp.
    Timestamp(Box<AnchoredTimestamp>),
}

/// A verified timestamp whose authority has a trust anchor.
#[derive(Clone, Debug)]
pub(super) struct AnchoredTimestamp {
    timestamp: VerifiedTimestamp,
    chain: TsaChain,
}

/// Checks all that needs no evidence.
pub(super) fn check(intact: &IntactEnvelope, input: &VerificationInput<'_>) -> Result<SigningTime, Reason> {
    let now = input.now;
    match intact.attributes().scheme {
        SigningScheme::X509 { .. } if needs_token(intact, input) => {
            let anchored = verify_token(intact, input)?;
            valid_during(intact.chain(), &anchored.timestamp)?;
            Ok(SigningTime::Timestamp(Box::new(anchored)))
        }
        SigningScheme::X509 { .. } => match valid_at(intact.chain(), now, "now") {
            Ok(()) => Ok(SigningTime::Unknown),
            Err(reason) => Err(with_unused_timestamp(reason, intact, input)),
        },
        SigningScheme::SigningAuthority { authentic_signing_time } => {
            if authentic_signing_time > now.saturating_add(SKEW) {
                let detail = format_args!(
                    "authentic signing time is in the future: found {authentic_signing_time}, expected at most \
                     {now}"
                );
                return Err(Reason::new(Code::TimestampInvalid, detail));
            }
            valid_at(intact.chain(), authentic_signing_time, "at the authentic signing time")
                .map(|()| SigningTime::Authority)
        }
    }
}

/// Adds to the reason that a timestamp could have helped, and why it is not used.
fn with_unused_timestamp(reason: Reason, intact: &IntactEnvelope, input: &VerificationInput<'_>) -> Reason {
    let Reason { code, detail, remedy: _ } = &reason;
    let has_store = input.requirement.stores_of(StoreKind::Tsa).next().is_some();
    match &intact.envelope().timestamp_token {
        Some(_) if !has_store => Reason::new(
            *code,
            format_args!("{detail}; the signature's timestamp is not used, as the statement has no tsa trust store"),
        ),
        Some(_) | None => reason,
    }
}

/// Whether the statement requires a timestamp for this signature.
fn needs_token(intact: &IntactEnvelope, input: &VerificationInput<'_>) -> bool {
    // Decided by the stores in the policy, not by the loaded ones: a missing store must not make the timestamp
    // optional.
    let has_tsa = input.requirement.stores_of(StoreKind::Tsa).next().is_some();
    has_tsa
        && match input.requirement.verify_timestamp() {
            VerifyTimestamp::Always => true,
            VerifyTimestamp::AfterCertExpiry => ended(intact, input).is_some(),
        }
}

/// The first certificate of the chain that has ended.
fn ended<'a>(intact: &'a IntactEnvelope, input: &VerificationInput<'_>) -> Option<&'a Certificate> {
    intact.chain().certificates().iter().find(|link| link.not_after() < input.now)
}

/// A timestamp is required, and the signature has none.
fn missing(intact: &IntactEnvelope, input: &VerificationInput<'_>) -> Reason {
    let missing = "timestamp is missing: found none, expected an RFC 3161 timestamp";
    match ended(intact, input) {
        Some(link) => {
            let (subject, end) = (link.subject(), link.not_after());
            let detail = format_args!("{missing} from before {end}, when certificate {subject} ended");
            Reason::new(Code::TimestampInvalid, detail)
        }
        None => {
            let why = "which the statement requires, as it has a tsa trust store and verifyTimestamp is always";
            Reason::new(Code::TimestampInvalid, format_args!("{missing}, {why}"))
        }
    }
}

/// Verifies the timestamp of the signature with the statement's `tsa` trust stores.
fn verify_token(intact: &IntactEnvelope, input: &VerificationInput<'_>) -> Result<AnchoredTimestamp, Reason> {
    let invalid = |detail: &dyn std::fmt::Display| Reason::new(Code::TimestampInvalid, detail);
    let envelope = intact.envelope();
    let token = envelope.timestamp_token.as_ref().ok_or_else(|| missing(intact, input))?;
    let stores = input.stores.iter().copied().filter(|store| store.reference().kind == StoreKind::Tsa);
    if stores.clone().next().is_none() {
        let named = text::list(input.requirement.stores_of(StoreKind::Tsa), ", ", STORES_SHOWN);
        let detail = format_args!("timestamp was not checked: found no usable tsa trust store, expected {named}");
        return Err(Reason::new(Code::TimestampUnchecked, detail));
    }
    let token = TimestampToken::parse(token).map_err(|error| invalid(&error))?;
    let roots = stores.clone().flat_map(Store::certificates);
    // The primitive signature: the decoded `signature` of a JWS, the fourth element of a COSE_Sign1.
    let timestamp = token.verify(&envelope.signature, roots, input.now).map_err(|error| invalid(&error))?;
    let chain = TsaChain::find(timestamp.chain(), stores).ok_or_else(|| {
        invalid(&"timestamping authority is not trusted: its root is in no tsa trust store of the statement")
    })?;
    Ok(AnchoredTimestamp { timestamp, chain })
}

/// Checks that every certificate was valid during the whole period in which the timestamp was made.
fn valid_during(chain: &Chain, timestamp: &VerifiedTimestamp) -> Result<(), Reason> {
    let (earliest, latest) = (timestamp.earliest(), timestamp.latest());
    let outside = |link: &&Certificate| !link.covers(earliest) || !link.covers(latest);
    match chain.certificates().iter().find(outside) {
        Some(link) => {
            let detail = format_args!(
                "certificate {} is outside its validity: found {} to {}, expected it to be valid at the timestamp, \
                 {earliest} to {latest}",
                link.subject(),
                link.not_before(),
                link.not_after(),
            );
            Err(Reason::new(Code::CertificateOutsideValidity, detail))
        }
        None => Ok(()),
    }
}

fn valid_at(chain: &Chain, time: UnixTime, what: &str) -> Result<(), Reason> {
    match chain.certificates().iter().find(|link| !link.covers(time)) {
        Some(link) => {
            let detail = format_args!(
                "certificate {} is outside its validity: found {} to {}, expected it to be valid {what}, {time}",
                link.subject(),
                link.not_before(),
                link.not_after(),
            );
            Err(Reason::new(Code::CertificateOutsideValidity, detail))
        }
        None => Ok(()),
    }
}

impl SigningTime {
    /// The time from which the check must be repeated: the end of the first certificate, if no signing time is known.
    pub(super) fn ends(&self, chain: &Chain) -> Option<UnixTime> {
        match self {
            Self::Unknown => chain.certificates().iter().map(Certificate::not_after).min(),
            Self::Authority | Self::Timestamp(_) => None,
        }
    }

    /// The timestamp, if there is one.
    pub(super) fn timestamp(&self) -> Option<&AnchoredTimestamp> {
        match self {
            Self::Unknown | Self::Authority => None,
            Self::Timestamp(anchored) => Some(anchored),
        }
    }
}

impl AnchoredTimestamp {
    /// The certificate that signed the timestamp.
    pub(super) fn authority(&self) -> &Certificate {
        self.timestamp.chain().leaf()
    }

    /// The chain of the timestamping authority.
    pub(super) fn chain(&self) -> &TsaChain {
        &self.chain
    }
}
