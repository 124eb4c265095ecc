//! What `check` shows, as text and as JSON.

use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::check;
use crate::commands::check::check_in;
use crate::commands::check::document;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

#[test]
fn proxies_of_the_environment_are_checked_with_the_hosts_that_they_are_for() {
    let folder = sound();
    let server = "server: {tls: {certificate: tls.crt, key: tls.key, clientCa: ca.crt}}\n";
    let with = |registries: &str| {
        folder.write(
            "c.yaml",
            format!("trust: {{directory: trust}}\n{server}unlistedRegistries: anonymous\nregistries:\n{registries}"),
        );
    };
    let warnings = |environment: &[(&str, &str)]| {
        let (code, text) = check_in(&folder, &["-o", "json"], environment);
        let document: Value = serde_json::from_str(&text).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        let list = |name: &str, member: &str| -> Vec<String> {
            let list = document[name].as_array().unwrap();
            list.iter().map(|one| one[member].as_str().unwrap().to_owned()).collect()
        };
        (code, list("mistakes", "field"), list("warnings", "warning"))
    };
    let none: Vec<String> = Vec::new();
    with("- {host: registry.example.com}\n- {host: '10.0.0.5:5000', plainHttp: true}\n");
    assert_eq!(warnings(&[]), (Some(0), none.clone(), none.clone()));
    assert_eq!(
        warnings(&[("HTTPS_PROXY", "http://u:hunter2@p.example:3128"), ("http_proxy", "http://p.example:3128")]),
        (Some(0), none.clone(), vec!["proxy-for-inside".to_owned(), "proxy-not-for-unlisted".to_owned()])
    );
    assert_eq!(
        warnings(&[("HTTP_PROXY", "http://p.example:3128"), ("NO_PROXY", "10.0.0.0/8")]),
        (Some(0), none.clone(), vec!["proxy-not-for-unlisted".to_owned()])
    );
    assert_eq!(
        warnings(&[("HTTPS_PROXY", "socks5://u:hunter2@p.example:1080")]),
        (Some(3), vec!["HTTPS_PROXY".to_owned()], none.clone())
    );
    assert_eq!(
        warnings(&[("ALL_PROXY", "http://u:hunter2@p.example:3128"), ("NO_PROXY", "u:hunter2@a/b, 10.0.0.0/8")]),
        (Some(0), none.clone(), vec!["proxy-variable".to_owned(), "proxy-variable".to_owned()])
    );
    let (_, page) = check_in(&folder, &[], &[("HTTPS_PROXY", "http://u:hunter2@p.example:3128"), ("HTTP_PROXY", "")]);
    let shown = "\nregistry      registry.example.com, TLS\n  credentials none\n  proxy       http://p.example:3128, from HTTPS_PROXY\n";
    assert!(page.contains(shown) && page.matches("from HTTPS_PROXY").count() == 1, "{page}");
    let (_, text) = check_in(&folder, &["-o", "json"], &[("HTTPS_PROXY", "http://u:hunter2@p.example:3128")]);
    let document: Value = serde_json::from_str(&text).unwrap();
    let environment = |index: usize| &document["registries"][index]["environmentProxy"];
    assert_eq!(*environment(0), json!({"variable": "HTTPS_PROXY", "url": "http://p.example:3128"}));
    assert_eq!(*environment(1), Value::Null);
    // Variables that nothing here uses are for other programs.
    with("- {host: registry.example.com, proxy: none}\n");
    assert_eq!(warnings(&[("HTTPS_PROXY", "socks5://p.example:1080")]), (Some(0), none.clone(), none.clone()));
    assert_eq!(warnings(&[("ALL_PROXY", "p.example:1080")]), (Some(0), none.clone(), none.clone()));
    with("- {host: registry.example.com, proxy: 'http://u:hunter2@p.example:3128'}\n");
    assert_eq!(warnings(&[]), (Some(0), none.clone(), vec!["proxy-login-in-configuration".to_owned()]));
    with(
        "- {host: registry.example.com, proxy: {url: 'https://p.example:3128', usernameFile: user, passwordFile: none, ca: ca.crt}}\n",
    );
    let (code, text) = check(&folder, &[]);
    assert_eq!(code, Some(3));
    assert!(text.contains("none: cannot be read"), "{text}");
    assert!(
        text.contains("  proxy       https://p.example:3128\n    login     user, none\n    CA        ca.crt\n"),
        "{text}"
    );
}

