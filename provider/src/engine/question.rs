//! The effective question: everything that a verdict depends on, except the time. Its digest is the key of flights and
//! of the verdict cache, so that no verdict is shared between questions that differ in any part.

use std::collections::BTreeMap;

use countersign_core::name::Digest;
use countersign_core::name::ListHasher;
use countersign_core::name::Repository;
use countersign_registry::CredentialScope;

use super::request::Conditions;
use super::request::CredentialSelection;
use super::request::Namespace;
use super::request::PolicySelection;
use crate::policy_source::StatementKey;

/// See the module. Never has a tag. What depends on policy and settings alone was hashed before.
#[derive(Clone, Copy, Debug)]
pub(super) struct EffectiveQuestion<'a> {
    pub(super) repository: &'a Repository,
    /// Of the image's manifest.
    pub(super) digest: &'a Digest,
    pub(super) selection: PolicySelection,
    /// Of the snapshot of policy and the name of the statement that was selected.
    pub(super) statement: StatementKey,
    pub(super) namespace: Option<&'a Namespace>,
    pub(super) credentials: CredentialSelection,
    /// Of the credential with which the manifest was read.
    pub(super) scope: &'a CredentialScope,
    pub(super) conditions: &'a Conditions,
    /// Requirements of the configuration for the statement.
    pub(super) demands: DemandsKey,
}

/// The digest of an [`EffectiveQuestion`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct QuestionDigest([u8; 32]);

impl QuestionDigest {
    /// What it occupies in memory, in bytes.
    pub(super) const BYTES: usize = size_of::<Self>();
}

impl EffectiveQuestion<'_> {
    /// Different for questions that differ in any part.
    pub(super) fn digest(&self) -> QuestionDigest {
        // Without `..`: a new member does not compile until it is part of the digest.
        let Self { repository, digest, selection, statement, namespace, credentials, scope, conditions, demands } =
            self;
        let Conditions {} = conditions;
        let mut all = ListHasher::new();
        all.add(&*repository.host().canonical());
        all.add(repository.path());
        all.add(digest.as_str());
        all.add(match selection {
            PolicySelection::ByRepository => "by-repository",
        });
        all.add(statement.as_bytes());
        // No namespace is an empty text.
        all.add(namespace.map_or("", Namespace::as_str));
        all.add(match credentials {
            CredentialSelection::Configured => "configured",
        });
        for part in scope.parts() {
            all.add(part);
        }
        all.add(demands.0);
        QuestionDigest(all.finish_bytes())
    }
}

/// The digest of what the configuration demands for a statement: metadata of signatures, and how many of them are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DemandsKey([u8; 32]);

impl DemandsKey {
    fn new(required_metadata: &BTreeMap<String, String>, max_signatures: usize) -> Self {
        let mut parts = ListHasher::new();
        parts.add(max_signatures.to_be_bytes());
        required_metadata.iter().flat_map(|(key, value)| [key, value]).for_each(|part| parts.add(part));
        Self(parts.finish_bytes())
    }
}

/// The [`DemandsKey`] of every statement under the settings of an engine.
#[derive(Debug)]
pub(super) struct Demands {
    by_statement: BTreeMap<String, DemandsKey>,
    /// Of statements for which no metadata is demanded.
    others: DemandsKey,
}

impl Demands {
    /// `required_metadata` is by the name of the statement.
    pub(super) fn new(required_metadata: &BTreeMap<String, BTreeMap<String, String>>, max_signatures: usize) -> Self {
        let key = |metadata| DemandsKey::new(metadata, max_signatures);
        let by_statement = required_metadata.iter();
        Self {
            by_statement: by_statement.map(|(name, metadata)| (name.clone(), key(metadata))).collect(),
            others: key(&BTreeMap::new()),
        }
    }

