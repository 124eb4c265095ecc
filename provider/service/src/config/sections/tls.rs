//! `server.tls`.

use std::path::PathBuf;

use serde_json::json;

use crate::config::Purpose;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::FILE_PATTERN;
use crate::config::schema::Kind;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::map_schema;
use crate::config::schema::names;
use crate::config::schema::section;

/// Section `server.tls`: PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Authorities that sign client certificates.
    pub client_ca: PathBuf,
}

section! {
    /// As written.
    pub(super) TlsKeys {
        /// The server's certificate with its intermediates.
        certificate "certificate": Option<PathBuf> = PemFile { example: "tls/tls.crt" };
        /// The private key of the certificate.
        key_file "key": Option<PathBuf> = PemFile { example: "tls/tls.key" };
        /// The certificate authority that signs Gatekeeper's client certificate (in a standard installation the ca.crt of
        /// the secret gatekeeper-webhook-server-cert). Danger: every holder of a certificate of this CA with one of the
        /// names in allowedClients can request verdicts.
        client_ca "clientCa": Option<PathBuf> = PemFile { example: "client-ca/ca.crt" };
    }
}

/// All three files. None where nothing is served.
pub(in crate::config) struct TlsKind;

impl Kind for TlsKind {
    type Value = Option<Tls>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<Tls> {
        if fields.purpose() != Purpose::Serve && !fields.has(key) {
            return None;
        }
        let TlsKeys { certificate, key_file, client_ca } = TlsKeys::read(&fields.section(key, names(TlsKeys::KEYS)));
        Some(Tls { certificate: certificate?, key: key_file?, client_ca: client_ca? })
    }

    fn show(&self, key: &str, value: &Option<Tls>, effective: &mut Effective) {
        if let Some(Tls { certificate, key: key_file, client_ca }) = value.clone() {
            let (certificate, key_file, client_ca) = (Some(certificate), Some(key_file), Some(client_ca));
            TlsKeys { certificate, key_file, client_ca }.show(key, effective);
        }
    }

    fn describe(&self) -> Description {
        let mut schema = map_schema(TlsKeys::KEYS);
        if let Some(kind) = schema.get_mut("type") {
            *kind = json!(["object", "null"]);
        }
        Description { sample: Sample::Section(TlsKeys::KEYS), schema, limits: String::new(), is_required: false }
    }
}

/// The path of a file that must be named.
pub(super) struct PemFile {
    pub(super) example: &'static str,
}

impl Kind for PemFile {
    type Value = Option<PathBuf>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<PathBuf> {
        if !fields.has(key) {
            fields.missing(key, "a PEM file", self.example);
        }
        fields.file(key, self.example)
    }

    fn show(&self, key: &str, value: &Option<PathBuf>, effective: &mut Effective) {
        if let Some(path) = value {
            effective.path(key, path);
        }
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Value(self.example.to_owned()),
            schema: json!({"type": "string", "pattern": FILE_PATTERN, "examples": [self.example]}),
            limits: String::new(),
            is_required: true,
        }
    }
}
