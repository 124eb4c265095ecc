//! `countersign verify`: verdicts, exit codes, credentials and proxies.

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_testkit::folder::Folder;
use countersign_testkit::notation;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use serde_json::Value;
use serde_json::json;

use crate::commands::cli::Fixture;
use crate::commands::cli::check;
use crate::commands::cli::countersign;
use crate::commands::cli::countersign_in;
use crate::commands::cli::text;

#[tokio::test]
async fn a_signed_image_is_verified_with_exit_code_0() {
    let fixture = Fixture::new().await;
    let output = fixture.verify(&[], &["app:signed", "mirror:v1"]).await;
    check(&output, 0);
    let stdout = text(&output.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[0], format!("verified      {}", fixture.image("app:signed")));
    assert_eq!(lines[2], "  statement   app");
    assert!(lines[3].starts_with("  signer      CN=leaf,"), "{stdout}");
    assert!(lines[4].starts_with("  issuer      CN=root,"), "{stdout}");
    let der = fixture.root.der();
    let fingerprint = Digest::of(DigestAlgorithm::Sha256, der);
    assert_eq!(lines[5], format!("  trusted by  ca:main, CN=root,O=Testkit,ST=ZH,C=CH (sha256 {})", fingerprint.hex()));
    assert_eq!(
        lines[7],
        "  checks      integrity passed, authenticity passed, authenticTimestamp passed, expiry passed, revocation \
             skipped"
    );
    assert_eq!(lines[11], format!("skipped       {}", fixture.image("mirror:v1")));
    assert_eq!(text(&output.stderr), "");
}

#[tokio::test]
async fn a_broken_part_of_the_trust_makes_its_images_inconclusive_and_no_others() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("other", "v1");
    notation::sign_image(
        &fixture.registry,
        "other",
        &image,
        &Authority::root(CertSpec::root()).issue(CertSpec::leaf()),
    );
    let path = fixture.folder.path().join("trust/trustpolicy.json");
    let mut policy: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    policy["trustPolicies"].as_array_mut().unwrap().push(json!({
        "name": "other", "registryScopes": [fixture.image("other")], "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:absent"], "trustedIdentities": ["*"],
    }));
    fixture.folder.write("trust/trustpolicy.json", policy.to_string());
    let output = fixture.verify(&["-o", "json"], &["app:signed", "other:v1", "mirror:v1"]).await;
    check(&output, 2);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let codes = document["images"].as_array().unwrap().iter().map(|image| image["code"].as_str().unwrap());
    assert_eq!(codes.collect::<Vec<_>>(), ["verified", "trust-store-unusable", "skipped"]);
    let folder = format!("{}/", fixture.folder.path().display());
    let missing = "expected the directory trust/truststore/x509/ca/absent with certificate files";
    assert_eq!(
        document["images"][1]["message"].as_str().unwrap().replace(&folder, ""),
        "statement \"other\" of the trust policy is disabled: trust store ca:absent cannot be used: found no directory \
             trust/truststore/x509/ca/absent, expected one with certificate files"
    );
    assert_eq!(
        text(&output.stderr).replace(&folder, ""),
        format!(
            "countersign: warning: the trust policy and trust stores have 1 mistake\n  trust store ca:absent of \
                 statement \"other\" is missing, {missing}\n"
        )
    );
    // What is in its signature is shown, and not that it would count.
    let image = fixture.image("other:v1");
    let output = countersign(&["inspect", "--config", &fixture.config(), "-o", "json", &image]).await;
    check(&output, 2);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["image"]["code"], "trust-store-unusable");
    assert_eq!(document["image"]["statement"], "other");
    assert_eq!(document["signatures"][0]["result"], "not-judged");
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_asked_for_listed_hosts_and_for_no_others() {
    let fixture = Fixture::new().await;
    let ca = Authority::root(CertSpec::root());
    let hidden = Registry::start_tls(&ca.issue(CertSpec::tls_server(&["registry.example"]))).await;
    let root = Authority::root(CertSpec::root());
    notation::sign_image(&hidden, "app", &hidden.push_image("app", "signed"), &root.issue(CertSpec::leaf()));
    fixture.folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
    fixture.folder.write("ca.pem", ca.pem());
    let with = |more: &str| {
        let entry = "registries:\n- {host: registry.example, ca: ca.pem}\n";
        fixture.folder.write("c.yaml", format!("trust: {{directory: trust}}\n{entry}{more}"));
    };
    with("");
    let proxy = Proxy::start().await;
    proxy.require_login("cs", "s3cret");
    proxy.resolve("registry.example:443", hidden.address());
    let url = proxy.url().replace("http://", "http://cs:s3cret@");
    let config = fixture.config();
    let verify = async |image: &str, https: &str| {
        let variables = [("HTTPS_PROXY", https), ("http_proxy", https), ("NO_PROXY", "10.0.0.0/8")];
        countersign_in(&["verify", "--config", &config, image], &variables).await
    };
    let output = verify("registry.example/app:signed", &url).await;
    check(&output, 0);
    assert!(text(&output.stdout).starts_with("verified "), "{}", text(&output.stdout));
    let targets = proxy.targets();
    assert!(
        !targets.is_empty() && targets.iter().all(|target| target == "CONNECT registry.example:443"),
        "{targets:?}"
    );

    // A failure is the proxy's, and shows no password.
    let output = verify("registry.example/app:signed", &url.replace("s3cret", "hunter2")).await;
    check(&output, 2);
    let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(
        shown.contains(&format!("through the proxy {} (from HTTPS_PROXY): it responds with status 407", proxy.host())),
        "{shown}"
    );
    assert!(!shown.contains("hunter2"), "{shown}");

    // It is not used for unlisted or internal hosts.
    let before = proxy.connections();
    check(&verify(&fixture.image("app:signed"), &url).await, 2);
    with("- {host: 'registry.tools.svc:5000', plainHttp: true}\n");
    let output = verify("registry.tools.svc:5000/app:signed", &url).await;
    check(&output, 2);
    let stdout = text(&output.stdout);
    assert!(stdout.contains("registry-not-allowed") && stdout.contains("from http_proxy"), "{stdout}");
    assert_eq!((proxy.connections(), fixture.registry.connections()), (before, 0));

    // Direct requests ignore the variables.
    let host = fixture.registry.host();
    with(&format!("- {{host: '{host}', plainHttp: true}}\n"));
    check(&verify(&fixture.image("app:unsigned"), &url).await, 1);
    with(&format!("- {{host: '{host}', plainHttp: true, proxy: none}}\n"));
    check(&verify(&fixture.image("app:unsigned"), &url).await, 1);
    assert!(fixture.registry.connections() >= 2);
    assert_eq!(proxy.connections(), before);
}

