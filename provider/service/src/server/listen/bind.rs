//! Opens the ports: for both address families if the system has both, on every address of a name.

use std::future::poll_fn;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::task::Context;
use std::task::Poll;

use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::config::ListenAddress;

/// Connections that the kernel accepts before the process does.
const BACKLOG: i32 = 1024;

/// The system's send buffer of a connection, in bytes: by default up to 4 MiB, which count as memory of the container.
/// Linux doubles it for its own bookkeeping.
pub(in crate::server) const SEND_BUFFER_BYTES: usize = 16 * 1024;

/// The sockets of one endpoint, at least one: a name may have several addresses.
#[derive(Debug)]
pub(in crate::server) struct Listeners(Vec<TcpListener>);

impl Listeners {
    /// Opens all addresses of `address`.
    ///
    /// `[::]` serves both families, whatever the system's default is, and IPv4 alone where the system has no IPv6. Of a
    /// name's addresses those that this system does not have are left out, as long as there is one.
    ///
    /// # Errors
    /// The name does not resolve; an address cannot be bound.
    pub(in crate::server) async fn bind(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Address(address) if address.is_ipv6() && address.ip().is_unspecified() => {
                Ok(Self(vec![both_families(*address, open)?]))
            }
            ListenAddress::Address(address) => Ok(Self(vec![open(*address)?])),
            ListenAddress::Name { name, port } => {
                let unresolved = |error| io::Error::new(io::ErrorKind::NotFound, error);
                let found = tokio::net::lookup_host((name.as_str(), *port)).await.map_err(unresolved)?;
                Ok(Self(all(found, open)?))
            }
        }
    }

    /// The next connection and its peer: an IPv4 address for a client over IPv4.
    pub(in crate::server) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|context| self.poll_accept(context)).await
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        for listener in &self.0 {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready(accepted.map(|(stream, peer)| (stream, canonical(peer))));
            }
        }
        Poll::Pending
    }

    /// The local addresses, with the port that the system has chosen for port 0.
    ///
    /// # Errors
    /// The system reports an error.
    pub(in crate::server) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.0.iter().map(TcpListener::local_addr).collect()
    }
}

/// Why [`Listeners::bind`] has failed, and the remedy.
pub(in crate::server) fn bind_cause(error: &io::Error) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the system's errors are an open set")]
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use; stop the process that uses it, or configure another port".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "the system does not permit it; configure a port above 1023, or give the process CAP_NET_BIND_SERVICE"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this system does not have the address; expected one of its own addresses, or a port alone for all of them"
                .to_owned()
        }
        io::ErrorKind::NotFound => {
            format!("the name has no address ({error}); expected an IP address, a name that resolves, or a port alone")
        }
        _ if error.raw_os_error() == Some(AF_NOT_SUPPORTED) => {
            "this system does not have the address family; expected an address of the other, or a port alone".to_owned()
        }
        _ => error.to_string(),
    }
}

/// The usual form of a peer's address: a socket for both families has IPv4-mapped IPv6 addresses for clients over
/// IPv4.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// `address` is `[::]`.
fn both_families<T>(address: SocketAddr, open: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    match open(address) {
        Err(error) if is_about_this_system(&error) => open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()))),
        opened => opened,
    }
}

