//! Support for the tests of the core: verification of envelopes ([`judge`]), documents of every kind ([`schemas`]), and
//! vectors from elsewhere ([`vectors`]).

#![allow(clippy::unwrap_used)]

pub mod judge;
pub mod schemas;
pub mod vectors;
