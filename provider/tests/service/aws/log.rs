//! What is logged of AWS.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign::telemetry::log::subscriber;
use countersign_testkit::aws::Protocol;
use countersign_testkit::aws::ServiceError;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::registry::Reply;
use serde_json::json;
use tracing::Level;

use super::fixture::ALIAS;
use super::fixture::in_pod;
use super::job;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn item_and_log_of_a_verified_image_name_the_signing_profile() {
    let Some(eks) = in_pod("aws::log::item_and_log_of_a_verified_image_name_the_signing_profile").await else {
        return;
    };
    let lines = Lines::default();
    let writer = lines.clone();
    tracing::subscriber::set_global_default(subscriber(Level::INFO, move || writer.clone())).unwrap();
    let signature = eks.sign("app", "v0", |signature| signature.with_alias(ALIAS));
    let (version, job) = (signature.profile_version(), signature.job());
    let value = eks.value("app", "v0").await;
    assert_eq!(
        value["signer"]["awsSigner"],
        json!({
            "profile": "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci", "profileVersion": version,
            "alias": ALIAS, "job": job
        })
    );
    let name = value["image"].as_str().unwrap();
    assert_eq!(
        value["message"],
        format!(
            "{name} is signed by AWS Signer with signing profile {version:?} under the alias {ALIAS:?}, trusted by statement \"app\" \
             of the trust policy"
        )
    );
    // Untrusted: the ARNs of its attributes are in no field of the log.
    let image = eks.push("app", "untrusted");
    SignerSignature::new(&SignerPki::new("eu-central-1"), &image).attach(&eks.registry, "app");
    assert_eq!(eks.value("app", "untrusted").await["signer"], serde_json::Value::Null);
    let text = lines.text();
    let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<_> = events.iter().filter(|event| event["message"] == "verdict").collect();
    let fields = ["signing_profile_version", "signing_profile_alias", "signing_job"];
    let found: Vec<_> = verdicts.iter().map(|event| fields.map(|field| event[field].as_str())).collect();
    assert_eq!(found, [[Some(version), Some(ALIAS), Some(job)], [None; 3]]);
    assert!(!verdicts[1].to_string().contains("signing-profiles"), "{}", verdicts[1]);
    eks.stop().await;
}

/// An answer of STS with a member that the SDK cannot read.
const UNREADABLE: &str = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
    <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAHUNTER</AccessKeyId>\
    <SecretAccessKey>hunter2secret</SecretAccessKey><SessionToken>hunter2token</SessionToken>\
    <Expiration>in an hour</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
    </AssumeRoleWithWebIdentityResponse>";

#[tokio::test]
async fn an_answer_of_sts_that_cannot_be_read_is_reported_without_its_secrets_at_every_level() {
    let name = "aws::log::an_answer_of_sts_that_cannot_be_read_is_reported_without_its_secrets_at_every_level";
    let Some(eks) = in_pod(name).await else { return };
    let lines = Lines::default();
    let writer = lines.clone();
    tracing::subscriber::set_global_default(subscriber(Level::TRACE, move || writer.clone())).unwrap();
    eks.sign("app", "v0", |signature| signature.with_job(&job(0)));
    eks.signer.fail(ServiceError::internal(Protocol::RestJson));
    let failed = eks.verdict("app", "v0").await;
    eks.sts.when().reply(Reply::status(200).header("content-type", "text/xml").body(UNREADABLE));
    // Clients of their own, without credentials.
    eks.reconfigure("connectTimeout: 900ms, signer: {enabled: true}").await;
    eks.sign("app", "v1", |signature| signature.with_job(&job(1)));
    let unreadable = eks.verdict("app", "v1").await;
    let mut log = lines.text();
    for _ in 0..1000 {
        if log.contains("the token is not issued") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        log = lines.text();
    }
    assert!(log.contains("the token is not issued"), "{log}");
    let step = "AWS credentials failed at sts.eu-central-1.amazonaws.com (AssumeRoleWithWebIdentity): ";
    assert!(log.contains(step) && unreadable.contains(step), "{unreadable}\n{log}");
    for text in [&log, &failed, &unreadable] {
        assert!(!text.contains("hunter2") && !text.contains("ASIAHUNTER"), "{text}");
    }
    // Lines of the SDK.
    for text in ["provider failed to provide credentials", "STS returned an error", "mark the connection for closure"] {
        assert!(!log.contains(text), "{log}");
    }
    assert!(log.lines().all(|line| line.len() < 8 * 1024), "{log}");
    eks.stop().await;
}
