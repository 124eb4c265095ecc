//! One case for every refusal, with the whole message.

use std::path::Path;
use std::path::PathBuf;

use countersign::config::Purpose;
use countersign::config::TrustLocation;
use countersign_testkit::variants;

use super::TLS;
use super::TRUST;
use super::check;
use super::mistakes;
use super::parse;

#[test]
fn refuses_unknown_keys_in_every_section() {
    check(
        "colour: red",
        &[
            ":2: colour: found an unknown key, expected one of server, health, trust, verification, evidence, aws, azure, google, mutation, cache, \
           registries, unlistedRegistries, registryAccess, log",
        ],
    );
    check(
        "server: {tls: {ca: x, certificate: c, key: k, clientCa: a}}",
        &[":2: server.tls.ca: found an unknown key, expected one of certificate, key, clientCa"],
    );
    check("health: {port: 1}", &[":2: health.port: found an unknown key, expected one of listen"]);
    check(
        "verification: {signatures: 1}",
        &[":2: verification.signatures: found an unknown key, expected one of maxSignatures, requiredMetadata"],
    );
    check(
        "cache: {ttl: 1}",
        &[
            ":2: cache.ttl: found an unknown key, expected one of verdictBytes, verdictLifetime, rejectedLifetime, tagLifetime, verifyAgain, imagesAtStart",
        ],
    );
    check(
        "registryAccess: {timeout: 1s}",
        &[":2: registryAccess.timeout: found an unknown key, expected one of connectTimeout, requestTimeout, \
         maxRequestsPerHost, maxRequests, keepConnections"],
    );
    check(
        "log: {colour: red}",
        &[":2: log.colour: found an unknown key, expected one of level, format, cachedVerdicts"],
    );
    check("log: {format: yaml}", &[":2: log.format: found \"yaml\", expected json or text"]);
    check(
        "registries: [{host: a.b, insecure: true}]",
        &[":2: registries[0].insecure: found an unknown key, expected one of host, plainHttp, ca, credentials, \
             clientCertificate, realmHosts, proxy, mirrors, mirrorsOnly, fallbackTag, connectTimeout, requestTimeout, maxRequests, requestsPerSecond; `plainHttp` seems to be meant"],
    );
    check(
        "registries: [{host: a.b, credentials: {password: hunter2}}]",
        &[
            ":2: registries[0].credentials.password: found an unknown key, expected one of dockerConfig, usernameFile, \
             passwordFile, ecr, acr, google, anonymous; `passwordFile` seems to be meant",
            ":2: registries[0].credentials: found none, expected one of dockerConfig, usernameFile with passwordFile, ecr, \
             acr, google, or anonymous: true",
        ],
    );
    assert_eq!(
        mistakes("trust: {directory: x, dir: y}", Purpose::Verify),
        [
            ":1: trust.dir: found an unknown key, expected one of directory, policy, store, stores, reloadInterval; `directory` seems to be meant",
        ]
    );
    check(
        "verification: {requiredMetadata: [{statement: s, annotations: {a: b}, level: x}]}",
        &[":2: verification.requiredMetadata[0].level: found an unknown key, expected one of statement, annotations"],
    );
}

#[test]
fn refuses_other_types_in_place_of_a_section() {
    check(
        "server: on",
        &[":2: server: found a text, expected the keys listen, tls, allowedClients, verifyTimeout, mutateTimeout, \
         stopGrace, maxBodyBytes, maxKeys, maxConnections, maxConcurrentKeys, maxConcurrentKeysPerRequest"],
    );
    check("registries: {host: a}", &[":2: registries: found a map of keys, expected a list"]);
    check(
        "registries: [a.b]",
        &[
            ":2: registries[0]: found a text, expected the keys host, plainHttp, ca, credentials, clientCertificate, realmHosts, proxy, \
             mirrors, mirrorsOnly, fallbackTag, connectTimeout, requestTimeout, maxRequests, requestsPerSecond",
            ":2: registries[0].host: found nothing, expected host[:port][/path] as in image references, with *. or \
             **. only before at least two labels, for example registry.example.com",
        ],
    );
    assert_eq!(
        mistakes("- a\n", Purpose::Verify)[0],
        ":1: found a list, expected the keys server, health, trust, \
         verification, evidence, aws, azure, google, mutation, cache, registries, unlistedRegistries, registryAccess, log"
    );
}

