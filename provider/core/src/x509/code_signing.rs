//! The profiles of the certificates of a code signing chain, and the rules that they share with other profiles.

use super::certificate::Certificate;
use super::extension::KeyUsage;
use super::extension::KeyUse;
use crate::codec::der::Oid;
use crate::codec::text::Text;
use crate::crypto::EnvelopeKey;
use crate::crypto::KeyError;

/// The error for a certificate that does not have the required profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A CA certificate without basicConstraints.
    #[error("basicConstraints: found none, expected them to be present and critical, with cA true")]
    BasicConstraintsMissing,
    /// A CA certificate whose basicConstraints are not critical.
    #[error("basicConstraints: found not critical, expected critical")]
    BasicConstraintsNotCritical,
    /// No CA certificate where one is required.
    #[error("cA: found false, expected true for a certificate that signs certificates")]
    NotAnAuthority,
    /// A CA certificate in the position of the signing certificate.
    #[error("cA: found true, expected false for a signing certificate")]
    LeafIsAuthority,
    /// More CA certificates below than pathLenConstraint allows.
    #[error(
        "pathLenConstraint: found {found}, expected at least {expected}, the number of CA certificates between \
             this one and the leaf"
    )]
    PathLength {
        /// The path length constraint.
        found: u32,
        /// The number of CA certificates between this one and the leaf.
        expected: u32,
    },
    /// keyUsage is missing.
    #[error("keyUsage: found none, expected it to be present and critical, with {expected}")]
    KeyUsageMissing {
        /// The bit that must be set.
        expected: KeyUse,
    },
    /// keyUsage is not critical.
    #[error("keyUsage: found not critical, expected critical")]
    KeyUsageNotCritical,
    /// keyUsage lacks a required bit.
    #[error("keyUsage: found {}, expected {expected} among them", list(.found))]
    KeyUsageLacks {
        /// The bits that are set.
        found: Vec<KeyUse>,
        /// The bit that must be set.
        expected: KeyUse,
    },
    /// keyUsage has a bit that is not allowed.
    #[error("keyUsage: found {found}, expected {} and, at most, {}", KeyUse::DigitalSignature, KeyUse::NonRepudiation)]
    KeyUsageForbidden {
        /// The bit that is set.
        found: KeyUse,
    },
    /// extKeyUsage has a purpose that is not allowed for a signing certificate.
    #[error(
        "extKeyUsage: found {found}, expected none of anyExtendedKeyUsage, serverAuth, clientAuth, \
         emailProtection, timeStamping and OCSPSigning"
    )]
    ExtendedKeyUsageForbidden {
        /// The purpose.
        found: &'static str,
    },
    /// keyUsage is missing where it need not be critical.
    #[error("keyUsage: found none, expected it to be present, with {expected}")]
    KeyUsageAbsent {
        /// The bit that must be set.
        expected: KeyUse,
    },
    /// A timestamping certificate without extKeyUsage.
    #[error("extKeyUsage: found none, expected it to be present and critical, with timeStamping only")]
    ExtendedKeyUsageMissing,
    /// A timestamping certificate whose extKeyUsage is not critical.
    #[error("extKeyUsage: found not critical, expected critical")]
    ExtendedKeyUsageNotCritical,
    /// A timestamping certificate for other purposes, too.
    #[error("extKeyUsage: found {found}, expected timeStamping only")]
    ExtendedKeyUsageNotAlone {
        /// The purposes, by object identifier.
        found: Text,
    },
    /// A CA certificate that may not issue timestamping certificates.
    #[error("extKeyUsage: found {found}, expected none, or timeStamping among them")]
    ExtendedKeyUsageLacks {
        /// The purposes, by object identifier.
        found: Text,
    },
    /// A weak or unsuitable key.
    #[error("{0}")]
    Key(KeyError),
}

fn list(uses: &[KeyUse]) -> String {
    uses.iter().map(|usage| usage.as_str()).collect::<Vec<_>>().join(", ")
}

