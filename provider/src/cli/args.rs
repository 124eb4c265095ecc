//! The command line as typed.

use std::path::PathBuf;

use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use clap::value_parser;
use countersign_core::name::ImageRef;

use super::certificate_name::dns_name;
use super::certificate_name::name;

/// Answers Gatekeeper's question "who signed this image, and do we trust them?"
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, after_help = AFTER, max_term_width = 120)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

const AFTER: &str = "\
Examples:
  countersign serve --config /etc/countersign/countersign.yaml
  countersign verify --config countersign.yaml registry.example.com/app:v1
  countersign verify --config countersign.yaml -o json registry.example.com/app@sha256:4e1f…
  countersign inspect --config countersign.yaml registry.example.com/app:v1
  countersign check --config countersign.yaml
  countersign certs --out certs

Every key of the configuration stands with its meaning and default in samples/countersign.yaml of the sources.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer Gatekeeper, until SIGTERM or SIGINT
    #[command(after_help = SERVE_AFTER)]
    Serve(ServeArgs),
    /// Verify images with the engine and the configuration of the server
    #[command(after_help = VERIFY_AFTER)]
    Verify(VerifyArgs),
    /// Show every signature of an image, and what each check says of it
    #[command(after_help = INSPECT_AFTER)]
    Inspect(InspectArgs),
    /// Look for mistakes in the configuration and in every file that it names, without a network
    #[command(after_help = CHECK_AFTER)]
    Check(CheckArgs),
    /// Make an authority and a serving certificate, for clusters without a certificate manager
    #[command(after_help = CERTS_AFTER)]
    Certs(CertsArgs),
    /// Print what a shell needs to complete the command line
    #[command(after_help = COMPLETIONS_AFTER)]
    Completions(CompletionsArgs),
}

const SERVE_AFTER: &str = "\
Examples:
  countersign serve --config /etc/countersign/countersign.yaml
  COUNTERSIGN_CONFIG=/etc/countersign/countersign.yaml countersign serve

Exit codes:
  0  stopped by a signal
  2  a listener or another part ended that must not
  3  a mistake on the command line, in the configuration, the certificates, the trust policy or the trust stores";

const VERIFY_AFTER: &str = "\
Examples:
  countersign verify --config countersign.yaml registry.example.com/app:v1
  countersign verify --config countersign.yaml nginx ghcr.io/example/tool@sha256:4e1f…
  countersign verify --config countersign.yaml -o json registry.example.com/app:v1 | jq -r '.images[].verdict'

Exit codes:
  0  every image is verified, or skipped by a statement of the trust policy
  1  an image was looked at and rejected, whatever became of the others
  2  none was rejected, but for an image it could not be decided
  3  a mistake on the command line, in the configuration, the trust policy or the trust stores";

const INSPECT_AFTER: &str = "\
The verdict is the one that `countersign verify` and the server give. What an envelope says of itself is marked
\"claimed\" unless the statement's check of authenticity passed. Signatures of repositories that a statement skips are shown too.

Examples:
  countersign inspect --config countersign.yaml registry.example.com/app:v1
  countersign inspect --config countersign.yaml -o json nginx | jq '.signatures[].checks[] | select(.code != null)'
  countersign inspect --config countersign.yaml -o json nginx | jq -r '.signatures[].envelope.certificates[0].subject'

Exit codes:
  0  the image is verified, or skipped by a statement of the trust policy
  1  the image was looked at and rejected
  2  it could not be decided, or the list of its signatures could not be fetched
  3  a mistake on the command line, in the configuration, the trust policy or the trust stores";

const CHECK_AFTER: &str = "\
Mistakes are told all at once, each with its file, what was found and what was wanted. Warnings are for what is in order
by the letter and will hardly be meant, such as a certificate that ends within 30 days.

Examples:
  countersign check --config /etc/countersign/countersign.yaml
  countersign check --config laptop.yaml --for verify
  countersign check --config countersign.yaml -o json | jq -r '.warnings[].message'

Exit codes:
  0  no mistakes, whatever the warnings
  3  a mistake on the command line, in the configuration or in a file that it names";

const CERTS_AFTER: &str = "\
Writes ca.crt, ca.key, tls.crt, tls.key and provider-patch.yaml, readable by their owner alone, and prints the caBundle
for Gatekeeper's Provider. An authority that is there is kept; nothing is overwritten unless --renew or --force says so.

Examples:
  countersign certs --out certs
  countersign certs --out certs --renew --secret countersign-tls
  countersign certs --out certs --namespace gatekeeper-system
  countersign certs --out certs --name countersign.example.com --name 192.0.2.7 --days 90
  countersign certs --out laptop --name localhost --client-name gatekeeper-webhook-service.gatekeeper-system.svc

Exit codes:
  0  made
  2  a file could not be read or written
  3  a mistake on the command line, or files that are in the way or do not fit";

const COMPLETIONS_AFTER: &str = "\
Examples:
  countersign completions bash > /etc/bash_completion.d/countersign
  countersign completions zsh > \"${fpath[1]}/_countersign\"
  countersign completions fish > ~/.config/fish/completions/countersign.fish";

#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// The configuration, a YAML file; paths in it start at its directory
    #[arg(short, long, value_name = "FILE", env = "COUNTERSIGN_CONFIG")]
    pub config: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
}

#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// How to print the verdicts
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,

    /// Images, as they stand in a pod: nginx, registry.example.com/app:v1, …@sha256:…
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<ImageRef>,
}

#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// How to print what is found
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,

    /// An image, as it stands in a pod
    #[arg(value_name = "IMAGE")]
    pub image: ImageRef,
}

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// What the configuration is for: `verify` needs no certificates of a server
    #[arg(long = "for", value_enum, default_value_t = Use::Serve, value_name = "COMMAND")]
    pub purpose: Use,

    /// How to print what is found
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Use {
    /// The server
    Serve,
    /// The command line
    Verify,
}

#[derive(Debug, clap::Args)]
pub struct CertsArgs {
    /// Where the files go; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// A DNS name or IP address of the serving certificate; may be repeated
    ///
    /// Gatekeeper compares them with the host of the Provider's url. With --renew the default is the names of the
    /// certificate that is there; else countersign.NAMESPACE.svc and countersign.NAMESPACE.svc.cluster.local.
    #[arg(long = "name", value_name = "NAME", value_parser = name)]
    pub names: Vec<String>,

    /// The namespace of Countersign, for the default names and the Secret [default: countersign]
    #[arg(long, value_name = "NAMESPACE", value_parser = dns_name)]
    pub namespace: Option<String>,

    /// How long the certificates are valid; never longer than their authority (ten years)
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = value_parser!(u16).range(1..=3650))]
    pub days: u16,

    /// Make a client certificate with this DNS name too, client.crt and client.key
    ///
    /// To ask by hand, or in place of Gatekeeper's own; then ca.crt is for server.tls.clientCa as well.
    #[arg(long, value_name = "DNS", value_parser = dns_name)]
    pub client_name: Option<String>,

    /// Write secret.yaml too: a Secret of this name with certificate and key
    #[arg(long, value_name = "SECRET", value_parser = dns_name)]
    pub secret: Option<String>,

    /// Replace the certificates that are there, and keep the authority
    #[arg(long)]
    pub renew: bool,

    /// Replace everything that is there, the authority too
    ///
    /// Gatekeeper then needs the new caBundle.
    #[arg(long, conflicts_with = "renew")]
    pub force: bool,
}

#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: ShellName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShellName {
    Bash,
    Zsh,
    Fish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Blocks of lines, for people
    Text,
    /// One document, for programs
    Json,
}