#[test]
fn shows_the_entries_of_a_pull_secret_that_are_for_a_registry() {
    let folder = sound();
    let auth = |user: &str| json!({"username": user, "password": "hunter2"});
    let auths = json!({"auths": {
        "registry.example.com": auth("a"), "*.example.com": auth("b"), "registry.example.com/team": auth("c"), "other.example": auth("d"),
    }});
    folder.write("pull.json", auths.to_string());
    let server = "server: {tls: {certificate: tls.crt, key: tls.key, clientCa: ca.crt}}\n";
    folder.write(
        "c.yaml",
        format!("trust: {{directory: trust}}\n{server}registries: [{{host: registry.example.com, credentials: {{dockerConfig: pull.json}}}}]\n"),
    );
    let (code, page) = check(&folder, &[]);
    assert_eq!(code, Some(0));
    let shown = "  credentials pull.json\n    entry     registry.example.com/team\n    entry     registry.example.com\n    entry     *.example.com\n";
    assert!(page.contains(shown) && !page.contains("hunter2"), "{page}");
    let (_, document) = document(&folder);
    let keys = json!(["registry.example.com/team", "registry.example.com", "*.example.com"]);
    assert_eq!(document["registries"][0]["pullSecretKeys"], keys);
}

#[test]
fn shows_a_sound_configuration() {
    let folder = sound();
    let (code, page) = check(&folder, &[]);
    let (_, document) = document(&folder);
    let sha256 = document["statements"][0]["rules"]["stores"][0]["certificates"][0]["sha256"].as_str().unwrap();
    assert_eq!(
        page.replace(sha256, "ROOT"),
        "configuration c.yaml

endpoints     [::]:6001
  certificate C=CH, ST=ZH, O=Testkit, CN=server, for countersign.countersign.svc, 127.0.0.1, until 2049-12-31T23:59:59Z
  certificate C=CH, ST=ZH, O=Testkit, CN=TLS, until 2049-12-31T23:59:59Z
  client CA   C=CH, ST=ZH, O=Testkit, CN=gatekeeper, until 2049-12-31T23:59:59Z
  clients     gatekeeper-webhook-service.gatekeeper-system.svc

statement     app, custom
  scope       registry.example.com/app
  checks      integrity enforce, authenticity enforce, authenticTimestamp enforce, expiry enforce, revocation skip
  identity    x509.subject: C=CH, ST=ZH, O=Testkit
  store       ca:main
    holds     CN=root,O=Testkit,ST=ZH,C=CH, EC P-256, until 2049-12-31T23:59:59Z
    sha256    ROOT

registry      registry.example.com, TLS
  credentials user, password
  tokens from auth.example.com

registry      localhost:5000, plain HTTP
  credentials none

section       evidence
  networks              private
  reachableHosts
  proxy                 environment
  connectTimeout        500ms
  responseTimeout       1s
  ocspTimeout           1s
  crlTimeout            30s
  maxOcspBytes          64Ki
  maxCrlBytes           24Mi
  maxRequestsPerHost    8
  maxRequests           32
  cacheBytes            48Mi
  maxLifetime           24h
  refreshInterval       1h
  negativeLifetime      10s
  clockSkew             5m
  ocspNonce             false
  ocspMaxAge            0s

0 mistakes, 0 warnings
"
    );
    assert_eq!(code, Some(0));
}

#[test]
fn the_json_document_has_the_same_content() {
    let (code, document) = document(&sound());
    assert_eq!(code, Some(0));
    let members: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        ["compared", "config", "doors", "evidence", "mistakes", "registries", "settings", "statements", "warnings"]
    );
    assert_eq!(document["compared"], Value::Null);
    assert_eq!(document["settings"]["evidence"]["maxLifetime"], "24h");
    assert_eq!(document["settings"]["aws"]["partitions"], "aws,aws-us-gov,aws-cn");
    assert_eq!(document["mistakes"], json!([]));
    assert_eq!(document["warnings"], json!([]));
    assert_eq!(document["doors"]["listen"], "[::]:6001");
    assert_eq!(
        document["doors"]["certificates"][0],
        json!({
            "subject": "C=CH, ST=ZH, O=Testkit, CN=server",
            "names": ["countersign.countersign.svc", "127.0.0.1"],
            "notBefore": "2020-01-01T00:00:00Z",
            "notAfter": "2049-12-31T23:59:59Z",
        })
    );
    let statement = &document["statements"][0];
    assert_eq!(statement["scopes"], json!(["registry.example.com/app"]));
    assert_eq!(statement["rules"]["verifyTimestamp"], Value::Null);
    assert_eq!(statement["rules"]["stores"][0]["certificates"][0]["key"], "EC P-256");
    assert_eq!(document["registries"][0]["credentials"], json!(["user", "password"]));
}

