//! A limit in time on events about verdicts that repeat: the pods of one image cause the same event over and over.

use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use super::event::VerdictEvent;

/// Maximum number of images whose events are counted at a time. Events about others are all written.
const ENTRIES: usize = 2048;

/// Entries that an image can have: it takes one that is not in use.
const WAYS: usize = 8;

/// Maximum number of bytes that [`RepeatedVerdicts`] uses.
pub const REPEATED_BYTES: usize = ENTRIES * size_of::<Entry>();

/// Leaves out events about verdicts that repeat, and counts them. The metrics count all verdicts.
///
/// Has a fixed number of entries, and no memory before the first use.
#[derive(Debug, Default)]
pub struct RepeatedVerdicts {
    /// With secret keys, so that images cannot be chosen to have the same entry.
    hasher: RandomState,
    entries: Mutex<Vec<Entry>>,
}

/// The events about one image.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Of what an event has in common with those that it repeats.
    hash: u64,
    /// When the last event was written; `None` if the entry was never used.
    written: Option<Instant>,
    left_out: u32,
}

impl Entry {
    fn is_of(&self, hash: u64) -> bool {
        self.written.is_some() && self.hash == hash
    }

    /// Whether the next event is written in any case.
    fn has_ended(&self, every: Duration, now: Instant) -> bool {
        self.written.is_none_or(|written| now.saturating_duration_since(written) >= every)
    }
}

impl RepeatedVerdicts {
    /// How many events like `event` were left out since the last one that was written, if this one is to be written at
    /// `now`: one in each period of `every`. Any event that [`VerdictEvent::may_be_left_out`] forbids is to be written.
    ///
    /// Events are alike if they have the endpoint, the image, the digest, the verdict and the statement in common: a change
    /// of any of these is written at once.
    ///
    /// The number of events left out is forgotten if none like them follows and another image needs the entry.
    pub fn admit(&self, event: &VerdictEvent<'_>, every: Duration, now: Instant) -> Option<u64> {
        if every.is_zero() || !event.may_be_left_out() {
            return Some(0);
        }
        let hash = self.hasher.hash_one(event.identity());
        // The state is consistent at every point where it could panic.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.is_empty() {
            entries.reserve_exact(ENTRIES);
            entries.resize(ENTRIES, Entry::default());
        }
        let begin = usize::try_from(hash % ENTRIES as u64).unwrap_or_default() / WAYS * WAYS;
        let Some(ways) = entries.get_mut(begin..begin + WAYS) else { return Some(0) };
        if let Some(entry) = ways.iter_mut().find(|entry| entry.is_of(hash)) {
            if entry.has_ended(every, now) {
                let left_out = entry.left_out.into();
                *entry = Entry { hash, written: Some(now), left_out: 0 };
                return Some(left_out);
            }
            entry.left_out = entry.left_out.saturating_add(1);
            return None;
        }
        let unused = ways.iter_mut().filter(|entry| entry.has_ended(every, now)).min_by_key(|entry| entry.left_out);
        if let Some(entry) = unused {
            *entry = Entry { hash, written: Some(now), left_out: 0 };
        }
        Some(0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::verdict::Code;
    use countersign_core::verdict::ImageVerdict;
    use countersign_core::verdict::Reason;
    use countersign_core::verdict::Skipped;

    use super::*;
    use crate::telemetry::log::Decision;

    const EVERY: Duration = Duration::from_secs(60);

    fn skipped(statement: &str) -> ImageVerdict {
        ImageVerdict::Skipped(Skipped { statement: statement.into() })
    }

    fn event<'a>(image: &'a str, verdict: &'a ImageVerdict) -> VerdictEvent<'a> {
        VerdictEvent {
            endpoint: "verify",
            request_id: "1f",
            image,
            digest: None,
            decision: Decision::Decided(verdict),
            cached: true,
            repeated: 0,
            elapsed: Duration::ZERO,
        }
    }

    #[test]
    fn one_event_is_written_in_each_period_and_the_next_one_has_the_number_left_out() {
        let (repeated, begin, skipped) = (RepeatedVerdicts::default(), Instant::now(), skipped("a"));
        let at = |seconds| repeated.admit(&event("nginx", &skipped), EVERY, begin + Duration::from_secs(seconds));
        assert_eq!(
            [0, 1, 59, 60, 119, 120, 200, 201].map(at),
            [Some(0), None, None, Some(2), None, Some(1), Some(0), None]
        );
    }

    #[test]
    fn a_change_is_written_at_once() {
        let (repeated, now, a, b) = (RepeatedVerdicts::default(), Instant::now(), skipped("a"), skipped("b"));
        let first = event("nginx", &a);
        let others = [
            VerdictEvent { endpoint: "ratify-verify", ..first },
            VerdictEvent { digest: Some("sha256:00"), ..first },
            VerdictEvent { decision: Decision::Decided(&b), ..first },
            event("redis", &a),
        ];
        assert_eq!(repeated.admit(&first, EVERY, now), Some(0));
        for other in others {
            assert_eq!(repeated.admit(&other, EVERY, now), Some(0), "{other:?}");
            assert_eq!(repeated.admit(&other, EVERY, now), None, "{other:?}");
        }
        // The same one in another request.
        assert_eq!(repeated.admit(&VerdictEvent { request_id: "2f", elapsed: EVERY, ..first }, EVERY, now), None);
    }

    #[test]
    fn rejections_and_undecided_images_are_all_written() {
        let (repeated, now) = (RepeatedVerdicts::default(), Instant::now());
        let of = |code| ImageVerdict::from_reason(None, Reason::new(code, "found x"));
        let unresolved = Reason::new(Code::RegistryUnreachable, "found x");
        let (rejected, undecided) = (of(Code::InvalidReference), of(Code::RegistryUnreachable));
        for decision in [Decision::Decided(&rejected), Decision::Decided(&undecided), Decision::Unresolved(&unresolved)]
        {
            for _ in 0..3 {
                let event = VerdictEvent { decision, ..event("nginx", &rejected) };
                assert_eq!(repeated.admit(&event, EVERY, now), Some(0), "{event:?}");
            }
        }
        assert!(repeated.entries.lock().unwrap().is_empty());
    }

    #[test]
    fn without_a_period_every_event_is_written() {
        let (repeated, now, skipped) = (RepeatedVerdicts::default(), Instant::now(), skipped("a"));
        for _ in 0..3 {
            assert_eq!(repeated.admit(&event("nginx", &skipped), Duration::ZERO, now), Some(0));
        }
        assert!(repeated.entries.lock().unwrap().is_empty());
    }

    #[test]
    fn images_without_an_entry_are_all_written_and_the_memory_is_bounded() {
        let (repeated, now, skipped) = (RepeatedVerdicts::default(), Instant::now(), skipped("a"));
        let images: Vec<String> = (0..100_000).map(|number| format!("a/{number}")).collect();
        for image in &images {
            assert_eq!(repeated.admit(&event(image, &skipped), EVERY, now), Some(0), "{image}");
        }
        let left_out = images.iter().filter(|image| repeated.admit(&event(image, &skipped), EVERY, now).is_none());
        assert_eq!(left_out.count(), ENTRIES);
        let entries = repeated.entries.lock().unwrap();
        assert_eq!((entries.len(), entries.capacity()), (ENTRIES, ENTRIES));
        assert_eq!(entries.capacity() * size_of::<Entry>(), REPEATED_BYTES);
    }
}
