//! Evidence requests.

use super::EvidenceSettings;
use crate::name::Digest;
use crate::name::DigestAlgorithm;
use crate::name::SigningJob;
use crate::name::SigningProfileVersion;
use crate::policy::TrustedChain;
use crate::policy::TrustedLink;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::Crl;
use crate::x509::CrlError;
use crate::x509::DistributionPoint;
use crate::x509::ocsp;
use crate::x509::ocsp::OcspAnswer;
use crate::x509::ocsp::OcspError;

/// One piece of evidence that a judgement needs. Equal requests have the same response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceRequest {
    /// The revocation status of one certificate, by OCSP.
    Ocsp(OcspRequest),
    /// A list of revoked certificates.
    Crl(CrlRequest),
    /// The revocation status of a signature at AWS Signer.
    SignerStatus(SignerStatusRequest),
}

/// A request to the OCSP responder of a certificate ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspRequest {
    certificate: Certificate,
    issuer: Certificate,
}

/// A request for a CRL ([RFC 5280 §5](https://www.rfc-editor.org/rfc/rfc5280#section-5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlRequest {
    issuer: Certificate,
    urls: Vec<String>,
    kind: CrlKind,
}

/// Whether a CRL is complete for its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlKind {
    /// Complete for its scope.
    Base,
    /// Changes since a base CRL ([RFC 5280 §5.2.4](https://www.rfc-editor.org/rfc/rfc5280#section-5.2.4)).
    Delta,
}

/// A request to AWS Signer for revocation status
/// ([GetRevocationStatus](https://docs.aws.amazon.com/signer/latest/api/API_GetRevocationStatus.html)).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignerStatusRequest {
    profile_version: SigningProfileVersion,
    job: SigningJob,
    signing_time: UnixTime,
    certificate_hashes: Vec<String>,
}

/// Requests without duplicates. Not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    first: EvidenceRequest,
    more: Vec<EvidenceRequest>,
}

impl OcspRequest {
    /// Creates a request about a certificate of a trusted chain; `None` if it names no responder.
    #[must_use]
    pub fn new(link: &TrustedLink<'_>) -> Option<Self> {
        let names_responder = !link.certificate().revocation_addresses().ocsp.is_empty();
        names_responder.then(|| Self { certificate: link.certificate().clone(), issuer: link.issuer().clone() })
    }

    /// The certificate whose status is requested.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificate that issued it.
    #[must_use]
    pub fn issuer(&self) -> &Certificate {
        &self.issuer
    }

    /// URLs of the responder as the certificate has them, of any scheme. Not empty. The first usable response is used.
    #[must_use]
    pub fn urls(&self) -> &[String] {
        &self.certificate.revocation_addresses().ocsp
    }

    /// The bytes of the request, with this nonce.
    #[must_use]
    pub fn encode(&self, nonce: Option<&[u8]>) -> Vec<u8> {
        ocsp::encode_request(&self.certificate, &self.issuer, nonce)
    }

    /// Reads and verifies a response to [`Self::encode`] with the same nonce.
    ///
    /// # Errors
    /// The response is not usable: the next address may have one.
    pub fn read(
        &self,
        bytes: &[u8],
        nonce: Option<&[u8]>,
        now: UnixTime,
        settings: &EvidenceSettings,
    ) -> Result<OcspAnswer, OcspError> {
        OcspAnswer::read(bytes, &self.certificate, &self.issuer, nonce, now, &settings.ocsp())
    }
}

impl CrlRequest {
    /// Creates a request for the complete CRL of a distribution point of a certificate of a trusted chain; `None` if
    /// the point has no URL.
    #[must_use]
    pub fn base(link: &TrustedLink<'_>, point: &DistributionPoint) -> Option<Self> {
        Self::new(link, point.urls().to_vec(), CrlKind::Base)
    }

    /// Creates a request for a delta CRL by the issuer of a certificate of a trusted chain, at URLs from a CRL by
    /// that issuer ([freshest CRL](https://www.rfc-editor.org/rfc/rfc5280#section-5.2.6)); `None` without a URL.
    #[must_use]
    pub fn delta(link: &TrustedLink<'_>, urls: Vec<String>) -> Option<Self> {
        Self::new(link, urls, CrlKind::Delta)
    }