fn all<T>(found: impl Iterator<Item = SocketAddr>, open: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<Vec<T>> {
    let mut opened = Vec::new();
    let mut missing = None;
    let mut seen = Vec::new();
    for address in found {
        if seen.contains(&address) {
            continue;
        }
        seen.push(address);
        match open(address) {
            Ok(listener) => opened.push(listener),
            Err(error) if is_about_this_system(&error) => missing = Some(error),
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if opened.is_empty() => Err(error),
        None if opened.is_empty() => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        Some(_) | None => Ok(opened),
    }
}

/// Whether the address is one that this system does not have, or of a family that it does not have.
fn is_about_this_system(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no `ErrorKind`.
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(AF_NOT_SUPPORTED)
}

/// EAFNOSUPPORT.
#[cfg(target_os = "linux")]
const AF_NOT_SUPPORTED: i32 = 97;
#[cfg(not(target_os = "linux"))]
const AF_NOT_SUPPORTED: i32 = 47;

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // Set explicitly, regardless of net.ipv6.bindv6only. It has no effect on a single address.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Allows a restart while the kernel still has former connections.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::ErrorKind;
    use std::net::Ipv6Addr;

    use super::*;

    async fn bind(text: &str) -> io::Result<Listeners> {
        Listeners::bind(&text.parse().unwrap()).await
    }

    /// Connects to `to` and gives the peer that the listeners see.
    async fn seen(listeners: &Listeners, to: &str) -> io::Result<SocketAddr> {
        at(listeners, to, listeners.addresses()?[0].port()).await
    }

    async fn at(listeners: &Listeners, to: &str, port: u16) -> io::Result<SocketAddr> {
        let stream = TcpStream::connect(format!("{to}:{port}")).await?;
        let (_, peer) = listeners.accept().await?;
        assert_eq!(peer.port(), stream.local_addr()?.port());
        Ok(peer)
    }

    fn has_ipv6() -> bool {
        std::net::TcpListener::bind("[::1]:0").is_ok()
    }

    #[tokio::test]
    async fn a_port_alone_serves_both_families_and_reports_ipv4_peers_as_ipv4() {
        for text in [":0", "[::]:0"] {
            let listeners = bind(text).await.unwrap();
            assert_eq!(seen(&listeners, "127.0.0.1").await.unwrap().ip().to_string(), "127.0.0.1");
            if has_ipv6() {
                assert_eq!(listeners.addresses().unwrap()[0].ip(), Ipv6Addr::UNSPECIFIED);
                assert_eq!(seen(&listeners, "[::1]").await.unwrap().ip().to_string(), "::1");
            }
        }
    }

    #[tokio::test]
    async fn listens_on_one_family_only_if_requested() {
        let v4 = bind("0.0.0.0:0").await.unwrap();
        assert_eq!(seen(&v4, "127.0.0.1").await.unwrap().ip().to_string(), "127.0.0.1");
        if has_ipv6() {
            let port = v4.addresses().unwrap()[0].port();
            assert_eq!(TcpStream::connect(("::1", port)).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
            let v6 = bind("[::1]:0").await.unwrap();
            assert_eq!(seen(&v6, "[::1]").await.unwrap().ip().to_string(), "::1");
        }
    }

    #[tokio::test]
    async fn listens_on_all_addresses_of_a_name() {
        // Names of loopback have 127.0.0.1, [::1] or both, depending on the system's hosts file.
        let listeners = bind("localhost:0").await.unwrap();
        for address in listeners.addresses().unwrap() {
            assert!(address.ip().is_loopback(), "{address}");
            let to = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
            assert_eq!(at(&listeners, to, address.port()).await.unwrap().ip(), address.ip());
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error_in_both_families() {
        let held = bind(":0").await.unwrap();
        let taken = held.addresses().unwrap()[0].port();
        for host in ["", "[::]", "0.0.0.0", "127.0.0.1", "localhost"] {
            let error = bind(&format!("{host}:{taken}")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse, "{host}");
        }
    }

    #[test]
    fn causes_have_a_remedy() {
        let cause = |kind: ErrorKind| bind_cause(&kind.into());
        assert_eq!(
            cause(ErrorKind::AddrInUse),
            "the port is in use; stop the process that uses it, or configure another port"
        );
        assert!(cause(ErrorKind::PermissionDenied).contains("configure a port above 1023"));
        assert!(cause(ErrorKind::AddrNotAvailable).contains("expected one of its own addresses"));
        assert!(cause(ErrorKind::NotFound).starts_with("the name has no address (entity not found); expected"));
        let family = bind_cause(&io::Error::from_raw_os_error(AF_NOT_SUPPORTED));
        assert!(family.starts_with("this system does not have the address family"), "{family}");
    }

    #[test]
    fn without_ipv6_listens_on_ipv4_only() {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 6001));
        let without = |kind: fn() -> io::Error| {
            both_families(any, move |address| if address.is_ipv6() { Err(kind()) } else { Ok(address) })
        };
        let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 6001));
        assert_eq!(without(|| io::Error::from_raw_os_error(AF_NOT_SUPPORTED)).unwrap(), v4);
        assert_eq!(without(|| ErrorKind::AddrNotAvailable.into()).unwrap(), v4);
        // Other errors are not ignored.
        assert_eq!(without(|| ErrorKind::AddrInUse.into()).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(without(|| ErrorKind::PermissionDenied.into()).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(both_families(any, Ok).unwrap(), any);
    }

    #[test]
    fn omits_addresses_of_a_name_that_the_system_does_not_have() {
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 1));
        let open = |kind: ErrorKind| {
            move |address: SocketAddr| if address.is_ipv6() { Err(io::Error::from(kind)) } else { Ok(address) }
        };
        assert_eq!(all([v6, v4, v4].into_iter(), open(ErrorKind::AddrNotAvailable)).unwrap(), [v4]);
        assert_eq!(all([v6, v4].into_iter(), open(ErrorKind::AddrInUse)).unwrap_err().kind(), ErrorKind::AddrInUse);
        let none = all([v6].into_iter(), open(ErrorKind::AddrNotAvailable)).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::AddrNotAvailable);
        assert_eq!(all([].into_iter(), Ok).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
