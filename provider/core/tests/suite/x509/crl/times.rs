//! thisUpdate and nextUpdate.

use std::time::Duration;

use countersign_core::time::UnixTime;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use time::macros::datetime;

use crate::x509::crl::Issuer;

const SKEW: Duration = Duration::from_secs(300);

#[test]
fn a_list_is_current_from_this_update_to_next_update_with_a_tolerance() {
    let crl = Issuer::root().read(&CrlSpec::new()).unwrap();
    for (now, expected) in [
        (
            "2026-11-19T23:54:59Z",
            Some(
                "CRL is from the future: found thisUpdate 2026-11-20T00:00:00Z, expected at most 300s after \
                 2026-11-19T23:54:59Z",
            ),
        ),
        ("2026-11-19T23:55:00Z", None),
        ("2026-11-20T00:00:00Z", None),
        ("2026-11-27T00:00:00Z", None),
        ("2026-11-27T00:05:00Z", None),
        (
            "2026-11-27T00:05:01Z",
            Some(
                "CRL has expired: found nextUpdate 2026-11-27T00:00:00Z, expected at most 300s before \
                 2026-11-27T00:05:01Z",
            ),
        ),
    ] {
        let checked = crl.check_time(UnixTime::from_rfc3339(now).unwrap(), SKEW);
        assert_eq!(checked.map_err(|error| error.to_string()).err().as_deref(), expected, "{now}");
    }
    let exact = |now| crl.check_time(UnixTime::from_rfc3339(now).unwrap(), Duration::ZERO).is_ok();
    assert!(!exact("2026-11-19T23:59:59Z") && exact("2026-11-20T00:00:00Z"));
    assert!(exact("2026-11-27T00:00:00Z") && !exact("2026-11-27T00:00:01Z"));
}

#[test]
fn refuses_a_list_without_next_update_or_with_one_that_is_not_later() {
    let issuer = Issuer::root();
    let expected = "CRL has no nextUpdate, so its age is not limited; expected one";
    issuer.refuses(&CrlSpec::new().without_next_update(), expected);
    issuer.refuses(&CrlSpec::new().without_next_update().many(2), expected);
    for next in [datetime!(2026-11-20 00:00 UTC), datetime!(2026-11-19 23:59:59 UTC)] {
        let error = issuer.read(&CrlSpec::new().valid(CrlSpec::THIS_UPDATE, next)).unwrap_err().to_string();
        assert!(error.starts_with("CRL ends before it begins: found nextUpdate 2026-11-"), "{error}");
        assert!(error.ends_with("expected it after thisUpdate 2026-11-20T00:00:00Z"), "{error}");
    }
}

#[test]
fn reads_both_kinds_of_time() {
    let issuer = Issuer::root();
    let times = |spec: &CrlSpec| {
        let crl = issuer.read(spec).unwrap();
        format!("{} {}", crl.this_update(), crl.next_update())
    };
    let late = CrlSpec::new().valid(datetime!(2049-12-31 23:59:59 UTC), datetime!(2050-01-01 00:00 UTC));
    assert_eq!(times(&late), "2049-12-31T23:59:59Z 2050-01-01T00:00:00Z");
    assert_eq!(times(&CrlSpec::new().generalized_times()), "2026-11-20T00:00:00Z 2026-11-27T00:00:00Z");
    let entry = Revoked::new(&[1]).at(datetime!(2050-01-01 00:00 UTC));
    let crl = issuer.read(&late.revoked(&entry)).unwrap();
    assert_eq!(crl.entry(&[1]).unwrap().revoked_at.to_string(), "2050-01-01T00:00:00Z");
}
