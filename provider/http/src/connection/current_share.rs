//! On whose behalf the request of the current task is sent. hyper's pool opens the connections and tells a connector no more
//! than the URL.

use crate::share::Share;

tokio::task_local! {
    static CURRENT_SHARE: Share;
}

/// Runs `request` on behalf of `share`: the look-up of a name counts for it.
pub(crate) async fn on_behalf_of<F: Future>(share: &Share, request: F) -> F::Output {
    CURRENT_SHARE.scope(share.clone(), request).await
}

/// The share of the request that is being polled; none outside of [`on_behalf_of`].
pub(super) fn current_share() -> Option<Share> {
    CURRENT_SHARE.try_with(Share::clone).ok()
}
