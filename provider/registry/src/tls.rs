//! Clients for each set of certificate authorities and each guard. Made once; connections are reused.

mod authorities;
mod failure;
mod verifier;

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;

use crate::address::Guard;
use crate::address::GuardedResolver;
use crate::settings::RegistryEntry;
use crate::settings::Roots;
use crate::settings::SettingsError;

pub use authorities::Authorities;
pub use authorities::AuthoritiesError;
pub use failure::Names;
pub use failure::TlsFailure;
pub use failure::Vouchers;
pub(crate) use failure::of as tls_failure;

use self::verifier::Verifier;

/// Index of a set of certificate authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group(usize);

impl Group {
    /// The system's certificate authorities.
    pub(crate) const SYSTEM: Self = Self(0);
}

/// All clients of the process, and which entry of the settings uses which group.
pub(crate) struct Clients {
    groups: Vec<[Client; Guard::ALL.len()]>,
    by_entry: Vec<Group>,
    system_roots: usize,
}

impl Clients {
    pub(crate) fn new(
        entries: &[RegistryEntry],
        connect_timeout: Duration,
        requests_per_host: usize,
    ) -> Result<Self, SettingsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients = |verifier| clients(&provider, verifier, connect_timeout, requests_per_host);
        let mut system = RootCertStore::empty();
        // Files of the system that are no certificates are its maintainer's affair: what can be read is used. None at
        // all shows when a host cannot be authenticated, and is known to the caller by `system_roots`.
        let (system_roots, _) = system.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let mut groups = vec![clients(Verifier::system(&provider, system))?];
        let mut known: Vec<(&Authorities, Group)> = Vec::new();
        let mut by_entry = Vec::with_capacity(entries.len());
        for entry in entries {
            let group = match &entry.roots {
                Roots::System => Group::SYSTEM,
                Roots::Only(authorities) => match known.iter().find(|(known, _)| *known == authorities) {
                    Some((_, group)) => *group,
                    None => {
                        let group = Group(groups.len());
                        groups.push(clients(Verifier::only(&provider, authorities))?);
                        known.push((authorities, group));
                        group
                    }
                },
            };
            by_entry.push(group);
        }
        Ok(Self { groups, by_entry, system_roots })
    }

    /// The group of the entry at `position` of the settings.
    pub(crate) fn group_of(&self, position: usize) -> Group {
        self.by_entry.get(position).copied().unwrap_or(Group::SYSTEM)
    }

    pub(crate) fn client(&self, group: Group, guard: Guard) -> &Client {
        // Groups come from this value, and each has a client per guard.
        &self.groups[group.0][guard.position()]
    }

    pub(crate) fn system_roots(&self) -> usize {
        self.system_roots
    }
}

fn clients(
    provider: &Arc<CryptoProvider>,
    verifier: Verifier,
    connect_timeout: Duration,
    requests_per_host: usize,
) -> Result<[Client; Guard::ALL.len()], SettingsError> {
    let bad = |error: &dyn std::error::Error| SettingsError::Client { detail: error.to_string() };
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = |guard| {
        Client::builder()
            .tls_backend_preconfigured(config.clone())
            .dns_resolver(GuardedResolver(guard))
            .connect_timeout(connect_timeout)
            // Redirects are followed by `wire`, which looks at each target.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // A proxy from the environment would resolve names in our place, past the guard.
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            // As many as there may be requests: with fewer, each burst would open connections and close them again.
            .pool_max_idle_per_host(requests_per_host)
            .pool_idle_timeout(Duration::from_secs(60))
            .tcp_keepalive(Duration::from_secs(30))
            // Small, as many hosts may fill theirs at once; a usual answer fits into the first.
            .http2_initial_stream_window_size(256 * 1024)
            .http2_initial_connection_window_size(1024 * 1024)
            .http2_keep_alive_interval(Duration::from_secs(15))
            .http2_keep_alive_timeout(Duration::from_secs(5))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| bad(&error))
    };
    let [a, b, c, d] = Guard::ALL;
    Ok([client(a)?, client(b)?, client(c)?, client(d)?])
}
