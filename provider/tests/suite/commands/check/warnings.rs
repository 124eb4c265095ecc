//! Warnings, which do not change the exit code.

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::json;
use time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

use crate::commands::check::START;
use crate::commands::check::check;
use crate::commands::check::check_in;
use crate::commands::check::document;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

#[test]
fn warns_about_a_subdirectory_of_a_trust_store() {
    let folder = sound();
    folder.write("trust/truststore/x509/ca/main/old/root.pem", "garbage");
    folder.write("trust/truststore/x509/ca/main/..2026_11_21/root.pem", "garbage");
    let (code, page) = check(&folder, &[]);
    assert_eq!(code, Some(0));
    let warnings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("warning       ")).collect();
    let warning = "store-subdirectories: trust store ca:main has sub-directories, which are ignored: \"old\"; put certificate files into the store's own directory";
    assert_eq!(warnings, [warning], "{page}");
}

#[test]
fn warnings_do_not_change_the_exit_code() {
    let folder = sound();
    let soon = (OffsetDateTime::now_utc() + Duration::days(29)).replace_nanosecond(0).unwrap();
    let later = OffsetDateTime::now_utc() + Duration::days(40);
    let soon_text = soon.format(&Rfc3339).unwrap();
    let tls = Authority::root(CertSpec::root().common_name("TLS").valid(START, later));
    let server = tls.issue(CertSpec::tls_client("nameless").alternative_names(&[]).valid(START, soon));
    folder.write("tls.crt", server.pem());
    folder.write("tls.key", server.key_pem());
    let ended = Authority::root(CertSpec::root().common_name("ended").valid(START, datetime!(2026-01-01 00:00 UTC)));
    let ending = Authority::root(CertSpec::root().common_name("ending").valid(START, soon));
    folder.write("trust/truststore/x509/ca/main/ended.pem", ended.pem());
    folder.write("trust/truststore/x509/ca/main/ending.pem", ending.pem());
    folder.write("trust/truststore/x509/signingAuthority/cloud/root.pem", Authority::root(CertSpec::root()).pem());
    folder.write("trust/truststore/x509/tsa/clock/root.pem", Authority::root(CertSpec::root()).pem());
    let mut hub = statement("hub", "docker.io/nginx");
    hub["registryScopes"] = json!(["docker.io/nginx", "index.docker.io/library/redis", "ghcr.io/a/b"]);
    hub["signatureVerification"] = json!({"level": "strict"});
    let mut cloud = statement("cloud", "cloud.example/a");
    cloud["trustStores"] = json!(["signingAuthority:cloud", "tsa:clock"]);
    cloud["trustedIdentities"] = json!(["*"]);
    let mut foreign = statement("foreign", "cloud.example/b");
    foreign["trustedIdentities"] = json!(["arn:aws:signer:x"]);
    let mut audit = statement("audit", "*");
    audit["signatureVerification"] = json!({"level": "audit"});
    folder.write("trust/trustpolicy.json", policy(&[hub, cloud, foreign, audit]));
    let (code, document) = document(&folder);
    assert_eq!(document["mistakes"], json!([]));
    assert_eq!(code, Some(0));
    let warnings: Vec<_> = document["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| (warning["warning"].as_str().unwrap(), warning["message"].as_str().unwrap()))
        .collect();
    let subject = |name: &str| format!("CN={name},O=Testkit,ST=ZH,C=CH");
    let expected = [
            ("certificate-ends-soon", format!("tls.crt: certificate \"C=CH, ST=ZH, O=Testkit, CN=nameless\" ends soon, at {soon_text}")),
            ("certificate-without-names", "tls.crt: certificate \"C=CH, ST=ZH, O=Testkit, CN=nameless\" has no DNS name and no address: Gatekeeper takes none without the host of the Provider's url".to_owned()),
            ("certificate-not-for-servers", "tls.crt: certificate \"C=CH, ST=ZH, O=Testkit, CN=nameless\" has an extended key usage without serverAuth: Gatekeeper will not take it".to_owned()),
            ("every-customer", "statement \"cloud\" trusts every customer of the signing service in the signing \
                                authority store signingAuthority:cloud; name identities, unless the service signs \
                                only for you; signatures of AWS Signer are rejected without the ARN of a signing profile".to_owned()),
            ("identity-never-matches", "statement \"foreign\" has the identity \"arn:aws:signer:x\", which no signer \
                                       matches: it is not an ARN of AWS Signer: found 4 parts between colons, expected six, \
                                       arn:PARTITION:signer:REGION:ACCOUNT:/signing-profiles/NAME, the same with /VERSION, \
                                       arn:PARTITION:signer:REGION::/aliased-signing-profiles/ID, or \
                                       arn:PARTITION:signer:::/aliases/NAME".to_owned()),
            ("anybody-counts", "statement \"audit\" only logs authenticity, so that a signature by anyone admits \
                                an image".to_owned()),
            ("store-certificate-expired", format!("trust store ca:main: certificate {:?} has expired at \
              2026-01-01T00:00:00Z; signatures under it are outside its \
                                                   validity", subject("ended"))),
            ("store-certificate-ends-soon", format!("trust store ca:main: certificate {:?} ends soon, at {soon_text}", subject("ending"))),
        ];
    assert_eq!(warnings, expected.each_ref().map(|(kind, message)| (*kind, message.as_str())));
}

#[test]
fn warns_about_a_scope_at_a_refused_registry() {
    let folder = sound();
    let mut skipped = statement("skipped", "elsewhere.example.com/b");
    skipped["signatureVerification"] = json!({"level": "skip"});
    skipped.as_object_mut().unwrap().retain(|name, _| !name.starts_with("trust"));
    let mut app = statement("app", "");
    app["registryScopes"] = json!(["registry.example.com/app", "a.b.example.org/app", "example.org/app"]);
    folder.write("trust/trustpolicy.json", policy(&[skipped, app]));
    folder.write(
        "c.yaml",
        "trust: {directory: trust}
unlistedRegistries: refuse
registries: [{host: registry.example.com}, {host: '**.example.org'}]
",
    );
    let (code, page) = check(&folder, &["--for", "verify"]);
    assert_eq!(code, Some(0));
    let warnings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("warning       ")).collect();
    assert_eq!(
        warnings,
        [
            "registry-refused: statement \"app\" has the scope \"example.org/app\", whose registry is not among the registries, \
             and unlistedRegistries is refuse: its images are inconclusive"
        ],
        "{page}"
    );
    assert!(page.contains("\nstatement     skipped, skip\n  scope       elsewhere.example.com/b\n"), "{page}");
}