#[test]
fn reports_all_mistakes_of_all_files_at_once() {
    let folder = sound();
    folder.write(
        "c.yaml",
        "trust: {directory: trust}
server: {tls: {certificate: tls.crt, key: other.key, clientCa: ca.crt}, verifyTimeout: 1800}
log: {level: loud}
registires: []
verification: {requiredMetadata: [{statement: app, annotations: {a: b}}]}
registries:
- {host: a.example.com, ca: none.pem, credentials: {usernameFile: empty, passwordFile: password}}
- {host: b.example.com, credentials: {dockerConfig: docker.json}}
- {host: c.example.com, ca: ca.crt}
- {host: d.example.com, credentials: {usernameFile: colon, passwordFile: password}}
unlistedRegistries: anonymous
",
    );
    folder.write("colon", "a:b");
    let untrusted = Authority::root(CertSpec::root()).issue(CertSpec::tls_server(&["localhost"]));
    folder.write("other.key", untrusted.key_pem());
    folder.write("ca.crt", "no PEM here");
    folder.write("empty", "\n");
    folder.write("docker.json", r#"{"auths":{"b.example.com":{"auth":"aHVudGVyMg=="}}}"#);
    let mut second = statement("second", "registry.example.com/b");
    second["trustStores"] = json!(["ca:main", "ca:absent"]);
    folder.write("trust/trustpolicy.json", policy(&[second]));
    folder.write(
        "trust/truststore/x509/ca/main/bad.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let (code, page) = check(&folder, &[]);
    assert_eq!(code, Some(3));
    let mistakes: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("mistake       ")).collect();
    assert_eq!(
        mistakes,
        [
            "c.yaml:2: server.verifyTimeout: found the number 1800, expected a duration with its unit (h, m, s or ms), from 100ms to 30s, for example 1.8s",
            "c.yaml:3: log.level: found \"loud\", expected error, warn, info, debug or trace",
            "c.yaml:4: registires: found an unknown key, expected one of server, health, trust, verification, evidence, aws, azure, google, mutation, cache, registries, unlistedRegistries, registryAccess, log; `registries` seems to be meant",
            "c.yaml:2: server.tls.key: other.key: is not the key of the first certificate in tls.crt, expected the key of that certificate",
            "c.yaml:2: server.tls.clientCa: ca.crt: has no -----BEGIN line, expected CERTIFICATE blocks in PEM",
            "c.yaml: verification.requiredMetadata: found statement \"app\", which is not in the trust policy, expected one of second",
            "trust/truststore/x509/ca/absent: trust store ca:absent of statement \"second\" is missing, \
                 expected the directory trust/truststore/x509/ca/absent with certificate files",
            "trust/truststore/x509/ca/main: trust store ca:main: file \"bad.pem\", PEM block that begins on \
                 line 1: not a DER-encoded X.509 certificate, expected a valid X.509 certificate",
            "c.yaml:7: registries[0].ca: none.pem: cannot be read: No such file or directory (os error 2), expected a readable file",
            "c.yaml:7: registries[0].credentials.usernameFile: empty: is empty, expected a user name or a password",
            "c.yaml:8: registries[1].credentials.dockerConfig: docker.json: entry \"b.example.com\" has an auth without a colon, expected the base64 of \
                 name:password",
            "c.yaml:10: registries[3].credentials.usernameFile: colon: has a colon in the user name, expected none; a colon separates the user name from the password",
        ],
        "{page}"
    );
    assert!(page.ends_with("\n12 mistakes, 0 warnings\n"), "{page}");
    assert!(!page.contains("hunter2") && !page.contains("aHVudGVyMg"), "{page}");
    // The readable certificates of the endpoints are shown, and the state of the statement.
    assert!(page.contains("\n  certificate C=CH, ST=ZH, O=Testkit, CN=server,"), "{page}");
    let disabled = "\nstatement     second, disabled\n  scope       registry.example.com/b\n  because     \
                        verification.requiredMetadata: found statement \"app\", which is not in the trust policy, \
                        expected one of second\n";
    assert!(page.contains(disabled), "{page}");
}

#[test]
fn a_mistake_in_the_json_document_has_file_line_and_message() {
    let folder = sound();
    let mut bad = statement("app", "nginx");
    bad["trustStores"] = json!(["cA:main"]);
    folder.write("trust/trustpolicy.json", policy(&[bad]));
    let (code, document) = document(&folder);
    assert_eq!(code, Some(3));
    let [store, scope] = document["mistakes"].as_array().unwrap().as_slice() else { panic!("{document}") };
    let (store, scope) =
        if store["field"].as_str().unwrap().contains("trustStores") { (store, scope) } else { (scope, store) };
    assert_eq!(
        *store,
        json!({
            "file": "trust/trustpolicy.json",
            "line": 1,
            "field": "statement \"app\", trustStores[0]",
            "found": "trust store type: found \"cA\"",
            "expected": "ca, signingAuthority or tsa",
            "wanted": "ca, signingAuthority or tsa",
        })
    );
    assert_eq!(scope["field"], "statement \"app\", registryScopes[0]");
    let disabled = document["statements"][0]["disabled"].as_str().unwrap();
    assert!(disabled.starts_with("trust policy statement \"app\", registryScopes[0]: found \"nginx\""), "{disabled}");
    assert_eq!(
        document["statements"],
        json!([{"name": "app", "scopes": [], "level": "disabled", "rules": null, "disabled": disabled}])
    );
}

#[test]
fn reports_all_mistakes_of_the_policy_and_the_stores_at_once_with_their_lines() {
    let folder = sound();
    let mut bad = statement("bad", "nginx");
    bad["signatureVerification"] = json!({"level": "loud"});
    bad["trustStores"] = json!(["ca:main", "cA:main", "ca:"]);
    bad["trustedIdentities"] = json!(["x509.subject: C=CH, ST=ZH, O=a", "x"]);
    let mut absent = statement("absent", "registry.example.com/absent");
    absent["trustStores"] = json!(["ca:absent", "ca:empty"]);
    let document_text =
        serde_json::to_string_pretty(&json!({"version": "1.0", "trustPolicies": [bad, absent]})).unwrap();
    folder.write("trust/trustpolicy.json", &document_text);
    folder.write("trust/truststore/x509/ca/empty/ca.crt", "x");
    let line_of = |text: &str| {
        let line = document_text.lines().position(|line| line.contains(text)).unwrap();
        json!(line + 1)
    };
    let (code, document) = document(&folder);
    assert_eq!(code, Some(3));
    let found: Vec<_> = document["mistakes"].as_array().unwrap().iter().collect();
    let of = |field: &str, text: &str| (json!(format!("statement \"bad\", {field}")), line_of(text));
    let policy: Vec<_> = found.iter().take(5).map(|one| (one["field"].clone(), one["line"].clone())).collect();
    assert_eq!(
        policy,
        [
            of("registryScopes[0]", "\"nginx\""),
            of("signatureVerification.level", "\"loud\""),
            of("trustStores[1]", "\"cA:main\""),
            of("trustStores[2]", "\"ca:\""),
            of("trustedIdentities[1]", "\"x\""),
        ]
    );
    let stores: Vec<_> = found.iter().skip(5).map(|one| (one["file"].as_str().unwrap(), &one["line"])).collect();
    let null = serde_json::Value::Null;
    assert_eq!(stores, [("trust/truststore/x509/ca/absent", &null), ("trust/truststore/x509/ca/empty", &null)]);
    for mistake in found {
        assert!(mistake["found"].is_string() && mistake["expected"].is_string(), "{mistake}");
    }
    let (_, page) = check(&folder, &[]);
    let line = format!(
        "\nmistake       trust/trustpolicy.json:{}: statement \"bad\", trustStores[1]: ",
        line_of("\"cA:main\"")
    );
    assert!(page.contains(&line), "{page}");
}

#[test]
fn reports_a_broken_statement_as_a_mistake_and_shows_the_others() {
    let folder = sound();
    let mut level = statement("level", "registry.example.com/level");
    level["signatureVerification"] = json!({"level": "loud"});
    let mut absent = statement("absent", "registry.example.com/absent");
    absent["trustStores"] = json!(["ca:absent"]);
    folder.write("trust/trustpolicy.json", policy(&[level, absent, statement("app", "registry.example.com/app")]));
    let (code, page) = check(&folder, &["--for", "verify"]);
    assert_eq!(code, Some(3));
    let shown = ["mistake ", "statement ", "  scope ", "  because "];
    let found: Vec<_> = page.lines().filter(|line| shown.iter().any(|start| line.starts_with(start))).collect();
    assert_eq!(
        found,
        [
            "mistake       trust/trustpolicy.json:1: statement \"level\", signatureVerification.level: found \"loud\", expected strict, permissive, audit or skip",
            "mistake       trust/truststore/x509/ca/absent: trust store ca:absent of statement \"absent\" is \
                 missing, expected the directory trust/truststore/x509/ca/absent with certificate files",
            "statement     level, disabled",
            "  scope       registry.example.com/level",
            "  because     trust policy statement \"level\", signatureVerification.level: found \"loud\", expected strict, permissive, audit or skip",
            "statement     absent, disabled",
            "  scope       registry.example.com/absent",
            "  because     trust store ca:absent cannot be used: found no directory trust/truststore/x509/ca/absent, expected one with certificate files",
            "statement     app, custom",
            "  scope       registry.example.com/app",
        ],
        "{page}"
    );
}

#[test]
fn a_policy_document_that_cannot_be_used_shows_no_statements() {
    let folder = sound();
    folder.write("trust/trustpolicy.json", policy(&[statement("a", "*"), statement("b", "*")]));
    let (code, document) = document(&folder);
    assert_eq!((code, &document["statements"]), (Some(3), &Value::Null));
    assert_eq!(document["mistakes"][0]["field"], "statement \"b\", registryScopes[0]");
}

#[test]
fn the_command_line_needs_no_certificates_of_a_server() {
    let folder = sound();
    folder.write("c.yaml", "trust: {directory: trust}\n");
    let (code, page) = check(&folder, &["--for", "verify"]);
    assert_eq!(code, Some(0), "{page}");
    assert!(!page.contains("endpoints"), "{page}");
    let (code, page) = check(&folder, &[]);
    assert_eq!(code, Some(3));
    assert_eq!(page.matches("\nmistake ").count(), 3, "{page}");
    assert!(
            page.contains(
                "mistake       c.yaml:1: server.tls.certificate: found nothing, expected a PEM file, for example tls/tls.crt\n"
            ),
            "{page}"
        );
    // The rest is checked.
    assert!(page.contains("\nstatement     app, custom\n"), "{page}");
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_mistake() {
    let folder = Folder::new();
    let (code, page) = check(&folder, &[]);
    assert_eq!(code, Some(3));
    assert_eq!(
        page,
        "configuration c.yaml\nmistake       c.yaml: cannot be read: No such file or directory (os error 2), expected a YAML file\n\n1 mistake, 0 warnings\n"
    );
    folder.write("c.yaml", "trust: [");
    let (code, document) = document(&folder);
    assert_eq!(code, Some(3));
    assert_eq!(document["mistakes"].as_array().unwrap().len(), 1);
    assert_eq!(document["doors"], Value::Null);
}

#[test]
fn a_mistake_in_a_file_that_several_registries_name_is_reported_once() {
    let folder = sound();
    folder.write("docker.json", r#"{"auths":{"a.example":{"auth":"!"}}}"#);
    let secret = "credentials: {dockerConfig: docker.json}";
    let absent = "credentials: {dockerConfig: absent.json}";
    folder.write(
        "c.yaml",
        format!(
            "trust: {{directory: trust}}\nunlistedRegistries: refuse\nevidence: {{ca: none.pem}}\nregistries:\n\
             - {{host: registry.example.com}}\n- {{host: a.example, {secret}}}\n- {{host: '*.b.example', {secret}}}\n\
             - {{host: '*.c.example', {absent}}}\n- {{host: '*.d.example', {absent}}}\n"
        ),
    );
    let (code, page) = check(&folder, &["--for", "verify"]);
    let mistakes: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("mistake       ")).collect();
    let unreadable = "cannot be read: No such file or directory (os error 2), expected a readable file";
    assert_eq!(
        mistakes,
        [
            "c.yaml:6: registries[1].credentials.dockerConfig: docker.json: entry \"a.example\" has an auth that is not base64, expected the base64 of name:password in \
             the alphabet with + and /"
                .to_owned(),
            format!("c.yaml:8: registries[3].credentials.dockerConfig: absent.json: {unreadable}"),
            format!("c.yaml:3: evidence.ca: none.pem: {unreadable}"),
        ],
        "{page}"
    );
    assert_eq!(code, Some(3));
}
