//! Tokens of registries that the configuration names, requested before the first image needs them.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::name::Repository;
use countersign_credentials::IdentitySource;
use countersign_credentials::RepositoryScope;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::config::Config;
use crate::config::Credentials;
use crate::config::Ecr;

/// Requests at the same time: a fraction of what the API of one region allows.
const CONCURRENT: usize = 4;

/// For one token. Nothing waits for it: images that need it before join the request until their own deadline.
const PATIENCE: Duration = Duration::from_secs(30);

/// A registry with the source of its tokens.
#[derive(Clone, Debug)]
pub(super) struct EarlyToken {
    /// Any repository of the registry: its tokens are for all of them.
    pub(super) repository: Repository,
    pub(super) source: Arc<dyn IdentitySource>,
}

/// The registries with `credentials.ecr` whose host is no pattern, with what requests their tokens.
pub(super) fn registries(config: &Config) -> impl Iterator<Item = (Repository, &Ecr)> {
    config.registries.iter().filter_map(|registry| {
        let Credentials::Ecr(ecr) = &registry.credentials else { return None };
        let repository = format!("{}/countersign", registry.host.exact()?).parse().ok()?;
        Some((repository, ecr))
    })
}

/// Requests the tokens in the background. Those that are cached cause no request. The source reports failures.
pub(super) fn request(tokens: &[EarlyToken]) {
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
