//! Image references and scopes: printing and parsing, and which of them are the same repository.

use std::cell::Cell;
use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use countersign_core::name::ImageRef;
use countersign_core::name::Repository;
use countersign_core_test_support::property;
use countersign_core_test_support::property::Cases;
use countersign_core_test_support::property::same;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const CASES: Cases = Cases { usual: 2000, full: 50_000 };

/// The server that a host names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Server {
    DockerHub,
    Name(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

/// A repository, without a spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    server: Server,
    /// Of Docker Hub always 443.
    port: u16,
    path: String,
}

/// How a repository is written: the choices that change nothing.
#[derive(Clone, Debug)]
struct Spelling {
    upper_case: Vec<bool>,
    writes_https: bool,
    zeros: usize,
    long_address: bool,
    alias: usize,
}

fn place() -> impl Strategy<Value = Place> {
    // Few of each, so that many places are the same.
    let server = select(vec![
        Server::DockerHub,
        Server::Name("registry.example".to_owned()),
        Server::Name("registry.example.com".to_owned()),
        Server::Name("localhost".to_owned()),
        Server::V4(Ipv4Addr::new(10, 0, 0, 5)),
        Server::V6(Ipv6Addr::LOCALHOST),
        Server::V6("fd00::5".parse().unwrap()),
    ]);
    let (port, path) = (select(vec![443, 80, 5000]), select(vec!["a", "a/b", "library/a", "team-x/a.b_c"]));
    (server, port, path).prop_map(|(server, port, path)| {
        let port = if server == Server::DockerHub { 443 } else { port };
        Place { server, port, path: path.to_owned() }
    })
}

fn spelling() -> impl Strategy<Value = Spelling> {
    let choices = (vec(any::<bool>(), 1..5), any::<bool>(), 0_usize..3, any::<bool>(), 0_usize..6);
    choices.prop_map(|(upper_case, writes_https, zeros, long_address, alias)| Spelling {
        upper_case,
        writes_https,
        zeros,
        long_address,
        alias,
    })
}

/// Every name of Docker Hub that needs no `library/`, and the two for which it may be left out.
const HUB: [&str; 6] = [
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.docker.io",
    "registry.hub.docker.com",
    "registry-1.docker.io:443",
];

impl Place {
    /// A scope that names this repository.
    fn spelled(&self, how: &Spelling) -> String {
        let cased = |name: &str| -> String {
            let choices = how.upper_case.iter().cycle();
            name.chars().zip(choices).map(|(one, upper)| if *upper { one.to_ascii_uppercase() } else { one }).collect()
        };
        let name = match &self.server {
            Server::DockerHub => return self.spelled_on_docker_hub(how),
            Server::Name(name) => cased(name),
            Server::V4(address) if how.long_address => {
                format!("[::ffff:{:x}:{:x}]", halves(*address)[0], halves(*address)[1])
            }
            Server::V4(address) => address.to_string(),
            Server::V6(address) if how.long_address => {
                let parts: Vec<String> = address.segments().iter().map(|part| format!("{part:04x}")).collect();
                format!("[{}]", cased(&parts.join(":")))
            }
            Server::V6(address) => format!("[{}]", cased(&address.to_string())),
        };
        let port = match self.port {
            443 if !how.writes_https => String::new(),
            port => format!(":{}{port}", "0".repeat(how.zeros)),
        };
        format!("{name}{port}/{}", self.path)
    }

    /// Runtimes add `library/` for two of the names, and send a path of one part as it is to the others, which is refused here.
    fn spelled_on_docker_hub(&self, how: &Spelling) -> String {
        let host = HUB[how.alias % HUB.len()];
        match self.path.strip_prefix("library/") {
            Some(short) if how.long_address && how.alias < 2 => format!("{host}/{short}"),
            _ => format!("{host}/{}", self.path),
        }
    }

