//! Certificates of a corporation, images signed with them, and a Countersign that trusts its root.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use rcgen::DnType;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;

use crate::certificates::Authority;
use crate::certificates::Usage;
use crate::countersign::Countersign;
use crate::countersign::Ports;
use crate::environment::Environment;
use crate::images::Image;
use crate::notation::Client;
use crate::openssl::Addresses;
use crate::openssl::Issued;
use crate::openssl::OpenSslAuthority;
use crate::openssl::Purpose;
use crate::openssl::Resource;
use crate::openssl::RevocationServer;
use crate::openssl::TimestampingAuthority;
use crate::timestamp_server::TimestampServer;
use crate::transcript::Transcript;
use crate::wait;
use crate::workdir;

/// How long an address that failed is not tried again.
pub(super) const NEGATIVE_LIFETIME: Duration = Duration::from_secs(1);

/// Longer than the accuracy of both timestamping authorities, which is a second: the certificate of a signer must be valid for
/// that time before the timestamp.
const BEFORE_TIMESTAMPS: Duration = Duration::from_secs(2);

/// Lifetime of the certificate that ends during the cases: long enough to sign and verify three images.
pub(super) const SHORT: Duration = Duration::from_secs(20);

const NAME: [(DnType, &str); 1] = [(DnType::CommonName, "countersign-evidence")];

/// Images, named by the state of their certificates.
pub(super) struct Images {
    /// Its certificate names a CRL.
    pub(super) by_crl: Image,
    /// Another certificate with the same CRL.
    pub(super) with_crl: Image,
    /// Its certificate names an OCSP responder.
    pub(super) by_ocsp: Image,
    /// The certificate of its issuer names a CRL.
    pub(super) by_intermediate: Image,
    /// Their certificate names an OCSP responder. Not verified before that is down.
    pub(super) down: Image,
    pub(super) permissive: Image,
    /// Their certificate is valid for [`SHORT`].
    pub(super) sigstore: Image,
    pub(super) openssl: Image,
    pub(super) untimestamped: Image,
    /// Not signed, in a repository that the policy skips.
    pub(super) skipped: Image,
}

pub(super) struct Corporation {
    pub(super) countersign: Countersign,
    /// A configuration that does not permit the server's address.
    pub(super) config_without_host: PathBuf,
    pub(super) notation: Client,
    pub(super) server: RevocationServer,
    pub(super) root: Arc<OpenSslAuthority>,
    /// Issues certificates with a CRL.
    pub(super) issuing: Arc<OpenSslAuthority>,
    /// Issues certificates with an OCSP responder.
    pub(super) responding: Arc<OpenSslAuthority>,
    pub(super) short_end: OffsetDateTime,
    pub(super) images: Images,
}

