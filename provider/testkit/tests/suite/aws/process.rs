//! The doubles as a process: its lines of JSON.

use std::io::BufReader;
use std::io::Write;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;

use countersign_testkit::aws::process;
use countersign_testkit::folder::Folder;
use serde_json::Value;
use serde_json::json;

/// Sends each line that is written.
struct Lines(SyncSender<Value>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // A test that has ended reads no more lines.
        let _ = self.0.send(serde_json::from_slice(bytes).expect("one whole line at once"));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn commands_are_answered_and_requests_are_printed() {
    let folder = Folder::new();
    let config = json!({ "directory": folder.path() });
    let (reader, mut commands) = std::io::pipe().unwrap();
    let (sender, lines) = sync_channel(100);
    let running = std::thread::spawn(move || process::run(&config, BufReader::new(reader), Lines(sender)));
    let ready = lines.recv().unwrap();
    assert_eq!(ready["ready"]["role"], "arn:aws:iam::111122223333:role/countersign");
    let mut send = |command: Value| {
        writeln!(commands, "{command}").unwrap();
        lines.recv().unwrap()
    };
    let pushed = send(json!({ "do": "push", "repository": "app", "tag": "v1" }));
    assert_eq!(pushed["answer"]["certificateHashes"].as_array().map(Vec::len), Some(4));
    assert_eq!(send(json!({ "do": "revoke", "entity": pushed["answer"]["job"] })), json!({ "answer": "done" }));
    assert_eq!(send(json!({ "do": "dance" })), json!({ "error": "do: found \"dance\", which is no command" }));
    assert_eq!(send(json!([])), json!({ "error": "do: expected a string" }));
    let none = json!({ "error": "service: found \"s3\", which is none" });
    assert_eq!(send(json!({ "do": "endless", "service": "s3" })), none);
    // Plain HTTP, as the real one.
    let address = ready["ready"]["addresses"]["pod-identity"].as_str().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /v1/credentials HTTP/1.0\r\nhost: pod.example\r\n\r\n").unwrap();
    let exchange = lines.recv().unwrap();
    assert_eq!(exchange["exchange"]["service"], "pod-identity");
    assert_eq!((&exchange["exchange"]["status"], &exchange["exchange"]["host"]), (&json!(400), &json!("pod.example")));
    for file in ["ca.pem", "signer-root.pem", "web-identity-token", "pod-identity-token"] {
        assert!(std::fs::exists(folder.file(file)).unwrap(), "{file}");
    }
    drop(commands);
    assert_eq!(running.join().unwrap(), Ok(()));
}

#[test]
fn what_was_received_is_answered_and_written_with_all_secrets_so_far() {
    let folder = Folder::new();
    let config = json!({ "directory": folder.path(), "region": "eu-west-1", "otherRegion": "us-east-1" });
    let (reader, mut commands) = std::io::pipe().unwrap();
    let (sender, lines) = sync_channel(100);
    let running = std::thread::spawn(move || process::run(&config, BufReader::new(reader), Lines(sender)));
    let ready = lines.recv().unwrap();
    let mut send = |command: Value| {
        writeln!(commands, "{command}").unwrap();
        lines.recv().unwrap()["answer"].clone()
    };
    let pushed = send(
        json!({ "do": "push", "service": "other-ecr-registry", "repository": "app", "tag": "v1", "trusted": false }),
    );
    let tag = json!({ "do": "tag", "service": "other-ecr-registry", "repository": "app", "tag": "v2", "digest": pushed["digest"] });
    assert_eq!(send(tag), json!("done"));
    let address = ready["ready"]["addresses"]["pod-identity"].as_str().unwrap();
    let token = std::fs::read_to_string(folder.file("pod-identity-token")).unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET /v1/credentials HTTP/1.0\r\nhost: 169.254.170.23\r\nauthorization: {token}\r\n\r\n").unwrap();
    assert_eq!(lines.recv().unwrap()["exchange"]["status"], json!(200));

    let mut send = |command: &str| {
        writeln!(commands, "{}", json!({ "do": command })).unwrap();
        lines.recv().unwrap()["answer"].clone()
    };
    assert_eq!(send("journal"), json!("done"));
    let journal: Value = serde_json::from_slice(&std::fs::read(folder.file("journal.json")).unwrap()).unwrap();
    assert_eq!(journal["pod-identity"][0]["authorization"], "other");
    assert_eq!(journal["other-signer-data"], json!([]));
    assert_eq!(send("requests"), json!(1));
    let read = |name: &str| std::fs::read_to_string(folder.file(name)).unwrap();
    let request: Value = serde_json::from_str(&read("requests.jsonl")).unwrap();
    assert_eq!((&request["service"], &request["host"]), (&json!("pod-identity"), &json!("169.254.170.23")));
    assert!(request["headers"].as_array().unwrap().contains(&json!(["authorization", token])), "{request}");
    // The key of the user, the key and the token of the session, and the tokens of the service account.
    assert_eq!(send("secrets"), json!(5));
    let secrets: Vec<Value> = serde_json::from_str(&read("secrets.json")).unwrap();
    let kinds: Vec<&str> = secrets.iter().filter_map(|secret| secret["kind"].as_str()).collect();
    for (kind, count) in
        [("secret-access-key", 2), ("session-token", 1), ("web-identity-token", 1), ("pod-identity-token", 1)]
    {
        assert_eq!(kinds.iter().filter(|found| **found == kind).count(), count, "{kind}");
    }
    assert!(secrets.contains(&json!({ "kind": "pod-identity-token", "value": token })));
    drop(commands);
    assert_eq!(running.join().unwrap(), Ok(()));
}

#[test]
fn a_wrong_configuration_is_an_error() {
    let run = |config: Value| process::run(&config, std::io::empty(), std::io::sink());
    assert_eq!(run(json!({})), Err("directory: expected a path".to_owned()));
    let listen = json!({ "directory": "/tmp", "listen": { "sts": "localhost:1" } });
    assert_eq!(run(listen), Err("listen.sts: found \"localhost:1\", expected IP:PORT".to_owned()));
    assert_eq!(run(json!({ "directory": "/tmp", "region": 1 })), Err("region: found 1, expected a string".to_owned()));
}