    /// The repository on Docker Hub that a path of one part is.
    fn expanded(mut self) -> Self {
        if self.server == Server::DockerHub && !self.path.contains('/') {
            self.path = format!("library/{}", self.path);
        }
        self
    }
}

fn halves(address: Ipv4Addr) -> [u16; 2] {
    let [a, b, c, d] = address.octets();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

#[test]
fn two_scopes_are_the_same_repository_exactly_if_their_server_port_and_path_are() {
    let place = || place().prop_map(Place::expanded);
    property::holds(CASES, (place(), place(), spelling(), spelling()), |(one, other, how, another)| {
        let parse = |place: &Place, how: &Spelling| {
            let text = place.spelled(how);
            text.parse::<Repository>().map_err(|error| format!("{text:?}: {error}"))
        };
        let (left, right) = (parse(one, how)?, parse(other, another)?);
        let what = format!("{left} and {right}");
        same(&what, &(one == other), &(left == right))?;
        same(&format!("{what}, backwards"), &(left == right), &(right == left))?;
        let found = HashSet::from([left.clone()]).contains(&right);
        same(&format!("{what}, as keys"), &(left == right), &found)?;
        same(&format!("{what}, in order"), &(left == right), &left.cmp(&right).is_eq())
    });
}

#[test]
fn of_three_scopes_two_that_are_the_same_as_the_third_are_the_same() {
    let scope = || (place(), spelling()).prop_map(|(place, how)| place.expanded().spelled(&how));
    property::holds(CASES, (scope(), scope(), scope()), |(a, b, c)| {
        let parse = |text: &str| text.parse::<Repository>().map_err(|error| format!("{text:?}: {error}"));
        let (a, b, c) = (parse(a)?, parse(b)?, parse(c)?);
        if a == b && b == c && a != c {
            return Err(format!("{a} is {b}, which is {c}, which is not {a}"));
        }
        Ok(())
    });
}

/// A reference as people write it: mostly valid.
fn reference() -> impl Strategy<Value = String> {
    let hosts = [
        "",
        "registry.example/",
        "Registry.Example:05000/",
        "localhost/",
        "[fd00::5]:443/",
        "docker.io/",
        "index.docker.io/",
    ];
    let part = "[a-z0-9]{1,4}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}";
    let digest = prop_oneof!["@sha256:[0-9a-f]{64}", "@sha384:[0-9a-f]{96}", "@sha512:[0-9a-f]{128}"];
    let path = vec(part, 1..4).prop_map(|parts| parts.join("/"));
    let tag = option::of(":[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}").prop_map(Option::unwrap_or_default);
    let digest = option::of(digest).prop_map(Option::unwrap_or_default);
    (select(hosts.to_vec()), path, tag, digest)
        .prop_map(|(host, path, tag, digest)| format!("{host}{path}{tag}{digest}"))
}

#[test]
fn a_reference_that_is_printed_and_parsed_is_the_same_image() {
    let parsed = Cell::new(0);
    property::holds(CASES, reference(), |text| {
        // Some are refused: a first part with an underscore and a dot is no host.
        let Ok(image) = text.parse::<ImageRef>() else { return Ok(()) };
        parsed.set(parsed.get() + 1);
        same("written", &image.written(), &text.as_str())?;
        if !text.starts_with(image.written_name()) {
            return Err(format!("the name is {:?}, expected the beginning", image.written_name()));
        }
        let printed = image.to_string();
        let again: ImageRef = printed.parse().map_err(|error| format!("{printed:?}: {error}"))?;
        same("repository", image.repository(), again.repository())?;
        same("tag or digest", image.selector(), again.selector())?;
        same("printed again", &printed, &again.to_string())?;
        // As a scope of a trust policy, which needs a host.
        let scope: Repository = again.repository().to_string().parse().map_err(|error| format!("scope: {error}"))?;
        same("scope", image.repository(), &scope)
    });
    assert!(parsed.get() > 1500, "only {} references were parsed", parsed.get());
}
