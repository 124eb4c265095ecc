//! `--online`: the addresses of certificates in trust stores, and of those that the signatures of images need.

use countersign_testkit::crl::CrlSpec;
use countersign_testkit::folder::Folder;
use countersign_testkit::notation;
use countersign_testkit::notation::Signature;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::eku;
use countersign_testkit::registry::Registry;
use countersign_testkit::responder::Responder;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use countersign_testkit::timestamp::Tsa;
use serde_json::Value;
use serde_json::json;
use time::Duration;
use time::OffsetDateTime;

use crate::commands::check::check;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

/// A sound configuration whose store has `root` and `issuing`, with this section `evidence`.
fn folder(root: Option<&Authority>, issuing: &Authority, evidence: &str) -> Folder {
    let folder = sound();
    folder.write("trust/trustpolicy.json", policy(&[statement("app", "registry.example.com/app")]));
    if let Some(root) = root {
        folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
    }
    folder.write("trust/truststore/x509/ca/main/issuing.pem", issuing.pem());
    folder.write("c.yaml", format!("trust: {{directory: trust}}\nunlistedRegistries: refuse\nevidence: {evidence}\n"));
    folder
}

async fn online(folder: Folder) -> (Option<i32>, Value, String) {
    // The responder runs on this thread.
    let work = move || {
        let (code, text) = check(&folder, &["--for", "verify", "--online", "-o", "json"]);
        let (_, page) = check(&folder, &["--for", "verify", "--online"]);
        (code, serde_json::from_str(&text).unwrap(), page)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn each_address_of_the_stores_certificates_is_tried() {
    let responder = Responder::start().await;
    let root = Authority::root(CertSpec::root());
    let (good, gone) = (responder.url("/root.crl"), responder.url("/gone.crl"));
    let spec = CertSpec::intermediate().common_name("issuing").crl_url(&good).crl_url(&gone).crl_url("ldap:///CN=CA");
    let issuing = root.intermediate(spec);
    let now = OffsetDateTime::now_utc();
    let list = CrlSpec::new().valid(now - Duration::hours(1), now + Duration::days(400));
    responder.crl("/root.crl", root.crl(&list));
    let folder = folder(Some(&root), &issuing, &format!("{{reachableHosts: ['{}']}}", responder.host()));
    let (code, document, page) = online(folder).await;
    assert_eq!(code, Some(0), "{document}");
    let evidence = document["evidence"].as_array().unwrap();
    let column = |name: &str| evidence.iter().map(|one| one[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("kind"), ["crl", "crl", "crl"]);
    assert_eq!(column("url"), [json!(good), json!(gone), json!("ldap:///CN=CA")]);
    assert!(evidence[0]["usableUntil"].is_string() && evidence[0]["problem"].is_null(), "{document}");
    assert_eq!(evidence[0]["usableUntilBy"], "maxLifetime");
    let problem = |index: usize| evidence[index]["problem"].as_str().unwrap();
    assert!(problem(1).contains("status: found 404, expected 200"), "{}", problem(1));
    assert!(problem(2).contains("found the scheme ldap, expected http or https"), "{}", problem(2));
    let warnings = document["warnings"].as_array().unwrap().iter();
    let unusable = warnings.filter(|warning| warning["warning"] == "evidence-unusable").count();
    assert_eq!(unusable, 2);
    assert!(page.contains(&format!("evidence      crl at {good}, for CN=issuing")), "{page}");
    assert!(
        page.contains("  usable      until ")
            && page.contains("Z, by evidence.maxLifetime\n")
            && page.contains("  unusable    "),
        "{page}"
    );
}

#[tokio::test]
async fn a_certificate_without_its_issuer_is_not_tried() {
    let responder = Responder::start().await;
    let root = Authority::root(CertSpec::root().common_name("elsewhere"));
    let issuing = root.intermediate(CertSpec::intermediate().crl_url(&responder.url("/root.crl")));
    let (code, document, _) = online(folder(None, &issuing, "{}")).await;
    assert_eq!((code, &document["evidence"]), (Some(0), &json!([])));
    let warnings = document["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["warning"] == "evidence-untried"), "{document}");
    assert_eq!(responder.journal().len(), 0);
}

#[tokio::test]
async fn nothing_is_requested_without_the_option() {
    let responder = Responder::start().await;
    let root = Authority::root(CertSpec::root());
    let issuing = root.intermediate(CertSpec::intermediate().crl_url(&responder.url("/root.crl")));
    let folder = folder(Some(&root), &issuing, &format!("{{reachableHosts: ['{}']}}", responder.host()));
    let work = move || check(&folder, &["--for", "verify", "-o", "json"]);
    let (code, text) = tokio::task::spawn_blocking(work).await.unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &document["evidence"], responder.journal().len()), (Some(0), &Value::Null, 0));
}

/// A registry, and a folder whose policy verifies `app` there under `root` at this level, and skips `skipped`.
async fn with_registry(root: &Authority, responder: &Responder, verification: Value) -> (Registry, Folder) {
    let registry = Registry::start().await;
    let folder = sound();
    let host = registry.host();
    let mut app = statement("app", &format!("{host}/app"));
    app["signatureVerification"] = verification;
    app["trustedIdentities"] = json!(["*"]);
    folder.write("trust/trustpolicy.json", policy(&[app]));
    folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
    folder.write(
        "c.yaml",
        format!(
            "trust: {{directory: trust}}\nunlistedRegistries: refuse\nevidence: {{reachableHosts: ['{}']}}\n\
             registries:\n- {{host: '{host}', plainHttp: true}}\n",
            responder.host()
        ),
    );
    (registry, folder)
}

/// The document of a check with these images.
async fn of_images(folder: Folder, images: &[&str]) -> (Option<i32>, Value) {
    let images: Vec<String> = images.iter().map(|image| format!("--image={image}")).collect();
    let work = move || {
        let mut arguments = vec!["--for", "verify", "--online", "-o", "json"];
        arguments.extend(images.iter().map(String::as_str));
        let (code, text) = check(&folder, &arguments);
        (code, serde_json::from_str(&text).unwrap())
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn warnings(document: &Value, kind: &str) -> Vec<String> {
    let warnings = document["warnings"].as_array().unwrap().iter();
    let of_kind = warnings.filter(|warning| warning["warning"] == kind);
    of_kind.map(|warning| warning["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_address_that_the_signatures_of_an_image_need_is_tried() {
    let (responder, root) = (Responder::start().await, Authority::root(CertSpec::root()));
    let (registry, folder) = with_registry(&root, &responder, json!({"level": "strict"})).await;
    let url = |path: &str| responder.url(path);
    let now = OffsetDateTime::now_utc();
    let list =
        CrlSpec::new().valid(now - Duration::hours(1), now + Duration::days(400)).freshest_url(&url("/delta.crl"));
    responder.crl("/ca.crl", root.crl(&list));
    let spec = CertSpec::leaf().ocsp_url(&url("/ocsp")).ocsp_url(&url("/gone")).crl_url(&url("/ca.crl"));
    let signer = root.issue(spec);
    let good =
        Single::good(signer.leaf_der()).this_update(now - Duration::hours(1)).next_update(now + Duration::hours(2));
    let answer = root.ocsp(&OcspSpec::new([good]).produced_at(now - Duration::hours(1)));
    responder.ocsp("/ocsp", move |_| answer.clone());
    let image = registry.push_image("app", "v1");
    notation::sign_image(&registry, "app", &image, &signer);
    let untrusted = Authority::root(CertSpec::root().common_name("untrusted"));
    let of_untrusted = untrusted.issue(CertSpec::leaf().crl_url(&url("/untrusted.crl")));
    let ignored = notation::sign_image(&registry, "app", &image, &of_untrusted);
    let reference = registry.reference("app", &image);
    let (code, document) = of_images(folder, &[&reference]).await;
    assert_eq!(code, Some(0), "{document}");
    let shown = |one: &Value| {
        let text = |member: &str| one[member].as_str().unwrap_or("-").to_owned();
        assert_eq!(one["image"], json!(reference), "{document}");
        (text("kind"), text("url"), text("certificate"), text("issuer"), text("usableUntilBy"))
    };
    let mut found: Vec<_> = document["evidence"].as_array().unwrap().iter().map(shown).collect();
    found.sort();
    let (leaf, issuer) = ("CN=leaf,O=Testkit,ST=ZH,C=CH", "CN=root,O=Testkit,ST=ZH,C=CH");
    let row = |kind: &str, path: &str, certificate: &str, by: &str| {
        (kind.to_owned(), url(path), certificate.to_owned(), issuer.to_owned(), by.to_owned())
    };
    // The list ends with evidence.maxLifetime, the OCSP response with its own nextUpdate.
    assert_eq!(
        found,
        [
            row("crl", "/ca.crl", "-", "maxLifetime"),
            row("crl", "/delta.crl", "-", "-"),
            row("ocsp", "/gone", leaf, "-"),
            row("ocsp", "/ocsp", leaf, "nextUpdate"),
        ],
        "{document}"
    );
    assert_eq!(warnings(&document, "evidence-unusable").len(), 2, "{document}");
    assert_eq!(responder.count("/untrusted.crl"), 0);
    assert_eq!(
        warnings(&document, "evidence-of-image"),
        [format!(
            "{reference}: nothing is requested for signature {}, as its signer is not trusted; `countersign inspect` has \
             the reason",
            ignored.digest
        )]
    );
}

#[tokio::test]
async fn an_image_that_needs_no_evidence_has_a_warning_with_the_reason() {
    let (responder, root) = (Responder::start().await, Authority::root(CertSpec::root()));
    let verification = json!({"level": "strict", "override": {"revocation": "skip"}});
    let (registry, folder) = with_registry(&root, &responder, verification).await;
    let (image, unsigned, other) =
        (registry.push_image("app", "v1"), registry.push_image("app", "v2"), registry.push_image("other", "v1"));
    let signer = root.issue(CertSpec::leaf().crl_url(&responder.url("/ca.crl")));
    notation::sign_image(&registry, "app", &image, &signer);
    let references =
        [registry.reference("app", &image), registry.reference("app", &unsigned), registry.reference("other", &other)];
    let absent = format!("{}/app:absent", registry.host());
    let (code, document) = of_images(folder, &[&references[0], &references[1], &references[2], &absent]).await;
    // One of them cannot be read.
    assert_eq!((code, &document["evidence"]), (Some(2), &json!([])), "{document}");
    let found = warnings(&document, "evidence-of-image");
    let [skipped, unsigned, no_statement] = found.as_slice() else { panic!("{document}") };
    assert_eq!(
        skipped,
        &format!(
            "{}: no OCSP response or CRL is requested: the certificates name no address, or the statement skips revocation",
            references[0]
        )
    );
    assert_eq!(unsigned, &format!("{}: it has no signatures, so no evidence is requested", references[1]));
    let expected =
        format!("{}: no usable statement of the trust policy verifies it, so no evidence is requested", references[2]);
    assert_eq!(no_statement, &expected);
    let unreadable = warnings(&document, "image-unreadable");
    let [absent_image] = unreadable.as_slice() else { panic!("{document}") };
    let start = format!("{absent}: its manifest cannot be read: image-not-found: ");
    assert!(absent_image.starts_with(&start), "{absent_image}");
    assert_eq!(responder.journal().len(), 0);
}

#[tokio::test]
async fn the_page_names_the_other_ways_if_no_address_was_tried() {
    let (responder, root) = (Responder::start().await, Authority::root(CertSpec::root()));
    let (_registry, folder) = with_registry(&root, &responder, json!({"level": "strict"})).await;
    let work = move || check(&folder, &["--for", "verify", "--online"]);
    let (code, page) = tokio::task::spawn_blocking(work).await.unwrap();
    let expected = "evidence      no certificate of the trust stores names an address that can be tried; for those of signers, use \
                    --image IMAGE, or `countersign inspect IMAGE`\n";
    assert!(page.contains(expected), "{page}");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn addresses_of_timestamping_authorities_and_of_responders_are_tried_too() {
    let (responder, root) = (Responder::start().await, Authority::root(CertSpec::root()));
    let (registry, folder) = with_registry(&root, &responder, json!({"level": "strict"})).await;
    let tsa_root = Authority::root(CertSpec::root().common_name("TSA Root"));
    folder.write("trust/truststore/x509/tsa/clock/root.pem", tsa_root.pem());
    let path = folder.path().join("trust/trustpolicy.json");
    let policy = std::fs::read_to_string(path).unwrap().replace(r#"["ca:main"]"#, r#"["ca:main","tsa:clock"]"#);
    folder.write("trust/trustpolicy.json", policy);
    let url = |path: &str| responder.url(path);
    let tsa = Tsa::of(tsa_root.issue(CertSpec::tsa().crl_url(&url("/tsa.crl"))));
    // The responder has a certificate of its own, which names a CRL.
    let delegate = CertSpec::leaf().common_name("responder").serial(&[0x77]).ekus(&[eku::OCSP_SIGNING]);
    let delegate = root.issue(delegate.crl_url(&url("/responder.crl")));
    let signer = root.issue(CertSpec::leaf().ocsp_url(&url("/ocsp")));
    let now = OffsetDateTime::now_utc();
    let good =
        Single::good(signer.leaf_der()).this_update(now - Duration::hours(1)).next_update(now + Duration::hours(2));
    let spec = OcspSpec::new([good]).signed_by(&delegate).produced_at(now - Duration::hours(1));
    let answer = root.ocsp(&spec);
    responder.ocsp("/ocsp", move |_| answer.clone());
    let image = registry.push_image("app", "v1");
    Signature::timestamped(&SignRequest::new(&signer, &image), Format::Jws, &tsa).attach(&registry, "app", &image);
    let reference = registry.reference("app", &image);
    let (code, document) = of_images(folder, &[&reference]).await;
    let found = document["evidence"].as_array().unwrap().iter().map(|one| one["url"].as_str().unwrap().to_owned());
    let mut found: Vec<String> = found.collect();
    found.sort();
    assert_eq!(found, [url("/ocsp"), url("/responder.crl"), url("/tsa.crl")], "{document}");
    assert_eq!(code, Some(0));
}
