//! The request that every endpoint and the command line make about an image.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use countersign_core::name::Digest;
use countersign_core::name::ImageRef;
use countersign_core::name::is_dns_label;

use crate::policy_source::LoadedPolicy;

/// A request to verify an image, or for mutation to resolve its tag.
///
/// Callers set every member, so that a new one is a decision for each endpoint.
#[derive(Clone, Debug)]
pub struct VerificationRequest {
    /// The image, as the key or the command line names it.
    pub image: Arc<ImageRef>,
    /// The namespace of the workload, where it selects policy or credentials. No endpoint has one today.
    pub namespace: Option<Namespace>,
    /// Which part of the policy applies.
    pub policy: PolicySelection,
    /// Which credentials requests to the registry carry.
    pub credentials: CredentialSelection,
    /// Conditions beyond the policy.
    pub conditions: Conditions,
    /// The deadline.
    pub deadline: Deadline,
    /// The policy that was in use when the request began. A change counts for the next request.
    pub snapshot: PolicySnapshot,
}

/// A Kubernetes namespace: a DNS label of at most 63 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text is no namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a namespace: expected 1 to 63 lower-case letters, digits and inner hyphens")]
pub struct NamespaceError;

impl FromStr for Namespace {
    type Err = NamespaceError;

    fn from_str(text: &str) -> Result<Self, NamespaceError> {
        if is_dns_label(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Ok(Self(text.into()))
        } else {
            Err(NamespaceError)
        }
    }
}

/// Which part of a policy applies to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicySelection {
    /// The statement for the image's repository.
    ByRepository,
}

/// Which credentials requests to a registry carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialSelection {
    /// Those that the configuration has for the repository.
    Configured,
}

/// Conditions of the caller beyond the policy. None exist today.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Conditions {}

/// The policy and trust stores in use at one moment, or that there were none.
#[derive(Clone, Debug, Default)]
pub struct PolicySnapshot(Option<Arc<LoadedPolicy>>);

impl PolicySnapshot {
    /// `None` if no policy document could be used yet: then every image is inconclusive.
    #[must_use]
    pub fn new(policy: Option<Arc<LoadedPolicy>>) -> Self {
        Self(policy)
    }

    /// The policy in use, if there is one.
    #[must_use]
    pub fn policy(&self) -> Option<&Arc<LoadedPolicy>> {
        self.0.as_ref()
    }

    /// The digest of its content: equal for replicas with the same files, and after a restart.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.0.as_ref().map(|policy| policy.digest())
    }
}

/// The time at which the request must be answered. Passed as a value, never global.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline after this duration.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    /// The point.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }

    /// When to stop waiting for evidence: a tenth of the remaining time is left for the verdict without it, which the
    /// statement may only log, and which names the address that did not respond.
    #[must_use]
    pub fn of_evidence(self) -> Instant {
        self.0 - self.remaining() / 10
    }

    /// Until then; zero once it has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(now())
    }
}

/// By the clock of timers, which tests may pause.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_dns_label() {
        let longest = "a".repeat(63);
        for text in ["default", "a", "0", "kube-system", &longest] {
            assert_eq!(text.parse::<Namespace>().unwrap().as_str(), text);
        }
        let long = "a".repeat(64);
        for text in ["", "-a", "a-", "A", "a.b", "a_b", "a\n", "ü", &long] {
            assert_eq!(text.parse::<Namespace>(), Err(NamespaceError), "{text:?}");
        }
    }
}
