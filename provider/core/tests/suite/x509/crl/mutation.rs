//! Changed bytes: no change makes a list say something else, and none panics.

use countersign_core_test_support::sweep;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::IssuingPoint;
use countersign_testkit::crl::Revoked;

use crate::x509::crl::Issuer;

fn full() -> CrlSpec {
    let entry = Revoked::new(&[5]).reason(1).invalid_since(CrlSpec::THIS_UPDATE);
    CrlSpec::new()
        .many(2)
        .revoked(&entry)
        .issuing_point(&IssuingPoint::new().urls(&["http://crl.example/a.crl"]).user_certificates_only())
        .freshest_url("http://crl.example/d.crl")
}

#[test]
fn no_list_with_a_changed_byte_is_usable() {
    let issuer = Issuer::root();
    let good = issuer.authority.crl(&full());
    assert!(issuer.read_bytes(good.clone()).unwrap().entry(&[5]).is_some());
    for position in sweep::positions(&good) {
        for bit in sweep::changes(position, [0x01, 0x20, 0x80]) {
            let mut changed = good.clone();
            changed[position] ^= bit;
            assert!(issuer.read_bytes(changed).is_err(), "byte {position} bit {bit:#x}");
        }
    }
}

#[test]
fn no_signed_list_with_a_changed_byte_in_its_entries_panics_or_loses_an_entry() {
    // The changed list is signed again, as by an authority with a fault.
    let issuer = Issuer::root();
    let spec = Revoked::new(&[5]).reason(1).invalid_since(CrlSpec::THIS_UPDATE);
    let one = issuer.authority.crl(&CrlSpec::new().revoked(&spec));
    let tbs = countersign_testkit::der::children(&one)[0].to_vec();
    let entry = countersign_testkit::der::children(countersign_testkit::der::children(&tbs)[5])[0].to_vec();
    for position in 0..entry.len() {
        for bit in 0..8 {
            let mut changed = entry.clone();
            changed[position] ^= 1 << bit;
            if let Ok(crl) = issuer.read(&CrlSpec::new().raw_entry(&changed)) {
                assert_eq!(crl.entry_count(), 1, "byte {position} bit {bit}");
            }
        }
    }
}