#[test]
fn warns_about_a_scope_with_a_port_of_a_plain_http_registry() {
    let folder = sound();
    let mut app = statement("app", "");
    app["registryScopes"] = json!([
        "plain.example/app",
        "plain.example:80/b",
        "PLAIN.example:0443/c",
        "plain.example:5000/d",
        "a.in.example:80/e",
        "registry.example.com:80/f"
    ]);
    folder.write("trust/trustpolicy.json", policy(&[app]));
    folder.write(
            "c.yaml",
            "trust: {directory: trust}
registries: [{host: registry.example.com}, {host: plain.example, plainHttp: true}, {host: '*.in.example', plainHttp: true}]
",
        );
    let (code, page) = check(&folder, &["--for", "verify"]);
    assert_eq!(code, Some(0));
    let warnings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("warning       ")).collect();
    let expected = ["plain.example:80/b", "PLAIN.example:0443/c", "a.in.example:80/e"].map(|scope| {
            format!(
                "scope-with-port: statement \"app\" has the scope \"{scope}\", which writes a port, and registries has that \
                 host over plain HTTP without one: its images are inconclusive; write the scope without a port, as \
                 references are"
            )
        });
    assert_eq!(warnings, expected, "{page}");
}

#[test]
fn warns_about_questionable_entries_of_a_pull_secret() {
    let folder = sound();
    folder.write(
            "docker.json",
            r#"{"auths":{"docker.io":{"auth":"YTpi"},"https://index.docker.io/v1/":{"auth":"Yzpk"},"a.example":{"auth":"YTpiCg=="}},"credHelpers":{"gcr.io":"gcloud"}}"#,
        );
    folder.write(
        "c.yaml",
        "trust: {directory: trust}
registries: [{host: b.example, credentials: {dockerConfig: docker.json}}]
",
    );
    let (code, page) = check(&folder, &["--for", "verify"]);
    assert_eq!(code, Some(0));
    let warnings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("warning       ")).collect();
    let of = |text: &str| format!("docker.json: {text}, for registry b.example");
    assert_eq!(
        warnings,
        [
            format!(
                "credential-not-used: {}",
                of(
                    "entry \"https://index.docker.io/v1/\" is for the same images as \"docker.io\", differs from it and is not used"
                )
            ),
            format!(
                "credential-ends-with-line-feed: {}",
                of("entry \"a.example\" has a password that ends with a line feed, which is sent with it; \
                         remove it if it is not intended")
            ),
            format!(
                "credential-helper-ignored: {}",
                of("credHelpers names \"gcloud\" for \"gcr.io\": helpers are not run; requests to registries \
                         without a credential in auths are anonymous; in place of gcloud, write \
                         `credentials: { google: {} }` in the entry of the registry")
            ),
            format!("no-credentials: {}", of("has no entry for this registry, which is used anonymously")),
        ],
        "{page}"
    );
}

