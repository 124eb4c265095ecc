//! The section `google` and `credentials.google`: what is shown, and the variables of the environment that cannot be used.

use serde_json::Value;
use serde_json::json;

use crate::commands::check::check_in;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

const HOST: &str = "europe-west1-docker.pkg.dev";

/// The page and the document of `check`, with these variables.
fn run(environment: &[(&str, &str)]) -> (String, Value) {
    let folder = sound();
    folder.write("trust/trustpolicy.json", policy(&[statement("app", &format!("{HOST}/shop/images/app"))]));
    let config = format!(
        "trust: {{directory: trust}}
unlistedRegistries: refuse
registries:
- {{host: {HOST}, credentials: {{google: {{}}}}}}
"
    );
    folder.write("c.yaml", config);
    let (code, page) = check_in(&folder, &["--for", "verify"], environment);
    let (_, text) = check_in(&folder, &["--for", "verify", "-o", "json"], environment);
    assert_eq!(code, Some(0), "{page}");
    (page, serde_json::from_str(&text).unwrap())
}

#[test]
fn shows_how_tokens_of_google_cloud_are_requested() {
    let (page, document) = run(&[]);
    assert_eq!(document["warnings"], json!([]));
    let shown = "
registry      europe-west1-docker.pkg.dev, TLS
  credentials access tokens of Google Cloud
    identity  the service account of the pod
";
    assert!(page.contains(shown), "{page}");
    assert!(page.contains("attemptTimeout"), "{page}");
    let registry = &document["registries"][0];
    assert_eq!(registry["google"], json!({"identity": "the service account of the pod"}));
    assert_eq!(registry["credentials"], json!([]));
    assert_eq!(document["settings"]["google"]["attemptTimeout"], "3s");
}

#[test]
fn warns_about_variables_of_the_environment_for_google() {
    let (_, document) =
        run(&[("GCE_METADATA_HOST", "metadata.example"), ("GOOGLE_APPLICATION_CREDENTIALS", "/keys/key.json")]);
    let warning = |message: &str| json!({"warning": "google-environment", "message": message});
    assert_eq!(
        document["warnings"],
        json!([
            warning(
                "Google Cloud is not called: the environment variable GCE_METADATA_HOST: metadata server: found \"metadata.example\", \
                 expected HOST or HOST:PORT, where HOST is metadata.google.internal, 169.254.169.254, or another loopback or \
                 link-local address; tokens are requested over plain HTTP, on the node only"
            ),
            warning(
                "the environment variable GOOGLE_APPLICATION_CREDENTIALS is not read: tokens are those of the metadata server; for the \
                 key of a service account, use usernameFile with the text _json_key and passwordFile with the key"
            ),
        ])
    );
}
