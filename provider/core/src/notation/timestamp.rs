//! Authentic timestamp: checks that every certificate of the chain was valid at the signing time, or is valid now.
//!
//! RFC 3161 tokens are not supported yet: a signature that needs one is inconclusive.

use std::time::Duration;

use super::envelope::SigningScheme;
use super::input::VerificationInput;
use super::integrity::IntactEnvelope;
use crate::policy::StoreKind;
use crate::policy::VerifyTimestamp;
use crate::reason::Code;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::x509::Certificate;

/// Tolerance for a signing time in the future, as an authority's clock may be ahead.
const SKEW: Duration = Duration::from_secs(300);

pub(super) fn check(intact: &IntactEnvelope, input: &VerificationInput<'_>) -> Result<(), Reason> {
    let now = input.now;
    match intact.attributes().scheme {
        SigningScheme::X509 { .. } if needs_token(intact, input) => Err(match &intact.envelope().timestamp_token {
            Some(_) => never_valid(intact, now).unwrap_or_else(|| {
                let detail = "timestamp was not checked: the statement's tsa trust store requires a verified RFC \
                              3161 timestamp, and this version cannot verify one";
                Reason::new(Code::TimestampUnchecked, detail)
            }),
            None => Reason::new(
                Code::TimestampInvalid,
                "timestamp is missing: found none, expected an RFC 3161 timestamp, which the statement's tsa \
                 trust store requires",
            ),
        }),
        SigningScheme::X509 { .. } => valid_at(intact, now, "now"),
        SigningScheme::SigningAuthority { authentic_signing_time } => {
            if authentic_signing_time > now.saturating_add(SKEW) {
                let detail = format_args!(
                    "authentic signing time is in the future: found {authentic_signing_time}, expected at most \
                     {now}"
                );
                return Err(Reason::new(Code::TimestampInvalid, detail));
            }
            valid_at(intact, authentic_signing_time, "at the authentic signing time")
        }
    }
}

/// The reason why no timestamp can help: at no time up to `now` were all certificates valid.
fn never_valid(intact: &IntactEnvelope, now: UnixTime) -> Option<Reason> {
    let certificates = intact.chain().certificates();
    let begin = certificates.iter().map(Certificate::not_before).max()?;
    let end = certificates.iter().map(Certificate::not_after).min()?;
    (begin > end || begin > now.saturating_add(SKEW)).then(|| {
        let detail = format_args!(
            "certificates are never valid together up to now: found the common period {begin} to {end}, now \
             {now}; no timestamp can be within it"
        );
        Reason::new(Code::CertificateOutsideValidity, detail)
    })
}

/// Whether validity was checked at the time of verification, so that the verdict expires with the certificates.
pub(super) fn ends_with_certificates(intact: &IntactEnvelope) -> bool {
    match intact.attributes().scheme {
        SigningScheme::X509 { .. } => true,
        SigningScheme::SigningAuthority { .. } => false,
    }
}

fn needs_token(intact: &IntactEnvelope, input: &VerificationInput<'_>) -> bool {
    // Decided by the stores in the policy, not by the loaded ones: a missing store must not make the timestamp
    // optional.
    let has_tsa = input.requirement.stores_of(StoreKind::Tsa).next().is_some();
    has_tsa
        && match input.requirement.verify_timestamp() {
            VerifyTimestamp::Always => true,
            VerifyTimestamp::AfterCertExpiry => {
                intact.chain().certificates().iter().any(|link| link.not_after() < input.now)
            }
        }
}

fn valid_at(intact: &IntactEnvelope, time: UnixTime, what: &str) -> Result<(), Reason> {
    let outside = |link: &&Certificate| time < link.not_before() || time > link.not_after();
    match intact.chain().certificates().iter().find(outside) {
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
