//! The key of the verdict cache and of single flight: a digest of everything that a verdict depends on, except the time.
//! So no verdict is shared between requests that differ in any part.

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

/// The parts of the key. None is a tag. Policy and settings are hashed when they are loaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct VerdictKeyParts<'a> {
    pub(super) repository: &'a Repository,
    /// Of the image's manifest.
    pub(super) digest: &'a Digest,
    pub(super) selection: PolicySelection,
    /// Of the statement that was selected, with its trust stores.
    pub(super) statement: StatementKey,
    pub(super) namespace: Option<&'a Namespace>,
    pub(super) credentials: CredentialSelection,
    /// Of the credential with which the manifest was read.
    pub(super) scope: &'a CredentialScope,
    pub(super) conditions: &'a Conditions,
    /// The requirements of the configuration for the statement.
    pub(super) requirements: RequirementsKey,
}

/// The digest of [`VerdictKeyParts`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct VerdictKey([u8; 32]);

impl VerdictKey {
    /// Its size in memory, in bytes.
    pub(super) const BYTES: usize = size_of::<Self>();
}

impl VerdictKeyParts<'_> {
    /// The key: different if any part differs.
    pub(super) fn key(&self) -> VerdictKey {
        // Without `..`: a new member does not compile until it is part of the digest.
        let Self { repository, digest, selection, statement, namespace, credentials, scope, conditions, requirements } =
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
        all.add(requirements.0);
        VerdictKey(all.finish_bytes())
    }
}

/// The digest of the configuration for a statement: the required metadata of signatures, and how many of them are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequirementsKey([u8; 32]);

impl RequirementsKey {
    fn new(required_metadata: &BTreeMap<String, String>, max_signatures: usize) -> Self {
        let mut hasher = ListHasher::new();
        hasher.add(max_signatures.to_be_bytes());
        required_metadata.iter().flat_map(|(key, value)| [key, value]).for_each(|part| hasher.add(part));
        Self(hasher.finish_bytes())
    }
}

/// The [`RequirementsKey`] of every statement under the settings of an engine.
#[derive(Debug)]
pub(super) struct MetadataRequirements {
    by_statement: BTreeMap<String, RequirementsKey>,
    /// Of statements without required metadata.
    others: RequirementsKey,
}

impl MetadataRequirements {
    /// `required_metadata` is by the name of the statement.
    pub(super) fn new(required_metadata: &BTreeMap<String, BTreeMap<String, String>>, max_signatures: usize) -> Self {
        let key = |metadata| RequirementsKey::new(metadata, max_signatures);
        let by_statement = required_metadata.iter();
        Self {
            by_statement: by_statement.map(|(name, metadata)| (name.clone(), key(metadata))).collect(),
            others: key(&BTreeMap::new()),
        }
    }

    pub(super) fn of(&self, statement: &str) -> RequirementsKey {
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
        let image = digest("image");
        let metadata = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let (app, anonymous) = (repository("a.example/app"), scope(None));
        let parts = VerdictKeyParts {
            repository: &app,
            digest: &image,
            selection: PolicySelection::ByRepository,
            statement: StatementKey::test("app"),
            namespace: None,
            credentials: CredentialSelection::Configured,
            scope: &anonymous,
            conditions: &Conditions {},
            requirements: RequirementsKey::new(&metadata, 100),
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
            parts,
            VerdictKeyParts { repository: &other_host, ..parts },
            VerdictKeyParts { repository: &other_port, ..parts },
            VerdictKeyParts { repository: &other_path, ..parts },
            VerdictKeyParts { digest: &other_digest, ..parts },
            VerdictKeyParts { statement: StatementKey::test("other"), ..parts },
            VerdictKeyParts { statement: StatementKey::test("app2"), ..parts },
            VerdictKeyParts { namespace: Some(&namespace), ..parts },
            VerdictKeyParts { namespace: Some(&other_namespace), ..parts },
            VerdictKeyParts { scope: &bob, ..parts },
            VerdictKeyParts { scope: &eve, ..parts },
            VerdictKeyParts { scope: &CredentialScope::unusable(), ..parts },
            VerdictKeyParts { requirements: RequirementsKey::new(&none, 100), ..parts },
            VerdictKeyParts { requirements: RequirementsKey::new(&other_value, 100), ..parts },
            VerdictKeyParts { requirements: RequirementsKey::new(&longer, 100), ..parts },
            VerdictKeyParts { requirements: RequirementsKey::new(&shifted, 100), ..parts },
            VerdictKeyParts { requirements: RequirementsKey::new(&metadata, 99), ..parts },
        ];
        let keys: Vec<_> = all.iter().map(VerdictKeyParts::key).collect();
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == key), Some(index), "{:?}", all[index]);
        }
    }

    #[test]
    fn equal_parts_have_one_key() {
        let (digest, scope) = (Digest::of(DigestAlgorithm::Sha256, b"{}"), anonymous_scope());
        let metadata = BTreeMap::new();
        let key = |repository: &str| {
            let parts = VerdictKeyParts {
                repository: &self::repository(repository),
                digest: &digest,
                selection: PolicySelection::ByRepository,
                statement: StatementKey::test("app"),
                namespace: None,
                credentials: CredentialSelection::Configured,
                scope: &scope,
                conditions: &Conditions {},
                requirements: RequirementsKey::new(&metadata, 1),
            };
            parts.key()
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
    fn requirements_are_those_of_the_statement() {
        let pairs = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let requirements = MetadataRequirements::new(&BTreeMap::from([("app".to_owned(), pairs.clone())]), 100);
        assert_eq!(requirements.of("app"), RequirementsKey::new(&pairs, 100));
        assert_eq!(requirements.of("app2"), RequirementsKey::new(&BTreeMap::new(), 100));
    }
}
