//! Trust policies, trust stores and trusted identities: each refusal with the input that deserves it.
// Outside vectors are files; core itself has none.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod broken_statements;
mod document;
mod identity;
mod store;
