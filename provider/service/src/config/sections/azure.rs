//! Section `azure`.

use std::path::PathBuf;
use std::time::Duration;

use countersign_http::Endpoint;

use super::MINUTE;
use super::SECOND;
use super::aws::endpoint_kind;
use super::ms;
use super::proxy::ProxyKind;
use super::proxy::RegistryProxy;
use super::seconds;
use crate::config::schema::File;
use crate::config::schema::Time;
use crate::config::schema::section;

section! {
    /// Section `azure`.
    pub Azure {
        /// The authority of Microsoft Entra that issues tokens, in place of AZURE_AUTHORITY_HOST and of that of the registry's or vault's
        /// cloud. That of another cloud is a mistake.
        authority_host "authorityHost": Option<Endpoint> = endpoint_kind("https://login.microsoftonline.com");
        /// As `proxy` of `registries`. NO_PROXY takes precedence, as for evidence. No proxy is used for the instance metadata service.
        proxy "proxy": RegistryProxy = ProxyKind::WORD;
        /// PEM file with the certificate authorities to trust for Microsoft Entra, for the exchange of its tokens at registries, and for vaults,
        /// in place of the built-in ones. Read again every trust.reloadInterval. If it cannot be used, Azure is not called.
        ca "ca": Option<PathBuf> = File::alternative("ca/azure.pem");
        /// For one connection.
        connect_timeout "connectTimeout": Duration = Time::of(SECOND, ms(50), MINUTE);
        /// For one attempt of a call with its response. After a failure of the network there are further attempts, in at most twice this
        /// time.
        attempt_timeout "attemptTimeout": Duration = Time::of(seconds(3), ms(50), MINUTE);
    }
}

/// Why a build without the cargo feature `azure` refuses keys.
pub(super) const WITHOUT_CLIENTS: &str = "this build has no Azure clients (cargo feature azure)";
