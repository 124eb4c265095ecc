//! Unlisted hosts, whose names users choose.

use countersign_core::name::ImageRef;
use countersign_credentials::Credential;
use countersign_http::FetchError;
use countersign_http::Scheme;
use countersign_registry::Cause;
use countersign_registry::RegistryEntry;
use countersign_registry::RegistryErrorKind;
use countersign_registry::RegistrySettings;
use countersign_registry::RequestResult;
use countersign_registry::Stage;
use countersign_registry::Unlisted;
use countersign_testkit::registry::Registry;

use crate::support::build;
use crate::support::settings;
use crate::support::soon;

#[tokio::test]
async fn sends_no_request_to_an_unlisted_host_on_loopback_by_address_or_name() {
    let registry = Registry::start().await;
    let port = registry.address().port();
    let (registries, seen) = build(settings(vec![]));
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::ffff:7f00:1]", "[::1]"] {
        let image: ImageRef = format!("{host}:{port}/app:v1").parse().unwrap();
        let error = registries.pin(&image, soon()).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Refused, "{host}: {error}");
    }
    assert_eq!(registry.connections(), 0);
    assert_eq!(seen.all(), [(Stage::Manifest, RequestResult::Refused); 5]);
}

#[test]
fn refuses_numbers_that_some_programs_read_as_loopback() {
    for host in ["127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "127.0.0.1."] {
        let error = format!("{host}:5000/app:v1").parse::<ImageRef>().unwrap_err();
        assert!(error.to_string().starts_with("image reference has an invalid host"), "{error}");
    }
}

#[tokio::test]
async fn sends_no_request_to_metadata_services() {
    let (registries, _) = build(settings(vec![]));
    for (host, address) in [
        ("169.254.169.254", "169.254.169.254"),
        ("[fd00:ec2::254]", "fd00:ec2::254"),
        ("100.100.100.200", "100.100.100.200"),
        ("0.0.0.0", "0.0.0.0"),
    ] {
        let image: ImageRef = format!("{host}/latest/meta-data:v1").parse().unwrap();
        let error = registries.pin(&image, soon()).await.unwrap_err();
        assert_eq!(
            error.cause,
            Cause::Fetch(FetchError::AddressRefused { host: host.to_owned(), address: address.parse().unwrap() })
        );
    }
}

#[tokio::test]
async fn refuses_an_unlisted_host_if_configured() {
    let (registries, seen) = build(RegistrySettings {
        unlisted: Unlisted::Refuse,
        ..settings(
            vec!["r.example".parse().unwrap()]
                .into_iter()
                .map(|pattern| {
                    countersign_registry::RegistryEntry::new(pattern, countersign_credentials::Credential::Anonymous)
                })
                .collect(),
        )
    });
    let image: ImageRef = "evil.r.example/app:v1".parse().unwrap();
    let error = registries.pin(&image, soon()).await.unwrap_err();
    assert_eq!(error.cause, Cause::HostRefused { host: "evil.r.example".to_owned() });
    assert_eq!(
        error.to_string(),
        "cannot get the manifest of evil.r.example/app: evil.r.example is not in the configuration, and \
         unlistedRegistries is refuse"
    );
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn connects_over_ipv4_and_ipv6_by_address_and_name() {
    let v4 = Registry::start().await;
    let v6 = Registry::start_v6().await;
    for registry in [Some(v4), v6].into_iter().flatten() {
        registry.push_image("app", "v1");
        // If the name has an address of each family, one of them has no listener.
        for host in [registry.host(), format!("localhost:{}", registry.address().port())] {
            if host.starts_with("localhost") && registry.address().is_ipv6() && !resolves_to_ipv6() {
                continue;
            }
            let (registries, _) = build(settings(vec![RegistryEntry {
                scheme: Scheme::Http,
                ..RegistryEntry::new(host.parse().unwrap(), Credential::Anonymous)
            }]));
            let image: ImageRef = format!("{host}/app:v1").parse().unwrap();
            let pinned = registries.pin(&image, soon()).await;
            assert!(pinned.is_ok(), "{host}: {pinned:?}");
        }
    }
}

fn resolves_to_ipv6() -> bool {
    use std::net::ToSocketAddrs as _;
    ("localhost", 0).to_socket_addrs().is_ok_and(|mut all| all.any(|address| address.is_ipv6()))
}
