//! Whether requests shall be sent here.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// What must be so. The doors answer whatever happens; before this they answer that nothing can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A trust policy and its stores are loaded.
    Trust,
    /// Certificate, key and client CA are loaded.
    Tls,
    /// The doors are open, and not about to close.
    Doors,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 3] = [Self::Trust, Self::Tls, Self::Doors];

    /// Stable text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Tls => "tls",
            Self::Doors => "doors",
        }
    }
}

/// Which conditions hold. Begins with none.
#[derive(Debug)]
pub struct Readiness(Mutex<State>);

/// `None` is met, else why not.
#[derive(Debug)]
struct State {
    trust: Option<String>,
    tls: Option<String>,
    doors: Option<String>,
}

impl State {
    fn of(&mut self, condition: Condition) -> &mut Option<String> {
        match condition {
            Condition::Trust => &mut self.trust,
            Condition::Tls => &mut self.tls,
            Condition::Doors => &mut self.doors,
        }
    }
}

impl Readiness {
    #[must_use]
    pub fn new() -> Self {
        let why = |text: &str| Some(text.to_owned());
        let state = State { trust: why("not loaded yet"), tls: why("not loaded yet"), doors: why("not open yet") };
        Self(Mutex::new(state))
    }

    /// `condition` holds from now on. A failed reload does not end that: what was loaded before is still in use.
    pub fn meet(&self, condition: Condition) {
        *self.lock().of(condition) = None;
    }

    /// `condition` does not hold. `why` is shown to whoever asks, so no secrets.
    pub fn miss(&self, condition: Condition, why: &str) {
        *self.lock().of(condition) = Some(why.to_owned());
    }

    /// Whether all conditions hold.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.report(false).0
    }

    /// Whether all conditions hold, and a line for each that does not, or for `all` of them.
    pub(in crate::server) fn report(&self, all: bool) -> (bool, String) {
        let mut state = self.lock();
        let mut ready = true;
        let mut text = String::new();
        for condition in Condition::ALL {
            match state.of(condition) {
                Some(why) => {
                    ready = false;
                    text.push_str(&format!("[-] {}: {why}\n", condition.text()));
                }
                None if all => text.push_str(&format!("[+] {}\n", condition.text())),
                None => {}
            }
        }
        if text.is_empty() {
            text.push_str("ok\n");
        }
        (ready, text)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Assigning an option leaves the state whole at every point.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missing_condition_is_enough() {
        let readiness = Readiness::new();
        for condition in Condition::ALL {
            assert!(!readiness.is_ready());
            readiness.meet(condition);
        }
        assert!(readiness.is_ready());
        readiness.miss(Condition::Doors, "about to close");
        assert_eq!(readiness.report(false), (false, "[-] doors: about to close\n".to_owned()));
    }
}
