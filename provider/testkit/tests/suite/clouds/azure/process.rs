//! The doubles as a process: its lines of JSON.

use std::io::Write as _;

use countersign_testkit::azure::process;
use countersign_testkit::folder::Folder;
use serde_json::Value;
use serde_json::json;

use crate::clouds::lines::Process;

#[test]
fn commands_are_answered_and_requests_and_secrets_are_written() {
    let folder = Folder::new();
    let config = json!({ "directory": folder.path(), "registry": "shop.azurecr.io" });
    let mut running = Process::start(move |input, output| process::run(&config, input, output));
    let ready = running.line()["ready"].clone();
    assert_eq!((&ready["registry"], &ready["certificate"]), (&json!("shop.azurecr.io"), &json!("signing")));
    let mut send = |command: Value| running.send(&command);
    let pushed = send(json!({ "do": "push", "repository": "app", "tag": "v1" }));
    assert!(pushed["answer"]["signature"].as_str().unwrap().starts_with("sha256:"), "{pushed}");
    let version = send(json!({ "do": "add-version" }))["answer"]["version"].clone();
    assert!(std::fs::exists(folder.file(&format!("signing-{}.pem", version.as_str().unwrap()))).unwrap());
    for command in [
        json!({ "do": "disable", "version": version }),
        json!({ "do": "referrers", "mode": "api-without-types-and-filter" }),
        json!({ "do": "unassign", "role": "acr-pull" }),
        json!({ "do": "lifetime", "of": "access", "seconds": 60 }),
        json!({ "do": "revoke", "of": "refresh" }),
        json!({ "do": "fail", "service": "entra", "status": 429, "times": 1, "retryAfter": "5" }),
        json!({ "do": "status", "service": "key-vault", "path": "/certificates", "status": 503, "times": 1 }),
        json!({ "do": "restore", "service": "key-vault" }),
        json!({ "do": "advance", "seconds": 60 }),
    ] {
        assert_eq!(send(command.clone()), json!({ "answer": "done" }), "{command}");
    }
    for (command, error) in [
        (json!({ "do": "dance" }), "do: found \"dance\", which is no command"),
        (json!([]), "do: expected a string"),
        (json!({ "do": "endless", "service": "s3" }), "service: found \"s3\", which is none"),
        (
            json!({ "do": "referrers", "mode": "none" }),
            "mode: found \"none\", expected one of api, api-without-filter, api-without-types, \
             api-without-types-and-filter, api-with-config-types, fallback-tag, empty-api, fallback-tag-is-image, not-cached",
        ),
    ] {
        assert_eq!(send(command), json!({ "error": error }));
    }
    // Plain HTTP, as the real one.
    let address = ready["addresses"]["imds"].as_str().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let target = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
    write!(stream, "GET {target} HTTP/1.0\r\nhost: 169.254.169.254\r\nmetadata: true\r\n\r\n").unwrap();
    let exchange = running.line()["exchange"].clone();
    assert_eq!((&exchange["service"], &exchange["status"]), (&json!("imds"), &json!(200)));
    let mut send = |command: &str| running.send(&json!({ "do": command }))["answer"].clone();
    let read = |name: &str| std::fs::read_to_string(folder.file(name)).unwrap();
    assert_eq!(send("journal"), json!("done"));
    let journal: Value = serde_json::from_str(&read("journal.json")).unwrap();
    assert_eq!((&journal["imds"][0]["host"], &journal["acr"]), (&json!("169.254.169.254"), &json!([])));
    assert_eq!(send("requests"), json!(1));
    let request: Value = serde_json::from_str(&read("requests.jsonl")).unwrap();
    assert_eq!((&request["service"], &request["target"]), (&json!("imds"), &json!(target)));
    // The token of the service account, that of the node's identity, and the keys of two versions.
    assert_eq!(send("secrets"), json!(4));
    let secrets: Vec<Value> = serde_json::from_str(&read("secrets.json")).unwrap();
    let kinds: Vec<&str> = secrets.iter().filter_map(|secret| secret["kind"].as_str()).collect();
    assert_eq!(kinds, ["azure-identity-token", "entra-access-token", "private-key", "private-key"]);
    assert_eq!(secrets[0]["value"], read("azure-identity-token"));
    assert_eq!(running.end(), Ok(()));
}

#[test]
fn a_wrong_configuration_is_an_error() {
    let run = |config: Value| process::run(&config, std::io::empty(), std::io::sink());
    assert_eq!(run(json!({})), Err("directory: expected a path".to_owned()));
    let folder = Folder::new();
    let listen = json!({ "directory": folder.path(), "listen": { "acr": "localhost:1" } });
    assert_eq!(run(listen), Err("listen.acr: found \"localhost:1\", expected IP:PORT".to_owned()));
    let tenant = json!({ "directory": folder.path(), "tenant": 1 });
    assert_eq!(run(tenant), Err("tenant: found 1, expected a string".to_owned()));
}
