//! Readiness: whether requests should be sent to this process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;

use countersign_core::codec::text::truncate;
use countersign_core::name::Digest;
use countersign_core::time::UnixTime;

use crate::telemetry::metrics::Component;

/// The conditions of readiness. Until they are met, the endpoints respond that nothing can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A trust policy and its stores are loaded.
    Trust,
    /// Certificate, key and client CA are loaded.
    Tls,
    /// The endpoints accept connections, and the process is not stopping.
    Endpoints,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 3] = [Self::Trust, Self::Tls, Self::Endpoints];

    /// Stable text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Tls => "tls",
            Self::Endpoints => "endpoints",
        }
    }
}

/// The state of all conditions. No condition is met at the start.
#[derive(Debug)]
pub struct Readiness {
    state: Mutex<State>,
    more: OnceLock<MoreLines>,
}

/// A line of `/readyz?verbose` about something that has no effect on readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusLine {
    pub is_good: bool,
    /// Public: no secrets. It is cut to one line of [`DETAIL_BYTES`].
    pub text: String,
}

/// Makes the lines of the moment.
struct MoreLines(Box<dyn Fn() -> Vec<StatusLine> + Send + Sync>);

impl fmt::Debug for MoreLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MoreLines")
    }
}

#[derive(Debug)]
struct State {
    /// Why [`Condition::Trust`] is not met; `None` if it is.
    trust: Option<String>,
    /// Why [`Condition::Tls`] is not met; `None` if it is.
    tls: Option<String>,
    /// Why [`Condition::Endpoints`] is not met; `None` if it is.
    endpoints: Option<String>,
    files: BTreeMap<Component, Files>,
    polls: BTreeMap<Component, Poll>,
    /// Since when the files of the trust policy cannot be read, if that ends readiness.
    trust_unreadable: Option<UnixTime>,
    /// Digest of the trust policy and stores in use.
    policy_digest: Option<Digest>,
    /// Parts of the policy whose content on disk is not in use.
    trust_details: Details,
    /// Findings in the files of the registries.
    registry_details: Details,
    /// Keys of the configuration whose new values need a restart.
    restart: Vec<String>,
}

/// Files that are polled. A mistake in them does not end readiness: the loaded content stays in use.
#[derive(Debug)]
struct Files {
    /// When the content in use was loaded.
    since: UnixTime,
    /// What newer content was refused, when and why.
    refused: Option<(Newer, UnixTime, String)>,
}

/// Newer content that is not in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newer {
    /// What is on disk.
    Disk,
    /// What the sources of trust stores have that are fetched, or would have if they answered.
    Sources,
    /// Both.
    DiskAndSources,
}

impl Newer {
    /// What happened, as the middle of a sentence.
    fn refused(self) -> &'static str {
        match self {
            Self::Disk => "what is on disk was refused",
            Self::Sources => "not all of trust.stores could be fetched and used",
            Self::DiskAndSources => {
                "what is on disk was refused, and not all of trust.stores could be fetched and used,"
            }
        }
    }
}

/// When files were last read, and whether the next reading does not end.
#[derive(Clone, Copy, Debug)]
struct Poll {
    finished: UnixTime,
    is_overdue: bool,
}

impl State {
    /// Why `condition` is not met; `None` if it is.
    fn why(&self, condition: Condition) -> Option<String> {
        let (reason, unreadable) = match condition {
            Condition::Trust => (&self.trust, self.trust_unreadable),
            Condition::Tls => (&self.tls, None),
            Condition::Endpoints => (&self.endpoints, None),
        };
        reason.clone().or_else(|| {
            let since = unreadable?;
            Some(format!(
                "the trust policy and the trust stores could not be read since {since}: a file system does not respond"
            ))
        })
    }

    /// The reason that was set for `condition`.
    fn reason_mut(&mut self, condition: Condition) -> &mut Option<String> {
        match condition {
            Condition::Trust => &mut self.trust,
            Condition::Tls => &mut self.tls,
            Condition::Endpoints => &mut self.endpoints,
        }
    }
}

