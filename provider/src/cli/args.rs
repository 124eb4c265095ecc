//! The command line as typed.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use clap::value_parser;

use countersign_core::name::ImageRef;

use super::certificate_name::dns_name;
use super::certificate_name::name;
use super::certificate_name::namespace;
use crate::telemetry::metrics::REVISION;

/// Answers Gatekeeper's question "who signed this image, and do we trust them?"
#[derive(Debug, Parser)]
#[command(name = "countersign", version = VERSION.as_str(), about, after_help = AFTER, max_term_width = 120)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// The version and the revision, as the metric `countersign_build_info` has them.
static VERSION: LazyLock<String> = LazyLock::new(|| format!("{} (revision {REVISION})", env!("CARGO_PKG_VERSION")));

const AFTER: &str = "\
Examples:
  countersign serve --config /etc/countersign/countersign.yaml
  countersign verify --config countersign.yaml registry.example.com/app:v1
  countersign verify --config countersign.yaml -o json registry.example.com/app@sha256:4e1f…
  countersign verify --config countersign.yaml -f deployment.yaml
  countersign inspect --config countersign.yaml registry.example.com/app:v1
  countersign check --config countersign.yaml
  countersign certs --out certs

COUNTERSIGN_CONFIG in the environment is the default of --config. provider/samples/countersign.yaml in
the sources has every key of the configuration with its meaning and default.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve Gatekeeper until SIGTERM or SIGINT
    #[command(after_help = SERVE_AFTER)]
    Serve(ServeArgs),
    /// Verify images with the engine and the configuration of the server
    #[command(after_help = VERIFY_AFTER)]
    Verify(VerifyArgs),
    /// Show every signature of images with the result of each check
    #[command(after_help = INSPECT_AFTER)]
    Inspect(InspectArgs),
    /// Report mistakes in the configuration and in every file that it names; without network access, except with --online
    #[command(after_help = CHECK_AFTER)]
    Check(CheckArgs),
    /// Create a certificate authority and a server certificate, for clusters without a certificate manager
    #[command(after_help = CERTS_AFTER)]
    Certs(CertsArgs),
    /// Print the completion script of a shell
    #[command(after_help = COMPLETIONS_AFTER)]
    Completions(CompletionsArgs),
}

const SERVE_AFTER: &str = "\
Examples:
  countersign serve --config /etc/countersign/countersign.yaml
  COUNTERSIGN_CONFIG=/etc/countersign/countersign.yaml countersign serve

Exit codes:
  0  stopped by a signal
  2  a listener or another part of the service failed
  3  a mistake on the command line, in the configuration or in the certificates of the server; with a mistake in the
     trust policy or the trust stores it serves, and their images are inconclusive";

const VERIFY_AFTER: &str = "\
One verdict for each image. A text that is not an image reference is rejected (invalid-reference); the other images
are verified all the same. Each image of the manifests is verified once, however many containers use it.

Manifests: YAML or JSON with any number of documents and lists. Images are read from containers, initContainers,
ephemeralContainers and image volumes of Pod, ReplicationController, Deployment, ReplicaSet, StatefulSet, DaemonSet,
Job and CronJob, as by the constraint template. Other kinds are ignored, with a warning if they have containers.

Examples:
  countersign verify --config countersign.yaml registry.example.com/app:v1
  countersign verify --config countersign.yaml nginx ghcr.io/example/tool@sha256:4e1f…
  countersign verify --config countersign.yaml -o json registry.example.com/app:v1 | jq -r '.images[].verdict'
  countersign verify --config countersign.yaml -f deployment.yaml -f cronjob.yaml
  kubectl get pods --all-namespaces -o yaml | countersign verify --config countersign.yaml -f -

Exit codes:
  0  every image is verified, or skipped by a statement of the trust policy
  1  at least one image is rejected, or is not an image reference
  2  no image is rejected, and at least one is inconclusive
  3  a mistake on the command line, in the configuration or in a manifest, a trust policy document that cannot be used,
     or no image in the manifests";

const INSPECT_AFTER: &str = "\
The verdict is the one that `countersign verify` and the server give. The content of an envelope is marked
\"claimed\" unless the statement's check of authenticity passed. Signatures of skipped repositories are shown too.
Of several images, the text has one part after the other, separated by two empty lines; -o json has one document for
each image, one after the other. Manifests are read as by `countersign verify`.

--trace adds the requests to registries, mirrors, token services and services of AWS, Azure and Google Cloud in the order in which
they ended, one image after the other; those for trust stores in a vault are with the first image. Tokens, passwords, headers,
queries and bodies are never shown, and of services of clouds no paths.

