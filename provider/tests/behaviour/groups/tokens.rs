//! Token services: which requests get a token, and invalid responses.

use countersign_testkit::notation;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::TokenResponse;
use countersign_testkit::registry::TokenService;
use serde_json::json;

use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record_as;

const LOGIN: &str = "credentials: {usernameFile: alice, passwordFile: hunter2}";

/// A registry over TLS with a signed image, and with `entry` in the configuration.
async fn registry(environment: &mut Environment, name: &str, entry: &str) -> usize {
    let number = environment.another_tls_registry(&format!("REGISTRY OF {name}")).await;
    let registry: &Registry = &environment.others[number];
    let image = registry.push_image("app", "v1");
    let signature = notation::sign_image(registry, "app", &image, &environment.leaf);
    environment.names.digest(&image.digest, "digest of the image");
    environment.names.digest(&signature.digest, "signature of the image");
    let host = environment.others[number].host();
    environment.entry(&format!("host: '{host}', ca: servers.pem, {entry}"));
    environment.ask(name, &format!("{host}/app:v1"));
    number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_services() {
    let mut environment = Environment::new().await;
    environment.at_once = 8;
    environment.statement("all", &["*"], json!({}));
    environment.folder.write("alice", "alice");
    environment.folder.write("hunter2", "hunter2");
    environment.folder.write("wrong", "swordfish");
    let user = || TokenService::for_user("alice", "hunter2");
    for (name, bearer, entry) in [
        ("anonymous token", TokenService::anonymous(), "credentials: {anonymous: true}"),
        ("token for alice", user(), LOGIN),
        ("token for alice, asked anonymously", user(), "credentials: {anonymous: true}"),
        ("wrong password", user(), "credentials: {usernameFile: alice, passwordFile: wrong}"),
        (
            "alice or anonymous, wrong password",
            user().or_anonymous(),
            "credentials: {usernameFile: alice, passwordFile: wrong}",
        ),
        ("token without the repository", user().only_repositories(&["other"]), LOGIN),
        ("token that says nothing of its end", user().expires_in(None), LOGIN),
        ("token that ends at once", user().expires_in(Some(0)), LOGIN),
    ] {
        let number = registry(&mut environment, name, entry).await;
        environment.others[number].require_bearer(&bearer);
    }
    for answer in [
        TokenResponse::AccessToken,
        TokenResponse::EmptyToken,
        TokenResponse::NewlineInToken,
        TokenResponse::NumberAsToken,
        TokenResponse::NoToken,
        TokenResponse::NotJson,
        TokenResponse::Endless,
    ] {
        let number = registry(&mut environment, &format!("answer {answer:?}"), LOGIN).await;
        environment.others[number].require_bearer(&user().response(answer));
    }
    for (name, status) in [("400", 400), ("401", 401), ("403", 403), ("404", 404), ("500", 500)] {
        let number = registry(&mut environment, &format!("token service answers {name}"), LOGIN).await;
        environment.others[number].require_bearer(&user());
        environment.others[number].when(Route::Token).status(status);
    }
    let number = registry(&mut environment, "token service asks to wait", LOGIN).await;
    environment.others[number].require_bearer(&user());
    environment.others[number].when(Route::Token).too_many_requests("600");
    for (name, realm) in [
        ("realm on another host", "https://auth.example/token"),
        ("realm over plain HTTP", "http://127.0.0.1:1/token"),
        ("realm at an address inside", "https://169.254.169.254/token"),
        ("realm that is no URL", "token"),
        ("realm with a login", "https://a:b@auth.example/token"),
    ] {
        let number = registry(&mut environment, name, LOGIN).await;
        environment.others[number].require_bearer(&user().realm(realm));
    }
    for (name, challenge) in [
        ("no challenge", None),
        ("an empty challenge", Some("")),
        ("a challenge of another kind", Some("Negotiate")),
        ("a challenge without a realm", Some("Bearer service=\"x\"")),
        ("a broken challenge", Some("Bearer realm=\"")),
        ("two challenges", Some("Negotiate, Basic realm=\"x\"")),
    ] {
        let number = registry(&mut environment, name, LOGIN).await;
        let reply = Reply::status(401);
        let reply = challenge.map_or(reply.clone(), |challenge| reply.header("www-authenticate", challenge));
        environment.others[number].when(Route::Manifest).reply(reply);
    }
    // A service on a host of its own, which the configuration allows, and which it does not.
    for (name, allowed) in [("realm host that is allowed", true), ("realm host that is not allowed", false)] {
        let service = environment.another_tls_registry(&format!("SERVICE OF {name}")).await;
        let host = environment.others[service].host();
        let entry = if allowed { format!("{LOGIN}, realmHosts: ['{host}']") } else { LOGIN.to_owned() };
        let bearer = user().realm(&format!("https://{host}/token"));
        environment.others[service].serve_tokens(&bearer);
        let number = registry(&mut environment, name, &entry).await;
        environment.others[number].require_bearer(&bearer);
    }
    record_as("tokens", environment, Ask::WithoutInspect).await;
}
