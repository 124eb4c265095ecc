//! The encoding of responses.

use countersign_core::limits;
use countersign_testkit::der;
use countersign_testkit::ocsp;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;

use crate::x509::ocsp::Fixture;
use crate::x509::ocsp::other_ca;

const NOT_A_RESPONSE: &str = "not a DER-encoded OCSP response";

fn malformed(part: &str) -> String {
    format!("OCSP response has a malformed {part}, expected DER as in RFC 6960")
}

#[test]
fn refuses_bytes_that_are_no_response() {
    let fixture = Fixture::new();
    let good = fixture.ca.ocsp(&fixture.spec());
    for bytes in [
        &b""[..],
        b"<html>try later</html>",
        &[0x30, 0x80, 0x0a, 0x01, 0x06, 0, 0],
        &[0x30, 0x03, 0x0a, 0x01],
        &der::sequence([]),
        &der::sequence([der::integer(0)]),
        &der::sequence([der::element(0x0a, &[1, 0])]),
        &der::sequence([der::element(0x0a, &[0x80])]),
        &der::sequence([der::element(0x0a, &[0]), der::sequence([])]),
        fixture.leaf.leaf_der(),
        &good[..good.len() - 1],
    ] {
        fixture.refuses_bytes(bytes, NOT_A_RESPONSE);
    }
    for bytes in [der::sequence([der::element(0x0a, &[0])]), {
        der::sequence([der::element(0x0a, &[0]), der::element(0xa0, &[])])
    }] {
        fixture.refuses_bytes(&bytes, &malformed("responseBytes"));
    }
}

#[test]
fn refuses_bytes_after_a_response_and_more_bytes_than_the_limit() {
    let fixture = Fixture::new();
    let mut bytes = fixture.ca.ocsp(&fixture.spec());
    bytes.push(0);
    fixture.refuses_bytes(&bytes, "found 1 bytes after the OCSP response, expected none");
    let twice = [fixture.ca.ocsp(&fixture.spec()), ocsp::refusal(3)].concat();
    fixture.refuses_bytes(&twice, "found 5 bytes after the OCSP response, expected none");
    let padded = |bytes: usize| fixture.spec().extension("1.2.3.4", false, &vec![0; bytes]);
    let size = fixture.ca.ocsp(&padded(60_000)).len();
    let most = 60_000 + limits::OCSP_RESPONSE_BYTES - size;
    // The length of an ECDSA signature varies by a few bytes.
    fixture.accepts(&padded(most - 4));
    let larger = fixture.ca.ocsp(&padded(most + 8));
    fixture.refuses_bytes(&larger, &format!("OCSP response: found {} bytes, expected at most 65536", larger.len()));
}

#[test]
fn names_the_status_of_a_response_without_a_result() {
    let fixture = Fixture::new();
    for (status, name) in [
        (ocsp::status::MALFORMED_REQUEST, "malformedRequest"),
        (ocsp::status::INTERNAL_ERROR, "internalError"),
        (ocsp::status::TRY_LATER, "tryLater"),
        (4, "the unassigned number 4"),
        (ocsp::status::SIG_REQUIRED, "sigRequired"),
        (ocsp::status::UNAUTHORIZED, "unauthorized"),
        (7, "the unassigned number 7"),
    ] {
        let text = format!("OCSP response status: found {name}, expected successful");
        fixture.refuses_bytes(&ocsp::refusal(status), &text);
    }
    // A body does not help.
    let good = fixture.ca.ocsp(&fixture.spec());
    let body = der::children(&good)[1].to_vec();
    fixture.refuses_bytes(
        &der::sequence([der::element(0x0a, &[3]), body]),
        "OCSP response status: found tryLater, expected successful",
    );
}

