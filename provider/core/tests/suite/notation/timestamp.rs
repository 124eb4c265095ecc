//! RFC 3161 timestamps: tokens, chains of timestamping authorities, and their use for signatures.

#![allow(clippy::unwrap_used)]

mod authority;
mod facts;
mod fixture;
mod mutation;
mod openssl;
mod policy;
mod refusals;
mod revocation;
mod tokens;
mod vectors;