/// Maximum length of a message about files, in bytes.
pub const WHY_BYTES: usize = 2048;

/// Maximum number of lines about parts of the trust policy, and about files of the registries. The log has all of them.
const DETAIL_LINES: usize = 50;
/// Maximum length of such a line, in bytes.
const DETAIL_BYTES: usize = 512;

/// The first [`DETAIL_LINES`] lines, and the number of all.
#[derive(Debug, Default)]
struct Details {
    lines: Vec<String>,
    count: usize,
}

impl Details {
    fn of<'a>(lines: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let count = lines.len();
        Self { lines: lines.take(DETAIL_LINES).map(|line| one_line(line, DETAIL_BYTES)).collect(), count }
    }

    /// The lines, each with its mark. `what` names the omitted ones in the last line.
    fn text(&self, what: &str) -> String {
        let mut text: String = self.lines.iter().map(|line| format!("[!] {line}\n")).collect();
        if let Some(more) = self.count.checked_sub(self.lines.len()).filter(|more| *more > 0) {
            text.push_str(&format!("[!] and {more} more {what}, which the log names\n"));
        }
        text
    }
}

impl State {
    /// Lines about the files, the policy digest and the keys that need a restart.
    fn details(&self) -> String {
        let mut text = String::new();
        for (component, Files { since, refused }) in &self.files {
            let name = component.as_str();
            match refused {
                None => text.push_str(&format!("[+] files {name}: in use since {since}\n")),
                Some((newer, at, why)) => text
                    .push_str(&format!("[!] files {name}: in use since {since}; {} at {at}: {why}\n", newer.refused())),
            }
        }
        for (component, Poll { finished, .. }) in self.polls.iter().filter(|(_, poll)| poll.is_overdue) {
            let name = component.as_str();
            text.push_str(&format!(
                "[!] files {name}: not read since {finished}, as a file system does not respond; changes have no effect\n"
            ));
        }
        if let Some(digest) = &self.policy_digest {
            text.push_str(&format!("[+] trust policy digest {digest}\n"));
        }
        text.push_str(&self.trust_details.text("parts of the trust policy"));
        text.push_str(&self.registry_details.text("files of the registries"));
        if !self.restart.is_empty() {
            text.push_str(&format!("[!] restart needed for {}\n", self.restart.join(", ")));
        }
        text
    }
}

fn one_line(text: &str, max: usize) -> String {
    truncate(&text.split('\n').map(str::trim).collect::<Vec<_>>().join("; "), max)
}

impl Readiness {
    #[must_use]
    pub fn new() -> Self {
        let why = |text: &str| Some(text.to_owned());
        let (trust, tls, endpoints) = (why("not loaded yet"), why("not loaded yet"), why("not open yet"));
        let (trust_details, registry_details) = (Details::default(), Details::default());
        let state = State {
            trust,
            tls,
            endpoints,
            files: BTreeMap::new(),
            polls: BTreeMap::new(),
            trust_unreadable: None,
            policy_digest: None,
            trust_details,
            registry_details,
            restart: Vec::new(),
        };
        Self { state: Mutex::new(state), more: OnceLock::new() }
    }

    /// `condition` is met from now on. A failed reload does not change that: the former content is still in use.
    pub fn set_ready(&self, condition: Condition) {
        *self.lock().reason_mut(condition) = None;
    }

    /// `condition` is not met. `why` is public: no secrets; it is cut to one line of [`WHY_BYTES`].
    pub fn set_not_ready(&self, condition: Condition, why: &str) {
        *self.lock().reason_mut(condition) = Some(one_line(why, WHY_BYTES));
    }

    /// The digest of the trust policy and stores in use: replicas with the same files have the same digest.
    pub fn policy_in_use(&self, digest: &Digest) {
        self.lock().policy_digest = Some(digest.clone());
    }

