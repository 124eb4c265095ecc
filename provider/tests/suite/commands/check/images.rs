//! The entry of `registries` for an image, and what differs in the entries before it.

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::json;

use super::check;
use super::check_in;
use super::sound;

const CONFIG: &str = "trust: {directory: trust}
unlistedRegistries: UNLISTED
registries:
- {host: docker.io, plainHttp: false}
- {host: registry.example.com/other, ca: ca.crt}
- {host: registry.example.com/team, ca: ca.crt, credentials: {usernameFile: user, passwordFile: password}, proxy: 'http://p.example:3128'}
- {host: registry.example.com}
- {host: '*.plain.example', plainHttp: true}
";

#[test]
fn shows_the_entry_of_an_image_and_why_no_earlier_one_applies() {
    let folder = sound();
    folder.write("c.yaml", CONFIG.replace("UNLISTED", "refuse"));
    let images = [
        "registry.example.com/team/app:v1",
        "registry.example.com/teams/app",
        "a.plain.example/x",
        "a.b.plain.example/x",
    ];
    let (code, page) = check(&folder, &[&["--for", "verify"][..], &images].concat());
    assert_eq!(code, Some(0), "{page}");
    let shown = "
image         registry.example.com/team/app:v1
  not         registries[0] \"docker.io\": other host
  not         registries[1] \"registry.example.com/other\": other path
  entry       registries[2] \"registry.example.com/team\", TLS
  authorities ca.crt
  credentials user, password
  proxy       http://p.example:3128

image         registry.example.com/teams/app
  not         registries[0] \"docker.io\": other host
  not         registries[1] \"registry.example.com/other\": other path
  not         registries[2] \"registry.example.com/team\": other path
  entry       registries[3] \"registry.example.com\", TLS
  credentials none

image         a.plain.example/x
  not         registries[0] \"docker.io\": other host
  not         registries[1] \"registry.example.com/other\": other host
  not         registries[2] \"registry.example.com/team\": other host
  not         registries[3] \"registry.example.com\": other host
  entry       registries[4] \"*.plain.example\", plain HTTP
  credentials none

image         a.b.plain.example/x
  not         registries[0] \"docker.io\": other host
  not         registries[1] \"registry.example.com/other\": other host
  not         registries[2] \"registry.example.com/team\": other host
  not         registries[3] \"registry.example.com\": other host
  not         registries[4] \"*.plain.example\": other host
  entry       none; unlistedRegistries is refuse: no request is sent
";
    assert!(page.contains(shown) && !page.contains("hunter2"), "{page}");
}

#[test]
fn the_proxy_of_the_environment_is_that_for_the_host_of_the_image() {
    let folder = sound();
    folder.write(
        "c.yaml",
        "trust: {directory: trust}\nunlistedRegistries: anonymous\nregistries: [{host: '*.example.com'}]\n",
    );
    let environment = [("HTTPS_PROXY", "http://p.example:3128"), ("NO_PROXY", "b.example.com")];
    let images = ["a.example.com/x", "b.example.com/x", "other.example/x"];
    let (code, page) = check_in(&folder, &[&["--for", "verify"][..], &images].concat(), &environment);
    assert_eq!(code, Some(0), "{page}");
    let shown = "
image         a.example.com/x
  entry       registries[0] \"*.example.com\", TLS
  credentials none
  proxy       http://p.example:3128, from HTTPS_PROXY

image         b.example.com/x
  entry       registries[0] \"*.example.com\", TLS
  credentials none

image         other.example/x
  not         registries[0] \"*.example.com\": other host
  entry       none; unlistedRegistries is anonymous, TLS
  credentials none
";
    assert!(page.contains(shown), "{page}");
}

