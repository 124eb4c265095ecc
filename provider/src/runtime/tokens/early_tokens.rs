//! Tokens of registries that the configuration names, requested before the first image needs them.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::Repository;
use countersign_credentials::IdentitySource;
use countersign_credentials::RepositoryScope;
use countersign_registry::RegistryPattern;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::config::Config;
use crate::config::Credentials;
use crate::config::any_host;

/// Requests at the same time: a fraction of what the API of one region allows.
const CONCURRENT: usize = 4;

/// For one token. Nothing waits for it: images that need it before join the request until their own deadline.
const PATIENCE: Duration = Duration::from_secs(30);

/// A registry with the source of its tokens.
#[derive(Clone, Debug)]
pub(in crate::runtime) struct EarlyToken {
    /// Any repository of the registry: its tokens are for all of them.
    pub(in crate::runtime) repository: Repository,
    pub(in crate::runtime) source: Arc<dyn IdentitySource>,
}

/// A repository of each entry whose credentials are of the kind of `tokens`, with what requests its token.
pub(in crate::runtime) fn registries<T: 'static>(
    config: &Config,
    tokens: fn(&Credentials) -> Option<&T>,
) -> impl Iterator<Item = (Repository, &T)> {
    config.registries.iter().filter_map(move |registry| {
        let tokens = tokens(&registry.credentials)?;
        Some((any_repository(&registry.host)?, tokens))
    })
}

/// Any repository of an entry.
pub(in crate::runtime) fn any_repository(pattern: &RegistryPattern) -> Option<Repository> {
    format!("{}/{}", any_host(pattern.host())?, pattern.path().unwrap_or("countersign")).parse().ok()
}

/// Requests the tokens in the background. Those that are cached cause no request. The source reports failures.
pub(in crate::runtime) fn request(tokens: &[EarlyToken]) {
    let Ok(runtime) = Handle::try_current() else { return };
    if tokens.is_empty() {
        return;
    }
    let tokens = tokens.to_vec();
    runtime.spawn(stream::iter(tokens).for_each_concurrent(
        CONCURRENT,
        |EarlyToken { repository, source }| async move {
            let scope = RepositoryScope::new(&repository);
            drop(source.identity(scope, Instant::now() + PATIENCE).await);
        },
    ));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;

    use countersign_credentials::BoxFuture;
    use countersign_credentials::CredentialError;
    use countersign_credentials::CredentialScope;
    use countersign_credentials::Identity;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::config::Purpose;

    /// Answers as soon as there is a permit.
    #[derive(Debug)]
    struct Source {
        permits: Semaphore,
        hosts: Mutex<Vec<String>>,
    }

    impl IdentitySource for Source {
        fn identity<'a>(
            &'a self,
            scope: RepositoryScope<'a>,
            _: Instant,
        ) -> BoxFuture<'a, Result<Identity, CredentialError>> {
            Box::pin(async move {
                self.hosts.lock().unwrap().push(scope.host().to_string());
                self.permits.acquire().await.unwrap().forget();
                Err(CredentialError::Timeout)
            })
        }

        fn credential_scope(&self, _: &Arc<str>, _: RepositoryScope<'_>) -> CredentialScope {
            CredentialScope::anonymous()
        }
    }

    #[test]
    fn each_entry_with_tokens_has_one_repository() {
        let text = "trust: {directory: trust}
aws: {region: eu-west-1}
registries:
- {host: 111122223333.dkr.ecr.eu-west-1.amazonaws.com, credentials: {ecr: {}}}
- {host: 444455556666.dkr.ecr.eu-west-1.amazonaws.com}
- {host: '*.dkr.ecr.eu-west-1.amazonaws.com', credentials: {ecr: {}}}
- {host: public.ecr.aws, credentials: {ecr: {}}}
- {host: registry.example.com}
";
        let config = Config::parse(text, Path::new("c.yaml"), Purpose::Verify).unwrap();
        let found: Vec<_> =
            registries(&config, Credentials::ecr).map(|(repository, _)| repository.to_string()).collect();
        let expected = [
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/countersign",
            "000000000000.dkr.ecr.eu-west-1.amazonaws.com/countersign",
            "public.ecr.aws/countersign",
        ];
        assert_eq!(found, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn four_are_requested_at_a_time_and_a_failure_ends_nothing() {
        let source = Arc::new(Source { permits: Semaphore::new(0), hosts: Mutex::default() });
        let token = |number: usize| EarlyToken {
            repository: format!("r{number}.example.com/countersign").parse().unwrap(),
            source: Arc::clone(&source) as _,
        };
        let requested = async || {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            source.hosts.lock().unwrap().len()
        };
        request(&(0..10).map(token).collect::<Vec<_>>());
        assert_eq!(requested().await, CONCURRENT);
        source.permits.add_permits(1);
        assert_eq!(requested().await, CONCURRENT + 1);
        source.permits.add_permits(10);
        assert_eq!(requested().await, 10);
    }

    #[test]
    fn without_a_runtime_nothing_is_requested() {
        let source = Arc::new(Source { permits: Semaphore::new(1), hosts: Mutex::default() });
        let repository = "r.example.com/countersign".parse().unwrap();
        request(&[EarlyToken { repository, source: Arc::clone(&source) as _ }]);
        assert_eq!(source.hosts.lock().unwrap().len(), 0);
    }
}
