//! Advisories of HTTP/2 servers, against the endpoint that Gatekeeper calls. The attacker has a client certificate that the endpoint
//! accepts; without one no frame is read. `registry/tests/registry/floods.rs` has the same floods by a registry.

use std::time::Duration;

use countersign_test_support::mounted::MountedService;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

/// More than the endpoint reads of a flood.
const MOST: usize = 64 * 1024 * 1024;

/// A frame of HTTP/2, RFC 9113 section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 4;
/// The code of a reset: CANCEL.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// `POST https://a/v1/verify`, RFC 7541.
const REQUEST: &[u8] = b"\x83\x87\x01\x01a\x04\x0a/v1/verify";

/// Sends a preface and then frames, by their number, until the endpoint closes. Returns the bytes that were sent.
async fn flood(service: &MountedService, mut frames: impl FnMut(u32) -> Vec<u8>) -> usize {
    let mut tls = service.gatekeeper(&service.clients);
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let (mut read, mut write) = tokio::io::split(service.connect(tls).await.unwrap());
    let reading = tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while read.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    });
    write.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    write.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let (mut sent, mut number) = (0, 0);
    while sent < MOST {
        let many: Vec<u8> = (0..64).flat_map(|more| frames(number + more)).collect();
        number += 64;
        // The end of the connection may come to the reader first.
        if reading.is_finished() || write.write_all(&many).await.is_err() {
            break;
        }
        sent += many.len();
    }
    reading.abort();
    sent
}

/// A flood ends with its connection, and other clients are answered meanwhile.
async fn ends(frames: impl FnMut(u32) -> Vec<u8>) {
    let service = MountedService::with("  verifyTimeout: 5s").await;
    let client = service.client(service.gatekeeper(&service.clients));
    let signed = service.image("app:signed");
    let flood = flood(&service, frames);
    let others = async {
        for _ in 0..5 {
            assert_eq!(client.verdict(&signed).await.as_deref(), Ok("verified"));
        }
    };
    let both = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(flood, others) });
    let (sent, ()) = both.await.expect("the connection of the flood stays open");
    assert!(sent < MOST, "{sent} bytes were read");
    assert_eq!(client.verdict(&signed).await.as_deref(), Ok("verified"));
    service.stop().await;
}

/// Rapid reset (RUSTSEC-2024-0003): requests that are cancelled at once cost their work and are not counted by the limit on requests
/// at the same time. Here a connection with many of them is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_2023_44487_requests_that_are_reset_at_once_end_the_connection() {
    ends(|number| {
        let stream = 2 * number + 1;
        [frame(HEADERS, END_HEADERS, stream, REQUEST), frame(RST_STREAM, 0, stream, &CANCEL)].concat()
    })
    .await;
}

/// CONTINUATION flood (RUSTSEC-2024-0332): the head of a request never ends, and is decoded for ever. Here the number of its frames
/// has a limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_2024_27316_a_request_head_without_an_end_ends_the_connection() {
    ends(|number| match number {
        0 => frame(HEADERS, 0, 1, REQUEST),
        _ => frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y"),
    })
    .await;
}

/// Frames without data were queued without a limit. Here they end with the time of the request at the latest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rustsec_2026_0258_frames_without_data_end_the_connection() {
    ends(|number| match number {
        0 => frame(HEADERS, END_HEADERS, 1, REQUEST),
        _ => frame(DATA, 0, 1, &[]),
    })
    .await;
}
