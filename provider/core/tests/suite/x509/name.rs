//! The printed form of names. The expected texts are those of Go 1.26 for the same certificates.

use countersign_core::x509::Certificate;
use countersign_core::x509::CertificateError;
use countersign_testkit::der;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use crate::x509::pair;
use crate::x509::parse;

fn printed(subject: &[(&str, &str)]) -> String {
    parse(pair(CertSpec::leaf().subject(subject)).leaf_der()).subject().to_string()
}

#[test]
fn prints_attributes_in_the_order_of_go() {
    let subject =
        [("CN", "release"), ("O", "Example AG"), ("OU", "a"), ("C", "CH"), ("OU", "b"), ("ST", "ZH"), ("L", "Zürich")];
    assert_eq!(printed(&subject), "CN=release,OU=a+OU=b,O=Example AG,L=Zürich,ST=ZH,C=CH");
    let subject = [("C", "CH"), ("2.5.4.17", "8001"), ("O", "a"), ("ST", "ZH"), ("2.5.4.9", "Street 1")];
    assert_eq!(printed(&subject), "O=a,POSTALCODE=8001,STREET=Street 1,ST=ZH,C=CH");
    let subject = [("2.5.4.5", "7"), ("2.5.4.17", "8001"), ("2.5.4.9", "Street 1"), ("C", "CH"), ("CN", "x")];
    assert_eq!(printed(&subject), "SERIALNUMBER=7,CN=x,POSTALCODE=8001,STREET=Street 1,C=CH");
}

#[test]
fn prints_multi_valued_names_apart() {
    let spec = CertSpec::leaf().subject_rdns(&[&[("C", "CH")], &[("OU", "x"), ("CN", "y")]]);
    assert_eq!(parse(pair(spec).leaf_der()).subject().to_string(), "CN=y,OU=x,C=CH");
}

#[test]
fn prints_types_without_a_short_name_last_and_in_hexadecimal() {
    let domain = "0.9.2342.19200300.100.1.25";
    let subject =
        [(domain, "com"), (domain, "example"), ("C", "CH"), ("1.2.840.113549.1.9.1", "a@b"), ("2.5.4.12", "Dr.")];
    assert_eq!(
        printed(&subject),
        "C=CH,2.5.4.12=#130344722e,1.2.840.113549.1.9.1=#0c03614062,\
         0.9.2342.19200300.100.1.25=#13076578616d706c65,0.9.2342.19200300.100.1.25=#1303636f6d"
    );
    assert_eq!(printed(&[("2.5.4.12", &"x".repeat(130))]), format!("2.5.4.12=#138182{}", "78".repeat(130)));
}

#[test]
fn escapes_separators() {
    let subject = [("CN", " #a,b+c\"d\\e<f>g;h=i "), ("O", "#1"), ("OU", " ")];
    assert_eq!(printed(&subject), "CN=\\ #a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h=i\\ ,OU=\\ ,O=\\#1");
}

#[test]
fn escapes_control_characters_and_limits_the_length() {
    assert_eq!(printed(&[("CN", "a\nb\r\u{1b}[2J\u{7f}")]), "CN=a\\0ab\\0d\\1b[2J\\7f");
    assert_eq!(
        printed(&[("CN", "a\u{202e}b\u{2028}\u{feff}c\u{85}")]),
        "CN=a\\e2\\80\\aeb\\e2\\80\\a8\\ef\\bb\\bfc\\c2\\85"
    );
    let long = printed(&[("CN", &"x".repeat(5000))]);
    assert_eq!(long, format!("CN={}… (cut)", "x".repeat(1024 - "CN=… (cut)".len())));
}

#[test]
fn shows_every_common_name() {
    assert_eq!(printed(&[("CN", "a"), ("CN", "b")]), "CN=a+CN=b");
}

/// The subject of a leaf with one attribute of this type and value.
fn with_value(tag: u8, value: &[u8]) -> Result<String, CertificateError> {
    let authority = Authority::root(CertSpec::root());
    let attribute = der::sequence([der::oid("2.5.4.3"), der::element(tag, value)]);
    let name = der::sequence([der::set([attribute])]);
    let leaf = authority.reissue(authority.issue(CertSpec::leaf()).leaf_der(), |tbs| tbs[5] = name);
    Certificate::parse(&leaf).map(|leaf| leaf.subject().attributes()[0].value().to_owned())
}

#[test]
fn decodes_every_string_type_that_names_have() {
    for (tag, value, text) in [
        (0x0c, "Zürich".as_bytes(), "Zürich"),
        (0x12, b"12 3", "12 3"),
        (0x13, b"a-b*&", "a-b*&"),
        (0x14, b"Z\xfcrich", "Zürich"),
        (0x16, b"a@b", "a@b"),
        (0x1e, b"\0Z\0\xfc\x20\xac", "Zü€"),
    ] {
        assert_eq!(with_value(tag, value).as_deref(), Ok(text), "{tag:02x}");
    }
}

#[test]
fn refuses_names_that_are_no_strings_or_not_in_their_repertoire() {
    for (tag, value) in [
        (0x0c, &b"\xff"[..]),
        (0x12, b"1a"),
        (0x13, b"a@b"),
        (0x16, b"\xfc"),
        (0x1e, b"\0a\0"),
        (0x1e, b"\xd8\x00\xdc\x00"),
        (0x1c, b"\0\0\0a"),
        (0x02, b"\x01"),
        (0x04, b"a"),
        (0x30, b""),
    ] {
        let error = with_value(tag, value).unwrap_err();
        let refused =
            matches!(error, CertificateError::Malformed { part: "subject", .. } | CertificateError::NotACertificate);
        assert!(refused, "{tag:02x} {error}");
    }
}
