//! Several addresses of a distribution point, several points, and addresses that cannot be used.

use countersign_core_test_support::revocation::Sources;
use countersign_testkit::crl;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::IssuingPoint;
use countersign_testkit::crl::PointSpec;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use crate::notation::revocation::CRL;
use crate::notation::revocation::Fixture;
use crate::notation::revocation::entry;
use crate::notation::revocation::leaf;
use crate::notation::revocation::leaf_at;

const ONE: &str = "http://one.example/c";
const TWO: &str = "http://two.example/c";

#[test]
fn the_addresses_of_one_point_are_of_the_same_list() {
    let fixture = Fixture::new();
    let point = PointSpec::new(&["ldap://ldap.example/ca", ONE, TWO]);
    let good = fixture.root.crl(&CrlSpec::new());
    for sources in [
        Sources::new().with(ONE, good.clone()),
        Sources::new().with(TWO, good.clone()),
        Sources::new().with(ONE, b"wrong".to_vec()).with(TWO, good.clone()),
    ] {
        let outcome = fixture.verify(leaf_at(std::slice::from_ref(&point)), &sources);
        outcome.is_good();
        outcome.asked(&[["base ldap://ldap.example/ca http://one.example/c http://two.example/c"]]);
    }
    fixture.verify(leaf_at(&[point]), &Sources::new()).is_unchecked(
        "CRL: ldap://ldap.example/ca: connection refused; http://one.example/c: connection refused; \
         http://two.example/c: connection refused",
    );
}

#[test]
fn a_further_point_is_asked_only_if_the_first_does_not_cover_every_reason() {
    let fixture = Fixture::new();
    let good = || fixture.root.crl(&CrlSpec::new());
    let two = || leaf_at(&[PointSpec::new(&[ONE]), PointSpec::new(&[TWO])]);
    let first = fixture.verify(two(), &Sources::new().with(ONE, good()));
    first.is_good();
    first.asked(&[["base http://one.example/c"]]);
    let second = fixture.verify(two(), &Sources::new().with(TWO, good()));
    second.is_good();
    second.asked(&[["base http://one.example/c"], ["base http://two.example/c"]]);
    fixture
        .verify(two(), &Sources::new())
        .is_unchecked("CRL: http://one.example/c: connection refused; CRL: http://two.example/c: connection refused");
    // The first list covers some reasons only.
    let some = fixture.root.crl(&CrlSpec::new().issuing_point(&IssuingPoint::new().reasons(&[1, 2])));
    let sources = Sources::new().with(ONE, some).with(TWO, good());
    let both = fixture.verify(two(), &sources);
    both.is_good();
    both.asked(&[["base http://one.example/c"], ["base http://two.example/c"]]);
}

#[test]
fn points_with_different_reasons_are_asked_at_once_and_all_needed() {
    let fixture = Fixture::new();
    let spec =
        || leaf_at(&[PointSpec::new(&[ONE]).reasons(&[1, 2]), PointSpec::new(&[TWO]).reasons(&[3, 4, 5, 6, 7, 8])]);
    let good = || fixture.root.crl(&CrlSpec::new());
    let outcome = fixture.verify(spec(), &Sources::new().with(ONE, good()).with(TWO, good()));
    outcome.is_good();
    outcome.asked(&[["base http://one.example/c", "base http://two.example/c"]]);
    fixture.verify(spec(), &Sources::new().with(ONE, good())).is_unchecked_at(
        "\"http://one.example/c\", \"http://two.example/c\"",
        "CRL: http://two.example/c: connection refused",
    );
    let revoked = fixture.root.crl(&CrlSpec::new().revoked(&entry().reason(4)));
    for sources in [Sources::new().with(TWO, revoked.clone()), Sources::new().with(ONE, good()).with(TWO, revoked)] {
        let outcome = fixture.verify(spec(), &sources);
        assert!(outcome.text().starts_with("revoked: "), "{}", outcome.text());
    }
    let some = leaf_at(&[PointSpec::new(&[ONE]).reasons(&[1, 2])]);
    fixture
        .verify(some, &Sources::new().with(ONE, good()))
        .is_unchecked_at("\"http://one.example/c\"", "CRL: the lists do not cover every reason for a revocation");
}

#[test]
fn a_list_that_does_not_cover_the_certificate_says_nothing_about_it() {
    let fixture = Fixture::new();
    let plain = || PointSpec::new(&[CRL]);
    for (point, scope, why) in [
        (
            plain(),
            IssuingPoint::new().urls(&["http://crl.example/b.crl"]),
            "its issuing distribution point has none of the names of the certificate's distribution point",
        ),
        (
            plain(),
            IssuingPoint::new().authorities_only(),
            "it covers certificates of authorities only, and the certificate is none",
        ),
        (plain(), IssuingPoint::new().attribute_certificates_only(), "it covers attribute certificates only"),
    ] {
        // Not even if it lists the certificate.
        for list in [CrlSpec::new(), CrlSpec::new().revoked(&entry())] {
            let list = fixture.root.crl(&list.issuing_point(&scope));
            let outcome = fixture.verify(leaf_at(std::slice::from_ref(&point)), &Sources::new().with(CRL, list));
            outcome.is_unchecked(&format!("CRL: {CRL}: it does not cover the certificate: {why}"));
        }
    }
}

