//! The list of differences between the parsers.

use countersign_core::name::HostError;
use countersign_core::name::ReferenceError;

use super::Kind;
use super::Reader;

/// A kind of difference.
pub(super) struct Row {
    /// What is different.
    pub(super) name: &'static str,
    pub(super) reader: Reader,
    pub(super) kind: Kind,
    /// Whether a text, and why Countersign refuses it, is of this kind.
    pub(super) applies: Applies,
    /// Where it is decided: a section of `provider/DIVERGENCES.md`, and the beginning of a row of it.
    pub(super) section: &'static str,
    pub(super) clause: &'static str,
    pub(super) reason: &'static str,
}

type Applies = fn(&str, Option<&ReferenceError>) -> bool;

const IMAGES: &str = "Image references";
const POLICY: &str = "Trust policy and trust stores";

/// A row for texts that Countersign refuses, for each reader.
const fn refused(
    name: &'static str,
    reader: Reader,
    applies: Applies,
    clause: &'static str,
    reason: &'static str,
) -> Row {
    Row { name, reader, kind: Kind::Stricter, applies, section: IMAGES, clause, reason }
}

const PORT: (&str, &str) = ("port 0, or above 65535", "nothing can be dialled there");
const NUMBER: (&str, &str) = ("a name whose last part is a number", "others read it as an address");
const PUNYCODE: (&str, &str) = ("a label that begins with `xn--`", "no URL can contain it");
const HUB: (&str, &str) = ("other spellings of Docker Hub's name", "runtimes use another server for it");
const HUB_PATH: (&str, &str) = ("`registry-1.docker.io`, `registry.docker.io`", "Docker Hub has no such repository");
const LONG_HOST: (&str, &str) = ("labels above 63 or names above 253", "no name is this long");
const LONG_NAME: (&str, &str) =
    ("repository names above 255 characters", "the limit of the distribution specification");

pub(super) const ROWS: &[Row] = &[
    refused("image: port", Reader::Image, is_port, PORT.0, PORT.1),
    refused("image: number", Reader::Image, is_number, NUMBER.0, NUMBER.1),
    refused("image: punycode", Reader::Image, is_punycode, PUNYCODE.0, PUNYCODE.1),
    refused("image: Docker Hub in another spelling", Reader::Image, is_docker_hub, HUB.0, HUB.1),
    refused("image: repository of one part at Docker Hub", Reader::Image, is_docker_hub_path, HUB_PATH.0, HUB_PATH.1),
    refused("image: long host", Reader::Image, is_long_host, LONG_HOST.0, LONG_HOST.1),
    refused("image: long name", Reader::Image, is_long_name, LONG_NAME.0, LONG_NAME.1),
    refused(
        "image: image ID",
        Reader::Image,
        is_image_id,
        "only an image id",
        "containerd looks it up on the node first",
    ),
    refused("image: underscore in a host", Reader::Image, has_underscore, "underscores in a host", "readers differ"),
    refused(
        "image: brackets without an address",
        Reader::Image,
        is_no_address,
        "brackets without an IPv6 address",
        "nothing can be dialled there",
    ),
    refused("scope: port", Reader::Scope, is_port, PORT.0, PORT.1),
    refused("scope: number", Reader::Scope, is_number, NUMBER.0, NUMBER.1),
    refused("scope: punycode", Reader::Scope, is_punycode, PUNYCODE.0, PUNYCODE.1),
    refused("scope: Docker Hub in another spelling", Reader::Scope, is_docker_hub, HUB.0, HUB.1),
    refused("scope: repository of one part at Docker Hub", Reader::Scope, is_docker_hub_path, HUB_PATH.0, HUB_PATH.1),
    refused("scope: long host", Reader::Scope, is_long_host, LONG_HOST.0, LONG_HOST.1),
    refused("scope: long name", Reader::Scope, is_long_name, LONG_NAME.0, LONG_NAME.1),
    Row {
        name: "scope: no host",
        reader: Reader::Scope,
        kind: Kind::Stricter,
        applies: |_, error| matches!(error, Some(ReferenceError::NoHost { .. })),
        section: POLICY,
        clause: "a scope without a host in an image reference",
        reason: "the scope would match nothing",
    },
    Row {
        name: "scope: IPv6 host",
        reader: Reader::Scope,
        kind: Kind::Wider,
        applies: |text, _| text.starts_with('['),
        section: POLICY,
        clause: "IPv6 hosts in scopes",
        reason: "such registries exist",
    },
];

fn host_error(error: Option<&ReferenceError>) -> Option<&HostError> {
    if let Some(ReferenceError::Host { found: _, reason }) = error { Some(reason) } else { None }
}

/// The text in the position of a host, without a port.
fn host(text: &str) -> &str {
    let host = text.split('/').next().unwrap_or_default();
    host.split_once(':').map_or(host, |(name, _)| name)
}

fn is_port(_: &str, error: Option<&ReferenceError>) -> bool {
    host_error(error) == Some(&HostError::Port)
}

fn is_number(_: &str, error: Option<&ReferenceError>) -> bool {
    host_error(error) == Some(&HostError::Number)
}

fn is_punycode(_: &str, error: Option<&ReferenceError>) -> bool {
    host_error(error) == Some(&HostError::Punycode)
}

fn is_docker_hub(_: &str, error: Option<&ReferenceError>) -> bool {
    host_error(error) == Some(&HostError::DockerHub)
}

fn is_docker_hub_path(_: &str, error: Option<&ReferenceError>) -> bool {
    matches!(error, Some(ReferenceError::DockerHubPath { .. }))
}

fn is_image_id(_: &str, error: Option<&ReferenceError>) -> bool {
    matches!(error, Some(ReferenceError::ImageId { .. }))
}

fn is_long_name(_: &str, error: Option<&ReferenceError>) -> bool {
    matches!(error, Some(ReferenceError::RepositoryTooLong { .. }))
}

fn has_underscore(text: &str, error: Option<&ReferenceError>) -> bool {
    host_error(error) == Some(&HostError::Syntax) && host(text).contains('_')
}

fn is_no_address(text: &str, error: Option<&ReferenceError>) -> bool {
    host_error(error) == Some(&HostError::Syntax) && text.starts_with('[')
}

fn is_long_host(text: &str, error: Option<&ReferenceError>) -> bool {
    let host = host(text);
    let is_long = host.len() > 253 || host.split('.').any(|label| label.len() > 63);
    host_error(error) == Some(&HostError::Syntax) && is_long
}
