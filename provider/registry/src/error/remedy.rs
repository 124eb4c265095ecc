//! Remediation of failed requests: the registry settings to change, at the end of the message.

use std::fmt;

use countersign_http::FetchError;
use countersign_http::FetchRemedy;
use countersign_http::TlsRemedy;

use super::authorities_of::AuthoritiesOf;

/// The end of the message about `error`; empty if no setting could resolve it.
pub(super) struct Remedy<'a> {
    error: &'a FetchError,
    host: At<'a>,
}

/// The host that the request was for.
#[derive(Clone, Copy)]
enum At<'a> {
    /// The registry.
    Registry,
    /// The target of a redirect.
    Target(&'a str, AuthoritiesOf),
    /// A token service at another server.
    TokenService(&'a str, AuthoritiesOf),
}

impl<'a> Remedy<'a> {
    pub(super) fn of(error: &'a FetchError) -> Self {
        Self { error, host: At::Registry }
    }

    /// For an error at the target of a redirect.
    pub(super) fn at_target(error: &'a FetchError, target: &'a str, authorities: AuthoritiesOf) -> Self {
        Self { error, host: At::Target(target, authorities) }
    }

    /// For an error at a token service that is another server than the registry.
    pub(super) fn of_token_service(error: &'a FetchError, host: &'a str, authorities: AuthoritiesOf) -> Self {
        Self { error, host: At::TokenService(host, authorities) }
    }

    /// Its entry in the settings.
    fn write_entry(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            At::Registry => f.write_str("its entry of registries"),
            At::Target(host, _) | At::TokenService(host, _) => write!(f, "an entry of registries for {host}"),
        }
    }

    fn write_tls(&self, f: &mut fmt::Formatter<'_>, remedy: TlsRemedy) -> fmt::Result {
        match (remedy, self.host) {
            (
                TlsRemedy::RootsFile(expected),
                At::Registry | At::Target(_, AuthoritiesOf::Registry) | At::TokenService(_, AuthoritiesOf::Registry),
            ) => write!(f, "; set `ca` of the registry's entry to a file with {}", expected.as_str()),
            (
                TlsRemedy::RootsFile(expected),
                At::Target(host, AuthoritiesOf::Host) | At::TokenService(host, AuthoritiesOf::Host),
            ) => write!(
                f,
                "; set `ca` of an entry of registries for {host} to a file with {}, as that of the registry is not for other hosts",
                expected.as_str()
            ),
            (TlsRemedy::CertificateInRoots, _) => f.write_str(", or a self-signed one that is in `ca` as it is"),
            (TlsRemedy::PlainHttp, At::Registry) => f.write_str("; for a registry without TLS, set `plainHttp: true`"),
            (TlsRemedy::PlainHttp, At::Target(..) | At::TokenService(..)) => {
                f.write_str("; the registry names it with an https URL, which no setting changes")
            }
            (TlsRemedy::ClientCertificate, _) if matches!(self.error, FetchError::Proxy { .. }) => {
                f.write_str("; it must not require a client certificate, because none is sent to a proxy")
            }
            (TlsRemedy::ClientCertificate, At::Registry) => f.write_str(
                "; it requires a client certificate that it accepts: set `clientCertificate` of its entry in registries, or \
                 renew that certificate",
            ),
            (TlsRemedy::ClientCertificate, At::Target(..)) => {
                f.write_str("; it must not require a client certificate, because none is sent after a redirect")
            }
            (TlsRemedy::ClientCertificate, At::TokenService(host, _)) => write!(
                f,
                "; it requires a client certificate that it accepts: set `clientCertificate` with `forRealmHosts: true` in the entry of the \
                 registry and add {host} to its realmHosts, or renew that certificate"
            ),
        }
    }
}

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error.remedy() {
            None => Ok(()),
            Some(FetchRemedy::NameHost) => f.write_str(", an address that only configured registries may have"),
            Some(FetchRemedy::NameEither { from, host }) => write!(
                f,
                "; if this is intended, add {from} to registries, or {host} to its realmHosts if it serves its tokens"
            ),
            Some(FetchRemedy::WithoutProxy { no_proxy_applies: true }) => {
                f.write_str("; if it can be reached directly, add it to NO_PROXY, or set proxy: none in ")?;
                self.write_entry(f)
            }
            // A proxy that an entry names for its hosts takes precedence over NO_PROXY.
            Some(FetchRemedy::WithoutProxy { no_proxy_applies: false }) => f.write_str(
                "; if it can be reached directly, add an entry of its own with proxy: none to registries: NO_PROXY has \
                 no effect on the proxy of an entry",
            ),
            Some(FetchRemedy::Https) => match self.host {
                At::Registry => f.write_str("; for a registry with TLS, set `plainHttp: false`"),
                At::Target(..) | At::TokenService(..) => {
                    f.write_str("; the registry names it with an http URL, which no setting changes")
                }
            },
            Some(FetchRemedy::Tls(remedy)) => self.write_tls(f, remedy),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_http::InternalHost;
    use countersign_http::ProxyFailure;
    use countersign_http::RootsSource;
    use countersign_http::TlsFailure;

    use crate::Cause;
    use crate::observer::Stage;

    use super::*;

    fn message(error: FetchError) -> String {
        Cause::Fetch(error).to_string()
    }

    fn tls(failure: TlsFailure) -> String {
        message(FetchError::Tls { host: "r.example".to_owned(), failure })
    }

    #[test]
    fn names_the_settings_that_could_change_a_tls_failure() {
        let issuer = || "CN=ca".into();
        for (failure, expected) in [
            (
                TlsFailure::UnknownIssuer { issuer: issuer(), roots: RootsSource::System },
                "its certificate is not trusted: found issuer \"CN=ca\", expected one of the system's certificate authorities; set `ca` of the registry's entry to a file with the CA certificate that issued it",
            ),
            (
                TlsFailure::UnknownIssuer { issuer: issuer(), roots: RootsSource::File("ca.pem".into()) },
                "its certificate is not trusted: found issuer \"CN=ca\", expected one of the certificates in ca.pem; add the CA certificate that issued it to that file",
            ),
            (
                TlsFailure::SelfSigned { roots: RootsSource::System },
                "its certificate is self-signed and not one of the system's certificate authorities; set `ca` of the registry's entry to a file with this certificate",
            ),
            (
                TlsFailure::Authority,
                "its certificate is a CA certificate, expected a server certificate, or a self-signed one that is in `ca` as it is",
            ),
            (
                TlsFailure::NotTls,
                "it does not use TLS, expected a TLS port; for a registry without TLS, set `plainHttp: true`",
            ),
            (TlsFailure::Protocol, "it, or something between, violates the TLS protocol"),
        ] {
            assert_eq!(tls(failure), format!("cannot connect to r.example over TLS: {expected}"));
        }
        let failure = Box::new(ProxyFailure::Tls { failure: TlsFailure::SelfSigned { roots: RootsSource::System } });
        let (host, proxy, setting) = ("r.example".to_owned(), "p.example:3128".to_owned(), "HTTPS_PROXY".to_owned());
        assert_eq!(
            message(FetchError::Proxy { host, proxy, setting, failure }),
            "cannot reach r.example through the proxy p.example:3128 (from HTTPS_PROXY): it cannot be reached over TLS (`ca` is here that of the proxy): its certificate is self-signed and not one of the system's certificate authorities; set `ca` of the registry's entry to a file with this certificate"
        );
    }

    #[test]
    fn a_target_of_a_redirect_has_the_authorities_of_its_own_entry() {
        let failure = TlsFailure::UnknownIssuer { issuer: "CN=ca".into(), roots: RootsSource::System };
        let cause = Cause::Redirected {
            registry: "r.example".to_owned(),
            target: "s3.example".to_owned(),
            authorities: AuthoritiesOf::Host,
            stage: Stage::Blob,
            cause: Box::new(Cause::Fetch(FetchError::Tls { host: "s3.example".to_owned(), failure })),
        };
        assert_eq!(
            cause.to_string(),
            "cannot connect to s3.example over TLS: its certificate is not trusted: found issuer \"CN=ca\", expected one of the system's certificate authorities; set `ca` of an entry of registries for s3.example to a file with the CA certificate that issued it, as that of the registry is not for other hosts; s3.example is the blob store that r.example redirects to"
        );
    }

    /// The message about a failed handshake with a token service, or with a target of a redirect.
    fn elsewhere(failure: TlsFailure, authorities: AuthoritiesOf, stage: Stage) -> String {
        let (registry, host) = ("r.example".to_owned(), "auth.example".to_owned());
        let error = FetchError::Tls { host: host.clone(), failure };
        let cause = match stage {
            Stage::Token => Cause::TokenService { registry, host, authorities, error },
            Stage::Manifest | Stage::Referrers | Stage::ReferrerManifest | Stage::Blob => {
                Cause::Redirected { registry, target: host, authorities, stage, cause: Box::new(Cause::Fetch(error)) }
            }
        };
        let text = cause.to_string();
        text.strip_prefix("cannot connect to auth.example over TLS: ").unwrap().to_owned()
    }

    #[test]
    fn a_token_service_at_another_server_has_the_authorities_of_its_own_entry() {
        let unknown = || TlsFailure::UnknownIssuer { issuer: "CN=ca".into(), roots: RootsSource::System };
        assert_eq!(
            elsewhere(unknown(), AuthoritiesOf::Host, Stage::Token),
            "its certificate is not trusted: found issuer \"CN=ca\", expected one of the system's certificate authorities; set `ca` of an entry of registries for auth.example to a file with the CA certificate that issued it, as that of the registry is not for other hosts; auth.example is the token service that r.example names"
        );
        // Another port of the registry.
        assert_eq!(
            elsewhere(unknown(), AuthoritiesOf::Registry, Stage::Token),
            "its certificate is not trusted: found issuer \"CN=ca\", expected one of the system's certificate authorities; set `ca` of the registry's entry to a file with the CA certificate that issued it; auth.example is the token service that r.example names"
        );
        assert_eq!(
            elsewhere(unknown(), AuthoritiesOf::Registry, Stage::Blob),
            "its certificate is not trusted: found issuer \"CN=ca\", expected one of the system's certificate authorities; set `ca` of the registry's entry to a file with the CA certificate that issued it; auth.example is the blob store that r.example redirects to"
        );
    }

    #[test]
    fn a_host_that_a_registry_names_has_no_scheme_and_no_certificate_of_an_entry() {
        let token = |failure| elsewhere(failure, AuthoritiesOf::Host, Stage::Token);
        let blob = |failure| elsewhere(failure, AuthoritiesOf::Host, Stage::Blob);
        assert_eq!(
            token(TlsFailure::NotTls),
            "it does not use TLS, expected a TLS port; the registry names it with an https URL, which no setting changes; auth.example is the token service that r.example names"
        );
        assert_eq!(
            blob(TlsFailure::NotTls),
            "it does not use TLS, expected a TLS port; the registry names it with an https URL, which no setting changes; auth.example is the blob store that r.example redirects to"
        );
    }

    #[test]
    fn names_the_settings_that_allow_a_host() {
        let (host, address) = (|| "r.example".to_owned(), "10.0.0.5".parse().unwrap());
        assert_eq!(
            message(FetchError::AddressRefused { host: host(), address }),
            "r.example is at 10.0.0.5, an address that only configured registries may have"
        );
        assert_eq!(
            message(FetchError::ReferredInside { from: "a.example".to_owned(), host: host(), address }),
            "a.example leads to r.example: found 10.0.0.5, a private address, expected a public one; if this is intended, add a.example to registries, or r.example to its realmHosts if it serves its tokens"
        );
        let (internal, proxy, setting) = (InternalHost::Cluster, "p.example:3128".to_owned(), "HTTPS_PROXY".to_owned());
        assert_eq!(
            message(FetchError::NotByProxy {
                host: host(),
                internal,
                proxy: proxy.clone(),
                setting,
                no_proxy_applies: true
            }),
            "r.example is a name inside the cluster, for which no proxy is used (here p.example:3128 from HTTPS_PROXY); if it can be reached directly, add it to NO_PROXY, or set proxy: none in its entry of registries"
        );
        let setting = "registries[0] \"*.example\"".to_owned();
        assert_eq!(
            message(FetchError::NotByProxy { host: host(), internal, proxy, setting, no_proxy_applies: false }),
            "r.example is a name inside the cluster, for which no proxy is used (here p.example:3128 from registries[0] \"*.example\"); if it can be reached directly, add an entry of its own with proxy: none to registries: NO_PROXY has no effect on the proxy of an entry"
        );
    }
}
