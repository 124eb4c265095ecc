//! Looks at certificates and trust again and again while the service runs. One log line per change; a change with a
//! mistake is reported and leaves in use what was.

use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use countersign_core::time::UnixTime;
use tokio::task::JoinError;
use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;

use super::Chain;
use crate::server::tls::LoadedTls;
use crate::server::tls::Tls;
use crate::server::tls::TlsError;
use crate::server::tls::TlsFiles;
use crate::server::tls::TlsPem;
use crate::telemetry::metrics::Certificate;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::Reloaded;
use crate::trust_source::Polled;
use crate::trust_source::Trust;
use crate::trust_source::TrustSource;

/// Looks at the trust for ever. Returns only if a look panics.
pub(super) async fn trust(mut source: TrustSource, every: Duration, metrics: Arc<Metrics>) -> JoinError {
    let mut ticks = ticks(every);
    loop {
        ticks.tick().await;
        let look = spawn_blocking(move || {
            let polled = source.poll();
            (source, polled)
        });
        let polled;
        (source, polled) = match look.await {
            Ok(looked) => looked,
            Err(error) => return error,
        };
        match polled {
            Polled::Unchanged => {}
            Polled::Unsettled => tracing::debug!("trust policy and trust stores are changing: looking again later"),
            Polled::Loaded(trust) => {
                tracing::info!(generation = trust.generation(), "trust policy and trust stores in use");
                trust_in_use(&trust, &metrics);
            }
            Polled::Refused(error) => {
                tracing::error!(error = %error, "changed trust policy or trust stores not taken into use: what was there stays");
                metrics.reload_failed(Reloaded::Trust);
            }
        }
    }
}

/// Looks at the certificates for ever. Returns only if a look panics.
pub(super) async fn tls(mut source: TlsSource, tls: Arc<Tls>, every: Duration, metrics: Arc<Metrics>) -> JoinError {
    let mut ticks = ticks(every);
    loop {
        ticks.tick().await;
        let look = spawn_blocking(move || {
            let polled = source.poll();
            (source, polled)
        });
        let polled;
        (source, polled) = match look.await {
            Ok(looked) => looked,
            Err(error) => return error,
        };
        match polled {
            None => {}
            Some(Ok(loaded)) => {
                tracing::info!(until = %loaded.server_end(), "certificates in use for new connections");
                tls.swap(loaded);
                tls_in_use(&tls.current(), &metrics);
            }
            Some(Err(error)) => {
                tracing::error!(error = %Chain(&error), "changed certificates not taken into use: what was there stays");
                metrics.reload_failed(Reloaded::Tls);
            }
        }
    }
}

/// The certificate files, and what they were at the last look.
pub(super) struct TlsSource {
    files: TlsFiles,
    /// An unreadable file by its message.
    seen: Result<TlsPem, String>,
}

impl TlsSource {
    pub(super) fn load(files: TlsFiles) -> Result<(Self, Arc<Tls>), TlsError> {
        let pem = files.read()?;
        let loaded = LoadedTls::load(&pem, now())?;
        Ok((Self { files, seen: Ok(pem) }, Arc::new(Tls::new(loaded))))
    }

    /// `None` if nothing has changed since the last look.
    fn poll(&mut self) -> Option<Result<LoadedTls, TlsError>> {
        let read = self.files.read();
        let seen = match &read {
            Ok(pem) => Ok(pem.clone()),
            Err(error) => Err(Chain(error).to_string()),
        };
        if seen == self.seen {
            return None;
        }
        self.seen = seen;
        Some(read.and_then(|pem| LoadedTls::load(&pem, now())))
    }
}

pub(super) fn tls_in_use(loaded: &LoadedTls, metrics: &Metrics) {
    metrics.certificate_end(Certificate::Server, loaded.server_end());
    metrics.certificate_end(Certificate::ClientCa, loaded.authorities_end());
    metrics.reloaded(Reloaded::Tls, now());
}

pub(super) fn trust_in_use(trust: &Trust, metrics: &Metrics) {
    metrics.trust_generation(trust.generation());
    metrics.reloaded(Reloaded::Trust, now());
}

