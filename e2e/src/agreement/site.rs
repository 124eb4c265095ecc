//! Everything that a group of cases is asked about: registries, evidence, the trust directory, and Countersign with it.

use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use countersign_testkit::pki::Authority as SigningAuthority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::responder::Responder;
use rcgen::DnType;
use serde_json::Value;
use serde_json::json;
use tokio::runtime::Runtime;

use super::axes::Case;
use super::publishing;
use super::publishing::Registries;
use super::publishing::Signing;
use super::revocation::EvidenceServer;
use super::signers::signer;
use super::signing::Timestamping;
use super::signing::required_metadata;
use super::statement;
use super::statement::Trusted;
use super::times::CaseTimes;
use super::weak_key::WeakKey;
use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::countersign::Countersign;
use crate::countersign::Ports;
use crate::workdir;
use crate::workdir::Workdir;

/// The name that Countersign expects of its clients.
const CLIENT: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

/// One case with what it is asked about.
pub(super) struct Question {
    /// Its position among the cases of the run.
    pub(super) number: usize,
    pub(super) case: Case,
    pub(super) reference: String,
    /// What `notation verify` gets as `--user-metadata`.
    pub(super) metadata: Option<(&'static str, &'static str)>,
}

/// A group of cases in one trust directory. Its processes end when it is dropped.
pub(super) struct Site {
    pub(super) countersign: Countersign,
    /// notation's home.
    pub(super) home: PathBuf,
    /// Certificate, key and authorities for clients of Countersign, for curl.
    pub(super) client: Vec<String>,
    pub(super) questions: Vec<Question>,
    _registries: Registries,
    _evidence: EvidenceServer,
}

impl Site {
    /// Makes the cases, and starts Countersign with their trust directory.
    pub(super) fn start(
        workdir: &Workdir,
        runtime: &Runtime,
        binary: &Path,
        weak: &WeakKey,
        cases: &[(usize, Case)],
    ) -> anyhow::Result<Self> {
        let (registries, responder) = runtime.block_on(async { (Registries::start().await, Responder::start().await) });
        let [dead, provider, health] = workdir::free_ports()?;
        let evidence = EvidenceServer { responder, dead: format!("127.0.0.1:{dead}") };
        let home = workdir.directory("agreement/home")?;
        let directory = home.join("notation");
        // Those of the group before.
        if directory.exists() {
            std::fs::remove_dir_all(&directory).context("cannot remove the former trust directory")?;
        }
        let x509 = directory.join("truststore/x509");
        let other = SigningAuthority::root(CertSpec::root().common_name("Other root"));
        let (mut questions, mut statements) = (Vec::new(), Vec::new());
        for (number, case) in cases {
            let made = make(case, &name(*number), &registries, &evidence, weak, &x509, &other)?;
            statements.push(made.statement);
            let metadata = required_metadata(case);
            questions.push(Question { number: *number, case: case.clone(), reference: made.reference, metadata });
        }
        let policy = json!({ "version": "1.0", "trustPolicies": statements });
        workdir.write("agreement/home/notation/trustpolicy.json", policy.to_string())?;
        let hosts = [evidence.responder.host(), evidence.dead.clone()];
        let (countersign, client) = start(
            workdir,
            binary,
            Ports { provider, health },
            &directory,
            &registries.hosts(),
            &hosts,
            &required(&questions),
        )?;
        Ok(Self { countersign, home, client, questions, _registries: registries, _evidence: evidence })
    }
}

/// The name of a case: of its statement, its stores, its repository and its signer.
pub(super) fn name(number: usize) -> String {
    format!("c{number:04}")
}

/// A case in its registry, and its statement.
struct Made {
    reference: String,
    statement: Value,
}

fn make(
    case: &Case,
    name: &str,
    registries: &Registries,
    evidence: &EvidenceServer,
    weak: &WeakKey,
    x509: &Path,
    other: &SigningAuthority,
) -> anyhow::Result<Made> {
    let times = CaseTimes::new(case.time)?;
    let signer = signer(case, &times, name, &evidence.addresses(name, case.revocation), weak)?;
    evidence.serve(name, case.revocation, &signer, &times);
    let timestamping = Timestamping::new(case, name, &times, evidence);
    let signing = Signing { case, times: &times, signer: &signer, timestamping: &timestamping };
    let (registry, repository) = (registries.of(case.manifest), format!("agreement/{name}"));
    let reference = publishing::publish(registry, &repository, &signing)?;
    let (leaf, issuing, root) = (&signer.leaf, &signer.issuing, &signer.root);
    let trusted = Trusted { leaf, issuing, root, other, tsa: &timestamping.root };
    statement::write_stores(case, name, x509, &trusted)?;
    Ok(Made { reference, statement: statement::statement(case, name, &format!("{}/{repository}", registry.host())) })
}

/// `verification.requiredMetadata` of the cases.
fn required(questions: &[Question]) -> Vec<Value> {
    let with_metadata = questions.iter().filter_map(|question| Some((question, question.metadata?)));
    with_metadata
        .map(|(question, (name_of_value, value))| {
            json!({ "statement": name(question.number), "annotations": { name_of_value: value } })
        })
        .collect()
}

/// Starts Countersign, and returns the arguments of curl for its client too.
fn start(
    workdir: &Workdir,
    binary: &Path,
    ports: Ports,
    trust: &Path,
    registries: &[String],
    evidence: &[String],
    required: &[Value],
) -> anyhow::Result<(Countersign, Vec<String>)> {
    let authority = Authority::new(&[(DnType::CommonName, "agreement-ca")])?;
    let server = authority.issue(&[(DnType::CommonName, "countersign")], Usage::Server)?;
    let client = authority.issue(&[(DnType::CommonName, CLIENT)], Usage::ServerAndClient)?;
    let write = |name: &str, content: &str| workdir.write(&format!("agreement/{name}"), content);
    let ca = write("ca.crt", &authority.certificate())?;
    let registries: Vec<Value> = registries.iter().map(|host| json!({ "host": host, "plainHttp": true })).collect();
    let config = json!({
        "server": {
            "listen": format!("127.0.0.1:{}", ports.provider),
            "tls": {
                "certificate": write("tls.crt", &server.certificate)?,
                "key": write("tls.key", &server.key)?,
                "clientCa": ca,
            },
            "verifyTimeout": "20s",
        },
        "health": { "listen": format!("127.0.0.1:{}", ports.health) },
        "trust": { "directory": trust },
        "registries": registries,
        "unlistedRegistries": "refuse",
        "verification": { "requiredMetadata": required },
        "evidence": { "networks": "public", "reachableHosts": evidence, "proxy": "none" },
    });
    let (certificate, key) = (write("client.crt", &client.certificate)?, write("client.key", &client.key)?);
    let files = [("--cacert", ca), ("--cert", certificate), ("--key", key)];
    let arguments = files.into_iter().flat_map(|(name, file)| [name.to_owned(), file.display().to_string()]).collect();
    let countersign =
        Countersign::serve(workdir, "agreement", binary.to_owned(), ports, authority, &config, Vec::new())?;
    Ok((countersign, arguments))
}
