//! The signatures of an image that did not count. Everyone with push access can add signatures of any size and number, so
//! a verdict keeps a bounded part of them.

use super::memory::allocated;
use crate::codec::text::Text;
use crate::name::Digest;
use crate::reason::Reason;
use crate::reason::Reasons;

/// One signature that did not count, and every reason that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSignature {
    /// Digest of the signature manifest.
    pub manifest: Digest,
    /// Subject of the signing certificate, if the envelope could be read that far. Not evidence of anything.
    pub unverified_subject: Option<Text>,
    /// Why it does not count.
    pub reasons: Reasons,
}

impl FailedSignature {
    /// Whether the signature could not be judged, rather than being judged and refused.
    #[must_use]
    pub fn is_inconclusive(&self) -> bool {
        !self.reasons.are_refusals()
    }

    /// The memory behind the value itself, in bytes.
    fn heap_bytes(&self) -> usize {
        let Self { manifest, unverified_subject, reasons } = self;
        let subject = unverified_subject.as_ref().map_or(0, Text::heap_bytes);
        let details: usize = reasons.iter().map(|reason| allocated(reason.detail.heap_bytes())).sum();
        allocated(manifest.as_str().len())
            + allocated(subject)
            + allocated(reasons.iter().skip(1).count() * size_of::<Reason>())
            + details
    }
}

/// Signatures that did not count, in the order in which they were tried: the first ones in full, within
/// [`FailedSignatures::BYTES`], and how many more there were.
#[derive(Clone, Debug, Default)]
pub struct FailedSignatures {
    listed: Vec<FailedSignature>,
    bytes: usize,
    omitted: usize,
    furthest: Option<Reason>,
    undecided: Option<Reason>,
}

impl FailedSignatures {
    /// Most memory that the listed ones take, in bytes: enough for a hundred of an ordinary kind, which is how many are
    /// tried unless configured otherwise.
    pub const BYTES: usize = 64 * 1024;

    /// Adds a signature that was tried after those before.
    pub fn push(&mut self, failed: FailedSignature) {
        let reason = failed.reasons.first();
        if failed.is_inconclusive() && self.undecided.is_none() {
            self.undecided = Some(reason.clone());
        }
        // The signature that came furthest is the most useful to report; of equals the last.
        if self.furthest.as_ref().is_none_or(|furthest| reason.code.reached() >= furthest.code.reached()) {
            self.furthest = Some(reason.clone());
        }
        let bytes = size_of::<FailedSignature>() + failed.heap_bytes();
        if self.omitted == 0 && self.bytes + bytes <= Self::BYTES {
            self.bytes += bytes;
            self.listed.push(failed);
        } else {
            self.omitted += 1;
        }
    }

    /// In the order in which they were tried.
    #[must_use]
    pub fn listed(&self) -> &[FailedSignature] {
        &self.listed
    }

    /// How many were tried after the listed ones.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// How many were tried.
    #[must_use]
    pub fn total(&self) -> usize {
        self.listed.len() + self.omitted
    }

    /// The reason of the one that came furthest, listed or not.
    pub(super) fn furthest(&self) -> Option<&Reason> {
        self.furthest.as_ref()
    }

    /// The reason of the first that could not be judged, listed or not.
    pub(super) fn undecided(&self) -> Option<&Reason> {
        self.undecided.as_ref()
    }

    /// The memory behind the value itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let spare = self.listed.capacity() - self.listed.len();
        let reasons = [&self.furthest, &self.undecided].into_iter().flatten();
        self.bytes
            + spare * size_of::<FailedSignature>()
            + reasons.map(|reason| allocated(reason.detail.heap_bytes())).sum::<usize>()
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
    fn a_hundred_ordinary_ones_are_listed() {
        let detail = "certificate chain is not trusted: found root CN=untrusted,O=Testkit,ST=ZH,C=CH, expected a \
                      certificate of ca:main in the chain";
        let all: FailedSignatures = (0..100).map(|_| failed(Code::UntrustedChain, detail)).collect();
        assert_eq!((all.listed().len(), all.omitted(), all.total()), (100, 0, 100));
    }

    #[test]
    fn of_long_ones_the_first_are_listed_and_the_others_counted() {
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
        // Short ones that come later are not listed, as they would not be the first; what they say still counts.
        all.push(failed(Code::Revoked, "later"));
        all.push(failed(Code::RevocationUnchecked, "undecided"));
        assert_eq!(all.total(), 1002);
        assert_eq!(all.furthest().map(|reason| reason.detail.as_str()), Some("undecided"));
        assert_eq!(all.undecided().map(|reason| reason.detail.as_str()), Some("undecided"));
    }

    #[test]
    fn a_refusal_leaves_no_open_question() {
        let reasons = [Code::RevocationUnchecked, Code::Expired, Code::TimestampUnchecked, Code::UntrustedChain];
        let reasons = Reasons::of(reasons.map(|code| Reason::new(code, "x")));
        let codes = reasons.map(|reasons| reasons.iter().map(|reason| reason.code).collect::<Vec<_>>());
        assert_eq!(codes, Some(vec![Code::Expired, Code::UntrustedChain]));
        assert_eq!(Reasons::of([]), None);
    }
}
