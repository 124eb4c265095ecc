//! Support for the tests of the core: verification of envelopes ([`judge`]), evidence about revocation ([`revocation`]),
//! mutations of bytes ([`random_bytes`], [`sweep`]) and of documents ([`mutants`]), properties of generated models
//! ([`property`]), documents of every kind ([`schemas`]), and vectors from elsewhere ([`vectors`]).

#![allow(clippy::unwrap_used)]

pub mod judge;
pub mod mutants;
pub mod property;
pub mod random_bytes;
pub mod revocation;
pub mod schemas;
pub mod sweep;
pub mod vectors;
