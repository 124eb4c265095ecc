//! Tries the addresses that certificates name, for `countersign check --online`: those of the certificates in trust stores,
//! and those that the signatures of images need.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use countersign_core::codec::text::Text;
use countersign_core::evidence::CrlRequest;
use countersign_core::evidence::EvidenceRequest;
use countersign_core::evidence::EvidenceResponse;
use countersign_core::evidence::NotAvailable;
use countersign_core::evidence::OcspRequest;
use countersign_core::evidence::Requests;
use countersign_core::evidence::UsableUntil;
use countersign_core::policy::Store;
use countersign_core::policy::TrustedLink;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::EvidenceSource;
use super::address::Address;
use super::fetched::Fetched;
use super::fetcher::Fetcher;
use super::target::Target;
use crate::telemetry::metrics::EvidenceKind;

/// An address that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedAddress {
    /// Subject of the certificate that it is about; `None` for a CRL that an image needs.
    pub certificate: Option<Text>,
    /// Subject of the issuer of that certificate, or of the CRL.
    pub issuer: Text,
    /// The image whose signatures need it; `None` for a certificate in a trust store.
    pub image: Option<Text>,
    /// What is there.
    pub kind: EvidenceKind,
    /// As the certificate has it.
    pub url: Text,
    /// The end of the use of what was fetched, or why nothing usable was.
    pub result: Result<UsableUntil, Text>,
}

/// A certificate with addresses that were not tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UntriedCertificate {
    /// Its subject.
    pub certificate: Text,
    /// Its issuer.
    pub issuer: Text,
}

/// The addresses of the certificates in trust stores.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// In the order of the stores.
    pub tried: Vec<TriedAddress>,
    /// Without their issuer, which is in no store, a response cannot be verified.
    pub untried: Vec<UntriedCertificate>,
}

impl Fetcher {
    /// Tries each address of the certificates in `stores`, one after another, until `deadline`.
    pub async fn try_stores(&self, stores: &[&Store], deadline: Instant) -> Survey {
        let links = TrustedLink::of_stores(stores);
        let mut survey = Survey { tried: Vec::new(), untried: untried(stores, &links) };
        for link in &links {
            let ocsp = OcspRequest::new(link).map(Target::Ocsp);
            let points = &link.certificate().revocation_addresses().crl;
            let lists = points.iter().filter_map(|point| CrlRequest::base(link, point)).map(Target::Crl);
            for target in ocsp.into_iter().chain(lists) {
                let (tried, _) = self.try_target(&target, deadline).await;
                survey.tried.extend(tried.into_iter().map(|tried| {
                    let certificate = link.certificate().subject().to_text();
                    TriedAddress { certificate: Some(certificate), ..tried }
                }));
            }
        }
        survey
    }

    /// Tries each address of one piece of evidence. Returns the first that is usable, too.
    async fn try_target(&self, target: &Target, deadline: Instant) -> (Vec<TriedAddress>, Option<Fetched>) {
        let (mut tried, mut usable) = (Vec::new(), None);
        let certificate = match target {
            Target::Ocsp(request) => Some(request.certificate().subject().to_text()),
            Target::Crl(_) => None,
        };
        for url in target.urls() {
            let result = match self.load(target, &[Address::parse(url)], deadline).await {
                Ok(fetched) => {
                    let until = fetched.usable_until(self.settings());
                    usable.get_or_insert(fetched);
                    Ok(until)
                }
                Err(why) => Err(Text::of(why)),
            };
            let (certificate, issuer) = (certificate.clone(), target.issuer().subject().to_text());
            tried.push(TriedAddress {
                certificate,
                issuer,
                image: None,
                kind: target.kind(),
                url: Text::of(url),
                result,
            });
        }
        (tried, usable)
    }
}

/// A source of evidence that tries each address of what is requested, and not only the first that works.
pub struct TryingSource {
    fetcher: Fetcher,
    deadline: Instant,
    /// Whether requests get the OCSP responses. Without them, CRLs are requested too.
    with_ocsp: AtomicBool,
    tried: Mutex<Vec<TriedAddress>>,
}

impl TryingSource {
    /// A source that gives no OCSP responses until [`Self::give_ocsp`], and tries addresses until `deadline`, whatever the
    /// deadlines of the requests.
    #[must_use]
    pub fn new(fetcher: Fetcher, deadline: Instant) -> Self {
        Self { fetcher, deadline, with_ocsp: AtomicBool::new(false), tried: Mutex::default() }
    }

    /// From now on, requests get the OCSP responses, so that the status of their responders is requested.
    pub fn give_ocsp(&self) {
        self.with_ocsp.store(true, Ordering::Relaxed);
    }

    /// The addresses that were tried, each once.
    #[must_use]
    pub fn take(&self) -> Vec<TriedAddress> {
        std::mem::take(&mut *self.tried.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn respond(&self, request: &EvidenceRequest) -> EvidenceResponse {
        let target = match request {
            EvidenceRequest::Ocsp(request) => Target::Ocsp(request.clone()),
            EvidenceRequest::Crl(request) => Target::Crl(request.clone()),
            // No address of a certificate; the explanation of the signature has the answer.
            EvidenceRequest::SignerStatus(request) => return self.fetcher.signer_status(request, self.deadline).await,
        };
        let (tried, usable) = self.fetcher.try_target(&target, self.deadline).await;
        let mut all = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        for one in tried {
            let is_same = |other: &TriedAddress| {
                (other.kind, &other.url, &other.certificate, &other.issuer)
                    == (one.kind, &one.url, &one.certificate, &one.issuer)
            };
            if !all.iter().any(is_same) {
                all.push(one);
            }
        }
        match (usable, request) {
            (Some(_), EvidenceRequest::Ocsp(_)) if !self.with_ocsp.load(Ordering::Relaxed) => {
                EvidenceResponse::NotAvailable(NotAvailable::new("not used"))
            }
            (Some(fetched), _) => fetched.into(),
            (None, _) => EvidenceResponse::NotAvailable(NotAvailable::new("no address has a usable response")),
        }
    }
}

impl EvidenceSource for TryingSource {
    fn fetch<'a>(&'a self, requests: &'a Requests, _: Instant) -> BoxFuture<'a, Vec<EvidenceResponse>> {
        join_all(requests.iter().map(|request| self.respond(request))).boxed()
    }
}

/// The certificates with addresses whose issuer is in no store. Roots have no issuer to revoke them.
fn untried(stores: &[&Store], links: &[TrustedLink<'_>]) -> Vec<UntriedCertificate> {
    let mut untried: Vec<UntriedCertificate> = Vec::new();
    for certificate in stores.iter().flat_map(|store| store.certificates()) {
        let is_tried = links.iter().any(|link| link.certificate() == certificate);
        if is_tried || certificate.is_self_issued() || certificate.revocation_addresses().urls().next().is_none() {
            continue;
        }
        let (certificate, issuer) = (certificate.subject().to_text(), certificate.issuer().to_text());
        let one = UntriedCertificate { certificate, issuer };
        if !untried.contains(&one) {
            untried.push(one);
        }
    }
    untried
}
