//! A cache of bearer tokens, with single flight for exchanges.

use std::sync::Arc;

use countersign_http::FetchError;
use countersign_http::FlightError;
use countersign_http::LruTtlCache;
use countersign_http::Progress;
use countersign_http::SingleFlight;
use countersign_http::authority;
use tokio::time::Instant;

use crate::error::Cause;
use crate::limits;
use crate::token_exchange::Token;
use crate::token_exchange::exchange;
use crate::token_request::TokenKey;
use crate::token_request::TokenRequest;
use crate::transport::Transport;

type TokenResult = Result<Arc<Token>, Cause>;

/// Cached tokens, and exchanges in progress. One exchange serves all callers that need the same token.
pub(crate) struct Tokens {
    cache: LruTtlCache<TokenKey, Arc<Token>>,
    exchanges: SingleFlight<TokenKey, TokenResult>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self { cache: LruTtlCache::new(limits::TOKENS_BYTES), exchanges: SingleFlight::default() }
    }

    /// Limits the cache to `most_bytes`.
    pub(crate) fn limit_to(&self, most_bytes: usize) {
        self.cache.limit_to(most_bytes);
    }

    /// A cached token.
    pub(crate) fn cached(&self, request: &TokenRequest) -> Option<Arc<Token>> {
        self.cache.get(&request.key(), Instant::now().into_std())
    }

    /// Removes `token`, which the registry no longer accepts, unless it has been replaced already.
    pub(crate) fn remove_refused(&self, request: &TokenRequest, token: &Arc<Token>) {
        self.cache.remove_if(&request.key(), |cached| Arc::ptr_eq(cached, token));
    }

    /// Returns a cached token, joins an exchange in progress, or starts one.
    pub(crate) async fn get(
        self: &Arc<Self>,
        transport: &Arc<Transport>,
        request: &TokenRequest,
        deadline: Instant,
    ) -> TokenResult {
        let exchange = |progress: Progress| {
            let (tokens, transport, request) = (Arc::clone(self), Arc::clone(transport), request.clone());
            async move {
                // Another exchange may have finished in the meantime.
                if let Some(token) = tokens.cached(&request) {
                    return Ok(token);
                }
                progress.enter("exchange");
                // A failure is returned to all waiting callers and not cached.
                let token = Arc::new(exchange(&transport, &request).await?);
                let (key, end) = (request.key(), Some(token.usable_until.into_std()));
                let bytes = key.bytes() + token.header.len() + LruTtlCache::<TokenKey, Arc<Token>>::ENTRY_OVERHEAD;
                tokens.cache.put(key, Arc::clone(&token), bytes, end);
                Ok(token)
            }
        };
        match self.exchanges.join_or_start(request.key(), deadline, exchange).await {
            Ok(result) => result,
            Err(FlightError::Deadline { awaited, .. }) => {
                let timeout = || Cause::TokenTimeout { host: authority(&request.realm) };
                Err(FetchError::of_awaited(awaited).map_or_else(timeout, Cause::Fetch))
            }
            Err(FlightError::Panicked) => Err(Cause::Interrupted),
        }
    }
}