#[test]
fn does_not_repeat_a_password_in_the_wrong_place() {
    check(
        "registries: [{host: a.b, credentials: 'bob:hunter2'}]",
        &[
            ":2: registries[0].credentials: found a text, expected the keys dockerConfig, usernameFile, passwordFile, ecr, \
             acr, google, anonymous",
        ],
    );
}

#[test]
fn refuses_ambiguous_yaml() {
    check("log: {level: info}\nlog: {level: warn}", &[":3: log: found \"log\" twice, expected each key once"]);
    check(
        "log: &l {level: info}",
        &[":2: log: found an anchor (&name), expected every value written out; put a text that begins with & or * in \
             quotation marks"],
    );
    check("---\nlog: {}", &[":3: found a second document, expected one document"]);
    check(
        "registries: [{host: a.b, plainHttp: yes}]",
        &[":2: registries[0].plainHttp: found \"yes\", expected true or false"],
    );
}

#[test]
fn refuses_bad_server_values() {
    check(
        "server: {listen: localhost}",
        &[
            ":2: server.listen: found \"localhost\", expected an IP address or a host name with a port, or a port alone, for example :6001",
        ],
    );
    check(
        "health: {listen: 8888}",
        &[
            ":2: health.listen: found the number 8888, expected an IP address or a host name with a port, or a port alone, for example :8888",
        ],
    );
    check(
        "server: {allowedClients: []}",
        &[":2: server.allowedClients: found an empty list, expected at least one DNS name; without one no client \
           could connect"],
    );
    check(
        "server: {allowedClients: [a_b, 5]}",
        &[
            ":2: server.allowedClients[0]: found \"a_b\", expected a DNS name, for example \
         gatekeeper-webhook-service.gatekeeper-system.svc",
            ":2: server.allowedClients[1]: found the number 5, expected a DNS name, for example \
         gatekeeper-webhook-service.gatekeeper-system.svc",
        ],
    );
    check("server: {allowedClients: gatekeeper}", &[":2: server.allowedClients: found a text, expected a list"]);
    check(
        "server: {verifyTimeout: 31s}",
        &[
            ":2: server.verifyTimeout: found \"31s\", expected a duration with its unit (h, m, s or ms), from 100ms to 30s, for example 1.8s",
        ],
    );
    check(
        "server: {mutateTimeout: 99ms}",
        &[
            ":2: server.mutateTimeout: found \"99ms\", expected a duration with its unit (h, m, s or ms), from 100ms to 30s, for example 800ms",
        ],
    );
    check(
        "server: {stopGrace: -1s}",
        &[
            ":2: server.stopGrace: found \"-1s\", expected a duration with its unit (h, m, s or ms), from 0s to 10m, for example 20s",
        ],
    );
    check(
        "server: {maxBodyBytes: 1023}",
        &[
            ":2: server.maxBodyBytes: found the number 1023, expected a number of bytes, or one with a unit (Ki, Mi, Gi, k, M or G), from 1Ki to 64Mi, for example 1Mi",
        ],
    );
    check(
        "server: {maxKeys: 0}",
        &[":2: server.maxKeys: found the number 0, expected a whole number from 1 to 10000, for example 1000"],
    );
    check(
        "server: {maxConnections: 1.5}",
        &[":2: server.maxConnections: found the number 1.5, expected a whole number from 1 to 65536, for example 256"],
    );
    check(
        "server: {maxConcurrentKeys: \"8\"}",
        &[":2: server.maxConcurrentKeys: found \"8\", expected a whole number from 1 to 65536, for example 128"],
    );
    check(
        "server: {maxConcurrentKeys: 8}",
        &[":2: server.maxConcurrentKeysPerRequest: found 32, expected at most server.maxConcurrentKeys, which is 8"],
    );
    assert_eq!(
        mistakes(&format!("{TLS}{TRUST}health: {{listen: 0.0.0.0:6001}}"), Purpose::Serve),
        [":3: health.listen: found 0.0.0.0:6001 beside server.listen, which is [::]:6001, expected another port"]
    );
    for (server, health) in
        [(":6001", "localhost:6001"), ("0.0.0.0:6001", "127.0.0.1:6001"), ("a.example:1", "A.example:1")]
    {
        let server = format!("server: {{listen: '{server}', tls: {{certificate: c, key: k, clientCa: a}}}}");
        let text = format!("{server}\n{TRUST}health: {{listen: '{health}'}}");
        assert_eq!(mistakes(&text, Purpose::Serve).len(), 1, "{server} {health}");
    }
}

