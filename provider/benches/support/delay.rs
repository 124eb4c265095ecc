//! A network with a round-trip time: a TCP proxy in front of the registry that delays connections and every byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;

use super::timer::sleep_until;

/// Chunks of one direction of a connection that are under way.
const CHUNKS: usize = 256;

/// The round-trip time of a network, which can be changed while it is used.
#[derive(Clone, Debug)]
pub(crate) struct RoundTrip(Arc<AtomicU64>);

impl RoundTrip {
    pub(crate) fn new(time: Duration) -> Self {
        let round_trip = Self(Arc::default());
        round_trip.set(time);
        round_trip
    }

    /// For everything that arrives at the proxy from now on.
    pub(crate) fn set(&self, time: Duration) {
        self.0.store(u64::try_from(time.as_nanos()).unwrap(), Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Starts a proxy to `target` and returns its address. It runs as long as the process. What it passes on arrives half of
/// `round_trip` later, and a connection is established after a whole one.
pub(crate) async fn proxy(target: SocketAddr, round_trip: RoundTrip) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            tokio::spawn(connection(client, target, round_trip.clone()));
        }
    });
    address
}

async fn connection(client: TcpStream, target: SocketAddr, round_trip: RoundTrip) {
    // The kernel has answered the client already: its first bytes wait as long as the handshake would have taken.
    sleep_until(Instant::now() + round_trip.get()).await;
    let Ok(server) = TcpStream::connect(target).await else { return };
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::join!(pass(from_client, to_server, &round_trip), pass(from_server, to_client, &round_trip));
}

/// Passes bytes on until one side closes, half of a round trip after they came.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, round_trip: &RoundTrip) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS);
    let read = async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let due = Instant::now() + round_trip.get() / 2;
            if sender.send((due, buffer[..length].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
