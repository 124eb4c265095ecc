//! Why the network gave no answer, from the chain of errors of the HTTP library. Never shows a URL, and what the other
//! side has written only as an excerpt.

use std::error::Error;

use countersign_core::codec::excerpt::Excerpt;
use rustls::CertificateError;

use crate::address::AddressRefused;
use crate::bounds;
use crate::error::Cause;
use crate::error::Phase;

/// Why there was no answer, without the URL.
pub(crate) fn unreachable(error: &reqwest::Error, host: &str) -> Cause {
    let host = host.to_owned();
    if error.is_timeout() {
        return Cause::Timeout { host, phase: Phase::Answer };
    }
    for error in chain(error) {
        if let Some(AddressRefused { address }) = error.downcast_ref() {
            return Cause::AddressRefused { host, address: *address };
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Cause::Tls { host, detail: tls_text(error) };
        }
    }
    Cause::Unreachable { host, detail: innermost_text(error) }
}

/// Why a body did not come to its end.
pub(crate) fn broken(error: &reqwest::Error, host: &str) -> Cause {
    Cause::Broken { host: host.to_owned(), detail: innermost_text(error) }
}

/// What rustls says. Only the names of a certificate are not its own words.
pub(crate) fn tls_text(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => {
            let expected = expected.to_str();
            format!("its certificate is not for {expected} but for {}", certificate_names(presented))
        }
        #[allow(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open set")]
        other => other.to_string(),
    }
}

fn certificate_names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no name at all".to_owned();
    }
    // The library writes them as `DnsName("a.example")`.
    let bare = |name: &str| {
        let inner = name.strip_suffix("\")").and_then(|rest| rest.split_once("(\"")).map(|(_, inner)| inner);
        Excerpt::of(inner.unwrap_or(name)).to_string()
    };
    let mut text =
        presented.iter().take(bounds::CERTIFICATE_NAMES).map(|name| bare(name)).collect::<Vec<_>>().join(", ");
    let more = presented.len().saturating_sub(bounds::CERTIFICATE_NAMES);
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn innermost_text(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    for error in chain(error) {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return http2_text(error);
        }
        innermost = error;
    }
    if innermost.is::<reqwest::Error>() {
        // Its own text ends with the URL.
        return "the request failed".to_owned();
    }
    innermost.to_string()
}

/// The reason by its number: the text that the other side may add to it is left out.
fn http2_text(error: &h2::Error) -> String {
    let what = if error.is_go_away() {
        "the HTTP/2 connection was ended"
    } else if error.is_reset() {
        "the HTTP/2 stream was reset"
    } else {
        "HTTP/2 failed"
    };
    let by = if error.is_remote() { " by the other side" } else { "" };
    match (error.reason(), error.get_io()) {
        (Some(reason), _) => format!("{what}{by}: {}", reason.description()),
        (None, Some(error)) => format!("{what}: {}", error.kind()),
        (None, None) => format!("{what}{by}"),
    }
}

/// The error and those inside it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| inner(*error))
}

/// The next error of a chain; what an I/O error wraps counts, which `source` leaves out.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(presented: &[&str]) -> String {
        let presented = presented.iter().map(|name| (*name).to_owned()).collect();
        let expected = rustls_pki_types::ServerName::try_from("r.example").unwrap();
        tls_text(&rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }))
    }

    #[test]
    fn the_names_of_a_certificate_are_excerpts() {
        assert_eq!(names(&[]), "its certificate is not for r.example but for no name at all");
        assert_eq!(
            names(&[r#"DnsName("a.example")"#, "IpAddress(10.0.0.1)"]),
            r#"its certificate is not for r.example but for "a.example", "IpAddress(10.0.0.1)""#
        );
        assert_eq!(
            names(&["a", "b", "c\"\nverified", "d", "e"]),
            r#"its certificate is not for r.example but for "a", "b", "c\"\u{a}verified" and 2 more"#
        );
        assert!(names(&["x".repeat(70_000).as_str(); 3]).len() < 400);
    }

    #[test]
    fn the_text_beside_the_reason_of_a_connections_end_is_left_out() {
        let error = h2::Error::from(h2::Reason::ENHANCE_YOUR_CALM);
        assert_eq!(innermost_text(&error), "HTTP/2 failed: detected excessive load generating behavior");
        let wrapped = std::io::Error::other(error);
        assert_eq!(innermost_text(&wrapped), "HTTP/2 failed: detected excessive load generating behavior");
    }
}
