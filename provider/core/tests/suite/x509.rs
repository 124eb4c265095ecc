//! CRLs, OCSP responses, certificates and code signing chains: each requirement with a certificate that violates only it.
// The tests read vector files; core itself has no I/O.
#![allow(clippy::disallowed_methods)]

mod certificate;
mod chain;
mod crl;
mod name;
mod ocsp;
mod signature;
mod vectors;

use countersign_core::x509::Certificate;
use countersign_core::x509::Chain;
use countersign_core::x509::ChainError;
use countersign_testkit::der;
use countersign_testkit::pki;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

fn parse(der: &[u8]) -> Certificate {
    Certificate::parse(der).unwrap()
}

fn check(ders: &[Vec<u8>]) -> Result<Chain, ChainError> {
    Chain::code_signing(ders.iter().map(|der| parse(der)).collect())
}

/// A leaf under a root of its own.
fn pair(leaf: CertSpec) -> pki::Chain {
    Authority::root(CertSpec::root()).issue(leaf)
}

/// Rewrites a certificate: `edit` changes the elements of the signed part, `algorithm` is set inside and outside,
/// `sign` creates the signature.
fn rewrite(
    certificate: &[u8],
    edit: impl FnOnce(&mut Vec<Vec<u8>>),
    algorithm: &[u8],
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let parts = der::children(certificate);
    let mut elements: Vec<Vec<u8>> = der::children(parts[0]).into_iter().map(<[u8]>::to_vec).collect();
    elements[2] = algorithm.to_vec();
    edit(&mut elements);
    let tbs = der::sequence(elements);
    let signature = sign(&tbs);
    der::sequence([tbs, algorithm.to_vec(), der::bit_string(&signature)])
}
