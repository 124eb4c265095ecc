//! What the answer about an image must be, by what has happened until it was asked for.

use std::fmt;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;
use std::time::Instant;

/// How long after a change both its former and its new state may be seen; requests that begin later have the new one. Files are read each
/// second here and tags live for two seconds, and the rest is for a busy machine.
pub(crate) const LATEST: Duration = Duration::from_secs(3);

/// How long after the end of a fault an image may be inconclusive; requests that begin later are decided. The state of a host that fails lasts
/// for less than a second after its return (`http/src/health.rs`), and the rest is for a busy machine.
pub(crate) const AFTER: Duration = Duration::from_secs(3);

/// The verdict about an image that could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Verified,
    Skipped,
    Rejected,
}

impl Verdict {
    pub(crate) fn of(text: &str) -> Option<Self> {
        [Self::Verified, Self::Skipped, Self::Rejected].into_iter().find(|verdict| verdict.as_str() == text)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
        }
    }
}

/// What changes from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The trust store has the root of the second signer.
    SecondRoot,
    /// The statement of the repository `moves` has the store `main`, and otherwise the store `other`.
    MainStore,
    /// The level of the repository `level` is `strict`, and otherwise `skip`.
    Strict,
}

/// What the verdict about an image depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Always(Verdict),
    /// The first verdict while the condition holds, and otherwise the second.
    While(Condition, [Verdict; 2]),
    /// The tag of this number, which is either that of a verified image or that of the unsigned image with this digest.
    MovedTag(usize, String),
}

impl Kind {
    /// What is alike, for the choice of messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Always(_) => "always",
            Self::While(Condition::SecondRoot, _) => "second root",
            Self::While(Condition::MainStore, _) => "main store",
            Self::While(Condition::Strict, _) => "strict",
            Self::MovedTag(_, _) => "moved tag",
        }
    }
}

/// An image, by tag or by digest.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) reference: String,
    pub(crate) kind: Kind,
    /// Of a tag that moves, while its image is signed.
    pub(crate) digest: String,
    /// Its verdict is in memory until then, so that it does not depend on the registry.
    pub(crate) known_until: Option<Instant>,
}

impl Image {
    /// Its name without the tag, if it has one.
    fn name_of_tag(&self) -> Option<&str> {
        let (name, tag) = self.reference.rsplit_once(':')?;
        (!tag.contains('/') && !name.contains('@')).then_some(name)
    }

    pub(crate) fn is_by_tag(&self) -> bool {
        self.name_of_tag().is_some()
    }

    pub(crate) fn is_rejected(&self) -> bool {
        self.kind == Kind::Always(Verdict::Rejected)
    }
}

/// What was found for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Verdict(Verdict, Option<String>),
    Mutated(String),
    /// With the reason.
    Inconclusive(String),
    /// Mutation has no digest, with the reason. It needs one whatever the trust policy says.
    Unresolved(String),
}

impl Found {
    fn is_inconclusive(&self) -> bool {
        match self {
            Self::Verdict(_, _) | Self::Mutated(_) => false,
            Self::Inconclusive(_) | Self::Unresolved(_) => true,
        }
    }
}

/// An answer that can be right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judged {
    pub(crate) is_inconclusive: bool,
    /// No fault was under way or had just ended.
    pub(crate) is_quiet: bool,
}

/// A value that changes, and when it did.
#[derive(Clone, Debug)]
pub(crate) struct Dated<T> {
    now: T,
    former: T,
    changed: Instant,
}

impl<T: Clone> Dated<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { now: value.clone(), former: value, changed: Instant::now() }
    }

    /// Before what it stands for changes.
    pub(crate) fn set(&mut self, value: T) {
        self.former = std::mem::replace(&mut self.now, value);
        self.changed = Instant::now();
    }

    pub(crate) fn now(&self) -> &T {
        &self.now
    }

    /// What a request that began at `began` and has ended may have seen.
    pub(crate) fn seen(&self, began: Instant) -> Vec<T> {
        if began < self.changed + LATEST { vec![self.now.clone(), self.former.clone()] } else { vec![self.now.clone()] }
    }
}

/// The state of everything that verdicts depend on.
#[derive(Debug)]
pub(crate) struct Expectations(Mutex<State>);

#[derive(Debug)]
struct State {
    second_root: Dated<bool>,
    main_store: Dated<bool>,
    strict: Dated<bool>,
    /// Whether the image of each tag that moves is the signed one.
    tags: Vec<Dated<bool>>,
    /// Whether images may be inconclusive.
    fault: Dated<bool>,
    event: (String, Instant),
}

impl State {
    fn condition(&mut self, condition: Condition) -> &mut Dated<bool> {
        match condition {
            Condition::SecondRoot => &mut self.second_root,
            Condition::MainStore => &mut self.main_store,
            Condition::Strict => &mut self.strict,
        }
    }

