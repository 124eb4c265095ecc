//! `--online` with `credentials.acr`: the tokens and images of a registry of Azure, against doubles of its services. What a wrong
//! set-up says is in `tests/golden/azure_setups.txt`; `COUNTERSIGN_GOLDEN=rewrite` writes it anew.

use std::time::Duration;

use countersign_testkit::azure::Directory;
use countersign_testkit::azure::Role;
use countersign_testkit::azure::acr::Acr;
use countersign_testkit::azure::blob_store::BlobStore;
use countersign_testkit::azure::entra::Entra;
use countersign_testkit::cloud::Clock;
use countersign_testkit::cloud::Setup;
use countersign_testkit::cloud::service_account::ServiceAccountToken;
use countersign_testkit::cloud::service_account::TokenIssuer;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::check_online;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;
use crate::commands::check::wrong_setups::assert_golden;
use crate::commands::check::wrong_setups::warnings;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const OTHER: &str = "99999999-2222-3333-4444-555555555555";
const HOST: &str = "shops.azurecr.io";
const STORE: &str = "shops.blob.core.windows.net";
const HOUR: Duration = Duration::from_secs(3600);

/// A pod with workload identity, and a registry of Azure with `app:v1`.
struct Aks {
    setup: Setup,
    directory: Directory,
    issuer: TokenIssuer,
    entra: Entra,
    acr: Acr,
    blobs: BlobStore,
    proxy: Proxy,
    folder: Folder,
    /// The variables of the pod.
    environment: Vec<(&'static str, String)>,
}

impl Aks {
    async fn start() -> Self {
        let (setup, directory) = (Setup::new(&Clock::system()), Directory::new(TENANT));
        directory.add_application(TENANT, CLIENT);
        let issuer = TokenIssuer::new("https://westeurope.oic.prod-aks.azure.com/testkit/");
        directory.federate(CLIENT, &issuer, "gatekeeper-system", "countersign");
        let entra = Entra::start(&setup, &directory).await;
        let root = Authority::root(CertSpec::root());
        let tls = setup.clone().tls(&root.issue(CertSpec::tls_server(&[HOST, STORE])));
        let blobs = BlobStore::start(&tls).await;
        blobs.set_base(&format!("https://{STORE}"));
        let acr = Acr::start(&tls, &directory, &blobs, TENANT).await;
        acr.set_name(HOST);
        acr.push_image("app", "v1");
        directory.assign(CLIENT, Role::AcrPull, HOST);
        let proxy = Proxy::start().await;
        proxy.resolve(&format!("{HOST}:443"), acr.address());
        proxy.resolve(&format!("{STORE}:443"), blobs.address());
        let folder = sound();
        folder.write("azure.pem", root.pem());
        folder.write("trust/trustpolicy.json", policy(&[statement("app", &format!("{HOST}/app"))]));
        let environment = vec![
            ("AZURE_CLIENT_ID", CLIENT.to_owned()),
            ("AZURE_TENANT_ID", TENANT.to_owned()),
            ("AZURE_FEDERATED_TOKEN_FILE", folder.path().join("token").display().to_string()),
            ("AZURE_AUTHORITY_HOST", entra.authority_host()),
        ];
        let aks = Self { setup, directory, issuer, entra, acr, blobs, proxy, folder, environment };
        aks.write_token(&aks.token());
        aks.configure(&aks.proxy.url(), "azure.pem");
        aks
    }

    /// The token of the service account, of one hour.
    fn token(&self) -> ServiceAccountToken {
        let token = ServiceAccountToken::new("gatekeeper-system", "countersign", self.setup.clock().now());
        token.audience(ServiceAccountToken::ENTRA)
    }

    fn write_token(&self, token: &ServiceAccountToken) {
        self.folder.write("token", self.issuer.token(token));
    }

    /// A configuration whose requests to Azure go through this proxy, and trust these authorities.
    fn configure(&self, azure_proxy: &str, ca: &str) {
        let proxy = self.proxy.url();
        let config = format!(
            "trust: {{directory: trust}}
azure: {{ca: {ca}, proxy: '{azure_proxy}'}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, ca: azure.pem, proxy: '{proxy}', credentials: {{acr: {{}}}}}}
- {{host: {STORE}, ca: azure.pem, proxy: '{proxy}'}}
"
        );
        self.folder.write("c.yaml", config);
    }

