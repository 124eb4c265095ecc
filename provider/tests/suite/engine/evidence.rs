//! Evidence over HTTP on loopback: which requests are sent, and what the verdicts are with and without responses.

#![allow(clippy::unwrap_used)]

mod addresses;
mod cost;
pub(crate) mod fixture;
mod large;
mod outages;
mod refresh;
mod requests;
mod trust;
