//! Section `trust`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::policy::StoreRef;

use super::HOUR;
use super::ms;
use super::seconds;
use super::stores;
use super::stores::StoreSource;
use super::stores::StoresKind;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::File;
use crate::config::schema::Kind;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::Time;
use crate::config::schema::map_schema;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::schema::with_alternatives;

/// Section `trust`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    pub location: TrustLocation,
    /// The stores that are fetched, and from where.
    pub stores: BTreeMap<StoreRef, StoreSource>,
    /// The stores that have an entry with a mistake, so that it is not known from where they are fetched. Not empty only after
    /// [`Config::survey`](crate::config::Config::survey).
    pub unread_stores: BTreeSet<StoreRef>,
    /// How often all files are compared with what is in use.
    pub reload_interval: Duration,
}

/// The paths of the trust policy document and the trust stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustLocation {
    /// A Notation configuration directory.
    Directory(PathBuf),
    /// The policy document, and the directory that has `x509/<type>/<name>/` below it.
    Apart { policy: PathBuf, store: PathBuf },
}

section! {
    /// As written.
    pub(super) TrustKeys {
        /// A Notation configuration directory: trustpolicy.oci.json, else trustpolicy.json, and truststore/x509/TYPE/NAME/
        /// with certificate files. In place of it `policy` and `store` can be given apart, for example when the policy is
        /// mounted from a ConfigMap and the stores from Secrets.
        directory "directory": Option<PathBuf> = File::written("trust");
        /// The trust policy document.
        policy "policy": Option<PathBuf> = File::alternative("policy/trustpolicy.json");
        /// The directory that has x509/TYPE/NAME/ below it.
        store "store": Option<PathBuf> = File::alternative("truststore");
        /// Trust stores that are fetched, and not in a directory. Without their content, the statements that name them are disabled; when
        /// it cannot be fetched again, the last content stays in use. None unless configured.
        stores "stores": BTreeMap<StoreRef, StoreSource> = StoresKind;
        /// How often the files are compared with what is in use: these, the certificates, the credentials and this
        /// configuration itself. A change takes effect as a whole, for the next request; files with a mistake change nothing
        /// and are reported in the log, in /readyz?verbose and by countersign_last_reload_successful. Of the trust, a
        /// statement with a mistake, or without one of its stores, is disabled: its images are inconclusive, others are not.
        reload_interval "reloadInterval": Duration = Time::of(seconds(10), ms(100), HOUR);
    }
}

/// The whole section. None where it does not say where the policy is.
pub(in crate::config) struct TrustKind;

impl Kind for TrustKind {
    type Value = Option<Trust>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<Trust> {
        let fields = fields.section(key, names(TrustKeys::KEYS));
        let TrustKeys { directory, policy, store, stores, reload_interval } = TrustKeys::read(&fields);
        let location = match (fields.has("directory"), fields.has("policy") || fields.has("store")) {
            (true, true) => {
                fields.conflict("directory", "a directory beside trust.policy or trust.store", "one or the other");
                None
            }
            (true, false) => directory.map(TrustLocation::Directory),
            (false, true) => {
                if !fields.has("policy") {
                    fields.missing("policy", "the trust policy document beside trust.store", "policy/trustpolicy.json");
                }
                if !fields.has("store") {
                    fields.missing("store", "the directory with x509/<type>/<name>/ beside trust.policy", "truststore");
                }
                policy.zip(store).map(|(policy, store)| TrustLocation::Apart { policy, store })
            }
            (false, false) => {
                let wanted = "a Notation configuration directory, or trust.policy and trust.store";
                fields.missing("directory", wanted, "trust");
                None
            }
        };
        let unread_stores = stores::unread(&fields, &stores);
        Some(Trust { location: location?, stores, unread_stores, reload_interval })
    }

    fn show(&self, key: &str, value: &Option<Trust>, effective: &mut Effective) {
        let Some(Trust { location, stores, unread_stores: _, reload_interval }) = value.clone() else { return };
        let (directory, policy, store) = match location {
            TrustLocation::Directory(directory) => (Some(directory), None, None),
            TrustLocation::Apart { policy, store } => (None, Some(policy), Some(store)),
        };
        TrustKeys { directory, policy, store, stores, reload_interval }.show(key, effective);
    }

    fn describe(&self) -> Description {
        let mut schema = with_alternatives(
            map_schema(TrustKeys::KEYS),
            &[(&["directory"], &["policy", "store"]), (&["policy", "store"], &["directory"])],
        );
        if let Some(kind) = schema.get_mut("type") {
            *kind = serde_json::json!("object");
        }
        Description { sample: Sample::Section(TrustKeys::KEYS), schema, limits: String::new(), is_required: true }
    }
}
