//! Sets of revocation reasons, for which a CRL is complete.

use crate::codec::der::Element;
use crate::codec::der::NotDer;

/// `ReasonFlags` ([RFC 5280 §4.2.1.13](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.13)): the reasons for a
/// revocation that a CRL lists. Several CRLs may have the reasons of one certificate between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReasonSet(u16);

/// The flags keyCompromise (1) to aACompromise (8), the first flag being the highest bit.
const ALL: u16 = 0x7f80;

impl ReasonSet {
    /// No reason.
    pub const NONE: Self = Self(0);

    /// Every reason. A CRL without a stated set has it.
    pub const ALL: Self = Self(ALL);

    /// Reads the contents of a named bit list. The flag `unused` (0) has no meaning. Trailing zero bits, which DER omits,
    /// are unambiguous and accepted.
    pub(super) fn from_der(bits: &Element<'_>) -> Result<Self, NotDer> {
        let (first, second) = match bits.contents {
            [0..=7, first] => (*first, 0),
            [0..=7, first, second] => (*first, *second),
            [] | [_] | [_, ..] => return Err(NotDer),
        };
        let flags = u16::from_be_bytes([first, second]);
        let unused = bits.contents.first().map_or(0, |unused| u32::from(*unused));
        let bytes = if bits.contents.len() == 2 { 8 } else { 0 };
        let padding = (1_u16 << (unused + bytes)) - 1;
        // No flag is defined after aACompromise, and bits that are not used are zero in DER.
        if flags & padding != 0 || flags & !(ALL | 0x8000) != 0 {
            return Err(NotDer);
        }
        Ok(Self(flags & ALL))
    }

    /// The reasons of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The reasons that both sets have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether this set has every reason of `other`.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(contents: &[u8]) -> Result<ReasonSet, NotDer> {
        ReasonSet::from_der(&Element { tag: 0x83, contents, raw: &[] })
    }

    #[test]
    fn reads_the_flags_of_rfc_5280() {
        assert_eq!(read(&[6, 0x40]), Ok(ReasonSet(0x4000)));
        assert_eq!(read(&[0, 0x7f]), Ok(ReasonSet(0x7f00)));
        assert_eq!(read(&[7, 0x7f, 0x80]), Ok(ReasonSet::ALL));
        assert_eq!(read(&[7, 0xff, 0x80]), Ok(ReasonSet::ALL));
        assert_eq!(read(&[7, 0x80]), Ok(ReasonSet::NONE));
        assert_eq!(read(&[0, 0]), Ok(ReasonSet::NONE));
    }

    #[test]
    fn refuses_flags_without_a_meaning_and_used_padding() {
        for contents in [&[][..], &[0], &[8, 0], &[7, 0x41], &[6, 0x7f, 0x40], &[7, 0x7f, 0xc0], &[0, 0, 0, 0]] {
            assert_eq!(read(contents), Err(NotDer), "{contents:02x?}");
        }
    }

    #[test]
    fn two_sets_can_have_every_reason_between_them() {
        let (some, others) = (ReasonSet(0x4000), ReasonSet(0x3f80));
        assert!(!some.contains(others) && !others.contains(ReasonSet::ALL));
        assert_eq!(some.union(others), ReasonSet::ALL);
        assert_eq!(some.intersection(others), ReasonSet::NONE);
        assert!(ReasonSet::ALL.contains(some) && some.contains(ReasonSet::NONE));
    }
}