/// Checks the CA certificate at `position`, counted from the leaf at 0, with `position - 1` CA certificates below it.
pub(super) fn check_authority(certificate: &Certificate, position: usize) -> Result<(), ProfileError> {
    check_constraints(certificate, position)?;
    critical_usage(certificate, KeyUse::KeyCertSign)?;
    certificate.check_authority_key().map_err(ProfileError::Key)
}

/// Checks basicConstraints of the CA certificate at `position`.
pub(super) fn check_constraints(certificate: &Certificate, position: usize) -> Result<(), ProfileError> {
    let constraints = certificate.basic_constraints().ok_or(ProfileError::BasicConstraintsMissing)?;
    if !constraints.ca {
        return Err(ProfileError::NotAnAuthority);
    }
    if !constraints.critical {
        return Err(ProfileError::BasicConstraintsNotCritical);
    }
    let expected = u32::try_from(position.saturating_sub(1)).unwrap_or(u32::MAX);
    if let Some(found) = constraints.path_length.filter(|found| *found < expected) {
        return Err(ProfileError::PathLength { found, expected });
    }
    Ok(())
}

/// Checks the signing certificate; returns its key.
pub(super) fn check_leaf(certificate: &Certificate) -> Result<EnvelopeKey, ProfileError> {
    if certificate.is_ca() {
        return Err(ProfileError::LeafIsAuthority);
    }
    check_signing_uses(critical_usage(certificate, KeyUse::DigitalSignature)?)?;
    if let Some(extended) = certificate.extended_key_usage()
        && let Some(found) = extended.purposes.iter().find_map(forbidden_purpose)
    {
        return Err(ProfileError::ExtendedKeyUsageForbidden { found });
    }
    certificate.envelope_key().map_err(ProfileError::Key)
}

/// Checks that a certificate that signs messages may be used for nothing else.
pub(super) fn check_signing_uses(usage: &KeyUsage) -> Result<(), ProfileError> {
    let allowed = |usage: KeyUse| match usage {
        KeyUse::DigitalSignature | KeyUse::NonRepudiation => true,
        KeyUse::KeyEncipherment
        | KeyUse::DataEncipherment
        | KeyUse::KeyAgreement
        | KeyUse::KeyCertSign
        | KeyUse::CrlSign
        | KeyUse::EncipherOnly
        | KeyUse::DecipherOnly => false,
    };
    match usage.uses.iter().find(|found| !allowed(**found)) {
        Some(&found) => Err(ProfileError::KeyUsageForbidden { found }),
        None => Ok(()),
    }
}

fn critical_usage(certificate: &Certificate, expected: KeyUse) -> Result<&KeyUsage, ProfileError> {
    let usage = certificate.key_usage().ok_or(ProfileError::KeyUsageMissing { expected })?;
    if !usage.critical {
        return Err(ProfileError::KeyUsageNotCritical);
    }
    check_use(usage, expected)?;
    Ok(usage)
}

/// Checks that a bit is set.
pub(super) fn check_use(usage: &KeyUsage, expected: KeyUse) -> Result<(), ProfileError> {
    if usage.uses.contains(&expected) {
        Ok(())
    } else {
        Err(ProfileError::KeyUsageLacks { found: usage.uses.clone(), expected })
    }
}

/// The name of the purpose, if it is not allowed for a signing certificate. codeSigning is not required; unknown
/// purposes are allowed.
fn forbidden_purpose(purpose: &Oid) -> Option<&'static str> {
    match purpose.contents() {
        [0x55, 0x1d, 0x25, 0x00] => Some("anyExtendedKeyUsage"),
        // 1.3.6.1.5.5.7.3
        [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, arc] => match arc {
            1 => Some("serverAuth"),
            2 => Some("clientAuth"),
            4 => Some("emailProtection"),
            8 => Some("timeStamping"),
            9 => Some("OCSPSigning"),
            _ => None,
        },
        _ => None,
    }
}
