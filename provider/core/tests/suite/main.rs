//! Certificates, CRLs and OCSP responses; names, documents, trust policy, and the verification of envelopes.

#![allow(clippy::unwrap_used)]

mod mutants;
mod notation;
mod properties;
mod x509;