Examples:
  countersign inspect --config countersign.yaml registry.example.com/app:v1
  countersign inspect --config countersign.yaml --trace registry.example.com/app:v1
  countersign inspect --config countersign.yaml -f deployment.yaml
  countersign inspect --config countersign.yaml -o json nginx | jq '.signatures[].checks[] | select(.code != null)'
  countersign inspect --config countersign.yaml -o json nginx | jq -r '.signatures[].envelope.certificates[0].subject'

Exit codes:
  0  every image is verified, or skipped by a statement of the trust policy
  1  at least one image is rejected, or is not an image reference
  2  no image is rejected, and at least one is inconclusive, or the list of its signatures could not be fetched
  3  a mistake on the command line, in the configuration or in a manifest, a trust policy document that cannot be used,
     or no image in the manifests";

const CHECK_AFTER: &str = "\
All mistakes are reported at once, each with its file, what was found and what was expected. Warnings concern valid
settings that are probably not intended, and certificates that expire within 30 days.

With images, each is shown with the entry of `registries` that applies to it: credentials, certificate authorities, proxy and
plain HTTP, and what differs in each earlier entry: its host, or the path on it; and with the repository that it stands for.

--online tries, and warns about what fails:
  - the trust stores of trust.stores: files at URLs, certificates of Azure Key Vault
  - the addresses of OCSP responders and CRLs that certificates of the trust stores name
  - a token for each entry of registries with credentials.ecr, credentials.acr or credentials.google
  - AWS Signer in each region that is asked, about a signature that does not exist, if aws.signer.enabled is true
  - with --image, the manifest of the image and one of its blobs, the list of its signatures and the signatures, and the
    addresses that these need; passwords of usernameFile, passwordFile and dockerConfig are tried by this alone
For a refusal of AWS, the warning names the host, the role and the IAM action that is missing. Nothing is tried if the
configuration has mistakes that prevent it; that is a warning too.

--manifests and --root are for the configuration of a cluster before it is applied. With --manifests, the configuration and
its files are those that the manifests mount into the container; --config is the path there. Files of Secrets and
ConfigMaps that are not among the manifests are not checked, with a warning. The labels, annotations and token volumes by which
the pod gets its identity at a cloud are compared with what the configuration needs. With --root, the configuration is the file of
--config, and its path /etc/countersign/tls/tls.crt is DIR/etc/countersign/tls/tls.crt.

--provider compares objects of the cluster with the configuration: of each Provider of Gatekeeper the url (scheme,
host, port and path), the timeout and the caBundle; timeoutSeconds and failurePolicy of Gatekeeper's webhooks, if the
files have a ValidatingWebhookConfiguration or MutatingWebhookConfiguration.

Examples:
  countersign check --config /etc/countersign/countersign.yaml
  countersign check --config laptop.yaml --for verify
  countersign check --config countersign.yaml registry.example.com/team/app:v1
  countersign check --config countersign.yaml --provider providers.yaml
  kubectl kustomize my-cluster | countersign check --config countersign.yaml --provider -
  countersign check --config countersign.yaml --for verify --online --image registry.example.com/app:v1
  kubectl kustomize my-cluster | countersign check --config /etc/countersign/config/countersign.yaml --manifests -
  countersign check --config my-cluster/countersign.yaml --root my-cluster/root
  countersign check --config countersign.yaml -o json | jq -r '.warnings[].message'

Exit codes:
  0  no mistakes, whatever the warnings; a trust store, token or address that --online cannot use is a warning
  2  no mistakes, and of an image of --image the manifest, a blob, the list of its signatures or a signature could not be read
  3  a mistake on the command line, in the configuration or in a file that it names";

const CERTS_AFTER: &str = "\
Writes ca.crt, ca.key, tls.crt, tls.key and provider-patch.yaml, readable by their owner alone, and prints the caBundle
for Gatekeeper's Provider, and the commands that are possible next. An existing authority is kept; existing files are only overwritten with --renew or --force.

Examples:
  countersign certs --out certs
  countersign certs --out certs --renew --secret countersign-tls
  countersign certs --out certs --namespace gatekeeper-system
  countersign certs --out certs --name countersign.example.com --name 192.0.2.7 --days 90
  countersign certs --out laptop --name localhost --client-name gatekeeper-webhook-service.gatekeeper-system.svc

Exit codes:
  0  the files were written
  2  a file could not be read or written
  3  a mistake on the command line, or files that exist already or do not match";

const COMPLETIONS_AFTER: &str = "\
Examples:
  countersign completions bash > /etc/bash_completion.d/countersign
  countersign completions zsh > \"${fpath[1]}/_countersign\"
  countersign completions fish > ~/.config/fish/completions/countersign.fish";