#[test]
fn trust_is_a_directory_or_a_policy_with_a_store() {
    let both = parse("trust: {policy: p.json, store: /s}", Purpose::Verify).unwrap();
    let apart = TrustLocation::Apart { policy: PathBuf::from("/etc/cs/p.json"), store: PathBuf::from("/s") };
    assert_eq!(both.trust.location, apart);
    let refused = |text| mistakes(text, Purpose::Verify);
    let missing = "trust.directory: found nothing, expected a Notation configuration directory, or trust.policy and \
                   trust.store, for example trust";
    assert_eq!(refused(""), [format!(":1: {missing}")]);
    assert_eq!(refused("trust: {reloadInterval: 5s}"), [format!(":1: {missing}")]);
    assert_eq!(
        refused("trust: {directory: d, policy: p}"),
        [":1: trust.directory: found a directory beside trust.policy or trust.store, expected one or the other",]
    );
    assert_eq!(
        refused("trust: {policy: p}"),
        [
            ":1: trust.store: found nothing, expected the directory with x509/<type>/<name>/ beside trust.policy, for example \
         truststore",
        ]
    );
    assert_eq!(
        refused("trust: {store: s}"),
        [":1: trust.policy: found nothing, expected the trust policy document beside trust.store, for example \
         policy/trustpolicy.json",]
    );
    assert_eq!(
        refused("trust: {directory: d, reloadInterval: 10ms}"),
        [
            ":1: trust.reloadInterval: found \"10ms\", expected a duration with its unit (h, m, s or ms), from 100ms to 1h, for example 10s",
        ]
    );
    assert_eq!(
        refused("trust: {directory: \"\"}"),
        [":1: trust.directory: found \"\", expected the path of a file or directory, for example trust",]
    );
}

#[test]
fn refuses_bad_verification_values() {
    check(
        "verification: {maxSignatures: 1001}",
        &[
            ":2: verification.maxSignatures: found the number 1001, expected a whole number from 1 to 1000, for example 100",
        ],
    );
    check(
        "verification: {requiredMetadata: [{annotations: {a: b}}]}",
        &[
            ":2: verification.requiredMetadata[0].statement: found nothing, expected the name of a statement of the trust \
         policy, for example production",
        ],
    );
    check(
        "verification: {requiredMetadata: [{statement: 7, annotations: {a: b}}]}",
        &[
            ":2: verification.requiredMetadata[0].statement: found the number 7, expected the name of a statement of the trust \
         policy, for example production",
        ],
    );
    let wanted = "expected at least one annotation with its value, for example {io.example.pipeline: release}";
    check(
        "verification: {requiredMetadata: [{statement: s}]}",
        &[&format!(":2: verification.requiredMetadata[0].annotations: found nothing, {wanted}")],
    );
    check(
        "verification: {requiredMetadata: [{statement: s, annotations: {}}]}",
        &[&format!(":2: verification.requiredMetadata[0].annotations: found a map of keys, {wanted}")],
    );
    check(
        "verification: {requiredMetadata: [{statement: s, annotations: [a]}]}",
        &[&format!(":2: verification.requiredMetadata[0].annotations: found a list, {wanted}")],
    );
    check(
        "verification: {requiredMetadata: [{statement: s, annotations: {a: 1}}]}",
        &[":2: verification.requiredMetadata[0].annotations.a: found the number 1, expected a string; put it in \
           quotation marks, for example \"1\""],
    );
    check(
        "verification:\n  requiredMetadata:\n  - {statement: s, annotations: {a: b}}\n  - {statement: s, annotations: {a: b}}",
        &[":5: verification.requiredMetadata[1].statement: found \"s\" twice, expected each statement once"],
    );
}

