//! Tries the addresses that certificates of trust stores name, for `countersign check --online`.

use countersign_core::codec::text::Text;
use countersign_core::evidence::CrlRequest;
use countersign_core::evidence::OcspRequest;
use countersign_core::policy::Store;
use countersign_core::policy::TrustedLink;
use countersign_core::time::UnixTime;
use tokio::time::Instant;

use super::address::Address;
use super::fetcher::Fetcher;
use super::target::Target;
use crate::telemetry::metrics::EvidenceKind;

/// An address that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedAddress {
    /// Subject of the certificate that names it.
    pub certificate: Text,
    /// What is there.
    pub kind: EvidenceKind,
    /// As the certificate has it.
    pub url: Text,
    /// The end of the use of what was fetched, or why nothing usable was.
    pub result: Result<UnixTime, Text>,
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
                for url in target.urls() {
                    let address = [Address::parse(url)];
                    let result = match self.load(&target, &address, deadline).await {
                        Ok(fetched) => Ok(fetched.until(self.settings())),
                        Err(why) => Err(Text::of(why)),
                    };
                    let certificate = link.certificate().subject().to_text();
                    survey.tried.push(TriedAddress { certificate, kind: target.kind(), url: Text::of(url), result });
                }
            }
        }
        survey
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