    pub(super) fn of(&self, statement: &str) -> DemandsKey {
        self.by_statement.get(statement).copied().unwrap_or(self.others)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::name::DigestAlgorithm;
    use countersign_credentials::Credential;
    use countersign_credentials::Secret;
    use countersign_registry::Registries;
    use countersign_registry::RegistryEntry;
    use countersign_registry::RegistrySettings;
    use countersign_registry::Unobserved;

    use super::*;

    fn repository(text: &str) -> Repository {
        text.parse().unwrap()
    }

    /// The scope of `repository` where the settings have `user` for its host.
    fn scope(user: Option<&str>) -> CredentialScope {
        let basic = |user| Credential::basic(user, Secret::new("password")).unwrap();
        let credential = user.map_or(Credential::Anonymous, basic);
        let entry = RegistryEntry::new("a.example".parse().unwrap(), credential);
        let settings = RegistrySettings { registries: vec![entry], ..RegistrySettings::default() };
        let registries = Registries::new(settings, std::sync::Arc::new(Unobserved)).unwrap();
        registries.credential_scope(&repository("a.example/app"))
    }

    #[test]
    fn every_part_changes_the_key() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let digest = |text: &str| Digest::of(DigestAlgorithm::Sha256, text.as_bytes());
        let (image, policy) = (digest("image"), digest("policy"));
        let metadata = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let (app, anonymous) = (repository("a.example/app"), scope(None));
        let question = EffectiveQuestion {
            repository: &app,
            digest: &image,
            selection: PolicySelection::ByRepository,
            statement: StatementKey::new(&policy, "app"),
            namespace: None,
            credentials: CredentialSelection::Configured,
            scope: &anonymous,
            conditions: &Conditions {},
            demands: DemandsKey::new(&metadata, 100),
        };
        let (other_host, other_path) = (repository("b.example/app"), repository("a.example/app2"));
        let (other_port, other_digest) = (repository("a.example:5000/app"), digest("other"));
        let (namespace, other_namespace) = ("default".parse().unwrap(), "other".parse().unwrap());
        let (bob, eve) = (scope(Some("bob")), scope(Some("eve")));
        let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let (none, other_value, longer) = (pairs(&[]), pairs(&[("a", "c")]), pairs(&[("a", "b"), ("c", "d")]));
        let shifted = pairs(&[("ab", "")]);
        let all = [
            question,
            EffectiveQuestion { repository: &other_host, ..question },
            EffectiveQuestion { repository: &other_port, ..question },
            EffectiveQuestion { repository: &other_path, ..question },
            EffectiveQuestion { digest: &other_digest, ..question },
            EffectiveQuestion { statement: StatementKey::new(&other_digest, "app"), ..question },
            EffectiveQuestion { statement: StatementKey::new(&policy, "app2"), ..question },
            EffectiveQuestion { namespace: Some(&namespace), ..question },
            EffectiveQuestion { namespace: Some(&other_namespace), ..question },
            EffectiveQuestion { scope: &bob, ..question },
            EffectiveQuestion { scope: &eve, ..question },
            EffectiveQuestion { scope: &CredentialScope::unusable(), ..question },
            EffectiveQuestion { demands: DemandsKey::new(&none, 100), ..question },
            EffectiveQuestion { demands: DemandsKey::new(&other_value, 100), ..question },
            EffectiveQuestion { demands: DemandsKey::new(&longer, 100), ..question },
            EffectiveQuestion { demands: DemandsKey::new(&shifted, 100), ..question },
            EffectiveQuestion { demands: DemandsKey::new(&metadata, 99), ..question },
        ];
        let keys: Vec<_> = all.iter().map(EffectiveQuestion::digest).collect();
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == key), Some(index), "{:?}", all[index]);
        }
    }

    #[test]
    fn equal_questions_have_one_key() {
        let (digest, scope) = (Digest::of(DigestAlgorithm::Sha256, b"{}"), anonymous_scope());
        let metadata = BTreeMap::new();
        let key = |repository: &str| {
            let question = EffectiveQuestion {
                repository: &self::repository(repository),
                digest: &digest,
                selection: PolicySelection::ByRepository,
                statement: StatementKey::new(&digest, "app"),
                namespace: None,
                credentials: CredentialSelection::Configured,
                scope: &scope,
                conditions: &Conditions {},
                demands: DemandsKey::new(&metadata, 1),
            };
            question.digest()
        };
        // Two spellings of one host.
        assert_eq!(key("docker.io/library/nginx"), key("index.docker.io/library/nginx"));
        assert_eq!(key("a.example/b"), key("a.example:443/b"));
    }

    fn anonymous_scope() -> CredentialScope {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        scope(None)
    }

    #[test]
    fn demands_are_those_of_the_statement() {
        let pairs = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let demands = Demands::new(&BTreeMap::from([("app".to_owned(), pairs.clone())]), 100);
        assert_eq!(demands.of("app"), DemandsKey::new(&pairs, 100));
        assert_eq!(demands.of("app2"), DemandsKey::new(&BTreeMap::new(), 100));
    }
}
