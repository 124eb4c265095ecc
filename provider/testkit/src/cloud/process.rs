//! All doubles of a cloud as one process, for clients that are processes of their own: end-to-end tests.
//!
//! Writes JSON lines: `{"ready": …}` once everything listens, `{"exchange": …}` for each request that has ended, `{"answer": …}` or
//! `{"error": …}` for each command. Reads commands as JSON lines, and stops at the end of its input.
//!
//! The commands of all clouds are JSON objects with a `do`:
//!
//! | `do` | members | effect |
//! | --- | --- | --- |
//! | `fail` | `service`, `status`, `times`, `retryAfter` | answers valid requests with an error of the service |
//! | `status` | `service`, `path`, `status`, `times`, `retryAfter` | answers any request whose path contains this with a bare status |
//! | `delay` | `service`, `milliseconds` | answers later |
//! | `never-answer`, `endless` | `service` | no answer; a body without end |
//! | `body` | `service`, `text` | other content |
//! | `restore` | `service` | removes errors and faults |
//! | `advance` | `seconds` | moves the clock of all services |
//! | `journal` | | writes `journal.json`: all requests so far, by service, also those that are not answered yet |
//! | `requests` | | writes `requests.jsonl`: all requests so far as they were received, with their secrets |
//! | `secrets` | | writes `secrets.json`: all secrets so far |

use std::io::BufRead;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::cloud::clock::Clock;
use crate::cloud::lines::answer_commands;
use crate::cloud::lines::printer;
use crate::cloud::server::CloudServer;
use crate::cloud::setup::Setup;
use crate::pki::Authority;
use crate::pki::CertSpec;
use crate::registry::Referrers;
use crate::registry::Reply;
use crate::registry::When;

