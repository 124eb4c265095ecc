//! The one reader of JSON from outside: without ambiguity, within limits, in one pass.
//!
//! serde_json keeps the last of two members with one name, reads an array as a struct by position, and builds values
//! without a limit. Two readers of the same bytes could then see two documents, and a few megabytes of `[0,0,…]` become
//! hundreds. So every document is read through [`from_slice`], which checks while it
//! reads, before anything is built: no name twice in an object (names are compared after their escapes are resolved),
//! objects where structs are expected, and the counts of [`JsonLimits`](crate::limits::JsonLimits).
//!
//! # Memory
//! Beside the document, which is the caller's, reading takes at most three times its size, or 1 MiB where that is more
//! ([`JsonLimits`](crate::limits::JsonLimits)): one text with escapes at a time, the names of the objects that are open, and what the target type
//! keeps.
//!
//! # What a type must not do
//! A type that guesses (`untagged`, `flatten`, `tag`) reads from a copy, which this reader cannot check. Such a type may
//! only guess between texts, numbers and booleans: arrays and objects are refused there. Internally tagged enums must
//! not be used at all; `tests/readers.rs` checks the sources.

mod arrays;
mod document;
mod error;
mod member;
mod objects;
mod reader;
mod state;
mod variants;

pub use document::from_slice;
pub use document::from_slice_seed;
pub use document::from_str;
pub use error::JsonError;
pub(crate) use member::ANY_MEMBERS;
pub(crate) use member::AnyObject;
pub(crate) use member::FirstOf;
pub(crate) use member::MORE;
pub(crate) use member::Member;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
