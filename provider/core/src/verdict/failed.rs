//! Failed signatures of an image. Everyone with push access can add signatures of any size and number, so a verdict
//! keeps a bounded part of them.

use super::memory::allocated;
use super::memory::of_reason;
use crate::codec::text::Text;
use crate::name::Digest;
use crate::reason::Reason;
use crate::reason::Reasons;

/// One failed signature with all reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSignature {
    /// Digest of the signature manifest.
    pub manifest: Digest,
    /// Unverified subject of the signing certificate, if it could be parsed.
    pub unverified_subject: Option<Text>,
    /// The reasons for the failure.
    pub reasons: Reasons,
}

impl FailedSignature {
    /// Whether the signature could not be judged, as opposed to being rejected.
    #[must_use]
    pub fn is_inconclusive(&self) -> bool {
        !self.reasons.are_refusals()
    }

    /// Heap memory that the value owns, in bytes.
    fn heap_bytes(&self) -> usize {
        let Self { manifest, unverified_subject, reasons } = self;
        let subject = unverified_subject.as_ref().map_or(0, Text::heap_bytes);
        let texts: usize = reasons.iter().map(of_reason).sum();
        allocated(manifest.as_str().len())
            + allocated(subject)
            + allocated(reasons.iter().skip(1).count() * size_of::<Reason>())
            + texts
    }
}

/// Failed signatures in the order of verification: the first ones, within [`FailedSignatures::BYTES`], and the number
/// of others.
#[derive(Clone, Debug, Default)]
pub struct FailedSignatures {
    listed: Vec<FailedSignature>,
    bytes: usize,
    omitted: usize,
    furthest: Option<Reason>,
    undecided: Option<Reason>,
}

impl FailedSignatures {
    /// Maximum memory of the listed ones, in bytes: enough for a hundred usual ones, which is the default limit on
    /// verified signatures.
    pub const BYTES: usize = 64 * 1024;

    /// Adds the next failed signature.
    pub fn push(&mut self, failed: FailedSignature) {
        let reason = failed.reasons.first();
        if failed.is_inconclusive() {
            keep_further(&mut self.undecided, reason);
        }
        keep_further(&mut self.furthest, reason);
        let bytes = size_of::<FailedSignature>() + failed.heap_bytes();
        if self.omitted == 0 && self.bytes + bytes <= Self::BYTES {
            self.bytes += bytes;
            self.listed.push(failed);
        } else {
            self.omitted += 1;
        }
    }

    /// The listed signatures, in the order of verification.
    #[must_use]
    pub fn listed(&self) -> &[FailedSignature] {
        &self.listed
    }

    /// The number of failed signatures that are not listed.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// The number of failed signatures.
    #[must_use]
    pub fn total(&self) -> usize {
        self.listed.len() + self.omitted
    }

    /// The reason of the signature that passed the most checks, listed or not.
    pub(super) fn furthest(&self) -> Option<&Reason> {
        self.furthest.as_ref()
    }

    /// The reason of the signature that passed the most checks of those that could not be judged, listed or not.
    pub(super) fn undecided(&self) -> Option<&Reason> {
        self.undecided.as_ref()
    }

    /// Heap memory that the value owns, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let spare = self.listed.capacity() - self.listed.len();
        let reasons = [&self.furthest, &self.undecided].into_iter().flatten();
        self.bytes + spare * size_of::<FailedSignature>() + reasons.map(of_reason).sum::<usize>()
    }
}

/// Reports the signature that passed the most checks, so that the code does not depend on the order in which a registry lists signatures;
/// of equals, the last one.
fn keep_further(kept: &mut Option<Reason>, reason: &Reason) {
    if kept.as_ref().is_none_or(|kept| reason.code.reached() >= kept.code.reached()) {
        *kept = Some(reason.clone());
    }
}

