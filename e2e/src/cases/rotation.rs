//! Replaces certificates, authorities, roots and policies while two clients send requests without a pause. No request fails,
//! and every response is that of the old files or of the new ones.

mod responses;
mod tls;
mod trust;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use rcgen::DnType;
use serde_json::json;

use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::countersign::Countersign;
use crate::countersign::Ports;
use crate::environment::Environment;
use crate::images::Image;
use crate::load::Connections;
use crate::load::Load;
use crate::load::Request;
use crate::mount::Mount;
use crate::notation::STORE;
use crate::notation::Signer;
use crate::transcript::Transcript;
use crate::workdir;

/// Countersign checks its files for changes every second.
const RELOAD: Duration = Duration::from_secs(15);

/// Replies of each client between two changes.
const BETWEEN: usize = 10;

/// The first connection, and one for each time that certificates or authorities are replaced.
const RECONNECTS: usize = 4;

/// The name of Gatekeeper's certificate.
const CLIENT: [(DnType, &str); 1] = [(DnType::CommonName, "gatekeeper-webhook-service.gatekeeper-system.svc")];

/// A Countersign whose files are mounted as in a cluster, and its two clients.
struct Rotation<'a> {
    environment: &'a Environment<'a>,
    countersign: Countersign,
    tls: Mount,
    client_ca: Mount,
    policy: Mount,
    store: Mount,
    identity: PathBuf,
    loads: [Load; 2],
}

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("Replacing files under load");
    let new_server = Authority::new(&CLIENT)?;
    let (old_client, new_client) = (Authority::new(&CLIENT)?, Authority::new(&CLIENT)?);
    let mut rotation = Rotation::start(environment, &new_server, &old_client)?;
    transcript.note("two clients, one with a kept connection and one with new connections, send requests about four images without a pause");
    rotation.wait_for_replies()?;

    rotation.server_certificate(transcript, &new_server)?;
    rotation.client_authority(transcript, &old_client, &new_client)?;
    rotation.root(transcript)?;
    rotation.policy(transcript)?;
    rotation.broken_policy(transcript)?;
    rotation.broken_parts(transcript)?;
    rotation.finish(transcript)
}

impl<'a> Rotation<'a> {
    /// The clients expect `next_server` beside the present authority of the server's certificate.
    fn start(
        environment: &'a Environment<'a>,
        next_server: &Authority,
        client_authority: &Authority,
    ) -> anyhow::Result<Self> {
        let workdir = environment.workdir;
        let server_authority = Authority::new(&CLIENT)?;
        let server = server_authority.issue(&CLIENT, Usage::Server)?;
        let client = client_authority.issue(&CLIENT, Usage::ServerAndClient)?;
        let tls = Mount::new(workdir, "rotation/tls", &[("tls.crt", &server.certificate), ("tls.key", &server.key)])?;
        let client_ca = Mount::new(workdir, "rotation/client-ca", &[("ca.crt", &client_authority.certificate())])?;
        let policy = Mount::new(workdir, "rotation/policy", &[("trustpolicy.json", &policy(environment, "before"))])?;
        let root = environment.notation.root_of(Signer::Release);
        let store = Mount::new(workdir, &format!("rotation/truststore/x509/ca/{STORE}"), &[("root.pem", &root)])?;
        let [provider, health] = workdir::free_ports()?;
        let config = json!({
            "server": {
                "listen": format!("127.0.0.1:{provider}"),
                "tls": {
                    "certificate": tls.path().join("tls.crt"),
                    "key": tls.path().join("tls.key"),
                    "clientCa": client_ca.path().join("ca.crt"),
                },
            },
            "health": { "listen": format!("127.0.0.1:{health}") },
            "trust": {
                "policy": policy.path().join("trustpolicy.json"),
                "store": workdir.path().join("rotation/truststore"),
                "reloadInterval": "1s",
            },
            "registries": [{ "host": environment.referrers.host(), "plainHttp": true }],
            "unlistedRegistries": "refuse",
        });
        let authorities = server_authority.certificate() + &next_server.certificate();
        let authorities = workdir.write("rotation/authorities.pem", authorities)?;
        let ports = Ports { provider, health };
        let countersign =
            environment.countersign.another(workdir, "countersign-mounted", ports, server_authority, &config)?;

        let identity = workdir.write("rotation/identity.pem", client.certificate.clone() + &client.key)?;
        let request = json!({
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
            "kind": "ProviderRequest",
            "request": { "keys": keys(environment) },
        });
        let body = workdir.write("rotation/request.json", request.to_string())?;
        let repeated = Request {
            url: &countersign.url("/v1/verify"),
            authorities: &authorities,
            identity: &identity,
            body: &body,
        };
        let loads =
            [Load::start(workdir, Connections::Kept, &repeated)?, Load::start(workdir, Connections::New, &repeated)?];
        Ok(Self { environment, countersign, tls, client_ca, policy, store, identity, loads })
    }

    /// Checks what both clients got, from the first reply to the last.
    fn finish(mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        for (load, what, max) in [(0, "over kept connections", Some(RECONNECTS)), (1, "over new connections", None)] {
            let replies = self.loads[load].replies();
            let result = (|| {
                let replies = replies?;
                let connects: usize = replies.iter().map(|reply| reply.connects).sum();
                let slowest = replies.iter().map(|reply| reply.seconds).fold(0.0, f64::max);
                let (count, milliseconds) = (replies.len(), slowest * 1000.0);
                transcript
                    .note(&format!("{count} replies over {connects} connections, the slowest in {milliseconds:.0} ms"));
                let max = max.unwrap_or(count);
                ensure!(connects <= max, "{connects} connections, expected at most {max}");
                responses::in_order(&replies)
            })();
            transcript
                .verdict(&format!("{what} every request got an expected response, in the expected order"), result);
        }
        transcript.verdict("SIGTERM ends it under load with exit status 0", self.countersign.stop());
        Ok(())
    }

    /// An error unless a client with `identity` gets a response, over a new connection, from a server of `authorities`.
    fn probe(&self, authorities: &str, identity: &str) -> anyhow::Result<()> {
        let url = self.countersign.url("/v1/verify");
        let line = format!(
            "cd rotation && curl -sSf --cacert {authorities} --cert {identity} --data @request.json -o /dev/null {url}"
        );
        self.environment.shell(&line)?.success().map(drop)
    }

    fn wait_for_replies(&mut self) -> anyhow::Result<()> {
        self.loads.iter_mut().try_for_each(|load| load.wait_for(BETWEEN))
    }
}

/// Signed under both roots, under neither, under the first, and under the second.
fn keys(environment: &Environment<'_>) -> [String; 4] {
    let fixtures = &environment.fixtures;
    [&fixtures.both, &fixtures.unsigned, &fixtures.jws, &fixtures.untrusted].map(Image::by_tag)
}

/// One statement, `name`, for [`keys`]. The signers have the same name under both roots.
fn policy(environment: &Environment<'_>, name: &str) -> String {
    let fixtures = &environment.fixtures;
    let scopes = [&fixtures.both, &fixtures.unsigned, &fixtures.jws, &fixtures.untrusted].map(Image::scope);
    let statement = json!({
        "name": name,
        "registryScopes": scopes,
        "signatureVerification": { "level": "strict" },
        "trustStores": [format!("ca:{STORE}")],
        "trustedIdentities": [Signer::Release.trusted_identity()],
    });
    json!({ "version": "1.0", "trustPolicies": [statement] }).to_string()
}
