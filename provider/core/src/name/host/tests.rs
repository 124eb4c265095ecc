use std::collections::BTreeSet;
use std::collections::HashSet;

use super::*;

fn host(text: &str) -> Host {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Each line has the spellings of one server, with the canonical one first.
const PLACES: [&[&str]; 20] = [
    &["registry.example", "Registry.EXAMPLE", "registry.example:443", "registry.example:0443"],
    &["registry.example:80", "registry.example:080"],
    &["registry.example:5000", "REGISTRY.example:05000", "registry.example:0000000005000"],
    &["localhost", "LOCALHOST", "localhost:443", "LocalHost:00443"],
    &["localhost:5000", "LOCALHOST:5000", "localhost:05000"],
    &["registry", "Registry", "registry:443"],
    &["10.0.0.5", "10.0.0.5:443", "[::ffff:a00:5]", "[::FFFF:A00:5]:443", "[0:0:0:0:0:ffff:0a00:0005]"],
    &["10.0.0.5:5000", "10.0.0.5:05000", "[::ffff:a00:5]:5000"],
    &["[fd00::1]", "[FD00:0::1]", "[fd00::1]:443", "[fd00:0000:0:0:0:0:0:1]"],
    &["[fd00::1]:5000", "[FD00::0:1]:05000"],
    &["[::1]", "[0:0:0:0:0:0:0:1]", "[::0001]:443"],
    // An IPv4-compatible address, NAT64 and 6to4 are addresses of their own.
    &["[::a00:5]", "[0::0a00:5]"],
    &["[64:ff9b::a00:5]"],
    &[
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "REGISTRY-1.docker.io",
        "registry-1.docker.io:443",
        "registry.docker.io",
        "registry.hub.docker.com",
        "Registry.Hub.Docker.com:0443",
    ],
    &["docker.io:5000", "Docker.io:05000"],
    &["index.docker.io:80"],
    &["registry-1.docker.io:5000"],
    &["hub.docker.com"],
    &["xn--bcher-kva.example", "XN--BCHER-KVA.example"],
    &["a--b.0x1g", "A--B.0X1G"],
];

#[test]
fn spellings_of_one_server_are_equal_and_others_are_not() {
    let mut hashed = HashSet::new();
    let mut ordered = BTreeSet::new();
    for spellings in PLACES {
        let first = host(spellings[0]);
        for spelling in spellings {
            let other = host(spelling);
            assert_eq!(other, first, "{spelling}");
            assert_eq!(other.cmp(&first), Ordering::Equal, "{spelling}");
            assert_eq!(other.to_string(), *spelling, "printed as written");
            assert_eq!(other.canonical(), spellings[0], "{spelling}");
            hashed.insert(other.clone());
            ordered.insert(other);
        }
    }
    assert_eq!((hashed.len(), ordered.len()), (PLACES.len(), PLACES.len()));
}

#[test]
fn a_url_with_the_authority_has_the_same_server() {
    for spellings in PLACES {
        for spelling in spellings {
            let host = host(spelling);
            for (scheme, default) in [("https", 443), ("http", 80)] {
                let url = url::Url::parse(&format!("{scheme}://{}/v2/", host.authority())).unwrap();
                let expected = match host.name() {
                    HostName::DockerHub => url::Host::Domain("registry-1.docker.io"),
                    HostName::Dns(name) => url::Host::Domain(name.as_str()),
                    HostName::V4(address) => url::Host::Ipv4(*address),
                    HostName::V6(address) => url::Host::Ipv6(*address),
                };
                assert_eq!(url.host(), Some(expected), "{spelling}");
                let port = host.written_port().unwrap_or(default);
                assert_eq!(url.port_or_known_default(), Some(port), "{spelling}");
                assert_eq!(url.path(), "/v2/");
            }
        }
    }
}

#[test]
fn refuses_names_that_runtimes_pull_differently_or_not_at_all() {
    let long = format!("{}.example", ["a"; 126].join("."));
    let label = format!("{}.example", "a".repeat(64));
    for (text, error) in [
        ("", HostError::Syntax),
        (".", HostError::Syntax),
        ("registry.example.", HostError::Syntax),
        (".registry.example", HostError::Syntax),
        ("registry..example", HostError::Syntax),
        ("-a.example", HostError::Syntax),
        ("a-.example", HostError::Syntax),
        ("my_registry.example", HostError::Syntax),
        ("registry.example/", HostError::Syntax),
        ("registry.example ", HostError::Syntax),
        ("user@registry.example", HostError::Syntax),
        ("registry%2eexample", HostError::Syntax),
        ("b\u{fc}cher.example", HostError::Syntax),
        ("registry\u{3002}example", HostError::Syntax),
        ("registry.example:", HostError::Syntax),
        ("registry.example:+5000", HostError::Syntax),
        ("registry.example:50a", HostError::Syntax),
        ("registry.example:5000:5000", HostError::Syntax),
        ("registry.example:0", HostError::Port),
        ("registry.example:00000", HostError::Port),
        ("registry.example:65536", HostError::Port),
        ("registry.example:99999999999999999999", HostError::Port),
        (&label, HostError::Syntax),
        (&long, HostError::Syntax),
        ("127.1", HostError::Number),
        ("0x7f.1", HostError::Number),
        ("127.0.0.0x1", HostError::Number),
        ("127.0.0.0X", HostError::Number),
        ("2130706433", HostError::Number),
        ("0x7f000001:5000", HostError::Number),
        ("010.0.0.5", HostError::Number),
        ("10.0.0.05", HostError::Number),
        ("10.0.0.256", HostError::Number),
        ("10.0.0.5.6", HostError::Number),
        ("registry.5", HostError::Number),
        ("[", HostError::Syntax),
        ("[]", HostError::Syntax),
        ("[::1", HostError::Syntax),
        ("::1", HostError::Syntax),
        ("[::1]x", HostError::Syntax),
        ("[::1]:", HostError::Syntax),
        ("[::1]:0", HostError::Port),
        ("[fe80::1%eth0]", HostError::Syntax),
        ("[fe80::1%25eth0]", HostError::Syntax),
        ("[::ffff:10.0.0.5]", HostError::Syntax),
        ("[10.0.0.5]", HostError::Syntax),
        ("[::1::2]", HostError::Syntax),
        ("[registry]", HostError::Syntax),
        ("[00000::1]", HostError::Syntax),
        ("xn--a", HostError::Punycode),
        ("xn--.example", HostError::Syntax),
        ("registry.xn--a.example", HostError::Punycode),
        ("XN--abc-.example", HostError::Syntax),
        ("xn--abc.example", HostError::Punycode),
        ("Docker.io", HostError::DockerHub),
        ("docker.io:443", HostError::DockerHub),
        ("docker.io:0443", HostError::DockerHub),
        ("INDEX.docker.io", HostError::DockerHub),
        ("index.docker.io:443", HostError::DockerHub),
    ] {
        assert_eq!(text.parse::<Host>(), Err(error), "{text:?}");
    }
}

/// Checks every short text of characters that have a meaning in one of the parsers.
#[test]
fn every_accepted_text_names_the_same_server_in_a_url() {
    let alphabet = ["0", "1", "7", "255", "a", "X", "x", ".", "-", ":", "[", "]", "::", "ffff", "xn--", "_", "%", "@"];
    let mut accepted = 0;
    let mut texts = vec![String::new()];
    for _ in 0..4 {
        texts = texts.iter().flat_map(|text| alphabet.map(|letter| format!("{text}{letter}"))).collect();
        for text in &texts {
            let Ok(host) = text.parse::<Host>() else { continue };
            accepted += 1;
            let url = url::Url::parse(&format!("https://{}/", host.authority())).unwrap();
            assert_eq!(url.host_str(), Some(host.name().to_string().as_str()), "{text}");
            assert_eq!(url.port_or_known_default(), Some(host.port()), "{text}");
            // A URL parser reads the text as the same host.
            let written = url::Url::parse(&format!("https://{text}/")).unwrap();
            let mapped = matches!(written.host(), Some(url::Host::Ipv6(v6)) if v6.to_ipv4_mapped().is_some());
            assert!(mapped || written == url, "{text}: {written} {url}");
        }
    }
    assert!(accepted > 1000, "{accepted}");
}

#[test]
fn the_first_part_is_a_host_if_runtimes_read_it_as_one() {
    for part in ["a.b", "a:1", "localhost", "Registry", "[::1]"] {
        assert!(Host::is_host_part(part), "{part}");
    }
    for part in ["", "library", "registry", "my_team", "local-host"] {
        assert!(!Host::is_host_part(part), "{part}");
    }
}
