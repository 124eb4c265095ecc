//! Section `server`.

use super::tls::Tls;
use crate::config::ListenAddress;
use std::time::Duration;

use super::MIB;
use super::MINUTE;
use super::ms;
use super::seconds;
use super::tls::TlsKind;
use crate::config::fields::Fields;
use crate::config::schema::Address;
use crate::config::schema::DnsNames;
use crate::config::schema::Number;
use crate::config::schema::Size;
use crate::config::schema::Time;
use crate::config::schema::section;

/// Name of Gatekeeper's webhook service in a standard installation: what its client certificate carries.
const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

section! {
    /// Section `server`.
    pub Server {
        /// Address and port of the endpoints. Always TLS 1.3 with client certificates. A port alone serves IPv4 and IPv6 at all
        /// addresses, and IPv4 alone where the system has no IPv6. 0.0.0.0:6001 is for IPv4 only, "[::1]:6001" for one
        /// address, localhost:6001 for all addresses of a name, which is resolved at the start.
        listen "listen" [Restart]: ListenAddress = Address { port: 6001 };
        /// PEM files. Read again every trust.reloadInterval, so that a renewed certificate needs no restart. `countersign
        /// verify` needs none of them; `countersign serve` needs all three.
        tls "tls": Option<Tls> = TlsKind;
        /// DNS names, one of which the client's certificate must carry. The default is Gatekeeper's webhook service.
        allowed_clients "allowedClients": Vec<String> = DnsNames { default: GATEKEEPER };
        /// How long one request for verification may take. Danger: must stay below the Provider's spec.timeout, or
        /// Gatekeeper gives up before the response is there and the images that were decided in time are denied too.
        verify_timeout "verifyTimeout": Duration = Time::of(ms(1800), ms(100), seconds(30));
        /// The same for mutation.
        mutate_timeout "mutateTimeout": Duration = Time::of(ms(800), ms(100), seconds(30));
        /// How long requests under way may take to finish after SIGTERM. Keep it below the pod's
        /// terminationGracePeriodSeconds.
        stop_grace "stopGrace": Duration = Time::of(seconds(20), Duration::ZERO, seconds(10 * MINUTE.as_secs()));
        /// Maximum size of a request body.
        max_body_bytes "maxBodyBytes": usize = Size::of(MIB, 1024, 64 * MIB);
        /// Maximum number of images in one request. A request with more gets an error, never a partial result.
        max_keys "maxKeys": usize = Number::of(1000, 1, 10_000);
        /// Maximum number of open connections; more wait to be accepted.
        max_connections "maxConnections" [Restart]: usize = Number::of(256, 1, 65_536);
        /// Images that are verified at the same time in the whole process; cached verdicts do not count. One registry host
        /// has a quarter of it, all hosts behind one pattern of `registries` half, a host that no entry names a sixteenth, and
        /// all of those together a quarter. If a share is used up, its images wait and are then `overloaded`; others are not.
        max_concurrent_keys "maxConcurrentKeys": usize = Number::of(128, 1, 65_536);
        /// Images of one request that are worked on at the same time. Its registry hosts have equal parts, each at least one
        /// image.
        max_concurrent_keys_per_request "maxConcurrentKeysPerRequest": usize = Number::of(32, 1, 65_536);
    }
}

impl Server {
    /// Notes where keys contradict each other. `root` is the whole file.
    pub(in crate::config) fn check(&self, root: &Fields<'_>) {
        let (all, per_request) = (self.max_concurrent_keys, self.max_concurrent_keys_per_request);
        if per_request > all {
            root.conflict_in(
                "server",
                "maxConcurrentKeysPerRequest",
                per_request,
                format_args!("at most server.maxConcurrentKeys, which is {all}"),
            );
        }
    }
}
