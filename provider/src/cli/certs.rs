//! `countersign certs`: a certificate authority and the certificate of the endpoints, for clusters without a
//! certificate manager. Keys are written only to files that their owner alone can read.

mod authority;
mod files;
mod manifests;

use std::io;
use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::time::UnixTime;

use self::authority::Authority;
use self::authority::Pair;
use self::authority::Purpose;
use self::files::NewFile;
use super::Exit;
use super::Failure;
use super::args::CertsArgs;
use crate::clock;

const AUTHORITY: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";
const SERVER: &str = "tls.crt";
const SERVER_KEY: &str = "tls.key";
const CLIENT: &str = "client.crt";
const CLIENT_KEY: &str = "client.key";
const PATCH: &str = "provider-patch.yaml";
const SECRET: &str = "secret.yaml";

/// The namespace of `deploy/base`.
const NAMESPACE: &str = "countersign";

/// Mistakes of the operator: files that exist already, or that do not match.
#[derive(Debug, thiserror::Error)]
enum CertsError {
    #[error(
        "{} already contains {}; use --renew for a new certificate from the same CA, or --force to create a new CA",
        directory,
        names.join(", ")
    )]
    InTheWay { directory: String, names: Vec<&'static str> },
    #[error("{directory} contains {there} but not {missing}, expected both; use --force to create a new CA")]
    HalfAnAuthority { directory: String, there: &'static str, missing: &'static str },
    #[error("{directory} contains no {AUTHORITY} and {AUTHORITY_KEY}, expected the CA that is to be kept")]
    NothingToRenew { directory: String },
    #[error("{directory} contains a {SERVER} without readable names; give each name with --name")]
    NoNames { directory: String },
    #[error("{directory}: {detail}")]
    Authority { directory: String, detail: String },
}

/// The files that existed before this run. They decide which steps are possible: what has no certificate yet is not
/// installed, so that it has no Providers.
#[derive(Clone, Copy)]
struct Before {
    authority: bool,
    server: bool,
}

/// The certificates and keys of one run.
struct Made {
    authority: Pair,
    kept: bool,
    server: Pair,
    client: Option<Pair>,
}

pub(super) fn run(args: &CertsArgs) -> Result<Exit, Failure> {
    let now = clock::now();
    let kept = existing(args, now)?;
    let before = Before {
        authority: args.out.join(AUTHORITY).symlink_metadata().is_ok(),
        server: args.out.join(SERVER).symlink_metadata().is_ok(),
    };
    let made = make(args, kept, now)?;
    files::write(&args.out, &files_of(args, &made)).map_err(Failure::unexpected)?;
    match print(args, before, &made, &mut io::stdout().lock()) {
        Ok(()) => Ok(Exit::Success),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(error) => Err(Failure::unexpected(anyhow::Error::new(error).context("cannot print the result"))),
    }
}

/// The existing authority, if it is kept.
fn existing(args: &CertsArgs, now: UnixTime) -> Result<Option<Authority>, Failure> {
    let directory = || args.out.display().to_string();
    let is_there = |name: &&str| args.out.join(name).symlink_metadata().is_ok();
    if args.force {
        return Ok(None);
    }
    match (is_there(&AUTHORITY), is_there(&AUTHORITY_KEY)) {
        (true, true) => {}
        (false, false) if args.renew => {
            return Err(Failure::usage(CertsError::NothingToRenew { directory: directory() }));
        }
        (false, false) => {}
        (certificate, _) => {
            let (there, missing) = if certificate { (AUTHORITY, AUTHORITY_KEY) } else { (AUTHORITY_KEY, AUTHORITY) };
            return Err(Failure::usage(CertsError::HalfAnAuthority { directory: directory(), there, missing }));
        }
    }
    let names: Vec<_> = written(args).filter(is_there).collect();
    if !args.renew && !names.is_empty() {
        return Err(Failure::usage(CertsError::InTheWay { directory: directory(), names }));
    }
    if !is_there(&AUTHORITY) {
        return Ok(None);
    }
    let certificate = files::read(&args.out.join(AUTHORITY)).map_err(Failure::unexpected)?;
    let key = files::read(&args.out.join(AUTHORITY_KEY)).map_err(Failure::unexpected)?;
    let kept = Authority::read(&certificate, &key, now)
        .map_err(|error| Failure::usage(CertsError::Authority { directory: directory(), detail: error.to_string() }))?;
    Ok(Some(kept))
}

/// The files that a run writes beside the authority's.
fn written(args: &CertsArgs) -> impl Iterator<Item = &'static str> {
    let client = args.client_name.iter().flat_map(|_| [CLIENT, CLIENT_KEY]);
    let secret = args.secret.iter().map(|_| SECRET);
    [SERVER, SERVER_KEY, PATCH].into_iter().chain(client).chain(secret)
}

fn make(args: &CertsArgs, kept: Option<Authority>, now: UnixTime) -> Result<Made, Failure> {
    let was_kept = kept.is_some();
    let authority = match kept {
        Some(authority) => authority,
        None => Authority::new(now).map_err(Failure::unexpected)?,
    };
    let issue =
        |names: &[String], purpose| authority.issue(names, purpose, args.days, now).map_err(Failure::unexpected);
    let server = issue(&names(args)?, Purpose::Server)?;
    let client =
        args.client_name.as_ref().map(|name| issue(std::slice::from_ref(name), Purpose::Client)).transpose()?;
    Ok(Made { authority: authority.into_pair(), kept: was_kept, server, client })
}

