//! `--online --image`: the status of signatures of AWS Signer, and why there is none.

use countersign_testkit::aws::Clock;
use countersign_testkit::aws::Setup;
use countersign_testkit::aws::signature::SignerPki;
use countersign_testkit::aws::signature::SignerSignature;
use countersign_testkit::aws::signer_data;
use countersign_testkit::aws::signer_data::SignerData;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Registry;
use countersign_testkit::responder::Responder;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::check_in;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

const USER: &str = "arn:aws:iam::111122223333:user/ci";

/// A signature of another signer at the same image.
struct Beside {
    root: Authority,
    chain: Chain,
    /// Of its CRL.
    responder: String,
}

/// The document and the page for a signed image, whose signature `prepare` has seen, and the digest of the signature.
async fn checked(
    beside: Option<Beside>,
    prepare: impl FnOnce(&Setup, &SignerData, &SignerSignature),
) -> (Value, String, SignerSignature, String) {
    let setup = Setup::new(&Clock::system());
    let (key, signer, registry) =
        (setup.keys().for_user(USER), SignerData::start(&setup).await, Registry::start().await);
    let pki = SignerPki::new("eu-central-1");
    let image = registry.push_image("app", "v1");
    let signature = SignerSignature::new(&pki, &image);
    let manifest = signature.attach(&registry, "app");
    prepare(&setup, &signer, &signature);
    let (host, url) = (registry.host(), signer.url());
    let folder = sound();
    folder.write("trust/truststore/x509/signingAuthority/aws/root.pem", pki.root_pem());
    let mut signed = statement("app", &format!("{host}/app"));
    signed["trustStores"] = json!(["signingAuthority:aws"]);
    signed["trustedIdentities"] = json!([signature.profile_version()]);
    let mut evidence = String::new();
    if let Some(Beside { root, chain, responder }) = beside {
        notation::sign_image(&registry, "app", &image, &chain);
        folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
        signed["trustStores"] = json!(["signingAuthority:aws", "ca:main"]);
        signed["trustedIdentities"] = json!([signature.profile_version(), "x509.subject: C=CH, ST=ZH, O=Testkit"]);
        evidence = format!("evidence: {{reachableHosts: ['{responder}']}}\n");
    }
    signed["signatureVerification"] = json!({"level": "strict"});
    folder.write("trust/trustpolicy.json", policy(&[signed]));
    folder.write(
        "c.yaml",
        format!(
            "trust: {{directory: trust}}\naws: {{region: eu-central-1, signer: {{enabled: true, endpoint: '{url}'}}}}\n\
             {evidence}unlistedRegistries: refuse\nregistries: [{{host: '{host}', plainHttp: true}}]\n"
        ),
    );
    let work = move || {
        let environment = [("AWS_ACCESS_KEY_ID", key.id.as_str()), ("AWS_SECRET_ACCESS_KEY", key.secret.as_str())];
        let image = format!("--image={host}/app:v1");
        let page = check_in(&folder, &["--for", "verify", "--online", &image], &environment).1;
        let (code, text) = check_in(&folder, &["--for", "verify", "--online", &image, "-o", "json"], &environment);
        assert_eq!(code, Some(0), "{text}");
        (serde_json::from_str(&text).unwrap(), page)
    };
    // The services run on this thread.
    let (document, page) = tokio::task::spawn_blocking(work).await.unwrap();
    (document, page, signature, manifest.digest)
}

fn of_image(document: &Value) -> Vec<&str> {
    let list = document["warnings"].as_array().unwrap().iter().filter(|one| one["warning"] == "evidence-of-image");
    list.map(|one| one["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_status_of_a_signature_is_shown_without_a_warning() {
    for revoked in [false, true] {
        let (document, page, signature, _) = checked(None, |_, signer, signature| {
            if revoked {
                signer.revoke(signature.job());
            }
        })
        .await;
        assert_eq!(of_image(&document), [""; 0], "{document}");
        let status = if revoked { "revoked" } else { "good" };
        let [shown] = document["triedImages"][0]["signer"].as_array().unwrap().as_slice() else { panic!("{document}") };
        assert_eq!((&shown["profile"], &shown["status"]), (&json!(signature.profile_version()), &json!(status)));
        let line = format!("\n  AWS Signer  {status} for {}, usable until ", signature.profile_version());
        assert!(page.contains(&line), "{page}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_status_is_named() {
    let (document, _, _, digest) = checked(None, |setup, _, _| setup.keys().deny(USER, signer_data::ACTION)).await;
    let [message] = of_image(&document)[..] else { panic!("{document}") };
    let start = format!("/app:v1: signature {digest} has no status of its revocation: ");
    assert!(message.contains(&start), "{message}");
    assert!(message.contains("AccessDeniedException"), "{message}");
    assert_eq!(document["triedImages"][0]["signer"], json!([]));
}

#[tokio::test]
async fn a_refusal_of_the_status_is_named_beside_addresses_that_were_tried() {
    let (root, responder) = (Authority::root(CertSpec::root()), Responder::start().await);
    let chain = root.issue(CertSpec::leaf().crl_url(&responder.url("/ca.crl")));
    let beside = Beside { root, chain, responder: responder.host() };
    let (document, _, _, manifest) =
        checked(Some(beside), |setup, _, _| setup.keys().deny(USER, signer_data::ACTION)).await;
    let tried = document["evidence"].as_array().unwrap();
    assert!(!tried.is_empty(), "{document}");
    let found = of_image(&document);
    let [about] = found.as_slice() else { panic!("{found:?}") };
    assert!(about.contains(&format!("signature {manifest} has no status of its revocation: ")), "{about}");
    assert!(about.contains("AccessDeniedException"), "{about}");
}
