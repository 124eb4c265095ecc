//! What work in progress does and waits for, so that a caller whose deadline passes learns the cause.

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::task::futures::TaskLocalFuture;
use tokio::time::Instant;

use crate::answer::AwaitedAnswer;
use crate::answer::Reception;
use crate::in_progress::InProgress;
use crate::resource::LimitReached;
use crate::setting_limit::SettingLimit;
use crate::setting_limit::SettingReached;

/// Through how much other work is looked for what work waits for: a request for a verdict, its verification, a token, and what is apart.
const NESTED: usize = 6;

tokio::task_local! {
    /// That of the work that runs in this task.
    static CURRENT: Progress;
}

/// A pause that a host requested: no request is sent to it before the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPause {
    /// Host and port as in the URL.
    pub host: String,
    /// The rest of the pause.
    pub wait: Duration,
}

/// What work waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Awaited {
    /// Nothing that is known here.
    #[default]
    Nothing,
    /// The complete answer of a host.
    Answer(Box<AwaitedAnswer>),
    /// The end of a pause.
    Pause(HostPause),
    /// The turn of a request under a limit of the settings.
    Setting(SettingLimit),
    /// Capacity of a limit of this process.
    Limit(Box<LimitReached>),
    /// What the part of the work waits for that is run [`apart`]; nothing else is awaited.
    Apart(Box<Self>),
}

/// The deadline passed before the work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// What the work waited for.
    pub awaited: Awaited,
}

/// The stage of work in progress, and what it waits for, for the message to callers whose deadline passes. Clones
/// share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    stage: Option<&'static str>,
    /// With their numbers. Work can wait for several things at the same time.
    waits: Vec<(u64, Wait)>,
    next: u64,
    /// Until when a caller waits at the latest.
    until: Option<Instant>,
}

#[derive(Clone, Debug)]
enum Wait {
    /// The end of a pause.
    Pause { host: Arc<str>, until: Instant },
    /// The turn of a request under a setting.
    Turn { setting: Arc<str>, limit: NonZeroU32, until: Instant },
    /// The end of another request under a setting.
    AtOnce { setting: Arc<str>, limit: usize, requests: Arc<InProgress> },
    /// Capacity of a limit.
    Limit(Arc<LimitReached>),
    /// The complete answer of a host.
    Answer { host: Arc<str>, step: &'static str, since: Instant, reception: Reception },
    /// Other work.
    Work(Progress),
    /// Work that is run [`apart`].
    Apart(Progress),
}

/// A wait, which ends on drop.
#[derive(Debug)]
pub struct Waiting {
    of: Progress,
    number: u64,
}

impl Progress {
    /// Sets the stage: it completes the message to callers whose deadline passes, "it ended while …".
    pub fn enter(&self, stage: &'static str) {
        self.lock().stage = Some(stage);
    }

    pub(crate) fn stage(&self) -> Option<&'static str> {
        self.lock().stage
    }

    /// That of the work that runs in this task, if there is such work.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Notes that the work of this task waits for this other work, until the result is dropped.
    pub fn awaited_here(&self) -> Option<Waiting> {
        waiting_for(self)
    }

    /// The stage of the work, or of the work that it waits for, if there is one; and what it waits for.
    #[must_use]
    pub fn state(&self) -> (Option<&'static str>, Awaited) {
        // The lock is not held for that of other work.
        let (own, others) = {
            let state = self.lock();
            let of_work = |(_, wait): &(u64, Wait)| match wait {
                Wait::Work(progress) => Some(progress.clone()),
                Wait::Pause { .. }
                | Wait::Turn { .. }
                | Wait::AtOnce { .. }
                | Wait::Limit(_)
                | Wait::Answer { .. }
                | Wait::Apart(_) => None,
            };
            (state.stage, state.waits.iter().filter_map(of_work).collect::<Vec<_>>())
        };
        (own.or_else(|| others.iter().find_map(Self::stage)), self.awaited())
    }

    /// What the work waits for. If there are several: the longest pause, otherwise the turn of a request, otherwise the answer that was
    /// requested first, otherwise a limit, otherwise what work apart waits for.
    pub(crate) fn awaited(&self) -> Awaited {
        self.awaited_within(NESTED)
    }

