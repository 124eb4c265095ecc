//! An RSA key of 1024 bits. The library of the testkit makes none, so it is OpenSSL's, and OpenSSL signs with it.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use countersign_testkit::der;
use countersign_testkit::pki::KeyType;

use crate::openssl::openssl;

/// Position of the signature algorithm and of the key in a TBSCertificate.
const ALGORITHM: usize = 2;
const KEY: usize = 6;

/// The key, as files in a directory of its own.
pub(super) struct WeakKey {
    directory: PathBuf,
    /// The SubjectPublicKeyInfo.
    public: Vec<u8>,
}

impl WeakKey {
    pub(super) fn generate(directory: PathBuf) -> anyhow::Result<Self> {
        openssl(&directory, &["genrsa", "-out", "key.pem", "1024"])?;
        openssl(&directory, &["rsa", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public.der"])?;
        let public = fs::read(directory.join("public.der")).context("no public key")?;
        Ok(Self { directory, public })
    }

    /// A signature with RSASSA-PSS and SHA-256, as in an envelope.
    pub(super) fn sign_pss(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.sign(message, &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"])
    }

    /// The elements of a TBSCertificate with this key in place of the former one.
    pub(super) fn put_into(&self, tbs: &mut [Vec<u8>]) {
        tbs[KEY] = self.public.clone();
    }

    /// The same certificate, signed with this key, and of this key if it is its own issuer.
    pub(super) fn reissue(&self, certificate: &[u8], is_own: bool) -> anyhow::Result<Vec<u8>> {
        let algorithm = countersign_testkit::crl::algorithm(KeyType::Rsa2048);
        let mut tbs: Vec<Vec<u8>> =
            der::children(der::children(certificate)[0]).into_iter().map(<[u8]>::to_vec).collect();
        tbs[ALGORITHM] = algorithm.clone();
        if is_own {
            self.put_into(&mut tbs);
        }
        let tbs = der::sequence(tbs);
        let signature = self.sign(&tbs, &[])?;
        Ok(der::sequence([tbs, algorithm, der::bit_string(&signature)]))
    }

    fn sign(&self, message: &[u8], options: &[&str]) -> anyhow::Result<Vec<u8>> {
        fs::write(self.directory.join("message"), message)?;
        let arguments = [&["dgst", "-sha256", "-sign", "key.pem", "-out", "signature"], options, &["message"]].concat();
        openssl(&self.directory, &arguments)?;
        fs::read(self.directory.join("signature")).context("no signature")
    }
}