#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// The configuration, a YAML file; paths in it are relative to its directory
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

    /// Manifests with images, `-` for standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub manifests: Vec<PathBuf>,

    /// Output format [default: table on a terminal, otherwise text]
    #[arg(short, long, value_enum)]
    pub output: Option<VerifyOutput>,

    /// When the table has colours; `auto` is on a terminal, unless NO_COLOR is set or TERM is dumb
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,

    /// Images, as written in a pod: nginx, registry.example.com/app:v1, …@sha256:…
    #[arg(required_unless_present = "manifests", value_name = "IMAGE")]
    pub images: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerifyOutput {
    /// One line for each image, the reasons, and a summary
    Table,
    /// Blocks of lines
    Text,
    /// One document, for programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Manifests with images, `-` for standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub manifests: Vec<PathBuf>,

    /// Output format
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,

    /// Show each request to registries, token services and clouds: host, status, size, time, redirect, entry; without secrets
    #[arg(long)]
    pub trace: bool,

    /// Images, as written in a pod: nginx, registry.example.com/app:v1, …@sha256:…
    #[arg(required_unless_present = "manifests", value_name = "IMAGE")]
    pub images: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Manifests with Gatekeeper's Providers and webhooks, to compare with the configuration, `-` for standard input;
    /// may be repeated
    #[arg(long = "provider", value_name = "FILE")]
    pub providers: Vec<PathBuf>,

    /// What the configuration is for: `verify` needs no certificates of a server
    #[arg(long = "for", value_enum, default_value_t = Use::Serve, value_name = "COMMAND")]
    pub purpose: Use,

    /// Manifests with the Deployment, ConfigMaps and Secrets: check the files that the container mounts which has the
    /// configuration at the path of --config; `-` for standard input; may be repeated
    #[arg(long = "manifests", value_name = "FILE", conflicts_with = "root")]
    pub manifests: Vec<PathBuf>,

    /// Look up absolute paths of the configuration below DIR, for a configuration whose paths exist only in a container
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,

    /// Try what the configuration needs of the network: trust stores, OCSP responders, CRLs, tokens of Amazon ECR, Azure and
    /// Google Cloud, AWS Signer
    ///
    /// Each store of trust.stores; each address of an OCSP responder and a CRL that certificates of the trust stores name; one
    /// token for each entry of registries with credentials.ecr, credentials.acr or credentials.google; AWS Signer in each region
    /// that is asked, if aws.signer.enabled is true; the clock, by the responses of AWS. Images are read with --image only.
    /// Without --online, nothing is requested from the network.
    #[arg(long)]
    pub online: bool,

    /// With --online: read the manifest, a blob and the signatures of this image, and try each address that they need; may be
    /// repeated
    ///
    /// At Amazon ECR this needs ecr:BatchGetImage and ecr:GetDownloadUrlForLayer for the repository. The certificates of signers
    /// are in no trust store. Addresses are only tried for chains that a trust store anchors.
    #[arg(long = "image", value_name = "IMAGE", requires = "online")]
    pub images: Vec<ImageRef>,

    /// Output format
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,

    /// Show which entry of `registries` applies to this image, and why no earlier one does
    ///
    /// Nothing is requested for it: `--online --image IMAGE` reads it from its registry.
    #[arg(value_name = "IMAGE")]
    pub entries_for: Vec<ImageRef>,
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
    /// The directory for the files; created if necessary
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// A DNS name or IP address of the serving certificate; may be repeated
    ///
    /// Gatekeeper compares them with the host of the Provider's url. With --renew the default is the names of the
    /// existing certificate; otherwise countersign.NAMESPACE.svc and countersign.NAMESPACE.svc.cluster.local.
    #[arg(long = "name", value_name = "NAME", value_parser = name)]
    pub names: Vec<String>,

    /// The namespace of Countersign, for the default names, the Secret and the printed commands
    ///
    /// The default is the namespace in the names of the certificate, otherwise countersign.
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    pub namespace: Option<String>,

    /// How long the certificates are valid; never longer than their authority (ten years)
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = value_parser!(u16).range(1..=3650))]
    pub days: u16,

    /// Create a client certificate with this DNS name too, client.crt and client.key
    ///
    /// For manual requests, or in place of Gatekeeper's own; ca.crt is then also the server.tls.clientCa.
    #[arg(long, value_name = "DNS", value_parser = dns_name)]
    pub client_name: Option<String>,

    /// Write secret.yaml too: a Secret of this name with certificate and key
    #[arg(long, value_name = "SECRET", value_parser = dns_name)]
    pub secret: Option<String>,

    /// Replace existing certificates, and keep the authority
    #[arg(long)]
    pub renew: bool,

    /// Replace all existing files, including the authority
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
