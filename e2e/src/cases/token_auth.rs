//! Registries whose content needs tokens: Debian's docker-registry and distribution v3, with a token service of this process. Both
//! have no referrers API.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use serde_json::Value;
use serde_json::json;

use crate::environment::Environment;
use crate::http;
use crate::images::Image;
use crate::notation::STORE;
use crate::notation::Signer;
use crate::process;
use crate::process::Finished;
use crate::process::Program;
use crate::registries::configuration;
use crate::token_service::ISSUER;
use crate::token_service::SERVICE;
use crate::token_service::TokenService;
use crate::token_service::USER;
use crate::transcript::Transcript;
use crate::workdir;

const READY: Duration = Duration::from_secs(10);

/// Time limit for `countersign verify` of several images.
const VERIFY: Duration = Duration::from_secs(30);

/// The programs, by the names of the tools.
const PROGRAMS: [&str; 2] = ["docker-registry", "distribution"];

/// How many images are asked for at once.
const AT_ONCE: usize = 20;

/// One registry, first open to push images, then with tokens and TLS.
struct Tried<'a> {
    environment: &'a Environment<'a>,
    program: &'static str,
    port: u16,
}

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start a runtime")?;
    let authority = Authority::root(CertSpec::root());
    let identity = authority.issue(CertSpec::tls_server(&["127.0.0.1"]));
    let tokens = runtime.block_on(TokenService::start(&identity));
    let ca = environment.workdir.write("token-auth/ca.crt", authority.pem())?;
    for program in PROGRAMS {
        transcript.chapter(&format!("{program} with tokens"));
        let [port] = workdir::free_ports()?;
        Tried { environment, program, port }.run(transcript, &tokens, &identity, &ca)?;
    }
    Ok(())
}

