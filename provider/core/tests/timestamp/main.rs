//! RFC 3161 timestamps: tokens, chains of timestamping authorities, and their use for signatures.

mod authority;
mod fixture;
mod mutation;
mod policy;
mod refusals;
mod tokens;
mod vectors;
