//! Reads the policy document and its trust stores, and compares the document with the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::codec::text;
use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::name::ListHasher;
use countersign_core::policy::Decision;
use countersign_core::policy::PolicyError;
use countersign_core::policy::Statement;
use countersign_core::policy::StoreRef;
use countersign_core::policy::TrustPolicy;

use super::PolicyMistake;
use super::PolicySource;
use super::files;
use super::stores;
use super::stores::FoundStore;

/// Maximum number of names of statements in a mistake.
const SHOWN_NAMES: usize = 10;

/// A policy document that can be used.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) digest: Digest,
    pub(super) policy: Arc<TrustPolicy>,
}

/// The result of reading the files, and the document to use.
pub(super) struct Found {
    pub(super) document: Option<Document>,
    /// Whether `document` is what is on disk.
    pub(super) is_current: bool,
    /// Of the document on disk, and of what the configuration expects of it.
    pub(super) mistakes: Vec<PolicyMistake>,
    pub(super) stores: BTreeMap<StoreRef, FoundStore>,
    pub(super) fingerprint: Digest,
}

impl PolicySource {
    pub(super) fn read(&self) -> Found {
        let (on_disk, mut mistakes) = self.read_document();
        let mut fingerprint = ListHasher::new();
        fingerprint.add_list(on_disk.iter().map(|document| document.digest.as_str()));
        fingerprint.add_list(mistakes.iter().map(ToString::to_string));
        let (document, is_current) = match (on_disk, &self.document) {
            (Some(new), Some(former)) => {
                let unmet = self.unmet(&new.policy);
                let keep = unmet.iter().any(PolicyMistake::is_unknown)
                    && !self.unmet(&former.policy).iter().any(PolicyMistake::is_unknown);
                mistakes.splice(0..0, unmet);
                if keep { (Some(former.clone()), false) } else { (Some(new), true) }
            }
            (Some(new), None) => {
                mistakes.splice(0..0, self.unmet(&new.policy));
                (Some(new), true)
            }
            (None, former) => (former.clone(), false),
        };
        let stores = match &document {
            Some(document) => stores::read(&self.location, &self.fetched, &document.policy),
            None => BTreeMap::new(),
        };
        for store in stores.values() {
            store.fingerprint(&mut fingerprint);
        }
        Found { document, is_current, mistakes, stores, fingerprint: fingerprint.finish() }
    }

    /// The document on disk if it can be used, and its mistakes.
    fn read_document(&self) -> (Option<Document>, Vec<PolicyMistake>) {
        let (path, bytes) = match files::policy(&self.location) {
            Ok(read) => read,
            Err(mistake) => return (None, vec![mistake]),
        };
        let of_policy = |errors: &[PolicyError]| {
            errors.iter().map(|error| PolicyMistake::of_policy(&path, error)).collect::<Vec<_>>()
        };
        let digest = Digest::of(DigestAlgorithm::Sha256, &bytes);
        if let Some(same) = self.document.as_ref().filter(|document| document.digest == digest) {
            return (Some(same.clone()), of_policy(same.policy.mistakes()));
        }
        match TrustPolicy::parse(&bytes) {
            Ok(policy) => {
                let mistakes = of_policy(policy.mistakes());
                (Some(Document { digest, policy: Arc::new(policy) }), mistakes)
            }
            Err(errors) => (None, of_policy(&errors)),
        }
    }

    /// Expected statements that are missing in the policy, or that skip verification.
    pub(super) fn unmet(&self, policy: &TrustPolicy) -> Vec<PolicyMistake> {
        let rules = policy.policy().rules();
        let unmet = |name: &String| {
            let statement = name.clone();
            match rules.iter().find(|rule| rule.name() == name) {
                Some(Statement::Usable(found)) => match found.decision() {
                    Decision::Verify(_) => None,
                    Decision::Skip => Some(PolicyMistake::SkippingStatement { statement }),
                },
                // Disabled because of its own mistakes.
                Some(Statement::Broken(_)) => None,
                None => {
                    let known = Text::of(text::list(rules.iter().map(Statement::name), ", ", SHOWN_NAMES));
                    Some(PolicyMistake::UnknownStatement { statement, known })
                }
            }
        };
        self.expected.iter().filter_map(unmet).collect()
    }
}