    /// Parts of the policy whose content on disk is not in use, a line each. The lines are public: no secrets; number
    /// and length are bounded.
    pub fn trust_details<'a>(&self, lines: impl ExactSizeIterator<Item = &'a str>) {
        self.lock().trust_details = Details::of(lines);
    }

    /// Findings in the files of the registries, in the same way.
    pub fn registry_details<'a>(&self, lines: impl ExactSizeIterator<Item = &'a str>) {
        self.lock().registry_details = Details::of(lines);
    }

    /// The content on disk of `component` is in use since `since`.
    pub fn in_use(&self, component: Component, since: UnixTime) {
        self.lock().files.insert(component, Files { since, refused: None });
    }

    /// Files were read at `now`, with any result. Returns whether that was overdue.
    pub fn polled(&self, component: Component, now: UnixTime) -> bool {
        let mut state = self.lock();
        if component == Component::Trust {
            state.trust_unreadable = None;
        }
        let former = state.polls.insert(component, Poll { finished: now, is_overdue: false });
        former.is_some_and(|poll| poll.is_overdue)
    }

    /// Reading files does not end. Until it does, their changes have no effect.
    pub fn poll_overdue(&self, component: Component) {
        if let Some(poll) = self.lock().polls.get_mut(&component) {
            poll.is_overdue = true;
        }
    }

    /// The files of the trust policy could not be read for so long that [`Condition::Trust`] does not hold until they
    /// are.
    pub fn trust_unreadable(&self) {
        let mut state = self.lock();
        state.trust_unreadable = state.polls.get(&Component::Trust).map(|poll| poll.finished);
    }

    /// The content on disk is again the one in use.
    pub fn unchanged(&self, component: Component) {
        if let Some(files) = self.lock().files.get_mut(&component) {
            files.refused = None;
        }
    }

    /// Newer content is not in use. `why` is public: no secrets; it is cut to one line of [`WHY_BYTES`].
    pub fn refused(&self, component: Component, newer: Newer, at: UnixTime, why: &str) {
        let why = one_line(why, WHY_BYTES);
        if let Some(files) = self.lock().files.get_mut(&component) {
            files.refused = Some((newer, at, why));
        }
    }

    /// Keys of the configuration whose new values wait for a restart; none clears it.
    pub fn restart_needed(&self, keys: &[String]) {
        self.lock().restart = keys.to_vec();
    }

    /// Whether all conditions are met.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.report(false).0
    }

    /// Whether all conditions are met, and a line for each that is not, or for `all` of them.
    #[must_use]
    pub fn report(&self, all: bool) -> (bool, String) {
        let state = self.lock();
        let mut ready = true;
        let mut text = String::new();
        for condition in Condition::ALL {
            match state.why(condition) {
                Some(why) => {
                    ready = false;
                    text.push_str(&format!("[-] {}: {why}\n", condition.as_str()));
                }
                None if all => text.push_str(&format!("[+] {}\n", condition.as_str())),
                None => {}
            }
        }
        if all {
            text.push_str(&state.details());
            drop(state);
            text.push_str(&self.more_lines());
        }
        if text.is_empty() {
            text.push_str("ok\n");
        }
        (ready, text)
    }

    /// Shows the lines that `lines` makes, too. The first call counts.
    pub fn show_lines(&self, lines: impl Fn() -> Vec<StatusLine> + Send + Sync + 'static) {
        self.more.get_or_init(|| MoreLines(Box::new(lines)));
    }

    fn more_lines(&self) -> String {
        let lines = self.more.get().map(|more| more.0()).unwrap_or_default();
        let marked = |StatusLine { is_good, text }: &StatusLine| {
            format!("[{}] {}\n", if *is_good { '+' } else { '!' }, one_line(text, DETAIL_BYTES))
        };
        lines.iter().take(DETAIL_LINES).map(marked).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent at every point.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
