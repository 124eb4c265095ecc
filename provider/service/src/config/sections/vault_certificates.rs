//! `certificates` of `trust.stores[].keyVault`.

use std::fmt;

use countersign_core::name::VaultCertificate;
use countersign_core::name::VaultCertificateVersion;

use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::Kind;
use crate::config::schema::Number;
use crate::config::schema::Optional;
use crate::config::schema::Parsed;
use crate::config::schema::Required;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::list_schema;
use crate::config::schema::names;
use crate::config::schema::section;

/// Maximum number of certificates of a store.
const MAX_CERTIFICATES: usize = 16;

/// Maximum number of versions of a certificate.
const MAX_VERSIONS: usize = 20;

/// A certificate of a vault, and which versions of it are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultEntry {
    /// Its name in the vault.
    pub name: VaultCertificate,
    /// What counts of it.
    pub versions: VaultVersions,
}

/// Which versions of a certificate are trusted; disabled ones never are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultVersions {
    /// So many of the newest enabled ones.
    Newest(usize),
    /// This one, if it is enabled.
    One(VaultCertificateVersion),
}

impl fmt::Display for VaultEntry {
    /// `shop, the 2 newest enabled versions`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.versions {
            VaultVersions::Newest(1) => write!(f, "{}, the newest enabled version", self.name),
            VaultVersions::Newest(count) => write!(f, "{}, the {count} newest enabled versions", self.name),
            VaultVersions::One(version) => write!(f, "{}, version {version}", self.name),
        }
    }
}

impl VaultEntry {
    /// Whether both may have the same version.
    fn overlaps(&self, other: &Self) -> bool {
        self.name == other.name
            && match (&self.versions, &other.versions) {
                (VaultVersions::One(one), VaultVersions::One(other)) => one == other,
                (VaultVersions::Newest(_), _) | (_, VaultVersions::Newest(_)) => true,
            }
    }
}

section! {
    /// One element, as written.
    pub(super) EntryKeys {
        /// The name of the certificate in the vault.
        name "name": Option<VaultCertificate> = Required(Parsed {
            parse: |text| text.parse::<VaultCertificate>().ok(),
            wanted: VaultCertificate::FORM,
            example: "shop-signing",
            pattern: r"^[A-Za-z0-9-]{1,127}$",
            max_bytes: 127,
        });
        /// How many of the newest enabled versions are trusted: with 2, signatures of the former version verify after a rotation too. 1 unless
        /// configured.
        versions "versions": Option<usize> = Optional(Number::of(1, 1, MAX_VERSIONS));
        /// This version alone, in place of the newest ones.
        version "version": Option<VaultCertificateVersion> = Parsed {
            parse: |text| text.parse::<VaultCertificateVersion>().ok(),
            wanted: VaultCertificateVersion::FORM,
            example: "0123456789abcdef0123456789abcdef",
            pattern: r"^[0-9a-f]{32}$",
            max_bytes: 32,
        };
    }
}

/// The list, at least one.
pub(super) struct VaultEntries;

impl Kind for VaultEntries {
    type Value = Vec<VaultEntry>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Vec<VaultEntry> {
        let list = fields.list(key);
        let wanted = format!("1 to {MAX_CERTIFICATES} certificates, each with its name");
        if !fields.has(key) {
            fields.missing(key, &wanted, "[{name: shop-signing}]");
        } else if !(1..=MAX_CERTIFICATES).contains(&list.len()) {
            fields.conflict(key, format_args!("{} certificates", list.len()), wanted);
        }
        let mut entries: Vec<VaultEntry> = Vec::new();
        for (path, node) in list.into_iter().take(MAX_CERTIFICATES) {
            let entry = fields.element(node, &path, names(EntryKeys::KEYS));
            let EntryKeys { name, versions, version } = EntryKeys::read(&entry);
            if versions.is_some() && version.is_some() {
                entry.conflict("version", "a version beside versions", "one or the other");
            }
            let Some(name) = name else { continue };
            let versions = version.map_or(VaultVersions::Newest(versions.unwrap_or(1)), VaultVersions::One);
            let added = VaultEntry { name, versions };
            if entries.iter().any(|other| other.overlaps(&added)) {
                let found = format_args!("{} twice", added.name);
                entry.conflict("name", found, "each certificate once, or each time with another version");
            }
            entries.push(added);
        }
        entries
    }

    fn show(&self, key: &str, value: &Vec<VaultEntry>, effective: &mut Effective) {
        for VaultEntry { name, versions } in value {
            match versions {
                VaultVersions::Newest(count) => effective.add(key, format_args!("{name}:{count}")),
                VaultVersions::One(version) => effective.add(key, format_args!("{name}/{version}")),
            }
        }
    }

    fn describe(&self) -> Description {
        let mut schema = list_schema(EntryKeys::KEYS);
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("type".to_owned(), "array".into());
            schema.insert("minItems".to_owned(), 1.into());
            schema.insert("maxItems".to_owned(), MAX_CERTIFICATES.into());
            schema.remove("default");
        }
        Description {
            sample: Sample::List(EntryKeys::KEYS),
            schema,
            limits: format!("At most {MAX_CERTIFICATES}."),
            is_required: true,
        }
    }
}
