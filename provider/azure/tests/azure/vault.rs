//! Certificates of a vault.

mod token;

use countersign_azure::Content;
use countersign_azure::FoundCertificate;
use countersign_azure::KeyVault as Client;
use countersign_azure::KeyVaultError;
use countersign_azure::Versions;
use countersign_azure::limits::VERSIONS_BYTES;
use countersign_core::name::VaultCertificate;
use countersign_testkit::azure::key_vault::KeyVault;
use countersign_testkit::azure::key_vault::Secret;
use countersign_testkit::azure::key_vault_error;
use countersign_testkit::pki::Chain;
use countersign_testkit::registry::Reply;

use super::*;

const VAULT: &str = "shops.vault.azure.net";

/// A vault with the role for its certificates, and the world that it is in.
struct Vault {
    world: World,
    vault: KeyVault,
}

impl Vault {
    async fn start() -> Self {
        let world = World::start().await;
        let tls = world.setup.clone().tls(&world.root.issue(CertSpec::tls_server(&[VAULT])));
        let vault = KeyVault::start(&tls, &world.directory, TENANT, &world.entra.authority_host()).await;
        vault.set_name(VAULT);
        world.proxy.resolve(&format!("{VAULT}:443"), vault.address());
        world.directory.assign(CLIENT, Role::KeyVaultCertificateUser, VAULT);
        Self { world, vault }
    }

    fn client(&self) -> Client {
        Client::new(self.world.azure_with(self.world.settings()), VAULT.parse().unwrap(), workload())
    }

    /// Adds a version of `shop`, a minute later than the last one, and gives its identifier.
    fn add(&self, chain: &Chain) -> String {
        self.world.setup.clock().advance(Duration::from_secs(60));
        self.vault.add_version("shop", chain)
    }

    async fn read(&self, versions: Versions, content: Content) -> Result<Vec<(String, Vec<u8>)>, KeyVaultError> {
        read(&self.client(), versions, content).await
    }

    async fn failure(&self, versions: Versions, content: Content) -> String {
        self.read(versions, content).await.unwrap_err().to_string()
    }
}

async fn read(client: &Client, versions: Versions, content: Content) -> Result<Vec<(String, Vec<u8>)>, KeyVaultError> {
    let name: VaultCertificate = "shop".parse().unwrap();
    match client.certificate(&name, &versions, (content, |content| content), in_a_minute()).await {
        FoundCertificate::Versions { versions, older: _ } => {
            versions.into_iter().map(|one| Ok((one.version.to_string(), one.content?))).collect()
        }
        FoundCertificate::NotListed { error, disabled: _ } => Err(error),
    }
}

/// As the walk-through of Microsoft makes it: one self-signed certificate.
fn self_signed() -> Chain {
    Chain::self_signed(CertSpec::leaf())
}

fn der(id: &str, chain: &Chain) -> (String, Vec<u8>) {
    (id.to_owned(), chain.leaf_der().to_vec())
}

#[tokio::test]
async fn the_newest_enabled_versions_are_read() {
    let world = Vault::start().await;
    let chains: Vec<Chain> = (0..4).map(|_| self_signed()).collect();
    let ids: Vec<String> = chains.iter().map(|chain| world.add(chain)).collect();
    let newest = |count| world.read(Versions::Newest(count), Content::Certificate);
    assert_eq!(newest(1).await.unwrap(), [der(&ids[3], &chains[3])]);
    assert_eq!(newest(2).await.unwrap(), [der(&ids[3], &chains[3]), der(&ids[2], &chains[2])]);
    // A disabled one does not count.
    world.vault.set_enabled("shop", &ids[3], false);
    assert_eq!(newest(2).await.unwrap(), [der(&ids[2], &chains[2]), der(&ids[1], &chains[1])]);
    assert_eq!(newest(9).await.unwrap().len(), 3);
    for id in &ids {
        world.vault.set_enabled("shop", id, false);
    }
    assert_eq!(newest(2).await.unwrap(), []);
}

