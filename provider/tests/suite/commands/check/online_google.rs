//! `--online` with `credentials.google`: the tokens and images of a registry of Google, against doubles of its services. What a wrong
//! set-up says is in `tests/golden/google_setups.txt`; `COUNTERSIGN_GOLDEN=rewrite` writes it anew.

use std::time::Duration;

use countersign_testkit::cloud::Clock;
use countersign_testkit::cloud::Setup;
use countersign_testkit::folder::Folder;
use countersign_testkit::google::Accounts;
use countersign_testkit::google::artifact_registry::ArtifactRegistry;
use countersign_testkit::google::metadata::Metadata;
use countersign_testkit::google::metadata::missing_binding;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::proxy::Proxy;
use countersign_testkit::registry::Reply;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::check_online;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;
use crate::commands::check::wrong_setups::assert_golden;
use crate::commands::check::wrong_setups::warnings;

const PROJECT: &str = "shop-project";
const ACCOUNT: &str = "countersign@shop-project.iam.gserviceaccount.com";
const HOST: &str = "europe-west1-docker.pkg.dev";
const APP: &str = "shop-project/images/app";

/// A pod with workload identity, and a registry of Google with `app:v1`.
struct Gke {
    setup: Setup,
    accounts: Accounts,
    metadata: Metadata,
    registry: ArtifactRegistry,
    proxy: Proxy,
    folder: Folder,
    /// `GCE_METADATA_HOST` of the pod.
    metadata_host: String,
}

impl Gke {
    async fn start() -> Self {
        let (setup, accounts) = (Setup::new(&Clock::system()), Accounts::new());
        let metadata = Metadata::start(&setup, &accounts, PROJECT).await;
        metadata.set_account(Some(ACCOUNT));
        let root = Authority::root(CertSpec::root());
        let tls = setup.clone().tls(&root.issue(CertSpec::tls_server(&[HOST])));
        let registry = ArtifactRegistry::start(&tls, &accounts).await;
        registry.set_name(HOST);
        registry.push_image(APP, "v1");
        accounts.grant(ACCOUNT, "shop-project/images");
        let proxy = Proxy::start().await;
        proxy.resolve(&format!("{HOST}:443"), registry.address());
        let folder = sound();
        folder.write("ca.pem", root.pem());
        folder.write("trust/trustpolicy.json", policy(&[statement("app", &format!("{HOST}/{APP}"))]));
        let metadata_host = metadata.address().to_string();
        let gke = Self { setup, accounts, metadata, registry, proxy, folder, metadata_host };
        gke.configure(&gke.proxy.url(), "ca.pem");
        gke
    }

    /// A configuration whose requests to the registry go through this proxy, and trust these authorities.
    fn configure(&self, proxy: &str, ca: &str) {
        let config = format!(
            "trust: {{directory: trust}}
google: {{attemptTimeout: 1s}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, ca: {ca}, proxy: '{proxy}', credentials: {{google: {{}}}}}}
"
        );
        self.folder.write("c.yaml", config);
    }

    /// The document and the page for `app:v1`. No secret is in them.
    async fn check(&self) -> (Value, String) {
        let image = format!("--image={HOST}/{APP}:v1");
        check_online(&self.folder, Some(&image), &[("GCE_METADATA_HOST", self.metadata_host.clone())], &["ya29"]).await
    }
}

fn problems(document: &Value) -> Vec<String> {
    warnings(document, &["google-token-not-issued", "image-unreadable", "google-environment"])
}

#[tokio::test]
async fn an_image_is_read_with_the_service_account_of_the_pod() {
    let gke = Gke::start().await;
    let (document, page) = gke.check().await;
    assert_eq!(problems(&document), Vec::<String>::new());
    let [token] = document["google"]["tokens"].as_array().unwrap().as_slice() else { panic!("{document}") };
    assert_eq!((&token["registry"], &token["role"]), (&json!(HOST), &json!("the service account of the pod")));
    assert!(token["usableUntil"].is_string() && token["problem"].is_null(), "{document}");
    let image = &document["triedImages"][0];
    assert_eq!(image["role"], "the service account of the pod");
    for part in ["manifest", "blob"] {
        assert_eq!(image[part]["permission"], "roles/artifactregistry.reader", "{document}");
        assert!(image[part]["digest"].is_string(), "{document}");
    }
    assert!(page.contains(&format!("\ntoken         for {HOST}, the service account of the pod\n  issued")), "{page}");
    assert!(page.contains("was read (needs roles/artifactregistry.reader)\n"), "{page}");
    // Each run: one token, past every proxy.
    assert_eq!(gke.metadata.requests().len(), 2);
    let target = format!("CONNECT {HOST}:443");
    assert!(gke.proxy.targets().iter().all(|found| *found == target), "{:?}", gke.proxy.targets());
}

