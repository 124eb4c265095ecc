//! A TCP relay in front of a server, which counts the bytes that the server sends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;

/// Runs as long as the process.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Relay {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, sent) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&sent);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(connection(client, server, Arc::clone(&count)));
            }
        });
        Self { address, sent }
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The bytes that were sent since the last call, those of TLS and those in buffers of the kernel included.
    pub(crate) fn take_sent(&self) -> u64 {
        self.sent.swap(0, Ordering::Relaxed)
    }
}

async fn connection(client: TcpStream, server: SocketAddr, sent: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let ignored = AtomicU64::new(0);
    // Both ends are closed when one is, as the client gives up a body that does not end.
    tokio::select! {
        () = pass(from_client, to_server, &ignored) => {}
        () = pass(from_server, to_client, &sent) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, count: &AtomicU64) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
        count.fetch_add(u64::try_from(length).unwrap(), Ordering::Relaxed);
    }
}
