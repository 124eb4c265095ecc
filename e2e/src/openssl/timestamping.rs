//! `openssl ts` as a timestamping authority.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::Addresses;
use super::OpenSslAuthority;
use super::Purpose;
use super::openssl;

/// A timestamping authority whose certificate an [`OpenSslAuthority`] issued.
pub(crate) struct TimestampingAuthority {
    directory: PathBuf,
    /// `openssl ts` does not lock the file with the serial number.
    one_at_a_time: Mutex<()>,
}

impl TimestampingAuthority {
    /// The name of its certificate.
    pub(crate) const NAME: &str = "timestamping";

    pub(crate) fn new(directory: &Path, issuer: &OpenSslAuthority, addresses: &Addresses) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        let issued = issuer.issue(Self::NAME, Purpose::Timestamping, addresses, None)?;
        fs::copy(&issued.key, directory.join("tsa.key"))?;
        fs::copy(&issued.certificate, directory.join("tsa.crt"))?;
        fs::write(directory.join("ca.crt"), issuer.certificate()?)?;
        let config = "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\ncrypto_device=builtin\nsigner_cert=tsa.crt\ncerts=ca.crt\n\
                      signer_key=tsa.key\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256,sha384,sha512\n\
                      accuracy=secs:1\nordering=yes\ntsa_name=yes\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n";
        fs::write(directory.join("ts.cnf"), config)?;
        fs::write(directory.join("serial"), "01\n")?;
        Ok(Self { directory: directory.to_owned(), one_at_a_time: Mutex::new(()) })
    }

    /// The response to a request for a timestamp.
    pub(super) fn reply(&self, query: &[u8]) -> anyhow::Result<Vec<u8>> {
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        fs::write(self.directory.join("query.tsq"), query)?;
        openssl(
            &self.directory,
            &["ts", "-reply", "-config", "ts.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr"],
        )?;
        Ok(fs::read(self.directory.join("reply.tsr"))?)
    }
}
