//! Only Gatekeeper gets responses, and only over TLS 1.3. curl acts as the other clients.

use anyhow::ensure;
use rcgen::DnType;
use serde_json::json;

use crate::certificates::Authority;
use crate::certificates::Identity;
use crate::certificates::Usage;
use crate::environment::Environment;
use crate::transcript::Transcript;

/// The path that Gatekeeper calls.
const VERIFY: &str = "/v1/verify";

/// The label `reason` of refused handshakes in Countersign's metrics. Each occurs once.
pub(super) const REFUSED: [&str; 5] =
    ["no-certificate", "bad-certificate", "name-not-allowed", "incompatible", "malformed"];

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("Which clients get a response");
    // The policy of the cases of `trust` is still in effect.
    let image = environment.fixtures.intern_later.by_tag();
    let request = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": { "keys": [image] },
    });
    environment.workdir.write("endpoints/request.json", request.to_string())?;
    write(environment, "gatekeeper", environment.gatekeeper.identity())?;
    let name = [(DnType::CommonName, "gatekeeper-webhook-service.gatekeeper-system.svc")];
    let untrusted = Authority::new(&[(DnType::CommonName, "gatekeeper-ca")])?.issue(&name, Usage::ServerAndClient)?;
    write(environment, "other-authority", &untrusted)?;
    let other = environment.gatekeeper.authority().issue(&[(DnType::CommonName, "other.example")], Usage::Client)?;
    write(environment, "other-name", &other)?;

    let known = "--cert endpoints/gatekeeper.crt --key endpoints/gatekeeper.key";
    let (line, output, _) = post(environment, known, "https")?;
    transcript.command(&line, &output);
    transcript.verdict("a client with Gatekeeper's certificate gets a response", answers(&output, &image));
    for (what, options, scheme) in [
        ("a client without a certificate gets no response", String::new(), "https"),
        (
            "a client with a certificate of another authority gets no response",
            "--cert endpoints/other-authority.crt --key endpoints/other-authority.key".to_owned(),
            "https",
        ),
        (
            "a client with another name under Gatekeeper's authority gets no response",
            "--cert endpoints/other-name.crt --key endpoints/other-name.key".to_owned(),
            "https",
        ),
        ("a client with TLS 1.2 gets no response", format!("{known} --tls-max 1.2"), "https"),
        ("a client without TLS gets no response", String::new(), "http"),
    ] {
        let (line, output, success) = post(environment, &options, scheme)?;
        transcript.command(&line, &output);
        let result = (|| {
            ensure!(!success, "curl succeeded, expected a failure");
            ensure!(!output.contains("ProviderResponse"), "found a response, expected none");
            Ok(())
        })();
        transcript.verdict(what, result);
    }
    Ok(())
}

fn write(environment: &Environment<'_>, name: &str, identity: &Identity) -> anyhow::Result<()> {
    environment.workdir.write(&format!("endpoints/{name}.crt"), &identity.certificate)?;
    environment.workdir.write(&format!("endpoints/{name}.key"), &identity.key)?;
    Ok(())
}

/// Sends the request as Gatekeeper does. Returns the shell command, its output and whether curl succeeded.
fn post(environment: &Environment<'_>, options: &str, scheme: &str) -> anyhow::Result<(String, String, bool)> {
    let url = environment.countersign.url(VERIFY).replacen("https", scheme, 1);
    let options = if options.is_empty() { String::new() } else { format!("{options} ") };
    let line = format!("curl -sSf --cacert countersign/ca.crt {options}--data @endpoints/request.json {url}");
    let finished = environment.shell(&line)?;
    Ok((line, finished.output, finished.status.success()))
}

fn answers(output: &str, image: &str) -> anyhow::Result<()> {
    let response: serde_json::Value = serde_json::from_str(output)?;
    ensure!(response["kind"] == "ProviderResponse", "kind {}, expected ProviderResponse", response["kind"]);
    let item = &response["response"]["items"][0];
    ensure!(item["key"] == image, "key {}, expected {image}", item["key"]);
    ensure!(item["value"]["verdict"] == "verified", "verdict {}, expected verified", item["value"]["verdict"]);
    Ok(())
}