    /// As [`Self::awaited`], through so much other work at most.
    fn awaited_within(&self, nested: usize) -> Awaited {
        // The lock is not held for that of other work.
        let waits: Vec<_> = self.lock().waits.iter().map(|(_, wait)| wait.clone()).collect();
        waits.into_iter().map(|wait| wait.awaited(nested)).fold(Awaited::Nothing, Awaited::or)
    }

    /// Runs `work`, whose waits belong to this value.
    pub fn during<F: Future>(self, work: F) -> TaskLocalFuture<Self, F> {
        // Not an async function, which would hold the work twice.
        CURRENT.scope(self, work)
    }

    /// A caller waits for the work until `deadline`, but no longer than its own callers wait for it.
    pub(crate) fn expect(&self, deadline: Instant) {
        let deadline = expected().map_or(deadline, |own| own.min(deadline));
        let mut state = self.lock();
        state.until = Some(state.until.map_or(deadline, |until| until.max(deadline)));
    }

    fn wait_for(&self, wait: Wait) -> Waiting {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.waits.push((number, wait));
        Waiting { of: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No operation can panic while the map is inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited {
    /// This, or `other` if that explains more.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Pause(one), Self::Pause(other)) => Self::Pause(if other.wait > one.wait { other } else { one }),
            (pause @ Self::Pause(_), _) | (_, pause @ Self::Pause(_)) => pause,
            (turn @ Self::Setting(_), _) if turn.is_turn() => turn,
            (_, turn @ Self::Setting(_)) if turn.is_turn() => turn,
            (answer @ Self::Answer(_), _) | (_, answer @ Self::Answer(_)) => answer,
            (setting @ Self::Setting(_), _) | (_, setting @ Self::Setting(_)) => setting,
            (limit @ Self::Limit(_), _) | (_, limit @ Self::Limit(_)) => limit,
            (apart @ Self::Apart(_), _) | (_, apart @ Self::Apart(_)) => apart,
            (Self::Nothing, Self::Nothing) => Self::Nothing,
        }
    }

    /// Whether the request waits only because of the number of requests in a second.
    fn is_turn(&self) -> bool {
        matches!(self, Self::Setting(SettingLimit { reached: SettingReached::PerSecond { .. }, .. }))
    }
}

impl Wait {
    fn awaited(self, nested: usize) -> Awaited {
        match self {
            // The work has not gone on yet, even if the pause has ended by now.
            Self::Pause { host, until } => {
                let wait = until.saturating_duration_since(Instant::now());
                Awaited::Pause(HostPause { host: host.as_ref().to_owned(), wait })
            }
            Self::Turn { setting, limit, until } => {
                let wait = until.saturating_duration_since(Instant::now());
                Awaited::Setting(SettingLimit { setting, reached: SettingReached::PerSecond { limit, wait } })
            }
            Self::AtOnce { setting, limit, requests } => {
                let reached = SettingReached::AtOnce { limit, silence: requests.silence() };
                Awaited::Setting(SettingLimit { setting, reached })
            }
            Self::Limit(reached) => Awaited::Limit(Box::new(LimitReached::clone(&reached))),
            Self::Answer { host, step, since, reception } => Awaited::Answer(Box::new(AwaitedAnswer {
                host: host.as_ref().to_owned(),
                step,
                missing: reception.missing(),
                proxy: reception.proxy(),
                waited: since.elapsed(),
            })),
            Self::Work(progress) | Self::Apart(progress) if nested == 0 => {
                // Work may wait for parts of each other.
                drop(progress);
                Awaited::Nothing
            }
            Self::Work(progress) => progress.awaited_within(nested - 1),
            Self::Apart(progress) => match progress.awaited_within(nested - 1) {
                Awaited::Nothing => Awaited::Nothing,
                apart @ Awaited::Apart(_) => apart,
                awaited @ (Awaited::Answer(_) | Awaited::Pause(_) | Awaited::Setting(_) | Awaited::Limit(_)) => {
                    Awaited::Apart(Box::new(awaited))
                }
            },
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.of.lock().waits.retain(|(number, _)| *number != self.number);
    }
}

/// Until when callers wait for the work that runs in this task at the latest; `None` if that is not known. It may have passed: work goes on
/// without callers for some time.
pub fn expected() -> Option<Instant> {
    CURRENT.try_with(|current| current.lock().until).ok().flatten()
}

/// Notes a wait of the work that runs in this task, if there is such work.
fn note(wait: Wait) -> Option<Waiting> {
    CURRENT.try_with(|current| current.wait_for(wait)).ok()
}

/// Notes that the work of this task waits for other work.
pub(crate) fn waiting_for(other: &Progress) -> Option<Waiting> {
    note(Wait::Work(other.clone()))
}

/// Notes that the work of this task waits for the complete answer of `host` for `step`, of which `reception` has come.
pub(crate) fn waiting_for_answer(host: &str, step: &'static str, reception: &Reception) -> Option<Waiting> {
    note(Wait::Answer { host: host.into(), step, since: Instant::now(), reception: reception.clone() })
}

/// Notes that the work of this task waits for capacity of a limit.
pub(crate) fn waiting_for_limit(reached: LimitReached) -> Option<Waiting> {
    note(Wait::Limit(Arc::new(reached)))
}

/// Notes that the work of this task waits for the end of one of the `limit` requests that `setting` allows at a time, which are those of
/// `requests`, until the result is dropped.
pub fn waiting_at_setting(setting: &Arc<str>, limit: usize, requests: &Arc<InProgress>) -> Option<Waiting> {
    note(Wait::AtOnce { setting: Arc::clone(setting), limit, requests: Arc::clone(requests) })
}

/// Notes that the work of this task waits for the turn of a request under `setting`, which is at `until` at the latest.
pub(crate) fn waiting_for_turn(setting: &Arc<str>, limit: NonZeroU32, until: Instant) -> Option<Waiting> {
    note(Wait::Turn { setting: Arc::clone(setting), limit, until })
}

/// Waits until the pause of a host has ended.
pub(crate) async fn pause(HostPause { host, wait }: HostPause) {
    let until = Instant::now() + wait;
    let _waiting = note(Wait::Pause { host: host.into(), until });
    tokio::time::sleep_until(until).await;
}

/// Runs `work` until `deadline`.
///
/// # Errors
/// It has not ended then; with what it waited for.
pub async fn until<F: Future>(deadline: Instant, work: F) -> Result<F::Output, Late> {
    let progress = Progress::default();
    progress.expect(deadline);
    let _waiting = waiting_for(&progress);
    // Dropped after its waits were read.
    let mut work = pin!(progress.clone().during(work));
    let ended = tokio::time::timeout_at(deadline, work.as_mut()).await;
    ended.map_err(|_| Late { awaited: progress.awaited() })
}

/// Runs `work`, and counts its waits apart from those of the work that runs in this task: its result names them, unless a caller
/// does not wait for that.
pub async fn apart<F: Future>(work: F) -> F::Output {
    let progress = Progress::default();
    if let Some(until) = expected() {
        progress.expect(until);
    }
    let _waiting = note(Wait::Apart(progress.clone()));
    progress.during(work).await
}

impl fmt::Display for HostPause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requires a wait of {} s", self.host, self.wait.as_secs().max(1))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::answer::Missing;

