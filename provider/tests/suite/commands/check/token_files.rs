//! Files of tokens of the service account that variables of the environment name, without a request.

use countersign_testkit::folder::Folder;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::check_in;
use crate::commands::check::policy;
use crate::commands::check::sound;
use crate::commands::check::statement;

const ACR: (&str, &str) = ("shops.azurecr.io", "acr");
const ECR: (&str, &str) = ("111122223333.dkr.ecr.eu-west-1.amazonaws.com", "ecr");

/// The warnings of `check` about a registry with these credentials, with these variables.
fn warnings((host, credentials): (&str, &str), environment: &[(&str, &str)]) -> Value {
    let folder = sound();
    folder.write("trust/trustpolicy.json", policy(&[statement("app", &format!("{host}/app"))]));
    let registry = format!("{{host: {host}, credentials: {{{credentials}: {{}}}}}}");
    let config = format!("trust: {{directory: trust}}\nunlistedRegistries: refuse\nregistries: [{registry}]\n");
    folder.write("c.yaml", config);
    let (code, text) = check_in(&folder, &["--for", "verify", "-o", "json"], environment);
    assert_eq!(code, Some(0), "{text}");
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["warnings"].take()
}

#[test]
fn a_token_file_that_is_missing_or_empty_is_named_by_its_variable() {
    let folder = Folder::new();
    folder.write("empty", "\n");
    folder.write("token", "eyJ");
    let (empty, token) = (folder.file("empty"), folder.file("token"));
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/pull");
    let agent = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials");
    for (registry, kind, variable, other) in [
        (ACR, "azure-environment", "AZURE_FEDERATED_TOKEN_FILE", ("AZURE_CLIENT_ID", "")),
        (ECR, "aws-credentials", "AWS_WEB_IDENTITY_TOKEN_FILE", role),
        (ECR, "aws-credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", agent),
    ] {
        let of = |file: &str| warnings(registry, &[(variable, file), other, ("AWS_REGION", "eu-west-1")]);
        let warning = |file: &str, found: &str| {
            let message = format!(
                "{variable}: found the file {file}, which {found}, expected the token of the service account; on another machine than the \
                 pod this is no mistake"
            );
            json!([{"warning": kind, "message": message}])
        };
        let missing = "cannot be read (No such file or directory (os error 2))";
        assert_eq!(of("/nowhere/token"), warning("/nowhere/token", missing));
        let device = "cannot be read (found a device, expected a regular file)";
        assert_eq!(of("/dev/null"), warning("/dev/null", device));
        assert_eq!(of(&empty), warning(&empty, "is empty"));
        assert_eq!(of(&token), json!([]));
    }
}

#[test]
fn the_token_file_of_a_source_that_is_not_used_is_not_read() {
    let region = ("AWS_REGION", "eu-west-1");
    let file = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token");
    // Without the URL there is no source, and without AWS none is needed.
    assert_eq!(warnings(ECR, &[file, region]), json!([]));
    let agent = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials");
    assert_eq!(warnings(ACR, &[file, agent, region]), json!([]));
}
