//! The effective question: everything that a verdict depends on, the time aside. Its digest is the key of flights and of the
//! verdict cache, so that no verdict is shared between questions that differ in any part.

use std::collections::BTreeMap;

use countersign_core::name::Digest;
use countersign_core::name::ListHasher;
use countersign_core::name::Repository;
use countersign_registry::CredentialScope;

use super::request::Conditions;
use super::request::CredentialSelection;
use super::request::Namespace;
use super::request::PolicySelection;

/// See the module. Never has a tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct EffectiveQuestion<'a> {
    pub(super) repository: &'a Repository,
    /// Of the image's manifest.
    pub(super) digest: &'a Digest,
    /// Of the snapshot of policy.
    pub(super) policy: &'a Digest,
    pub(super) selection: PolicySelection,
    /// The name of the statement that was selected.
    pub(super) statement: &'a str,
    pub(super) namespace: Option<&'a Namespace>,
    pub(super) credentials: CredentialSelection,
    /// Of the credential that was selected for the repository.
    pub(super) scope: &'a CredentialScope,
    pub(super) conditions: &'a Conditions,
    /// What the configuration demands for the statement.
    pub(super) required_metadata: &'a BTreeMap<String, String>,
    /// How many signatures are tried.
    pub(super) max_signatures: usize,
}

/// The digest of an [`EffectiveQuestion`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct QuestionDigest(Digest);

impl QuestionDigest {
    /// What it occupies in memory, itself included, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.0.as_str().len()
    }
}

impl EffectiveQuestion<'_> {
    /// Differs between questions that differ in any part.
    pub(super) fn digest(&self) -> QuestionDigest {
        // Without `..`: a new member does not compile until it is part of the digest.
        let Self {
            repository,
            digest,
            policy,
            selection,
            statement,
            namespace,
            credentials,
            scope,
            conditions,
            required_metadata,
            max_signatures,
        } = self;
        let Conditions {} = conditions;
        let mut all = ListHasher::new();
        all.add(repository.host().canonical());
        all.add(repository.path());
        all.add(digest.as_str());
        all.add(policy.as_str());
        all.add(match selection {
            PolicySelection::ByRepository => "by-repository",
        });
        all.add(statement);
        all.add_list(namespace.map(Namespace::as_str));
        all.add(match credentials {
            CredentialSelection::Configured => "configured",
        });
        all.add(scope.as_str());
        all.add_list(required_metadata.iter().flat_map(|(key, value)| [key, value]));
        all.add(max_signatures.to_be_bytes());
        QuestionDigest(all.finish())
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
            policy: &policy,
            selection: PolicySelection::ByRepository,
            statement: "app",
            namespace: None,
            credentials: CredentialSelection::Configured,
            scope: &anonymous,
            conditions: &Conditions {},
            required_metadata: &metadata,
            max_signatures: 100,
        };
        let (other_host, other_path) = (repository("b.example/app"), repository("a.example/app2"));
        let (other_port, other_digest) = (repository("a.example:5000/app"), digest("other"));
        let namespace = "default".parse().unwrap();
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
            EffectiveQuestion { policy: &other_digest, ..question },
            EffectiveQuestion { statement: "app2", ..question },
            EffectiveQuestion { namespace: Some(&namespace), ..question },
            EffectiveQuestion { scope: &bob, ..question },
            EffectiveQuestion { scope: &eve, ..question },
            EffectiveQuestion { required_metadata: &none, ..question },
            EffectiveQuestion { required_metadata: &other_value, ..question },
            EffectiveQuestion { required_metadata: &longer, ..question },
            EffectiveQuestion { required_metadata: &shifted, ..question },
            EffectiveQuestion { max_signatures: 99, ..question },
        ];
        let keys: Vec<_> = all.iter().map(EffectiveQuestion::digest).collect();
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == key), Some(index), "{:?}", all[index]);
        }
    }

    #[test]
    fn equal_questions_have_one_key() {
        let (digest, scope) = (Digest::of(DigestAlgorithm::Sha256, b"{}"), scope_of_nobody());
        let metadata = BTreeMap::new();
        let key = |repository: &str| {
            let question = EffectiveQuestion {
                repository: &self::repository(repository),
                digest: &digest,
                policy: &digest,
                selection: PolicySelection::ByRepository,
                statement: "app",
                namespace: None,
                credentials: CredentialSelection::Configured,
                scope: &scope,
                conditions: &Conditions {},
                required_metadata: &metadata,
                max_signatures: 1,
            };
            question.digest()
        };
        // Two spellings of one place.
        assert_eq!(key("docker.io/library/nginx"), key("index.docker.io/library/nginx"));
        assert_eq!(key("a.example/b"), key("a.example:443/b"));
    }

    fn scope_of_nobody() -> CredentialScope {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        scope(None)
    }
}
