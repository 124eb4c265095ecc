//! The attacks on the service, run one after the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream;
use rustls_pki_types::ServerName;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::Target;
use countersign_test_support::client::body;

type Attack = fn(Arc<Target>) -> BoxFuture<'static, ()>;

const MIB: usize = 1024 * 1024;

/// Duration of attacks that do not end by themselves.
const ATTACK: Duration = Duration::from_secs(4);

/// All attacks. Each uses at most half of the connections that the service allows in use; with more, other clients may be
/// refused.
pub(crate) fn all() -> [(&'static str, Attack); 14] {
    [
        ("no attack", |_| tokio::time::sleep(Duration::from_secs(2)).boxed()),
        ("20 requests, 4 at once, 1000 keys each, one signed image", |target| {
            let keys: Vec<String> = (0..1000).map(|number| format!("{}:good{number}", target.repository)).collect();
            bodies(target, 20, 4, request(&keys)).boxed()
        }),
        ("20 requests, 4 at once, 1000 keys each, one image with 100 untrusted signatures", |target| {
            let keys: Vec<String> = (0..1000).map(|number| format!("{}:bad{number}", target.repository)).collect();
            bodies(target, 20, 4, request(&keys)).boxed()
        }),
        ("500 requests, 120 at once, 1000 keys of 1000 bytes", |target| {
            let keys: Vec<String> = (0..1000).map(|number| format!("{number:0>1000}A")).collect();
            bodies(target, 500, 120, request(&keys)).boxed()
        }),
        ("500 requests, 120 at once, 260000 keys of 1 byte", |target| {
            let body = format!(r#"{{"request":{{"keys":[{}"a"]}}}}"#, r#""a","#.repeat(MIB / 4 - 20));
            bodies(target, 500, 120, body.into_bytes()).boxed()
        }),
        ("500 requests, 120 at once, 1 MiB of nesting", |target| bodies(target, 500, 120, vec![b'['; MIB]).boxed()),
        ("64 requests, 32 at once, 20 MiB", |target| bodies(target, 64, 32, vec![b' '; 20 * MIB]).boxed()),
        ("120 connections that send a body or a head slowly, for 5 s", |target| slow(target).boxed()),
        ("1000 idle connections", |target| idle(target).boxed()),
        ("2000 connections that send nothing or invalid TLS", |target| silent(target).boxed()),
        ("endless requests for /metrics on 32 connections", |target| {
            health(target, 32, b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n").boxed()
        }),
        ("endless requests for /readyz?verbose on 32 connections", |target| {
            health(target, 32, b"GET /readyz?verbose HTTP/1.1\r\nhost: a\r\n\r\n").boxed()
        }),
        ("connections to the health port that are closed at once, for 4 s", |target| open_and_close(target).boxed()),
        ("no attack, afterwards", |_| tokio::time::sleep(Duration::from_secs(2)).boxed()),
    ]
}

fn request(keys: &[String]) -> Vec<u8> {
    body(&keys.iter().map(String::as_str).collect::<Vec<_>>()).into_bytes()
}

/// Sends one request per image, all at once, and ignores the responses.
pub(crate) async fn request_each(target: &Target, images: &[String]) {
    let client = target.client(true);
    let requests = images.iter().map(|image| {
        let request = client.post(target.url()).body(body(&[image]));
        async move { request.send().await.ok()?.bytes().await.ok() }
    });
    futures_util::future::join_all(requests).await;
}

/// Sends `count` requests with this body, `at_once` at a time.
pub(crate) async fn bodies(target: Arc<Target>, count: usize, at_once: usize, body: Vec<u8>) {
    let (client, body) = (target.client(true), bytes::Bytes::from(body));
    let requests = (0..count).map(|_| {
        let request = client.post(target.url()).body(body.clone());
        // There may be no response, as the service may stop reading.
        async move { request.send().await.ok()?.bytes().await.ok() }
    });
    stream::iter(requests).buffer_unordered(at_once).collect::<Vec<_>>().await;
}

/// Connects from another address than the regular clients: at a limit the service closes connections of the address that
/// has the most.
async fn dial(address: &str) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).ok()?;
    socket.connect(address.parse().ok()?).await.ok()
}

async fn connect(target: &Target) -> Option<TlsStream<TcpStream>> {
    let stream = dial(&target.address).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(target.tls.clone())).connect(name, stream).await.ok()
}

async fn slow(target: Arc<Target>) {
    let drips = (0..120).map(|number| {
        let target = Arc::clone(&target);
        async move {
            let mut stream = connect(&target).await?;
            let head = "POST /v1/verify HTTP/1.1\r\nhost: a\r\n";
            let (start, drip) = match number % 2 {
                0 => (format!("{head}content-length: 1000\r\n\r\n{{"), " "),
                _ => (head.to_owned(), "a: b\r\n"),
            };
            stream.write_all(start.as_bytes()).await.ok()?;
            for _ in 0..50 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                stream.write_all(drip.as_bytes()).await.ok()?;
            }
            Some(())
        }
    });
    stream::iter(drips).buffer_unordered(120).collect::<Vec<_>>().await;
}

async fn idle(target: Arc<Target>) {
    let open: Vec<_> = stream::iter((0..1000).map(|_| connect(&target))).buffer_unordered(32).collect().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(open);
}

async fn silent(target: Arc<Target>) {
    let open = stream::iter((0..2000).map(|number| {
        let target = Arc::clone(&target);
        async move {
            let mut stream = dial(&target.address).await?;
            if number % 4 == 0 {
                stream.write_all(b"\x16\x03\x01\x40\x00garbage").await.ok()?;
            }
            Some(stream)
        }
    }));
    let open: Vec<_> = open.buffer_unordered(64).collect().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(open);
}

/// Sends requests for four seconds without waiting for the responses, and reads these.
async fn health(target: Arc<Target>, connections: usize, request: &'static [u8]) {
    let requests = (0..connections).map(|_| {
        let target = Arc::clone(&target);
        async move {
            let (mut read, mut write) = dial(&target.health).await?.into_split();
            let requests = request.repeat(20);
            let writing = async {
                while write.write_all(&requests).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            let mut sink = tokio::io::sink();
            let reading = tokio::io::copy(&mut read, &mut sink);
            tokio::time::timeout(ATTACK, async { tokio::join!(writing, reading) }).await.ok()
        }
    });
    futures_util::future::join_all(requests).await;
}

async fn open_and_close(target: Arc<Target>) {
    let clients = (0..16).map(|_| {
        let target = Arc::clone(&target);
        async move {
            while let Some(stream) = dial(&target.health).await {
                drop(stream);
            }
        }
    });
    let _ = tokio::time::timeout(ATTACK, futures_util::future::join_all(clients)).await;
}
