//! `trust.stores`: trust stores that are filled from elsewhere than a directory.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use countersign_core::name::Digest;
use countersign_core::policy::StoreRef;
use countersign_http::has_one_reading;
use countersign_http::limits::URL_BYTES;
use countersign_http::with_plain_host;
use url::Url;

use super::azure::WITHOUT_CLIENTS;
use super::key_vault::KeyVaultKind;
use super::key_vault::KeyVaultSource;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::File;
use crate::config::schema::Kind;
use crate::config::schema::Parsed;
use crate::config::schema::Required;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::list_schema;
use crate::config::schema::map_schema;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::schema::with_alternatives;

/// Maximum number of trust stores that are fetched. Each has a task and series of metrics.
pub(in crate::config) const MAX_STORES: usize = 32;

/// Where the certificates of a trust store are fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSource {
    /// A file whose digest is written in the configuration.
    Url(UrlSource),
    /// Certificates of Azure Key Vault.
    KeyVault(KeyVaultSource),
}

impl StoreSource {
    /// The key that describes it, as a label.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::KeyVault(_) => "key-vault",
        }
    }
}

impl fmt::Display for StoreSource {
    /// The origin, for messages. It has no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(UrlSource { location, .. }) => location.fmt(f),
            Self::KeyVault(source) => source.fmt(f),
        }
    }
}

/// A file at an HTTPS URL, pinned by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlSource {
    pub location: StoreLocation,
    /// SHA-256 of the exact bytes.
    pub sha256: Digest,
    /// PEM file with the authorities to trust for the server, in place of the built-in ones.
    pub ca: Option<PathBuf>,
}

/// An HTTPS URL without login, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLocation(Url);

impl StoreLocation {
    const WANTED: &'static str = "an https URL of a file, without a login, a query and a fragment, as these may be secrets: the content is \
                                  pinned by its digest, and may be public";

    fn parse(text: &str) -> Option<Self> {
        if text.len() > URL_BYTES || !has_one_reading(text) || text.contains(['?', '#', '@']) {
            return None;
        }
        let url = Url::parse(text).ok().filter(|url| url.scheme() == "https")?;
        with_plain_host(url).map(Self)
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

section! {
    /// One element, as written.
    pub(super) StoreKeys {
        /// The store, TYPE:NAME, as trustStores of the trust policy names it; TYPE is ca, signingAuthority or tsa. It must not be a
        /// directory as well.
        store "store": Option<StoreRef> = Required(Parsed {
            parse: |text| text.parse::<StoreRef>().ok(),
            wanted: "TYPE:NAME as in trustStores of the trust policy, with the type ca, signingAuthority or tsa",
            example: "ca:shop",
            pattern: r"^(ca|signingAuthority|tsa):[A-Za-z0-9_.-]+$",
            max_bytes: 256,
        });
        /// A file at an https URL, PEM or DER as in a directory, of at most 1 MiB. It is fetched when Countersign starts, and again until
        /// that succeeds; a file that was fetched is not fetched again, as its digest does not change. Until then the statements that name the
        /// store are disabled. Redirects are not followed. Requests take the proxy of evidence.proxy, and evidence.connectTimeout.
        url "url": Option<UrlSource> = UrlKind;
        /// Certificates of Azure Key Vault, in place of `url`; how it is called is in the section `azure`. The newest enabled versions are read
        /// again every refreshInterval, so that a rotated certificate counts without a restart, and a disabled version ends. When the vault
        /// cannot be read, the last content stays in use; what the vault says is gone does not. A certificate must be self-signed or one of an
        /// authority, unless `secret` reads its chain. The identity needs the role Key Vault
        /// Certificate User on the vault.
        key_vault "keyVault": Option<KeyVaultSource> = KeyVaultKind;
    }
}

section! {
    /// `url`, as written.
    pub(super) UrlKeys {
        /// The URL, without a login, a query and a fragment.
        location "location": Option<StoreLocation> = LocationKind;
        /// SHA-256 of the bytes of the file, in hexadecimal digits: what sha256sum prints. Upper case, and colons between pairs of digits,
        /// are accepted. A file with another digest is not used.
        sha256 "sha256": Option<Digest> = Required(Parsed {
            parse: parse_sha256,
            wanted: "the SHA-256 of the file, 64 hexadecimal digits",
            example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            pattern: r"^(sha256:)?([0-9A-Fa-f]{64}|([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2})$",
            max_bytes: 102,
        });
        /// PEM file with the certificate authorities to trust for the server, in place of the built-in ones; read for each attempt.
        ca "ca": Option<PathBuf> = File::alternative("ca/pki.pem");
    }
}

/// A digest as programs print it: in any letter case, in pairs of digits with colons between them, with the algorithm before it.
fn parse_sha256(text: &str) -> Option<Digest> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let pairs: Vec<&str> = digits.split(':').collect();
    let is_in_pairs = pairs.len() == 32 && pairs.iter().all(|pair| pair.len() == 2);
    let digits = if is_in_pairs { pairs.concat() } else { digits.to_owned() };
    format!("sha256:{}", digits.to_ascii_lowercase()).parse().ok()
}

/// A required [`StoreLocation`]. A query is not shown, as it may be a signature that allows to read the file.
pub(super) struct LocationKind;

const LOCATION: Required<StoreLocation> = Required(Parsed {
    parse: StoreLocation::parse,
    wanted: StoreLocation::WANTED,
    example: "https://pki.example.com/shop-root.pem",
    pattern: r"^[hH][tT][tT][pP][sS]://[^?#@\\]+$",
    max_bytes: URL_BYTES,
});

impl Kind for LocationKind {
    type Value = Option<StoreLocation>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<StoreLocation> {
        let text = fields.node(key).and_then(|node| node.value.as_str()).unwrap_or_default();
        if text.contains('?') && !text.contains('@') {
            fields.conflict(key, "a URL with a query, which is not shown", StoreLocation::WANTED);
            return None;
        }
        LOCATION.read(fields, key)
    }