#[test]
fn json_has_the_same() {
    let folder = sound();
    folder.write("c.yaml", CONFIG.replace("UNLISTED", "anonymous"));
    let arguments = ["-o", "json", "--for", "verify", "registry.example.com/team/app:v1", "unknown.example/x"];
    let (code, text) = check(&folder, &arguments);
    assert_eq!(code, Some(0), "{text}");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let images = &document["images"];
    assert_eq!(images[0]["entry"], "registries[2] \"registry.example.com/team\"");
    let not = json!([
        {"entry": "registries[0] \"docker.io\"", "reason": "other host"},
        {"entry": "registries[1] \"registry.example.com/other\"", "reason": "other path"},
    ]);
    assert_eq!(images[0]["not"], not);
    assert_eq!(images[0]["registry"], document["registries"][2]);
    assert_eq!((&images[1]["entry"], &images[1]["registry"]), (&json!(null), &json!(null)));
    assert_eq!(images[1]["unlistedRegistries"], "anonymous");
}

#[test]
fn a_client_certificate_is_shown_with_its_subject_and_end() {
    let folder = sound();
    let client = Authority::root(CertSpec::root()).issue(CertSpec::tls_client("countersign"));
    folder.write("client.crt", client.pem());
    folder.write("client.key", client.key_pem());
    folder.write(
        "c.yaml",
        "trust: {directory: trust}
registries:
- {host: a.example, connectTimeout: 300ms, clientCertificate: {certificateFile: client.crt, keyFile: client.key}}
",
    );
    let (code, page) = check(&folder, &["--for", "verify", "a.example/x"]);
    assert_eq!(code, Some(0), "{page}");
    let shown = "  entry       registries[0] \"a.example\", TLS
  credentials none
  client cert client.crt, client.key
    subject   C=CH, ST=ZH, O=Testkit, CN=countersign, until ";
    assert!(page.contains(shown) && page.contains("\n  connect     300 ms\n"), "{page}");
    let (_, page) = check(&folder, &["--for", "verify", "a.example/x", "-o", "json"]);
    let document: serde_json::Value = serde_json::from_str(&page).unwrap();
    let shown = &document["images"][0]["registry"]["clientCertificate"];
    assert_eq!(shown["subject"], "C=CH, ST=ZH, O=Testkit, CN=countersign");
    assert_eq!(shown["forRealmHosts"], false);
    let key = client.key_pem();
    assert!(key.lines().nth(1).is_some_and(|line| !page.contains(line)), "{page}");
}

#[test]
fn the_locations_of_an_image_are_shown_in_their_order_with_their_entries() {
    let folder = sound();
    folder.write(
        "c.yaml",
        "trust: {directory: trust}
unlistedRegistries: refuse
registries:
- {host: docker.io/library, mirrors: [m.example/hub, n.example]}
- {host: m.example}
- {host: b.example/team, mirrors: [m.example], mirrorsOnly: true}
",
    );
    let (code, page) = check(&folder, &["--for", "verify", "nginx:1", "b.example/team"]);
    assert_eq!(code, Some(0), "{page}");
    for shown in [
        "  mirrors     m.example/hub, n.example
  location    1. m.example/hub/nginx, mirror: registries[1] \"m.example\"
  location    2. n.example/nginx, mirror: no entry; unlistedRegistries is refuse: no request is sent
  location    3. docker.io/library/nginx, the registry itself: registries[0] \"docker.io/library\"
",
        "  mirrors     m.example; only these
  location    1. no name at m.example, which has no path, mirror: no request is sent
",
    ] {
        assert!(page.contains(shown), "{page}");
    }
    let warning = "registry docker.io/library has the mirror n.example, whose host is not among the registries";
    assert!(page.contains(warning), "{page}");
    let (_, page) = check(&folder, &["--for", "verify", "nginx:1", "-o", "json"]);
    let document: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!(
        document["images"][0]["locations"][0],
        json!({"repository": "m.example/hub/nginx", "mirror": true, "entry": "registries[1] \"m.example\""})
    );
    assert_eq!(document["images"][0]["registry"]["mirrors"], json!(["m.example/hub", "n.example"]));
}
