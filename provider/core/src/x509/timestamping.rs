//! The profiles of the certificates of a timestamping chain
//! ([certificate requirements](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/signature-specification.md#certificate-requirements),
//! [RFC 3161 §2.3](https://www.rfc-editor.org/rfc/rfc3161#section-2.3)).

use super::certificate::Certificate;
use super::code_signing::ProfileError;
use super::code_signing::check_constraints;
use super::code_signing::check_signing_uses;
use super::code_signing::check_use;
use super::extension::ExtendedKeyUsage;
use super::extension::KeyUsage;
use super::extension::KeyUse;
use crate::codec::der::Oid;
use crate::codec::text;
use crate::codec::text::Text;

/// Maximum number of purposes in a message.
const PURPOSES_SHOWN: usize = 5;

/// 1.3.6.1.5.5.7.3.8
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
/// 2.5.29.37.0
const ANY: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

/// Checks the certificate that signs timestamps: no CA; keyUsage with digitalSignature and at most nonRepudiation; a
/// critical extKeyUsage with timeStamping only; a key that may sign envelopes.
pub(super) fn check_leaf(certificate: &Certificate) -> Result<(), ProfileError> {
    if certificate.is_ca() {
        return Err(ProfileError::LeafIsAuthority);
    }
    check_signing_uses(usage_with(certificate, KeyUse::DigitalSignature)?)?;
    let extended = certificate.extended_key_usage().ok_or(ProfileError::ExtendedKeyUsageMissing)?;
    if !extended.critical {
        return Err(ProfileError::ExtendedKeyUsageNotCritical);
    }
    match extended.purposes.as_slice() {
        [only] if only.contents() == TIME_STAMPING => {}
        [] | [_, ..] => return Err(ProfileError::ExtendedKeyUsageNotAlone { found: purposes(extended) }),
    }
    certificate.envelope_key().map(drop).map_err(ProfileError::Key)
}

/// Checks the CA certificate at `position`, counted from the leaf at 0: critical basicConstraints with a sufficient
/// path length, keyUsage with keyCertSign, and extKeyUsage, if present, with timeStamping or any purpose, as path
/// validation commonly requires.
pub(super) fn check_authority(certificate: &Certificate, position: usize) -> Result<(), ProfileError> {
    check_constraints(certificate, position)?;
    usage_with(certificate, KeyUse::KeyCertSign)?;
    let permits = |purpose: &Oid| purpose.contents() == TIME_STAMPING || purpose.contents() == ANY;
    match certificate.extended_key_usage() {
        Some(extended) if !extended.purposes.iter().any(permits) => {
            return Err(ProfileError::ExtendedKeyUsageLacks { found: purposes(extended) });
        }
        Some(_) | None => {}
    }
    certificate.check_authority_key().map_err(ProfileError::Key)
}

/// keyUsage with this bit. It need not be critical.
fn usage_with(certificate: &Certificate, expected: KeyUse) -> Result<&KeyUsage, ProfileError> {
    let usage = certificate.key_usage().ok_or(ProfileError::KeyUsageAbsent { expected })?;
    check_use(usage, expected)?;
    Ok(usage)
}

fn purposes(extended: &ExtendedKeyUsage) -> Text {
    Text::of(text::list(extended.purposes.iter(), ", ", PURPOSES_SHOWN))
}
