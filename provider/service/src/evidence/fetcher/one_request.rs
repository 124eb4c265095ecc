//! One request for evidence: sends it, reads the response, and keeps the result or the failure.

use std::sync::Arc;

use countersign_core::evidence::Sourced;
use countersign_core::time::UnixTime;
use countersign_http::Content;
use countersign_http::Progress;
use countersign_http::limits::PARSED_AT_ONCE_BYTES;
use tokio::time::Instant;

use super::Active;
use super::Fetcher;
use super::Shared;
use crate::evidence::address::Address;
use crate::evidence::client::share;
use crate::evidence::failures::Failure;
use crate::evidence::fetched::Fetched;
use crate::evidence::kept::Stored;
use crate::evidence::request_error::RequestError;
use crate::evidence::target::Key;
use crate::evidence::target::Outgoing;
use crate::evidence::target::Target;
use crate::telemetry::TracedRequest;
use crate::telemetry::metrics::CacheEvent;
use crate::telemetry::metrics::EvidenceResult;

impl Fetcher {
    /// Sends one request and keeps the result, or the failure.
    pub(super) async fn fetch(
        self,
        target: Target,
        address: Address,
        key: Key,
        progress: Progress,
    ) -> Result<Fetched, Failure> {
        let Shared { kept, failures, metrics, .. } = &*self.shared;
        let settings = &self.active.settings;
        // Another request may have ended since the caller looked.
        if let Some(fetched) = kept.current(&key, self.now(), settings) {
            return Ok(fetched);
        }
        if let Some(failure) = self.current_failure(&address, &key) {
            return Err(failure);
        }
        let started = Instant::now();
        let result = self.request(&target, &address, &progress).await;
        let now = self.now();
        let label = result.as_ref().map_or_else(RequestError::result, |_| EvidenceResult::Ok);
        metrics.evidence_request(target.kind(), label, started.elapsed());
        match result {
            Ok(fetched) => {
                if let Some(since) = failures.succeeded(&address, &key) {
                    tracing::info!(url = %address, %since, "evidence is available again");
                }
                Ok(self.keep(key, target, fetched, now))
            }
            Err(error) => {
                let lifetime = settings.negative_lifetime;
                let (failure, is_first) = failures.failed(&address, &key, &error, now, lifetime);
                kept.refresh_failed(&key, now, settings);
                if is_first {
                    tracing::warn!(url = %address, error = %error, "evidence is not available");
                }
                Err(failure)
            }
        }
    }

    /// Keeps what was fetched. Returns it, or the kept evidence if that is newer: a former response, which anyone on the
    /// network can send again until it ends, does not take back a revocation that is known.
    fn keep(&self, key: Key, target: Target, fetched: Fetched, now: UnixTime) -> Fetched {
        let Active { settings, .. } = &*self.active;
        let (url, metrics) = (fetched.url().clone(), &self.shared.metrics);
        let used = match self.shared.kept.put(key, target, fetched.clone(), now, settings) {
            Stored::Yes { evicted } => {
                metrics.cache_event(CacheEvent::EvidenceStored);
                metrics.cache_events(CacheEvent::EvidenceEvicted, evicted);
                fetched
            }
            Stored::Older { kept, is_first } => {
                if is_first {
                    let (found, in_memory) = (fetched.this_update(), kept.this_update());
                    tracing::warn!(
                        %url, %found, %in_memory,
                        "evidence is older than that in memory, which is used until its end; if this goes on, the server has \
                         a former list or response, or an attacker on the network sends it"
                    );
                }
                kept
            }
            Stored::TooLarge { bytes } => {
                let limit = settings.cache_bytes;
                tracing::warn!(%url, bytes, limit, "evidence is larger than evidence.cacheBytes and is fetched for each image");
                fetched
            }
            Stored::Ended => fetched,
        };
        self.show_kept();
        used
    }

    /// Sends one request, and reads its response.
    async fn request(&self, target: &Target, address: &Address, progress: &Progress) -> Result<Fetched, RequestError> {
        let outgoing = target.outgoing(address, &self.active.settings)?;
        let (method, began) = (outgoing.method(), Instant::now());
        progress.enter("the response was awaited");
        let sent = self.active.client.send(address, &outgoing, began + self.active.timeout(target)).await;
        let received = sent.as_ref().ok().map(|content| content.len());
        let result = match sent {
            Ok(content) => {
                progress.enter("the response was read");
                self.read(target, address, outgoing, content).await
            }
            Err(error) => Err(error),
        };
        if let Some(trace) = &self.shared.trace {
            trace.requested(&TracedRequest {
                stage: target.kind().as_str(),
                method,
                host: address.host(),
                path: Some(address.url().path()),
                status: received.map(|_| 200).or_else(|| result.as_ref().err().and_then(RequestError::status)),
                bytes: received.unwrap_or(0),
                result: result.as_ref().map_or_else(RequestError::result, |_| EvidenceResult::Ok).as_str(),
                elapsed: began.elapsed(),
            });
        }
        result
    }

    /// Reads a response on the threads for parsing.
    async fn read(
        &self,
        target: &Target,
        address: &Address,
        outgoing: Outgoing,
        content: Content,
    ) -> Result<Fetched, RequestError> {
        let timeout = self.active.timeout(target);
        let (bytes, permit) = content.into_parts();
        let (now, length) = (self.now(), bytes.len());
        let reading = outgoing.reading(&self.active.settings);
        let sourced = Arc::clone(address.text());
        let (target, nonce) = (target.clone(), outgoing.nonce);
        let read = move || {
            // The bytes count until they are read.
            let _permit = permit;
            match target {
                Target::Ocsp(request) => {
                    let answer = request.read(&bytes, nonce.as_deref(), now, &reading);
                    let answer = answer.map_err(|error| RequestError::Ocsp(Box::new(error)))?;
                    Ok(Fetched::Ocsp(Sourced::new(answer, sourced, now)))
                }
                Target::Crl(request) => {
                    let crl = request.read(bytes, now, &reading);
                    let crl = crl.map_err(|error| RequestError::Crl(Box::new(error)))?;
                    Ok(Fetched::Crl(Sourced::new(crl, sourced, now)))
                }
            }
        };
        let (share, until) = (share(address), Instant::now() + timeout);
        let parsing = self.shared.limits.parsing();
        // A small response costs the verification of its signatures, a large one the reading of its entries.
        let read = if length > PARSED_AT_ONCE_BYTES {
            parsing.parse(&share, length, until, read).await
        } else {
            parsing.check(&share, until, read).await
        };
        read.unwrap_or_else(|reached| Err(RequestError::Limit(reached)))
    }
}
