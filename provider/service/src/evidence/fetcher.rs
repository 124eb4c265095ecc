//! The source of OCSP responses and CRLs.

mod one_request;
mod refresh;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::NotAvailable;
use countersign_core::evidence::Requests;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::time::UnixTime;
use countersign_http::FlightError;
use countersign_http::LimitObserver;
use countersign_http::SharedLimits;
use countersign_http::SingleFlight;
use countersign_http::TlsSetupError;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::EvidenceSource;
use super::address::Address;
use super::address::AddressError;
use super::aws_signer::SignerStatuses;
use super::client::EvidenceClient;
use super::failures::Failure;
use super::failures::Failures;
use super::fetched::Fetched;
use super::grace::GRACE;
use super::kept::Found;
use super::kept::Kept;
use super::settings::FetchSettings;
use super::target::Key;
use super::target::Target;
use super::trail::Trail;
use crate::clock::Clock;
use crate::telemetry::RequestTrace;
use crate::telemetry::metrics::CacheEvent;
use crate::telemetry::metrics::CountLimits;
use crate::telemetry::metrics::EVIDENCE;
use crate::telemetry::metrics::EvidenceKind;
use crate::telemetry::metrics::Metrics;

/// Fetches OCSP responses and CRLs, and keeps those that core has verified until they end. Clones share everything.
#[derive(Clone)]
pub struct Fetcher {
    shared: Arc<Shared>,
    active: Arc<Active>,
}

/// What stays when the settings change: evidence depends on no setting but its lifetime, which is computed when it is used. The
/// answers of AWS Signer, which only TLS authenticates, belong to the client that received them.
struct Shared {
    kept: Kept,
    signer: SignerStatuses,
    failures: Failures,
    flights: SingleFlight<Key, Result<Fetched, Failure>>,
    limits: SharedLimits,
    metrics: Arc<Metrics>,
    trace: Option<Arc<dyn RequestTrace>>,
    clock: Clock,
    /// What background work follows.
    in_use: ArcSwap<Active>,
    refreshes: AtomicBool,
}

/// The settings, and the client made from them.
struct Active {
    settings: Arc<FetchSettings>,
    client: EvidenceClient,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").field("settings", &self.active.settings).finish_non_exhaustive()
    }
}

impl Active {
    fn new(settings: FetchSettings, limits: &SharedLimits) -> Result<Self, TlsSetupError> {
        let settings = Arc::new(settings);
        Ok(Self { client: EvidenceClient::new(Arc::clone(&settings), limits)?, settings })
    }

    fn timeout(&self, target: &Target) -> Duration {
        match target {
            Target::Ocsp(_) => self.settings.ocsp_timeout,
            Target::Crl(_) => self.settings.crl_timeout,
        }
    }
}

