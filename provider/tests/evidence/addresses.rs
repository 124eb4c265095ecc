//! Which addresses are reached.

use countersign_core::verdict::Code;
use countersign_http::ProxyChoice;
use countersign_testkit::proxy::Proxy;

use crate::fixture::Fixture;

/// The reason for a signer whose CRL is at `url`.
async fn refused(fixture: &Fixture, url: &str) -> String {
    let signer = fixture.issue(|leaf| leaf.crl_url(url));
    let (code, message) = fixture.reason(&signer).await;
    assert_eq!(code, Code::RevocationUnchecked, "{message}");
    message.as_str().to_owned()
}

#[tokio::test]
async fn loopback_link_local_and_metadata_addresses_are_reached_only_if_configured() {
    let fixture = Fixture::with("strict", |settings| settings.reachable_hosts.clear()).await;
    let port = fixture.responder.address().port();
    for (url, address) in [
        (fixture.responder.url("/ca.crl"), "127.0.0.1"),
        (format!("http://localhost:{port}/ca.crl"), "127.0.0.1"),
        (format!("http://2130706433:{port}/ca.crl"), "127.0.0.1"),
        (format!("http://[::ffff:127.0.0.1]:{port}/ca.crl"), "127.0.0.1"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "169.254.169.254"),
        ("http://[fd00:ec2::254]/latest/meta-data".to_owned(), "fd00:ec2::254"),
        ("http://0.0.0.0/".to_owned(), "0.0.0.0"),
    ] {
        let message = refused(&fixture, &url).await;
        assert!(message.contains(&format!(" is at {address}, to which no request is sent")), "{url}: {message}");
        assert!(message.contains("evidence.reachableHosts"), "{message}");
    }
    assert_eq!(fixture.requests(), 0);
    let refusals = fixture.engine.metric("countersign_evidence_requests_total{kind=\"crl\",result=\"refused\"}");
    // Three of the URLs are spellings of one.
    assert_eq!(refusals, 5);
}

#[tokio::test]
async fn a_configured_host_is_reached_at_its_port_only() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.code(&fixture.signer_with_crl()).await, Code::Verified);
    let message = refused(&fixture, "http://127.0.0.1:1/ca.crl").await;
    assert!(message.contains("is at 127.0.0.1, to which no request is sent"), "{message}");
}

#[tokio::test]
async fn private_networks_are_reached_unless_only_public_ones_are_configured() {
    let fixture =
        Fixture::with("strict", |settings| settings.networks = countersign_http::AddressPolicy::PublicOnly).await;
    let message = refused(&fixture, "http://10.255.255.1/ca.crl").await;
    assert!(message.contains("is at 10.255.255.1, to which no request is sent"), "{message}");
}

#[tokio::test]
async fn addresses_of_other_schemes_and_with_logins_are_named_in_the_reason() {
    let fixture = Fixture::new().await;
    for (url, expected) in [
        ("ldap:///CN=CA?certificateRevocationList", "found the scheme ldap, expected http or https"),
        ("ftp://files.example/ca.crl", "found the scheme ftp, expected http or https"),
        (
            "http://user:secret@crl.example/ca.crl",
            "found no URL of at most 8192 bytes with a host and without a user name",
        ),
    ] {
        let message = refused(&fixture, url).await;
        assert!(message.contains(expected), "{url}: {message}");
    }
    assert_eq!(fixture.requests(), 0);
}

#[tokio::test]
async fn requests_use_the_configured_proxy_and_none_is_sent_without_it() {
    let proxy = Proxy::start().await;
    let choice = ProxyChoice::Server { server: proxy.url().parse().unwrap(), roots: countersign_http::Roots::System };
    let fixture = Fixture::with("strict", |settings| settings.proxy = Ok(choice)).await;
    // The proxy resolves the name itself.
    let message = refused(&fixture, "http://crl.invalid/ca.crl").await;
    assert!(message.contains("crl.invalid"), "{message}");
    assert_eq!(proxy.requests().len(), 1);
    let why = countersign_core::codec::text::Text::of("proxy-login/password: is empty");
    let fixture = Fixture::with("strict", |settings| settings.proxy = Err(why)).await;
    let message = refused(&fixture, &fixture.responder.url("/ca.crl")).await;
    let expected = "no request is sent without the configured proxy: proxy-login/password: is empty";
    assert!(message.contains(expected), "{message}");
    assert_eq!(fixture.requests(), 0);
}