    fn show(&self, key: &str, value: &Option<StoreLocation>, effective: &mut Effective) {
        LOCATION.show(key, value, effective);
    }

    fn describe(&self) -> Description {
        LOCATION.describe()
    }
}

/// `url` of an element.
pub(super) struct UrlKind;

impl Kind for UrlKind {
    type Value = Option<UrlSource>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<UrlSource> {
        if !fields.has(key) {
            return None;
        }
        let UrlKeys { location, sha256, ca } = UrlKeys::read(&fields.section(key, names(UrlKeys::KEYS)));
        Some(UrlSource { location: location?, sha256: sha256?, ca })
    }

    fn show(&self, key: &str, value: &Option<UrlSource>, effective: &mut Effective) {
        if let Some(UrlSource { location, sha256, ca }) = value.clone() {
            UrlKeys { location: Some(location), sha256: Some(sha256), ca }.show(key, effective);
        }
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Section(UrlKeys::KEYS),
            schema: map_schema(UrlKeys::KEYS),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// The stores of the list that are not among `stores`, the ones that can be read.
pub(super) fn unread(fields: &Fields<'_>, stores: &BTreeMap<StoreRef, StoreSource>) -> BTreeSet<StoreRef> {
    let Some(list) = fields.node("stores").and_then(|node| node.value.elements()) else { return BTreeSet::new() };
    let names = list.iter().filter_map(|element| element.value.member("store")?.value.as_str()?.parse().ok());
    names.filter(|store| !stores.contains_key(store)).collect()
}

/// The whole list.
pub(super) struct StoresKind;

impl Kind for StoresKind {
    type Value = BTreeMap<StoreRef, StoreSource>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Self::Value {
        let mut stores = BTreeMap::new();
        let list = fields.list(key);
        if list.len() > MAX_STORES {
            fields.conflict(key, format_args!("{} stores", list.len()), format_args!("at most {MAX_STORES}"));
        }
        for (path, node) in list.into_iter().take(MAX_STORES) {
            let entry = fields.element(node, &path, names(StoreKeys::KEYS));
            let StoreKeys { store, url, key_vault } = StoreKeys::read(&entry);
            match (entry.has("url"), entry.has("keyVault")) {
                (true, true) => entry.conflict("keyVault", "a vault beside url", "one or the other"),
                (false, false) => entry.missing("url", "where the certificates of the store are: url or keyVault", ""),
                (false, true) if !cfg!(feature = "azure") => {
                    let wanted = format_args!("another key: {WITHOUT_CLIENTS}");
                    entry.conflict("keyVault", "certificates of Azure Key Vault", wanted);
                }
                (true, false) | (false, true) => {}
            }
            let Some(store) = store else { continue };
            entry.is_store(&store);
            let source = url.map(StoreSource::Url).or(key_vault.map(StoreSource::KeyVault));
            let Some(source) = source else { continue };
            if stores.insert(store.clone(), source).is_some() {
                entry.conflict("store", format_args!("{store} twice"), "each store once");
            }
        }
        stores
    }

    fn show(&self, key: &str, value: &Self::Value, effective: &mut Effective) {
        for (store, source) in value {
            let mut shown = Effective::default();
            shown.add("store", store);
            match source.clone() {
                StoreSource::Url(url) => UrlKind.show("url", &Some(url), &mut shown),
                StoreSource::KeyVault(vault) => KeyVaultKind.show("keyVault", &Some(vault), &mut shown),
            }
            effective.add(key, format_args!("{{{shown}}}"));
        }
    }

    fn describe(&self) -> Description {
        let mut schema = list_schema(StoreKeys::KEYS);
        if let Some(items) = schema.get_mut("items") {
            *items = with_alternatives(items.take(), &[(&["url"], &["keyVault"]), (&["keyVault"], &["url"])]);
        }
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("maxItems".to_owned(), MAX_STORES.into());
        }
        Description {
            sample: Sample::List(StoreKeys::KEYS),
            schema,
            limits: format!("At most {MAX_STORES}."),
            is_required: false,
        }
    }
}
