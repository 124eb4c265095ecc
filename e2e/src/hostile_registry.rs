//! A hostile registry in this process: requests for some of its images are never answered, others have pages of referrers
//! of the largest size.

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

/// The largest page that is read, in bytes.
const PAGE: usize = 4 * 1024 * 1024;

/// The repository whose requests are never answered.
const SILENT: &str = "hostile/silent";
/// The repository whose pages of referrers have the largest size that is read.
const LARGE: &str = "hostile/large";

/// Listens until the process ends.
pub(crate) struct HostileRegistry {
    port: u16,
    asked: Arc<Asked>,
}

/// The requests so far.
struct Asked {
    silent: AtomicUsize,
    large: AtomicUsize,
    /// Written when the first request for one of the two repositories arrives, for scripts that wait for it.
    sign: PathBuf,
}

impl HostileRegistry {
    /// Name of that file in the working directory.
    pub(crate) const SIGN: &str = "hostile-asked";

    pub(crate) fn start(sign: PathBuf) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
        let port = listener.local_addr()?.port();
        let asked = Arc::new(Asked { silent: AtomicUsize::new(0), large: AtomicUsize::new(0), sign });
        let shared = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let asked = Arc::clone(&shared);
                // A client that closes the connection ends its thread with an error that needs no report.
                thread::spawn(move || drop(serve(stream, &asked)));
            }
        });
        Ok(Self { port, asked })
    }

    /// As it stands at the beginning of an image reference.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// As trust policy scopes name them.
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

    /// Number of requests without a response.
    pub(crate) fn left_silent(&self) -> usize {
        self.asked.silent.load(Ordering::SeqCst)
    }

    /// Number of pages of referrers that were sent.
    pub(crate) fn pages(&self) -> usize {
        self.asked.large.load(Ordering::SeqCst)
    }
}

/// Answers the requests of one connection, one after the other.
fn serve(stream: TcpStream, asked: &Asked) -> anyhow::Result<()> {
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
            asked.silent.fetch_add(1, Ordering::SeqCst);
            std::fs::write(&asked.sign, "asked")?;
            // Until the client closes the connection.
            std::io::copy(&mut reader, &mut std::io::sink())?;
            return Ok(());
        }
        let (media_type, body) = match path.split_once("/manifests/t") {
            Some((_, number)) => (MANIFEST, json!({ "config": { "number": number }, "layers": [] }).to_string()),
            None => {
                asked.large.fetch_add(1, Ordering::SeqCst);
                std::fs::write(&asked.sign, "asked")?;
                (INDEX, format!(r#"{{"manifests":[{}0]}}"#, "0,".repeat(PAGE / 2 - 16)))
            }
        };
        let length = body.len();
        write!(writer, "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}")?;
    }
}