impl Tried<'_> {
    fn run(
        &self,
        transcript: &mut Transcript,
        tokens: &TokenService,
        identity: &Chain,
        ca: &Path,
    ) -> anyhow::Result<()> {
        let open = self.serve("open", &json!({}))?;
        let host = format!("127.0.0.1:{}", self.port);
        let signed = |repository: &str| -> anyhow::Result<Image> {
            let image = Image::push_to(&host, repository)?;
            self.environment.notation.sign_by_tag(&image, Signer::Release)?;
            Ok(image)
        };
        let (team, public) = (signed("team/app")?, signed("public/app")?);
        let many = (0..AT_ONCE).map(|number| team.tagged(&format!("t{number}"))).collect::<anyhow::Result<Vec<_>>>()?;
        open.stop()?;

        let _registry = self.serve("with tokens", &self.with_tokens(tokens, identity)?)?;
        let user = self.config(tokens, ca, "user", USER.1)?;
        let finished = self.verify(transcript, &user, &[&team])?;
        let result = ends_with(&finished, 0, "verified")
            .and_then(|()| same(&tokens.requests(), &[format!("{} repository:team/app:pull", USER.0)]));
        transcript.verdict("an image of a private repository is verified with one token for it", result);

        let finished = self.verify(transcript, &user, &many.iter().collect::<Vec<_>>())?;
        let result = ends_with(&finished, 0, "verified")
            .and_then(|()| same(&tokens.requests(), &[format!("{} repository:team/app:pull", USER.0)]));
        transcript.verdict(&format!("{AT_ONCE} images of one repository at once need one token"), result);

        let finished = self.verify(transcript, &user, &[&public])?;
        let result = ends_with(&finished, 0, "verified")
            .and_then(|()| same(&tokens.requests(), &["- repository:public/app:pull".to_owned()]));
        transcript.verdict("an entry without credentials requests a token without a user", result);

        let anonymous = self.write("anonymous", &self.document(&[self.entry("", tokens, ca)])?)?;
        let finished = self.verify(transcript, &anonymous, &[&team])?;
        let result = ends_with(&finished, 2, "registry-denied")
            .and_then(|()| same(&tokens.requests(), &["- repository:team/app:pull".to_owned()]));
        transcript.verdict("without credentials a private repository is inconclusive, and not unsigned", result);

        let wrong = self.config(tokens, ca, "wrong", "wrong-password")?;
        let finished = self.verify(transcript, &wrong, &[&team])?;
        tokens.requests();
        let result = ends_with(&finished, 2, "registry-denied").and_then(|()| {
            ensure!(!finished.output.contains("wrong-password"), "the password is in the output");
            Ok(())
        });
        transcript.verdict("a wrong password is a refusal by the token service", result);

        let mut elsewhere = self.entry("/team", tokens, ca);
        elsewhere["credentials"] = self.credentials("user", USER.1)?;
        elsewhere["realmHosts"] = json!([]);
        let elsewhere = self.write("elsewhere", &self.document(&[elsewhere])?)?;
        let finished = self.verify(transcript, &elsewhere, &[&team])?;
        let result = ends_with(&finished, 2, "realmHosts").and_then(|()| same(&tokens.requests(), &[]));
        transcript.verdict("no credential goes to a token service that the entry does not name", result);
        Ok(())
    }

    /// Starts the registry on its data, with these settings in addition.
    fn serve(&self, how: &str, settings: &Value) -> anyhow::Result<Program> {
        let workdir = self.environment.workdir;
        let data = workdir.directory(&format!("token-auth/{}", self.program))?;
        let mut config = configuration(&data, &json!({ "addr": format!("127.0.0.1:{}", self.port) }));
        if let Some(tls) = settings.get("tls") {
            config["http"]["tls"] = tls.clone();
        }
        if let Some(auth) = settings.get("auth") {
            config["auth"] = auth.clone();
        }
        let name = format!("token-auth/{} {how}.yml", self.program);
        let config = workdir.write(&name, config.to_string())?;
        let mut command = Command::new(workdir.tool(self.program));
        command.arg("serve").arg(config);
        let mut program = Program::start(self.program, &command, workdir.log(&format!("{}-tokens", self.program)))?;
        let server = format!("127.0.0.1:{}/v2/", self.port);
        program.wait_ready(READY, || {
            if settings.get("tls").is_none() {
                return http::get(&format!("http://{server}"))?.expect_status(200).map(drop);
            }
            let probe = format!("curl -sS --cacert token-auth/ca.crt https://{server}");
            self.environment.shell(&probe)?.success().map(drop)
        })?;
        Ok(program)
    }

    fn with_tokens(&self, tokens: &TokenService, identity: &Chain) -> anyhow::Result<Value> {
        let workdir = self.environment.workdir;
        Ok(json!({
            "tls": {
                "certificate": workdir.write("token-auth/registry.crt", identity.pem())?,
                "key": workdir.write("token-auth/registry.key", identity.key_pem())?,
            },
            "auth": { "token": {
                "realm": tokens.realm(),
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": workdir.write("token-auth/tokens.crt", tokens.certificate())?,
            } },
        }))
    }

    /// An entry for the repositories below `path`, without credentials.
    fn entry(&self, path: &str, tokens: &TokenService, ca: &Path) -> Value {
        json!({ "host": format!("127.0.0.1:{}{path}", self.port), "ca": ca, "realmHosts": [tokens.host()] })
    }

    fn credentials(&self, name: &str, password: &str) -> anyhow::Result<Value> {
        let workdir = self.environment.workdir;
        Ok(json!({
            "usernameFile": workdir.write("token-auth/user", USER.0)?,
            "passwordFile": workdir.write(&format!("token-auth/password-{name}"), password)?,
        }))
    }

    /// A configuration with a user for `team`, and without one for other repositories.
    fn config(&self, tokens: &TokenService, ca: &Path, name: &str, password: &str) -> anyhow::Result<PathBuf> {
        let mut team = self.entry("/team", tokens, ca);
        team["credentials"] = self.credentials(name, password)?;
        self.write(name, &self.document(&[team, self.entry("", tokens, ca)])?)
    }

    fn document(&self, registries: &[Value]) -> anyhow::Result<Value> {
        let policy = json!({ "version": "1.0", "trustPolicies": [{
            "name": "shop",
            "registryScopes": ["*"],
            "signatureVerification": { "level": "strict" },
            "trustStores": [format!("ca:{STORE}")],
            "trustedIdentities": [Signer::Release.trusted_identity()],
        }] });
        let workdir = self.environment.workdir;
        Ok(json!({
            "trust": {
                "policy": workdir.write("token-auth/trustpolicy.json", policy.to_string())?,
                "store": self.environment.notation.directory().join("truststore"),
            },
            "registries": registries,
            "unlistedRegistries": "refuse",
        }))
    }

    fn write(&self, name: &str, config: &Value) -> anyhow::Result<PathBuf> {
        self.environment.workdir.write(&format!("token-auth/{} {name}.yaml", self.program), config.to_string())
    }

    fn verify(&self, transcript: &Transcript, config: &Path, images: &[&Image]) -> anyhow::Result<Finished> {
        let mut command = self.environment.countersign.command();
        command.arg("verify").arg("--config").arg(config).args(images.iter().map(|image| image.by_tag()));
        let log = self.environment.workdir.log("countersign-token-auth");
        let finished = process::run(&command, VERIFY, &log)?;
        transcript.command(&process::command_line(&command), &finished.output);
        Ok(finished)
    }
}

/// Expects an exit status and a part of the output.
fn ends_with(finished: &Finished, status: i32, part: &str) -> anyhow::Result<()> {
    ensure!(finished.status.code() == Some(status), "{}, expected exit status {status}", finished.status);
    ensure!(finished.output.contains(part), "expected {part:?} in the output");
    Ok(())
}

fn same(found: &[String], expected: &[String]) -> anyhow::Result<()> {
    ensure!(found == expected, "found requests {found:?} to the token service, expected {expected:?}");
    Ok(())
}
