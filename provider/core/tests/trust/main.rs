//! Trust policies, trust stores and trusted identities: each refusal with the input that deserves it.
#![allow(clippy::unwrap_used)]

mod identity;
mod policy;
mod store;
#[path = "../support/mod.rs"]
mod support;
