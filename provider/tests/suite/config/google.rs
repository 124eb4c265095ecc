//! The section `google` and `credentials.google`: what is read, and every mistake with the whole message.

use std::time::Duration;

use countersign::config::Credentials;
use countersign::config::Google;
use countersign::config::GoogleAccount;
use countersign::config::Purpose;

use super::TRUST;
use super::check;
use super::parse;

const HOST: &str = "europe-west1-docker.pkg.dev";

fn google(text: &str) -> Google {
    parse(&format!("{TRUST}{text}\n"), Purpose::Verify).unwrap().google
}

#[test]
fn reads_every_key_of_google() {
    let of = |connect, attempt| Google {
        connect_timeout: Duration::from_secs(connect),
        attempt_timeout: Duration::from_secs(attempt),
    };
    assert_eq!(google(""), of(1, 3));
    assert_eq!(google("google: {connectTimeout: 2s, attemptTimeout: 4s}"), of(2, 4));
}

#[test]
fn reads_credentials_of_google_for_each_of_its_hosts() {
    for host in [HOST, "us-docker.pkg.dev", "gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io", "gcr.io/my-project"] {
        let text = format!("{TRUST}registries: [{{host: {host}, credentials: {{google: {{}}}}}}]\n");
        let config = parse(&text, Purpose::Verify).unwrap();
        assert_eq!(config.registries[0].credentials, Credentials::Google(GoogleAccount), "{host}");
        assert!(config.needs_google() && !config.needs_azure() && !config.needs_aws());
    }
    assert!(!parse(&format!("{TRUST}registries: [{{host: {HOST}}}]\n"), Purpose::Verify).unwrap().needs_google());
}

#[test]
fn refuses_tokens_for_a_host_that_is_not_one_registry_of_google() {
    let wanted = "expected one host of Artifact Registry: LOCATION-docker.pkg.dev, gcr.io, us.gcr.io, eu.gcr.io or asia.gcr.io; no token \
                  of Google Cloud is sent to another host";
    for host in [
        "registry.example.com",
        "*.pkg.dev",
        "*.gcr.io",
        "mirror.gcr.io",
        "europe-west1-docker.pkg.dev.evil.example",
        "europe-west1-docker.pkg.dev:8443",
        "europe-west1-python.pkg.dev",
        "evil-docker.pkg.dev",
        "xn--gcr-0ra.io",
        "ghcr.io",
    ] {
        check(
            &format!("registries: [{{host: '{host}', credentials: {{google: {{}}}}}}]"),
            &[&format!(":2: registries[0].credentials.google: found credentials for {host}, {wanted}")],
        );
    }
}

#[test]
fn refuses_bad_values_of_google() {
    let entry = |keys: &str, messages: &[&str]| {
        check(&format!("registries: [{{host: {HOST}, {keys}}}]"), messages);
    };
    entry(
        "credentials: {google: {account: x}}",
        &[":2: registries[0].credentials.google.account: found an unknown key, expected none"],
    );
    entry(
        "credentials: {google: []}",
        &[
            ":2: registries[0].credentials.google: found a list, expected a map of keys; write `google: {}` for the identity of the pod",
        ],
    );
    entry(
        "credentials: {google: }",
        &[
            ":2: registries[0].credentials.google: found nothing, expected a map of keys; write `google: {}` for the identity of the pod",
        ],
    );
    entry(
        "plainHttp: true, credentials: {google: {}}",
        &[
            ":2: registries[0].plainHttp: found true beside credentials, expected one or the other; credentials would be sent in clear text",
        ],
    );
    entry(
        "realmHosts: [auth.example.com], credentials: {google: {}}",
        &[
            ":2: registries[0].realmHosts: found hosts beside credentials.google, expected none; a registry of Google issues its tokens \
             itself",
        ],
    );
    entry(
        "credentials: {google: {}, dockerConfig: x}",
        &[
            ":2: registries[0].credentials: found 2 kinds, expected one of dockerConfig, usernameFile with passwordFile, ecr, acr, \
             google, or anonymous: true",
        ],
    );
    check(
        "google: {attemptTimeout: 10ms}",
        &[
            ":2: google.attemptTimeout: found \"10ms\", expected a duration with its unit (h, m, s or ms), from 50ms to 1m, for example \
             3s",
        ],
    );
}