impl Corporation {
    pub(super) fn start(environment: &Environment<'_>, transcript: &Transcript) -> anyhow::Result<Self> {
        let workdir = environment.workdir;
        let directory = workdir.directory("corporation")?;
        let server = RevocationServer::start()?;
        let url = |path: &str| Some(server.url(path));
        let by_root = Addresses { ocsp: None, crl: url("/root.crl") };
        let root = Arc::new(OpenSslAuthority::root(&directory.join("root"), "Corporate root")?);
        let intermediate = |name: &str| root.intermediate(&directory.join(name), name, &by_root).map(Arc::new);
        let (issuing, responding, second) =
            (intermediate("issuing")?, intermediate("responding")?, intermediate("second-issuing")?);
        let tsa = Arc::new(TimestampingAuthority::new(&directory.join("tsa"), &root, &by_root)?);
        server.serve("/root.crl", Resource::Crl(Arc::clone(&root)));
        server.serve("/issuing.crl", Resource::Crl(Arc::clone(&issuing)));
        server.serve("/ocsp", Resource::Ocsp(Arc::clone(&responding)));
        server.serve("/tsa", Resource::Timestamps(tsa));
        let [port] = workdir::free_ports()?;
        let timestamp_server = TimestampServer::start(workdir, port)?;
        transcript.note(&format!("OpenSSL's CRLs, OCSP responses and timestamps are served by {}", server.host()));

        let crl = Addresses { ocsp: None, crl: url("/issuing.crl") };
        let ocsp = Addresses { ocsp: url("/ocsp"), crl: None };
        let sign = |authority: &OpenSslAuthority, name: &str, addresses: &Addresses| {
            authority.issue(name, Purpose::CodeSigning, addresses, None)
        };
        let by_crl = sign(&issuing, "by-crl", &crl)?;
        let with_crl = sign(&issuing, "with-crl", &crl)?;
        let by_ocsp = sign(&responding, "by-ocsp", &ocsp)?;
        let by_intermediate = sign(&second, "by-intermediate", &Addresses::default())?;
        let down = sign(&responding, "down", &ocsp)?;
        let notation = Client::new(workdir, "corporate-home");
        notation.set_root(workdir, "ca/corporate", &root.certificate()?)?;
        notation.set_root(workdir, "tsa/corporate", &root.certificate()?)?;
        notation.set_root(workdir, "tsa/sigstore", timestamp_server.root())?;
        let issued_at = OffsetDateTime::now_utc().replace_nanosecond(0)?;
        let short_end = issued_at + SHORT;
        let short = responding.issue("short", Purpose::CodeSigning, &ocsp, Some(short_end))?;
        let keys: [(&str, &Issued); 6] = [
            ("by-crl", &by_crl),
            ("with-crl", &with_crl),
            ("by-ocsp", &by_ocsp),
            ("by-intermediate", &by_intermediate),
            ("down", &down),
            ("short", &short),
        ];
        let keys = keys.map(|(name, issued)| (name, issued.key.as_path(), issued.chain.as_path()));
        notation.set_keys(workdir, &keys)?;

        let signer = Signer { environment, transcript, notation: &notation };
        let timestamp = |url: String, store: &str| {
            let root = notation.directory().join(format!("truststore/x509/tsa/{store}/root.pem"));
            ["--timestamp-url".to_owned(), url, "--timestamp-root-cert".to_owned(), root.display().to_string()]
        };
        let by_crl = signer.sign("by-crl", "by-crl", &[])?;
        let with_crl = signer.sign("with-crl", "with-crl", &[])?;
        let by_ocsp = signer.sign("by-ocsp", "by-ocsp", &[])?;
        let by_intermediate = signer.sign("by-intermediate", "by-intermediate", &[])?;
        let down = signer.sign("down", "down", &[])?;
        let permissive = signer.sign("permissive", "down", &[])?;
        let untimestamped = signer.sign("untimestamped", "short", &[])?;
        wait::until("the time of the first timestamp", SHORT, || {
            // The certificate is valid from the second in which it was issued, which is not before this one.
            ensure!(OffsetDateTime::now_utc() > issued_at + BEFORE_TIMESTAMPS + Duration::from_secs(1), "too early");
            Ok(())
        })?;
        let sigstore = signer.sign("sigstore", "short", &timestamp(timestamp_server.url(), "sigstore"))?;
        let openssl = signer.sign("openssl", "short", &timestamp(server.url("/tsa"), "corporate"))?;
        let skipped = Image::push(&environment.referrers, "corporate/skipped")?;
        let images = Images {
            by_crl,
            with_crl,
            by_ocsp,
            by_intermediate,
            down,
            permissive,
            sigstore,
            openssl,
            untimestamped,
            skipped,
        };
        notation.set_policy(workdir, &policy(&images))?;
        let (countersign, config_without_host) = start(environment, &notation.directory(), &server)?;
        Ok(Self { countersign, config_without_host, notation, server, root, issuing, responding, short_end, images })
    }
}

struct Signer<'a> {
    environment: &'a Environment<'a>,
    transcript: &'a Transcript,
    notation: &'a Client,
}