impl Fetcher {
    /// A fetcher with nothing in memory, with limits beside those of `others`. `trace` is shown its requests.
    ///
    /// # Errors
    /// The TLS library refuses its configuration.
    pub fn new(
        settings: FetchSettings,
        others: &SharedLimits,
        metrics: Arc<Metrics>,
        trace: Option<Arc<dyn RequestTrace>>,
        clock: Clock,
    ) -> Result<Self, TlsSetupError> {
        let observer: Arc<dyn LimitObserver> = Arc::new(CountLimits(Arc::clone(&metrics)));
        let limits = others.beside(settings.requests, settings.bodies(), &EVIDENCE, &observer);
        let kept = Kept::new(settings.cache_bytes);
        let active = Arc::new(Active::new(settings, &limits)?);
        let shared = Shared {
            kept,
            signer: SignerStatuses::new(Arc::clone(&metrics), Arc::clone(&clock)),
            failures: Failures::new(),
            flights: SingleFlight::with_grace(GRACE),
            limits,
            metrics,
            trace,
            clock,
            in_use: ArcSwap::new(Arc::clone(&active)),
            refreshes: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared), active })
    }

    /// A fetcher with other settings, which shares what is in memory. Its limits apply after
    /// [`EvidenceSource::take_over`].
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn successor(&self, settings: FetchSettings) -> Result<Self, TlsSetupError> {
        let shared = Arc::clone(&self.shared);
        Ok(Self { active: Arc::new(Active::new(settings, &shared.limits)?), shared })
    }

    /// Fetches again what is due, was used recently, and is still valid. [`EvidenceSource::take_over`] starts a task that
    /// does this regularly.
    pub async fn refresh_due(&self) {
        refresh::due(self).await;
    }

    /// The evidence for one request.
    async fn evidence(&self, target: Target, deadline: Instant) -> EvidenceResponse {
        let addresses = addresses(&target);
        let settings = &self.active.settings;
        let (event, found) = match self.in_memory(&target, &addresses) {
            found @ (Found::Current(_) | Found::Due(_)) => (CacheEvent::EvidenceHit, found),
            Found::Nothing => (CacheEvent::EvidenceMiss, Found::Nothing),
        };
        self.shared.metrics.cache_event(event);
        match found {
            Found::Current(fetched) => fetched.into(),
            Found::Due(former) => {
                let patience = deadline.min(Instant::now() + settings.refresh_patience);
                match self.load(&target, &addresses, patience).await {
                    Ok(loaded) => loaded.newer(former).into(),
                    Err(_) => former.into(),
                }
            }
            Found::Nothing => match self.load(&target, &addresses, deadline).await {
                Ok(fetched) => fetched.into(),
                Err(why) => EvidenceResponse::NotAvailable(why),
            },
        }
    }

    /// The newest evidence of all addresses: a server may send an older list than another one.
    fn in_memory(&self, target: &Target, addresses: &[Result<Address, AddressError>]) -> Found {
        let now = self.now();
        let found = addresses.iter().flatten().map(|address| {
            let key = target.key(address);
            self.shared.kept.get(&key, now, &self.active.settings)
        });
        found.fold(Found::Nothing, Found::newer)
    }

    /// Tries the addresses in their order until one has usable evidence.
    ///
    /// # Errors
    /// None has, or not until `deadline`: the reason for each.
    pub(super) async fn load(
        &self,
        target: &Target,
        addresses: &[Result<Address, AddressError>],
        deadline: Instant,
    ) -> Result<Fetched, NotAvailable> {
        let mut trail = Trail::default();
        for address in addresses {
            let address = match address {
                Ok(address) => address,
                Err(error) => {
                    trail.skipped(error);
                    continue;
                }
            };
            let key = target.key(address);
            if let Some(failure) = self.current_failure(address, &key) {
                trail.failed(address, &failure);
                continue;
            }
            let work = |progress| {
                let (this, target, address, key) = (self.clone(), target.clone(), address.clone(), key.clone());
                async move { this.fetch(target, address, key, progress).await }
            };
            match self.shared.flights.join_or_start(key.clone(), deadline, work).await {
                Ok(Ok(fetched)) => return Ok(fetched),
                Ok(Err(failure)) => trail.failed(address, &failure),
                Err(FlightError::Deadline { stage, awaited }) => {
                    trail.late(address, stage, &awaited);
                    break;
                }
                Err(FlightError::Panicked) => trail.panicked(address),
            }
        }
        Err(trail.not_available())
    }

    /// The status of a signature at AWS Signer.
    pub(super) async fn signer_status(&self, request: &SignerStatusRequest, deadline: Instant) -> EvidenceResponse {
        let Shared { signer, metrics, .. } = &*self.shared;
        let Some(access) = &self.active.settings.signer else {
            return EvidenceResponse::NotAvailable(NotAvailable::signer_service_not_called());
        };
        match signer.in_memory(access, request) {
            Some(status) => {
                metrics.cache_event(CacheEvent::EvidenceHit);
                status
            }
            None => {
                metrics.cache_event(CacheEvent::EvidenceMiss);
                signer.ask(access, request, deadline).await
            }
        }
    }

    fn current_failure(&self, address: &Address, key: &Key) -> Option<Failure> {
        self.shared.failures.current(address, key, self.now(), self.active.settings.negative_lifetime)
    }

    pub(super) fn settings(&self) -> &FetchSettings {
        &self.active.settings
    }

    fn now(&self) -> UnixTime {
        (self.shared.clock)()
    }

    /// Publishes what is in memory.
    fn show_kept(&self) {
        let now = self.now();
        for kind in [EvidenceKind::Ocsp, EvidenceKind::Crl] {
            let kept = self.shared.kept.summary(kind, now, &self.active.settings);
            self.shared.metrics.evidence_kept(kind, &kept);
        }
    }
}

/// The addresses of a target, in their order.
fn addresses(target: &Target) -> Vec<Result<Address, AddressError>> {
    target.urls().iter().map(|url| Address::parse(url)).collect()
}

impl EvidenceSource for Fetcher {
    fn fetch<'a>(&'a self, requests: &'a Requests, deadline: Instant) -> BoxFuture<'a, Vec<EvidenceResponse>> {
        let one = move |request: &EvidenceRequest| {
            let target = match request {
                EvidenceRequest::Ocsp(request) => Target::Ocsp(request.clone()),
                EvidenceRequest::Crl(request) => Target::Crl(request.clone()),
                EvidenceRequest::SignerStatus(request) => {
                    let request = request.clone();
                    return async move { self.signer_status(&request, deadline).await }.boxed();
                }
            };
            self.evidence(target, deadline).boxed()
        };
        join_all(requests.iter().map(one)).boxed()
    }

    fn take_over(&self) {
        let Shared { kept, failures, limits, in_use, refreshes, .. } = &*self.shared;
        let settings = &self.active.settings;
        limits.set_requests(settings.requests);
        limits.set_bodies(settings.bodies());
        kept.set_limit(settings.cache_bytes);
        let former = in_use.swap(Arc::clone(&self.active));
        if !Arc::ptr_eq(&former, &self.active) {
            former.client.close_idle_connections();
            failures.clear();
        }
        if !refreshes.swap(true, Ordering::AcqRel) {
            refresh::start(Arc::downgrade(&self.shared));
        }
    }
}
