//! Why a cloud is not called, for `/readyz?verbose`.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use countersign_core::codec::text::Text;

use crate::server::health::StatusLine;

/// Why a cloud is not called, by the clients in use. Clones share it.
#[derive(Clone)]
pub(in crate::runtime) struct NotCalled {
    /// The name of the cloud.
    cloud: &'static str,
    why: Arc<Mutex<Option<Text>>>,
}

impl NotCalled {
    /// The cloud is called, if it is needed.
    pub(in crate::runtime) fn new(cloud: &'static str) -> Self {
        Self { cloud, why: Arc::default() }
    }

    /// From now on this is the reason; `None` if the cloud is called, or is not needed.
    pub(in crate::runtime) fn set(&self, why: Option<Text>) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// The line that says why the cloud is not called, if it is not and is needed.
    pub(in crate::runtime) fn line(&self) -> impl Fn() -> Option<StatusLine> + Send + Sync + 'static {
        let Self { cloud, why } = self.clone();
        move || {
            let why = why.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
            Some(StatusLine { is_good: false, text: format!("{cloud} is not called: {why}") })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_reason_as_long_as_there_is_one() {
        let not_called = NotCalled::new("Google Cloud");
        let line = not_called.line();
        assert!(line().is_none());
        not_called.set(Some(Text::of("a reason")));
        let shown = line().unwrap();
        assert_eq!((shown.is_good, shown.text.as_str()), (false, "Google Cloud is not called: a reason"));
        not_called.set(None);
        assert!(line().is_none());
    }
}
