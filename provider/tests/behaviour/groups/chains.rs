//! Certificate chains in other orders, with other members, and trust in their certificates.

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use serde_json::json;

use super::FORMATS;
use crate::environment::Environment;
use crate::run::record;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chains_in_every_order() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    environment.repository_with("audit", json!({"signatureVerification": {"level": "audit"}}));
    let root = environment.root.clone();
    let intermediate = environment.intermediate(&root, CertSpec::intermediate(), "intermediate");
    let chain = environment.issue(&intermediate, CertSpec::leaf(), "lower leaf");
    let [leaf, middle, top] = <[Vec<u8>; 3]>::try_from(chain.der().to_vec()).unwrap();
    let spec = environment.serial(CertSpec::root().with_key(root.key()));
    let same_name = Authority::root(spec);
    environment.name_chain(&same_name.as_chain(), "twin of the root");
    let (same_name, foreign) = (same_name.der().to_vec(), environment.untrusted.der().to_vec());
    let orders: Vec<(&str, Vec<&Vec<u8>>)> = vec![
        ("leaf, intermediate, root", vec![&leaf, &middle, &top]),
        ("without the root", vec![&leaf, &middle]),
        ("without the intermediate", vec![&leaf, &top]),
        ("leaf alone", vec![&leaf]),
        ("intermediate and root", vec![&middle, &top]),
        ("root alone", vec![&top]),
        ("another root of the same name and key", vec![&leaf, &middle, &same_name]),
        ("another root", vec![&leaf, &middle, &foreign]),
        ("root twice", vec![&leaf, &middle, &top, &top]),
        ("two roots", vec![&leaf, &middle, &top, &foreign]),
        ("leaf twice", vec![&leaf, &leaf, &middle, &top]),
        ("intermediate twice", vec![&leaf, &middle, &middle, &top]),
        ("leaf, root, intermediate", vec![&leaf, &top, &middle]),
        ("backwards", vec![&top, &middle, &leaf]),
    ];
    for (index, (name, order)) in orders.iter().enumerate() {
        let altered = chain.with_certificates(order.iter().map(|der| (*der).clone()).collect());
        let repository = ["app", "audit"][index / 2 % 2];
        environment.repository(repository);
        environment.signed_by(&format!("{repository}: {name}"), &altered, FORMATS[index % 2].1, |request| request);
    }
    environment.repository("app");
    let mut long = root.clone();
    for number in 2..=9 {
        let spec = CertSpec::intermediate().common_name(&format!("intermediate {number}"));
        long = environment.intermediate(&long, spec, &format!("intermediate {number}"));
        if number >= 8 {
            let role = format!("leaf of a chain of {}", number + 1);
            let chain = environment.issue(&long, CertSpec::leaf(), &role);
            let count = chain.der().len();
            environment.signed_by(&format!("{count} certificates"), &chain, FORMATS[0].1, |request| request);
        }
    }
    let spec = environment.serial(CertSpec::leaf().common_name("alone"));
    let alone = Chain::self_signed(spec);
    environment.name_chain(&alone, "self-signed leaf");
    environment.signed_by("self-signed leaf that is not trusted", &alone, FORMATS[1].1, |request| request);
    record("chains", environment).await;
}
