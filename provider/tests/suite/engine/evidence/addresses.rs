//! Which addresses are reached.

use countersign_core::verdict::Code;
use countersign_http::ProxyChoice;
use countersign_http::ProxyEnvironment;
use countersign_http::RootCertificates;
use countersign_http::Roots;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use countersign_testkit::responder::Responder;

use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;

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

fn through(proxy: &Proxy) -> Result<ProxyChoice, countersign_core::codec::text::Text> {
    Ok(ProxyChoice::Server { server: proxy.url().parse().unwrap(), roots: Roots::System })
}

#[tokio::test]
async fn no_proxy_takes_precedence_over_the_configured_proxy_for_reachable_hosts_too() {
    let proxy = Proxy::start().await;
    // The responder is on this machine and among the reachable hosts: no proxy is used for it.
    let fixture = Fixture::with("strict", |settings| settings.proxy = through(&proxy)).await;
    assert_eq!(fixture.code(&fixture.signer_with_crl()).await, Code::Verified);
    assert_eq!((fixture.requests(), proxy.requests().len()), (1, 0));

    let host = "10.255.255.1";
    let fixture = Fixture::with("strict", |settings| {
        settings.proxy = through(&proxy);
        settings.reachable_hosts.push(host.parse().unwrap());
    })
    .await;
    let message = refused(&fixture, &format!("http://{host}/ca.crl")).await;
    let expected = format!(
        "{host}:80 is a private address, for which no proxy is used (here {} from evidence.proxy); if it can be reached \
         directly, add it to NO_PROXY, which takes precedence over evidence.proxy",
        proxy.host()
    );
    assert!(message.contains(&expected), "{message}");

    // As the message advises.
    let fixture = Fixture::with("strict", |settings| {
        settings.proxy = through(&proxy);
        settings.reachable_hosts.push(host.parse().unwrap());
        settings.connect_timeout = std::time::Duration::from_millis(50);
        let variable = |name: &str| (name == "NO_PROXY").then(|| "10.0.0.0/8".to_owned());
        settings.proxies = ProxyEnvironment::read(variable).unwrap();
    })
    .await;
    let message = refused(&fixture, &format!("http://{host}/ca.crl")).await;
    assert!(!message.contains("proxy"), "{message}");
    assert_eq!(proxy.requests().len(), 0);
}

#[tokio::test]
async fn https_addresses_are_reached_with_the_configured_authorities() {
    let authority = Authority::root(CertSpec::root().common_name("TLS"));
    let responder = Responder::start_tls(&authority.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
    let with = async |roots: Roots| {
        Fixture::with("strict", |settings| {
            settings.roots = roots;
            settings.reachable_hosts.push(responder.host().parse().unwrap());
        })
        .await
    };
    let only = |authority: &Authority| {
        Roots::Only(RootCertificates::parse("evidence.pem", authority.pem().as_bytes()).unwrap())
    };
    let fixture = with(only(&authority)).await;
    responder.crl(CRL, fixture.engine.root.crl(&CrlSpec::new()));
    let signer = fixture.issue(|leaf| leaf.crl_url(&responder.url(CRL)));
    assert_eq!(fixture.code(&signer).await, Code::Verified);
    assert_eq!(responder.count(CRL), 1);

    let message = refused(&with(Roots::System).await, &responder.url(CRL)).await;
    assert!(message.contains("found issuer") && message.contains("; set evidence.ca to a file with "), "{message}");
    let other = Authority::root(CertSpec::root().common_name("other"));
    let message = refused(&with(only(&other)).await, &responder.url(CRL)).await;
    assert!(message.contains("expected one of the certificates in evidence.pem"), "{message}");
    let unusable = Roots::Unusable { file: "evidence.pem".to_owned() };
    let message = refused(&with(unusable).await, &responder.url(CRL)).await;
    assert!(message.contains("evidence.pem"), "{message}");
    assert_eq!(responder.count(CRL), 1);
}
