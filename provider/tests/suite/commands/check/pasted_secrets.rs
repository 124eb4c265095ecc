//! A secret that was written in place of the path of its file is shown nowhere.

use super::beside;
use super::check;
use super::policy;
use super::sound;
use super::statement;

const HIDDEN: &str = "characters, not shown as they may be a secret: expected the path of a file]";

/// Entries of `registries` and other sections, with `SECRET` in place of a path.
const SECTIONS: [&str; 11] = [
    "registries: [{host: registry.example.com, credentials: {usernameFile: user, passwordFile: SECRET}}]",
    "registries: [{host: registry.example.com, credentials: {usernameFile: SECRET, passwordFile: password}}]",
    "registries: [{host: registry.example.com, credentials: {dockerConfig: SECRET}}]",
    "registries: [{host: registry.example.com, ca: SECRET}]",
    "registries: [{host: registry.example.com, clientCertificate: {certificateFile: tls.crt, keyFile: SECRET}}]",
    "registries: [{host: registry.example.com, proxy: {url: 'http://proxy.example.com', usernameFile: user, passwordFile: SECRET}}]",
    "registries: [{host: registry.example.com, proxy: {url: 'https://proxy.example.com', ca: SECRET}}]",
    "registries: [{host: shops.azurecr.io, credentials: {acr: {identity: clientSecret, tenant: 72f988bf-86f1-41af-91ab-2d7cd011db47, clientId: 00000000-0000-0000-0000-0000000000a1, clientSecretFile: SECRET}}}]",
    "evidence: {ca: SECRET}",
    "evidence: {proxy: {url: 'http://proxy.example.com', usernameFile: user, passwordFile: SECRET}}",
    "azure: {ca: SECRET}",
];

/// Secrets as they are pasted: a token, a password, a file of Docker, and a key.
const SECRETS: [&str; 4] = [
    "SECRETTOKEN9~abc",
    "hunter2hunter2",
    "{\"auths\":{\"a.example/b\":{\"auth\":\"dXNlcjpwdw\"}}}",
    "MIIEvQIBADAN/Bgkqh/kiG9w==",
];

#[tokio::test]
async fn a_secret_in_place_of_a_path_is_not_shown() {
    for section in SECTIONS {
        for secret in SECRETS {
            let folder = sound();
            folder.write("trust/trustpolicy.json", policy(&[statement("app", "registry.example.com/app")]));
            let written = section.replace("SECRET", &serde_json::to_string(secret).unwrap());
            let config = format!(
                "trust: {{directory: trust}}\nserver: {{tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.crt}}}}\nunlistedRegistries: refuse\n{written}\n"
            );
            folder.write("c.yaml", config);
            let mut outputs = vec![check(&folder, &[]).1, check(&folder, &["-o", "json"]).1];
            assert!(outputs.iter().all(|output| output.contains(HIDDEN)), "{section}: {outputs:#?}");
            outputs.push(beside(&folder, "verify", &["registry.example.com/app:v1"], &[]).await.1);
            for output in outputs {
                // Every part between slashes, as a path may be cut there.
                for part in secret.split('/').filter(|part| part.len() > 8) {
                    assert!(!output.contains(part), "{part} in {output}");
                }
            }
        }
    }
}

#[test]
fn a_secret_in_place_of_a_key_of_the_server_is_not_shown() {
    let folder = sound();
    folder.write(
        "c.yaml",
        "trust: {directory: trust}\nserver: {tls: {certificate: tls.crt, key: SECRETTOKEN9, clientCa: ca.crt}}\nunlistedRegistries: refuse\n",
    );
    for output in [check(&folder, &[]).1, check(&folder, &["-o", "json"]).1] {
        assert!(output.contains(HIDDEN) && !output.contains("SECRETTOKEN9"), "{output}");
    }
}

#[tokio::test]
async fn a_secret_in_place_of_a_path_in_a_variable_is_not_shown() {
    let host = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    for secret in ["SECRETTOKEN9~abc", "hunter2hunter2"] {
        for (variable, more) in [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/pull")),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/v1")),
        ] {
            let folder = sound();
            folder.write("trust/trustpolicy.json", policy(&[statement("app", &format!("{host}/app"))]));
            let config = format!(
                "trust: {{directory: trust}}\nserver: {{tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.crt}}}}\nunlistedRegistries: refuse\nregistries: [{{host: {host}, credentials: {{ecr: {{}}}}}}]\n"
            );
            folder.write("c.yaml", config);
            let environment = [
                (variable, secret.to_owned()),
                (more.0, more.1.to_owned()),
                ("AWS_REGION", "eu-central-1".to_owned()),
                ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ];
            let (_, page) = beside(&folder, "check", &["--online"], &environment).await;
            assert!(page.contains(variable), "{page}");
            assert!(!page.contains(secret), "{page}");
        }
    }
}
