//! Names, documents, trust policy, and the verification of envelopes, timestamps and revocation.

mod aws_signer;
mod checks;
mod documents;
mod envelopes;
mod evidence;
mod explain;
mod mutation;
mod policy;
mod references;
mod revocation;
mod timestamp;
mod vectors;
