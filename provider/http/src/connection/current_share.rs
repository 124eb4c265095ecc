//! The share on whose behalf the current task sends a request. hyper's pool passes only the URL to a connector.

use crate::share::Share;

tokio::task_local! {
    static CURRENT_SHARE: Share;
}

/// Runs `request` on behalf of `share`, for which name resolution counts.
pub(crate) async fn on_behalf_of<F: Future>(share: &Share, request: F) -> F::Output {
    CURRENT_SHARE.scope(share.clone(), request).await
}

/// The share of the current request; `None` outside of [`on_behalf_of`].
pub(super) fn current_share() -> Option<Share> {
    CURRENT_SHARE.try_with(Share::clone).ok()
}