/// The requested names; otherwise, with `--renew`, those of the existing certificate; otherwise those of the Service
/// `countersign`.
fn names(args: &CertsArgs) -> Result<Vec<String>, Failure> {
    let server = args.out.join(SERVER);
    if !args.names.is_empty() {
        return Ok(args.names.clone());
    }
    if args.renew && args.namespace.is_none() && server.symlink_metadata().is_ok() {
        let certificate = files::read(&server).map_err(Failure::unexpected)?;
        return authority::names_of(&certificate)
            .ok_or_else(|| Failure::usage(CertsError::NoNames { directory: args.out.display().to_string() }));
    }
    let namespace = args.namespace.as_deref().unwrap_or(NAMESPACE);
    Ok(["svc", "svc.cluster.local"].map(|suffix| format!("countersign.{namespace}.{suffix}")).to_vec())
}

/// The requested namespace; otherwise that of the Service in the certificate's names.
fn namespace<'a>(args: &'a CertsArgs, server: &'a Pair) -> &'a str {
    let of_service = |name: &'a String| {
        let mut labels = name.strip_prefix("countersign.")?.split('.');
        let (namespace, suffix) = (labels.next()?, labels.next()?);
        (suffix == "svc").then_some(namespace)
    };
    args.namespace.as_deref().or_else(|| server.names.iter().find_map(of_service)).unwrap_or(NAMESPACE)
}

fn files_of(args: &CertsArgs, made: &Made) -> Vec<NewFile> {
    let Made { authority, kept, server, client } = made;
    let file = |name, content: &str| NewFile { name, content: content.to_owned() };
    let mut files = Vec::new();
    if !kept {
        files.extend([file(AUTHORITY, &authority.certificate), file(AUTHORITY_KEY, &authority.key)]);
    }
    files.extend([file(SERVER, &server.certificate), file(SERVER_KEY, &server.key)]);
    if let Some(client) = client {
        files.extend([file(CLIENT, &client.certificate), file(CLIENT_KEY, &client.key)]);
    }
    files.push(file(PATCH, &manifests::provider_patch(&bundle(authority))));
    if let Some(secret) = &args.secret {
        files.push(file(SECRET, &manifests::secret(secret, namespace(args, server), server)));
    }
    files
}

/// In the form of a Provider's `caBundle`.
fn bundle(authority: &Pair) -> String {
    STANDARD.encode(&authority.certificate)
}

fn print(args: &CertsArgs, before: Before, made: &Made, out: &mut dyn Write) -> io::Result<()> {
    let path = |name: &str| args.out.join(name).display().to_string();
    let Made { authority, kept, server, client } = made;
    let how = if *kept { "kept" } else { "new" };
    writeln!(out, "authority     {}, {how}, until {}", path(AUTHORITY), authority.end)?;
    writeln!(out, "server        {}, for {}, until {}", path(SERVER), server.names.join(", "), server.end)?;
    if let Some(client) = client {
        writeln!(out, "client        {}, for {}, until {}", path(CLIENT), client.names.join(", "), client.end)?;
    }
    writeln!(out, "patch         {}", path(PATCH))?;
    if args.secret.is_some() {
        writeln!(out, "Secret        {}", path(SECRET))?;
    }
    writeln!(out, "caBundle      {}", bundle(authority))?;
    if server.end == authority.end {
        writeln!(out, "# The certificate ends with its authority: create a new authority with --force before that.")?;
    }
    writeln!(out)?;
    for step in next(args, before, made) {
        writeln!(out, "{step}")?;
    }
    Ok(())
}

/// The steps that are possible now, as comments and commands.
fn next(args: &CertsArgs, before: Before, made: &Made) -> Vec<String> {
    let path = |name: &str| quoted(&args.out.join(name));
    let namespace = namespace(args, &made.server);
    let mut steps = Vec::new();
    // Without an earlier certificate, neither the namespace nor the Providers have to exist.
    if !before.server {
        steps.push("# The namespace of Countersign, if it does not exist:".to_owned());
        steps
            .push(format!("kubectl get namespace {namespace} >/dev/null 2>&1 || kubectl create namespace {namespace}"));
    }
    if !made.kept && before.authority {
        steps.push(
            "# The new authority for Gatekeeper. Until the certificate below is in use too, images are denied:"
                .to_owned(),
        );
        for provider in ["countersign-verify", "countersign-mutate"] {
            steps.push(format!(
                "kubectl patch providers.externaldata.gatekeeper.sh {provider} --type merge --patch-file {}",
                path(PATCH)
            ));
        }
    }
    steps.push("# The certificate for Countersign, which loads a renewed one without a restart:".to_owned());
    steps.push(match &args.secret {
        Some(_) => format!("kubectl apply --server-side --force-conflicts -f {}", path(SECRET)),
        None => format!(
            "kubectl create secret tls countersign-tls --namespace {namespace} --cert {} --key {} --dry-run=client -o yaml | kubectl apply --server-side --force-conflicts -f -",
            path(SERVER),
            path(SERVER_KEY)
        ),
    });
    if !made.kept && !before.authority {
        steps.push(format!(
            "# When you install Countersign, give {} to your overlay: it becomes the caBundle of the Providers (deploy/README.md).",
            path(AUTHORITY)
        ));
        if namespace != NAMESPACE {
            steps.push(format!(
                "# The url of the Providers must name the namespace {namespace}: deploy/components/namespace sets both."
            ));
        }
    }
    if !made.kept {
        steps.push(format!(
            "# Keep {} out of the cluster: it can issue certificates that Gatekeeper accepts as Countersign's.",
            path(AUTHORITY_KEY)
        ));
    }
    steps
}

/// For a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
