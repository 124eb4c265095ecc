//! Whether requests shall be sent here.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use countersign_core::time::UnixTime;

use crate::telemetry::metrics::Reloaded;
use crate::view::cut;

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
    /// In the order of [`Reloaded::ALL`].
    files: BTreeMap<usize, Files>,
    restart: Vec<String>,
}

/// Files that are read again while we run. What is wrong with them does not end readiness: what was loaded stays.
#[derive(Debug)]
struct Files {
    since: UnixTime,
    /// When the newer ones on disk were found unfit, and why.
    refused: Option<(UnixTime, String)>,
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

/// Longest message about files, in bytes.
pub const WHY_BYTES: usize = 2048;

impl State {
    /// A line for each kind of files, and one for what waits for a restart.
    fn details(&self) -> String {
        let mut text = String::new();
        for (place, Files { since, refused }) in &self.files {
            let name = Reloaded::ALL.get(*place).map_or("", |files| files.text());
            match refused {
                None => text.push_str(&format!("[+] files {name}: in use since {since}\n")),
                Some((at, why)) => text.push_str(&format!(
                    "[!] files {name}: in use since {since}; what is on disk was refused at {at}: {why}\n"
                )),
            }
        }
        if !self.restart.is_empty() {
            text.push_str(&format!("[!] restart needed for {}\n", self.restart.join(", ")));
        }
        text
    }
}

fn place(files: Reloaded) -> usize {
    Reloaded::ALL.iter().position(|one| *one == files).unwrap_or(0)
}

impl Readiness {
    #[must_use]
    pub fn new() -> Self {
        let why = |text: &str| Some(text.to_owned());
        let (trust, tls, doors) = (why("not loaded yet"), why("not loaded yet"), why("not open yet"));
        let state = State { trust, tls, doors, files: BTreeMap::new(), restart: Vec::new() };
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

    /// `files` are in use since `since`, and are what is on disk.
    pub fn in_use(&self, files: Reloaded, since: UnixTime) {
        self.lock().files.insert(place(files), Files { since, refused: None });
    }

    /// What is on disk is again what is in use.
    pub fn holds(&self, files: Reloaded) {
        if let Some(files) = self.lock().files.get_mut(&place(files)) {
            files.refused = None;
        }
    }

    /// What is on disk is not in use. `why` is shown to whoever asks, so no secrets; it is cut to one line of
    /// [`WHY_BYTES`].
    pub fn refused(&self, files: Reloaded, at: UnixTime, why: &str) {
        let why = cut(&why.split('\n').map(str::trim).collect::<Vec<_>>().join("; "), WHY_BYTES);
        if let Some(files) = self.lock().files.get_mut(&place(files)) {
            files.refused = Some((at, why));
        }
    }

    /// Keys of the configuration whose new values wait for a restart; none clears it.
    pub fn restart_needed(&self, keys: &[&str]) {
        self.lock().restart = keys.iter().map(|key| (*key).to_owned()).collect();
    }

    /// Whether all conditions hold.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.report(false).0
    }

    /// Whether all conditions hold, and a line for each that does not, or for `all` of them.
    pub(crate) fn report(&self, all: bool) -> (bool, String) {
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
        if all {
            text.push_str(&state.details());
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
#[allow(clippy::unwrap_used)]
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

    #[test]
    fn refused_files_are_told_and_cost_no_readiness() {
        let readiness = Readiness::new();
        Condition::ALL.iter().for_each(|condition| readiness.meet(*condition));
        let at = |seconds| UnixTime::from_seconds(seconds).unwrap();
        readiness.in_use(Reloaded::Trust, at(0));
        readiness.in_use(Reloaded::Config, at(1));
        readiness.refused(Reloaded::Trust, at(2), "2 mistakes\n  one\n  two");
        readiness.restart_needed(&["server.listen"]);
        assert_eq!(readiness.report(false), (true, "ok\n".to_owned()));
        let trust = "[!] files trust: in use since 1970-01-01T00:00:00Z; what is on disk was refused at 1970-01-01T00:00:02Z: 2 mistakes; one; two\n";
        let expected = |trust, restart| {
            let config = "[+] files config: in use since 1970-01-01T00:00:01Z\n";
            (true, format!("[+] trust\n[+] tls\n[+] doors\n{config}{trust}{restart}"))
        };
        assert_eq!(readiness.report(true), expected(trust, "[!] restart needed for server.listen\n"));
        readiness.holds(Reloaded::Trust);
        readiness.restart_needed(&[]);
        assert_eq!(readiness.report(true), expected("[+] files trust: in use since 1970-01-01T00:00:00Z\n", ""));
    }

    #[test]
    fn a_monstrous_message_is_cut() {
        let readiness = Readiness::new();
        readiness.in_use(Reloaded::Tls, UnixTime::EPOCH);
        readiness.refused(Reloaded::Tls, UnixTime::EPOCH, &"ü".repeat(100_000));
        assert!(readiness.report(true).1.len() < WHY_BYTES + 300);
    }
}
