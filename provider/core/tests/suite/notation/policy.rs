//! Trust policies, trust stores and trusted identities: each error with an input that causes it.
// The tests read vector files; core itself has no I/O.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod broken_statements;
mod document;
mod identity;
mod store;
mod terms;