fn ticks(every: Duration) -> tokio::time::Interval {
    // The first look was at the start.
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let seconds = since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0);
    UnixTime::from_seconds(seconds).unwrap_or(UnixTime::EPOCH)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::PathBuf;

    use countersign_testkit::pki::Authority;
    use countersign_testkit::pki::CertSpec;
    use prometheus::Registry;

    use super::*;
    use crate::config::TrustLocation;
    use crate::telemetry::metrics;

    /// A directory that goes away with the value.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("countersign-reload-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, content: &str) {
            let path = self.0.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const POLICY: &str = r#"{"version": "1.0", "trustPolicies": [{"name": "app", "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"}, "trustStores": ["ca:main"], "trustedIdentities": ["*"]}]}"#;

    fn identity(folder: &Folder) -> TlsFiles {
        let authority = Authority::root(CertSpec::root());
        let server = authority.issue(CertSpec::tls_server(&["localhost"]));
        folder.write("tls.crt", &server.pem());
        folder.write("tls.key", &server.key_pem());
        folder.write("ca.crt", &authority.pem());
        let path = |name: &str| folder.0.join(name);
        TlsFiles { certificate: path("tls.crt"), key: path("tls.key"), client_ca: path("ca.crt") }
    }

    #[tokio::test(start_paused = true)]
    async fn changed_trust_is_in_use_after_the_next_look_and_bad_trust_is_not() {
        let folder = Folder::new("trust");
        folder.write("trustpolicy.json", POLICY);
        folder.write("truststore/x509/ca/main/a.pem", &Authority::root(CertSpec::root()).pem());
        let mut source = TrustSource::new(TrustLocation::Directory(folder.0.clone()), []);
        source.load().unwrap();
        let handle = source.handle();
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        let generation = || handle.current().unwrap().generation();
        let looks = trust(source, Duration::from_secs(10), metrics);
        let story = async {
            folder.write("truststore/x509/ca/main/b.pem", &Authority::root(CertSpec::root()).pem());
            tokio::time::sleep(Duration::from_secs(9)).await;
            assert_eq!(generation(), 1);
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(generation(), 2);
            assert!(metrics::text(&registry).unwrap().contains("last_reload_successful{files=\"trust\"} 1"));
            folder.write("trustpolicy.json", "{");
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert_eq!(generation(), 2);
            assert!(metrics::text(&registry).unwrap().contains("last_reload_successful{files=\"trust\"} 0"));
        };
        tokio::select! {
            error = looks => panic!("{error}"),
            () = story => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn changed_certificates_are_in_use_after_the_next_look_and_bad_ones_are_not() {
        let folder = Folder::new("tls");
        let (source, in_use) = TlsSource::load(identity(&folder)).unwrap();
        let first = in_use.current();
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        let looks = tls(source, Arc::clone(&in_use), Duration::from_secs(10), metrics);
        let story = async {
            tokio::time::sleep(Duration::from_secs(11)).await;
            assert!(Arc::ptr_eq(&in_use.current(), &first));
            identity(&folder);
            tokio::time::sleep(Duration::from_secs(10)).await;
            let second = in_use.current();
            assert!(!Arc::ptr_eq(&second, &first));
            folder.write("tls.key", "garbage");
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert!(Arc::ptr_eq(&in_use.current(), &second));
            assert!(metrics::text(&registry).unwrap().contains("last_reload_successful{files=\"tls\"} 0"));
        };
        tokio::select! {
            error = looks => panic!("{error}"),
            () = story => {}
        }
    }

    #[test]
    fn the_same_trouble_is_told_once() {
        let folder = Folder::new("once");
        let (mut source, _) = TlsSource::load(identity(&folder)).unwrap();
        assert!(source.poll().is_none());
        std::fs::remove_file(folder.0.join("tls.key")).unwrap();
        assert!(matches!(source.poll(), Some(Err(TlsError::Read { what: "server key", .. }))));
        assert!(source.poll().is_none());
        folder.write("tls.key", "garbage");
        assert!(matches!(source.poll(), Some(Err(TlsError::Pem { what: "server key", .. }))));
        assert!(source.poll().is_none());
    }
}
