//! Why the network gave no answer, from the chain of errors of the HTTP library. Never shows a URL.

use std::error::Error;

use crate::address::AddressRefused;
use crate::error::Cause;
use crate::error::Phase;
use crate::said;

/// Why there was no answer, without the URL.
pub(crate) fn unreachable(error: &reqwest::Error, host: &str) -> Cause {
    let host = host.to_owned();
    if error.is_timeout() {
        return Cause::Timeout { host, phase: Phase::Answer };
    }
    let mut innermost: &(dyn Error + 'static) = error;
    while let Some(source) = inner(innermost) {
        innermost = source;
        if let Some(AddressRefused { address }) = innermost.downcast_ref() {
            return Cause::AddressRefused { host, address: *address };
        }
        if let Some(error) = innermost.downcast_ref::<rustls::Error>() {
            return Cause::Tls { host, detail: said::cut(&error.to_string()) };
        }
    }
    Cause::Unreachable { host, detail: innermost_text(error) }
}

/// Why a body did not come to its end.
pub(crate) fn broken(error: &reqwest::Error, host: &str) -> Cause {
    Cause::Broken { host: host.to_owned(), detail: innermost_text(error) }
}

fn innermost_text(error: &reqwest::Error) -> String {
    let mut innermost: &(dyn Error + 'static) = error;
    while let Some(source) = inner(innermost) {
        innermost = source;
    }
    if innermost.is::<reqwest::Error>() {
        // Its own text ends with the URL.
        return "the request failed".to_owned();
    }
    said::cut(&innermost.to_string())
}

/// The next error of a chain; what an I/O error wraps counts, which `source` leaves out.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
