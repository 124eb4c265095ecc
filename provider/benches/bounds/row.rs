//! A row of the table: what a host offers, and what the answer must be.

use std::time::Duration;

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use time::OffsetDateTime;

use crate::host::Host;
use crate::host::Traffic;

/// The authorities of the hosts and of the signatures, and the time.
pub(crate) struct Authorities {
    /// Of the certificates of registries.
    pub(crate) servers: Authority,
    /// The trusted root of signers.
    pub(crate) root: Authority,
    /// The root of signers that is in no trust store.
    pub(crate) untrusted: Authority,
    pub(crate) now: OffsetDateTime,
}

impl Authorities {
    pub(crate) fn new() -> Self {
        let root = |name| Authority::root(CertSpec::root().common_name(name));
        let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
        Self { servers: root("servers"), root: root("root"), untrusted: root("untrusted"), now }
    }

    pub(crate) async fn host(&self) -> Host {
        Host::start(&self.servers).await
    }

    /// An hour ago, and in a day: the validity of evidence.
    pub(crate) fn validity(&self) -> [OffsetDateTime; 2] {
        [self.now - Duration::from_secs(3600), self.now + Duration::from_secs(24 * 3600)]
    }
}

#[derive(Debug)]
pub(crate) struct Row {
    /// What is offered.
    pub(crate) offered: String,
    pub(crate) host: Host,
    /// The image that is asked for.
    pub(crate) image: String,
    /// The code of the answer.
    pub(crate) code: &'static str,
}

impl Row {
    pub(crate) fn new(offered: impl Into<String>, host: Host, image: String, code: &'static str) -> Self {
        Self { offered: offered.into(), host, image, code }
    }
}

/// Good images that were asked for meanwhile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meanwhile {
    pub(crate) count: usize,
    pub(crate) slowest: Duration,
    /// What was not verified.
    pub(crate) wrong: Vec<String>,
}

/// A line of the table.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) offered: String,
    pub(crate) code: String,
    pub(crate) took: Duration,
    /// `None` where no host belongs to the line alone.
    pub(crate) traffic: Option<Traffic>,
    /// In MiB.
    pub(crate) peak: f64,
    pub(crate) meanwhile: Meanwhile,
}

impl Line {
    pub(crate) const HEADER: &str = "| Offered | Code | Answered after | Requests | Sent to it | Peak memory | Good images meanwhile |\n\
                                     | --- | --- | ---: | ---: | ---: | ---: | --- |";
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { offered, code, took, traffic, peak, meanwhile } = self;
        let (requests, bytes) = match traffic {
            Some(Traffic { requests, bytes }) => (requests.to_string(), shown(*bytes)),
            None => Default::default(),
        };
        write!(
            f,
            "| {offered} | {code} | {} ms | {requests} | {bytes} | {peak:.0} MiB | {meanwhile} |",
            took.as_millis()
        )
    }
}

impl std::fmt::Display for Meanwhile {
    /// Nothing if there were none.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, slowest, wrong } = self;
        match count {
            0 => Ok(()),
            _ => write!(f, "{} of {count}, at most {} ms", count - wrong.len(), slowest.as_millis()),
        }
    }
}

fn shown(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes.div_ceil(1024 * 1024)),
    }
}
