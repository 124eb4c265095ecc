//! What was tried for one piece of evidence, for the message that there is none.

use std::fmt;

use countersign_core::codec::text::Text;
use countersign_core::evidence::NotAvailable;
use countersign_core::time::UnixTime;
use countersign_http::Awaited;

use super::address::Address;
use super::address::AddressError;
use super::failures::Failure;

/// Most addresses in a message, so that one message stays readable.
const SHOWN: usize = 3;

/// The addresses that gave no evidence, in their order.
#[derive(Debug, Default)]
pub(super) struct Trail {
    lines: Vec<Text>,
    since: Option<UnixTime>,
}

impl Trail {
    pub(super) fn skipped(&mut self, error: &AddressError) {
        self.lines.push(Text::of(error));
    }

    pub(super) fn failed(&mut self, address: &Address, failure: &Failure) {
        let Failure { why, since, retry_at: _ } = failure;
        self.since = Some(self.since.map_or(*since, |earlier| earlier.min(*since)));
        self.add(address, why);
    }

    /// The deadline of the caller passed while the address was tried.
    pub(super) fn late(&mut self, address: &Address, stage: Option<&'static str>, awaited: &Awaited) {
        match awaited {
            Awaited::Pause(pause) => {
                self.add(address, format_args!("{pause}, which does not end before the request's deadline"));
            }
            Awaited::Answer(answer) => self.add(address, format_args!("there was no response in time: {answer}")),
            Awaited::Setting(limit) => {
                self.add(address, format_args!("{limit}, which does not end before the request's deadline"));
            }
            Awaited::Limit(reached) => self.add(address, format_args!("{reached}, until the request's deadline")),
            Awaited::Nothing | Awaited::Apart(_) => {
                let stage = stage.unwrap_or("the request waited");
                self.add(address, format_args!("there was no response in time: the deadline passed while {stage}"));
            }
        }
    }

    pub(super) fn panicked(&mut self, address: &Address) {
        self.add(address, "internal error: the task that fetches it panicked; report this with the log");
    }

    fn add(&mut self, address: &Address, why: impl fmt::Display) {
        self.lines.push(Text::of(format_args!("{address}: {why}")));
    }

    /// The reason why there is no evidence.
    pub(super) fn not_available(&self) -> NotAvailable {
        let lines = countersign_core::codec::text::list(self.lines.iter(), "; ", SHOWN);
        let why = NotAvailable::new(lines);
        match self.since {
            Some(since) => why.since(since),
            None => why,
        }
    }
}