impl Signer<'_> {
    /// Pushes an image, and signs it with a key and further arguments for notation.
    fn sign(&self, name: &str, key: &str, arguments: &[String]) -> anyhow::Result<Image> {
        let image = Image::push(&self.environment.referrers, &format!("corporate/{name}"))?;
        let fixed = ["--key", key, "--force-referrers-tag=false"].map(str::to_owned);
        let arguments: Vec<String> =
            fixed.into_iter().chain(arguments.iter().cloned()).chain([image.by_digest()]).collect();
        let (line, output) = self.notation.sign(&arguments)?;
        self.transcript.command(&line, &output);
        Ok(image)
    }
}

/// The policy of Countersign and notation.
fn policy(images: &Images) -> Value {
    let scopes = |images: &[&Image]| images.iter().map(|image| image.scope()).collect::<Vec<_>>();
    let Images {
        by_crl,
        with_crl,
        by_ocsp,
        by_intermediate,
        down,
        permissive,
        sigstore,
        openssl,
        untimestamped,
        skipped,
    } = images;
    json!({
        "version": "1.0",
        "trustPolicies": [
            {
                "name": "corporate",
                "registryScopes": scopes(&[by_crl, with_crl, by_ocsp, by_intermediate, down]),
                "signatureVerification": { "level": "strict" },
                "trustStores": ["ca:corporate"],
                "trustedIdentities": ["x509.subject: C=CH, ST=ZH, O=Corporate AG"],
            },
            {
                "name": "permissive",
                "registryScopes": scopes(&[permissive]),
                "signatureVerification": { "level": "permissive" },
                "trustStores": ["ca:corporate"],
                "trustedIdentities": ["x509.subject: C=CH, ST=ZH, O=Corporate AG"],
            },
            {
                "name": "timestamped",
                "registryScopes": scopes(&[sigstore, openssl, untimestamped]),
                "signatureVerification": { "level": "strict", "verifyTimestamp": "afterCertExpiry" },
                "trustStores": ["ca:corporate", "tsa:corporate", "tsa:sigstore"],
                "trustedIdentities": ["x509.subject: C=CH, ST=ZH, O=Corporate AG"],
            },
            { "name": "skipped", "registryScopes": [skipped.scope()], "signatureVerification": { "level": "skip" } },
        ],
    })
}

/// Starts Countersign with short lifetimes, so that the cases need not wait for long. Returns a second configuration too,
/// which does not name the host of the addresses in the certificates.
fn start(
    environment: &Environment<'_>,
    trust: &Path,
    server: &RevocationServer,
) -> anyhow::Result<(Countersign, PathBuf)> {
    let workdir = environment.workdir;
    let authority = Authority::new(&NAME)?;
    let identity = authority.issue(&NAME, Usage::Server)?;
    let [provider, health] = workdir::free_ports()?;
    let client_ca = environment.gatekeeper.authority().certificate();
    let mut config = json!({
        "server": {
            "listen": format!("127.0.0.1:{provider}"),
            "tls": {
                "certificate": workdir.write("corporation/tls.crt", identity.certificate)?,
                "key": workdir.write("corporation/tls.key", identity.key)?,
                "clientCa": workdir.write("corporation/client-ca.crt", client_ca)?,
            },
        },
        "health": { "listen": format!("127.0.0.1:{health}") },
        "trust": { "directory": trust, "reloadInterval": "1s" },
        "registries": [{ "host": environment.referrers.host(), "plainHttp": true }],
        "unlistedRegistries": "refuse",
        "cache": { "verdictLifetime": "1s" },
    });
    let without_host = workdir.write("corporation/without-host.yaml", config.to_string())?;
    config["evidence"] = json!({
        "networks": "public",
        "reachableHosts": [server.host()],
        "refreshInterval": "1s",
        "negativeLifetime": format!("{}s", NEGATIVE_LIFETIME.as_secs()),
    });
    let ports = Ports { provider, health };
    let countersign = environment.countersign.another(workdir, "countersign-evidence", ports, authority, &config)?;
    Ok((countersign, without_host))
}