#[test]
fn warns_about_a_system_without_certificate_authorities() {
    let folder = sound();
    folder.write("system.pem", "");
    let (code, document) = document(&folder);
    assert_eq!(code, Some(0));
    assert_eq!(
        document["warnings"],
        json!([{
            "warning": "no-system-authorities",
            "message": "this system has no CA certificates; only registries with `ca` or `plainHttp` can be \
                        used",
        }])
    );
}

#[test]
fn warns_about_unlisted_registries_only_if_others_are_listed_and_nothing_is_set() {
    let warning = "unlisted-registries-anonymous: registries has entries, and unlistedRegistries is not set, so that \
                   anonymous applies: requests without credentials are also sent to hosts that no entry matches, and \
                   everyone who can create a pod chooses these hosts; set unlistedRegistries: refuse and list every \
                   registry in use, or set anonymous if this is intended";
    let entry = "registries: [{host: registry.example.com}]\n";
    let folder = sound();
    let sound = std::fs::read_to_string(folder.path().join("c.yaml")).unwrap();
    let (server, _) = sound.split_once("unlistedRegistries:").unwrap();
    for (more, purpose, expected) in [
        (entry.to_owned(), "serve", &[warning][..]),
        (entry.to_owned(), "verify", &[]),
        (format!("{entry}unlistedRegistries: anonymous\n"), "serve", &[]),
        (format!("{entry}unlistedRegistries: refuse\n"), "serve", &[]),
        ("registries: []\n".to_owned(), "serve", &[]),
        (String::new(), "serve", &[]),
    ] {
        folder.write("c.yaml", format!("{server}{more}"));
        let (code, page) = check(&folder, &["--for", purpose]);
        assert_eq!(code, Some(0), "{page}");
        let warnings: Vec<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("warning       "))
            .filter(|line| line.starts_with("unlisted-registries"))
            .collect();
        assert_eq!(warnings, expected, "{more} {purpose}");
    }
}

#[test]
fn warns_about_timestamps_that_are_not_used_as_there_is_no_tsa_store() {
    let folder = sound();
    folder.write("trust/truststore/x509/tsa/clock/root.pem", Authority::root(CertSpec::root()).pem());
    let with = |name: &str, verify: &str, stores: &[&str]| {
        let mut statement = statement(name, &format!("registry.example.com/{name}"));
        statement["signatureVerification"]["verifyTimestamp"] = json!(verify);
        statement["trustStores"] = json!(stores);
        statement
    };
    folder.write(
        "trust/trustpolicy.json",
        policy(&[
            with("always", "always", &["ca:main"]),
            with("after", "afterCertExpiry", &["ca:main"]),
            with("empty", "", &["ca:main"]),
            with("used", "always", &["ca:main", "tsa:clock"]),
            statement("absent", "registry.example.com/absent"),
        ]),
    );
    let (code, document) = document(&folder);
    assert_eq!(code, Some(0), "{document}");
    let warnings = document["warnings"].as_array().unwrap().iter();
    let warnings: Vec<_> = warnings.filter(|warning| warning["warning"] == "timestamps-not-used").collect();
    let message = |name: &str, written: &str| {
        json!({
            "warning": "timestamps-not-used",
            "message": format!(
                "statement \"{name}\" has verifyTimestamp \"{written}\" and no tsa trust store, so that timestamps are \
                 not used: signatures are refused after the end of their certificates; add tsa:<name> to trustStores"
            ),
        })
    };
    assert_eq!(warnings, [&message("always", "always"), &message("after", "afterCertExpiry")]);
}

