//! Entries of a list.

use countersign_core::x509::CrlEntry;
use countersign_core::x509::RevocationReason;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::der;
use time::macros::datetime;

use crate::x509::crl::Issuer;

/// Date, reason and invalidity date.
fn shown(entry: Option<CrlEntry>) -> String {
    let Some(CrlEntry { revoked_at, reason, invalid_since }) = entry else { return "none".to_owned() };
    let reason = reason.map_or("no reason".to_owned(), |reason| reason.to_string());
    let since = invalid_since.map_or(String::new(), |since| format!(", invalid since {since}"));
    format!("{revoked_at} {reason}{since}")
}

#[test]
fn finds_each_entry_by_its_serial_number() {
    let issuer = Issuer::root();
    // Of several lengths, with the highest bit set and not, in no order.
    let serials: [&[u8]; 7] = [&[0x7f], &[1, 0], &[0, 0x80], &[0], &[0x12; 20], &[0, 0xff, 1], &[0x12; 40]];
    let spec = serials.iter().zip(1..).fold(CrlSpec::new(), |spec, (serial, day)| {
        let at = datetime!(2026-11-01 00:00 UTC).replace_day(day).unwrap();
        spec.revoked(&Revoked::new(serial).at(at))
    });
    let crl = issuer.read(&spec).unwrap();
    assert_eq!(crl.entry_count(), serials.len());
    for (serial, day) in serials.iter().zip(1..) {
        let number = serial.strip_prefix(&[0]).unwrap_or(serial);
        assert_eq!(shown(crl.entry(number)), format!("2026-11-0{day}T00:00:00Z no reason"), "{serial:02x?}");
    }
    for absent in [&[0x80, 0][..], &[1], &[2], &[0x12; 19], &[0x12; 21], &[0xff; 20]] {
        assert_eq!(crl.entry(absent), None, "{absent:02x?}");
    }
}

#[test]
fn a_negative_serial_number_is_that_of_no_certificate() {
    let crl = Issuer::root().read(&CrlSpec::new().revoked(&Revoked::new(&[0xff, 0x7f]))).unwrap();
    assert_eq!(crl.entry_count(), 1);
    assert_eq!(crl.entry(&[0xff, 0x7f]), None);
}

#[test]
fn reads_every_reason_and_the_invalidity_date() {
    let issuer = Issuer::root();
    for (number, name) in [
        (0, "unspecified"),
        (1, "keyCompromise"),
        (2, "cACompromise"),
        (3, "affiliationChanged"),
        (4, "superseded"),
        (5, "cessationOfOperation"),
        (6, "certificateHold"),
        (7, "reason 7"),
        (8, "removeFromCRL"),
        (9, "privilegeWithdrawn"),
        (10, "aACompromise"),
        (11, "reason 11"),
    ] {
        let entry = Revoked::new(&[5]).reason(number).invalid_since(datetime!(2026-10-01 12:30:59 UTC));
        let crl = issuer.read(&CrlSpec::new().revoked(&entry)).unwrap();
        assert_eq!(shown(crl.entry(&[5])), format!("2026-11-01T00:00:00Z {name}, invalid since 2026-10-01T12:30:59Z"));
    }
}

#[test]
fn the_most_severe_of_several_entries_counts() {
    let issuer = Issuer::root();
    let entry = |reason| Revoked::new(&[5]).reason(reason);
    let since = |day: u8| datetime!(2026-10-01 00:00 UTC).replace_day(day).unwrap();
    for (entries, expected) in [
        (vec![entry(6), entry(1)], "2026-11-01T00:00:00Z keyCompromise"),
        (vec![entry(8), entry(6)], "2026-11-01T00:00:00Z certificateHold"),
        (vec![entry(8), entry(1), entry(6)], "2026-11-01T00:00:00Z keyCompromise"),
        (vec![entry(6), Revoked::new(&[5])], "2026-11-01T00:00:00Z no reason"),
        (vec![entry(8), entry(7)], "2026-11-01T00:00:00Z reason 7"),
        (vec![entry(4).invalid_since(since(2)), entry(1)], "2026-11-01T00:00:00Z keyCompromise"),
        (
            vec![entry(4).invalid_since(since(2)), entry(1).invalid_since(since(3))],
            "2026-11-01T00:00:00Z superseded, invalid since 2026-10-02T00:00:00Z",
        ),
        (vec![entry(1), entry(1).at(datetime!(2026-10-15 00:00 UTC))], "2026-10-15T00:00:00Z keyCompromise"),
    ] {
        for order in [entries.clone(), entries.into_iter().rev().collect()] {
            let spec =
                order.iter().fold(CrlSpec::new().revoked(&Revoked::new(&[4])), |spec, entry| spec.revoked(entry));
            assert_eq!(shown(issuer.read(&spec).unwrap().entry(&[5])), expected, "{order:?}");
        }
    }
}

