//! The request that the current task sends: its share, and what it has received. hyper's pool passes only the URL to a
//! connector.

use crate::answer::Reception;
use crate::share::Share;

tokio::task_local! {
    static CURRENT: (Share, Reception);
}

/// Runs `request` on behalf of `share`, for which name resolution counts. Connectors report to `reception`.
pub(crate) async fn on_behalf_of<F: Future>(share: &Share, reception: &Reception, request: F) -> F::Output {
    CURRENT.scope((share.clone(), reception.clone()), request).await
}

/// The share of the current request; `None` outside of [`on_behalf_of`].
pub(super) fn current_share() -> Option<Share> {
    CURRENT.try_with(|(share, _)| share.clone()).ok()
}

/// What the current request has received; outside of [`on_behalf_of`] a new one, which is not read.
pub(crate) fn current_reception() -> Reception {
    CURRENT.try_with(|(_, reception)| reception.clone()).unwrap_or_else(|_| Reception::new())
}
