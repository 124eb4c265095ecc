//! A list that `openssl ca -gencrl` (3.0) made: P-384, an issuing distribution point, freshest CRL, and three entries:
//! keyCompromise, certificateHold with a hold instruction, and keyCompromise with an invalidity date.

use countersign_core::x509::Certificate;
use countersign_core::x509::Crl;

const ISSUER: &[u8] = include_bytes!("openssl/ca.der");
const LIST: &[u8] = include_bytes!("openssl/list.crl");

#[test]
fn reads_a_list_of_openssl() {
    let crl = Crl::read(LIST.to_vec(), &Certificate::parse(ISSUER).unwrap()).unwrap();
    assert_eq!(crl.this_update().to_string(), "2026-11-26T23:26:11Z");
    assert_eq!(crl.next_update().to_string(), "2026-12-26T23:26:11Z");
    assert_eq!(crl.number().unwrap().to_string(), "15");
    assert_eq!(crl.freshest_urls(), ["http://crl.example/openssl-delta.crl"]);
    assert_eq!(crl.entry_count(), 3);
    let entry = |serial: u8| {
        let entry = crl.entry(&[0x10, serial])?;
        let reason = entry.reason.map(|reason| reason.to_string());
        Some((entry.revoked_at.to_string(), reason, entry.invalid_since.map(|since| since.to_string())))
    };
    let at = || "2026-11-26T23:26:05Z".to_owned();
    let reason = |name: &str| Some(name.to_owned());
    assert_eq!(entry(0), Some((at(), reason("keyCompromise"), None)));
    assert_eq!(entry(1), Some((at(), reason("certificateHold"), None)));
    assert_eq!(entry(2), Some((at(), reason("keyCompromise"), Some("2026-10-01T12:00:00Z".to_owned()))));
    assert_eq!(entry(3), None);
}
