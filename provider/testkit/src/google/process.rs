//! All doubles of Google Cloud as one process, for clients that are processes of their own.
//!
//! ```text
//! cargo run --package countersign-testkit --example google -- CONFIG.json
//! ```
//!
//! `cloud/process.rs` describes input, output, and the commands of all clouds. The configuration:
//!
//! ```json
//! {
//!   "directory": "/tmp/google",
//!   "names": ["europe-west1-docker.pkg.dev"],
//!   "listen": { "metadata": "169.254.169.254:80" },
//!   "project": "shop-project", "repository": "images",
//!   "account": "countersign@shop-project.iam.gserviceaccount.com",
//!   "host": "europe-west1-docker.pkg.dev"
//! }
//! ```
//!
//! Only `directory` is required; the values above are the others' defaults, except that each service listens on a free port, `names`
//! are `localhost` and `127.0.0.1`, and the host is the server's own address. Services: `artifact-registry` (over HTTPS) and
//! `metadata` (HTTP, as the real one). The account may read the repository.
//!
//! Files in the directory: `ca.pem` (of the HTTPS certificate) and `signing.pem` (the root of signatures for a trust store).
//!
//! | `do` | members | effect |
//! | --- | --- | --- |
//! | `push` | `image`, `tag`, `signed` (true), `form` (`current` or `legacy`, of the signature) | stores `PROJECT/REPOSITORY/IMAGE`; answers `name` and `digest` |
//! | `tag` | `image`, `tag`, `digest` | another tag |
//! | `referrers` | `mode` | how the registry lists signatures: see [`Referrers`](crate::registry::Referrers) |
//! | `lifetime` | `of`: `metadata`, `registry`; `seconds` | of tokens from now on |
//! | `revoke` | `of`: `metadata`, `registry` | makes all tokens of this kind unknown |
//! | `grant`, `revoke-grant` | `account`, `repository` | what an account may read |
//! | `account` | `email` (absent: none) | the service account of the metadata server |
//! | `scopes` | `scopes` (a list) | of its tokens |
//! | `flavor` | `value` (absent: no header) | `Metadata-Flavor` of answers |
//! | `renew` | | the next request gets a new token |

use std::io::BufRead;
use std::io::Write;

use serde_json::Value;
use serde_json::json;

use crate::cloud::process;
use crate::cloud::process::Base;
use crate::cloud::process::Command;
use crate::cloud::process::Services;
use crate::cloud::process::done;
use crate::cloud::process::text;
use crate::cloud::server::CloudServer;
use crate::google::accounts::Accounts;
use crate::google::artifact_registry;
use crate::google::artifact_registry::ArtifactRegistry;
use crate::google::metadata;
use crate::google::metadata::Metadata;
use crate::notation::ManifestForm;
use crate::notation::Signature;
use crate::pki::Authority;
use crate::pki::CertSpec;
use crate::pki::Chain;
use crate::registry::Reply;
use crate::signer::Format;
use crate::signer::SignRequest;

/// Runs all doubles until the end of `input`, on a runtime of its own.
///
/// # Errors
/// The configuration is wrong, or a file cannot be written.
pub fn run(config: &Value, input: impl BufRead, output: impl Write + Send + 'static) -> Result<(), String> {
    process::run::<Google>(config, input, output)
}

/// All services.
struct Google {
    base: Base,
    accounts: Accounts,
    metadata: Metadata,
    registry: ArtifactRegistry,
    signer: Chain,
    account: String,
    /// `PROJECT/REPOSITORY`
    repository: String,
}

