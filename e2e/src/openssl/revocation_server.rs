//! A small HTTP server in this process, in front of OpenSSL's command line: CRLs, OCSP by GET and POST, and timestamps.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use anyhow::anyhow;
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::OpenSslAuthority;
use super::TimestampingAuthority;

/// Maximum size of a request, in bytes.
const REQUEST: u64 = 64 * 1024;

/// Time limit for the rest of a request.
const SLOW: Duration = Duration::from_secs(10);

/// What the server has at a path.
#[derive(Clone)]
pub(crate) enum Resource {
    Crl(Arc<OpenSslAuthority>),
    Ocsp(Arc<OpenSslAuthority>),
    Timestamps(Arc<TimestampingAuthority>),
}

type Resources = Arc<Mutex<BTreeMap<&'static str, Resource>>>;

/// Serves until it is stopped or the process ends, on the same port after each start.
pub(crate) struct RevocationServer {
    port: u16,
    resources: Resources,
    running: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl RevocationServer {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut server = Self { port: 0, resources: Resources::default(), running: None };
        server.resume()?;
        Ok(server)
    }

    /// The host in the addresses of certificates.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The address of `path`, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host())
    }

    pub(crate) fn serve(&self, path: &'static str, resource: Resource) {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner).insert(path, resource);
    }

    /// Closes the port: connections are refused.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let (stopped, thread) = self.running.take().context("the server is not running")?;
        stopped.store(true, Ordering::SeqCst);
        // Ends the wait for a connection.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        thread.join().map_err(|_| anyhow!("the server panicked"))
    }

    /// Opens the port again.
    pub(crate) fn resume(&mut self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).context("cannot open the port of the server")?;
        self.port = listener.local_addr()?.port();
        let stopped = Arc::new(AtomicBool::new(false));
        let (shared, resources) = (Arc::clone(&stopped), Arc::clone(&self.resources));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.load(Ordering::SeqCst) {
                    return;
                }
                let resources = Arc::clone(&resources);
                thread::spawn(move || {
                    if let Err(error) = answer(&stream, &resources) {
                        println!("the server of revocation information: {error:#}");
                    }
                });
            }
        });
        self.running = Some((stopped, thread));
        Ok(())
    }
}

/// Answers one request and closes the connection.
fn answer(stream: &TcpStream, resources: &Resources) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(SLOW))?;
    let Some(request) = Request::read(stream)? else { return Ok(()) };
    let found = {
        let resources = resources.lock().unwrap_or_else(PoisonError::into_inner);
        let found = resources.iter().find_map(|(path, resource)| Some((request.path.strip_prefix(path)?, resource)));
        found.map(|(rest, resource)| (rest.to_owned(), resource.clone()))
    };
    let (rest, resource) = found.with_context(|| format!("there is nothing at {}", request.path))?;
    let (media_type, body) = match resource {
        Resource::Crl(authority) => ("application/pkix-crl", authority.crl()?),
        Resource::Ocsp(authority) => {
            ("application/ocsp-response", authority.ocsp(&ocsp_request(request, rest.trim_start_matches('/'))?)?)
        }
        Resource::Timestamps(authority) => ("application/timestamp-reply", authority.reply(&request.body)?),
    };
    let length = body.len();
    let mut writer = stream;
    write!(
        writer,
        "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    Ok(writer.write_all(&body)?)
}

/// The DER of an OCSP request: the body of a POST, or the last part of the path of a GET (RFC 6960 appendix A.1).
fn ocsp_request(request: Request, encoded: &str) -> anyhow::Result<Vec<u8>> {
    if request.method == "POST" {
        return Ok(request.body);
    }
    let encoded = encoded.replace("%2F", "/").replace("%2B", "+").replace("%3D", "=");
    STANDARD.decode(&encoded).with_context(|| format!("not an OCSP request: {encoded}"))
}

struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
}

impl Request {
    /// `None` if the client closed the connection.
    fn read(stream: &TcpStream) -> anyhow::Result<Option<Self>> {
        let mut reader = BufReader::new(stream.take(REQUEST));
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = words.next().zip(words.next()).context("not a request")?;
        let mut length = 0;
        loop {
            let mut header = String::new();
            ensure!(reader.read_line(&mut header)? > 0, "the request has no end");
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut body = Vec::new();
        reader.take(length).read_to_end(&mut body)?;
        Ok(Some(Self { method, path, body }))
    }
}
