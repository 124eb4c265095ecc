//! Tokens of tspclient-go and notation-core-go, if available: by GlobalSign, by Microsoft (whose root is not among the
//! files) and by FreeTSA.
#![allow(clippy::disallowed_methods, reason = "tests read files; the crate does not")]

use std::path::Path;

use countersign_core::timestamp::TimestampError;
use countersign_core::timestamp::TimestampToken;
use countersign_core::timestamp::VerifiedTimestamp;
use countersign_core::x509::Certificate;
use countersign_testkit::Hash;

use crate::notation::timestamp::fixture::at;
use crate::notation::timestamp::fixture::subjects;

/// Runs `test` on the folder, or prints that it was not run.
fn with_vectors(test: impl FnOnce(&Path)) {
    match countersign_core_test_support::vectors::vectors() {
        Some(folder) => test(&folder),
        None => println!("not run: the outside vectors are not there (COUNTERSIGN_VECTORS names their folder)"),
    }
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(path.as_ref()).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

fn pem(file: &[u8]) -> Certificate {
    let blocks = countersign_core::codec::pem::certificates_to_the_end(file).unwrap();
    Certificate::parse(&blocks[0].der).unwrap()
}

fn verify(token: &[u8], message: &[u8], roots: &[Certificate]) -> Result<VerifiedTimestamp, TimestampError> {
    TimestampToken::parse(token)?.verify(message, roots.iter(), at("2026-11-21T12:00:00Z"))
}

/// The time and the accuracy, or the reason.
fn result(token: &[u8], message: &[u8], roots: &[Certificate]) -> String {
    match verify(token, message, roots) {
        Ok(timestamp) => format!("{} {:?}", timestamp.gen_time(), timestamp.accuracy()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn tokens_of_tspclient_give_their_results() {
    with_vectors(|folder| {
        let folder = folder.join("tspclient-go/testdata");
        let roots = [pem(&read(folder.join("GlobalSignRootCA.crt")))];
        let name = "\"CN=Globalsign TSA for Advanced - G4,O=GlobalSign nv-sa,C=BE\"";
        let signature = format!(
            "signature of the timestamp was not made by the certificate {name}: signature does not match the key and the \
             signed bytes"
        );
        let malformed =
            |part: &str| format!("timestamp token has a malformed {part}, expected DER as in RFC 5652 and RFC 3161");
        let identifier = "signed attribute signingCertificateV2 is malformed, expected DER as in RFC 5035";
        for (file, expected) in [
            ("TimeStampToken", "2021-09-17T14:09:10Z 1s"),
            ("TimeStampTokenWithValidAndInvalidSignerInfos", "2021-09-17T14:09:10Z 1s"),
            (
                "TimeStampTokenWithoutSigningCertificate",
                "signed attribute signingCertificateV2: found none, expected one",
            ),
            (
                "TimeStampTokenWithSigningCertificateV2NoCert",
                "signed attribute signingCertificateV2: found no certificate identifier, expected at least one",
            ),
            ("TimeStampTokenWithWrongSigningCertificateV2IssuerChoiceTag", identifier),
            ("TimeStampTokenWithInvalidSigningCertificateV2", identifier),
            (
                "TimeStampTokenWithSHA1CertHash",
                "certificate identifier of signingCertificateV2: hash algorithm: found SHA-1, expected SHA-256, SHA-384 \
                 or SHA-512",
            ),
            (
                "TimeStampTokenWithMismatchCertHash",
                "signed attribute signingCertificateV2 is for another certificate: found the hash \
                 13d6e9c420ff6d4e2754728c68e77882656467db9a190f816597f67fb6ccc6f7, expected \
                 13d6e9c420ff6d4e2754728c68e77882656467db9a190f816597f67fb6ccc6f9, that of the signing certificate",
            ),
            (
                "TimeStampTokenWithoutCertificate",
                "signing certificate is not in the timestamp token: found none with the serial number \
                 0100466950a604a9d970e81dd24d419f and its issuer, expected one",
            ),
            // Both were altered after signing; the second one to identify its certificate by the signer's identifier.
            ("TimeStampTokenWithInvalidSignature", &signature),
            ("TimeStampTokenWithoutSigningCertificateV2IssuerSerial", &signature),
            (
                "TimeStampTokenWithTSTInfoVersion2",
                "timestamp token has the wrong version of TSTInfo: found 02, expected 1",
            ),
            (
                "SHA1TimeStampToken",
                "message imprint of the timestamp: hash algorithm: found 1.2.840.113549.1.1.5, expected SHA-256, SHA-384 \
                 or SHA-512",
            ),
            ("TimeStampTokenWithInvalidTSTInfo", &malformed("genTime")),
            (
                "TimeStampTokenWithInvalideContentType",
                "timestamp token has the wrong eContentType: found 1.2.840.113549.1.7.1, expected \
                 1.2.840.113549.1.9.16.1.4 (id-ct-TSTInfo)",
            ),
        ] {
            let token = read(folder.join(format!("{file}.p7s")));
            assert_eq!(result(&token, b"notation", &roots), expected, "{file}");
        }
    });
}

#[test]
fn the_chain_of_a_public_authority_is_found() {
    with_vectors(|folder| {
        let folder = folder.join("tspclient-go/testdata");
        let roots = [pem(&read(folder.join("GlobalSignRootCA.crt")))];
        let token = read(folder.join("TimeStampToken.p7s"));
        let timestamp = verify(&token, b"notation", &roots).unwrap();
        assert_eq!(subjects(&timestamp).len(), 4);
        let expected = "timestamp is for another signature: found the message imprint \
                        8326f4709d401dfabfa78302fb1cdea0f18048a44040c212bd8e28da6bc651c7, expected";
        assert!(result(&token, b"notation\n", &roots).starts_with(expected));
        let none: [Certificate; 0] = [];
        assert!(result(&token, b"notation", &none).contains("has no trusted issuer"));
    });
}

#[test]
fn a_token_with_a_fraction_and_without_its_root_is_read() {
    with_vectors(|folder| {
        let token = read(folder.join("tspclient-go/testdata/TimeStampTokenNoRoot.p7s"));
        let token = TimestampToken::parse(&token).unwrap();
        assert_eq!(token.unverified_gen_time().to_string(), "2024-06-21T07:12:05.884Z");
        assert_eq!(token.unverified_accuracy(), std::time::Duration::from_millis(500));
        assert_eq!(token.unverified_certificates().len(), 2);
        let authority = token.unverified_authority().unwrap().subject().to_string();
        assert!(authority.starts_with("CN=Microsoft Public RSA Time Stamping Authority,"), "{authority}");
    });
}

#[test]
fn the_certificate_identifier_with_sha_1_is_read() {
    with_vectors(|folder| {
        let folder = folder.join("tspclient-go/testdata");
        let token = read(folder.join("TimeStampTokenWithSigningCertificateV1.p7s"));
        let parsed = TimestampToken::parse(&token).unwrap();
        let certificates = parsed.unverified_certificates().iter();
        let roots: Vec<_> = certificates.filter(|certificate| certificate.is_self_issued()).cloned().collect();
        // The identifier and the signature are correct, and the root does not have the required profile.
        let found = result(&token, b"test", &roots);
        assert!(
            found.starts_with("timestamping authority is not trusted: certificate \"CN=www.freetsa.org,OU=Root CA,")
                && found.ends_with("basicConstraints: found not critical, expected critical"),
            "{found}"
        );
        for (file, expected) in [
            (
                "TimeStampTokenWithInvalidSigningCertificateV1",
                "signed attribute signingCertificate is malformed, expected DER as in RFC 2634",
            ),
            (
                "TimeStampTokenWithSigningCertificateV1NoCert",
                "signed attribute signingCertificate: found no certificate identifier, expected at least one",
            ),
        ] {
            assert_eq!(result(&read(folder.join(format!("{file}.p7s"))), b"test", &roots), expected, "{file}");
        }
    });
}

#[test]
fn tokens_of_notation_give_their_results() {
    with_vectors(|folder| {
        let core = folder.join("notation-core-go/internal/timestamp/testdata");
        let root = Certificate::parse(&read(core.join("tsaRootCert.cer"))).unwrap();
        let token = read(core.join("TimeStampTokenWithInvalidSignature.p7s"));
        let expected = "signature does not match the key and the signed bytes";
        let found = result(&token, b"notation", std::slice::from_ref(&root));
        assert!(found.ends_with(expected), "{found}");
        let folder = folder.join("notation-go/verifier/testdata");
        let root = read(folder.join("truststore/x509/tsa/test-timestamp/globalsignRoot.cer"));
        let roots = [Certificate::parse(&root).unwrap()];
        let imprint: String = Hash::Sha256.digest(b"x").iter().map(|byte| format!("{byte:02x}")).collect();
        for (file, begin, end) in [
            ("TimeStampToken", "timestamp is for another signature: found the message imprint ", &*imprint),
            (
                "TimeStampTokenWithInvalideContentType",
                "timestamp token has the wrong eContentType: found 1.2.840.113549.1.7.1",
                "",
            ),
            ("TimeStampTokenWithInvalidTSTInfo", "timestamp token has a malformed ", ""),
        ] {
            let token = read(folder.join(format!("timestamp/countersignature/{file}.p7s")));
            let found = result(&token, b"x", &roots);
            assert!(found.starts_with(begin) && found.contains(end), "{file}: {found}");
        }
        let token = read(folder.join("timestamp/countersignature/TimeStampTokenWithoutCertificate.p7s"));
        let found = result(&token, b"notation", &roots);
        assert!(found.starts_with("signing certificate is not in the timestamp token"), "{found}");
    });
}
