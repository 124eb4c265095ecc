//! Named sets of trusted certificates, of three kinds that never stand in for one another.

use std::collections::HashSet;

use super::store_name::StoreKind;
use super::store_name::StoreName;
use super::store_name::StoreRef;
use crate::codec::mismatch::Mismatch;
use crate::codec::mismatch::Mismatched;
use crate::codec::mismatch::mismatch_error;
use crate::codec::pem;
use crate::codec::pem::Form;
use crate::codec::pem::PemError;
use crate::codec::text::Text;
use crate::crypto::SignatureError;
use crate::limits;
use crate::x509::Certificate;
use crate::x509::CertificateError;

/// A named set of certificates: never empty, all of the kind that the store needs.
#[derive(Clone, Debug)]
pub struct Store {
    reference: StoreRef,
    certificates: Vec<Certificate>,
    fingerprints: HashSet<[u8; 32]>,
}

/// One mistake in a trust store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trust store {store}: {problem}")]
pub struct StoreError {
    /// The trust store.
    pub store: StoreRef,
    /// What is wrong with it.
    pub problem: StoreProblem,
}

/// See [`StoreError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreProblem {
    /// No certificates.
    Empty,
    /// More certificates than [`limits::STORE_CERTIFICATES`].
    TooManyCertificates,
    /// More bytes than [`limits::STORE_FILE_BYTES`].
    FileTooLarge {
        /// The name of the file.
        file: String,
        /// What was found.
        found: usize,
    },
    /// Nothing but white space.
    FileEmpty {
        /// The name of the file.
        file: String,
    },
    /// PEM that cannot be read.
    Pem {
        /// The name of the file.
        file: String,
        /// What is wrong.
        error: PemError,
    },
    /// Neither PEM nor DER.
    Form {
        /// The name of the file.
        file: String,
        /// What the file looks like.
        form: Form,
    },
    /// A certificate that cannot be read.
    Certificate {
        /// The name of the file.
        file: String,
        /// Where its PEM block begins.
        line: Option<usize>,
        /// What is wrong.
        error: CertificateError,
    },
    /// A certificate that cannot be a trust anchor.
    NeitherAuthorityNorSelfSigned {
        /// The name of the file.
        file: String,
        /// Subject of the certificate.
        subject: Text,
        /// What is wrong.
        error: SignatureError,
    },
    /// A certificate of a timestamping authority that is no root.
    NotARoot {
        /// The name of the file.
        file: String,
        /// Subject of the certificate.
        subject: Text,
    },
}

impl Mismatched for StoreProblem {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Empty => Mismatch::new("found no certificates").expecting("at least one"),
            Self::TooManyCertificates => {
                Mismatch::new(format_args!("has more than {} certificates", limits::STORE_CERTIFICATES))
            }
            Self::FileTooLarge { file, found } => Mismatch::new(format_args!("file {file:?}: found {found} bytes"))
                .expecting(format_args!("at most {}", limits::STORE_FILE_BYTES)),
            Self::FileEmpty { file } => {
                Mismatch::new(format_args!("file {file:?} is empty")).expecting("certificates in PEM or DER")
            }
            Self::Pem { file, error } => error.mismatch().within(format_args!("file {file:?}")),
            Self::Form { file, form } => Mismatch::new(format_args!("file {file:?} {form}"))
                .expecting(format_args!("certificates in PEM or DER{}", form.to_certificates())),
            Self::Certificate { file, line, error } => {
                Mismatch::new(format_args!("file {file:?}{}: {error}", block(*line)))
            }
            Self::NeitherAuthorityNorSelfSigned { file, subject, error } => Mismatch::new(format_args!(
                "file {file:?}: certificate {subject:?} is neither a CA certificate nor self-signed: {error}"
            )),
            Self::NotARoot { file, subject } => {
                Mismatch::new(format_args!("file {file:?}: certificate {subject:?} is not a root"))
                    .expecting("a self-signed CA certificate")
            }
        }
    }
}

mismatch_error!(StoreProblem);