    const SECOND: Duration = Duration::from_secs(1);

    fn paused(host: &str, seconds: u32) -> Late {
        Late { awaited: Awaited::Pause(of(host, seconds)) }
    }

    fn nothing() -> Late {
        Late { awaited: Awaited::Nothing }
    }

    fn of(host: &str, seconds: u32) -> HostPause {
        HostPause { host: host.to_owned(), wait: seconds * SECOND }
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_is_late_names_the_rest_of_the_pause_that_it_waits_for() {
        let now = Instant::now();
        assert_eq!(until(now + SECOND, pause(of("a", 5))).await, Err(paused("a", 4)));
        // The deadline of work within other work.
        let nested = until(now + 9 * SECOND, until(now + 9 * SECOND, pause(of("b", 20))));
        assert_eq!(until(now + 2 * SECOND, nested).await, Err(paused("b", 19)));
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_pauses_the_longest_is_named() {
        let several = async { tokio::join!(pause(of("a", 5)), pause(of("b", 9)), pause(of("c", 7))) };
        assert_eq!(until(Instant::now() + SECOND, several).await, Err(paused("b", 8)));
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_answers_the_first_is_named_and_a_pause_before_them() {
        let answer = async |host: &str, after: u32| {
            tokio::time::sleep(after * SECOND / 10).await;
            let _waiting = waiting_for_answer(host, "the list", &Reception::new());
            tokio::time::sleep(20 * SECOND).await;
        };
        let late = async |work| until(Instant::now() + SECOND, work).await.unwrap_err().awaited;
        let answers = async {
            tokio::join!(answer("b", 2), answer("a", 1), answer("c", 3));
        };
        let expected = AwaitedAnswer {
            host: "a".to_owned(),
            step: "the list",
            missing: Missing::Response,
            proxy: None,
            waited: 9 * SECOND / 10,
        };
        assert_eq!(late(Box::pin(answers) as BoxedWork<'_>).await, Awaited::Answer(Box::new(expected)));
        let both = async {
            tokio::join!(answer("a", 1), pause(of("b", 5)), answer("c", 3));
        };
        assert_eq!(late(Box::pin(both)).await, Awaited::Pause(of("b", 4)));
    }

    type BoxedWork<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_has_ended_is_not_named() {
        let work = async {
            pause(of("a", 1)).await;
            tokio::time::sleep(5 * SECOND).await;
        };
        assert_eq!(until(Instant::now() + 2 * SECOND, work).await, Err(nothing()));
        let cancelled = async {
            let _ = tokio::time::timeout(SECOND, pause(of("a", 20))).await;
            tokio::time::sleep(5 * SECOND).await;
        };
        assert_eq!(until(Instant::now() + 2 * SECOND, cancelled).await, Err(nothing()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_of_work_apart_is_not_that_of_the_work_around_it() {
        let deadline = || Instant::now() + SECOND;
        let apart_of = |late: Late| Err(Late { awaited: Awaited::Apart(Box::new(late.awaited)) });
        assert_eq!(until(deadline(), apart(pause(of("a", 5)))).await, apart_of(paused("a", 4)));
        assert_eq!(until(deadline(), apart(apart(pause(of("a", 5))))).await, apart_of(paused("a", 4)));
        assert_eq!(until(deadline(), apart(tokio::time::sleep(5 * SECOND))).await, Err(nothing()));
        // It is named only if nothing else is awaited.
        let both = async { tokio::join!(apart(pause(of("a", 5))), pause(of("b", 3))) };
        assert_eq!(until(deadline(), both).await.map(drop), Err(paused("b", 2)));
        let ended = async {
            apart(pause(of("a", 1))).await;
            tokio::time::sleep(5 * SECOND).await;
        };
        assert_eq!(until(Instant::now() + 2 * SECOND, ended).await, Err(nothing()));
    }

    #[tokio::test(start_paused = true)]
    async fn work_knows_until_when_its_callers_wait_at_the_latest() {
        let now = Instant::now();
        assert_eq!(expected(), None);
        let within = |nested: u32| until(now + nested * SECOND, async { expected() });
        assert_eq!(until(now + 5 * SECOND, async { expected() }).await, Ok(Some(now + 5 * SECOND)));
        // Work within other work is not expected for longer.
        assert_eq!(until(now + 5 * SECOND, within(9)).await, Ok(Ok(Some(now + 5 * SECOND))));
        assert_eq!(until(now + 5 * SECOND, within(2)).await, Ok(Ok(Some(now + 2 * SECOND))));
        assert_eq!(until(now + 5 * SECOND, apart(async { expected() })).await, Ok(Some(now + 5 * SECOND)));
        let progress = Progress::default();
        progress.expect(now + 3 * SECOND);
        progress.expect(now + 2 * SECOND);
        assert_eq!(progress.during(async { expected() }).await, Some(now + 3 * SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn what_work_waits_for_is_found_although_it_waits_for_itself() {
        let (one, other) = (Progress::default(), Progress::default());
        let ring = async {
            let _one = one.awaited_here();
            let _other = other.awaited_here();
            let _back = other.wait_for(Wait::Work(one.clone()));
            until(Instant::now() + SECOND, pause(of("a", 5))).await
        };
        assert_eq!(one.clone().during(ring).await, Err(paused("a", 4)));
        let (stage, awaited) = one.state();
        assert_eq!((stage, awaited), (None, Awaited::Nothing));
        let ring = async {
            let _back = one.awaited_here();
            let _late = tokio::time::timeout(SECOND, pause(of("a", 5))).await;
        };
        let seen = async {
            tokio::time::sleep(SECOND / 2).await;
            one.state().1
        };
        let (_, seen) = tokio::join!(one.clone().during(ring), seen);
        assert!(matches!(seen, Awaited::Pause(_)), "{seen:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_is_not_late_has_its_result() {
        let work = async {
            pause(of("a", 5)).await;
            7
        };
        assert_eq!(until(Instant::now() + 6 * SECOND, work).await, Ok(7));
    }
}