#[test]
fn refuses_other_types_and_versions() {
    let fixture = Fixture::new();
    fixture.refuses(
        &fixture.spec().response_type("1.3.6.1.5.5.7.48.1.4"),
        "OCSP response type: found 1.3.6.1.5.5.7.48.1.4, expected a basic response (1.3.6.1.5.5.7.48.1.1)",
    );
    fixture.accepts(&fixture.spec().version(0));
    fixture.refuses(&fixture.spec().version(1), "OCSP response version: found 2, expected 1");
    fixture.refuses(&fixture.spec().version(300), "OCSP response version: found 0x012c + 1, expected 1");
}

#[test]
fn limits_the_number_of_single_responses_certificates_and_extensions() {
    let fixture = Fixture::new();
    let singles = |count: usize| {
        let others = (1..count).map(|_| fixture.revoked().serial(&[0x52]));
        OcspSpec::new(others.chain([fixture.good()]))
    };
    fixture.accepts(&singles(limits::OCSP_SINGLE_RESPONSES));
    fixture.refuses(
        &singles(limits::OCSP_SINGLE_RESPONSES + 1),
        "OCSP response: found 101 single responses, expected at most 100",
    );
    fixture.refuses(&OcspSpec::new([]), &malformed("responses"));
    let other = other_ca();
    let certificates = |count| (0..count).fold(fixture.spec(), |spec, _| spec.embedding(other.der()));
    fixture.accepts(&certificates(limits::OCSP_CERTIFICATES));
    fixture.refuses(
        &certificates(limits::OCSP_CERTIFICATES + 1),
        "OCSP response: found 11 certificates, expected at most 10",
    );
    let extensions =
        |count| (0..count).fold(fixture.spec(), |spec, arc| spec.extension(&format!("1.2.3.{arc}"), false, &[]));
    fixture.accepts(&extensions(limits::REVOCATION_EXTENSIONS));
    fixture.refuses(&extensions(limits::REVOCATION_EXTENSIONS + 1), &malformed("responseExtensions"));
}

#[test]
fn names_the_malformed_part() {
    let fixture = Fixture::new();
    let single = |single: Single| OcspSpec::new([single]);
    let good = || fixture.good();
    let time = |tag, text: &str| der::element(tag, text.as_bytes());
    let revoked = |parts: &[Vec<u8>]| single(good().status_der(&der::element(0xa1, &parts.concat())));
    let at = time(0x18, "20261101000000Z");
    for (spec, part) in [
        (fixture.spec().responder_der(&der::element(0xa3, &[])), "responderID"),
        (fixture.spec().responder_der(&der::element(0xa1, &[0x30, 1, 0])), "responderID"),
        (fixture.spec().responder_der(&der::element(0xa2, &[1; 20])), "responderID"),
        (fixture.spec().produced_at_der(&time(0x17, "261121000000Z")), "producedAt"),
        (fixture.spec().produced_at_der(&time(0x18, "20261121000000.5Z")), "producedAt"),
        (single(good().this_update_der(&time(0x17, "261121000000Z"))), "thisUpdate"),
        (single(good().this_update_der(&time(0x18, "20261121000000.500Z"))), "thisUpdate"),
        (single(good().this_update_der(&time(0x18, "20261121000000"))), "thisUpdate"),
        (single(good().this_update_der(&time(0x18, "20261121010000+0100"))), "thisUpdate"),
        (single(good().this_update_der(&time(0x18, "20261121000060Z"))), "thisUpdate"),
        (single(good().next_update_der(&time(0x17, "261128000000Z"))), "nextUpdate"),
        (single(good().next_update_der(&time(0x18, "202611280000Z"))), "nextUpdate"),
        (single(good().next_update_der(&[])), "nextUpdate"),
        (single(good().status_der(&der::element(0x80, &[0]))), "certStatus"),
        (single(good().status_der(&der::element(0xa0, &[]))), "certStatus"),
        (single(good().status_der(&der::element(0x81, &[]))), "certStatus"),
        (single(good().status_der(&der::element(0x83, &[]))), "certStatus"),
        (single(good().status_der(&[5, 0])), "certStatus"),
        (revoked(&[]), "certStatus"),
        (revoked(&[time(0x17, "261101000000Z")]), "certStatus"),
        (revoked(&[at.clone(), der::element(0xa0, &[])]), "certStatus"),
        (revoked(&[at.clone(), der::element(0xa0, &der::integer(1))]), "certStatus"),
        (revoked(&[at.clone(), der::element(0xa0, &[0x0a, 1, 1]), vec![5, 0]]), "certStatus"),
        (single(good().serial(&[])), "certID"),
        (single(good().serial(&[0x00, 0x51])), "certID"),
        (single(good().extension("1.2.3", false, &[]).extension("1.2.3", false, &[])), "singleExtensions"),
        (fixture.spec().nonce(b"a").nonce(b"b"), "responseExtensions"),
        (fixture.spec().extension("1.3.6.1.5.5.7.48.1.2", false, b"nonce"), "nonce"),
        (single(fixture.revoked().extension("2.5.29.24", false, &time(0x17, "261001000000Z"))), "invalidityDate"),
        (single(good().extension("2.5.29.24", true, &[5, 0])), "invalidityDate"),
        (fixture.spec().embedding(&[5, 0]), "certs"),
        (fixture.spec().embedding(&[0x30]), "certs"),
    ] {
        fixture.refuses(&spec, &malformed(part));
    }
}