impl Store {
    /// Reads the files of a store, each with the name to call it by in errors. A file holds either PEM blocks with the
    /// label `CERTIFICATE`, with text before a block and nothing but white space after the last
    /// ([`pem::certificates_to_the_end`]), or DER certificates one after the other. Each certificate is an authority or signed by itself; in a `tsa` store each is a root.
    ///
    /// # Errors
    /// Every file and certificate that is not so; files and certificates beyond the limits; no certificate at all.
    pub fn parse(kind: StoreKind, name: StoreName, files: &[(String, Vec<u8>)]) -> Result<Self, Vec<StoreError>> {
        let mut store =
            Self { reference: StoreRef { kind, name }, certificates: Vec::new(), fingerprints: HashSet::new() };
        let mut problems = Vec::new();
        for (file, bytes) in files {
            match read(file, bytes) {
                Ok(certificates) => {
                    for certificate in certificates {
                        problems.extend(unsuitable(kind, file, &certificate));
                        if store.fingerprints.insert(certificate.fingerprint()) {
                            store.certificates.push(certificate);
                        }
                    }
                }
                Err(problem) => problems.push(problem),
            }
            if store.certificates.len() > limits::STORE_CERTIFICATES {
                problems.push(StoreProblem::TooManyCertificates);
                break;
            }
        }
        if store.certificates.is_empty() && problems.is_empty() {
            problems.push(StoreProblem::Empty);
        }
        if problems.is_empty() {
            return Ok(store);
        }
        let reference = &store.reference;
        Err(problems.into_iter().map(|problem| StoreError { store: reference.clone(), problem }).collect())
    }

    /// Whether a file has nothing in it but white space, which is as good as no file.
    #[must_use]
    pub fn is_blank(file: &[u8]) -> bool {
        // Editors put a byte order mark into a file that is empty otherwise.
        Form::of(file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file)) == Form::Empty
    }

    /// How a trust policy names it.
    #[must_use]
    pub fn reference(&self) -> &StoreRef {
        &self.reference
    }

    /// Each once, in the order of the files.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Whether the store has this certificate, byte for byte. Its validity period plays no part.
    #[must_use]
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.fingerprints.contains(&certificate.fingerprint())
    }
}

fn read(file: &str, bytes: &[u8]) -> Result<Vec<Certificate>, StoreProblem> {
    let name = || file.to_owned();
    if bytes.len() > limits::STORE_FILE_BYTES {
        return Err(StoreProblem::FileTooLarge { file: name(), found: bytes.len() });
    }
    if Store::is_blank(bytes) {
        return Err(StoreProblem::FileEmpty { file: name() });
    }
    let failed = |line, error| StoreProblem::Certificate { file: name(), line, error };
    match Form::of(bytes) {
        Form::Pem => {
            let blocks =
                pem::certificates_to_the_end(bytes).map_err(|error| StoreProblem::Pem { file: name(), error })?;
            let parse = |block: &pem::CertificateBlock| {
                Certificate::parse(&block.der).map_err(|error| failed(Some(block.line), error))
            };
            blocks.iter().map(parse).collect()
        }
        Form::Der => Certificate::parse_all(bytes).map_err(|error| {
            let too_many = error == CertificateError::TooManyCertificates;
            if too_many { StoreProblem::TooManyCertificates } else { failed(None, error) }
        }),
        form @ (Form::Pkcs12
        | Form::Pkcs7
        | Form::JavaKeyStore
        | Form::Utf16
        | Form::Base64OfPem
        | Form::Empty
        | Form::Other) => Err(StoreProblem::Form { file: name(), form }),
    }
}

/// The place within a file, for a message.
fn block(line: Option<usize>) -> String {
    line.map(|line| format!(", PEM block that begins on line {line}")).unwrap_or_default()
}

/// Why a certificate may not be in a store of this kind.
fn unsuitable(kind: StoreKind, file: &str, certificate: &Certificate) -> Option<StoreProblem> {
    let (file, subject) = (file.to_owned(), certificate.subject().to_text());
    match kind {
        StoreKind::Ca | StoreKind::SigningAuthority if certificate.is_ca() => None,
        StoreKind::Ca | StoreKind::SigningAuthority => {
            let error = certificate.verify_signed_by(certificate).err()?;
            Some(StoreProblem::NeitherAuthorityNorSelfSigned { file, subject, error })
        }
        StoreKind::Tsa if certificate.is_root() => None,
        StoreKind::Tsa => Some(StoreProblem::NotARoot { file, subject }),
    }
}
