//! Why the network gave no answer, from the chain of errors of the HTTP library. Never shows a URL.

use std::error::Error;

use crate::error::Cause;
use crate::error::Phase;
use crate::error::ProxyFailure;
use crate::proxy::Proxy;
use crate::proxy::TunnelError;
use countersign_http::AddressRefused;
use countersign_http::ConnectError;
use countersign_http::Excess;
use countersign_http::LookupError;
use countersign_http::tls::TlsFailure;
use countersign_http::tls::tls_failure;

/// Why there was no answer.
pub(crate) fn unreachable(error: &(dyn Error + 'static), host: &str) -> Cause {
    let host = || host.to_owned();
    for error in chain(error) {
        match error.downcast_ref() {
            Some(ConnectError::Timeout) => return Cause::Timeout { host: host(), phase: Phase::Answer },
            // What stands below says more.
            Some(ConnectError::Tcp(_) | ConnectError::Tls(_) | ConnectError::Name) | None => {}
        }
        match error.downcast_ref() {
            Some(LookupError::Refused(AddressRefused { address })) => {
                return Cause::AddressRefused { host: host(), address: *address };
            }
            Some(LookupError::Limit(reached)) => return Cause::Limit(reached.clone()),
            Some(LookupError::Timeout) => return Cause::Timeout { host: host(), phase: Phase::Answer },
            Some(LookupError::Failed { .. }) | None => {}
        }
        if let Some(Excess { shared }) = Excess::of(error) {
            return Cause::Excess { host: host(), shared };
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Cause::Tls { host: host(), failure: tls_failure(error) };
        }
    }
    Cause::Unreachable { host: host(), detail: innermost_text(error) }
}

/// Why there was no answer by `proxy`, and whose fault it is.
pub(crate) fn unreachable_by(error: &(dyn Error + 'static), host: &str, proxy: &Proxy<'_>) -> Cause {
    let failure = chain(error).find_map(|error| match error.downcast_ref() {
        Some(TunnelError::Proxy(failure)) => Some(failure.clone()),
        Some(TunnelError::Inside(_)) | None => None,
    });
    match failure {
        Some(failure) => proxy_failed(host.to_owned(), proxy, failure),
        None => unreachable(error, host),
    }
}

/// `proxy` failed, and not `host`.
pub(crate) fn proxy_failed(host: String, proxy: &Proxy<'_>, failure: ProxyFailure) -> Cause {
    Cause::Proxy {
        host,
        proxy: proxy.server.authority(),
        setting: proxy.source.to_string(),
        failure: Box::new(failure),
    }
}

/// The failure of TLS, if it is one.
pub(crate) fn tls_in(error: &(dyn Error + 'static)) -> Option<TlsFailure> {
    chain(error).find_map(|error| error.downcast_ref().map(tls_failure))
}

/// Why a body did not come to its end.
pub(crate) fn broken(error: &hyper::Error, host: &str) -> Cause {
    if let Some(Excess { shared }) = chain(error).find_map(Excess::of) {
        return Cause::Excess { host: host.to_owned(), shared };
    }
    Cause::Broken { host: host.to_owned(), detail: innermost_text(error) }
}

/// What the innermost error says, without the URL.
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

    #[test]
    fn the_text_beside_the_reason_of_a_connections_end_is_left_out() {
        let error = h2::Error::from(h2::Reason::ENHANCE_YOUR_CALM);
        assert_eq!(innermost_text(&error), "HTTP/2 failed: detected excessive load generating behavior");
        let wrapped = std::io::Error::other(error);
        assert_eq!(innermost_text(&wrapped), "HTTP/2 failed: detected excessive load generating behavior");
    }
}
