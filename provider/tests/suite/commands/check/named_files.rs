//! Mistakes in files that the configuration names have its line and the key, in every entry.

use serde_json::json;

use super::check;
use super::document;
use super::sound;
use crate::commands::check::START;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use time::OffsetDateTime;
use time::macros::datetime;

/// Lines 4 and following are `registries`.
fn folder(registries: &str) -> Folder {
    let folder = sound();
    let server = "server: {tls: {certificate: tls.crt, key: tls.key, clientCa: ca.crt}}";
    folder.write(
        "c.yaml",
        format!("trust: {{directory: trust}}\n{server}\nregistries:\n{registries}unlistedRegistries: refuse\n"),
    );
    folder
}

fn lines(folder: &Folder, kind: &str) -> Vec<String> {
    let (_, page) = check(folder, &[]);
    page.lines().filter_map(|line| line.strip_prefix(kind)).map(str::to_owned).collect()
}

fn mistakes(registries: &str) -> Vec<String> {
    lines(&folder(registries), "mistake       ")
}

const MISSING: &str = "cannot be read: No such file or directory (os error 2), expected a readable file";

#[test]
fn hidden_paths_of_equal_length_are_two_mistakes() {
    let entry = |host: &str, password: &str| {
        format!("- host: {host}\n  credentials: {{usernameFile: user, passwordFile: {password}}}\n")
    };
    let registries = entry("a.example.com", "team1-pass") + &entry("b.example.com", "team2-pass");
    let hidden = "[10 characters, not shown as they may be a secret: expected the path of a file]";
    assert_eq!(
        mistakes(&registries),
        [
            format!("c.yaml:5: registries[0].credentials.passwordFile: {hidden}: {MISSING}"),
            format!("c.yaml:7: registries[1].credentials.passwordFile: {hidden}: {MISSING}"),
        ]
    );
    let (_, document) = document(&folder(&registries));
    assert_eq!(
        document["mistakes"][1],
        json!({
            "file": "c.yaml",
            "line": 7,
            "field": "registries[1].credentials.passwordFile",
            "found": format!("{hidden}: cannot be read: No such file or directory (os error 2)"),
            "expected": "a readable file",
            "wanted": "a readable file",
        })
    );
}

#[test]
fn the_files_of_an_entry_with_another_mistake_are_read() {
    let found = mistakes(
        "- {host: 'https://b.example.com', ca: none.pem, credentials: {dockerConfig: none.json}}
- {host: c.example.com, clientCertificate: {certificateFile: none.crt}}
- {host: shops.azurecr.io, credentials: {acr: {identity: clientSecret, clientId: 00000000-0000-0000-0000-0000000000a1, clientSecretFile: none}}}
",
    );
    let secret = "cannot be read (No such file or directory (os error 2)), expected the secret of the application";
    assert!(found[0].starts_with("c.yaml:4: registries[0].host: found \"https://b.example.com\", "), "{found:#?}");
    assert!(found[1].starts_with("c.yaml:5: registries[1].clientCertificate.keyFile: found nothing, "), "{found:#?}");
    assert!(found[2].starts_with("c.yaml:6: registries[2].credentials.acr.tenant: found nothing, "), "{found:#?}");
    assert_eq!(
        found[3..],
        [
            format!("c.yaml:4: registries[0].ca: none.pem: {MISSING}"),
            format!("c.yaml:4: registries[0].credentials.dockerConfig: none.json: {MISSING}"),
            format!("c.yaml:5: registries[1].clientCertificate.certificateFile: none.crt: {MISSING}"),
            format!("c.yaml:6: registries[2].credentials.acr.clientSecretFile: none: {secret}"),
        ]
    );
    let folder = folder("- {host: registry.example.com}\n");
    folder.write(
        "c.yaml",
        "trust: {directory: trust, stores: [{store: 'ca:x', url: {location: 'http://a.example/b', ca: none.pem}}]}\n",
    );
    let found = lines(&folder, "mistake       ");
    assert_eq!(found.last().unwrap(), &format!("c.yaml:1: trust.stores[0].url.ca: none.pem: {MISSING}"), "{found:#?}");
}

#[test]
fn an_authority_that_has_expired_or_ends_soon_has_a_warning() {
    let folder =
        folder("- {host: registry.example.com, ca: registry.pem}\n- {host: b.example.com, ca: registry.pem}\n");
    let pem = |end: OffsetDateTime| Authority::root(CertSpec::root().common_name("old").valid(START, end)).pem();
    let ended = pem(datetime!(2021-01-01 00:00 UTC));
    folder.write("registry.pem", &ended);
    assert_eq!(
        lines(&folder, "warning       "),
        [
            "certificate-expired: c.yaml:4: registries[0].ca: registry.pem: every certificate has expired, the last one, \
             \"C=CH, ST=ZH, O=Testkit, CN=old\", at 2021-01-01T00:00:00Z: put the authority that is in use into the file"
        ]
    );
    let soon = OffsetDateTime::now_utc() + time::Duration::days(3);
    folder.write("registry.pem", format!("{ended}{}", pem(soon)));
    let [warning] = lines(&folder, "warning       ").try_into().unwrap();
    let start = "certificate-ends-soon: c.yaml:4: registries[0].ca: registry.pem: certificate \"C=CH, ST=ZH, O=Testkit, CN=old\" ends soon, at ";
    assert!(warning.starts_with(start), "{warning}");
    // One of them is in use.
    folder.write("registry.pem", format!("{ended}{}", Authority::root(CertSpec::root()).pem()));
    assert_eq!(lines(&folder, "warning       "), [""; 0]);
}

#[test]
fn a_mistake_in_mirrors_is_reported_once_and_says_what_to_write() {
    assert_eq!(
        mistakes("- {host: a.example.com, mirrors: ['https://mirror.example.com/cache/', a.example.com]}\n"),
        [
            "c.yaml:4: registries[0].mirrors[0]: found a URL with its scheme, expected host[:port][/path]; TLS is used unless the entry of the \
             mirror has plainHttp; write mirror.example.com/cache, without https:// and the slash at the end",
            "c.yaml:4: registries[0].mirrors: found \"a.example.com\", which is the registry itself, expected other locations; the registry is the last one unless \
             mirrorsOnly is true",
        ]
    );
}
