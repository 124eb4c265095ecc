//! `Link` headers with `rel="next"`, [RFC 8288](https://www.rfc-editor.org/rfc/rfc8288#section-3).

use http::HeaderMap;
use http::header::LINK;

use countersign_http::BadLink;

/// The target of the first link with the relation `next`, not resolved.
///
/// # Errors
/// A header is too long or not ASCII, so that it is not known whether there is a next page.
pub fn next(headers: &HeaderMap) -> Result<Option<String>, BadLink> {
    for value in headers.get_all(LINK) {
        let text = value.to_str().map_err(|_| BadLink)?;
        if text.len() > countersign_http::limits::URL_BYTES {
            return Err(BadLink);
        }
        if let Some(target) = next_in(text) {
            return Ok(Some(target.to_owned()));
        }
    }
    Ok(None)
}

fn next_in(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        let (parameters, following) = cut_at(after, ',');
        if is_next(parameters) {
            return Some(target);
        }
        rest = following;
    }
}

/// Splits `text` before the first `separator` that is not inside quotes.
fn cut_at(text: &str, separator: char) -> (&str, &str) {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}

/// Whether the first `rel` among `;`-separated parameters lists `next`.
fn is_next(parameters: &str) -> bool {
    let mut rest = parameters;
    while !rest.is_empty() {
        let (parameter, following) = cut_at(rest, ';');
        rest = following.strip_prefix(';').unwrap_or_default();
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            let words = value.trim().trim_matches('"');
            return words.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("next"));
        }
    }
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(LINK, value.parse().unwrap());
        }
        assert_eq!(next(&headers), Ok(expected.map(str::to_owned)), "{values:?}");
    }

    #[test]
    fn finds_the_next_page_among_others() {
        check(&[r#"</v2/a/referrers/x?n=1>; rel="next""#], Some("/v2/a/referrers/x?n=1"));
        check(&["<a>;rel=next"], Some("a"));
        check(&[r#"<a>; title="x, <b>; rel=y"; REL="prev next""#], Some("a"));
        check(&[r#"<p>; rel="prev", <n>; rel="next""#], Some("n"));
        check(&[r#"<p>; rel=prev"#, r#"<n>; rel=next"#], Some("n"));
    }

    #[test]
    fn other_links_are_no_next_page() {
        check(&[], None);
        check(&[""], None);
        check(&["<a>"], None);
        check(&[r#"<a>; rel="nextish""#], None);
        check(&[r#"<a>; rel="prev"; rel="next""#], None);
        check(&["a; rel=next"], None);
    }

    #[test]
    fn an_endless_header_is_refused() {
        let mut headers = HeaderMap::new();
        headers
            .append(LINK, format!("<{}>; rel=next", "a".repeat(countersign_http::limits::URL_BYTES)).parse().unwrap());
        assert_eq!(next(&headers), Err(BadLink));
    }
}
