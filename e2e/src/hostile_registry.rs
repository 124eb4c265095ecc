//! A hostile registry in this process. It never answers requests for one repository, and sends pages of referrers of the
//! maximum size for another.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use anyhow::Context;
use serde_json::json;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The maximum size of a page, in bytes.
const PAGE: usize = 4 * 1024 * 1024;

/// The repository for which requests are never answered.
const SILENT: &str = "hostile/silent";
/// The repository whose pages of referrers have the maximum size.
const LARGE: &str = "hostile/large";

/// Serves until the process ends.
pub(crate) struct HostileRegistry {
    port: u16,
    requests: Arc<Requests>,
}

/// Counts requests.
struct Requests {
    silent: AtomicUsize,
    large: AtomicUsize,
    /// Written at the first request for one of the two repositories, for scripts that wait for it.
    marker: PathBuf,
}

impl HostileRegistry {
    /// Name of that file in the working directory.
    pub(crate) const MARKER: &str = "hostile-requested";

    pub(crate) fn start(marker: PathBuf) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
        let port = listener.local_addr()?.port();
        let requests = Arc::new(Requests { silent: AtomicUsize::new(0), large: AtomicUsize::new(0), marker });
        let shared = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let requests = Arc::clone(&shared);
                // An error means that the client closed the connection.
                thread::spawn(move || drop(serve(stream, &requests)));
            }
        });
        Ok(Self { port, requests })
    }

    /// The host, as in an image reference.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its repositories, as scopes of a trust policy.
    pub(crate) fn scopes(&self) -> [String; 2] {
        [SILENT, LARGE].map(|repository| format!("{}/{repository}", self.host()))
    }

    /// `count` images whose requests are never answered.
    pub(crate) fn silent(&self, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{}/{SILENT}:t{number}", self.host())).collect()
    }

    /// `count` different images with full pages of referrers.
    pub(crate) fn large(&self, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{}/{LARGE}:t{number}", self.host())).collect()
    }

    /// The number of unanswered requests.
    pub(crate) fn unanswered(&self) -> usize {
        self.requests.silent.load(Ordering::SeqCst)
    }

    /// The number of sent pages of referrers.
    pub(crate) fn pages(&self) -> usize {
        self.requests.large.load(Ordering::SeqCst)
    }
}

/// Serves one connection.
fn serve(stream: TcpStream, requests: &Requests) -> anyhow::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?.take(1024 * 1024));
    let mut writer = stream;
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut header = String::from("-");
        while header.trim_end() != "" {
            header.clear();
            reader.read_line(&mut header)?;
        }
        let path = request.split(' ').nth(1).unwrap_or_default();
        if path.contains(SILENT) {
            requests.silent.fetch_add(1, Ordering::SeqCst);
            std::fs::write(&requests.marker, "")?;
            // Until the client closes the connection.
            std::io::copy(&mut reader, &mut std::io::sink())?;
            return Ok(());
        }
        let (media_type, body) = match path.split_once("/manifests/t") {
            Some((_, number)) => (MANIFEST, json!({ "config": { "number": number }, "layers": [] }).to_string()),
            None => {
                requests.large.fetch_add(1, Ordering::SeqCst);
                std::fs::write(&requests.marker, "")?;
                (INDEX, format!(r#"{{"manifests":[{}0]}}"#, "0,".repeat(PAGE / 2 - 16)))
            }
        };
        let length = body.len();
        write!(writer, "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}")?;
    }
}
