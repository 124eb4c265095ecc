//! The headers of a 429 that describe the limit that was reached. They have no single standard.

use std::fmt;

use countersign_core::codec::excerpt::Excerpt;
use countersign_credentials::Secret;
use countersign_credentials::without_secrets;
use http::HeaderMap;

/// Headers that describe a limit, in the order of printing: RFC 9110, the drafts of the [RateLimit
/// fields](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/), and headers that registries send.
const HEADERS: [&str; 9] = [
    "retry-after",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "ratelimit",
    "ratelimit-policy",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "docker-ratelimit-source",
];

/// Maximum characters of one header's value, escapes included: enough for an IPv6 address.
const VALUE_CHARACTERS: usize = 40;

/// The names and values of the headers, as untrusted excerpts. Empty if the response had none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota(Vec<(&'static str, Excerpt)>);

impl Quota {
    /// Keeps at most `characters` of all values together; later headers are omitted. A value ends where it repeats one of `secrets`.
    pub(crate) fn of(headers: &HeaderMap, characters: usize, secrets: &[Secret]) -> Self {
        let mut left = characters;
        let mut found = Vec::new();
        for name in HEADERS {
            let Some(value) = headers.get(name) else { continue };
            let value = String::from_utf8_lossy(value.as_bytes());
            let value = without_secrets(&value, secrets.iter().map(Secret::expose));
            let value = Excerpt::at_most(VALUE_CHARACTERS, &value);
            match left.checked_sub(value.escaped().chars().count()) {
                None => break,
                Some(rest) => left = rest,
            }
            found.push((name, value));
        }
        Self(found)
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(((name, value), others)) = self.0.split_first() else {
            return f.write_str("no header about its limit");
        };
        write!(f, "{name} {value}")?;
        others.iter().try_for_each(|(name, value)| write!(f, ", {name} {value}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn names_the_headers_in_order_and_omits_others() {
        let mut headers = HeaderMap::new();
        headers.insert("docker-ratelimit-source", HeaderValue::from_static("192.0.2.7"));
        headers.insert("ratelimit-remaining", HeaderValue::from_static("0;w=21600"));
        headers.insert("set-cookie", HeaderValue::from_static("secret"));
        headers.insert("ratelimit-limit", HeaderValue::from_static("100;w=21600"));
        assert_eq!(
            Quota::of(&headers, 80, &[]).to_string(),
            r#"ratelimit-limit "100;w=21600", ratelimit-remaining "0;w=21600", docker-ratelimit-source "192.0.2.7""#
        );
        assert_eq!(Quota::of(&HeaderMap::new(), 80, &[]).to_string(), "no header about its limit");
    }

    #[test]
    fn a_value_ends_before_a_secret_of_the_request() {
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit", HeaderValue::from_static("of hunter2"));
        assert_eq!(
            Quota::of(&headers, 80, &[Secret::new("hunter2")]).to_string(),
            r#"ratelimit "of (cut: the text repeats a secret of t…""#
        );
    }

    #[test]
    fn values_are_escaped_and_cut_one_by_one_and_together() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_bytes("a\"b\tü".as_bytes()).unwrap());
        headers.insert("ratelimit-limit", HeaderValue::from_str(&"1".repeat(4096)).unwrap());
        headers.insert("ratelimit", HeaderValue::from_bytes(&[0xff; 4096]).unwrap());
        let cut = format!(r#"retry-after "a\"b\u{{9}}ü", ratelimit-limit "{}…""#, "1".repeat(39));
        let all = format!(r#"{cut}, ratelimit "{}…""#, r"\u{fffd}".repeat(4));
        assert_eq!(Quota::of(&headers, 160, &[]).to_string(), all);
        assert_eq!(Quota::of(&headers, 80, &[]).to_string(), cut);
    }
}
