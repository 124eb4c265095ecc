//! Requests that go to their host directly, under a guard.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Uri;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::Error;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::ConnectError;
use super::Lookups;
use super::Metered;
use super::Open;
use super::Resolver;
use super::Response;
use super::Stream;
use super::client;
use super::server_name;
use super::tcp;
use super::with_user_agent;
use crate::address::Guard;

/// Sends requests under one guard and one set of authorities.
#[derive(Clone)]
pub struct Direct(Client<Connector, Full<Bytes>>);

/// What connections are made with.
#[derive(Clone)]
pub struct Means {
    pub lookups: Lookups,
    /// For the name, TCP and TLS together.
    pub connect_timeout: Duration,
    pub idle_per_host: usize,
}

impl Direct {
    pub fn new(means: &Means, guard: Guard, tls: Arc<ClientConfig>, open: Open) -> Self {
        let shared =
            Shared { guard, tls, open, lookups: means.lookups.clone(), connect_timeout: means.connect_timeout };
        Self(client(Connector(Arc::new(shared)), means.idle_per_host))
    }

    /// Sends a request and gives the answer's head; the body comes as it is read.
    ///
    /// # Errors
    /// A [`ConnectError`] is among the sources where there was no connection.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response, Error> {
        self.0.request(with_user_agent(request)).await.map(Response::new)
    }
}

#[derive(Clone)]
struct Connector(Arc<Shared>);

struct Shared {
    guard: Guard,
    tls: Arc<ClientConfig>,
    open: Open,
    lookups: Lookups,
    connect_timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let shared = Arc::clone(&self.0);
        // Here and not in the future, which may go on in another task when the request has found a free connection.
        let resolver = Resolver::new(shared.guard, &shared.lookups);
        Box::pin(async move {
            let connecting = shared.connect(to, resolver);
            timeout(shared.connect_timeout, connecting).await.unwrap_or(Err(ConnectError::Timeout))
        })
    }
}

impl Shared {
    async fn connect(&self, to: Uri, resolver: Resolver) -> Result<Stream, ConnectError> {
        let https = to.scheme_str() == Some("https");
        let name = to.host().unwrap_or_default().to_owned();
        let tcp =
            tcp(resolver, self.connect_timeout).call(to).await.map_err(|error| ConnectError::Tcp(error.into()))?;
        let tcp: TcpStream = tcp.into_inner();
        let from = tcp.peer_addr().ok();
        let io = Metered::new(tcp, self.open.one_more());
        let allowance = io.allowance().clone();
        if !https {
            return Ok(Stream { io: Box::new(TokioIo::new(io)), http2: false, forwards: false, from, allowance });
        }
        let name = server_name(&name).ok_or(ConnectError::Name)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, io).await.map_err(ConnectError::Tls)?;
        let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
        Ok(Stream { io: Box::new(TokioIo::new(tls)), http2, forwards: false, from, allowance })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::connection::LookupError;
    use crate::connection::on_behalf_of;
    use crate::limit::LimitReached;
    use crate::limit::Resource;
    use crate::limit::Unobserved;
    use crate::limiter::Limiter;
    use crate::limits;
    use crate::share::Class;
    use crate::share::Scope;
    use crate::share::Share;

    #[tokio::test(start_paused = true)]
    async fn the_look_up_of_a_request_counts_for_the_share_on_whose_behalf_it_is_sent() {
        let lookups = Lookups::new(
            Limiter::new(Resource::Lookups, limits::LOOKUPS, Arc::new(Unobserved)),
            Duration::from_secs(1),
        );
        let share = Share::new("registry.example", Class::Listed);
        let used = lookups.use_up(&share);
        let means = Means { lookups, connect_timeout: Duration::from_secs(5), idle_per_host: 1 };
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = Direct::new(&means, Guard::Configured, Arc::new(tls), Open::new(1));
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = Uri::from_static("http://blobs.example/");
        let error = on_behalf_of(&share, client.send(request)).await.err().unwrap();
        let limit = used.len();
        let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let found = chain.filter_map(|error| error.downcast_ref::<LookupError>()).next().cloned();
        let reached = LimitReached {
            resource: Resource::Lookups,
            scope: Scope::Host("registry.example".into()),
            at: None,
            found: limit,
            limit,
        };
        assert_eq!(found, Some(LookupError::Limit(reached)));
    }
}