#[test]
fn a_critical_extension_of_any_entry_makes_the_list_unusable() {
    let issuer = Issuer::root();
    let unknown = |critical| Revoked::new(&[9]).extension("1.2.3.4", critical, &[5, 0]);
    let spec = CrlSpec::new().many(3).revoked(&unknown(true)).many(2);
    issuer.refuses(&spec, "CRL entry 4 has the critical extension 1.2.3.4, which is not supported");
    assert_eq!(issuer.read(&CrlSpec::new().many(3).revoked(&unknown(false))).unwrap().entry_count(), 4);
    // A reason may be critical, as it is processed.
    let critical = Revoked::new(&[9]).extension("2.5.29.21", true, &der::element(0x0a, &[1]));
    assert!(issuer.read(&CrlSpec::new().revoked(&critical)).unwrap().entry(&[9]).is_some());
    assert_eq!(
        issuer.read(&CrlSpec::new().revoked(&critical)).unwrap().entry(&[9]).unwrap().reason,
        Some(RevocationReason::KeyCompromise)
    );
}

#[test]
fn refuses_malformed_entries_with_their_position() {
    let issuer = Issuer::root();
    let date = der::element(0x17, b"261101000000Z");
    let entry = |serial: &[u8]| Revoked::new(serial);
    let reason = |value: &[u8]| entry(&[1]).extension("2.5.29.21", false, value);
    let invalid = |value: &[u8]| entry(&[1]).extension("2.5.29.24", false, value);
    for (wrong, part) in [
        (entry(&[]), "serialNumber"),
        (entry(&[0, 1]), "serialNumber"),
        (entry(&[0xff, 0xff]), "serialNumber"),
        (entry(&[1]).raw_date(&der::element(0x17, b"2611010000Z")), "revocationDate"),
        (entry(&[1]).raw_date(&der::element(0x18, b"20261101000000.5Z")), "revocationDate"),
        (entry(&[1]).raw_date(&der::element(0x18, b"20261131000000Z")), "revocationDate"),
        (entry(&[1]).raw_date(&[]), "revocationDate"),
        (entry(&[1]).raw_date(&[date.clone(), der::integer(1)].concat()), "extensions"),
        (entry(&[1]).raw_date(&[date.clone(), der::sequence([])].concat()), "list of extensions"),
        (reason(&der::integer(1)), "reasonCode"),
        (reason(&der::element(0x0a, &[0xff])), "reasonCode"),
        (reason(&der::element(0x0a, &[])), "reasonCode"),
        (entry(&[1]).reason(1).reason(6), "list of extensions"),
        (invalid(&date), "invalidityDate"),
        (invalid(&der::element(0x18, b"20261101000000+0100")), "invalidityDate"),
        (invalid(&der::element(0x18, b"202611010000Z")), "invalidityDate"),
    ] {
        issuer.refuses(
            &CrlSpec::new().many(1).revoked(&wrong),
            &format!("CRL entry 2 has a malformed {part}, expected DER as in RFC 5280"),
        );
    }
    for wrong in [&der::integer(1)[..], &[0x30, 0x05, 0]] {
        let error = issuer.read(&CrlSpec::new().raw_entry(wrong)).unwrap_err().to_string();
        assert_eq!(error, "CRL has a malformed list of entries, expected DER as in RFC 5280");
    }
}
