//! What to change in the configuration of registries, written behind the message of a failed request.

use std::fmt;

use countersign_http::FetchError;
use countersign_http::FetchRemedy;
use countersign_http::TlsRemedy;

/// The end of the message about `error`; empty if no setting could change it.
pub(super) struct Remedy<'a>(pub(super) &'a FetchError);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.remedy() {
            None => Ok(()),
            Some(FetchRemedy::NameHost) => f.write_str(", where only configured registries may be"),
            Some(FetchRemedy::NameEither { from, host }) => write!(
                f,
                "; if this is meant, add {from} to registries, or {host} to its realmHosts if it serves its tokens"
            ),
            Some(FetchRemedy::WithoutProxy) => f.write_str(", or write proxy: none in its entry of registries"),
            Some(FetchRemedy::Tls(TlsRemedy::RootsFile(wanted))) => {
                write!(f, ": want `ca` of the registry's entry to be a file with {}", wanted.as_str())
            }
            Some(FetchRemedy::Tls(TlsRemedy::CertificateInRoots)) => {
                f.write_str(", or a self-signed one that stands as it is in `ca`")
            }
            Some(FetchRemedy::Tls(TlsRemedy::PlainHttp)) => {
                f.write_str(", or `plainHttp: true` for a registry without")
            }
        }
    }
}
