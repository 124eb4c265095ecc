//! Trust policies, trust stores and trusted identities: each error with the input that causes it.
// Outside vectors are files; core itself has none.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod broken_statements;
mod document;
mod identity;
mod store;
