//! Maps errors of the HTTP library to [`FetchError`].

use std::error::Error;

use crate::address::AddressRefused;
use crate::answer::Missing;
use crate::connection::ConnectError;
use crate::connection::Excess;
use crate::connection::LookupError;
use crate::connection::UsesTls;
use crate::error::FetchError;
use crate::error::Phase;
use crate::error_chain::chain;
use crate::error_chain::innermost_text;
use crate::proxy::ProxyFailure;
use crate::proxy::SelectedProxy;
use crate::proxy::TunnelError;
use crate::tls::refusal_in_text;
use crate::tls::tls_failure;

/// Maps the error of a request to `host`, which waited for what is `missing`.
pub(crate) fn unreachable(error: &(dyn Error + 'static), host: &str, missing: Missing) -> FetchError {
    let host = || host.to_owned();
    for error in chain(error) {
        match error.downcast_ref() {
            Some(ConnectError::Timeout) => {
                return FetchError::Timeout { host: host(), phase: Phase::Connect, missing };
            }
            // The inner error is more specific.
            Some(ConnectError::Tcp(_) | ConnectError::Tls(_) | ConnectError::Name) | None => {}
        }
        match error.downcast_ref() {
            Some(LookupError::Refused(AddressRefused { address })) => {
                return FetchError::AddressRefused { host: host(), address: *address };
            }
            Some(LookupError::Limit(reached)) => return FetchError::Limit(reached.clone()),
            Some(LookupError::Timeout) => {
                return FetchError::Timeout { host: host(), phase: Phase::Connect, missing: Missing::Address };
            }
            Some(LookupError::Failed { .. }) | None => {}
        }
        if let Some(Excess { shared }) = Excess::of(error) {
            return FetchError::Excess { host: host(), shared };
        }
        if UsesTls::is(error) {
            return FetchError::TlsPort { host: host() };
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return FetchError::Tls { host: host(), failure: tls_failure(error) };
        }
    }
    let detail = innermost_text(error);
    match refusal_in_text(&detail) {
        Some(failure) => FetchError::Tls { host: host(), failure },
        None => FetchError::Unreachable { host: host(), detail },
    }
}

/// Maps the error of a request to `host` through `proxy`, and decides whether the proxy failed.
pub(crate) fn unreachable_by(
    error: &(dyn Error + 'static),
    host: &str,
    proxy: &SelectedProxy<'_>,
    missing: Missing,
) -> FetchError {
    let failure = chain(error).find_map(|error| match error.downcast_ref() {
        Some(TunnelError::Proxy(failure)) => Some(failure.clone()),
        Some(TunnelError::Inside(_)) | None => None,
    });
    match failure {
        Some(failure) => proxy_failed(host.to_owned(), proxy, failure),
        None => unreachable(error, host, missing),
    }
}

/// Creates the error for a failure of `proxy`.
pub(crate) fn proxy_failed(host: String, proxy: &SelectedProxy<'_>, failure: ProxyFailure) -> FetchError {
    FetchError::Proxy {
        host,
        proxy: proxy.server.authority(),
        setting: proxy.source.to_string(),
        failure: Box::new(failure),
    }
}

/// Maps the error of an incomplete body.
pub(crate) fn broken(error: &hyper::Error, host: &str) -> FetchError {
    if let Some(Excess { shared }) = chain(error).find_map(Excess::of) {
        return FetchError::Excess { host: host.to_owned(), shared };
    }
    FetchError::Broken { host: host.to_owned(), detail: innermost_text(error) }
}
