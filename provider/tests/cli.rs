//! The built binary, as people and scripts meet it: exit codes, texts, documents, signals.

#[allow(clippy::unwrap_used)]
#[allow(clippy::disallowed_methods, reason = "the binary runs as a process here, and loopback needs no limits")]
mod tests {
    use std::io::BufRead as _;
    use std::io::BufReader;
    use std::process::Child;
    use std::process::Command;
    use std::process::Output;
    use std::process::Stdio;

    use countersign_core::name::Digest;
    use countersign_core::name::DigestAlgorithm;
    use countersign_testkit::notation;
    use countersign_testkit::pki::Authority;
    use countersign_testkit::pki::CertSpec;
    use countersign_testkit::proxy::Proxy;
    use countersign_testkit::registry::Registry;
    use countersign_testkit::registry::Route;
    use serde_json::Value;
    use serde_json::json;

    use countersign_test_support::binary;
    use countersign_testkit::folder::Folder;

    const GATEKEEPER: &str = "gatekeeper-webhook-service.gatekeeper-system.svc";

    /// Runs the binary and waits for its end, without blocking the registry of the test.
    async fn countersign(arguments: &[&str]) -> Output {
        countersign_in(arguments, &[]).await
    }

    /// As [`countersign`], with these variables about proxies and no others.
    async fn countersign_in(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), environment);
        command.args(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[track_caller]
    fn check(output: &Output, code: i32) {
        assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
    }

    /// A registry with images of every fate, and a configuration that knows it.
    struct Fixture {
        registry: Registry,
        folder: Folder,
        root: Authority,
    }

    impl Fixture {
        async fn new() -> Self {
            let registry = Registry::start().await;
            let root = Authority::root(CertSpec::root());
            let signed = registry.push_image("app", "signed");
            notation::sign_image(&registry, "app", &signed, &root.issue(CertSpec::leaf()));
            let untrusted = Authority::root(CertSpec::root().common_name("untrusted")).issue(CertSpec::leaf());
            let foreign = registry.push_image("app", "foreign");
            notation::sign_image(&registry, "app", &foreign, &untrusted);
            registry.push_image("app", "unsigned");
            let folder = Folder::new();
            let host = registry.host();
            let policy = json!({"version": "1.0", "trustPolicies": [
                {"name": "mirror", "registryScopes": [format!("{host}/mirror")], "signatureVerification": {"level": "skip"}},
                {"name": "app", "registryScopes": ["*"],
                 "signatureVerification": {"level": "strict", "override": {"revocation": "skip"}},
                 "trustStores": ["ca:main"], "trustedIdentities": ["*"]},
            ]});
            folder.write("trust/trustpolicy.json", policy.to_string());
            folder.write("trust/truststore/x509/ca/main/root.pem", root.pem());
            let config = format!("trust: {{directory: trust}}\nregistries:\n- {{host: '{host}', plainHttp: true}}\n");
            folder.write("c.yaml", config);
            Self { registry, folder, root }
        }

        fn config(&self) -> String {
            self.folder.path().join("c.yaml").display().to_string()
        }

        fn image(&self, name: &str) -> String {
            format!("{}/{name}", self.registry.host())
        }

        async fn verify(&self, arguments: &[&str], images: &[&str]) -> Output {
            let config = self.config();
            let images: Vec<String> = images.iter().map(|image| self.image(image)).collect();
            let mut all = vec!["verify", "--config", &config];
            all.extend(arguments);
            all.extend(images.iter().map(String::as_str));
            countersign(&all).await
        }
    }

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
        assert_eq!(
            lines[5],
            format!("  trusted by  ca:main, CN=root,O=Testkit,ST=ZH,C=CH (sha256 {})", fingerprint.hex())
        );
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
        assert_eq!(document["signatures"][0]["result"], "not-asked");
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
            shown.contains(&format!(
                "through the proxy {} (from HTTPS_PROXY): it responds with status 407",
                proxy.host()
            )),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");

        // Neither is an unlisted host asked by it, nor one inside.
        let before = proxy.connections();
        check(&verify(&fixture.image("app:signed"), &url).await, 2);
        with("- {host: 'registry.tools.svc:5000', plainHttp: true}\n");
        let output = verify("registry.tools.svc:5000/app:signed", &url).await;
        check(&output, 2);
        let stdout = text(&output.stdout);
        assert!(stdout.contains("registry-not-allowed") && stdout.contains("from http_proxy"), "{stdout}");
        assert_eq!((proxy.connections(), fixture.registry.connections()), (before, 0));

        // What is asked directly knows no variable.
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
    async fn a_mistake_on_the_command_line_ends_with_exit_code_3() {
        for arguments in [
            &[][..],
            &["verfy"],
            &["verify", "nginx"],
            &["verify", "--config", "c.yaml"],
            &["verify", "--config", "c.yaml", "-o", "xml", "nginx"],
            &["verify", "--config", "c.yaml", "nginx", "Not/An/Image"],
            &["serve"],
            &["serve", "--config", "c.yaml", "extra"],
        ] {
            let output = countersign(arguments).await;
            check(&output, 3);
            assert_eq!(text(&output.stdout), "", "{arguments:?}");
            assert!(!output.stderr.is_empty(), "{arguments:?}");
        }
        let output = countersign(&["verify", "--config", "c.yaml", "nginx", "Not/An/Image"]).await;
        assert!(
            text(&output.stderr).starts_with(
                "error: invalid value 'Not/An/Image' for '<IMAGE>...': image reference has an invalid repository"
            ),
            "{}",
            text(&output.stderr)
        );
    }

    #[tokio::test]
    async fn reports_all_mistakes_in_files_with_exit_code_3() {
        let output = countersign(&["verify", "--config", "/nowhere/c.yaml", "nginx"]).await;
        check(&output, 3);
        assert_eq!(
            text(&output.stderr),
            "countersign: cannot read the configuration /nowhere/c.yaml: No such file or directory (os error 2)\n"
        );

        let folder = Folder::new();
        let path = folder.path().display().to_string();
        let config = format!("{path}/c.yaml");
        folder.write("c.yaml", "trust: {directroy: t}\nlog: {level: 5}\n");
        let output = countersign(&["verify", "-c", &config, "nginx"]).await;
        check(&output, 3);
        let told = text(&output.stderr);
        assert!(
            told.starts_with(&format!("countersign: the configuration {config} has 3 mistakes\n  {config}:1: ")),
            "{told}"
        );

        folder.write(
            "c.yaml",
            "trust: {directory: t}\nregistries: [{host: a.b, ca: no.pem, credentials: {usernameFile: u, passwordFile: p}}]\n",
        );
        folder.write("u", "\n");
        folder.write("p", vec![b'x'; 1024 * 1024 + 1]);
        let output = countersign(&["verify", "-c", &config, "nginx"]).await;
        check(&output, 3);
        assert_eq!(
            text(&output.stderr).replace(&format!("{path}/"), ""),
            "countersign: the trust policy and trust stores have 1 mistake
  t has neither trustpolicy.oci.json nor trustpolicy.json, expected a trust policy document
countersign: the files \
             of the registries have 3 mistakes
  no.pem: cannot be read: No such file or directory (os error 2)
  \
             u: is empty, expected a user name or a password
  p: has more than 1048576 bytes
"
        );
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
        let told = text(&output.stderr);
        let warning = "countersign: warning: an entry of ";
        let detail = "docker.json (registry a.b) is disabled, so that its images are inconclusive: \
                      entry \"a.b\" has an auth without a colon, expected the base64 of name:password\n";
        assert!(told.starts_with(warning) && told.ends_with(detail), "{told}");
        // The image of that registry is inconclusive, and says why; the registry is not asked.
        let output = countersign(&["verify", "-c", &fixture.config(), "-o", "json", "a.b/app:v1"]).await;
        check(&output, 2);
        let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(told.contains("registry-misconfigured") && told.contains("a.b is not asked: "), "{told}");
        assert!(!told.contains("hunter2") && !told.contains("aHVudGVyMg"), "{told}");
    }

    #[tokio::test]
    async fn help_and_version_are_no_mistakes() {
        for arguments in [&["--help"][..], &["verify", "--help"], &["serve", "--help"], &["help", "verify"]] {
            let output = countersign(arguments).await;
            check(&output, 0);
            assert!(text(&output.stdout).contains("Examples:"), "{}", text(&output.stdout));
        }
        let output = countersign(&["--version"]).await;
        check(&output, 0);
        assert_eq!(text(&output.stdout), concat!("countersign ", env!("CARGO_PKG_VERSION"), "\n"));
    }

    /// Adds what `serve` needs to the fixture's configuration. Gives what speaks as Gatekeeper.
    fn add_server(fixture: &Fixture) -> reqwest::Client {
        // A second installation is refused, and the first serves all tests of the process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let authority = Authority::root(CertSpec::root().common_name("TLS"));
        let server = authority.issue(CertSpec::tls_server(&["localhost"]));
        let client = authority.issue(CertSpec::tls_client(GATEKEEPER));
        fixture.folder.write("tls.crt", server.pem());
        fixture.folder.write("tls.key", server.key_pem());
        fixture.folder.write("ca.crt", authority.pem());
        let config = std::fs::read_to_string(fixture.config()).unwrap();
        let server = "server: {listen: '127.0.0.1:0', tls: {certificate: tls.crt, key: tls.key, clientCa: ca.crt}}\n";
        fixture.folder.write("c.yaml", format!("{config}{server}health: {{listen: '127.0.0.1:0'}}\n"));
        reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap()])
            .identity(reqwest::Identity::from_pem((client.pem() + &client.key_pem()).as_bytes()).unwrap())
            .build()
            .unwrap()
    }

    #[tokio::test]
    async fn serves_until_sigterm() {
        let fixture = Fixture::new().await;
        let client = add_server(&fixture);
        let mut process = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["serve"])
            .env("COUNTERSIGN_CONFIG", fixture.config())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut event = move || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
        let start = event();
        assert_eq!(start["message"], "start");
        assert_eq!(start["version"], env!("CARGO_PKG_VERSION"));
        assert!(start["config"].as_str().unwrap().starts_with("server.listen=127.0.0.1:0 server.tls.certificate="));
        let trust = event();
        assert_eq!(
            (&trust["message"], &trust["generation"]),
            (&json!("trust policy and trust stores in use"), &json!(1))
        );
        assert!(trust["digest"].as_str().unwrap().starts_with("sha256:"), "{trust}");
        let mut next = event();
        while next["message"] != "listening" {
            assert_eq!(next["level"], "WARN", "{next}");
            next = event();
        }
        let port = next["endpoints"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        let ready = reqwest::get(format!("http://{}/readyz", next["health"].as_str().unwrap())).await.unwrap();
        assert_eq!(ready.status(), 200);

        let image = fixture.image("app:signed");
        let request = json!({
            "apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest", "request": {"keys": [image]},
        });
        let answer = client
            .post(format!("https://localhost:{port}/v1/verify"))
            .header("content-type", "application/json")
            .body(request.to_string())
            .send()
            .await
            .unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["response"]["items"][0]["value"]["verdict"], "verified", "{answer}");

        let id = process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let ended = tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
        assert_eq!(ended.code(), Some(0));
        let messages: Vec<Value> =
            std::iter::repeat_with(event).take(3).map(|event| event["message"].clone()).collect();
        assert_eq!(messages, ["verdict", "stopping", "stopped"]);
    }

    /// `countersign serve` with its log piped.
    fn serve(fixture: &Fixture) -> Child {
        let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
        command.args(["serve", "--config", &fixture.config()]).stderr(Stdio::piped()).spawn().unwrap()
    }

    #[tokio::test]
    async fn serve_starts_without_a_policy_document_that_can_be_used_and_is_not_ready() {
        let fixture = Fixture::new().await;
        add_server(&fixture);
        fixture.folder.write("trust/trustpolicy.json", "{");
        let mut process = serve(&fixture);
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let mut events = events.skip_while(|event| event["level"] != "ERROR");
        let error = events.next().unwrap();
        assert_eq!(error["message"], "no trust policy is in use: every image is inconclusive");
        assert!(
            error["error"].as_str().unwrap().contains("trust/trustpolicy.json: trust policy: not one JSON document: ")
        );
        let listening = events.find(|event| event["message"] == "listening").unwrap();
        let ready = reqwest::get(format!("http://{}/readyz", listening["health"].as_str().unwrap())).await.unwrap();
        assert_eq!(ready.status(), 503);
        let why = ready.text().await.unwrap();
        assert!(why.starts_with("[-] trust: the trust policy and trust stores have 1 mistake; "), "{why}");
        process.kill().unwrap();
        tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn serve_logs_every_part_of_the_trust_that_is_disabled_or_ignored() {
        let fixture = Fixture::new().await;
        add_server(&fixture);
        fixture.folder.write("trust/truststore/x509/ca/main/old/root.pem", "ignored");
        let policy = json!({"version": "1.0", "trustPolicies": [
            {"name": "good", "registryScopes": ["r.example/good"], "signatureVerification": {"level": "strict"},
             "trustStores": ["ca:main"], "trustedIdentities": ["*"]},
            {"name": "bad", "registryScopes": ["r.example/bad"], "signatureVerification": {"level": "strict"},
             "trustStores": ["ca:absent"], "trustedIdentities": ["*"]},
        ]});
        fixture.folder.write("trust/trustpolicy.json", policy.to_string());
        let mut process = serve(&fixture);
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let events: Vec<Value> = events.take_while(|event| event["message"] != "listening").collect();
        process.kill().unwrap();
        tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
        let folder = format!("{}/", fixture.folder.path().display());
        let logged = |level: &str| {
            let of_level = events.iter().filter(|event| event["level"] == level);
            of_level.map(|event| event["message"].as_str().unwrap().replace(&folder, "")).collect::<Vec<_>>()
        };
        let missing = "trust store ca:absent cannot be used: found no directory trust/truststore/x509/ca/absent, expected one \
                       with certificate files";
        assert_eq!(
            logged("ERROR"),
            [
                "files have mistakes; what depends on them is disabled or keeps its former content".to_owned(),
                format!("statement \"bad\" is disabled: {missing}"),
                missing.to_owned(),
            ]
        );
        let ignored = "trust store ca:main has sub-directories, which are ignored: \"old\"; put certificate files into the \
                       store's own directory";
        assert!(logged("WARN").contains(&ignored.to_owned()), "{events:?}");
    }

    #[tokio::test]
    async fn a_port_in_use_ends_with_exit_code_2() {
        let fixture = Fixture::new().await;
        add_server(&fixture);
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let config = std::fs::read_to_string(fixture.config()).unwrap();
        fixture.folder.write("c.yaml", config.replacen("127.0.0.1:0", &address.to_string(), 1));
        let output = countersign(&["serve", "--config", &fixture.config()]).await;
        check(&output, 2);
        let told = text(&output.stderr);
        let wanted = format!(
            "countersign: cannot listen on {address} for the endpoints: Address already in use (os error 98)\n"
        );
        assert!(told.ends_with(&wanted), "{told}");
    }

    #[tokio::test]
    async fn serve_reports_mistakes_in_certificates_and_trust_at_once() {
        let fixture = Fixture::new().await;
        add_server(&fixture);
        fixture.folder.write("tls.crt", "garbage");
        fixture.folder.write("trust/trustpolicy.json", "{");
        let output = countersign(&["serve", "--config", &fixture.config()]).await;
        check(&output, 3);
        let told: Vec<&str> = text(&output.stderr).lines().skip(1).collect();
        assert_eq!(
            told[0],
            format!(
                "countersign: {}/tls.crt: server certificate cannot be read: has no -----BEGIN line, expected \
                 CERTIFICATE blocks in PEM",
                fixture.folder.path().display()
            )
        );
        assert_eq!(told[1], "countersign: the trust policy and trust stores have 1 mistake");
    }
}
