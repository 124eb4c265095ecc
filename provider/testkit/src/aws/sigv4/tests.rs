//! The example of AWS's documentation (a GET of `ListUsers` of IAM), and one change at a time.

use http::Request;
use time::macros::datetime;

use super::*;
use crate::aws::service_error::Protocol;
use crate::registry::Route;

const KEY: &str = "AKIDEXAMPLE";
const SIGNATURE: &str = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";

/// The documented request, with these changes.
struct Example {
    uri: &'static str,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
}

impl Example {
    fn new() -> Self {
        let headers = [
            ("host", "iam.amazonaws.com".to_owned()),
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned()),
            ("x-amz-date", "20150830T123600Z".to_owned()),
            ("authorization", authorization("20150830/us-east-1/iam", "content-type;host;x-amz-date", SIGNATURE)),
        ];
        Self { uri: "/?Action=ListUsers&Version=2010-05-08", headers: headers.into(), body: "" }
    }

    /// Sets a header.
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    fn request(&self) -> RecordedRequest {
        let mut builder = Request::get(self.uri);
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        let (parts, ()) = builder.body(()).unwrap().into_parts();
        RecordedRequest::new(Route::Other, &parts, self.body.into())
    }

    fn verify(&self) -> Result<AccessKey, SignatureError> {
        let scope = Scope { service: "iam", region: "us-east-1".to_owned() };
        verify(&self.request(), &scope, &keys(None), &Clock::at(datetime!(2015-08-30 12:36 UTC)))
    }
}

fn authorization(scope: &str, headers: &str, signature: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential={KEY}/{scope}/aws4_request, SignedHeaders={headers}, Signature={signature}")
}

fn key(session: Option<(&str, OffsetDateTime)>) -> AccessKey {
    AccessKey {
        id: KEY.to_owned(),
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: session.map(|(token, _)| token.to_owned()),
        expires_at: session.map(|(_, end)| end),
        principal: "arn:aws:iam::111122223333:user/example".to_owned(),
    }
}

fn keys(session: Option<(&str, OffsetDateTime)>) -> AccessKeys {
    let keys = AccessKeys::new();
    keys.add(&key(session));
    keys
}

