//! Chains of certificates as files of trust stores.

use countersign_core::codec::pem;
use countersign_core::x509::Certificate;

/// The certificates of a chain in PEM that may be trust anchors, authorities and self-signed ones, in DER one after another. A
/// certificate that an authority of the chain issued for signing is trusted by that authority, and no part of a store. The chain as it
/// is, if it cannot be read or has no such certificate, so that the reader of stores names the mistake.
#[must_use]
pub fn anchors_of_chain(chain: Vec<u8>) -> Vec<u8> {
    let Ok(blocks) = pem::certificates_to_the_end(&chain) else { return chain };
    let mut anchors = Vec::new();
    for block in blocks {
        let Ok(certificate) = Certificate::parse(&block.der) else { return chain };
        if certificate.is_ca() || certificate.verify_signed_by(&certificate).is_ok() {
            anchors.extend_from_slice(&block.der);
        }
    }
    if anchors.is_empty() { chain } else { anchors }
}

#[cfg(test)]
mod tests {
    use countersign_testkit::pki::Authority;
    use countersign_testkit::pki::CertSpec;
    use countersign_testkit::pki::Chain;

    use super::*;

    #[test]
    fn the_authorities_of_a_chain_are_kept_and_its_leaf_is_not() {
        let root = Authority::root(CertSpec::root());
        let chain = root.intermediate(CertSpec::intermediate()).issue(CertSpec::leaf());
        let ders = chain.der();
        assert_eq!(anchors_of_chain(chain.pem().into_bytes()), ders[1..].concat());
        let own = Chain::self_signed(CertSpec::leaf());
        assert_eq!(anchors_of_chain(own.pem().into_bytes()), own.leaf_der());
    }

    #[test]
    fn what_has_no_anchor_or_cannot_be_read_stays_for_the_mistake() {
        let leaf = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
        let first = leaf.pem().split_inclusive("-----END CERTIFICATE-----\n").next().unwrap_or_default().to_owned();
        for text in [first.as_str(), "garbage", "", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"] {
            assert_eq!(anchors_of_chain(text.as_bytes().to_vec()), text.as_bytes(), "{text}");
        }
    }
}
