//! Section `evidence`.

use std::path::PathBuf;
use std::time::Duration;

use countersign_core::limits;
use countersign_core::name::Host;
use countersign_http::AddressPolicy;

use super::HOUR;
use super::MIB;
use super::MINUTE;
use super::SECOND;
use super::ms;
use super::proxy::ProxyKind;
use super::proxy::RegistryProxy;
use super::registries::HostsKind;
use super::seconds;
use crate::config::schema::Choice;
use crate::config::schema::File;
use crate::config::schema::Flag;
use crate::config::schema::Number;
use crate::config::schema::Size;
use crate::config::schema::Time;
use crate::config::schema::section;

const KIB: usize = 1024;
const DAY: Duration = seconds(24 * HOUR.as_secs());

section! {
    /// Section `evidence`.
    pub Evidence {
        /// The networks of OCSP responders and CRL servers. Their addresses are in the certificates of signers and timestamping
        /// authorities, and are used only for chains that a trust store anchors: `private` permits public and private addresses,
        /// as companies' authorities are in private networks, `public` only public ones. Loopback, link-local and metadata
        /// addresses are never reached, except for reachableHosts. Danger of `private`: everybody who can issue a certificate
        /// below a trusted root can make Countersign send a GET or POST to an address of the internal network.
        networks "networks": AddressPolicy = Choice {
            words: &[("private", AddressPolicy::WithPrivate), ("public", AddressPolicy::PublicOnly)],
            default: AddressPolicy::WithPrivate,
            wanted: "private or public",
        };
        /// Hosts that may have any address, as host[:port] in the URLs of certificates. Without a port it is that of the URL's
        /// scheme. Danger: for such a name, the DNS then decides whether requests reach loopback or metadata addresses.
        reachable_hosts "reachableHosts": Vec<Host> = HostsKind { sample: "[]" };
        /// As `proxy` of `registries`: `environment` according to HTTPS_PROXY, HTTP_PROXY and NO_PROXY when Countersign starts,
        /// `none`, or the URL of a proxy, or a map with url, usernameFile, passwordFile and ca. Addresses are mostly http, for which
        /// HTTP_PROXY applies. NO_PROXY takes precedence over every proxy, also over a URL here, and for reachableHosts too. No proxy
        /// is used for private addresses, `localhost` and names inside the cluster: list those in NO_PROXY, otherwise no request is
        /// sent to them. Danger: a proxy resolves names itself, so its own rules then determine which networks are reached.
        proxy "proxy": RegistryProxy = ProxyKind::WORD;
        /// PEM file with the certificate authorities to trust for https addresses, in place of the built-in ones; or with a server's own
        /// self-signed certificate, as `ca` of `registries`. Read again every trust.reloadInterval. If it cannot be used, https
        /// addresses are not reached. It has no effect on http addresses, which are usual: evidence is signed.
        ca "ca": Option<PathBuf> = File::alternative("ca/evidence.pem");
        /// For one connection.
        connect_timeout "connectTimeout": Duration = Time::of(ms(500), ms(50), MINUTE);
        /// How long a server may take to begin its response, connecting included. After that time the next address is tried.
        response_timeout "responseTimeout": Duration = Time::of(SECOND, ms(50), MINUTE);
        /// For a whole OCSP request.
        ocsp_timeout "ocspTimeout": Duration = Time::of(SECOND, ms(50), MINUTE);
        /// For a whole CRL. The download goes on when the request that needs it has timed out; the next one then finds the list.
        crl_timeout "crlTimeout": Duration = Time::of(seconds(30), ms(50), seconds(10 * MINUTE.as_secs()));
        /// Maximum size of an OCSP response. A larger one is unusable.
        max_ocsp_bytes "maxOcspBytes": usize = Size::of(limits::OCSP_RESPONSE_BYTES, KIB, limits::OCSP_RESPONSE_BYTES);
        /// Maximum size of a CRL. A larger one is unusable. Twice this size is the memory for CRLs that are being received.
        max_crl_bytes "maxCrlBytes": usize = Size::of(24 * MIB, KIB, limits::CRL_BYTES);
        /// Requests at the same time to one host.
        max_requests_per_host "maxRequestsPerHost": usize = Number::of(8, 1, 1024);
        /// Requests at the same time to all hosts; no host takes more than it leaves free.
        max_requests "maxRequests": usize = Number::of(32, 1, 4096);
        /// Memory for verified OCSP responses and CRLs. A CRL takes its own size and 10 to 40 percent more. A CRL that does not fit is
        /// fetched for each image. With ten CRLs of 20 MiB: 256Mi; raise the memory limit of the container as much.
        cache_bytes "cacheBytes": usize = Size::of(48 * MIB, 0, 16 * 1024 * MIB);
        /// How long an OCSP response or CRL is used after it was fetched, even if it is valid for longer; never after its nextUpdate.
        /// Verdicts that stand on it end then, too. Danger: while its server cannot be reached, a revocation is noticed this much later.
        max_lifetime "maxLifetime": Duration = Time::of(DAY, Duration::ZERO, seconds(31 * DAY.as_secs()));
        /// The age at which evidence in use is fetched again in the background, or a quarter of its lifetime before its end if that
        /// is earlier. A revocation is usually noticed after this time. If it cannot be fetched, the former evidence is used until its end.
        refresh_interval "refreshInterval": Duration = Time::of(HOUR, SECOND, seconds(31 * DAY.as_secs()));
        /// How long an address that failed is not tried again.
        negative_lifetime "negativeLifetime": Duration = Time::of(seconds(10), SECOND, seconds(10 * MINUTE.as_secs()));
        /// Tolerated difference to the clocks of issuers of OCSP responses and CRLs.
        clock_skew "clockSkew": Duration = Time::of(seconds(5 * MINUTE.as_secs()), Duration::ZERO, HOUR);
        /// Sends OCSP requests by POST with a nonce, which the response must repeat. Many responders sign responses in advance and
        /// cannot. Danger of `false`: whoever can change plain HTTP on the network can answer with a former response until its
        /// nextUpdate, and so delay a revocation. The same is possible with CRLs, which have no nonce.
        ocsp_nonce "ocspNonce": bool = Flag(false);
        /// Maximum age of an OCSP response without nextUpdate. 0s refuses such responses. Danger: a revocation is noticed this much
        /// later.
        ocsp_max_age "ocspMaxAge": Duration = Time::of(Duration::ZERO, Duration::ZERO, DAY);
    }
}
