//! The servers that the tests of this project use in place of real ones: OCSP, CRL and timestamps. OpenSSL and curl are their
//! clients.

use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::crl::Revoked;
use countersign_testkit::ocsp::OcspRequest;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::responder::Responder;
use countersign_testkit::timestamp::Tsa;
use time::OffsetDateTime;

use crate::environment::Environment;
use crate::transcript::Transcript;

const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn run(environment: &Environment<'_>, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("The doubles of the tests, with OpenSSL as client");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start a runtime")?;
    let responder = runtime.block_on(Responder::start());
    let root = Authority::root(CertSpec::root());
    let (good, revoked) = (root.issue(CertSpec::leaf()), root.issue(CertSpec::leaf()));
    for (name, content) in [
        ("root.pem", root.pem()),
        ("good.pem", good.pem()),
        ("revoked.pem", revoked.pem()),
        ("data", "signature".to_owned()),
    ] {
        environment.workdir.write(&format!("doubles/{name}"), content)?;
    }
    let now = OffsetDateTime::now_utc().replace_nanosecond(0)?;
    let singles = [Single::good(good.leaf_der()), Single::revoked(revoked.leaf_der()).revoked_at(now - HOUR, Some(1))]
        .map(|single| single.this_update(now).next_update(now + HOUR));
    let (authority, leaf) = (root.clone(), good.leaf_der().to_vec());
    responder.ocsp("/ocsp", move |request| {
        let Some(request) = OcspRequest::parse(request) else { return Vec::new() };
        let about = usize::from(!request.is_about(&leaf, authority.der()));
        let spec = OcspSpec::new([singles[about].clone()]).produced_at(now);
        authority.ocsp(&match &request.nonce {
            Some(nonce) => spec.nonce(nonce),
            None => spec,
        })
    });
    let entry = Revoked::certificate(revoked.leaf_der()).at(now - HOUR).reason(1);
    responder.crl("/list.crl", root.crl(&CrlSpec::new().valid(now, now + HOUR).revoked(&entry)));
    let tsa = Tsa::new(&root);
    responder.timestamps("/tsa", move |request| tsa.respond(request));

    let (ocsp, crl, tsa) = (responder.url("/ocsp"), responder.url("/list.crl"), responder.url("/tsa"));
    let status = |name: &str| {
        format!("openssl ocsp -issuer doubles/root.pem -cert doubles/{name}.pem -CAfile doubles/root.pem -url {ocsp}")
    };
    let by_list = |name: &str| {
        format!("openssl verify -crl_check -CAfile doubles/root.pem -CRLfile doubles/list.pem doubles/{name}.pem")
    };
    for (what, script, success, parts) in [
        ("OCSP: good", status("good"), true, ["Response verify OK", "good.pem: good"]),
        ("OCSP: revoked", status("revoked"), true, ["revoked.pem: revoked", "Reason: keyCompromise"]),
        (
            "a CRL is signed by its issuer",
            format!(
                "curl -sSf {crl} -o doubles/list.crl && openssl crl -inform DER -in doubles/list.crl -CAfile \
                 doubles/root.pem -out doubles/list.pem"
            ),
            true,
            ["verify OK", ""],
        ),
        ("CRL: not revoked", by_list("good"), true, ["good.pem: OK", ""]),
        ("CRL: revoked", by_list("revoked"), false, ["certificate revoked", ""]),
        (
            "a timestamp is verified",
            format!(
                "openssl ts -query -data doubles/data -sha256 -cert -out doubles/query.tsq && curl -sSf -H \
                 content-type:application/timestamp-query --data-binary @doubles/query.tsq {tsa} -o doubles/reply.tsr && \
                 openssl ts -verify -queryfile doubles/query.tsq -in doubles/reply.tsr -CAfile doubles/root.pem"
            ),
            true,
            ["Verification: OK", ""],
        ),
    ] {
        let finished = environment.shell(&script)?;
        transcript.command(&script, &finished.output);
        let result = (|| {
            ensure!(finished.status.success() == success, "{}", finished.status);
            for part in parts {
                ensure!(finished.output.contains(part), "expected {part:?}");
            }
            ensure!(!finished.output.contains("WARNING"), "expected no warning, such as of a missing nonce");
            Ok(())
        })();
        transcript.verdict(what, result);
    }
    Ok(())
}