    fn new(link: &TrustedLink<'_>, urls: Vec<String>, kind: CrlKind) -> Option<Self> {
        (!urls.is_empty()).then(|| Self { issuer: link.issuer().clone(), urls, kind })
    }

    /// The certificate authority that issues the CRL.
    #[must_use]
    pub fn issuer(&self) -> &Certificate {
        &self.issuer
    }

    /// URLs of the same CRL as written, of any scheme. Not empty. The first usable CRL is used.
    #[must_use]
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Whether it is a base or a delta CRL.
    #[must_use]
    pub fn kind(&self) -> CrlKind {
        self.kind
    }

    /// Reads and verifies a response.
    ///
    /// # Errors
    /// The response is not usable: the next address may have one.
    pub fn read(&self, bytes: Vec<u8>, now: UnixTime, settings: &EvidenceSettings) -> Result<Crl, CrlError> {
        let crl = Crl::read(bytes, &self.issuer)?;
        self.check(&crl, now, settings)?;
        Ok(crl)
    }

    /// Checks that a list answers this request at `now`: its issuer, its kind and its times. A list that was kept needs
    /// this check at each use.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, crl: &Crl, now: UnixTime, settings: &EvidenceSettings) -> Result<(), CrlError> {
        crl.check_issuer(&self.issuer)?;
        match (self.kind, crl.delta_base()) {
            (CrlKind::Base, None) | (CrlKind::Delta, Some(_)) => {}
            (CrlKind::Base, Some(base)) => return Err(CrlError::DeltaAtBase { base: base.clone() }),
            (CrlKind::Delta, None) => return Err(CrlError::BaseAtDelta),
        }
        crl.check_time(now, settings.skew)
    }
}

impl SignerStatusRequest {
    /// Creates a request about a signature by a trusted chain.
    #[must_use]
    pub fn new(
        chain: &TrustedChain,
        profile_version: SigningProfileVersion,
        job: SigningJob,
        signing_time: UnixTime,
    ) -> Self {
        let hash = |certificate: &Certificate| Digest::of(DigestAlgorithm::Sha384, certificate.tbs()).hex().to_owned();
        let hashes: Vec<String> = chain.chain().certificates().iter().map(hash).collect();
        let issuers = hashes.iter().skip(1).chain(hashes.last());
        let certificate_hashes = hashes.iter().zip(issuers).map(|(hash, issuer)| format!("{hash}{issuer}")).collect();
        Self { profile_version, job, signing_time, certificate_hashes }
    }

    /// The version of the signing profile.
    #[must_use]
    pub fn profile_version(&self) -> &SigningProfileVersion {
        &self.profile_version
    }

    /// The signing job.
    #[must_use]
    pub fn job(&self) -> &SigningJob {
        &self.job
    }

    /// The authentic signing time.
    #[must_use]
    pub fn signing_time(&self) -> UnixTime {
        self.signing_time
    }

    /// For each certificate, leaf first, the SHA-384 of its signed part followed by that of its issuer's; the root's is
    /// followed by itself. Lower-case hexadecimal.
    #[must_use]
    pub fn certificate_hashes(&self) -> &[String] {
        &self.certificate_hashes
    }

    /// The memory of the texts, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let hashes: usize = self.certificate_hashes.iter().map(|hash| hash.len() + size_of::<String>()).sum();
        self.profile_version.as_str().len() + self.job.as_str().len() + hashes
    }
}

impl Requests {
    /// All requests, in the order of their creation.
    pub fn iter(&self) -> impl Iterator<Item = &EvidenceRequest> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Adds `others` without duplicates.
    pub(crate) fn merge(mut self, others: Self) -> Self {
        for request in std::iter::once(others.first).chain(others.more) {
            if !self.iter().any(|other| *other == request) {
                self.more.push(request);
            }
        }
        self
    }
}

impl From<EvidenceRequest> for Requests {
    fn from(request: EvidenceRequest) -> Self {
        Self { first: request, more: Vec::new() }
    }
}

impl From<OcspRequest> for EvidenceRequest {
    fn from(request: OcspRequest) -> Self {
        Self::Ocsp(request)
    }
}

impl From<CrlRequest> for EvidenceRequest {
    fn from(request: CrlRequest) -> Self {
        Self::Crl(request)
    }
}

impl From<SignerStatusRequest> for EvidenceRequest {
    fn from(request: SignerStatusRequest) -> Self {
        Self::SignerStatus(request)
    }
}
