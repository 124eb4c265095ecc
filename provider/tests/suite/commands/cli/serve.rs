//! `countersign serve`: start, log and stop.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Lines;
use std::process::Child;
use std::process::ChildStderr;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use countersign_test_support::binary;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value;
use serde_json::json;

use crate::commands::cli::Fixture;
use crate::commands::cli::GATEKEEPER;
use crate::commands::cli::check;
use crate::commands::cli::countersign;
use crate::commands::cli::countersign_in;
use crate::commands::cli::text;

/// Adds what `serve` needs to the fixture's configuration. Returns Gatekeeper's client.
pub(super) fn add_server(fixture: &Fixture) -> reqwest::Client {
    // A second installation is refused, and the first serves all tests of the process.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let authority = Authority::root(CertSpec::root().common_name("TLS"));
    let server = authority.issue(CertSpec::tls_server(&["localhost"]));
    let client = authority.issue(CertSpec::tls_client(GATEKEEPER));
    fixture.folder.write("tls.crt", server.pem());
    fixture.folder.write("tls.key", server.key_pem());
    fixture.folder.write("ca.crt", authority.pem());
    let config = std::fs::read_to_string(fixture.config()).unwrap();
    let server = "server: {listen: '127.0.0.1:0', tls: {certificate: tls.crt, key: tls.key, clientCa: ca.crt}}\n";
    fixture.folder.write("c.yaml", format!("{config}{server}health: {{listen: '127.0.0.1:0'}}\n"));
    reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap()])
        .identity(reqwest::Identity::from_pem((client.pem() + &client.key_pem()).as_bytes()).unwrap())
        .build()
        .unwrap()
}

#[tokio::test]
async fn serves_until_sigterm() {
    let fixture = Fixture::new().await;
    let client = add_server(&fixture);
    let mut process = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["serve"])
        .env("COUNTERSIGN_CONFIG", fixture.config())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut event = move || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let start = event();
    assert_eq!(start["message"], "start");
    assert_eq!(start["version"], env!("CARGO_PKG_VERSION"));
    assert!(start["config"].as_str().unwrap().starts_with("server.listen=127.0.0.1:0 server.tls.certificate="));
    // What `check` prints.
    let mut next = event();
    while next["message"] != "certificate loaded" {
        assert_eq!((&next["level"], &next["message"]), (&json!("WARN"), &json!("warning")), "{next}");
        assert!(next["warning"].is_string() && next["detail"].is_string(), "{next}");
        next = event();
    }
    let subject = |common_name: &str| format!("C=CH, ST=ZH, O=Testkit, CN={common_name}");
    for (key, names, common_name) in [
        ("server.tls.certificate", json!("localhost"), "server"),
        ("server.tls.certificate", Value::Null, "TLS"),
        ("server.tls.clientCa", Value::Null, "TLS"),
    ] {
        assert_eq!((&next["key"], &next["names"]), (&json!(key), &names), "{next}");
        assert_eq!((&next["subject"], &next["until"]), (&json!(subject(common_name)), &json!("2049-12-31T23:59:59Z")));
        next = event();
    }
    let trust = next;
    assert_eq!((&trust["message"], &trust["generation"]), (&json!("trust policy and trust stores in use"), &json!(1)));
    let mut statements = Vec::new();
    let mut store = event();
    while store["message"] == "statement loaded" {
        statements.push(store);
        store = event();
    }
    let of = |name: &str| statements.iter().find(|statement| statement["statement"] == name).unwrap();
    assert_eq!(of("mirror")["level"], "skip");
    assert_eq!((&of("app")["stores"], &of("app")["authenticity"]), (&json!("ca:main"), &json!("enforce")));
    assert_eq!(of("app")["scopes"], "*");
    assert_eq!((&store["message"], &store["store"]), (&json!("trust store loaded"), &json!("ca:main")));
    assert_eq!((&store["content"], &store["certificates"]), (&json!("current"), &json!(1)));
    assert!(store["sha256"].is_string() && store["until"].is_string(), "{store}");
    assert!(trust["digest"].as_str().unwrap().starts_with("sha256:"), "{trust}");
    let mut next = event();
    while next["message"] != "listening" {
        assert_eq!(next["level"], "WARN", "{next}");
        next = event();
    }
    let port = next["endpoints"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let ready = reqwest::get(format!("http://{}/readyz", next["health"].as_str().unwrap())).await.unwrap();
    assert_eq!(ready.status(), 200);

    let answer = ask(&client, &port, &[fixture.image("app:signed")]).await;
    assert_eq!(answer["response"]["items"][0]["value"]["verdict"], "verified", "{answer}");

    terminate(&process);
    let ended = tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
    assert_eq!(ended.code(), Some(0));
    let messages: Vec<Value> = std::iter::repeat_with(event).take(3).map(|event| event["message"].clone()).collect();
    assert_eq!(messages, ["verdict", "stopping", "stopped"]);
}

