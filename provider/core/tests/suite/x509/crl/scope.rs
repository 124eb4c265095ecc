//! The scope of a list against a certificate and its distribution point.

use countersign_core::x509::Certificate;
use countersign_core::x509::ReasonSet;
use countersign_core::x509::ScopeMismatch;
use countersign_testkit::crl;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::IssuingPoint;
use countersign_testkit::crl::PointSpec;
use countersign_testkit::crl::points;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use crate::x509::crl::Issuer;

const URL: &str = "http://crl.example/a.crl";

/// What a list with this issuing distribution point covers of a certificate with this distribution point.
fn covered(spec: CertSpec, point: PointSpec, scope: Option<IssuingPoint>) -> Result<ReasonSet, ScopeMismatch> {
    let issuer = Issuer::root();
    // The point is in the list in any case, which needs one URI.
    let value = points(&[point, PointSpec::new(&["http://other.example"])]);
    let chain = issuer.authority.issue(spec.extension("2.5.29.31", false, &value));
    let certificate = Certificate::parse(chain.leaf_der()).unwrap();
    let list = scope.iter().fold(CrlSpec::new(), |list, scope| list.issuing_point(scope));
    let list = issuer.read(&list).unwrap();
    list.scope().reasons(&certificate, &certificate.revocation_addresses().crl[0])
}

fn leaf() -> CertSpec {
    CertSpec::leaf()
}

fn at(url: &str) -> PointSpec {
    PointSpec::new(&[url])
}

#[test]
fn a_list_without_a_scope_covers_everything_at_the_point() {
    assert_eq!(covered(leaf(), at(URL), None), Ok(ReasonSet::ALL));
    assert_eq!(covered(leaf(), at(URL), Some(IssuingPoint::new())), Ok(ReasonSet::ALL));
    let some = covered(leaf(), at(URL).reasons(&[1, 2]), None).unwrap();
    assert!(some != ReasonSet::ALL && some != ReasonSet::NONE);
}

#[test]
fn the_name_of_the_point_must_be_the_same() {
    let named = |urls: &[&str]| Some(IssuingPoint::new().urls(urls));
    let both = PointSpec::new(&["ldap://ldap.example/ca", URL]).directory("point");
    assert_eq!(covered(leaf(), at(URL), named(&[URL])), Ok(ReasonSet::ALL));
    assert_eq!(covered(leaf(), both.clone(), named(&["http://x.example", URL])), Ok(ReasonSet::ALL));
    let other = Err(ScopeMismatch::OtherPoint);
    assert_eq!(covered(leaf(), at(URL), named(&["http://crl.example/b.crl"])), other);
    // Compared byte by byte.
    assert_eq!(covered(leaf(), at(URL), named(&["http://CRL.example/a.crl"])), other);
    assert_eq!(
        covered(leaf(), PointSpec::default().relative("one"), Some(IssuingPoint::new().relative("one"))),
        Ok(ReasonSet::ALL)
    );
    assert_eq!(covered(leaf(), PointSpec::default().relative("one"), Some(IssuingPoint::new().relative("two"))), other);
    assert_eq!(covered(leaf(), at(URL), Some(IssuingPoint::new().relative("one"))), other);
}

#[test]
fn a_point_without_a_name_and_an_issuer_makes_the_extension_unreadable() {
    for point in [PointSpec::default(), PointSpec::default().reasons(&[1])] {
        let value = points(&[point, at(URL)]);
        let chain = Issuer::root().authority.issue(leaf().extension("2.5.29.31", false, &value));
        let certificate = Certificate::parse(chain.leaf_der()).unwrap();
        let addresses = certificate.revocation_addresses();
        assert_eq!((addresses.crl.len(), &addresses.unreadable[..]), (0, &["cRLDistributionPoints"][..]));
    }
}

#[test]
fn the_kind_of_certificate_must_be_covered() {
    let users = || Some(IssuingPoint::new().user_certificates_only());
    let authorities = || Some(IssuingPoint::new().authorities_only());
    assert_eq!(covered(leaf(), at(URL), users()), Ok(ReasonSet::ALL));
    assert_eq!(covered(leaf(), at(URL), authorities()), Err(ScopeMismatch::AuthoritiesOnly));
    assert_eq!(covered(CertSpec::intermediate(), at(URL), authorities()), Ok(ReasonSet::ALL));
    assert_eq!(covered(CertSpec::intermediate(), at(URL), users()), Err(ScopeMismatch::UserCertificatesOnly));
    let attributes = Some(IssuingPoint::new().attribute_certificates_only());
    assert_eq!(covered(leaf(), at(URL), attributes), Err(ScopeMismatch::AttributeCertificatesOnly));
}

#[test]
fn reasons_are_those_of_both_the_list_and_the_point() {
    let some = |reasons: &[u8]| Some(IssuingPoint::new().reasons(reasons));
    let of_point = |reasons: &[u8]| covered(leaf(), at(URL).reasons(reasons), None).unwrap();
    assert_eq!(covered(leaf(), at(URL), some(&[1, 2])), Ok(of_point(&[1, 2])));
    assert_eq!(covered(leaf(), at(URL).reasons(&[2, 3]), some(&[1, 2])), Ok(of_point(&[2])));
    assert_eq!(covered(leaf(), at(URL).reasons(&[3]), some(&[1, 2])), Ok(ReasonSet::NONE));
    assert_eq!(of_point(&[1, 2, 3, 4]).union(of_point(&[5, 6, 7, 8])), ReasonSet::ALL);
}

#[test]
fn a_point_with_another_issuer_of_the_list_is_not_covered() {
    let own = Authority::root(CertSpec::root());
    let other = Authority::root(CertSpec::root().common_name("other"));
    assert_eq!(covered(leaf(), at(URL).crl_issuer(crl::subject(own.der())), None), Ok(ReasonSet::ALL));
    let indirect = at(URL).crl_issuer(crl::subject(other.der()));
    assert_eq!(covered(leaf(), indirect, None), Err(ScopeMismatch::OtherIssuer));
}
