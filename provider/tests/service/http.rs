//! The service from outside, over real TLS on loopback: as Gatekeeper, and as other clients.

#![allow(clippy::unwrap_used)]

mod certificates;
mod connections;
mod endpoints;
mod health;
mod spellings;
mod stop;
