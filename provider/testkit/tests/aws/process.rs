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
fn a_wrong_configuration_is_an_error() {
    let run = |config: Value| process::run(&config, std::io::empty(), std::io::sink());
    assert_eq!(run(json!({})), Err("directory: expected a path".to_owned()));
    let listen = json!({ "directory": "/tmp", "listen": { "sts": "localhost:1" } });
    assert_eq!(run(listen), Err("listen.sts: found \"localhost:1\", expected IP:PORT".to_owned()));
    assert_eq!(run(json!({ "directory": "/tmp", "region": 1 })), Err("region: found 1, expected a string".to_owned()));
}
