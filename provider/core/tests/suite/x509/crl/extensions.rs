//! Extensions of a list.

use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::IssuingPoint;
use countersign_testkit::crl::PointSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::crl::points;
use countersign_testkit::der;

use crate::x509::crl::Issuer;

#[test]
fn reads_the_number_and_the_indicator_of_a_delta() {
    let issuer = Issuer::root();
    let delta = issuer.read(&CrlSpec::delta(7)).unwrap();
    assert_eq!(delta.number().unwrap().to_string(), "8");
    assert_eq!(delta.delta_base().unwrap().to_string(), "7");
    let unnumbered = issuer.read(&CrlSpec::delta(7).without_number()).unwrap();
    assert_eq!(unnumbered.number(), None);
    let long = der::element(0x02, &[0x7f; 20]);
    let numbered = issuer.read(&CrlSpec::new().raw_number(&long)).unwrap();
    assert_eq!(numbered.number().unwrap().to_string(), format!("0x{}", "7f".repeat(20)));
}

#[test]
fn refuses_malformed_numbers() {
    let issuer = Issuer::root();
    for value in [
        der::element(0x02, &[0xff]),
        der::element(0x02, &[0x7f; 21]),
        der::element(0x02, &[0, 1]),
        der::element(0x02, &[]),
        der::octet_string(&[1]),
        [der::integer(1), vec![0]].concat(),
    ] {
        issuer
            .refuses(&CrlSpec::new().raw_number(&value), "CRL has a malformed cRLNumber, expected DER as in RFC 5280");
        issuer.refuses(
            &CrlSpec::new().extension("2.5.29.27", true, &value),
            "CRL has a malformed deltaCRLIndicator, expected DER as in RFC 5280",
        );
    }
}

#[test]
fn refuses_unknown_critical_extensions_and_ignores_others() {
    let issuer = Issuer::root();
    for oid in ["1.2.3.4", "2.5.29.35", "2.5.29.18"] {
        issuer.refuses(
            &CrlSpec::new().extension(oid, true, &der::sequence([])),
            &format!("CRL has the critical extension {oid}, which is not supported"),
        );
        assert!(issuer.read(&CrlSpec::new().extension(oid, false, &der::sequence([]))).is_ok(), "{oid}");
    }
}

#[test]
fn refuses_an_extension_twice() {
    Issuer::root().refuses(
        &CrlSpec::new().extension("2.5.29.20", false, &der::integer(9)),
        "CRL has a malformed list of extensions, expected DER as in RFC 5280",
    );
}

#[test]
fn reads_the_addresses_of_delta_lists_in_order() {
    let issuer = Issuer::root();
    let spec = CrlSpec::new().freshest_url("ldap://a.example/d").freshest_url("http://b.example/d.crl");
    assert_eq!(issuer.read(&spec).unwrap().freshest_urls(), ["ldap://a.example/d", "http://b.example/d.crl"]);
    let directory = points(&[PointSpec::default().directory("delta")]);
    assert_eq!(
        issuer.read(&CrlSpec::new().extension("2.5.29.46", false, &directory)).unwrap().freshest_urls(),
        [""; 0]
    );
    for value in [der::sequence([]), der::integer(1), points(&[PointSpec::new(&["http://ä.example"])])] {
        issuer.refuses(
            &CrlSpec::new().extension("2.5.29.46", false, &value),
            "CRL has a malformed freshestCRL, expected DER as in RFC 5280",
        );
    }
}

#[test]
fn refuses_indirect_lists() {
    let issuer = Issuer::root();
    let only_own = "expected a CRL about certificates of its own issuer only";
    issuer.refuses(
        &CrlSpec::new().issuing_point(&IssuingPoint::new().indirect()),
        &format!("CRL is indirect: found indirectCRL, {only_own}"),
    );
    let name = der::sequence([der::element(0xa4, &der::sequence([]))]);
    for critical in [true, false] {
        issuer.refuses(
            &CrlSpec::new().revoked(&Revoked::new(&[1]).extension("2.5.29.29", critical, &name)),
            &format!("CRL is indirect: found certificateIssuer, {only_own}"),
        );
    }
}

#[test]
fn refuses_a_malformed_issuing_distribution_point() {
    let issuer = Issuer::root();
    for value in [
        der::integer(1),
        der::sequence([der::element(0x81, &[1])]),
        der::sequence([der::element(0x83, &[7, 0x41])]),
        der::sequence([der::element(0x82, &[0xff]), der::element(0x81, &[0xff])]),
        der::sequence([der::element(0xa0, &[])]),
        der::sequence([der::element(0xa0, &der::element(0xa0, &[]))]),
        der::sequence([der::element(0x86, &[0xff])]),
        // More than one of onlyContainsUserCerts, onlyContainsCACerts and onlyContainsAttributeCerts.
        der::sequence([der::element(0x81, &[0xff]), der::element(0x82, &[0xff])]),
        der::sequence([der::element(0x81, &[0xff]), der::element(0x85, &[0xff])]),
        der::sequence([der::element(0x82, &[0xff]), der::element(0x85, &[0xff])]),
    ] {
        issuer.refuses(
            &CrlSpec::new().raw_issuing_point(&value),
            "CRL has a malformed issuingDistributionPoint, expected DER as in RFC 5280",
        );
    }
}