#[test]
fn warns_about_reachable_hosts_for_which_a_proxy_is_configured() {
    let folder = sound();
    let mut strict = statement("app", "registry.example.com/app");
    strict["signatureVerification"] = json!({"level": "strict"});
    folder.write("trust/trustpolicy.json", policy(&[strict]));
    let run = |evidence: &str, environment: &[(&str, &str)]| {
        folder.write(
            "c.yaml",
            format!("trust: {{directory: trust}}\nunlistedRegistries: refuse\nevidence: {evidence}\n"),
        );
        let (code, text) = check_in(&folder, &["--for", "verify", "-o", "json"], environment);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(code, Some(0), "{document}");
        let warnings = document["warnings"].as_array().unwrap().iter();
        let warnings = warnings.filter(|one| one["warning"] != "registry-refused");
        let messages =
            warnings.map(|one| format!("{}: {}", one["warning"].as_str().unwrap(), one["message"].as_str().unwrap()));
        messages.collect::<Vec<_>>()
    };
    let hosts = "reachableHosts: [10.0.0.5, 'ocsp.pki.svc:8080', ocsp.example, 127.0.0.1]";
    let message = |host: &str, what: &str, setting: &str| {
        format!(
            "proxy-for-inside: evidence.reachableHosts has {host}, {what}, for which no proxy is used, and {setting} names one; \
             add it to NO_PROXY, which takes precedence, or set evidence.proxy: none; otherwise no request is sent to it"
        )
    };
    let expected = |setting: &str| {
        vec![
            message("10.0.0.5", "a private address", setting),
            message("ocsp.pki.svc:8080", "a name inside the cluster", setting),
        ]
    };
    let server = format!("{{proxy: 'http://p.example:3128', {hosts}}}");
    assert_eq!(run(&server, &[]), expected("evidence.proxy"));
    assert_eq!(run(&server, &[("NO_PROXY", "10.0.0.0/8,.svc")]), [""; 0]);
    // NO_PROXY is read although another variable has a mistake.
    assert_eq!(run(&server, &[("NO_PROXY", "10.0.0.0/8,.svc"), ("HTTP_PROXY", "socks5://a")]), [""; 0]);
    let environment = format!("{{{hosts}}}");
    assert_eq!(run(&environment, &[("HTTP_PROXY", "http://p.example:3128")]), expected("HTTP_PROXY"));
    assert_eq!(run(&format!("{{proxy: none, {hosts}}}"), &[("HTTP_PROXY", "http://p.example:3128")]), [""; 0]);
    assert_eq!(
        run("{}", &[("HTTP_PROXY", "socks5://a")]),
        [
            "evidence-proxy: no OCSP responses and CRLs are requested, unless evidence.proxy is set: the environment variable \
          HTTP_PROXY has a URL with scheme \"socks5\", expected http or https"
        ]
    );
}

#[test]
fn an_arn_of_aws_signer_that_is_misspelled_has_a_warning_with_the_spelling_that_is_meant() {
    let folder = sound();
    let arn = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";
    let mut app = statement("app", "*");
    app["trustedIdentities"] = json!([format!("{arn}/"), format!(" {arn}"), arn.replace(":/", ":")]);
    folder.write("trust/trustpolicy.json", policy(&[app]));
    let (_, document) = document(&folder);
    let messages: Vec<_> =
        document["warnings"].as_array().unwrap().iter().map(|warning| warning["message"].as_str().unwrap()).collect();
    let of = |entry: &str| {
        format!(
            "statement \"app\" has the identity {entry:?}, which no signer matches: it is not spelled as an ARN of AWS Signer, expected \
             {arn:?}"
        )
    };
    assert_eq!(messages, [of(&format!("{arn}/")), of(&format!(" {arn}")), of(&arn.replace(":/", ":"))]);
}

#[test]
fn warns_about_a_password_for_all_hosts_of_a_pattern() {
    let folder = sound();
    folder.write(
        "c.yaml",
        "trust: {directory: trust}
registries:
- {host: registry.example.com, credentials: {usernameFile: user, passwordFile: password}}
- {host: '*.corp.example', credentials: {usernameFile: user, passwordFile: password}}
- {host: '**.example.org'}
",
    );
    let (code, page) = check(&folder, &["--for", "verify"]);
    assert_eq!(code, Some(0), "{page}");
    let warnings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("warning       ")).collect();
    let expected = "credentials-for-pattern: registry *.corp.example: every host of the pattern receives the password, as soon as somebody \
                    creates a pod with an image of it; if not all of them are yours, write an entry for each registry";
    assert_eq!(warnings, [expected], "{page}");
}
