//! Verifies signatures. Has no I/O, no clock, no tasks, no globals and no logging: bytes, limits and the time are
//! arguments, results are values.
//!
//! Entry points: [`notation`] for the checks, [`verdict`] for the verdict about an image.

#![warn(missing_docs)]

pub mod codec;
pub mod crypto;
pub mod evidence;
pub mod limits;
pub mod name;
pub mod notation;
pub mod oci;
pub mod policy;
pub mod reason;
pub mod time;
pub mod timestamp;
pub mod verdict;
pub mod x509;
