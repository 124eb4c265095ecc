//! Certificates and chains from the Notary Project's own tests.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::x509::Certificate;
use countersign_core::x509::CertificateError;

use crate::x509::check;
use crate::x509::parse;

fn vectors() -> Option<std::path::PathBuf> {
    let folder = countersign_core_test_support::vectors::vectors();
    if folder.is_none() {
        eprintln!("outside vectors not run: set COUNTERSIGN_VECTORS to their folder");
    }
    folder
}

fn der(folder: &Path, path: &str) -> Vec<u8> {
    let bytes = fs::read(folder.join(path)).unwrap();
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return bytes;
    };
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

fn certificate(folder: &Path, path: &str) -> Certificate {
    parse(&der(folder, path))
}

#[test]
fn the_certificate_with_a_hexadecimal_mark_in_its_name_is_refused_for_its_version() {
    let Some(folder) = vectors() else {
        return;
    };
    let bad = der(&folder, "notation-go/verifier/testdata/verifier/bad-cert.pem");
    assert_eq!(Certificate::parse(&bad), Err(CertificateError::Version { found: 1 }));
}

#[test]
fn names_are_printed_as_go_prints_them() {
    let Some(folder) = vectors() else {
        return;
    };
    let digicert = "CN=DigiCert Trusted Root G4,OU=www.digicert.com,O=DigiCert Inc,C=US";
    let stamping = "CN=DigiCert Trusted G4 RSA4096 SHA256 TimeStamping CA,O=DigiCert\\, Inc.,C=US";
    let revocable = "CN=Notation Test Revokable RSA Chain Cert";
    let notary = "O=Notary,L=Seattle,ST=WA,C=US";
    let management = "CN=ManagementCA,O=EJBCA Container Quickstart,\
                      0.9.2342.19200300.100.1.1=#1313632d306e77776f7a7176617776616f33656368";
    let signing = "CN=SomeCN,OU=SomeOU,O=SomeOrg,L=Seattle,ST=WA,C=US";
    let store = "notation-go/verifier/testdata/truststore/x509";
    for (path, subject, issuer) in [
        ("notation-core-go/x509/testdata/timestamp_root.crt".to_owned(), digicert.to_owned(), digicert.to_owned()),
        (
            "notation-core-go/x509/testdata/timestamp_intermediate.crt".to_owned(),
            stamping.to_owned(),
            digicert.to_owned(),
        ),
        (
            "notation-core-go/x509/testdata/timestamp_leaf.crt".to_owned(),
            "CN=DigiCert Timestamp 2023,O=DigiCert\\, Inc.,C=US".to_owned(),
            stamping.to_owned(),
        ),
        (
            "notation-core-go/revocation/crl/testdata/certificateWithDeltaCRL.cer".to_owned(),
            "CN=NotationTest3".to_owned(),
            management.to_owned(),
        ),
        (
            format!("{store}/tsa/test-nonSelfIssued/nonSelfIssued.crt"),
            format!("{revocable} 2,{notary}"),
            format!("{revocable} Root,{notary}"),
        ),
        ("notation-go/verifier/testdata/verifier/signing-cert.pem".to_owned(), signing.to_owned(), signing.to_owned()),
    ] {
        let certificate = certificate(&folder, &path);
        assert_eq!(certificate.subject().to_string(), subject, "{path}");
        assert_eq!(certificate.issuer().to_string(), issuer, "{path}");
    }
}

#[test]
fn the_chains_of_the_public_envelopes_hold() {
    let Some(folder) = vectors() else {
        return;
    };
    let mut checked = 0;
    for name in ["internal/mock/testdata", "internal/testdata", "verifier/testdata/timestamp/sigEnv"] {
        for entry in fs::read_dir(folder.join("notation-go").join(name)).unwrap() {
            let path = entry.unwrap().path();
            let Ok(envelope) = serde_json::from_slice::<serde_json::Value>(&fs::read(&path).unwrap()) else {
                continue;
            };
            let texts = envelope["header"]["x5c"].as_array().unwrap();
            let ders: Vec<_> = texts.iter().map(|text| STANDARD.decode(text.as_str().unwrap()).unwrap()).collect();
            assert_eq!(check(&ders).map(|chain| chain.certificates().len()), Ok(ders.len()), "{}", path.display());
            checked += 1;
        }
    }
    assert_eq!(checked, 22);
}

#[test]
fn addresses_of_public_certificates_are_found() {
    let Some(folder) = vectors() else {
        return;
    };
    let leaf = certificate(&folder, "notation-core-go/x509/testdata/timestamp_leaf.crt");
    let addresses = leaf.revocation_addresses();
    assert_eq!(addresses.ocsp, ["http://ocsp.digicert.com"]);
    assert_eq!(
        addresses.urls().skip(addresses.ocsp.len()).collect::<Vec<_>>(),
        ["http://crl3.digicert.com/DigiCertTrustedG4RSA4096SHA256TimeStampingCA.crl"]
    );
    assert_eq!(addresses.unreadable, [""; 0]);
}
