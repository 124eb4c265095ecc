//! Support for the tests of the product: an engine over a registry and files ([`fixture`]), the service with verdicts by a
//! script ([`service`], [`script`], [`client`]), the whole service over mounted volumes ([`mounted`], [`load`]), and the service of AWS
//! Signer ([`aws_signer`]).

#![allow(clippy::unwrap_used)]

pub mod aws_signer;
pub mod binary;
pub mod client;
pub mod fixture;
pub mod load;
pub mod mounted;
pub mod script;
pub mod service;
