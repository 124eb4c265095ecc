//! Requests and responses of OpenSSL 3.0 (`openssl ocsp`), which shares no code with this project. The files in `openssl/`
//! are: the authority `ca`, the certificates `good`, `revoked` and `absent` (in no index of the responder), requests about
//! them, and responses of 26 November 2026.

use std::time::Duration;

use countersign_core::time::UnixTime;
use countersign_core::x509::RevocationReason;
use countersign_core::x509::ocsp::MissingNonce;
use countersign_core::x509::ocsp::OcspAnswer;
use countersign_core::x509::ocsp::OcspError;
use countersign_core::x509::ocsp::OcspSettings;
use countersign_core::x509::ocsp::OcspStatus;
use countersign_core::x509::ocsp::Responder;
use countersign_core::x509::ocsp::ResponderRevocation;
use countersign_core::x509::ocsp::encode_request;
use countersign_testkit::ocsp::OcspRequest;

use crate::x509::ocsp::at;
use crate::x509::ocsp::parse;

const CA: &[u8] = include_bytes!("openssl/ca.cer");
const GOOD: &[u8] = include_bytes!("openssl/good.cer");
const REVOKED: &[u8] = include_bytes!("openssl/revoked.cer");
const ABSENT: &[u8] = include_bytes!("openssl/absent.cer");

const NO_NEXT_UPDATE: &[u8] = include_bytes!("openssl/no-next.resp");
const NONCE: &[u8] = include_bytes!("openssl/nonce.resp");

fn now() -> UnixTime {
    at("2026-11-27T00:00:00Z")
}

fn read(response: &[u8], certificate: &[u8]) -> Result<OcspAnswer, OcspError> {
    read_with(response, certificate, None, &OcspSettings::default())
}

fn read_with(
    response: &[u8],
    certificate: &[u8],
    nonce: Option<&[u8]>,
    settings: &OcspSettings,
) -> Result<OcspAnswer, OcspError> {
    OcspAnswer::read(response, &parse(certificate), &parse(CA), nonce, now(), settings)
}

#[test]
fn writes_the_requests_that_openssl_writes() {
    for (certificate, request) in [
        (GOOD, &include_bytes!("openssl/good.req")[..]),
        (REVOKED, include_bytes!("openssl/revoked.req")),
        (GOOD, include_bytes!("openssl/nonce.req")),
    ] {
        let theirs = OcspRequest::parse(request).unwrap();
        assert!(theirs.is_about(certificate, CA));
        assert_eq!(encode_request(&parse(certificate), &parse(CA), theirs.nonce.as_deref()), request);
    }
}

#[test]
fn reads_the_responses_of_openssl() {
    let revoked = OcspStatus::Revoked {
        at: at("2026-11-01T00:00:00Z"),
        reason: Some(RevocationReason::KeyCompromise),
        invalidity: None,
    };
    let no_check = Some(ResponderRevocation::NoCheck);
    for (name, response, certificate, status, delegated) in [
        ("good", &include_bytes!("openssl/good.resp")[..], GOOD, OcspStatus::Good, no_check),
        ("revoked", include_bytes!("openssl/revoked.resp"), REVOKED, revoked, no_check),
        ("unknown", include_bytes!("openssl/unknown.resp"), ABSENT, OcspStatus::Unknown, no_check),
        ("by the issuer", include_bytes!("openssl/by-issuer.resp"), GOOD, OcspStatus::Good, None),
        ("by key", include_bytes!("openssl/by-key.resp"), GOOD, OcspStatus::Good, no_check),
        ("SHA-256", include_bytes!("openssl/sha256.resp"), GOOD, OcspStatus::Good, no_check),
        ("first of two", include_bytes!("openssl/two.resp"), GOOD, OcspStatus::Good, no_check),
        ("second of two", include_bytes!("openssl/two.resp"), REVOKED, revoked, no_check),
        (
            "without nocheck",
            include_bytes!("openssl/checked.resp"),
            REVOKED,
            revoked,
            Some(ResponderRevocation::StatusNeeded),
        ),
    ] {
        let answer = read(response, certificate).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(answer.status(), &status, "{name}");
        let found = match answer.responder() {
            Responder::Issuer => None,
            Responder::Delegated { revocation, .. } => Some(*revocation),
        };
        assert_eq!(found, delegated, "{name}");
    }
    let text = read(include_bytes!("openssl/good.resp"), REVOKED).unwrap_err().to_string();
    assert_eq!(
        text,
        "OCSP response is about other certificates: found 1 single responses, none for serial number 1002"
    );
}

#[test]
fn reads_the_nonce_that_openssl_returns() {
    let request = OcspRequest::parse(include_bytes!("openssl/nonce.req")).unwrap();
    let settings = OcspSettings { missing_nonce: MissingNonce::Refuse, ..OcspSettings::default() };
    let status = |nonce: &[u8]| read_with(NONCE, GOOD, Some(nonce), &settings).map(|answer| *answer.status());
    assert_eq!(status(&request.nonce.unwrap()), Ok(OcspStatus::Good));
    assert_eq!(status(&[0; 16]), Err(OcspError::OtherNonce));
}

#[test]
fn openssl_omits_next_update_unless_it_is_configured() {
    let status =
        |settings: &OcspSettings| read_with(NO_NEXT_UPDATE, GOOD, None, settings).map(|answer| *answer.status());
    assert_eq!(status(&OcspSettings::default()), Err(OcspError::NoNextUpdate));
    let hour = Some(Duration::from_secs(3600));
    let settings = OcspSettings { max_age_without_next_update: hour, ..OcspSettings::default() };
    assert_eq!(status(&settings), Ok(OcspStatus::Good));
}
