//! Trust stores that are absent, empty or broken, each with a statement of its own.

use countersign_testkit::pki::CertSpec;
use serde_json::json;

use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record_as;

/// Names and contents.
type Files = Vec<(&'static str, Vec<u8>)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_cannot_be_used() {
    let mut environment = Environment::new().await;
    let root = environment.root.clone();
    let untrusted = environment.untrusted.pem();
    let pem = root.pem();
    let leaf = environment.leaf.pem();
    let ended = CertSpec::root()
        .common_name("ended")
        .valid(time::macros::datetime!(2024-01-01 00:00 UTC), time::macros::datetime!(2024-02-01 00:00 UTC));
    let ended = environment.serial(ended);
    let ended = countersign_testkit::pki::Authority::root(ended);
    environment.name_chain(&ended.as_chain(), "ended root");
    let stores: Vec<(&str, Files)> = vec![
        ("good", vec![("root.pem", pem.clone().into())]),
        ("der", vec![("root.crt", root.der().to_vec())]),
        ("two-files", vec![("a.pem", untrusted.clone().into()), ("b.pem", pem.clone().into())]),
        ("two-in-a-file", vec![("a.pem", format!("{untrusted}{pem}").into())]),
        ("text-around", vec![("a.pem", format!("# a comment\n{pem}\nmore\n").into())]),
        ("absent", vec![]),
        ("hidden", vec![(".root.pem", pem.clone().into())]),
        ("below", vec![("sub/root.pem", pem.clone().into())]),
        ("below-too", vec![("root.pem", pem.clone().into()), ("old/root.pem", pem.clone().into())]),
        ("empty", vec![("root.pem", Vec::new())]),
        ("white", vec![("root.pem", b" \n".to_vec())]),
        ("garbage", vec![("root.pem", b"garbage".to_vec())]),
        ("half", vec![("root.pem", pem.as_bytes()[..200].to_vec())]),
        ("one-bad", vec![("root.pem", pem.clone().into()), ("second.pem", b"garbage".to_vec())]),
        ("one-empty", vec![("root.pem", pem.clone().into()), ("second.pem", Vec::new())]),
        ("a-leaf", vec![("root.pem", leaf.into())]),
        ("a-key", vec![("root.pem", environment.leaf.key_pem().into())]),
        ("ended", vec![("root.pem", ended.pem().into())]),
        ("large", vec![("root.pem", vec![b'x'; 1024 * 1024 + 1])]),
    ];
    for (name, files) in stores {
        for (file, content) in files {
            environment.folder.write(&format!("trust/truststore/x509/ca/{name}/{file}"), content);
        }
        environment.repository_with(name, json!({"trustStores": [format!("ca:{name}")]}));
        environment.signed(name, super::FORMATS[0].1, |request| request);
    }
    environment.repository_with("good-and-absent", json!({"trustStores": ["ca:good", "ca:absent"]}));
    environment.signed("good-and-absent", super::FORMATS[0].1, |request| request);
    record_as("stores", environment, Ask::WithoutInspect).await;
}
