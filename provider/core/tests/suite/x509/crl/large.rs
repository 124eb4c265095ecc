//! Large lists.

use countersign_core::limits;
use countersign_core::x509::RevocationReason;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;

use crate::x509::crl::Issuer;

#[test]
fn finds_every_entry_of_a_large_unsorted_list() {
    let count = 20_000;
    let crl = Issuer::root().read(&CrlSpec::new().many(count)).unwrap();
    assert_eq!(crl.entry_count(), 20_000);
    for number in 0..count {
        assert!(crl.entry(&CrlSpec::many_serial(number)).is_some(), "{number}");
    }
    for number in count..count + 1000 {
        assert_eq!(crl.entry(&CrlSpec::many_serial(number)), None, "{number}");
    }
}

#[test]
fn refuses_more_entries_than_the_limit() {
    let issuer = Issuer::root();
    // The smallest entry has 20 bytes.
    let small = Revoked::new(&[1]);
    let list = |count: usize| {
        let entry = {
            let one = issuer.authority.crl(&CrlSpec::new().revoked(&small));
            let tbs = countersign_testkit::der::children(&one)[0].to_vec();
            countersign_testkit::der::children(countersign_testkit::der::children(&tbs)[5])[0].to_vec()
        };
        CrlSpec::new().raw_entry(&entry.repeat(count))
    };
    let found = limits::CRL_ENTRIES + 1;
    issuer.refuses(&list(found), "CRL: found 1000001 entries, expected at most 1000000");
}

#[test]
fn keeps_one_entry_for_each_serial_number() {
    let issuer = Issuer::root();
    let twice =
        CrlSpec::new().many(50).revoked(&Revoked::new(&[5]).reason(6)).many(60).revoked(&Revoked::new(&[5]).reason(1));
    let crl = issuer.read(&twice).unwrap();
    assert_eq!(crl.entry_count(), 61);
    assert_eq!(crl.entry(&[5]).unwrap().reason, Some(RevocationReason::KeyCompromise));
    assert!((0..60).all(|number| crl.entry(&CrlSpec::many_serial(number)).is_some()));
}
