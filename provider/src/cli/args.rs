//! The command line as typed.

use std::path::PathBuf;

use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use countersign_core::name::ImageRef;

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
\"claimed\" where its integrity is not certain. Signatures of repositories that a statement skips are shown too.

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Blocks of lines, for people
    Text,
    /// One document, for programs
    Json,
}