#[tokio::test]
async fn the_bytes_of_all_versions_that_are_kept_are_limited() {
    let world = Vault::start().await;
    let ids: Vec<String> = (0..3).map(|_| world.add(&self_signed())).collect();
    let (name, versions) = ("shop".parse().unwrap(), Versions::Newest(3));
    for (bytes, all) in [(VERSIONS_BYTES / 3, true), (VERSIONS_BYTES / 3 + 1, false)] {
        let content = (Content::Certificate, |_| vec![0; bytes]);
        let found = world.client().certificate(&name, &versions, content, in_a_minute()).await;
        let FoundCertificate::Versions { versions, older: _ } = found else { panic!("{found:?}") };
        let kept =
            |at: usize| (versions[at].version.to_string(), versions[at].content.clone().map_err(|why| why.to_string()));
        assert_eq!([kept(0), kept(1)], [(ids[2].clone(), Ok(vec![0; bytes])), (ids[1].clone(), Ok(vec![0; bytes]))]);
        match kept(2) {
            (id, Ok(content)) if all => assert_eq!((id, content), (ids[0].clone(), vec![0; bytes])),
            (id, Err(why)) if !all => {
                assert_eq!(id, ids[0]);
                assert!(
                    why.contains("found more than 131072 bytes in the versions of shop, expected at most as many; set fewer versions"),
                    "{why}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn one_version_is_read_unless_it_is_disabled() {
    for refuse in [false, true] {
        let world = Vault::start().await;
        world.vault.refuse_disabled_certificates(refuse);
        let (old, new) = (self_signed(), self_signed());
        let (first, _) = (world.add(&old), world.add(&new));
        let one = || Versions::One(first.parse().unwrap());
        assert_eq!(world.read(one(), Content::Certificate).await.unwrap(), [der(&first, &old)]);
        world.vault.set_enabled("shop", &first, false);
        assert_eq!(world.read(one(), Content::Certificate).await.unwrap(), []);
    }
}

#[tokio::test]
async fn versions_on_several_pages_are_in_the_order_of_their_creation() {
    let world = Vault::start().await;
    world.vault.set_page_size(2);
    let chain = self_signed();
    let mut ids: Vec<String> = (0..7).map(|_| world.add(&chain)).collect();
    ids.reverse();
    let found = world.read(Versions::Newest(7), Content::Certificate).await.unwrap();
    assert_eq!(found.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn one_token_is_used_for_all_calls_and_goes_to_the_vault_only() {
    let world = Vault::start().await;
    world.add(&self_signed());
    let client = world.client();
    for _ in 0..3 {
        read(&client, Versions::Newest(1), Content::Certificate).await.unwrap();
    }
    assert_eq!((world.world.entra.requests().len(), world.vault.requests().len()), (1, 6));
    assert!(world.vault.requests().iter().all(|request| request.authorization().unwrap().starts_with("Bearer ")));
    assert!(world.world.proxy.targets().iter().all(|target| *target == format!("CONNECT {VAULT}:443")));
}

#[tokio::test]
async fn a_further_page_at_another_address_gets_no_token() {
    for link in [
        "https://evil.example/certificates/shop/versions?$skiptoken=1",
        "http://shops.vault.azure.net/certificates/shop/versions?$skiptoken=1",
        "https://shops.vault.azure.net:8443/certificates/shop/versions?$skiptoken=1",
        "https://shops.vault.azure.net.evil.example/certificates/shop/versions?$skiptoken=1",
        "https://user@shops.vault.azure.net/certificates/shop/versions",
        "https://shops.vault.azure.net/certificates/other/versions",
        "https://shops.vault.azure.net/secrets/shop/versions",
        "//evil.example/certificates/shop/versions",
        "\\\\evil.example/certificates/shop/versions",
    ] {
        let world = Vault::start().await;
        world.world.proxy.resolve("evil.example:443", world.world.blobs.address());
        let body = serde_json::json!({"value": [], "nextLink": link}).to_string();
        world.vault.when_path("/certificates/shop/versions").reply(Reply::status(200).body(body));
        let text = world.failure(Versions::Newest(1), Content::Certificate).await;
        let wanted = "the list of versions of a certificate of Azure Key Vault failed at shops.vault.azure.net: the answer of the service is \
                      not usable: found a nextLink that does not lead to shops.vault.azure.net/certificates/shop/versions, expected a \
                      further page of it; the token is sent to no other address; check that the endpoint is that of the service, and the \
                      clock of the node";
        assert_eq!(text, wanted, "{link}");
        assert_eq!((world.vault.requests().len(), world.world.blobs.requests().len()), (1, 0), "{link}");
    }
}

#[tokio::test]
async fn pages_without_an_end_are_refused() {
    let world = Vault::start().await;
    let link = format!("https://{VAULT}/certificates/shop/versions?$skiptoken=");
    let pages: Vec<String> =
        (0..2).map(|page| serde_json::json!({"value": [], "nextLink": format!("{link}{page}")}).to_string()).collect();
    world
        .vault
        .when_path("/certificates/shop/versions")
        .path_contains("skiptoken=0")
        .reply(Reply::status(200).body(pages[1].clone()));
    world.vault.when_path("/certificates/shop/versions").reply(Reply::status(200).body(pages[0].clone()));
    let text = world.failure(Versions::Newest(1), Content::Certificate).await;
    assert!(
        text.contains("nextLink that does not lead to") || text.contains("shop has more than 1000 versions"),
        "{text}"
    );
    assert!(world.vault.requests().len() <= 40);
}

#[tokio::test]
async fn no_redirect_of_a_vault_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let world = Vault::start().await;
        world.world.proxy.resolve("evil.example:443", world.world.blobs.address());
        world.vault.when_any().redirect(status, "https://evil.example/certificates/shop/versions");
        let text = world.failure(Versions::Newest(1), Content::Certificate).await;
        assert!(text.contains("redirect"), "{text}");
        assert_eq!((world.vault.requests().len(), world.world.blobs.requests().len()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn refusals_name_what_to_do() {
    let at = "the list of versions of a certificate of Azure Key Vault failed at shops.vault.azure.net: found status";
    let world = Vault::start().await;
    let text = world.failure(Versions::Newest(1), Content::Certificate).await;
    let wanted = format!(
        "{at} 404 CertificateNotFound, expected 200: A certificate with (name/id) shop was not found in this key vault. If you recently deleted this \
         certificate you may be able to recover it using the correct recovery command. For help resolving this issue, please see \
         https://go.microsoft.com/fwlink/?linkid=2125182; check the name of the certificate and its version; a certificate \
         that was deleted is recovered by az keyvault certificate recover"
    );
    assert_eq!(text, wanted);
    assert!(world.read(Versions::Newest(1), Content::Certificate).await.unwrap_err().is_absence());

    world.add(&self_signed());
    world.world.directory.unassign(CLIENT, Role::KeyVaultCertificateUser, VAULT);
    let text = world.failure(Versions::Newest(1), Content::Certificate).await;
    let wanted = format!(
        "{at} 403 ForbiddenByRbac, expected 200: Caller is not authorized to perform action on resource; assign the role Key Vault \
         Certificate User on the vault to the identity (with access policies: the permissions get and list of certificates); a new role \
         takes some minutes"
    );
    assert_eq!(text, wanted);

    let world = Vault::start().await;
    let body = r#"{"error":{"code":"Forbidden","message":"Client address is not authorized.","innererror":{"code":"ForbiddenByFirewall"}}}"#;
    world.vault.when_any().reply(Reply::status(403).body(body.to_owned()));
    let text = world.failure(Versions::Newest(1), Content::Certificate).await;
    let wanted = format!(
        "{at} 403 ForbiddenByFirewall, expected 200: Client address is not authorized; allow the network of the pod in the firewall of \
         the vault, or use its private endpoint"
    );
    assert_eq!(text, wanted);

    let world = Vault::start().await;
    world.vault.when_any().reply(key_vault_error::throttled(Some("3")));
    let error = world.read(Versions::Newest(1), Content::Certificate).await.unwrap_err();
    assert!(!error.is_absence());
    assert_eq!(world.vault.requests().len(), 1, "{error}");
}

#[tokio::test]
async fn a_challenge_for_another_service_is_not_answered() {
    for resource in [
        "https://graph.microsoft.com",
        "https://azure.net",
        "https://vault.azure.net.evil.example",
        "https://evil.example",
    ] {
        let world = Vault::start().await;
        let challenge = format!(r#"Bearer authorization="https://login.microsoftonline.com/x", resource="{resource}""#);
        world.vault.when_any().reply(Reply::status(401).header("www-authenticate", &challenge));
        let text = world.failure(Versions::Newest(1), Content::Certificate).await;
        let wanted = "the list of versions of a certificate of Azure Key Vault failed at shops.vault.azure.net: found status 401 without a \
                      code, expected 200; the answer is not that of a vault of this cloud: check the name of the vault, the DNS and the \
                      proxy; no token was sent for another service";
        assert_eq!(text, wanted);
        assert_eq!((world.world.entra.requests().len(), world.vault.requests().len()), (1, 1));
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_demanded_claims_are_requested() {
    let world = Vault::start().await;
    world.add(&self_signed());
    let client = world.client();
    read(&client, Versions::Newest(1), Content::Certificate).await.unwrap();
    world.vault.demand_claims(Some(r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#));
    assert_eq!(read(&client, Versions::Newest(1), Content::Certificate).await.unwrap().len(), 1);
    assert_eq!(world.world.entra.requests().len(), 2);
}

#[tokio::test]
async fn a_chain_is_read_of_the_secret_without_its_key() {
    let world = Vault::start().await;
    let chain = self_signed();
    let id = world.add(&chain);
    let text = world.failure(Versions::Newest(1), Content::Chain).await;
    assert!(text.ends_with("assign the role Key Vault Secrets User on the vault to the identity, which can then read private keys; or leave out secret: true"), "{text}");
    world.world.directory.assign(CLIENT, Role::KeyVaultSecretsUser, VAULT);
    for secret in [Secret::Pem, Secret::PemWithoutKey] {
        world.vault.set_secret("shop", &id, secret);
        let found = world.read(Versions::Newest(1), Content::Chain).await.unwrap();
        assert_eq!(found, [(id.clone(), chain.pem().replace('\r', "").into_bytes())]);
    }
    for (content_type, value, problem) in [
        (
            "application/x-pkcs12",
            "MIIhunter2",
            "found a secret of the content type \"application/x-pkcs12\", expected application/x-pem-file: ",
        ),
        (
            "text/plain",
            "hunter2",
            "found a secret of the content type \"text/plain\", expected application/x-pem-file: ",
        ),
        ("application/x-pem-file", "hunter2", "found no certificate in the secret, expected at least one"),
    ] {
        let secret = Secret::Given { content_type: content_type.to_owned(), value: value.to_owned() };
        world.vault.set_secret("shop", &id, secret);
        let text = world.failure(Versions::Newest(1), Content::Chain).await;
        assert!(text.contains(problem) && !text.contains("hunter2"), "{text}");
    }
    world.vault.set_enabled("shop", &id, false);
    assert_eq!(world.read(Versions::One(id.parse().unwrap()), Content::Chain).await.unwrap(), []);
}

#[tokio::test]
async fn answers_that_are_not_usable_are_refused() {
    let id = "0123456789abcdef0123456789abcdef";
    let listed =
        |more: &str| format!(r#"{{"value":[{{"id":"https://shops.vault.azure.net/certificates/shop/{id}"{more}}}]}}"#);
    for (body, problem) in [
        (String::new(), "it is not the expected JSON object"),
        ("[]".to_owned(), "it is not the expected JSON object"),
        ("{}".to_owned(), "found no value, expected a list of versions"),
        (
            r#"{"value":[{"id":"x"}]}"#.to_owned(),
            "the version of an id: found \"x\", expected the version of a certificate: 32 hexadecimal digits",
        ),
        (listed(""), "found a version without attributes.created, expected its time"),
    ] {
        let world = Vault::start().await;
        world.vault.when_any().reply(Reply::status(200).body(body));
        let text = world.failure(Versions::Newest(1), Content::Certificate).await;
        assert!(text.contains(&format!("not usable: {problem};")), "{text}");
    }
    let one = || Versions::One(id.parse().unwrap());
    for (body, problem) in [
        (r#"{"attributes":{"enabled":true}}"#, "found no cer, expected a certificate"),
        (r#"{"attributes":{"enabled":true},"cer":"*"}"#, "cer is not base64, expected a certificate in DER"),
    ] {
        let world = Vault::start().await;
        world.vault.when_any().reply(Reply::status(200).body(body.to_owned()));
        let text = world.failure(one(), Content::Certificate).await;
        assert!(text.contains(&format!("not usable: {problem};")), "{text}");
    }
    // Without a statement that it is enabled, a version does not count.
    let world = Vault::start().await;
    world.vault.when_any().reply(Reply::status(200).body(r#"{"cer":"AA=="}"#.to_owned()));
    assert_eq!(world.read(one(), Content::Certificate).await.unwrap(), []);
}
