//! What of an answer is missing while a request waits for it.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use hyper_util::client::legacy::connect::CaptureConnection;

/// What has not come yet, in the order of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// The addresses of the name.
    Address,
    /// The TCP connection, or the tunnel through a proxy.
    Connection,
    /// The end of the TLS handshake.
    Handshake,
    /// The head of the response.
    Response,
    /// The rest of the body, of which the head has come.
    Body,
}

impl Missing {
    /// Every part, in the order of a request.
    pub const ALL: [Self; 5] = [Self::Address, Self::Connection, Self::Handshake, Self::Response, Self::Body];

    /// What the request did, for the end of "did not respond in time (…)".
    pub(crate) fn activity(self) -> &'static str {
        match self {
            Self::Address => "resolving its name",
            Self::Connection => "connecting",
            Self::Handshake => "TLS handshake",
            Self::Response => "waiting for its response",
            Self::Body => "reading its response, of which only the beginning came",
        }
    }

    /// What was found in place of a complete response.
    fn found(self) -> &'static str {
        match self {
            Self::Address => "no address of",
            Self::Connection => "no connection to",
            Self::Handshake => "no end of the TLS handshake with",
            Self::Response => "no response of",
            Self::Body => "only the beginning of the response of",
        }
    }
}

/// An answer that was awaited when a deadline passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitedAnswer {
    /// Host and port as in the URL.
    pub host: String,
    /// The step of the work that needs it: [`Request::step`](crate::Request::step).
    pub step: &'static str,
    /// What has not come.
    pub missing: Missing,
    /// Host and port of the proxy, if the request goes through one.
    pub proxy: Option<String>,
    /// For how long it was awaited.
    pub waited: Duration,
}

impl fmt::Display for AwaitedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, step, missing, proxy, waited } = self;
        write!(f, "found {} {host}", missing.found())?;
        proxy.iter().try_for_each(|proxy| write!(f, " through the proxy {proxy}"))?;
        write!(f, " for {step} after {:.1} s, expected a complete response", waited.as_secs_f64())
    }
}

/// What one request has received. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Reception(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    missing: Missing,
    proxy: Option<Arc<str>>,
    /// The connection that is used.
    connection: Option<CaptureConnection>,
}

impl Reception {
    /// Of a request over a connection that exists; a connector that opens one says so.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { missing: Missing::Response, proxy: None, connection: None })))
    }

    /// The request goes on at another URL.
    pub(crate) fn restart(&self) {
        *self.lock() = State { missing: Missing::Response, proxy: None, connection: None };
    }

    /// The request goes through this proxy.
    pub(crate) fn by_proxy(&self, proxy: &str) {
        self.lock().proxy = Some(proxy.into());
    }

    /// The request is sent over this connection.
    pub(crate) fn over(&self, connection: CaptureConnection) {
        self.lock().connection = Some(connection);
    }

    /// No further request is sent over the connection, which had no response in time. An HTTP/2 connection would be used for others until a
    /// ping has no answer.
    pub(crate) fn abandon_connection(&self) {
        if let Some(connection) = self.lock().connection.take()
            && let Some(connected) = &*connection.connection_metadata()
        {
            connected.poison();
        }
    }

    /// A connector waits for this now. It may go on after the request has found another connection, so that it changes
    /// nothing once the head of the response has come.
    pub(crate) fn connecting(&self, missing: Missing) {
        let mut state = self.lock();
        if state.missing != Missing::Body {
            state.missing = missing;
        }
    }

    /// The head of the response has come.
    pub(crate) fn responded(&self) {
        self.lock().missing = Missing::Body;
    }

    pub(crate) fn missing(&self) -> Missing {
        self.lock().missing
    }

    pub(crate) fn proxy(&self) -> Option<String> {
        self.lock().proxy.as_deref().map(str::to_owned)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No operation can panic while the state is inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(missing: Missing, proxy: Option<&str>) -> String {
        let proxy = proxy.map(str::to_owned);
        let waited = Duration::from_millis(2471);
        AwaitedAnswer { host: "a.example".to_owned(), step: "the list", missing, proxy, waited }.to_string()
    }

    #[test]
    fn the_message_has_the_missing_part_the_host_the_step_and_the_time() {
        let all = Missing::ALL.map(|missing| answer(missing, None));
        assert_eq!(
            all,
            [
                "found no address of a.example for the list after 2.5 s, expected a complete response",
                "found no connection to a.example for the list after 2.5 s, expected a complete response",
                "found no end of the TLS handshake with a.example for the list after 2.5 s, expected a complete response",
                "found no response of a.example for the list after 2.5 s, expected a complete response",
                "found only the beginning of the response of a.example for the list after 2.5 s, expected a complete response",
            ]
        );
        assert_eq!(
            answer(Missing::Connection, Some("proxy.example:3128")),
            "found no connection to a.example through the proxy proxy.example:3128 for the list after 2.5 s, expected a complete response"
        );
    }

    #[test]
    fn a_connector_that_goes_on_changes_nothing_once_the_head_has_come() {
        let reception = Reception::new();
        assert_eq!(reception.missing(), Missing::Response);
        reception.connecting(Missing::Handshake);
        assert_eq!(reception.missing(), Missing::Handshake);
        reception.responded();
        reception.connecting(Missing::Connection);
        assert_eq!(reception.missing(), Missing::Body);
        reception.by_proxy("p:1");
        assert_eq!(reception.proxy(), Some("p:1".to_owned()));
        reception.restart();
        assert_eq!((reception.missing(), reception.proxy()), (Missing::Response, None));
    }
}
