//! The command line: its help, mistakes on it, and configurations with mistakes.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::json;

use crate::binary;
use crate::environment::Environment;
use crate::run::compare;
use crate::run::page;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_and_mistakes_on_the_command_line() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    environment.write();
    let mut entries = BTreeMap::new();
    let lines: &[&[&str]] = &[
        &[],
        &["--help"],
        &["--version"],
        &["help"],
        &["serve", "--help"],
        &["verify", "--help"],
        &["inspect", "--help"],
        &["check", "--help"],
        &["certs", "--help"],
        &["completions", "--help"],
        &["verfy"],
        &["verify", "nginx"],
        &["verify", "--config", "c.yaml"],
        &["verify", "--config", "c.yaml", "-o", "xml", "nginx"],
        &["verify", "--config", "c.yaml", "nginx", "Not/An/Image"],
        &["verify", "--config", "absent.yaml", "nginx"],
        &["verify", "--config", "c.yaml", "--unknown", "nginx"],
        &["inspect", "--config", "c.yaml"],
        &["inspect", "--config", "c.yaml", "nginx", "redis"],
        &["inspect", "--config", "c.yaml", "Not/An/Image"],
        &["inspect", "--config", "absent.yaml", "nginx"],
        &["check", "--config", "absent.yaml"],
        &["check", "--config", "absent.yaml", "-o", "json"],
        &["check", "--config", "c.yaml", "--for", "nobody"],
        &["check", "--config", "c.yaml", "--for", "verify"],
        &["serve"],
        &["serve", "--config", "c.yaml", "extra"],
        &["serve", "--config", "absent.yaml"],
    ];
    for arguments in lines {
        let output = binary::run(&environment.folder, arguments).await;
        entries.insert(format!("countersign {}", arguments.join(" ")), page(&environment.names, &output));
    }
    compare("command-line", &environment.names, entries);
}

/// Configurations with mistakes, each by itself.
const CONFIGURATIONS: &[(&str, &str)] = &[
    ("nothing", ""),
    ("no YAML", "trust: ["),
    ("a list", "- trust"),
    ("a misspelt key", "trust: {directroy: trust}\n"),
    ("a wrong type", "trust: {directory: 7}\nlog: {level: 5}\n"),
    ("a key twice", "trust: {directory: trust}\ntrust: {directory: trust}\n"),
    ("no certificates", "trust: {directory: trust}\n"),
    ("a duration without a unit", "trust: {directory: trust, reloadInterval: 10}\n"),
    ("a duration out of range", "trust: {directory: trust, reloadInterval: 1ms}\n"),
    ("directory and policy", "trust: {directory: trust, policy: trust/trustpolicy.json}\n"),
    ("policy without store", "trust: {policy: trust/trustpolicy.json}\n"),
    ("a number out of range", "trust: {directory: trust}\nverification: {maxSignatures: 0}\n"),
    ("an unknown word", "trust: {directory: trust}\nunlistedRegistries: perhaps\n"),
    ("a bad host", "trust: {directory: trust}\nregistries: [{host: 'a b'}]\n"),
    ("a host twice", "trust: {directory: trust}\nregistries: [{host: a.example}, {host: 'A.example:443'}]\n"),
    ("plain HTTP with ca", "trust: {directory: trust}\nregistries: [{host: a.example, plainHttp: true, ca: x.pem}]\n"),
    (
        "plain HTTP with credentials",
        "trust: {directory: trust}\nregistries: [{host: a.example, plainHttp: true, credentials: {dockerConfig: x.json}}]\n",
    ),
    (
        "two kinds of credentials",
        "trust: {directory: trust}\nregistries: [{host: a.example, credentials: {anonymous: true, dockerConfig: x.json}}]\n",
    ),
    (
        "a user without a password",
        "trust: {directory: trust}\nregistries: [{host: a.example, credentials: {usernameFile: x}}]\n",
    ),
    (
        "a bad proxy",
        "trust: {directory: trust}\nregistries: [{host: a.example, proxy: 'socks5://u:hunter2@proxy.example'}]\n",
    ),
    ("a bad realm host", "trust: {directory: trust}\nregistries: [{host: a.example, realmHosts: ['a b']}]\n"),
    (
        "metadata of an unknown statement",
        "trust: {directory: trust}\nverification: {requiredMetadata: [{statement: absent, annotations: {a: b}}]}\n",
    ),
    (
        "metadata without annotations",
        "trust: {directory: trust}\nverification: {requiredMetadata: [{statement: all, annotations: {}}]}\n",
    ),
    ("a bad address", "trust: {directory: trust}\nserver: {listen: nowhere}\nhealth: {listen: '1.2.3.4'}\n"),
    ("a bad client name", "trust: {directory: trust}\nserver: {allowedClients: ['*']}\n"),
    ("no clients", "trust: {directory: trust}\nserver: {allowedClients: []}\n"),
    (
        "many mistakes",
        "server: {maxKeys: 0, maxBodyBytes: x}\ntrust: {}\ncache: {verdictLifetime: 48h}\nlog: {level: loud}\nextra: 1\n",
    ),
    (
        "absent files of registries",
        "trust: {directory: trust}\nregistries: [{host: a.example, ca: no.pem, credentials: {usernameFile: u, passwordFile: p}}]\n",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configurations_with_mistakes() {
    let mut environment = Environment::new().await;
    environment.statement("all", &["*"], json!({}));
    environment.write();
    let mut entries = BTreeMap::new();
    for (name, text) in CONFIGURATIONS {
        environment.folder.write("c.yaml", text);
        let mut entry = json!({"configuration": text});
        for command in [
            &["check", "--config", "c.yaml"][..],
            &["check", "--config", "c.yaml", "--for", "verify", "-o", "json"],
            &["serve", "--config", "c.yaml"],
        ] {
            let output = binary::run(&environment.folder, command).await;
            let mut found = page(&environment.names, &output);
            if let Ok(document) = serde_json::from_str::<Json>(&output.stdout) {
                found["stdout"] = document;
            }
            entry[command.join(" ")] = found;
        }
        entries.insert((*name).to_owned(), entry);
    }
    compare("configurations", &environment.names, entries);
}
