//! The provider as `countersign serve` starts it, with a configuration on disk.

use std::path::PathBuf;
use std::process;
use std::time::Duration;

use anyhow::Context as _;
use countersign::config::Config;
use countersign::config::Purpose;
use countersign::runtime::ExternalServices;
use countersign::runtime::Service;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::aws_signer::PROFILE;
use super::certificates::SIGNER;
use super::fixtures::Fixtures;

/// The name in Gatekeeper's certificate in a cluster.
const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

pub(crate) struct Provider {
    folder: PathBuf,
    address: String,
    health: String,
    pub(crate) authority: Authority,
    pub(crate) client: Chain,
    stop: oneshot::Sender<()>,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Provider {
    pub(crate) async fn start(fixtures: &Fixtures) -> anyhow::Result<Self> {
        let authority = Authority::root(CertSpec::root().common_name("Provider CA"));
        let server = authority.issue(CertSpec::tls_server(&["127.0.0.1"]));
        let gatekeeper = Authority::root(CertSpec::root().common_name("Gatekeeper CA"));
        let client = gatekeeper.issue(CertSpec::tls_client(GATEKEEPER));
        let folder = std::env::temp_dir().join(format!("countersign-demo-{}", process::id()));
        for (name, content) in [
            ("tls.crt", server.pem()),
            ("tls.key", server.key_pem()),
            ("client-ca.crt", gatekeeper.pem()),
            ("trust/trustpolicy.json", policy(fixtures)),
            ("trust/truststore/x509/ca/shop/root.crt", fixtures.certificates.root.pem()),
            ("trust/truststore/x509/tsa/shop/root.crt", fixtures.certificates.tsa_root.pem()),
            ("trust/truststore/x509/signingAuthority/aws-signer-ts/root.crt", fixtures.aws_signer.root_pem()),
            ("countersign.yaml", configuration(fixtures)),
        ] {
            let path = folder.join(name);
            let parent = path.parent().context("a file has a folder")?;
            std::fs::create_dir_all(parent)?;
            std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let config = Config::load(&folder.join("countersign.yaml"), Purpose::Serve)?;
        let external = ExternalServices { signer: Some(fixtures.aws_signer.access()) };
        let service = Service::start_with(&config, external).await?;
        let (address, health) = (service.address()?.to_string(), service.health_address()?.to_string());
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(async move {
            // Dropping the sender stops the service too.
            Ok(service.run(async { drop(stopped.await) }).await?)
        });
        Ok(Self { folder, address, health, authority, client, stop, running })
    }

    /// The path of the configuration.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.join("countersign.yaml")
    }

    pub(crate) fn verify_url(&self) -> String {
        format!("https://{}/v1/verify", self.address)
    }

    pub(crate) async fn metrics(&self) -> anyhow::Result<String> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        Ok(client.get(format!("http://{}/metrics", self.health)).send().await?.text().await?)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        // If the service has ended already, its own error gives the reason.
        let _ = self.stop.send(());
        self.running.await??;
        std::fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

fn policy(fixtures: &Fixtures) -> String {
    serde_json::json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "shop",
            "registryScopes": ["*"],
            // Timestamps are required of signatures whose certificate has ended. Without verifyTimestamp, of all.
            "signatureVerification": { "level": "strict", "verifyTimestamp": "afterCertExpiry" },
            "trustStores": ["ca:shop", "tsa:shop"],
            "trustedIdentities": [format!("x509.subject: C=CH, ST=ZH, O=Testkit, CN={SIGNER}")],
        }, {
            "name": "shop-aws",
            "registryScopes": [fixtures.signer_repository()],
            "signatureVerification": { "level": "strict" },
            "trustStores": ["signingAuthority:aws-signer-ts"],
            "trustedIdentities": [PROFILE],
        }],
    })
    .to_string()
}

/// The server of the CRL is on loopback, which no certificate can make Countersign reach: its host is permitted by name.
fn configuration(fixtures: &Fixtures) -> String {
    format!(
        "server:\n  listen: 127.0.0.1:0\n  tls: {{certificate: tls.crt, key: tls.key, clientCa: client-ca.crt}}\n\
         health: {{listen: '127.0.0.1:0'}}\ntrust: {{directory: trust}}\nregistries:\n\
         - {{host: '{}', plainHttp: true}}\n- {{host: '{}', plainHttp: true}}\n\
         evidence: {{reachableHosts: ['{}']}}\n",
        fixtures.registry.host(),
        fixtures.broken.host(),
        fixtures.certificates.responder.host(),
    )
}
