//! Limits of an entry under which no image can be verified in time.

use super::check;
use super::sound;

fn warnings(entry: &str, timeout: &str, arguments: &[&str]) -> Vec<String> {
    warnings_of("registry.example.com", entry, timeout, arguments)
}

fn warnings_of(host: &str, entry: &str, timeout: &str, arguments: &[&str]) -> Vec<String> {
    let folder = sound();
    folder.write(
        "c.yaml",
        format!(
            "trust: {{directory: trust}}
server: {{verifyTimeout: {timeout}, tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.crt}}}}
unlistedRegistries: refuse
registries: [{{host: {host}, {entry}}}]
"
        ),
    );
    let (code, page) = check(&folder, arguments);
    assert_eq!(code, Some(0), "{page}");
    let lines = page.lines().filter_map(|line| line.strip_prefix("warning       requests-per-second: "));
    lines.map(str::to_owned).collect()
}

fn warning(needed: u32, parts: &str, per_second: u32, last: &str, timeout: &str, enough: u32) -> String {
    format!(
        "registry registry.example.com: an image that is not cached needs {needed} requests ({parts}), and with requestsPerSecond \
         {per_second} the last one begins after {last}, which is not within server.verifyTimeout {timeout}: its verification is \
         inconclusive; set requestsPerSecond to {enough} or more, or a longer server.verifyTimeout"
    )
}

const PARTS: &str = "its tag, the list of signatures, a signature and its envelope";
const TOKEN: &str = "one that is refused with status 401, a token, ";

#[test]
fn a_pace_that_lets_no_image_pass_has_a_warning() {
    assert_eq!(warnings("requestsPerSecond: 1", "1800ms", &[]), [warning(4, PARTS, 1, "3s", "1.8s", 3)]);
    // The fourth begins after 1 s, the sixth after 2 s; with 3 a second, after 1 s.
    let parts = format!("{TOKEN}{PARTS}");
    assert_eq!(warnings("requestsPerSecond: 2", "1500ms", &[]), [warning(6, &parts, 2, "2s", "1.5s", 3)]);
    let parts = format!("{TOKEN}its tag, the list of signatures, the fallback tag, a signature and its envelope");
    let always = "requestsPerSecond: 2, fallbackTag: always";
    assert_eq!(warnings(always, "1501ms", &[]), [warning(7, &parts, 2, "2.5s", "1.501s", 3)]);
}

#[test]
fn the_requests_of_the_authentication_count_with_credentials() {
    let files = "requestsPerSecond: 1, credentials: {usernameFile: user, passwordFile: password}";
    let parts = format!("one that is refused with status 401, {PARTS}");
    assert_eq!(warnings(files, "4s", &[]), [warning(5, &parts, 1, "4s", "4s", 2)]);
    let acr = "requestsPerSecond: 2, credentials: {acr: {}}";
    let of_acr = |text: String| text.replace("registry.example.com", "shops.azurecr.io");
    let parts = format!("{TOKEN}{PARTS}");
    assert_eq!(warnings_of("shops.azurecr.io", acr, "1800ms", &[]), [of_acr(warning(6, &parts, 2, "2s", "1.8s", 3))]);
    assert_eq!(warnings_of("shops.azurecr.io", &acr.replace('2', "3"), "1800ms", &[]), [""; 0]);
    // A private registry of Amazon is sent its token at once.
    let ecr = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
    assert_eq!(warnings_of(ecr, "requestsPerSecond: 2, credentials: {ecr: {}}", "1800ms", &[]), [""; 0]);
}

#[test]
fn a_registry_that_receives_no_request_has_no_warning() {
    let entry = "requestsPerSecond: 1, mirrors: [mirror.example.com], mirrorsOnly: true";
    assert_eq!(warnings(entry, "1800ms", &[]), [""; 0]);
}

#[test]
fn limits_that_let_one_image_pass_have_no_warning() {
    for (entry, timeout) in [
        ("requestsPerSecond: 2", "2001ms"),
        ("requestsPerSecond: 6", "100ms"),
        ("requestsPerSecond: 1", "5001ms"),
        ("maxRequests: 1", "1800ms"),
    ] {
        assert_eq!(warnings(entry, timeout, &[]), [""; 0], "{entry}");
    }
    // The command line has its own time.
    assert_eq!(warnings("requestsPerSecond: 1", "1800ms", &["--for", "verify"]), [""; 0]);
}
