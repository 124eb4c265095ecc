//! Certificate authorities and a timestamping authority that OpenSSL's command line runs: it issues and revokes certificates, and
//! makes CRLs, OCSP responses and timestamps.

mod revocation_server;
mod timestamping;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use time::OffsetDateTime;
use time::macros::format_description;

pub(crate) use revocation_server::Resource;
pub(crate) use revocation_server::RevocationServer;
pub(crate) use timestamping::TimestampingAuthority;

use crate::process;

const LIMIT: Duration = Duration::from_secs(20);

/// The purpose of a certificate, with its extensions.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Authority,
    CodeSigning,
    OcspResponder,
    Timestamping,
}

impl Purpose {
    fn extensions(self) -> &'static str {
        match self {
            Self::Authority => "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n",
            Self::CodeSigning => {
                "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n"
            }
            Self::OcspResponder => {
                "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,OCSPSigning\nnoCheck=ignored\n"
            }
            Self::Timestamping => "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n",
        }
    }
}

/// The addresses in a certificate from which its status is available.
#[derive(Clone, Default)]
pub(crate) struct Addresses {
    pub(crate) ocsp: Option<String>,
    pub(crate) crl: Option<String>,
}

impl Addresses {
    fn extensions(&self) -> String {
        let ocsp = self.ocsp.iter().map(|url| format!("authorityInfoAccess=OCSP;URI:{url}\n"));
        let crl = self.crl.iter().map(|url| format!("crlDistributionPoints=URI:{url}\n"));
        ocsp.chain(crl).collect()
    }
}

/// An issued certificate with its key.
pub(crate) struct Issued {
    certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The certificate, followed by those of its issuers.
    pub(crate) chain: PathBuf,
}

/// An authority with a database of the certificates that it issued, and a delegated OCSP responder.
pub(crate) struct OpenSslAuthority {
    directory: PathBuf,
    /// The certificates from that of the authority to the root, as PEM.
    chain: String,
    /// For names of temporary files: requests are answered at the same time.
    requests: AtomicU32,
}

impl OpenSslAuthority {
    /// A self-signed root, in a new directory.
    pub(crate) fn root(directory: &Path, name: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        let subject = subject(name);
        openssl(
            directory,
            &[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-sha256",
                "-days",
                "2",
                "-keyout",
                "ca.key",
                "-out",
                "ca.crt",
                "-subj",
                &subject,
                "-addext",
                "basicConstraints=critical,CA:TRUE",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            ],
        )?;
        Self::prepare(directory, "")
    }