#[tokio::test]
async fn a_variable_that_names_no_proxy_is_a_mistake_where_it_is_used() {
    let fixture = Fixture::new().await;
    let config = fixture.config();
    let image = fixture.image("app:signed");
    let variables = [("HTTPS_PROXY", "socks5://u:hunter2@proxy.example:1080")];
    let output = countersign_in(&["verify", "--config", &config, &image], &variables).await;
    check(&output, 3);
    assert_eq!(
        text(&output.stderr),
        "countersign: the environment variable HTTPS_PROXY has a URL with scheme \"socks5\", expected http or \
             https\n"
    );
    let host = fixture.registry.host();
    let direct =
        format!("trust: {{directory: trust}}\nregistries:\n- {{host: '{host}', plainHttp: true, proxy: none}}\n");
    fixture.folder.write("c.yaml", direct);
    check(&countersign_in(&["verify", "--config", &config, &image], &variables).await, 0);
}

#[tokio::test]
async fn one_rejected_image_gives_exit_code_1() {
    let fixture = Fixture::new().await;
    let images = ["app:signed", "app:unsigned", "app:foreign", "app:none"];
    let output = fixture.verify(&["-o", "json"], &images).await;
    check(&output, 1);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |name: &str| -> Vec<String> {
        let images = document["images"].as_array().unwrap();
        images.iter().map(|image| image[name].as_str().unwrap_or("null").to_owned()).collect()
    };
    assert_eq!(of("verdict"), ["verified", "rejected", "rejected", "inconclusive"]);
    assert_eq!(of("code"), ["verified", "unsigned", "untrusted-chain", "image-not-found"]);
    assert_eq!(of("image"), images.map(|image| fixture.image(image)));
    assert_eq!(of("statement"), ["app"; 4]);
    let first = &document["images"][0];
    let subject = first["signer"]["subject"].as_str().unwrap();
    assert!(subject.starts_with("CN=leaf,"), "{subject}");
    assert_eq!(first["signer"]["scheme"], "notary.x509");
    assert_eq!(first["checks"]["revocation"], "skipped");
    let message = format!("signed by {subject:?}, trusted by statement \"app\" of the trust policy");
    assert_eq!(first["message"], message.as_str());
    assert_eq!(document["images"][2]["signatures"][0]["reasons"][0]["code"], "untrusted-chain");
    assert_eq!(document["images"][3]["digest"], Value::Null);
}

