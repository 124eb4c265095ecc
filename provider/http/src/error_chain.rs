//! Converts the error chain of the HTTP library to text. Never shows a URL.

use std::error::Error;

use crate::tls::TlsFailure;
use crate::tls::tls_failure;

/// The TLS failure in the chain of `error`, if there is one.
pub(crate) fn tls_failure_in(error: &(dyn Error + 'static)) -> Option<TlsFailure> {
    chain(error).find_map(|error| error.downcast_ref().map(tls_failure))
}

/// The message of the innermost error, without the URL.
pub(crate) fn innermost_text(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    for error in chain(error) {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return http2_text(error);
        }
        innermost = error;
    }
    innermost.to_string()
}

/// The reason by its code, without text from the peer.
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
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| inner(*error))
}

/// The next error of a chain, including the one that an I/O error wraps, which `source` leaves out.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn omits_the_debug_text_of_a_goaway() {
        let error = h2::Error::from(h2::Reason::ENHANCE_YOUR_CALM);
        assert_eq!(innermost_text(&error), "HTTP/2 failed: detected excessive load generating behavior");
        let wrapped = std::io::Error::other(error);
        assert_eq!(innermost_text(&wrapped), "HTTP/2 failed: detected excessive load generating behavior");
    }
}
