//! The only parser of untrusted JSON: unambiguous, bounded, in one pass.
//!
//! serde_json keeps the last of two members with one name, reads an array as a struct by position, and builds values
//! without a limit. Two readers of the same bytes could then see two documents, and a few megabytes of `[0,0,…]`
//! become hundreds. Every document is therefore parsed by [`from_slice`], which checks before values are built that
//! no object has a duplicate name (compared after unescaping), that structs are objects, and that the document is
//! within the counts of [`JsonLimits`](crate::limits::JsonLimits).
//!
//! # Memory
//! In addition to the caller's document, parsing uses at most the larger of three times its size and 1 MiB
//! ([`JsonLimits`](crate::limits::JsonLimits)): one unescaped text at a time, the names of the open objects, and the
//! values that the target type keeps.
//!
//! # What a type must not do
//! A type that is deserialized by trial (`untagged`, `flatten`, `tag`) reads from a buffered copy, which this parser
//! cannot check. Such a type may only choose among texts, numbers and booleans; arrays and objects are refused there.
//! Internally tagged enums must not be used at all; `tests/suite/architecture/readers.rs` checks the sources.

mod arrays;
mod document;
mod error;
mod member;
mod objects;
mod position;
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
pub use position::Position;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
