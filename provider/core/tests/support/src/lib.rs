//! What the tests of the core share: questions about envelopes ([`judge`]), documents of every kind ([`schemas`]), and
//! vectors from elsewhere ([`vectors`]).

#![allow(clippy::unwrap_used)]

pub mod judge;
pub mod schemas;
pub mod vectors;
