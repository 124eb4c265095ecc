//! Header values, as text.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::MediaType;
use http::HeaderMap;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

/// The media type of a response in lower case without its parameters; as written if it is not well-formed, empty
/// without the header. Several different headers are no media type, as readers would choose different ones.
#[must_use]
pub fn content_type(headers: &HeaderMap) -> String {
    let media_type = |value: &HeaderValue| {
        let written = text(value.as_bytes());
        let written = written.trim();
        written.parse::<MediaType>().map_or_else(|_| written.to_owned(), |media_type| media_type.to_string())
    };
    let mut found: Vec<String> = headers.get_all(CONTENT_TYPE).iter().map(media_type).collect();
    found.dedup();
    found.join(", ")
}

/// The value of a header as a printable excerpt.
#[must_use]
pub fn excerpt(value: &[u8]) -> Excerpt {
    Excerpt::of(text(value).trim())
}

fn text(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value)
}

/// `Basic` credentials, [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617#section-2). `user` must have no colon.
#[must_use]
pub fn basic(user: &str, password: &[u8]) -> Option<HeaderValue> {
    sensitive(&format!("Basic {}", STANDARD.encode([user.as_bytes(), b":", password].concat())))
}

/// A `Bearer` token, [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-2.1). `None` unless it is visible
/// ASCII.
#[must_use]
pub fn bearer(token: &[u8]) -> Option<HeaderValue> {
    let text = std::str::from_utf8(token).ok()?;
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    sensitive(&format!("Bearer {text}"))
}

/// A value that is kept out of debug output and of the compression tables of HTTP/2.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_hidden_and_cannot_add_a_header() {
        let header = basic("Aladdin", b"open sesame").unwrap();
        assert_eq!(header.as_bytes(), b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{header:?}"), "Sensitive");
        for text in ["", "a\nb", "a\r\nX: y", "a b", "ü"] {
            assert_eq!(bearer(text.as_bytes()), None, "{text:?}");
        }
        let header = bearer(b"a.b-c~d+e/f=").unwrap();
        assert_eq!((header.as_bytes(), header.is_sensitive()), (b"Bearer a.b-c~d+e/f=".as_slice(), true));
    }

    #[test]
    fn headers_that_disagree_about_the_media_type_name_none() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            }
            content_type(&headers)
        };
        assert_eq!(of(&[]), "");
        assert_eq!(of(&[" A/B ; x=y "]), "a/b");
        assert_eq!(of(&["a/b", "A/b; charset=utf-8"]), "a/b");
        assert_eq!(of(&["a/b", "c/d"]), "a/b, c/d");
        assert!(of(&["a/b", "c/d"]).parse::<MediaType>().is_err());
    }
}
