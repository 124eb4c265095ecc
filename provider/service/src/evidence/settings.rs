//! The settings of a [`Fetcher`](super::Fetcher).

use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::evidence::EvidenceSettings;
use countersign_core::limits;
use countersign_core::name::Host;
use countersign_http::AddressPolicy;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::RequestLimits;
use countersign_http::Roots;
use countersign_http::ShareLimits;

use super::aws_signer::SignerAccess;
use super::memory;

const MIB: usize = 1024 * 1024;

/// See the section `evidence` of the configuration, which documents each of them.
#[derive(Clone, Debug)]
pub struct FetchSettings {
    /// The addresses that hosts may have.
    pub networks: AddressPolicy,
    /// Hosts that may have any address.
    pub reachable_hosts: Vec<Host>,
    /// An error is the reason why no request may be sent: the configured proxy cannot be used.
    pub proxy: Result<ProxyChoice, Text>,
    /// The authorities of https addresses.
    pub roots: Roots,
    /// The proxies of the environment.
    pub proxies: ProxyEnvironment,
    /// For one connection.
    pub connect_timeout: Duration,
    /// From the start of a request to the head of its response.
    pub response_timeout: Duration,
    /// For an OCSP request with its response.
    pub ocsp_timeout: Duration,
    /// For a CRL.
    pub crl_timeout: Duration,
    /// Maximum size of an OCSP response, in bytes.
    pub max_ocsp_bytes: usize,
    /// Maximum size of a CRL, in bytes.
    pub max_crl_bytes: usize,
    /// Limits on concurrent requests.
    pub requests: RequestLimits,
    /// Memory for evidence that is kept, in bytes.
    pub cache_bytes: usize,
    /// The age at which evidence in use is fetched again.
    pub refresh_interval: Duration,
    /// How long a caller waits for the refresh of evidence that is due and still valid, before it gets the former.
    pub refresh_patience: Duration,
    /// How long an address that failed is not tried again.
    pub negative_lifetime: Duration,
    /// Whether OCSP requests have a nonce.
    pub ocsp_nonce: bool,
    /// The settings with which core reads evidence, the same as those with which the engine judges it.
    pub reading: EvidenceSettings,
    /// AWS Signer; `None` if it is not called.
    pub signer: Option<SignerAccess>,
}

impl Default for FetchSettings {
    /// The defaults of the configuration, without proxies.
    fn default() -> Self {
        Self {
            networks: AddressPolicy::WithPrivate,
            reachable_hosts: Vec::new(),
            proxy: Ok(ProxyChoice::Direct),
            roots: Roots::System,
            proxies: ProxyEnvironment::default(),
            connect_timeout: Duration::from_millis(500),
            response_timeout: Duration::from_secs(1),
            ocsp_timeout: Duration::from_secs(1),
            crl_timeout: Duration::from_secs(30),
            max_ocsp_bytes: limits::OCSP_RESPONSE_BYTES,
            max_crl_bytes: 24 * MIB,
            requests: RequestLimits { per_host: 8, total: 32 },
            cache_bytes: 48 * MIB,
            refresh_interval: Duration::from_secs(3600),
            refresh_patience: Self::REFRESH_PATIENCE,
            negative_lifetime: Duration::from_secs(10),
            ocsp_nonce: false,
            signer: None,
            reading: EvidenceSettings {
                max_lifetime: Some(Duration::from_secs(24 * 3600)),
                ..EvidenceSettings::default()
            },
        }
    }
}

impl FetchSettings {
    /// The usual [`Self::refresh_patience`]: a responder in the same region answers in less, and a webhook has about two
    /// seconds.
    pub const REFRESH_PATIENCE: Duration = Duration::from_millis(500);

    /// How long evidence is kept that is of use only until a better response can be expected.
    pub(super) fn short_lifetime(&self) -> Duration {
        self.reading.max_lifetime.map_or(self.negative_lifetime, |max| max.min(self.negative_lifetime))
    }

    /// The limits on bytes of responses that are being received or read. A host has enough for one list of the maximum
    /// size, and some OCSP responses beside it.
    pub(super) fn bodies(&self) -> ShareLimits {
        let total = memory::received(self.max_crl_bytes);
        let host = self.max_crl_bytes.saturating_add(memory::SMALL_BODIES / 2);
        ShareLimits { total, host, pattern: host, unlisted_host: host, unlisted: host }
    }
}
