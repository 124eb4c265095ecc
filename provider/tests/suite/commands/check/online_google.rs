//! `--online` with `credentials.google`: the tokens and images of a registry of Google, against doubles of its services. What a wrong
//! set-up says is in `tests/golden/google_setups.txt`; `COUNTERSIGN_GOLDEN=rewrite` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

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

use super::online_azure::without_ports;
use crate::commands::check::check_in;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

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
        let config = format!(
            "trust: {{directory: trust}}
google: {{attemptTimeout: 1s}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, ca: ca.pem, proxy: '{}', credentials: {{google: {{}}}}}}
",
            proxy.url()
        );
        folder.write("c.yaml", config);
        let metadata_host = metadata.address().to_string();
        Self { setup, accounts, metadata, registry, proxy, folder, metadata_host }
    }

    /// The document and the page for `app:v1`. No secret is in them.
    async fn check(self) -> (Value, String, Self) {
        let work = move || {
            let environment = [("GCE_METADATA_HOST", self.metadata_host.as_str())];
            let image = format!("--image={HOST}/{APP}:v1");
            let page = check_in(&self.folder, &["--for", "verify", "--online", &image], &environment).1;
            let arguments = ["--for", "verify", "--online", &image, "-o", "json"];
            let (code, text) = check_in(&self.folder, &arguments, &environment);
            assert_eq!(code, Some(0), "{text}");
            for text in [&text, &page] {
                assert!(!text.contains("ya29"), "{text}");
            }
            (serde_json::from_str(&text).unwrap(), page, self)
        };
        // The services run on this thread.
        tokio::task::spawn_blocking(work).await.unwrap()
    }
}

/// The warnings about tokens, images and the environment, with the ports of doubles replaced.
fn problems(document: &Value) -> Vec<String> {
    let list = document["warnings"].as_array().unwrap().iter();
    let kinds = ["google-token-not-issued", "image-unreadable", "google-environment"];
    let found = list.filter(|one| kinds.contains(&one["warning"].as_str().unwrap()));
    let text = |one: &Value| {
        without_ports(&format!("{}: {}", one["warning"].as_str().unwrap(), one["message"].as_str().unwrap()))
    };
    found.map(text).collect()
}

#[tokio::test]
async fn an_image_is_read_with_the_service_account_of_the_pod() {
    let (document, page, gke) = Gke::start().await.check().await;
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
    let mut all = String::new();
    for (name, gke) in setups().await {
        let (document, _, _) = gke.check().await;
        let problems = problems(&document);
        assert!(!problems.is_empty(), "{name}: {document}");
        writeln!(all, "# {name}\n{}\n", problems.join("\n")).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/google_setups.txt");
    if std::env::var_os("COUNTERSIGN_GOLDEN").is_some_and(|value| value == "rewrite") {
        std::fs::write(&path, &all).unwrap();
    }
    assert_eq!(all, std::fs::read_to_string(&path).unwrap());
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

    vec![
        ("Neither the node pool nor the pod has an identity", no_identity),
        ("The service account of Kubernetes may not act as the one of Google", no_binding),
        ("The account has no role on the repository", no_role),
        ("The access scopes of the node do not permit reading", scope),
        ("The metadata server is concealed", concealed),
        ("Nothing listens at the address of the metadata server", unreachable),
        ("The network policy does not allow the metadata server", silent),
        ("The pod runs in another cloud", other_cloud),
        ("GCE_METADATA_HOST is not an address of the node", address),
        ("The registry refuses the token", clock),
    ]
}