impl Services for Google {
    async fn start(config: &Value) -> Result<Self, String> {
        let base = Base::new(config, "Google doubles")?;
        let project = text(config, "project", "shop-project")?;
        let account = text(config, "account", "countersign@shop-project.iam.gserviceaccount.com")?;
        let repository = format!("{project}/{}", text(config, "repository", "images")?);
        let accounts = Accounts::new();
        accounts.grant(account, &repository);
        let metadata = Metadata::start(&base.on("metadata")?.plain(), &accounts, project).await;
        metadata.set_account(Some(account));
        let registry = ArtifactRegistry::start(&base.on("artifact-registry")?, &accounts).await;
        if let Some(name) = config["host"].as_str() {
            registry.set_name(name);
        }
        let root = Authority::root(CertSpec::root().common_name("Shop Root"));
        base.write("signing.pem", &root.pem())?;
        let signer = root.issue(CertSpec::leaf().common_name("release"));
        Ok(Self { base, accounts, metadata, registry, signer, account: account.to_owned(), repository })
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn servers(&self) -> Vec<(&'static str, &CloudServer)> {
        let servers: [&CloudServer; 2] = [&self.metadata, &self.registry];
        servers.into_iter().map(|server| (server.service(), server)).collect()
    }

    fn describe(&self) -> Value {
        json!({ "account": self.account, "repository": self.repository })
    }

    fn failure(&self, service: &str, status: u16) -> Reply {
        match (service, status) {
            ("metadata", 403) => metadata::missing_binding(),
            ("metadata", 404) => metadata::missing_account(),
            ("artifact-registry", 429) => artifact_registry::throttled(),
            (_, status) => Reply::status(status),
        }
    }

    fn command(&self, command: &Command<'_>) -> Option<Result<Value, String>> {
        let result = match command.name() {
            "push" => return Some(self.push(command)),
            "tag" => self.tag(command),
            "referrers" => command.referrers().map(|mode| self.registry.referrers(mode)),
            "lifetime" => command.seconds().and_then(|lifetime| match command.text("of")? {
                "metadata" => done(|| self.accounts.set_lifetime(lifetime)),
                "registry" => done(|| self.registry.set_lifetime(lifetime)),
                other => Err(format!("of: found {other:?}, expected metadata or registry")),
            }),
            "revoke" => command.text("of").and_then(|of| match of {
                "metadata" => done(|| self.accounts.revoke_all()),
                "registry" => done(|| self.registry.revoke_all()),
                other => Err(format!("of: found {other:?}, expected metadata or registry")),
            }),
            "grant" => {
                done(|| self.accounts.grant(self.account(command), command.text_or("repository", &self.repository)))
            }
            "revoke-grant" => done(|| {
                self.accounts.revoke_grant(self.account(command), command.text_or("repository", &self.repository))
            }),
            "account" => done(|| self.metadata.set_account(command.0["email"].as_str())),
            "scopes" => {
                let scopes = command.0["scopes"].as_array().ok_or_else(|| "scopes: expected a list".to_owned());
                scopes.map(|scopes| {
                    self.metadata.set_scopes(&scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>());
                })
            }
            "flavor" => done(|| self.metadata.set_flavor(command.0["value"].as_str())),
            "renew" => done(|| self.metadata.renew()),
            _ => return None,
        };
        Some(result.map(|()| json!("done")))
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        let of = |kind: &'static str, values: Vec<String>| values.into_iter().map(move |value| (kind, value));
        of("google-access-token", self.accounts.tokens())
            .chain(of("artifact-registry-token", self.registry.tokens()))
            .collect()
    }
}

impl Google {
    fn account<'a>(&'a self, command: &'a Command<'_>) -> &'a str {
        command.text_or("account", &self.account)
    }

    /// Stores an image, signed unless `signed` is false.
    fn push(&self, command: &Command<'_>) -> Result<Value, String> {
        let name = format!("{}/{}", self.repository, command.text("image")?);
        let image = self.registry.push_image(&name, command.text("tag")?);
        if command.0["signed"] != json!(false) {
            let form = match command.text_or("form", "current") {
                "current" => ManifestForm::Current,
                "legacy" => ManifestForm::Legacy,
                other => return Err(format!("form: found {other:?}, expected current or legacy")),
            };
            let signature = Signature::new(&SignRequest::new(&self.signer, &image), Format::Jws).form(form);
            signature.attach(&self.registry, &name, &image);
        }
        Ok(json!({ "name": name, "digest": image.digest }))
    }

    fn tag(&self, command: &Command<'_>) -> Result<(), String> {
        let name = format!("{}/{}", self.repository, command.text("image")?);
        self.registry.tag(&name, command.text("tag")?, command.text("digest")?);
        Ok(())
    }
}