#[tokio::test]
async fn what_a_wrong_set_up_says_is_that_of_the_golden_file() {
    let mut cases = Vec::new();
    for (name, gke) in setups().await {
        cases.push((name, problems(&gke.check().await.0)));
    }
    assert_golden("google_setups.txt", &cases);
}

/// Lives of tokens are counted from their issue, so that no time of the node is compared with one of Google.
#[tokio::test]
async fn a_clock_that_is_off_by_an_hour_stops_nothing() {
    let gke = Gke::start().await;
    gke.setup.clock().advance(Duration::from_secs(4000));
    assert_eq!(problems(&gke.check().await.0), Vec::<String>::new());
}

async fn setups() -> Vec<(&'static str, Gke)> {
    let no_identity = Gke::start().await;
    no_identity.metadata.set_account(None);

    let no_binding = Gke::start().await;
    no_binding.metadata.fail(missing_binding());

    let no_role = Gke::start().await;
    no_role.accounts.revoke_grant(ACCOUNT, "shop-project/images");

    let scope = Gke::start().await;
    scope.metadata.set_scopes(&["https://www.googleapis.com/auth/logging.write"]);

    let scope_named = Gke::start().await;
    let body = r#"{"errors":[{"code":"DENIED","message":"Request had insufficient authentication scopes."}]}"#;
    scope_named.registry.when_path("/v2/token").reply(Reply::status(403).body(body));

    let concealed = Gke::start().await;
    let body = "This metadata endpoint is concealed.\n";
    concealed.metadata.when_any().reply(Reply::status(403).header("metadata-flavor", "Google").body(body));

    let mut unreachable = Gke::start().await;
    unreachable.metadata_host = {
        let ended = Metadata::start(&unreachable.setup, &unreachable.accounts, PROJECT).await;
        ended.address().to_string()
    };

    let silent = Gke::start().await;
    silent.metadata.when_any().never_answer();

    let other_cloud = Gke::start().await;
    other_cloud.metadata.when_any().reply(Reply::status(404).body("<?xml version=\"1.0\"?>"));

    let mut address = Gke::start().await;
    address.metadata_host = "metadata.example".to_owned();

    // The token has ended for the registry: that of the metadata server is ahead of its clock.
    let clock = Gke::start().await;
    clock
        .registry
        .when_path("/v2/token")
        .reply(Reply::status(401).body(r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication failed"}]}"#));

    let no_account = Gke::start().await;
    let body = "Unable to generate access token; IAM returned 404 Not Found: Not found; Gaia id not found for email other@shop-project";
    no_account.metadata.fail(Reply::status(404).body(body));

    let proxy = Gke::start().await;
    // No test listens there; the port of a server that has ended may be that of another one.
    proxy.configure("http://127.0.0.1:1", "ca.pem");

    let inspected = Gke::start().await;
    inspected.folder.write("other.pem", Authority::root(CertSpec::root().common_name("Company")).pem());
    inspected.configure(&inspected.proxy.url(), "other.pem");

    vec![
        ("Neither the node pool nor the pod has an identity", no_identity),
        ("The service account of Kubernetes may not act as the one of Google", no_binding),
        ("The account has no role on the repository", no_role),
        ("The access scopes of the node do not permit reading", scope),
        ("The access scopes of the node do not permit reading, and the registry says so", scope_named),
        ("The metadata server is concealed", concealed),
        ("Nothing listens at the address of the metadata server", unreachable),
        ("The network policy does not allow the metadata server", silent),
        ("The pod runs in another cloud", other_cloud),
        ("GCE_METADATA_HOST is not an address of the node", address),
        ("The registry refuses the token", clock),
        ("The annotation names a service account of Google that does not exist", no_account),
        ("A proxy that is not there", proxy),
        ("A proxy that presents certificates of its own authority", inspected),
    ]
}
