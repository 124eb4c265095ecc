//! Headers of responses; one value on each line.

use countersign_http::AuthChallenge;
use countersign_http::limits;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::LINK;
use http::header::WWW_AUTHENTICATE;

fn headers(name: &HeaderName, input: &[u8]) -> HeaderMap {
    let values = input.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    // A response has no more headers than this.
    values.take(100).map(|value| (name.clone(), value)).collect()
}

pub(crate) fn link(input: &[u8]) {
    let headers = headers(&LINK, input);
    if let Ok(Some(target)) = countersign_registry::next_page(&headers) {
        assert!(target.len() <= limits::URL_BYTES);
        let written = format!("<{target}>");
        let values = headers.get_all(LINK).iter();
        assert!(values.filter_map(|value| value.to_str().ok()).any(|value| value.contains(&written)), "{target:?}");
    }
}

pub(crate) fn challenge(input: &[u8]) {
    let headers = headers(&WWW_AUTHENTICATE, input);
    let found: Vec<_> = AuthChallenge::of(&headers).collect();
    assert!(found.len() <= limits::CHALLENGES * (limits::CHALLENGES + 1));
    for challenge in found.iter().flatten() {
        for name in ["realm", "service", "scope"] {
            if let Ok(Some(value)) = challenge.parameter(name) {
                assert!(!value.is_empty() && value.len() <= limits::CHALLENGE_BYTES);
                assert_eq!(challenge.parameter(&name.to_uppercase()), Ok(Some(value)), "names have no case");
            }
        }
    }
}