/// Replaces a part of the basic response before it is wrapped; the signature may then be wrong.
pub(crate) fn with_basic(bytes: &[u8], edit: impl FnOnce(Vec<Vec<u8>>) -> Vec<u8>) -> Vec<u8> {
    let body = der::children(der::children(bytes)[1])[0];
    let parts = der::children(body);
    let basic = der::content(parts[1]);
    let edited = edit(der::children(basic).into_iter().map(<[u8]>::to_vec).collect());
    let body = der::sequence([parts[0].to_vec(), der::octet_string(&edited)]);
    der::sequence([der::element(0x0a, &[0]), der::element(0xa0, &body)])
}

#[test]
fn refuses_bytes_after_each_part_and_signatures_that_are_not_whole_bytes() {
    let fixture = Fixture::new();
    let good = fixture.ca.ocsp(&fixture.spec());
    let basic = |edit: fn(Vec<Vec<u8>>) -> Vec<u8>| with_basic(&good, edit);
    for (bytes, part) in [
        (basic(|parts| [der::sequence(parts), vec![0]].concat()), "basic response"),
        (basic(|parts| der::sequence(parts.into_iter().chain([vec![5, 0]]))), "basic response"),
        (basic(|parts| der::sequence(parts.into_iter().take(2))), "signature"),
        (basic(|parts| der::sequence(parts.into_iter().take(1))), "signatureAlgorithm"),
        (basic(|_| vec![5, 0]), "basic response"),
        (basic(|_| der::sequence([vec![5, 0]])), "tbsResponseData"),
        (
            basic(|mut parts| {
                parts[2][2..].iter_mut().take(1).for_each(|unused| *unused = 1);
                der::sequence(parts)
            }),
            "signature",
        ),
        (
            basic(|mut parts| {
                let data: Vec<Vec<u8>> = der::children(&parts[0]).into_iter().map(<[u8]>::to_vec).collect();
                parts[0] = der::sequence(data.into_iter().chain([vec![5, 0]]));
                der::sequence(parts)
            }),
            "tbsResponseData",
        ),
        (
            basic(|mut parts| {
                parts.push(der::element(0xa0, &[der::sequence([]), vec![5, 0]].concat()));
                der::sequence(parts)
            }),
            "certs",
        ),
    ] {
        fixture.refuses_bytes(&bytes, &malformed(part));
    }
    let body = der::sequence([der::oid("1.3.6.1.5.5.7.48.1.1"), der::octet_string(&[]), vec![5, 0]]);
    let bytes = der::sequence([der::element(0x0a, &[0]), der::element(0xa0, &body)]);
    fixture.refuses_bytes(&bytes, &malformed("responseBytes"));
}
