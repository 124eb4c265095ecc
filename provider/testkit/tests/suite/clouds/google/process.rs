//! The doubles as a process: its lines of JSON.

use std::io::Write as _;

use countersign_testkit::folder::Folder;
use countersign_testkit::google::process;
use serde_json::json;

use super::ACCOUNT;
use crate::clouds::lines::Process;

#[test]
fn commands_are_answered_and_requests_are_printed() {
    let folder = Folder::new();
    let config = json!({ "directory": folder.path() });
    let mut running = Process::start(move |input, output| process::run(&config, input, output));
    let ready = running.line()["ready"].clone();
    assert_eq!((&ready["account"], &ready["repository"]), (&json!(ACCOUNT), &json!("shop-project/images")));
    let pushed = running.send(&json!({ "do": "push", "image": "app", "tag": "v1" }));
    assert_eq!(pushed["answer"]["name"], "shop-project/images/app");
    for command in [
        json!({ "do": "tag", "image": "app", "tag": "v2", "digest": pushed["answer"]["digest"] }),
        json!({ "do": "referrers", "mode": "empty-api" }),
        json!({ "do": "lifetime", "of": "metadata", "seconds": 600 }),
        json!({ "do": "revoke", "of": "registry" }),
        json!({ "do": "revoke-grant" }),
        json!({ "do": "grant", "account": "a@b", "repository": "c/d" }),
        json!({ "do": "scopes", "scopes": ["a"] }),
        json!({ "do": "flavor", "value": "Other" }),
        json!({ "do": "renew" }),
    ] {
        assert_eq!(running.send(&command), json!({ "answer": "done" }), "{command}");
    }
    assert_eq!(running.send(&json!({ "do": "dance" })), json!({ "error": "do: found \"dance\", which is no command" }));
    // Plain HTTP, as the real one.
    let mut stream = std::net::TcpStream::connect(ready["addresses"]["metadata"].as_str().unwrap()).unwrap();
    let path = "/computeMetadata/v1/instance/service-accounts/default/token";
    write!(stream, "GET {path} HTTP/1.0\r\nhost: metadata.google.internal\r\nmetadata-flavor: Google\r\n\r\n").unwrap();
    let exchange = running.line()["exchange"].clone();
    assert_eq!((&exchange["service"], &exchange["status"]), (&json!("metadata"), &json!(200)));
    assert_eq!(running.send(&json!({ "do": "secrets" })), json!({ "answer": 1 }));
    assert!(std::fs::read_to_string(folder.file("secrets.json")).unwrap().contains("google-access-token"));
    assert!(std::fs::exists(folder.file("signing.pem")).unwrap());
    assert_eq!(running.end(), Ok(()));
}
