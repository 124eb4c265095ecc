//! Requests that are sent directly to their host, under an address policy.

use std::net::SocketAddr;
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
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::alert::WithAlert;
use super::current_request::current_reception;
use super::lookup::Lookups;
use super::lookup::Resolver;
use super::metered::Metered;
use super::open::OpenConnections;
use super::plain::PlainHttp;
use super::response::UnreadResponse;
use super::setup::ConnectError;
use super::setup::ConnectSettings;
use super::setup::client;
use super::setup::server_name;
use super::setup::tcp;
use super::setup::tls_port;
use super::setup::with_user_agent;
use super::stream::Stream;
use crate::address::AddressPolicy;
use crate::answer::Missing;
use crate::answer::Reception;
use crate::tls::TlsClient;

/// Sends requests under one address policy and one TLS configuration.
#[derive(Clone)]
pub(crate) struct Direct(Client<Connector, Full<Bytes>>);

impl Direct {
    pub(crate) fn new(
        settings: &ConnectSettings,
        policy: AddressPolicy,
        tls: TlsClient,
        open: OpenConnections,
    ) -> Self {
        let ConnectSettings { lookups, connect_timeout, idle_per_host } = settings.clone();
        let shared = Shared { policy, tls, open, lookups, connect_timeout };
        Self(client(Connector(Arc::new(shared)), idle_per_host))
    }

    /// Sends a request and returns the head of the response; the body is received as it is read.
    ///
    /// # Errors
    /// A [`ConnectError`] is among the sources if there was no connection.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<UnreadResponse, Error> {
        self.0.request(with_user_agent(request)).await.map(UnreadResponse::new)
    }
}

#[derive(Clone)]
struct Connector(Arc<Shared>);

struct Shared {
    policy: AddressPolicy,
    tls: TlsClient,
    open: OpenConnections,
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
        // Created outside the future, which may continue in another task after the request found an idle connection.
        let (resolver, reception) = (Resolver::new(shared.policy, &shared.lookups), current_reception());
        Box::pin(async move {
            let connecting = shared.connect(&to, resolver, &reception);
            timeout(shared.connect_timeout, connecting).await.unwrap_or(Err(ConnectError::Timeout))
        })
    }
}

impl Shared {
    async fn connect(&self, to: &Uri, resolver: Resolver, reception: &Reception) -> Result<Stream, ConnectError> {
        if to.scheme_str() != Some("https") {
            return self.connect_plain(to, resolver, reception).await;
        }
        let connect = |tls| self.connect_tls(to, resolver.clone(), tls, reception);
        self.tls.connect(tls_port(to), |error| matches!(error, ConnectError::Tls(_)), connect).await
    }

    async fn connect_plain(&self, to: &Uri, resolver: Resolver, reception: &Reception) -> Result<Stream, ConnectError> {
        let (io, peer) = self.connect_tcp(to, resolver, reception).await?;
        let allowance = io.allowance().clone();
        reception.connecting(Missing::Response);
        Ok(Stream { io: Box::new(TokioIo::new(PlainHttp::new(io))), http2: false, forwards: false, peer, allowance })
    }

    async fn connect_tls(
        &self,
        to: &Uri,
        resolver: Resolver,
        tls: TlsConnector,
        reception: &Reception,
    ) -> Result<Stream, ConnectError> {
        let (io, peer) = self.connect_tcp(to, resolver, reception).await?;
        let allowance = io.allowance().clone();
        let name = server_name(to.host().unwrap_or_default()).ok_or(ConnectError::Name)?;
        reception.connecting(Missing::Handshake);
        let tls = tls.connect(name, io).await.map_err(ConnectError::Tls)?;
        reception.connecting(Missing::Response);
        let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
        Ok(Stream { io: Box::new(TokioIo::new(WithAlert::new(tls))), http2, forwards: false, peer, allowance })
    }

    async fn connect_tcp(
        &self,
        to: &Uri,
        resolver: Resolver,
        reception: &Reception,
    ) -> Result<(Metered<TcpStream>, Option<SocketAddr>), ConnectError> {
        reception.connecting(Missing::Connection);
        let connected = tcp(resolver, self.connect_timeout).call(to.clone()).await;
        let tcp = connected.map_err(|error| ConnectError::Tcp(error.into()))?.into_inner();
        let peer = tcp.peer_addr().ok();
        Ok((Metered::new(tcp, self.open.open()), peer))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::connection::on_behalf_of;
    use crate::error::FetchError;
    use crate::error_mapping::unreachable;
    use crate::limiter::Limiter;
    use crate::limits;
    use crate::resource::LOOKUPS;
    use crate::resource::LimitReached;
    use crate::resource::Unobserved;
    use crate::share::Class;
    use crate::share::Scope;
    use crate::share::Share;
    use crate::tls::Sessions;

    #[tokio::test(start_paused = true)]
    async fn the_lookup_of_a_request_counts_for_its_share() {
        let lookups =
            Lookups::new(Limiter::new(LOOKUPS, limits::LOOKUPS, Arc::new(Unobserved)), Duration::from_secs(1));
        let share = Share::new("registry.example", Class::Listed);
        let used = lookups.use_up(&share);
        let settings = ConnectSettings { lookups, connect_timeout: Duration::from_secs(5), idle_per_host: 1 };
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let tls = TlsClient::new(Arc::new(tls), Sessions::new());
        let client = Direct::new(&settings, AddressPolicy::Any, tls, OpenConnections::new(1));
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = Uri::from_static("http://blobs.example/");
        let error = on_behalf_of(&share, &Reception::new(), client.send(request)).await.err().unwrap();
        let limit = used.len();
        let reached = LimitReached {
            resource: LOOKUPS,
            scope: Scope::Host("registry.example".into()),
            at: None,
            found: limit,
            limit,
            reduced: None,
        };
        assert_eq!(unreachable(&error, "blobs.example", Missing::Connection), FetchError::Limit(reached));
    }
}
