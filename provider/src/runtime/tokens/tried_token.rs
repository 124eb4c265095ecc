//! A token that `check --online` tries to request.

#[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
pub(in crate::runtime) use self::request::try_token;
use countersign_core::codec::text::Text;
use countersign_core::time::UnixTime;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TriedToken {
    /// The host of the entry, as it is written.
    pub(crate) registry: String,
    /// Whose token it is.
    pub(crate) role: String,
    /// Its end, or why it is not issued.
    pub(crate) result: Result<Option<UnixTime>, Text>,
}

#[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
mod request {
    use std::sync::Arc;
    use std::time::Duration;

    use countersign_core::codec::text::Text;
    use countersign_credentials::IdentitySource;
    use countersign_credentials::RepositoryScope;
    use tokio::time::Instant;

    use super::TriedToken;
    use crate::clock;
    use crate::config::Registry;
    use crate::runtime::tokens::early_tokens::any_repository;

    /// The token for any repository of `registry`, within `patience`; `None` without a source.
    pub(in crate::runtime) async fn try_token(
        registry: &Registry,
        role: String,
        source: Option<Result<Arc<dyn IdentitySource>, Text>>,
        patience: Duration,
    ) -> Option<TriedToken> {
        let repository = any_repository(&registry.host)?;
        let tried = |result| TriedToken { registry: registry.host.to_string(), role, result };
        let source = match source? {
            Ok(source) => source,
            Err(why) => return Some(tried(Err(why))),
        };
        let identity = source.identity(RepositoryScope::new(&repository), Instant::now() + patience).await;
        let end = |end: Instant| clock::now().saturating_add(end.saturating_duration_since(Instant::now()));
        Some(tried(identity.map(|identity| identity.expires().map(end)).map_err(Text::of)))
    }
}