#[tokio::test]
async fn an_inconclusive_image_ends_with_exit_code_2() {
    let fixture = Fixture::new().await;
    fixture.registry.when(Route::Referrers).status(503);
    let output = fixture.verify(&[], &["mirror:v1", "app:signed"]).await;
    check(&output, 2);
    assert!(text(&output.stdout).contains("inconclusive  "), "{}", text(&output.stdout));
}

#[tokio::test]
async fn credentials_and_authorities_come_from_files() {
    let authority = Authority::root(CertSpec::root());
    let registry = Registry::start_tls(&authority.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
    let image = registry.push_image("app", "v1");
    notation::sign_image(&registry, "app", &image, &authority.issue(CertSpec::leaf()));
    registry.require_basic("alice", "hunter2");
    let folder = Folder::new();
    folder.write("trust/trustpolicy.json", countersign_test_support::fixture::policy(&["ca:main"], &["*"]));
    folder.write("trust/truststore/x509/ca/main/root.pem", authority.pem());
    folder.write("ca.pem", authority.pem());
    folder.write("user", "alice\n");
    folder.write("password", "hunter2\n");
    let host = registry.host();
    let auths = json!({"auths": {&host: {"username": "alice", "password": "hunter2"}}});
    folder.write("docker.json", auths.to_string());
    let config = folder.path().join("c.yaml").display().to_string();
    for (credentials, verdict, code) in [
        ("{usernameFile: user, passwordFile: password}", "verified", 0),
        ("{dockerConfig: docker.json}", "verified", 0),
        ("{anonymous: true}", "inconclusive", 2),
    ] {
        let entry = format!("{{host: '{host}', ca: ca.pem, credentials: {credentials}}}");
        folder.write("c.yaml", format!("trust: {{directory: trust}}\nregistries: [{entry}]\n"));
        let output = countersign(&["verify", "-c", &config, &format!("{host}/app:v1")]).await;
        check(&output, code);
        assert!(text(&output.stdout).starts_with(verdict), "{}", text(&output.stdout));
        assert!(!text(&output.stdout).contains("hunter2"), "{}", text(&output.stdout));
    }
}

#[tokio::test]
async fn a_broken_credential_is_not_shown() {
    let fixture = Fixture::new().await;
    // Base64 of the password alone.
    fixture.folder.write("docker.json", r#"{"auths":{"a.b":{"auth":"aHVudGVyMg=="}}}"#);
    fixture.folder.write(
        "c.yaml",
        "trust: {directory: trust}\nregistries: [{host: a.b, credentials: {dockerConfig: docker.json}}]\n",
    );
    let output = fixture.verify(&[], &["app:signed"]).await;
    check(&output, 2);
    let reported = text(&output.stderr);
    let warning = "countersign: warning: an entry of ";
    let detail = "docker.json (registry a.b) is disabled, so that its images are inconclusive: \
                      entry \"a.b\" has an auth without a colon, expected the base64 of name:password\n";
    assert!(reported.starts_with(warning) && reported.ends_with(detail), "{reported}");
    // The image of that registry is inconclusive with the reason; the registry gets no request.
    let output = countersign(&["verify", "-c", &fixture.config(), "-o", "json", "a.b/app:v1"]).await;
    check(&output, 2);
    let reported = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(
        reported.contains("registry-misconfigured") && reported.contains("no request is sent to a.b: "),
        "{reported}"
    );
    assert!(!reported.contains("hunter2") && !reported.contains("aHVudGVyMg"), "{reported}");
}