/// The answer of `/v1/verify`.
pub(super) async fn ask(client: &reqwest::Client, port: &str, keys: &[String]) -> Value {
    let request = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest", "request": {"keys": keys},
    });
    let url = format!("https://localhost:{port}/v1/verify");
    let answer = client.post(url).header("content-type", "application/json").body(request.to_string());
    serde_json::from_slice(&answer.send().await.unwrap().bytes().await.unwrap()).unwrap()
}

/// The sum of the series of a metric.
pub(super) async fn metric(health: &str, name: &str) -> u64 {
    let page = reqwest::get(format!("http://{health}/metrics")).await.unwrap().text().await.unwrap();
    let values = page.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    values.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// `countersign serve` that has lost events, as its log is not read after the event `listening`.
struct Unread {
    process: Child,
    lines: Lines<BufReader<ChildStderr>>,
    client: reqwest::Client,
    port: String,
    health: String,
    /// How many verdicts it gave.
    verdicts: u64,
}

const LOST: &str = "countersign_log_events_lost_total";

impl Unread {
    async fn start(fixture: &Fixture) -> Self {
        let client = add_server(fixture);
        let mut process = serve(fixture);
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut events = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let listening = events.find(|event| event["message"] == "listening").unwrap();
        let port = listening["endpoints"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        let health = listening["health"].as_str().unwrap().to_owned();
        let mut unread = Self { process, lines, client, port, health, verdicts: 0 };
        // Each is a line of some hundred bytes. The pipe has 64 KiB, the queue 1 MiB.
        let no_images: Vec<String> = (0..100).map(|number| format!("no image {number} {}", "x".repeat(400))).collect();
        while metric(&unread.health, LOST).await == 0 {
            assert!(unread.verdicts <= 10_000, "no event is lost");
            assert_eq!(unread.ask(&no_images).await["response"]["items"].as_array().unwrap().len(), 100);
        }
        unread
    }

    async fn ask(&mut self, keys: &[String]) -> Value {
        self.verdicts += u64::try_from(keys.len()).unwrap();
        ask(&self.client, &self.port, keys).await
    }
}

pub(super) fn terminate(process: &Child) {
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
}

#[tokio::test]
async fn the_log_says_what_became_of_the_images_that_are_verified_at_the_start() {
    let fixture = Fixture::new().await;
    let _client = add_server(&fixture);
    let config = std::fs::read_to_string(fixture.config()).unwrap();
    let (signed, unsigned) = (fixture.image("app:signed"), fixture.image("app:unsigned"));
    fixture.folder.write("c.yaml", format!("{config}cache: {{imagesAtStart: ['{signed}', '{unsigned}']}}\n"));
    let mut process = serve(&fixture);
    // The registry needs this thread.
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let read = tokio::task::spawn_blocking(move || {
        let mut lines = lines;
        // Standard error stays open.
        (about_the_start(&mut lines), lines)
    });
    let read = tokio::time::timeout(Duration::from_secs(60), read).await;
    terminate(&process);
    let (about, _lines) = read.unwrap().unwrap();
    let expected = [("INFO", &signed, "verified"), ("WARN", &unsigned, "unsigned")];
    assert_eq!(about, expected.map(|(level, image, code)| (json!(level), json!(image), json!(code))));
    let ended = tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
    assert_eq!(ended.code(), Some(0));
}

/// Level, image and code of both events about `cache.imagesAtStart`.
fn about_the_start(lines: &mut Lines<BufReader<ChildStderr>>) -> Vec<(Value, Value, Value)> {
    let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let about = events.filter(|event| event["message"].as_str().unwrap().contains("cache.imagesAtStart"));
    let parts = |event: Value| (event["level"].clone(), event["image"].clone(), event["code"].clone());
    let mut about: Vec<_> = about.take(2).map(parts).collect();
    about.sort_by_key(|(level, ..)| level.to_string());
    about
}

#[tokio::test]
async fn a_log_that_is_not_read_does_not_stop_the_end_of_the_process() {
    let fixture = Fixture::new().await;
    let mut unread = Unread::start(&fixture).await;
    terminate(&unread.process);
    // Standard error stays open, and full.
    let ended = tokio::task::spawn_blocking(move || (unread.process.wait().unwrap(), unread.lines));
    let (ended, _lines) = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn a_log_that_is_not_read_stops_nothing_and_says_afterwards_what_it_lost() {
    let fixture = Fixture::new().await;
    let mut unread = Unread::start(&fixture).await;
    let alive = reqwest::get(format!("http://{}/livez", unread.health)).await.unwrap();
    assert_eq!(alive.status(), 200);
    let answer = unread.ask(&[fixture.image("app:signed")]).await;
    assert_eq!(answer["response"]["items"][0]["value"]["verdict"], "verified", "{answer}");
    let counted = metric(&unread.health, LOST).await;
    let given = unread.verdicts;
    let message = "events of the log were lost: standard error was not read fast enough";
    let read = tokio::task::spawn_blocking(move || {
        let mut events: Vec<Value> = Vec::new();
        let mut read_until = |message: &str| {
            while events.last().is_none_or(|event| event["message"] != message) {
                let line = unread.lines.next().unwrap().unwrap();
                events.push(serde_json::from_str(&line).unwrap());
            }
        };
        read_until(message);
        terminate(&unread.process);
        read_until("stopped");
        (events, unread.process.wait().unwrap())
    });
    let (events, ended) = read.await.unwrap();
    assert_eq!(ended.code(), Some(0));
    let reported: u64 = events
        .iter()
        .filter(|event| event["message"] == message)
        .map(|event| {
            assert_eq!(event["level"], "WARN");
            ["error", "warn", "info", "debug", "trace"].map(|level| event[level].as_u64().unwrap()).iter().sum::<u64>()
        })
        .sum();
    assert!(reported >= counted && counted > 0, "{reported} {counted}");
    let verdicts = events.iter().filter(|event| event["message"] == "verdict").count();
    // Every verdict is written or counted.
    assert_eq!(u64::try_from(verdicts).unwrap() + reported, given);
}

/// `countersign serve` with its log piped.
pub(super) fn serve(fixture: &Fixture) -> Child {
    let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
    command.args(["serve", "--config", &fixture.config()]).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test]
async fn serve_starts_without_a_policy_document_that_can_be_used_and_is_not_ready() {
    let fixture = Fixture::new().await;
    add_server(&fixture);
    fixture.folder.write("trust/trustpolicy.json", "{");
    let mut process = serve(&fixture);
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut events = events.skip_while(|event| event["level"] != "ERROR");
    let mistake = events.next().unwrap();
    assert_eq!(mistake["message"], "mistake");
    assert!(mistake["file"].as_str().unwrap().ends_with("trust/trustpolicy.json"), "{mistake}");
    let error = events.find(|event| event["level"] == "ERROR").unwrap();
    assert_eq!(error["message"], "no trust policy is in use: every image is inconclusive");
    assert_eq!(error["mistakes"], 1);
    assert!(error["by_file"].as_str().unwrap().ends_with("trust/trustpolicy.json (1)"), "{error}");
    let listening = events.find(|event| event["message"] == "listening").unwrap();
    let ready = reqwest::get(format!("http://{}/readyz", listening["health"].as_str().unwrap())).await.unwrap();
    assert_eq!(ready.status(), 503);
    let why = ready.text().await.unwrap();
    assert!(why.starts_with("[-] trust: the trust policy and trust stores have 1 mistake; "), "{why}");
    process.kill().unwrap();
    tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
}

#[tokio::test]
async fn serve_logs_every_part_of_the_trust_that_is_disabled_or_ignored() {
    let fixture = Fixture::new().await;
    add_server(&fixture);
    fixture.folder.write("trust/truststore/x509/ca/main/old/root.pem", "ignored");
    let policy = json!({"version": "1.0", "trustPolicies": [
        {"name": "good", "registryScopes": ["r.example/good"], "signatureVerification": {"level": "strict"},
         "trustStores": ["ca:main"], "trustedIdentities": ["*"]},
        {"name": "bad", "registryScopes": ["r.example/bad"], "signatureVerification": {"level": "strict"},
         "trustStores": ["ca:absent"], "trustedIdentities": ["*"]},
    ]});
    fixture.folder.write("trust/trustpolicy.json", policy.to_string());
    let mut process = serve(&fixture);
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let events: Vec<Value> = events.take_while(|event| event["message"] != "listening").collect();
    process.kill().unwrap();
    tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
    let folder = format!("{}/", fixture.folder.path().display());
    let logged = |level: &str| {
        let of_level = events.iter().filter(|event| event["level"] == level);
        of_level.map(|event| event["message"].as_str().unwrap().replace(&folder, "")).collect::<Vec<_>>()
    };
    assert_eq!(
        logged("ERROR"),
        [
            "mistake".to_owned(),
            "files have mistakes; what depends on them is disabled or keeps its former content".to_owned(),
            "statement \"bad\" is disabled: trust store ca:absent cannot be used".to_owned(),
            "trust store ca:absent cannot be used".to_owned(),
        ]
    );
    let summary = events.iter().find(|event| event["files"] == "trust").unwrap();
    let by_file = summary["by_file"].as_str().unwrap().replace(&folder, "");
    assert_eq!((&summary["mistakes"], by_file.as_str()), (&json!(1), "trust/truststore/x509/ca/absent (1)"));
    let naming = |what: &str| events.iter().filter(|event| event.to_string().contains(what)).count();
    // The text of each finding is in one event.
    assert_eq!((naming("with certificate files"), naming("which are ignored")), (1, 1), "{events:?}");
    let ignored = "trust store ca:main has sub-directories, which are ignored: \"old\"; put certificate files into the \
                       store's own directory";
    assert!(events.iter().any(|event| event["detail"] == ignored), "{events:?}");
}

#[tokio::test]
async fn both_ports_in_use_are_reported_at_once() {
    let fixture = Fixture::new().await;
    add_server(&fixture);
    let taken = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [endpoints, health] = taken.each_ref().map(|listener| listener.local_addr().unwrap().to_string());
    let config = std::fs::read_to_string(fixture.config()).unwrap();
    assert_eq!(config.matches("127.0.0.1:0").count(), 2, "{config}");
    let config = config.replacen("127.0.0.1:0", &endpoints, 1).replacen("127.0.0.1:0", &health, 1);
    fixture.folder.write("c.yaml", config);
    let output = countersign(&["serve", "--config", &fixture.config()]).await;
    check(&output, 2);
    let last: Value = serde_json::from_str(text(&output.stderr).lines().last().unwrap()).unwrap();
    let error = last["error"].as_str().unwrap();
    assert_eq!(error.matches("the port is in use").count(), 2, "{error}");
    for (address, key) in [(endpoints, "server.listen"), (health, "health.listen")] {
        assert!(error.contains(&format!("cannot listen on {address} ({key}, ")), "{error}");
    }
}

#[tokio::test]
async fn a_port_in_use_ends_with_exit_code_2() {
    let fixture = Fixture::new().await;
    add_server(&fixture);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = std::fs::read_to_string(fixture.config()).unwrap();
    fixture.folder.write("c.yaml", config.replacen("127.0.0.1:0", &address.to_string(), 1));
    let output = countersign(&["serve", "--config", &fixture.config()]).await;
    check(&output, 2);
    let last: Value = serde_json::from_str(text(&output.stderr).lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["level"], &last["message"], &last["exit_code"]),
        (&json!("ERROR"), &json!("cannot start"), &json!(2))
    );
    let wanted = format!(
        "cannot listen on {address} (server.listen, for the endpoints): the port is in use; stop the process that uses \
         it, or configure another port"
    );
    assert_eq!(last["error"], wanted);
}

#[tokio::test]
async fn serve_reports_mistakes_in_certificates_and_trust_at_once() {
    let fixture = Fixture::new().await;
    add_server(&fixture);
    fixture.folder.write("tls.crt", "garbage");
    fixture.folder.write("trust/trustpolicy.json", "{");
    let output = countersign(&["serve", "--config", &fixture.config()]).await;
    check(&output, 3);
    let folder = format!("{}/", fixture.folder.path().display());
    let events: Vec<Value> =
        text(&output.stderr).lines().map(|line| serde_json::from_str(&line.replace(&folder, "")).unwrap()).collect();
    let mistakes = events.iter().filter(|event| event["message"] == "mistake");
    let mistakes: Vec<_> = mistakes.map(|event| [&event["file"], &event["field"], &event["found"]]).collect();
    assert_eq!(
        mistakes[0],
        [&json!("c.yaml"), &json!("server.tls.certificate"), &json!("tls.crt: has no -----BEGIN line")]
    );
    assert_eq!(mistakes[1][..2], [&json!("trust/trustpolicy.json"), &Value::Null]);
    assert_eq!(mistakes.len(), 2);
    let last = events.last().unwrap();
    assert_eq!(
        (&last["level"], &last["message"], &last["exit_code"]),
        (&json!("ERROR"), &json!("cannot start"), &json!(3))
    );
    let error = last["error"].as_str().unwrap();
    assert!(
        error.starts_with(
            "server.tls.certificate: tls.crt: server certificate cannot be read: has no -----BEGIN line, expected \
             CERTIFICATE blocks in PEM; the trust policy and trust stores have 1 mistake"
        ),
        "{error}"
    );
}

/// Whatever the file with the mistake, in one run.
#[tokio::test]
async fn serve_reports_mistakes_in_the_configuration_and_in_the_files_that_it_names_as_events() {
    let fixture = Fixture::new().await;
    add_server(&fixture);
    let config = std::fs::read_to_string(fixture.config()).unwrap();
    fixture.folder.write("c.yaml", format!("{config}log: {{level: loud}}\ncolour: red\n"));
    fixture.folder.write("tls.key", "garbage");
    fixture.folder.write("trust/trustpolicy.json", "{}");
    let output = countersign(&["serve", "--config", &fixture.config()]).await;
    check(&output, 3);
    let events: Vec<Value> = text(&output.stderr).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mistakes = events.iter().filter(|event| event["message"] == "mistake");
    let fields: Vec<_> = mistakes.map(|event| event["field"].clone()).collect();
    assert_eq!(fields, ["log.level", "colour", "server.tls.key", "version", "trustPolicies"]);
    let level = events.iter().find(|event| event["field"] == "log.level").unwrap();
    assert_eq!((&level["found"], &level["level"]), (&json!("\"loud\""), &json!("ERROR")));
    assert_eq!(level["expected"], "error, warn, info, debug or trace");
    assert!(level["line"].is_u64(), "{level}");
    assert_eq!(events.last().unwrap()["message"], "cannot start");
    assert_eq!(events.last().unwrap()["exit_code"], 3);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_an_event() {
    let output = countersign(&["serve", "--config", "/nowhere/c.yaml"]).await;
    check(&output, 3);
    let events: Vec<Value> = text(&output.stderr).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages: Vec<_> = events.iter().map(|event| event["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["start", "mistake", "cannot start"]);
    assert_eq!(
        events[2]["error"],
        "cannot read the configuration /nowhere/c.yaml: No such file or directory (os error 2)"
    );
}

#[tokio::test]
async fn the_log_is_text_if_configured_also_about_a_failed_start() {
    let fixture = Fixture::new().await;
    add_server(&fixture);
    let config = std::fs::read_to_string(fixture.config()).unwrap();
    fixture.folder.write("c.yaml", format!("{config}log: {{format: text}}\n"));
    fixture.folder.write("tls.key", "garbage");
    let output = countersign(&["serve", "--config", &fixture.config()]).await;
    check(&output, 3);
    let log = text(&output.stderr);
    assert!(log.lines().next().unwrap().contains(" INFO start version="), "{log}");
    assert!(log.contains(" ERROR mistake file="), "{log}");
    assert!(log.contains(" ERROR cannot start error=server.tls.key: "), "{log}");
}

#[tokio::test]
async fn serve_logs_the_warnings_that_check_prints_at_the_start_and_each_once() {
    let fixture = Fixture::new().await;
    add_server(&fixture);
    let config = std::fs::read_to_string(fixture.config()).unwrap();
    let aws = "aws: {region: eu-west-1, signer: {enabled: true}}\n";
    fixture.folder.write("c.yaml", format!("{config}{aws}"));
    let environment = [("AWS_PROFILE", "team"), ("AWS_ENDPOINT_URL_SIGNER", "https://signer.us-east-1.amazonaws.com")];
    let checked = countersign_in(&["check", "--config", &fixture.config(), "-o", "json"], &environment).await;
    check(&checked, 0);
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let of = |list: &[Value], detail: &str| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        list.iter().map(|warning| (text(&warning["warning"]), text(&warning[detail]))).collect()
    };
    let expected = of(checked["warnings"].as_array().unwrap(), "message");
    let kinds: Vec<&str> = expected.iter().map(|(kind, _)| kind.as_str()).collect();
    let of_aws = |kind: &&&str| kind.starts_with("aws-");
    assert_eq!(
        kinds.iter().filter(of_aws).collect::<Vec<_>>(),
        [&"aws-endpoint", &"aws-endpoint", &"aws-variable-not-read"]
    );
    let mut command = binary::command(env!("CARGO_BIN_EXE_countersign"), &environment);
    command.args(["serve", "--config", &fixture.config()]).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let logged: Vec<Value> = events.take_while(|event| event["message"] != "listening").collect();
    process.kill().unwrap();
    tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
    let logged: Vec<Value> = logged.into_iter().filter(|event| event["message"] == "warning").collect();
    assert_eq!(of(&logged, "detail"), expected);
}