    /// The verdicts that can be right, with their digests.
    fn possible(&mut self, image: &Image, began: Instant) -> Vec<(Verdict, String)> {
        match &image.kind {
            Kind::Always(verdict) => vec![(*verdict, image.digest.clone())],
            Kind::While(condition, verdicts) => {
                let seen = self.condition(*condition).seen(began);
                seen.into_iter().map(|holds| (verdicts[usize::from(!holds)], image.digest.clone())).collect()
            }
            Kind::MovedTag(number, unsigned) => {
                let signed = (Verdict::Verified, image.digest.clone());
                let seen = self.tags[*number].seen(began).into_iter();
                seen.map(|is_signed| if is_signed { signed.clone() } else { (Verdict::Rejected, unsigned.clone()) })
                    .collect()
            }
        }
    }

    /// Whether a fault is under way, or ended not long before `began`.
    fn is_quiet(&self, began: Instant) -> bool {
        !self.fault.now && (began >= self.fault.changed + AFTER || !self.fault.former)
    }

    fn described(&self, why: &str, began: Instant) -> String {
        let (event, at) = &self.event;
        let [since, took] = [*at, began].map(|since| since.elapsed().as_secs_f64());
        format!("{why}; {since:.1} s after the begin of {event}, the request took {took:.2} s")
    }
}

impl Expectations {
    /// All conditions hold, and the images of so many tags are signed.
    pub(crate) fn new(tags: usize) -> Self {
        let yes = || Dated::new(true);
        Self(Mutex::new(State {
            second_root: yes(),
            main_store: yes(),
            strict: yes(),
            tags: (0..tags).map(|_| yes()).collect(),
            fault: Dated::new(false),
            event: ("the start".to_owned(), Instant::now()),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Notes what happens next, for messages.
    pub(crate) fn happens(&self, event: impl fmt::Debug) {
        self.state().event = (format!("{event:?}"), Instant::now());
    }

    /// A fault begins, or has ended.
    pub(crate) fn fault(&self, is_under_way: bool) {
        self.state().fault.set(is_under_way);
    }

    pub(crate) fn holds(&self, condition: Condition) -> bool {
        *self.state().condition(condition).now()
    }

    /// Before the condition changes.
    pub(crate) fn toggle(&self, condition: Condition) {
        let mut state = self.state();
        let condition = state.condition(condition);
        let holds = !*condition.now();
        condition.set(holds);
    }

    /// Before the tags move; returns whether their images are signed from now on.
    pub(crate) fn toggle_tags(&self) -> bool {
        let mut state = self.state();
        let is_signed = !state.tags.iter().all(|tag| *tag.now());
        state.tags.iter_mut().for_each(|tag| tag.set(is_signed));
        is_signed
    }

    /// Whether what was found, now, for a request that began at `began` can be right.
    ///
    /// # Errors
    /// It cannot: what was found, and what was expected.
    pub(crate) fn judge(&self, image: &Image, found: &Found, began: Instant) -> Result<Judged, String> {
        let (mut state, now) = (self.state(), Instant::now());
        let possible = state.possible(image, began);
        let is_quiet = state.is_quiet(began);
        let is_right = match found {
            Found::Verdict(verdict, digest) => possible.iter().any(|(one, of)| {
                // An image that is skipped need not be looked up.
                let has_none = *one == Verdict::Skipped && digest.is_none();
                one == verdict && (has_none || digest.as_ref() == Some(of))
            }),
            Found::Mutated(reference) => possible.iter().any(|(_, digest)| *reference == mutated(image, digest)),
            Found::Inconclusive(_) => {
                let is_known = image.known_until.is_some_and(|until| now < until);
                let is_skipped = possible.iter().all(|(verdict, _)| *verdict == Verdict::Skipped);
                !is_quiet && !is_known && !is_skipped
            }
            Found::Unresolved(_) => !is_quiet,
        };
        if is_right {
            return Ok(Judged { is_inconclusive: found.is_inconclusive(), is_quiet });
        }
        let or = if is_quiet { "" } else { ", or inconclusive unless it is known or skipped" };
        let (reference, kind) = (&image.reference, &image.kind);
        let why = format!("{reference} ({kind:?}): found {found:?}, expected one of {possible:?}{or}");
        Err(state.described(&why, began))
    }

    /// `why`, with the last event, about a request that began at `began` and has ended.
    pub(crate) fn described(&self, why: &str, began: Instant) -> String {
        self.state().described(why, began)
    }
}

/// What mutation makes of `image` with this digest.
fn mutated(image: &Image, digest: &str) -> String {
    image.name_of_tag().map_or_else(|| image.reference.clone(), |name| format!("{name}@{digest}"))
}
