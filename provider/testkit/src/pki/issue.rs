//! Issues certificates.

use aws_lc_rs::rand;
use rcgen::CertificateParams;
use rcgen::CustomExtension;
use rcgen::Issuer;
use rcgen::SerialNumber;

use crate::der;
use crate::hash;
use crate::pki::CertSpec;
use crate::pki::Key;
use crate::pki::name::Name;
use crate::pki::spec::KeyChoice;

/// Number of the cached RSA key that leaves use; CAs use their depth.
pub(super) const LEAF_KEY: usize = 1000;

/// The key that `choice` names; cached keys have a number.
pub(super) fn choose(choice: &KeyChoice, number: usize) -> Key {
    match choice {
        KeyChoice::OfType(kind) => Key::quick(*kind, number),
        KeyChoice::Given(key) => key.clone(),
    }
}

/// Issues the certificate of `spec` for `key`.
pub(super) fn write(spec: &CertSpec, key: &Key, issuer_name: &Name, issuer_key: &Key) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = spec.subject.to_rcgen();
    params.not_before = spec.not_before;
    params.not_after = spec.not_after;
    params.serial_number = Some(SerialNumber::from(spec.serial.clone().unwrap_or_else(random_serial)));
    let mut add = |oid: &str, critical, value| {
        let mut extension = CustomExtension::from_oid_content(&der::arcs(oid), value);
        extension.set_criticality(critical);
        params.custom_extensions.push(extension);
    };
    add("2.5.29.14", false, der::octet_string(&hash::key_id(&key.spki_der())));
    add("2.5.29.35", false, der::sequence([der::element(0x80, &hash::key_id(&issuer_key.spki_der()))]));
    for extension in spec.extensions() {
        add(&extension.oid, extension.critical, extension.value);
    }
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = issuer_name.to_rcgen();
    let issuer = Issuer::new(issuer, issuer_key.issuing());
    let certificate = params.signed_by(key.issuing(), &issuer).expect("a certificate that rcgen can write");
    if !spec.subject.is_unusual() && !issuer_name.is_unusual() {
        return certificate.der().to_vec();
    }
    resign(certificate.der(), issuer_key, |tbs| {
        tbs[ISSUER] = issuer_name.to_der();
        tbs[SUBJECT] = spec.subject.to_der();
    })
}

const ISSUER: usize = 3;
const SUBJECT: usize = 5;

/// Lets `edit` change the elements of the TBSCertificate, and signs the result.
pub(super) fn resign(certificate: &[u8], key: &Key, edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let parts = der::children(certificate);
    let mut elements: Vec<Vec<u8>> = der::children(parts[0]).into_iter().map(<[u8]>::to_vec).collect();
    edit(&mut elements);
    let tbs = der::sequence(elements);
    let signature = rcgen::SigningKey::sign(key.issuing(), &tbs).expect("the key signs any message");
    der::sequence([tbs, parts[1].to_vec(), der::bit_string(&signature)])
}

/// Sixteen bytes, positive, never with a leading zero.
fn random_serial() -> Vec<u8> {
    let mut serial = [0; 16];
    rand::fill(&mut serial).expect("randomness");
    serial[0] = serial[0] & 0x7f | 0x40;
    serial.to_vec()
}
