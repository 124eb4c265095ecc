//! The service from outside, over real TLS on loopback: what Gatekeeper sees, and what somebody else sees.

#![allow(clippy::unwrap_used)]

mod certificates;
mod connections;
mod endpoints;
mod health;
mod spellings;
mod stop;
