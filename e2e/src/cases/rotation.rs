//! Certificates, authorities, roots and policies are replaced while two clients send requests without a pause: no request
//! fails, and no response differs from what the old files or the new ones give.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use rcgen::DnType;
use serde_json::Value;
use serde_json::json;

use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::countersign::Countersign;
use crate::countersign::Ports;
use crate::environment::Environment;
use crate::http;
use crate::images::Image;
use crate::load::Connections;
use crate::load::Load;
use crate::load::Reply;
use crate::load::Request;
use crate::mount::Mount;
use crate::notation::STORE;
use crate::notation::Signer;
use crate::transcript::Transcript;
use crate::wait;
use crate::workdir;

/// Countersign checks its files for changes every second.
const RELOAD: Duration = Duration::from_secs(15);

/// Replies of each client between two changes.
const BETWEEN: usize = 10;

/// The first connection, and one for each time that certificates or authorities are replaced.
const RECONNECTS: usize = 4;

/// The name of Gatekeeper's certificate.
const CLIENT: [(DnType, &str); 1] = [(DnType::CommonName, "gatekeeper-webhook-service.gatekeeper-system.svc")];

const BROKEN: &str = r#"countersign_last_reload_successful{files="trust"}"#;

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

    fn server_certificate(&mut self, transcript: &mut Transcript, authority: &Authority) -> anyhow::Result<()> {
        let server = authority.issue(&CLIENT, Usage::Server)?;
        self.tls.replace(&[("tls.crt", &server.certificate), ("tls.key", &server.key)])?;
        self.environment.workdir.write("rotation/new-authority.pem", authority.certificate())?;
        let result = wait::until("the new certificate", RELOAD, || self.probe("new-authority.pem", "identity.pem"));
        transcript.verdict("certificate and key are replaced by those of another authority", result);
        self.wait_for_replies()
    }

    fn client_authority(
        &mut self,
        transcript: &mut Transcript,
        old: &Authority,
        new: &Authority,
    ) -> anyhow::Result<()> {
        let workdir = self.environment.workdir;
        let before = std::fs::read(&self.identity)?;
        workdir.write("rotation/old-identity.pem", before)?;
        let client = new.issue(&CLIENT, Usage::ServerAndClient)?;
        let next = workdir.write("rotation/next-identity.pem", client.certificate.clone() + &client.key)?;
        self.client_ca.replace(&[("ca.crt", &(old.certificate() + &new.certificate()))])?;
        let result = wait::until("the second authority", RELOAD, || {
            self.probe("authorities.pem", "next-identity.pem")?;
            self.probe("authorities.pem", "old-identity.pem")
        });
        transcript.verdict("with two client authorities clients of both get responses", result);

        std::fs::rename(next, &self.identity)?;
        self.wait_for_replies()?;
        self.client_ca.replace(&[("ca.crt", &new.certificate())])?;
        let result = wait::until("the end of the old authority", RELOAD, || {
            let answered = self.probe("authorities.pem", "old-identity.pem").is_ok();
            ensure!(!answered, "a client of the old authority gets a response");
            self.probe("authorities.pem", "identity.pem")
        });
        transcript.verdict("after the first is removed only clients of the second do", result);
        self.wait_for_replies()
    }

    fn root(&mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        let (old, new) =
            [Signer::Release, Signer::Untrusted].map(|signer| self.environment.notation.root_of(signer)).into();
        let result = self.reloaded(|rotation| rotation.store.replace(&[("root.pem", &old), ("next.pem", &new)]));
        transcript.verdict("a second root is added", result);
        self.wait_for_replies()?;
        let result = self.reloaded(|rotation| rotation.store.replace(&[("next.pem", &new)]));
        transcript.verdict("the first root is removed", result);
        self.wait_for_replies()
    }

    fn policy(&mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        let after = policy(self.environment, "after");
        let result = self.reloaded(|rotation| rotation.policy.replace(&[("trustpolicy.json", &after)]));
        transcript.verdict("another policy is loaded", result);
        self.wait_for_replies()
    }

    fn broken_policy(&mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        let whole = policy(self.environment, "after");
        let half = whole.split_at(whole.len() / 2).0;
        self.policy.replace(&[("trustpolicy.json", half)])?;
        let result = wait::until("the broken policy to be reported", RELOAD, || self.successful("0"));
        transcript.verdict("a truncated policy is reported by a gauge", result);
        let (line, text) = self.readiness()?;
        transcript.command(&line, &text);
        let result = (|| {
            let line = text.lines().find(|line| line.starts_with("[!] files trust: in use since "));
            let line = line.context("expected a line about trust")?;
            ensure!(line.contains("; what is on disk was refused at "), "expected it to be refused");
            ensure!(line.contains("trustpolicy.json"), "expected the file named");
            Ok(())
        })();
        transcript.verdict("Countersign stays ready, and readiness names the file and the mistake", result);
        self.wait_for_replies()?;

        self.policy.replace(&[("trustpolicy.json", &whole)])?;
        let result = wait::until("the repaired policy to be loaded", RELOAD, || {
            self.successful("1")?;
            let (_, text) = self.readiness()?;
            ensure!(!text.contains("[!]"), "{text}");
            Ok(())
        });
        transcript.verdict("the repaired policy is loaded", result);
        self.wait_for_replies()
    }

    /// A store that cannot be parsed any more, and a statement with a mistake beside the good one.
    fn broken_parts(&mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        let root = self.environment.notation.root_of(Signer::Untrusted);
        self.store.replace(&[("next.pem", &root), ("broken.pem", "no certificate")])?;
        let result = wait::until("the broken store to be reported", RELOAD, || {
            self.successful("0")?;
            self.shows(&format!("\n[!] trust store ca:{STORE} is in use as it was before "))?;
            let series = format!("countersign_trust_store_usable{{store=\"ca:{STORE}\"}}");
            ensure!(self.countersign.metric(&series)?.to_string() == "1", "expected the store to be usable");
            Ok(())
        });
        transcript.verdict("a store with an unreadable file stays in use as it was", result);
        self.wait_for_replies()?;
        self.store.replace(&[("next.pem", &root)])?;

        let mut document: Value = serde_json::from_str(&policy(self.environment, "after"))?;
        let statements = document["trustPolicies"].as_array_mut().context("no list of statements")?;
        statements.push(json!({ "name": "broken", "registryScopes": [self.environment.fixtures.uncovered.scope()] }));
        self.policy.replace(&[("trustpolicy.json", &document.to_string())])?;
        let result = wait::until("the broken statement to be reported", RELOAD, || {
            self.shows("\n[!] statement \"broken\" is disabled: ")?;
            let usable = |name: &str| {
                let series = format!("countersign_statement_usable{{statement=\"{name}\"}}");
                anyhow::Ok(self.countersign.metric(&series)?.to_string())
            };
            ensure!(usable("broken")? == "0" && usable("after")? == "1", "expected one of two statements to be usable");
            Ok(())
        });
        transcript.verdict("a statement with a mistake is disabled, and no other", result);
        let (line, text) = self.readiness()?;
        transcript.command(&line, &text);
        self.wait_for_replies()?;

        self.policy.replace(&[("trustpolicy.json", &policy(self.environment, "after"))])?;
        let result = wait::until("the repaired policy to be loaded", RELOAD, || {
            self.successful("1")?;
            let (_, text) = self.readiness()?;
            ensure!(!text.contains("[!]"), "{text}");
            Ok(())
        });
        transcript.verdict("both are in use again once they are repaired", result);
        self.wait_for_replies()
    }

    fn shows(&self, want: &str) -> anyhow::Result<()> {
        let (_, text) = self.readiness()?;
        ensure!(text.contains(want), "expected {want:?} in {text}");
        Ok(())
    }

    /// Checks what both clients got, from the first reply to the last.
    fn finish(mut self, transcript: &mut Transcript) -> anyhow::Result<()> {
        for (load, what, most) in [(0, "over kept connections", Some(RECONNECTS)), (1, "over new connections", None)] {
            let replies = self.loads[load].replies();
            let result = (|| {
                let replies = replies?;
                let connects: usize = replies.iter().map(|reply| reply.connects).sum();
                let slowest = replies.iter().map(|reply| reply.seconds).fold(0.0, f64::max);
                let (count, milliseconds) = (replies.len(), slowest * 1000.0);
                transcript
                    .note(&format!("{count} replies over {connects} connections, the slowest in {milliseconds:.0} ms"));
                let most = most.unwrap_or(count);
                ensure!(connects <= most, "{connects} connections, expected at most {most}");
                in_order(&replies)
            })();
            transcript
                .verdict(&format!("{what} every request got an expected response, in the expected order"), result);
        }
        transcript.verdict("SIGTERM ends it under load with exit status 0", self.countersign.stop());
        Ok(())
    }

    /// Changes files of the trust configuration. Returns once they are in use.
    fn reloaded(&mut self, change: impl FnOnce(&mut Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let generation = "countersign_trust_generation";
        let before = self.countersign.metric(generation)?;
        change(self)?;
        wait::until("the changed files", RELOAD, || {
            let now = self.countersign.metric(generation)?;
            ensure!(now > before, "generation {now}, expected more than {before}");
            Ok(())
        })
    }

    fn successful(&self, want: &str) -> anyhow::Result<()> {
        let found = self.countersign.metric(BROKEN)?.to_string();
        ensure!(found == want, "{BROKEN} {found}, expected {want}");
        Ok(())
    }

    fn readiness(&self) -> anyhow::Result<(String, String)> {
        let url = format!("http://{}/readyz?verbose", self.countersign.health());
        let text = http::get(&url)?.want(200)?.text();
        Ok((format!("curl -sSf '{url}'"), text))
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

/// The responses that every client must get, in this order, each any number of times: the code of each key, and the
/// statement.
const EXPECTED: [([&str; 4], &str); 4] = [
    (["verified", "unsigned", "verified", "untrusted-chain"], "before"),
    (["verified", "unsigned", "verified", "verified"], "before"),
    (["verified", "unsigned", "untrusted-chain", "verified"], "before"),
    (["verified", "unsigned", "untrusted-chain", "verified"], "after"),
];

fn in_order(replies: &[Reply]) -> anyhow::Result<()> {
    let mut seen = Vec::new();
    for reply in replies {
        let got = codes(&reply.body).with_context(|| reply.body.to_string())?;
        if seen.last() != Some(&got) {
            seen.push(got);
        }
    }
    let want = EXPECTED.map(|(codes, rule)| (codes.map(str::to_owned).to_vec(), rule.to_owned()));
    ensure!(seen == want, "found responses {seen:?}, expected {want:?}");
    Ok(())
}

/// The code of each key, and the statement of all of them.
fn codes(body: &Value) -> anyhow::Result<(Vec<String>, String)> {
    let response = &body["response"];
    ensure!(response["systemError"].as_str().is_none_or(str::is_empty), "a system error");
    let items = response["items"].as_array().context("no items")?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no text");
    let codes = items.iter().map(|item| text(&item["value"]["code"])).collect::<anyhow::Result<_>>()?;
    let rule = text(&items.first().context("no item")?["value"]["rule"])?;
    ensure!(items.iter().all(|item| item["value"]["rule"] == rule.as_str()), "statements differ within a reply");
    Ok((codes, rule))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn reply(codes: &[&str], rule: &str) -> Reply {
        let item = |code: &&str| json!({ "key": "k", "value": { "code": code, "rule": rule } });
        let items: Vec<Value> = codes.iter().map(item).collect();
        Reply { body: json!({ "response": { "systemError": "", "items": items } }), connects: 0, seconds: 0.0 }
    }

    fn replies() -> Vec<Reply> {
        EXPECTED.iter().flat_map(|(codes, rule)| [reply(codes, rule), reply(codes, rule)]).collect()
    }

    #[test]
    fn accepts_repeated_responses() {
        in_order(&replies()).unwrap();
    }

    #[test]
    fn rejects_one_wrong_response() {
        let wrong = [
            reply(&["unsigned", "unsigned", "verified", "untrusted-chain"], "before"),
            reply(&["verified", "unsigned", "verified"], "before"),
            // Right, but later.
            reply(&EXPECTED[1].0, EXPECTED[1].1),
            Reply { body: json!({ "response": { "systemError": "late", "items": [] } }), connects: 0, seconds: 0.0 },
        ];
        for wrong in wrong {
            let mut replies = replies();
            replies.insert(1, wrong);
            assert!(in_order(&replies).is_err());
        }
    }

    #[test]
    fn rejects_responses_that_end_early() {
        let mut replies = replies();
        replies.truncate(6);
        assert!(in_order(&replies).is_err());
    }
}
