//! Texts of services that repeat the request, without the secrets in it.

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use url::form_urlencoded;

use crate::secret::Secret;

/// What stands in place of the rest of a text that repeats a secret.
pub const REPEATS_SECRET: &str = "(cut: the text repeats a secret of the request)";

/// So many successive bytes of a secret, from any place in it, are not shown; of a shorter secret, the whole of it.
const PART_BYTES: usize = 12;

/// A shorter secret cannot be told from the letters of other words.
const FEWEST_BYTES: usize = 4;

/// Most bytes of a text that are kept: several times as many as any message shows.
const KEPT_BYTES: usize = 4096;

/// `text` up to where it begins to repeat one of `secrets`, as it is or percent-encoded: all of it, its beginning, or another part of 12
/// bytes. [`REPEATS_SECRET`] follows then. Of a longer text, the first 4 KiB are kept. Secrets of fewer than four bytes are not looked for.
///
/// Services repeat requests in other words and with other names than those that are known, so that only the values can be recognized.
#[must_use]
pub fn without_secrets<'s>(text: &str, secrets: impl IntoIterator<Item = &'s [u8]>) -> String {
    let kept = text.get(..text.floor_char_boundary(KEPT_BYTES)).unwrap_or_default();
    let spellings: Vec<Cow<'s, [u8]>> =
        secrets.into_iter().filter(|secret| secret.len() >= FEWEST_BYTES).flat_map(spellings).collect();
    let long: HashSet<&[u8]> = spellings.iter().flat_map(|secret| secret.windows(PART_BYTES)).collect();
    let short: Vec<&[u8]> =
        spellings.iter().map(AsRef::as_ref).filter(|secret: &&[u8]| secret.len() < PART_BYTES).collect();
    let begins = |at: &usize| {
        let rest = kept.as_bytes().get(*at..).unwrap_or_default();
        rest.get(..PART_BYTES).is_some_and(|part| long.contains(part))
            || short.iter().any(|secret| rest.starts_with(secret))
    };
    match (0..kept.len()).find(begins) {
        None => kept.to_owned(),
        Some(at) => {
            let before = kept.get(..kept.floor_char_boundary(at)).unwrap_or_default();
            format!("{before}{REPEATS_SECRET}")
        }
    }
}

/// The secrets in the value of an `Authorization`: what follows the scheme, and of Basic the password too. Without a scheme, the whole
/// value.
#[must_use]
pub fn secrets_of_authorization(value: &HeaderValue) -> Vec<Secret> {
    let value = value.as_bytes();
    let space = value.iter().position(|byte| *byte == b' ');
    let (scheme, rest) = space.and_then(|at| value.split_at_checked(at)).unwrap_or((b"", value));
    let sent = rest.trim_ascii();
    let mut secrets = vec![Secret::new(sent)];
    if scheme.eq_ignore_ascii_case(b"Basic")
        && let Ok(decoded) = STANDARD.decode(sent)
    {
        // The user name has no colon.
        let password = decoded.iter().position(|byte| *byte == b':').and_then(|colon| decoded.get(colon + 1..));
        secrets.extend(password.map(Secret::new));
    }
    secrets
}

/// The secret as it is, and percent-encoded if that is another text.
fn spellings(secret: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let encoded: String = form_urlencoded::byte_serialize(secret).collect();
    let encoded = (encoded.as_bytes() != secret).then(|| Cow::Owned(encoded.into_bytes()));
    std::iter::once(Cow::Borrowed(secret)).chain(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text before a secret; `None` if it has none.
    fn before(text: &str, secrets: &[&str]) -> Option<String> {
        let shown = without_secrets(text, secrets.iter().map(|secret| secret.as_bytes()));
        if shown == text { None } else { shown.strip_suffix(REPEATS_SECRET).map(str::to_owned) }
    }

    #[test]
    fn a_text_ends_before_the_first_secret() {
        let (token, password) = ("IQoJb3JpZ2luX2VjEJr//////////wEaCWV1LXdlc3QtMSJ=", "hunter2");
        let secrets = [token, password];
        for (text, expected) in [
            (format!("token {token} is invalid"), "token "),
            (token.to_owned(), ""),
            (format!("a {password} b {token}"), "a "),
            (format!("a {token} b {password}"), "a "),
            (format!("x{password}x"), "x"),
            // The beginning, the end, and another part.
            (format!("token {}…", &token[..12]), "token "),
            (format!("token …{}", &token[token.len() - 12..]), "token …"),
            (format!("token …{}…", &token[3..15]), "token …"),
            ("X-Amz-Security-Token=IQoJb3JpZ2luX2VjEJr%2F%2F".to_owned(), "X-Amz-Security-Token="),
            ("part=Jr%2F%2F%2F%2F%2F%2F".to_owned(), "part="),
        ] {
            assert_eq!(before(&text, &secrets).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["", "IQoJb3JpZ2l", "hunter", "HUNTER2", "token wEaCWV1LXdl is invalid".get(..10).unwrap_or_default()]
        {
            assert_eq!(before(text, &secrets), None, "{text}");
        }
        assert_eq!(before("anything", &[]), None);
        assert_eq!(before("anything", &[""]), None);
    }

    #[test]
    fn the_secrets_of_an_authorization_are_without_its_scheme_and_its_user() {
        for (value, expected) in [
            ("Basic QVdTOmh1bnRlcjI=", &["QVdTOmh1bnRlcjI=", "hunter2"][..]),
            ("basic QVdTOmh1OnRlcjI=", &["QVdTOmh1OnRlcjI=", "hu:ter2"]),
            ("Basic hunter2", &["hunter2"]),
            ("Bearer hunter2", &["hunter2"]),
            ("hunter2", &["hunter2"]),
            ("", &[""]),
        ] {
            let expected: Vec<_> = expected.iter().copied().map(Secret::new).collect();
            assert_eq!(secrets_of_authorization(&HeaderValue::from_static(value)), expected, "{value}");
        }
    }

    #[test]
    fn texts_and_secrets_of_other_characters_are_compared_by_bytes() {
        assert_eq!(before("äöü pä$$wörd", &["pä$$wörd"]).as_deref(), Some("äöü "));
        // Its beginning is the end of a character.
        let shown = without_secrets("äabc\u{fffd}", [&b"\xa4abc"[..]]);
        assert_eq!(shown, REPEATS_SECRET);
        // It cannot be told from the letters of words.
        assert_eq!(without_secrets("as the test wanted", [&b"tes"[..]]), "as the test wanted");
        // Longer than what is kept, and its end within a character.
        let long = "ä".repeat(KEPT_BYTES);
        assert_eq!(without_secrets(&long, [&b"hunter2"[..]]), "ä".repeat(KEPT_BYTES / 2));
    }
}