    fn set(&mut self, variable: &str, value: &str) {
        let (_, found) = self.environment.iter_mut().find(|(name, _)| *name == variable).unwrap();
        value.clone_into(found);
    }

    /// The document and the page for `app:v1`. No secret is in them.
    async fn check(&self) -> (Value, String) {
        let image = format!("--image={HOST}/app:v1");
        check_online(&self.folder, Some(&image), &self.environment, &["eyJ"]).await
    }
}

fn problems(document: &Value) -> Vec<String> {
    warnings(document, &["acr-token-not-issued", "image-unreadable"])
}

#[tokio::test]
async fn an_image_is_read_with_the_workload_identity_of_the_pod() {
    let aks = Aks::start().await;
    let (document, page) = aks.check().await;
    assert_eq!(problems(&document), Vec::<String>::new());
    let [token] = document["azure"]["tokens"].as_array().unwrap().as_slice() else { panic!("{document}") };
    assert_eq!((&token["registry"], &token["role"]), (&json!(HOST), &json!("the workload identity of the pod")));
    assert!(token["usableUntil"].is_string() && token["problem"].is_null(), "{document}");
    let image = &document["triedImages"][0];
    assert_eq!(image["role"], "the workload identity of the pod");
    for part in ["manifest", "blob"] {
        assert_eq!(image[part]["permission"], "AcrPull", "{document}");
        assert!(image[part]["digest"].is_string(), "{document}");
    }
    assert!(
        page.contains(&format!("\ntoken         for {HOST}, the workload identity of the pod\n  issued")),
        "{page}"
    );
    assert!(page.contains("was read (needs AcrPull)\n"), "{page}");
    // Each run: one token of Entra, one exchange. The store of blobs gets no credential.
    assert_eq!((aks.entra.requests().len(), aks.acr.exchanges()), (2, 2));
    assert!(aks.blobs.journal().iter().all(|read| read.authorization.is_none()));
}

#[tokio::test]
async fn what_a_wrong_set_up_says_is_that_of_the_golden_file() {
    let mut cases = Vec::new();
    for (name, aks) in setups().await {
        cases.push((name, problems(&aks.check().await.0)));
    }
    assert_golden("azure_setups.txt", &cases);
}

async fn setups() -> Vec<(&'static str, Aks)> {
    let no_role = Aks::start().await;
    no_role.directory.unassign(CLIENT, Role::AcrPull, HOST);

    let no_exchange = Aks::start().await;
    no_exchange.directory.unassign(CLIENT, Role::AcrPull, HOST);
    no_exchange.acr.refuse_at_exchange(true);

    let mut tenant = Aks::start().await;
    tenant.set("AZURE_TENANT_ID", OTHER);

    let mut client = Aks::start().await;
    client.set("AZURE_CLIENT_ID", OTHER);

    let scope = Aks::start().await;
    scope.directory.remove_resource("https://containerregistry.azure.net");

    let clock = Aks::start().await;
    clock.setup.clock().advance(HOUR + Duration::from_secs(600));

    let proxy = Aks::start().await;
    // No test listens there; the port of a server that has ended may be that of another one.
    proxy.configure("http://127.0.0.1:1", "azure.pem");

    let inspected = Aks::start().await;
    inspected.folder.write("other.pem", Authority::root(CertSpec::root().common_name("Company")).pem());
    inspected.configure(&inspected.proxy.url(), "other.pem");

    let audience = Aks::start().await;
    audience.write_token(&audience.token().audience("sts.amazonaws.com"));

    let issuer = Aks::start().await;
    issuer.directory.remove_federation(CLIENT);

    let mut no_label = Aks::start().await;
    no_label.environment.clear();

    let mut cloud = Aks::start().await;
    cloud.set("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/");

    vec![
        ("The identity has no role on the registry", no_role),
        ("The same, and the registry refuses the exchange already", no_exchange),
        ("The tenant is another one", tenant),
        ("The client ID is another one", client),
        ("The tenant does not have the service of registries, whose scope is requested", scope),
        ("The clock of the cluster is more than an hour behind", clock),
        ("A proxy that is not there", proxy),
        ("A proxy that presents certificates of its own authority", inspected),
        ("The token of the service account has another audience", audience),
        ("The identity has no federated credential", issuer),
        ("The pod does not have the label of workload identity", no_label),
        ("The authority is that of another cloud", cloud),
    ]
}