impl FromIterator<FailedSignature> for FailedSignatures {
    fn from_iter<I: IntoIterator<Item = FailedSignature>>(all: I) -> Self {
        let mut signatures = Self::default();
        all.into_iter().for_each(|failed| signatures.push(failed));
        signatures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::DigestAlgorithm;
    use crate::reason::Code;

    fn failed(code: Code, detail: &str) -> FailedSignature {
        FailedSignature {
            manifest: Digest::of(DigestAlgorithm::Sha256, detail.as_bytes()),
            unverified_subject: Some(Text::of("CN=leaf,O=Testkit,ST=ZH,C=CH")),
            reasons: Reasons::one(Reason::new(code, detail)),
        }
    }

    #[test]
    fn lists_a_hundred_usual_failures() {
        let detail = "certificate chain is not trusted: found root CN=untrusted,O=Testkit,ST=ZH,C=CH (SHA-256 \
                      e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855), expected a certificate of ca:main in the chain";
        let all: FailedSignatures = (0..100).map(|_| failed(Code::UntrustedChain, detail)).collect();
        assert_eq!((all.listed().len(), all.omitted(), all.total()), (100, 0, 100));
    }

    #[test]
    fn lists_the_first_long_failures_and_counts_the_others() {
        let one = FailedSignature {
            unverified_subject: Some(Text::of("x".repeat(5000))),
            reasons: Reasons::of((0..100).map(|_| Reason::new(Code::Expired, "y".repeat(5000))))
                .unwrap_or_else(|| unreachable!()),
            ..failed(Code::Expired, "")
        };
        assert_eq!(one.reasons.iter().count(), Reasons::MOST);
        let mut all: FailedSignatures = vec![one; 1000].into_iter().collect();
        assert_eq!(all.listed().len(), FailedSignatures::BYTES / (9 * 1024 + 500));
        assert_eq!(all.total(), 1000);
        assert!(all.heap_bytes() < 2 * FailedSignatures::BYTES, "{}", all.heap_bytes());
        // Later short ones are not listed, as only the first ones are, but their reasons still count.
        all.push(failed(Code::Revoked, "later"));
        all.push(failed(Code::RevocationUnchecked, "undecided"));
        assert_eq!(all.total(), 1002);
        assert_eq!(all.furthest().map(|reason| reason.detail.as_str()), Some("undecided"));
        assert_eq!(all.undecided().map(|reason| reason.detail.as_str()), Some("undecided"));
    }

    #[test]
    fn codes_do_not_depend_on_the_order_of_signatures() {
        let codes = [Code::RevocationUnchecked, Code::SignatureUnavailable, Code::TimestampUnchecked, Code::Revoked];
        let of = |codes: &[Code]| {
            let all: FailedSignatures = codes.iter().map(|code| failed(*code, code.as_str())).collect();
            (all.undecided().map(|reason| reason.code), all.furthest().map(|reason| reason.code))
        };
        for first in 0..codes.len() {
            let mut turned = codes;
            turned.rotate_left(first);
            assert_eq!(of(&turned), (Some(Code::RevocationUnchecked), Some(Code::RevocationUnchecked)), "{turned:?}");
        }
        assert_eq!(of(&[Code::SignatureUnavailable, Code::Revoked]).0, Some(Code::SignatureUnavailable));
        assert_eq!(of(&[Code::SignatureUnavailable, Code::Revoked]).1, Some(Code::Revoked));
    }

    #[test]
    fn a_refusal_drops_reasons_of_incomplete_checks() {
        let reasons = [Code::RevocationUnchecked, Code::Expired, Code::TimestampUnchecked, Code::UntrustedChain];
        let reasons = Reasons::of(reasons.map(|code| Reason::new(code, "x")));
        let codes = reasons.map(|reasons| reasons.iter().map(|reason| reason.code).collect::<Vec<_>>());
        assert_eq!(codes, Some(vec![Code::Expired, Code::UntrustedChain]));
        assert_eq!(Reasons::of([]), None);
    }
}
