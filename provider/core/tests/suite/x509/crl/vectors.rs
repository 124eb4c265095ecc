//! Vectors of notation-core-go: the freshest CRL extension in certificates and lists of EJBCA.
#![allow(clippy::disallowed_methods, reason = "tests read files")]

use countersign_core::codec::pem;
use countersign_core::x509::Certificate;
use countersign_core::x509::Crl;
use countersign_core::x509::DistributionPoint;
use countersign_core_test_support::vectors::vectors;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::SignatureForm;

fn read(name: &str) -> Option<Vec<u8>> {
    let folder = vectors()?.join("notation-core-go/revocation/crl/testdata");
    Some(std::fs::read(folder.join(name)).unwrap())
}

/// The numbers of URIs in cRLDistributionPoints and freshestCRL, and the unreadable extensions.
fn addresses(name: &str) -> Option<(usize, usize, Vec<&'static str>)> {
    let certificates = pem::certificates(&read(name)?).unwrap();
    let certificate = Certificate::parse(&certificates[0].der).unwrap();
    let addresses = certificate.revocation_addresses();
    let urls = |points: &[DistributionPoint]| points.iter().map(|point| point.urls().len()).sum();
    Some((urls(&addresses.crl), urls(&addresses.freshest), addresses.unreadable.clone()))
}

#[test]
fn reads_the_points_of_certificates() {
    for (name, expected) in [
        ("certificateWithDeltaCRL.cer", (1, 1, vec![])),
        ("certificateWith2DeltaCRL.cer", (1, 2, vec![])),
        ("certificateWithZeroDeltaCRLURL.cer", (1, 0, vec!["freshestCRL"])),
        ("certificateWithNonURIDeltaCRL.cer", (0, 0, vec!["cRLDistributionPoints"])),
        ("certificateWithIncompleteFreshestCRL.cer", (0, 0, vec!["freshestCRL", "cRLDistributionPoints"])),
        ("certificateWithIncompleteFreshestCRL2.cer", (0, 0, vec!["freshestCRL", "cRLDistributionPoints"])),
    ] {
        let Some(found) = addresses(name) else { return };
        assert_eq!(found, expected, "{name}");
    }
}

/// The list, signed again by an authority with the name of its issuer: that of the vectors is not public.
fn signed_again(name: &str) -> Option<Crl> {
    let bytes = read(name)?;
    let authority = Authority::root(CertSpec::root().key(KeyType::Rsa2048));
    let parts = der::children(&bytes);
    let issuer = der::children(parts[0])[2].to_vec();
    let certificate = authority.reissue(authority.der(), |tbs| {
        tbs[3].clone_from(&issuer);
        tbs[5].clone_from(&issuer);
    });
    let certificate = Certificate::parse(&certificate).unwrap();
    assert!(Crl::read(bytes.clone(), &certificate).unwrap_err().to_string().starts_with("CRL is not signed by "));
    let signature = authority.key().sign_as(SignatureForm::Pkcs1Sha256, parts[0]);
    let again = der::sequence([parts[0].to_vec(), parts[1].to_vec(), der::bit_string(&signature)]);
    Some(Crl::read(again, &certificate).unwrap())
}

#[test]
fn reads_a_complete_list_with_two_addresses_of_its_delta() {
    let Some(crl) = signed_again("crlWithMultipleFreshestCRLs.crl") else { return };
    assert_eq!(crl.freshest_urls().len(), 2);
    assert!(crl.freshest_urls()[0].starts_with("http://localhost:80/ejbca/publicweb/webdist/certdist?cmd=deltacrl"));
    assert_eq!((crl.number().unwrap().to_string().as_str(), crl.delta_base()), ("5", None));
    assert_eq!((crl.entry_count(), crl.this_update().to_string().as_str()), (0, "2024-11-25T07:31:41Z"));
}

#[test]
fn reads_a_delta_list() {
    let Some(crl) = signed_again("delta.crl") else { return };
    assert_eq!(crl.delta_base().unwrap().to_string(), "4");
    assert_eq!((crl.number().unwrap().to_string().as_str(), crl.freshest_urls()), ("5", &[][..]));
}
