//! Reasons for a revocation.

use std::fmt;

use crate::codec::der;
use crate::codec::der::NotDer;
use crate::codec::der::Reader;

/// `CRLReason` of a CRL entry or an OCSP response
/// ([RFC 5280 §5.3.1](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationReason {
    /// 0: no reason is stated.
    Unspecified,
    /// 1: the private key is, or may be, in other hands.
    KeyCompromise,
    /// 2: as [`Self::KeyCompromise`], for the key of a certificate authority.
    CaCompromise,
    /// 3: the subject's name or other information has changed.
    AffiliationChanged,
    /// 4: another certificate replaces this one.
    Superseded,
    /// 5: the certificate is no longer needed.
    CessationOfOperation,
    /// 6: the certificate is on hold, and may be valid again.
    CertificateHold,
    /// 8: in a delta CRL, the certificate is no longer revoked.
    RemoveFromCrl,
    /// 9: the subject no longer has a privilege that the certificate states.
    PrivilegeWithdrawn,
    /// 10: as [`Self::KeyCompromise`], for the key of an attribute authority.
    AaCompromise,
    /// A number without a meaning: 7, or above 10.
    Unassigned(u8),
}

impl RevocationReason {
    /// Reads an ENUMERATED with its tag.
    pub(super) fn from_der(raw: &[u8]) -> Result<Self, NotDer> {
        match Reader::only(raw, der::ENUMERATED)?.unsigned()? {
            [] => Ok(Self::Unspecified),
            [number] => Ok(Self::of_number(*number)),
            [_, _, ..] => Err(NotDer),
        }
    }

    fn of_number(number: u8) -> Self {
        match number {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            other => Self::Unassigned(other),
        }
    }
}

impl fmt::Display for RevocationReason {
    /// The name in RFC 5280: `keyCompromise`; a number without a meaning as `reason 7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::RemoveFromCrl => "removeFromCRL",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
            Self::Unassigned(number) => return write!(f, "reason {number}"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_number_and_prints_its_name() {
        for (number, name) in [
            (0, "unspecified"),
            (1, "keyCompromise"),
            (2, "cACompromise"),
            (3, "affiliationChanged"),
            (4, "superseded"),
            (5, "cessationOfOperation"),
            (6, "certificateHold"),
            (7, "reason 7"),
            (8, "removeFromCRL"),
            (9, "privilegeWithdrawn"),
            (10, "aACompromise"),
            (11, "reason 11"),
            (127, "reason 127"),
        ] {
            let read = RevocationReason::from_der(&[0x0a, 1, number]);
            assert_eq!(read.map(|reason| reason.to_string()), Ok(name.to_owned()));
        }
        assert_eq!(RevocationReason::from_der(&[0x0a, 2, 0, 0xff]), Ok(RevocationReason::Unassigned(255)));
    }

    #[test]
    fn refuses_other_types_negative_numbers_padding_and_trailing_bytes() {
        for der in
            [&[0x02, 1, 1][..], &[0x0a, 0], &[0x0a, 1, 0xff], &[0x0a, 2, 0, 1], &[0x0a, 2, 1, 0], &[0x0a, 1, 1, 0]]
        {
            assert_eq!(RevocationReason::from_der(der), Err(NotDer), "{der:02x?}");
        }
    }
}