#[test]
fn computes_the_documented_values() {
    let request = Example::new().request();
    let authorization = Authorization::parse(request.header("authorization").unwrap()).unwrap();
    let canonical = canonical::request(&request, &authorization.signed_headers, &sha256_hex(b"")).unwrap();
    assert_eq!(
        canonical,
        "GET\n/\nAction=ListUsers&Version=2010-05-08\n\
         content-type:application/x-www-form-urlencoded; charset=utf-8\nhost:iam.amazonaws.com\n\
         x-amz-date:20150830T123600Z\n\ncontent-type;host;x-amz-date\n\
         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let to_sign = string_to_sign("20150830T123600Z", &authorization.credential_scope(), &canonical);
    assert_eq!(
        to_sign,
        "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
         f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    );
    assert_eq!(sign(&key(None).secret, &authorization, &to_sign), SIGNATURE);
    assert_eq!(Example::new().verify(), Ok(key(None)));
}

#[test]
fn a_change_of_any_signed_part_is_a_mismatch() {
    let mut query = Example::new();
    query.uri = "/?Action=ListRoles&Version=2010-05-08";
    let mut path = Example::new();
    path.uri = "/users?Action=ListUsers&Version=2010-05-08";
    let mut body = Example::new();
    body.body = "x";
    let header = Example::new().with("content-type", "application/json");
    let host = Example::new().with("host", "iam.example");
    let time = Example::new().with("x-amz-date", "20150830T123601Z");
    for changed in [query, path, body, header, host, time] {
        let Err(SignatureError::Mismatch { canonical_request, .. }) = changed.verify() else {
            panic!("{}", changed.uri)
        };
        assert!(canonical_request.starts_with("GET\n/"), "{canonical_request}");
    }
}

#[test]
fn order_and_encoding_of_the_query_do_not_matter() {
    let mut example = Example::new();
    example.uri = "/?Version=2010%2d05-08&Action=List%55sers";
    assert_eq!(example.verify(), Ok(key(None)));
}

#[test]
fn a_query_is_sorted_by_name_then_by_value() {
    let sorted = canonical::query("b=2&a=z&b=1&a=%2Fx:y&B=+&c&d=a%20b").unwrap();
    assert_eq!(sorted, "B=%2B&a=%2Fx%3Ay&a=z&b=1&b=2&c=&d=a%20b");
    assert_eq!(canonical::query("").unwrap(), "");
    assert_eq!(canonical::path("/a%20b/~c"), "/a%2520b/~c");
    assert_eq!(
        canonical::query("a=%2"),
        Err(SignatureError::Malformed("expected two hexadecimal digits after each percent sign of the query"))
    );
}

#[test]
fn values_of_headers_are_joined_and_trimmed() {
    let mut example = Example::new().with("x-amz-meta", "  two   words ");
    example.headers.push(("x-amz-meta", "more".to_owned()));
    let canonical = canonical::request(&example.request(), &["x-amz-meta".to_owned()], "").unwrap();
    assert!(canonical.contains("\nx-amz-meta:two words,more\n\nx-amz-meta\n"), "{canonical:?}");
}

#[test]
fn each_error_says_what_is_wrong() {
    let headers = "content-type;host;x-amz-date";
    let scoped = |scope| Example::new().with("authorization", &authorization(scope, headers, SIGNATURE));
    let signing = |headers| {
        let value = authorization("20150830/us-east-1/iam", headers, SIGNATURE);
        Example::new().with("authorization", &value)
    };
    let other_key = authorization("20150830/us-east-1/iam", headers, SIGNATURE).replace(KEY, "AKIDOTHER");
    for (example, message) in [
        (
            Example::new().without("authorization"),
            "Missing Authentication Token: the request has no Authorization header",
        ),
        (
            Example::new().with("authorization", "Basic QVdTOng="),
            "the signature is malformed: expected AWS4-HMAC-SHA256 and a space first",
        ),
        (
            Example::new().with("authorization", "AWS4-HMAC-SHA256 Credential=a/b"),
            "the signature is malformed: expected Credential, SignedHeaders and Signature",
        ),
        (
            scoped("20150830/us-east-1"),
            "the signature is malformed: expected Credential=ID/DATE/REGION/SERVICE/aws4_request",
        ),
        (
            Example::new().with("authorization", &authorization("20150830/us-east-1/iam", headers, "5D67")),
            "the signature is malformed: expected a Signature of 64 lower-case hexadecimal digits",
        ),
        (
            signing("host;content-type;x-amz-date"),
            "the signature is malformed: expected SignedHeaders in lower case, sorted, each once",
        ),
        (
            Example::new().with("authorization", &other_key),
            "The security token included in the request is invalid: unknown access key AKIDOTHER",
        ),
        (
            Example::new().with("x-amz-security-token", "t"),
            "The security token included in the request is invalid: X-Amz-Security-Token is not the one of AKIDEXAMPLE",
        ),
        (
            scoped("20150830/us-east-1/signer"),
            "Credential should be scoped to a valid service: found signer, expected iam",
        ),
        (
            scoped("20150830/eu-west-1/iam"),
            "Credential should be scoped to a valid region: found eu-west-1, expected us-east-1",
        ),
        (
            scoped("20150829/us-east-1/iam"),
            "Signature expired or not yet current: the scope has the date 20150829, x-amz-date is 20150830T123600Z",
        ),
        (Example::new().without("x-amz-date"), "Signature expired or not yet current: no x-amz-date header"),
        (
            Example::new().with("x-amz-date", "20150830T123059Z"),
            "Signature expired or not yet current: x-amz-date is 20150830T123059Z, now 2015-08-30 12:36:00.0 \
             +00:00:00: more than 5 minutes apart",
        ),
        (
            Example::new().with("x-amz-date", "2015-08-30"),
            "Signature expired or not yet current: x-amz-date: found \"2015-08-30\", expected the form 20150830T123600Z",
        ),
        (signing("content-type;x-amz-date"), "the header host must be signed"),
        (Example::new().with("x-amz-target", "T"), "the header x-amz-target must be signed"),
        (signing("accept;host;x-amz-date"), "the header accept is signed but was not sent"),
    ] {
        assert_eq!(example.verify().unwrap_err().to_string(), message);
    }
}

#[test]
fn a_stated_hash_must_be_that_of_the_body() {
    let value = authorization("20150830/us-east-1/iam", "host;x-amz-content-sha256;x-amz-date", SIGNATURE);
    let example = Example::new().with("authorization", &value).with("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let payload = sha256_hex(b"");
    assert_eq!(example.verify(), Err(SignatureError::Payload { stated: "UNSIGNED-PAYLOAD".to_owned(), payload }));
}

#[test]
fn a_session_needs_its_token_and_ends() {
    let end = datetime!(2015-08-30 12:36 UTC);
    let scope = Scope { service: "iam", region: "us-east-1".to_owned() };
    let verify_at =
        |example: &Example, now| verify(&example.request(), &scope, &keys(Some(("t", end))), &Clock::at(now));
    let before = end - Duration::SECOND;
    assert_eq!(verify_at(&Example::new(), before), Err(SignatureError::WrongSessionToken(KEY.to_owned())));
    let value = authorization("20150830/us-east-1/iam", "host;x-amz-date;x-amz-security-token", SIGNATURE);
    let example = Example::new().with("authorization", &value).with("x-amz-security-token", "t");
    let expired = SignatureError::Expired { id: KEY.to_owned(), end, now: end };
    assert_eq!(verify_at(&example, end), Err(expired.clone()));
    assert!(matches!(verify_at(&example, before), Err(SignatureError::Mismatch { .. })));
    for (protocol, status, code) in [
        (Protocol::RestJson, 403, "ExpiredTokenException"),
        (Protocol::Json11, 400, "ExpiredTokenException"),
        (Protocol::Query, 403, "ExpiredToken"),
    ] {
        let error = expired.service_error(protocol);
        assert_eq!((error.status, error.code.as_str()), (status, code));
    }
}
