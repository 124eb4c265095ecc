//! Credentials of configuration and of pull secrets, good and broken.

use countersign_testkit::notation;
use countersign_testkit::registry::Registry;
use serde_json::Value as Json;
use serde_json::json;

use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record_as;

/// A registry over TLS that accepts only the user alice, with a signed image.
async fn guarded(environment: &mut Environment, role: &str) -> (usize, String) {
    let number = environment.another_tls_registry(role).await;
    let registry = &environment.others[number];
    registry.require_basic("alice", "hunter2");
    push(environment, number);
    let host = environment.others[number].host();
    (number, host)
}

fn push(environment: &mut Environment, number: usize) {
    let registry: &Registry = &environment.others[number];
    for repository in ["app", "team/app"] {
        let image = registry.push_image(repository, "v1");
        let signature = notation::sign_image(registry, repository, &image, &environment.leaf);
        environment.names.digest(&image.digest, "digest of the image");
        environment.names.digest(&signature.digest, "signature of the image");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_of_the_configuration() {
    let mut environment = Environment::new().await;
    environment.at_once = 8;
    environment.statement("all", &["*"], json!({}));
    for (file, content) in [
        ("alice", "alice\n"),
        ("hunter2", "hunter2\r\n"),
        ("wrong", "swordfish"),
        ("empty", "\n"),
        ("colon", "a:b"),
        ("broken.pem", "hunter2"),
    ] {
        environment.folder.write(file, content);
    }
    environment.folder.write("latin", b"\xe4");
    environment.folder.write("large", vec![b'x'; 20_000]);
    for (name, entry) in [
        ("right", "ca: servers.pem, credentials: {usernameFile: alice, passwordFile: hunter2}"),
        ("wrong password", "ca: servers.pem, credentials: {usernameFile: alice, passwordFile: wrong}"),
        ("anonymous", "ca: servers.pem, credentials: {anonymous: true}"),
        ("nothing", "ca: servers.pem"),
        ("no ca", "credentials: {usernameFile: alice, passwordFile: hunter2}"),
        ("empty user", "ca: servers.pem, credentials: {usernameFile: empty, passwordFile: hunter2}"),
        ("no password file", "ca: servers.pem, credentials: {usernameFile: alice, passwordFile: absent}"),
        ("colon in the user", "ca: servers.pem, credentials: {usernameFile: colon, passwordFile: hunter2}"),
        ("user that is not UTF-8", "ca: servers.pem, credentials: {usernameFile: latin, passwordFile: hunter2}"),
        ("large password", "ca: servers.pem, credentials: {usernameFile: alice, passwordFile: large}"),
        ("broken ca", "ca: broken.pem, credentials: {usernameFile: alice, passwordFile: hunter2}"),
        ("absent ca", "ca: absent.pem, credentials: {usernameFile: alice, passwordFile: hunter2}"),
        ("absent pull secret", "ca: servers.pem, credentials: {dockerConfig: absent.json}"),
    ] {
        let (_, host) = guarded(&mut environment, &format!("REGISTRY OF {name}")).await;
        environment.entry(&format!("host: '{host}', {entry}"));
        environment.ask(name, &format!("{host}/app:v1"));
    }
    record_as("credentials", environment, Ask::WithoutInspect).await;
}

/// The member `auths` of a pull secret for a host.
type Secret = fn(&str) -> Json;

const RIGHT: &str = "YWxpY2U6aHVudGVyMg==";

const SECRETS: &[(&str, Secret)] = &[
    ("auth", |host| json!({host: {"auth": RIGHT}})),
    ("user and password", |host| json!({host: {"username": "alice", "password": "hunter2"}})),
    ("with a scheme", |host| json!({format!("https://{host}/v1/"): {"auth": RIGHT}})),
    ("wrong password", |host| json!({host: {"auth": "YWxpY2U6d3Jvbmc="}})),
    ("an empty entry", |host| json!({host: {}})),
    ("another host", |_| json!({"other.example": {"auth": RIGHT}})),
    ("nothing", |_| json!({})),
    ("no base64", |host| json!({host: {"auth": "!"}})),
    ("no colon", |host| json!({host: {"auth": "aHVudGVyMg=="}})),
    ("an auth that is a number", |host| json!({host: {"auth": 7}})),
    ("an entry that is a text", |host| json!({host: "x"})),
    ("an identity token", |host| json!({host: {"identitytoken": "x"}})),
    ("a line feed in the password", |host| json!({host: {"username": "alice", "password": "hunter2\n"}})),
    ("a path that fits", |host| json!({format!("{host}/app"): {"auth": RIGHT}, host: {"auth": "YWxpY2U6d3Jvbmc="}})),
    ("a path that does not fit", |host| json!({format!("{host}/team"): {"auth": RIGHT}})),
    ("a broken path beside a good host", |host| json!({format!("{host}/app"): {"auth": "!"}, host: {"auth": RIGHT}})),
    ("a pattern", |_| json!({"*.example": {"auth": RIGHT}})),
    ("a broken name", |_| json!({"ht!tp://": {"auth": RIGHT}})),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_pull_secrets() {
    let mut environment = Environment::new().await;
    environment.at_once = 8;
    environment.statement("all", &["*"], json!({}));
    for (number, (name, auths)) in SECRETS.iter().enumerate() {
        let (_, host) = guarded(&mut environment, &format!("REGISTRY OF {name}")).await;
        let file = format!("secret-{number}.json");
        environment.folder.write(&file, json!({"auths": auths(&host)}).to_string());
        environment.entry(&format!("host: '{host}', ca: servers.pem, credentials: {{dockerConfig: {file}}}"));
        environment.ask(name, &format!("{host}/app:v1"));
    }
    for (number, (name, content)) in [
        ("a list", "[]".to_owned()),
        ("no JSON", "{".to_owned()),
        ("nothing at all", String::new()),
        ("a member twice", r#"{"auths":{},"auths":{}}"#.to_owned()),
        ("helpers", r#"{"auths":{},"credsStore":"desktop","credHelpers":{"gcr.io":"gcloud"}}"#.to_owned()),
        ("the older form", format!(r#"{{"127.0.0.1":{{"auth":"{RIGHT}"}}}}"#)),
        ("too large", " ".repeat(1024 * 1024 + 1)),
    ]
    .into_iter()
    .enumerate()
    {
        let (_, host) = guarded(&mut environment, &format!("REGISTRY OF secret with {name}")).await;
        let file = format!("whole-{number}.json");
        environment.folder.write(&file, content);
        environment.entry(&format!("host: '{host}', ca: servers.pem, credentials: {{dockerConfig: {file}}}"));
        environment.ask(&format!("a secret with {name}"), &format!("{host}/app:v1"));
    }
    record_as("pull-secrets", environment, Ask::WithoutInspect).await;
}