/// The services of a cloud.
pub(crate) trait Services: Sized {
    /// Starts all services from a configuration.
    fn start(config: &Value) -> impl Future<Output = Result<Self, String>>;
    fn base(&self) -> &Base;
    /// The services, by name.
    fn servers(&self) -> Vec<(&'static str, &CloudServer)>;
    /// What clients need to know besides the addresses.
    fn describe(&self) -> Value;
    /// The error of a service with this status.
    fn failure(&self, service: &str, status: u16) -> Reply;
    /// Commands of this cloud only; `None`: there is no such command.
    fn command(&self, command: &Command<'_>) -> Option<Result<Value, String>>;
    /// All secrets so far, with their kinds.
    fn secrets(&self) -> Vec<(&'static str, String)>;
}

/// The directory of files, and the start of servers.
pub(crate) struct Base {
    directory: String,
    setup: Setup,
    listen: Value,
}

/// A command.
pub(crate) struct Command<'a>(pub(crate) &'a Value);

impl Base {
    /// Reads `directory`, `names` and `listen`, and writes `ca.pem`, the authority of the HTTPS certificate.
    pub(crate) fn new(config: &Value, authority: &str) -> Result<Self, String> {
        let directory = config["directory"].as_str().ok_or("directory: expected a path")?.to_owned();
        let names = config["names"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
        let names: Vec<&str> = names.unwrap_or_else(|| vec!["localhost", "127.0.0.1"]);
        let ca = Authority::root(CertSpec::root().common_name(authority));
        let setup = Setup::new(&Clock::system()).tls(&ca.issue(CertSpec::tls_server(&names)));
        let base = Self { directory, setup, listen: config["listen"].clone() };
        base.write("ca.pem", &ca.pem())?;
        Ok(base)
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.setup.clock()
    }

    /// The setup of the service of this name.
    pub(crate) fn on(&self, name: &str) -> Result<Setup, String> {
        let address = text(&self.listen, name, "127.0.0.1:0").map_err(|error| format!("listen.{error}"))?;
        let parsed: SocketAddr =
            address.parse().map_err(|_| format!("listen.{name}: found {address:?}, expected IP:PORT"))?;
        Ok(self.setup.clone().listen(parsed))
    }

    /// Writes a file in the directory.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<(), String> {
        let path = Path::new(&self.directory).join(name);
        // Renamed, as the kubelet replaces files: a reader never sees a part of one.
        let new = path.with_extension("new");
        std::fs::write(&new, content)
            .and_then(|()| std::fs::rename(&new, &path))
            .map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Command<'_> {
    pub(crate) fn name(&self) -> &str {
        self.0["do"].as_str().unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str, String> {
        self.0[name].as_str().ok_or_else(|| format!("{name}: expected a string"))
    }

    /// The text of a member, or `default` if there is none.
    pub(crate) fn text_or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0[name].as_str().unwrap_or(default)
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64, String> {
        self.0[name].as_u64().ok_or_else(|| format!("{name}: expected a number"))
    }

    pub(crate) fn seconds(&self) -> Result<Duration, String> {
        self.number("seconds").map(Duration::from_secs)
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, String> {
        self.0[name].as_bool().ok_or_else(|| format!("{name}: expected true or false"))
    }

    /// `mode` of the command `referrers`.
    pub(crate) fn referrers(&self) -> Result<Referrers, String> {
        let mode = self.text("mode")?;
        Referrers::NAMED.into_iter().find(|(name, _)| *name == mode).map(|(_, mode)| mode).ok_or_else(|| {
            let names: Vec<&str> = Referrers::NAMED.iter().map(|(name, _)| *name).collect();
            format!("mode: found {mode:?}, expected one of {}", names.join(", "))
        })
    }

    fn times(&self) -> Option<usize> {
        self.0["times"].as_u64().and_then(|times| usize::try_from(times).ok())
    }

    fn status(&self) -> Result<u16, String> {
        u16::try_from(self.number("status")?).map_err(|_| "status: expected a status".to_owned())
    }

    fn with_retry_after(&self, reply: Reply) -> Reply {
        self.0["retryAfter"].as_str().into_iter().fold(reply, |reply, value| reply.header("retry-after", value))
    }
}

/// The result of a command that cannot fail.
pub(crate) fn done(effect: impl FnOnce()) -> Result<(), String> {
    effect();
    Ok(())
}

/// The text of a key of a configuration.
pub(crate) fn text<'a>(config: &'a Value, key: &str, default: &'a str) -> Result<&'a str, String> {
    let value = &config[key];
    if value.is_null() {
        return Ok(default);
    }
    value.as_str().ok_or_else(|| format!("{key}: found {value}, expected a string"))
}

/// Runs all doubles until the end of `input`, on a runtime of its own.
pub(crate) fn run<S: Services>(
    config: &Value,
    input: impl BufRead,
    output: impl Write + Send + 'static,
) -> Result<(), String> {
    let print = printer(output);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    let services = runtime.block_on(S::start(config))?;
    for (_, server) in services.servers() {
        let journal = print.clone();
        server.observe_exchanges(move |exchange| journal(&json!({ "exchange": exchange.to_json() })));
    }
    let mut ready = services.describe();
    let addresses = services.servers().into_iter().map(|(name, server)| (name.to_owned(), json!(server.address())));
    ready["addresses"] = Value::Object(addresses.collect());
    print(&json!({ "ready": ready }));
    answer_commands(input, &print, |command| execute(&services, &Command(command)))
}

fn execute<S: Services>(services: &S, command: &Command<'_>) -> Result<Value, String> {
    let server = || {
        let name = command.text("service")?;
        let known = services.servers().into_iter().find(|(known, _)| *known == name);
        known.map(|(_, server)| server).ok_or_else(|| format!("service: found {name:?}, which is none"))
    };
    match command.text("do")? {
        "fail" => {
            let reply = services.failure(command.text("service")?, command.status()?);
            let reply = command.with_retry_after(reply);
            match command.times() {
                Some(times) => server()?.fail_times(times, reply),
                None => server()?.fail(reply),
            }
        }
        "status" => {
            let faults = server()?.when_any().path_contains(command.text_or("path", ""));
            let faults = command.times().into_iter().fold(faults, When::times);
            faults.reply(command.with_retry_after(Reply::status(command.status()?)));
        }
        "delay" => {
            server()?.when_any().delay(Duration::from_millis(command.number("milliseconds")?));
        }
        "never-answer" => drop(server()?.when_any().never_answer()),
        "endless" => drop(server()?.when_any().endless_body()),
        "body" => drop(server()?.when_any().body(command.text("text")?.to_owned())),
        "restore" => {
            server()?.succeed();
            server()?.clear_faults();
        }
        "advance" => services.base().clock().advance(command.seconds()?),
        "journal" => write_journal(services)?,
        "requests" => return write_requests(services),
        "secrets" => return write_secrets(services),
        other => {
            let unknown = || Err(format!("do: found {other:?}, which is no command"));
            return services.command(command).unwrap_or_else(unknown);
        }
    }
    Ok(json!("done"))
}

/// Writes `journal.json`: `{"entra": [EXCHANGE, …], …}`.
fn write_journal(services: &impl Services) -> Result<(), String> {
    let journals = services.servers().into_iter().map(|(name, server)| {
        let exchanges: Vec<Value> = server.journal().iter().map(crate::cloud::Exchange::to_json).collect();
        (name.to_owned(), Value::from(exchanges))
    });
    services.base().write("journal.json", &Value::Object(journals.collect()).to_string())
}

/// Writes `requests.jsonl`: one object for each request, with all headers and the body. Returns their number.
fn write_requests(services: &impl Services) -> Result<Value, String> {
    let mut lines = String::new();
    let mut count = 0_usize;
    for (service, server) in services.servers() {
        for request in server.requests() {
            lines += &format!("{}\n", request.to_json(service));
            count += 1;
        }
    }
    services.base().write("requests.jsonl", &lines)?;
    Ok(json!(count))
}

/// Writes `secrets.json`: a list of all secrets so far, with their kinds. Returns their number.
fn write_secrets(services: &impl Services) -> Result<Value, String> {
    let secrets = services.secrets().into_iter().map(|(kind, value)| json!({ "kind": kind, "value": value }));
    let secrets: Vec<Value> = secrets.collect();
    services.base().write("secrets.json", &Value::from(secrets.as_slice()).to_string())?;
    Ok(json!(secrets.len()))
}