#[test]
fn an_address_extension_without_a_usable_address_is_not_the_same_as_none() {
    let fixture = Fixture::new();
    fixture.verify(leaf(), &Sources::new()).is_good();
    let unusable = |oid: &str, value: &[u8], why: &str| {
        let outcome = fixture.verify(leaf().extension(oid, false, value), &Sources::new());
        assert_eq!(
            outcome.text(),
            format!(
                "revocation-unchecked: revocation was not checked: certificate {} has no usable status: {why}; \
                 inconclusive, as the statement enforces the check",
                crate::notation::revocation::LEAF
            )
        );
        outcome.asked::<[&str; 0]>(&[]);
    };
    let no_crl = "CRL: cRLDistributionPoints of the certificate has no readable address";
    let directory = crl::points(&[PointSpec::default().directory("point")]);
    for value in [directory, crl::points(&[PointSpec::default().relative("point")]), der::sequence([]), vec![4, 0]] {
        unusable("2.5.29.31", &value, no_crl);
    }
    unusable("2.5.29.46", &[5, 0], "CRL: freshestCRL of the certificate has no readable address");
    let access = der::sequence([der::sequence([der::oid("1.3.6.1.5.5.7.48.1"), der::element(0x82, b"ocsp.example")])]);
    unusable("1.3.6.1.5.5.7.1.1", &access, "OCSP: authorityInfoAccess of the certificate has no readable address");
    // An authorityInfoAccess without OCSP responders names no source of a status.
    let issuers =
        der::sequence([der::sequence([der::oid("1.3.6.1.5.5.7.48.2"), der::element(0x86, b"http://ca.example")])]);
    fixture.verify(leaf().extension("1.3.6.1.5.5.7.1.1", false, &issuers), &Sources::new()).is_good();
}

#[test]
fn a_point_without_an_address_beside_others_is_needed_for_its_reasons_only() {
    let fixture = Fixture::new();
    let good = fixture.root.crl(&CrlSpec::new());
    let without_uri = || PointSpec::default().directory("point");
    let sources = Sources::new().with(ONE, good);
    fixture.verify(leaf_at(&[without_uri(), PointSpec::new(&[ONE])]), &sources).is_good();
    fixture.verify(leaf_at(&[PointSpec::new(&[ONE]), without_uri()]), &sources).is_good();
    fixture
        .verify(leaf_at(&[PointSpec::new(&[ONE]).reasons(&[1]), without_uri()]), &sources)
        .is_unchecked_at("\"http://one.example/c\"", "CRL: a distribution point has no URI");
}

#[test]
fn points_after_the_last_round_are_not_asked() {
    let fixture = Fixture::new();
    let urls: [String; 7] = std::array::from_fn(|number| format!("http://{}.example", number + 1));
    let points: Vec<PointSpec> = urls.iter().map(|url| PointSpec::new(&[url])).collect();
    let outcome = fixture.verify(leaf_at(&points), &Sources::new().with(&urls[6], fixture.root.crl(&CrlSpec::new())));
    outcome.is_unchecked_at(
        "\"http://1.example\", \"http://2.example\" and 5 more",
        "CRL: http://1.example: connection refused; CRL: http://2.example: connection refused and 5 more",
    );
    outcome.asked(&[
        ["base http://1.example"],
        ["base http://2.example"],
        ["base http://3.example"],
        ["base http://4.example"],
        ["base http://5.example"],
        ["base http://6.example"],
    ]);
}

#[test]
fn a_list_of_another_authority_is_not_requested() {
    let fixture = Fixture::new();
    let other = Authority::root(CertSpec::root().common_name("other"));
    let indirect = || PointSpec::new(&[CRL]).crl_issuer(crl::subject(other.der()));
    let outcome = fixture.verify(leaf_at(&[indirect()]), &Sources::new().with(CRL, other.crl(&CrlSpec::new())));
    outcome.is_unchecked_at(
        &format!("\"{CRL}\""),
        "CRL: the certificate names another authority as issuer of the CRL (indirect CRL), which is not supported",
    );
    outcome.asked::<[&str; 0]>(&[]);
    // A further point of the issuer is enough, and so is its own name.
    let good = Sources::new().with(ONE, fixture.root.crl(&CrlSpec::new()));
    fixture.verify(leaf_at(&[indirect(), PointSpec::new(&[ONE])]), &good).is_good();
    let own = PointSpec::new(&[ONE]).crl_issuer(crl::subject(fixture.root.der()));
    fixture.verify(leaf_at(&[own]), &good).is_good();
}