#[test]
fn refuses_images_that_are_no_references_and_too_many() {
    let found = |value: &str, found: &str, more: &str| {
        check(
            &format!("cache: {{imagesAtStart: [{value}]}}"),
            &[&format!(":2: cache.imagesAtStart[0]: found {found}, expected a reference to an image{more}")],
        );
    };
    let example = ", for example registry.example.com/app:v1";
    found("5", "the number 5", example);
    found("''", "\"\"", example);
    // The host alone is not meant.
    found("r.example/App", "\"r.example/App\"", example);
    let url = "https://r.example/app:v1";
    found(url, &format!("{url:?}"), "; write r.example/app:v1, without https://");
    check("cache: {imagesAtStart: app}", &[":2: cache.imagesAtStart: found a text, expected a list"]);
    let list = vec!["app"; 101].join(", ");
    check(
        &format!("cache: {{imagesAtStart: [{list}]}}"),
        &[":2: cache.imagesAtStart: found 101 images, expected at most 100"],
    );
    check(
        "cache: {verifyAgain: 1001}",
        &[":2: cache.verifyAgain: found the number 1001, expected a whole number from 0 to 1000, for example 200"],
    );
}

#[test]
fn refuses_bad_cache_and_access_values() {
    check(
        "cache: {verdictBytes: -1}",
        &[
            ":2: cache.verdictBytes: found the number -1, expected a number of bytes, or one with a unit (Ki, Mi, Gi, k, M or G), from 0 to 4Gi, for example 16Mi",
        ],
    );
    check(
        "cache: {verdictLifetime: 25h}",
        &[
            ":2: cache.verdictLifetime: found \"25h\", expected a duration with its unit (h, m, s or ms), from 0s to 24h, for example 5m",
        ],
    );
    check(
        "cache: {rejectedLifetime: 11m}",
        &[
            ":2: cache.rejectedLifetime: found \"11m\", expected a duration with its unit (h, m, s or ms), from 0s to 10m, for example 5s",
        ],
    );
    check(
        "cache: {tagLifetime: soon}",
        &[
            ":2: cache.tagLifetime: found \"soon\", expected a duration with its unit (h, m, s or ms), from 0s to 10m, for example 5s",
        ],
    );
    check(
        "registryAccess: {connectTimeout: 1ms}",
        &[
            ":2: registryAccess.connectTimeout: found \"1ms\", expected a duration with its unit (h, m, s or ms), from 50ms to 1m, for example 1s",
        ],
    );
    check(
        "registryAccess: {requestTimeout: 2m}",
        &[
            ":2: registryAccess.requestTimeout: found \"2m\", expected a duration with its unit (h, m, s or ms), from 50ms to 1m, for example 5s",
        ],
    );
    check(
        "registryAccess: {maxRequestsPerHost: 0}",
        &[
            ":2: registryAccess.maxRequestsPerHost: found the number 0, expected a whole number from 1 to 1024, for example 32",
        ],
    );
    check(
        "registryAccess: {maxRequests: 70000}",
        &[
            ":2: registryAccess.maxRequests: found the number 70000, expected a whole number from 1 to 65536, for example 128",
        ],
    );
    check("unlistedRegistries: allow", &[":2: unlistedRegistries: found \"allow\", expected anonymous or refuse"]);
}

#[test]
fn refuses_lists_for_maps_and_duplicate_keys() {
    // JSON is YAML.
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/countersign.yaml");
    let sample: serde_json::Value = serde_saphyr::from_str(&std::fs::read_to_string(sample).unwrap()).unwrap();
    let read = |bytes: Vec<u8>| parse(&String::from_utf8(bytes).unwrap(), Purpose::Serve);
    assert!(read(sample.to_string().into_bytes()).is_ok());
    for variant in variants::arrays_for_objects(&sample) {
        assert!(read(variant.bytes).is_err(), "{}", variant.name);
    }
    for variant in variants::repeated_members(&sample) {
        let error = read(variant.bytes).unwrap_err().to_string();
        assert!(error.contains(" twice, expected each key once"), "{}: {error}", variant.name);
    }
}

#[test]
fn lists_the_first_hundred_mistakes_and_counts_the_others() {
    let keys: String = (0..5000).map(|number| format!("unknown{number}: 1\n")).collect();
    let mistakes = mistakes(&keys, Purpose::Verify);
    assert_eq!(mistakes.len(), 101);
    assert_eq!(mistakes[100], ": found 4901 more mistakes, expected the mistakes above to be corrected first");
}
