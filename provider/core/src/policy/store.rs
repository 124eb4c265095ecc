//! Trust stores: named sets of trusted certificates of three kinds, which are never used for one another.

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

/// A trust store: never empty, and every certificate has the form that its kind requires.
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
    /// The mistake.
    pub problem: StoreProblem,
}

/// See [`StoreError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreProblem {
    /// There are no certificates.
    Empty,
    /// More certificates than [`limits::STORE_CERTIFICATES`].
    TooManyCertificates,
    /// More bytes than [`limits::STORE_FILE_BYTES`].
    FileTooLarge {
        /// The name of the file.
        file: String,
        /// The size in bytes.
        found: usize,
    },
    /// The file has only white space.
    FileEmpty {
        /// The name of the file.
        file: String,
    },
    /// The PEM is malformed.
    Pem {
        /// The name of the file.
        file: String,
        /// The cause.
        error: PemError,
    },
    /// The file is neither PEM nor DER.
    Form {
        /// The name of the file.
        file: String,
        /// The detected format.
        form: Form,
    },
    /// A certificate is malformed.
    Certificate {
        /// The name of the file.
        file: String,
        /// The line of the start of its PEM block.
        line: Option<usize>,
        /// The cause.
        error: CertificateError,
    },
    /// A certificate is neither a CA certificate nor self-signed.
    NeitherAuthorityNorSelfSigned {
        /// The name of the file.
        file: String,
        /// Subject of the certificate.
        subject: Text,
        /// The cause.
        error: SignatureError,
    },
    /// A certificate in a `tsa` store is not a root.
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
                    .expecting(format_args!("at most {}", limits::STORE_CERTIFICATES))
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
                    .expecting("a valid X.509 certificate")
            }
            Self::NeitherAuthorityNorSelfSigned { file, subject, error } => Mismatch::new(format_args!(
                "file {file:?}: certificate {subject:?} is neither a CA certificate nor self-signed: {error}"
            ))
            .expecting("one or the other"),
            Self::NotARoot { file, subject } => {
                Mismatch::new(format_args!("file {file:?}: certificate {subject:?} is not a root"))
                    .expecting("a self-signed CA certificate")
            }
        }
    }
}

mismatch_error!(StoreProblem);

impl Store {
    /// Parses the files of a store, each with its name for errors. A file contains either PEM blocks with the label
    /// `CERTIFICATE`, with any text before a block and only white space after the last one
    /// ([`pem::certificates_to_the_end`]), or concatenated DER certificates. Each certificate is a CA certificate or
    /// self-signed; in a `tsa` store each is a root.
    ///
    /// # Errors
    /// Every invalid file and certificate; files and certificates beyond the limits; no certificate.
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

    /// Whether a file has only white space, which counts as no file.
    #[must_use]
    pub fn is_blank(file: &[u8]) -> bool {
        // Editors may write a byte order mark into an empty file.
        Form::of(file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file)) == Form::Empty
    }

    /// The reference of the store in a trust policy.
    #[must_use]
    pub fn reference(&self) -> &StoreRef {
        &self.reference
    }

    /// The certificates without duplicates, in the order of the files.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Whether the store has this certificate, compared byte for byte. Its validity period is not checked.
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

/// The position within a file, for messages.
fn block(line: Option<usize>) -> String {
    line.map(|line| format!(", PEM block that begins on line {line}")).unwrap_or_default()
}

/// The reason why a certificate is not allowed in a store of this kind.
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