    /// An intermediate authority, in a new directory.
    pub(crate) fn intermediate(&self, directory: &Path, name: &str, addresses: &Addresses) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        let issued = self.issue(name, Purpose::Authority, addresses, None)?;
        fs::copy(&issued.certificate, directory.join("ca.crt"))?;
        fs::copy(&issued.key, directory.join("ca.key"))?;
        Self::prepare(directory, &self.chain)
    }

    /// Creates the database, the responder and the first CRL of the authority whose certificate and key are in `directory`.
    fn prepare(directory: &Path, issuers: &str) -> anyhow::Result<Self> {
        let config = "[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial\ncrlnumber=crlnumber\nnew_certs_dir=.\n\
                      certificate=ca.crt\nprivate_key=ca.key\ndefault_md=sha256\ndefault_days=1\ndefault_crl_hours=1\n\
                      unique_subject=no\npolicy=any\n[any]\ncountryName=supplied\nstateOrProvinceName=supplied\n\
                      organizationName=supplied\ncommonName=supplied\n";
        for (name, content) in [("ca.cnf", config), ("index.txt", ""), ("serial", "1000\n"), ("crlnumber", "01\n")] {
            fs::write(directory.join(name), content)?;
        }
        let chain = fs::read_to_string(directory.join("ca.crt"))? + issuers;
        let authority = Self { directory: directory.to_owned(), chain, requests: AtomicU32::new(0) };
        authority.issue("responder", Purpose::OcspResponder, &Addresses::default(), None)?;
        authority.issue_crl()?;
        Ok(authority)
    }

    /// The certificate of the authority, as PEM.
    pub(crate) fn certificate(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.directory.join("ca.crt"))?)
    }

    /// Issues a certificate that is valid from now until `end`, or for a day.
    pub(crate) fn issue(
        &self,
        name: &str,
        purpose: Purpose,
        addresses: &Addresses,
        end: Option<OffsetDateTime>,
    ) -> anyhow::Result<Issued> {
        let file = |extension: &str| format!("{name}.{extension}");
        let (key, request, extensions, certificate) = (file("key"), file("csr"), file("ext"), file("crt"));
        let run = |arguments: &[&str]| openssl(&self.directory, arguments);
        run(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &request,
            "-subj",
            &subject(name),
        ])?;
        fs::write(self.directory.join(&extensions), purpose.extensions().to_owned() + &addresses.extensions())?;
        let mut arguments = vec![
            "ca",
            "-config",
            "ca.cnf",
            "-batch",
            "-notext",
            "-extfile",
            &extensions,
            "-in",
            &request,
            "-out",
            &certificate,
        ];
        let end =
            end.map(|end| end.format(format_description!("[year][month][day][hour][minute][second]Z"))).transpose()?;
        if let Some(end) = &end {
            arguments.extend(["-enddate", end]);
        }
        run(&arguments)?;
        let path = |name: &str| self.directory.join(name);
        let chain = fs::read_to_string(path(&certificate))? + &self.chain;
        fs::write(path(&file("pem")), chain)?;
        Ok(Issued { certificate: path(&certificate), key: path(&key), chain: path(&file("pem")) })
    }

    /// Revokes a certificate with this reason, as in `openssl ca -crl_reason`, and issues a CRL.
    pub(crate) fn revoke(&self, name: &str, reason: &str) -> anyhow::Result<()> {
        let certificate = format!("{name}.crt");
        openssl(&self.directory, &["ca", "-config", "ca.cnf", "-revoke", &certificate, "-crl_reason", reason])?;
        self.issue_crl()
    }

    /// Replaces the CRL atomically, as it is served at the same time.
    fn issue_crl(&self) -> anyhow::Result<()> {
        openssl(&self.directory, &["ca", "-config", "ca.cnf", "-gencrl", "-out", "crl.pem"])?;
        openssl(&self.directory, &["crl", "-in", "crl.pem", "-outform", "DER", "-out", "crl.new"])?;
        Ok(fs::rename(self.directory.join("crl.new"), self.directory.join("crl.der"))?)
    }

    /// The current CRL, as DER.
    fn crl(&self) -> anyhow::Result<Vec<u8>> {
        Ok(fs::read(self.directory.join("crl.der"))?)
    }

    /// The response to an OCSP request, valid for five minutes. `openssl ocsp -port` would listen on all networks.
    fn ocsp(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let (asked, answered) = (format!("ocsp-{number}.req"), format!("ocsp-{number}.resp"));
        fs::write(self.directory.join(&asked), request)?;
        openssl(
            &self.directory,
            &[
                "ocsp",
                "-index",
                "index.txt",
                "-CA",
                "ca.crt",
                "-rsigner",
                "responder.crt",
                "-rkey",
                "responder.key",
                "-nmin",
                "5",
                "-rmd",
                "sha256",
                "-reqin",
                &asked,
                "-respout",
                &answered,
            ],
        )?;
        Ok(fs::read(self.directory.join(answered))?)
    }
}

fn subject(name: &str) -> String {
    format!("/C=CH/ST=ZH/O=Corporate AG/CN={name}")
}

/// Runs `openssl` in `directory`. An error with its output unless it succeeds.
pub(crate) fn openssl(directory: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("openssl");
    command.args(arguments).current_dir(directory);
    // Every run has a file of its own, as requests are answered at the same time.
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let output = directory.join(format!("openssl-{}.log", RUNS.fetch_add(1, Ordering::Relaxed)));
    let finished = process::run(&command, LIMIT, &output)?;
    finished.success().map(drop).with_context(|| process::command_line(&command))
}
