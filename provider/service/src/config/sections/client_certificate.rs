//! `clientCertificate` of an entry of `registries`.

use std::path::PathBuf;

use serde_json::json;

use super::tls::PemFile;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::Flag;
use crate::config::schema::Kind;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::map_schema;
use crate::config::schema::names;
use crate::config::schema::section;

/// The files of the certificate that is presented to the hosts of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryCertificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub for_realm_hosts: bool,
}

section! {
    /// As written.
    pub(super) ClientCertificateKeys {
        /// The certificate with its intermediates, in PEM.
        certificate "certificateFile": Option<PathBuf> = PemFile { example: "registry-client/tls.crt" };
        /// The private key of the certificate, in PEM.
        key_file "keyFile": Option<PathBuf> = PemFile { example: "registry-client/tls.key" };
        /// Present it to the hosts of realmHosts, too. Danger: whoever serves these hosts learns who Countersign is.
        for_realm_hosts "forRealmHosts": bool = Flag(false);
    }
}

/// Both files, or none.
pub(super) struct ClientCertificateKind;

impl Kind for ClientCertificateKind {
    type Value = Option<RegistryCertificate>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<RegistryCertificate> {
        if !fields.has(key) {
            return None;
        }
        let fields = fields.section(key, names(ClientCertificateKeys::KEYS));
        let ClientCertificateKeys { certificate, key_file, for_realm_hosts } = ClientCertificateKeys::read(&fields);
        Some(RegistryCertificate { certificate: certificate?, key: key_file?, for_realm_hosts })
    }

    fn show(&self, key: &str, value: &Option<RegistryCertificate>, effective: &mut Effective) {
        if let Some(RegistryCertificate { certificate, key: key_file, for_realm_hosts }) = value.clone() {
            let (certificate, key_file) = (Some(certificate), Some(key_file));
            ClientCertificateKeys { certificate, key_file, for_realm_hosts }.show(key, effective);
        }
    }

    fn describe(&self) -> Description {
        let mut schema = map_schema(ClientCertificateKeys::KEYS);
        if let Some(kind) = schema.get_mut("type") {
            *kind = json!(["object", "null"]);
        }
        let sample = Sample::Section(ClientCertificateKeys::KEYS);
        Description { sample, schema, limits: String::new(), is_required: false }
    }
}
