//! An environment as files, and the clients of its server.

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use serde_json::json;

use crate::environment::Environment;

/// The name in Gatekeeper's certificate in a standard installation.
const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

impl Environment {
    /// Writes the configuration and what it names. Returns Gatekeeper's client.
    pub(crate) fn write(&mut self) -> reqwest::Client {
        let server = self.servers.issue(CertSpec::tls_server(&["127.0.0.1", "localhost"]).serial(&[5]));
        let client = self.clients.issue(CertSpec::tls_client(GATEKEEPER).serial(&[6]));
        let policy = json!({"version": "1.0", "trustPolicies": self.statements}).to_string();
        for (name, content) in [
            ("tls.crt", server.pem()),
            ("tls.key", server.key_pem()),
            ("clients.pem", self.clients.pem()),
            ("servers.pem", self.servers.pem()),
            ("system.pem", self.servers.pem()),
            ("trust/trustpolicy.json", self.policy.clone().unwrap_or(policy)),
            ("c.yaml", self.config()),
        ] {
            self.folder.write(name, content);
        }
        // As Gatekeeper, which does not speak HTTP/2.
        reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(self.servers.pem().as_bytes()).unwrap()])
            .identity(reqwest::Identity::from_pem((client.pem() + &client.key_pem()).as_bytes()).unwrap())
            .http1_only()
            .no_proxy()
            .build()
            .unwrap()
    }

    /// Clients that the service refuses, by what is wrong with them.
    pub(crate) fn other_clients(&self) -> Vec<(&'static str, reqwest::Client)> {
        let untrusted = Authority::root(CertSpec::root().common_name("untrusted authority"));
        let client = |identity: Option<Chain>| {
            let servers = reqwest::Certificate::from_pem(self.servers.pem().as_bytes()).unwrap();
            let builder = reqwest::Client::builder().tls_certs_only([servers]).no_proxy();
            let identity = identity.map(|chain| chain.pem() + &chain.key_pem());
            let identity = identity.map(|pem| reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
            identity.into_iter().fold(builder, reqwest::ClientBuilder::identity).build().unwrap()
        };
        vec![
            ("no certificate", client(None)),
            ("another authority", client(Some(untrusted.issue(CertSpec::tls_client(GATEKEEPER))))),
            ("another name", client(Some(self.clients.issue(CertSpec::tls_client("other.example"))))),
            ("a server's certificate", client(Some(self.clients.issue(CertSpec::tls_server(&[GATEKEEPER]))))),
        ]
    }

    /// Without work that begins at any time.
    fn config(&self) -> String {
        let entries: String = self.entries.iter().map(|entry| format!("- {{{entry}}}\n")).collect();
        format!(
            "server:\n  {{listen: '127.0.0.1:0', tls: {{certificate: tls.crt, key: tls.key, clientCa: clients.pem}}, {}}}\n\
             health: {{listen: '127.0.0.1:0'}}\n\
             trust: {{directory: trust, reloadInterval: 1h}}\n\
             cache: {{verdictLifetime: 24h, rejectedLifetime: 10m, tagLifetime: 10m}}\n\
             unlistedRegistries: refuse\n\
             mutation: {{verifyAhead: false}}\n\
             {}\n\
             registries:\n{entries}",
            self.server, self.sections
        )
    }
}
