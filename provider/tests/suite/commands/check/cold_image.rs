//! Limits of an entry under which no image can be verified in time.

use super::check;
use super::sound;

fn warnings(entry: &str, timeout: &str, arguments: &[&str]) -> Vec<String> {
    let folder = sound();
    folder.write(
        "c.yaml",
        format!(
            "trust: {{directory: trust}}
server: {{verifyTimeout: {timeout}, tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.crt}}}}
unlistedRegistries: refuse
registries: [{{host: registry.example.com, {entry}}}]
"
        ),
    );
    let (code, page) = check(&folder, arguments);
    assert_eq!(code, Some(0), "{page}");
    let lines = page.lines().filter_map(|line| line.strip_prefix("warning       requests-per-second: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_pace_that_lets_no_image_pass_has_a_warning() {
    assert_eq!(
        warnings("requestsPerSecond: 1", "1800ms", &[]),
        [
            "registry registry.example.com: an image that is not cached needs 4 requests (its tag, the list of signatures, a signature and \
             its envelope), and with requestsPerSecond 1 the last one begins after 3s, which is not within server.verifyTimeout 1.8s: its \
             verification is inconclusive; set requestsPerSecond to 2 or more, or a longer server.verifyTimeout"
        ]
    );
    // The fourth begins after 1 s, the fifth after 1.5 s.
    assert_eq!(
        warnings("requestsPerSecond: 2", "1500ms", &[]),
        [
            "registry registry.example.com: an image that is not cached needs 5 requests (its tag, the list of signatures, a signature and \
             its envelope, a token), and with requestsPerSecond 2 the last one begins after 1.5s, which is not within \
             server.verifyTimeout 1.5s: its verification is inconclusive; set requestsPerSecond to 3 or more, or a longer \
             server.verifyTimeout"
        ]
    );
    assert_eq!(
        warnings("requestsPerSecond: 2, fallbackTag: always", "1500ms", &[]),
        [
            "registry registry.example.com: an image that is not cached needs 5 requests (its tag, the list of signatures, the fallback \
             tag, a signature and its envelope), and with requestsPerSecond 2 the last one begins after 1.5s, which is not within \
             server.verifyTimeout 1.5s: its verification is inconclusive; set requestsPerSecond to 3 or more, or a longer \
             server.verifyTimeout"
        ]
    );
}

#[test]
fn limits_that_let_one_image_pass_have_no_warning() {
    for (entry, timeout) in [
        ("requestsPerSecond: 2", "1501ms"),
        ("requestsPerSecond: 5", "100ms"),
        ("requestsPerSecond: 1", "5s"),
        ("maxRequests: 1", "1800ms"),
    ] {
        assert_eq!(warnings(entry, timeout, &[]), [""; 0], "{entry}");
    }
    // The command line has its own time.
    assert_eq!(warnings("requestsPerSecond: 1", "1800ms", &["--for", "verify"]), [""; 0]);
}
