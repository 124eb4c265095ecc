//! Docker's `config.json`, which is also what a `kubernetes.io/dockerconfigjson` secret holds, and the older
//! `.dockercfg` of `kubernetes.io/dockercfg`, which has the entries at the top level.
//!
//! Interpreted as by the kubelet: only entries apply, and credential helpers, which are processes, are not started.
//! Of several entries for an image, only the most specific one is used.
//!
//! An entry with a mistake is disabled and does not affect others. No requests are sent for the images that it
//! matches, as an anonymous request could have another response.

mod entry;
mod error;
mod instead;
mod key;
mod raw;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod warning;

use std::fmt;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::json;
use countersign_core::codec::text::Text;
use countersign_core::name::Host;

use self::key::Hosts;
use self::key::Key;
use self::key::KeyError;
use self::raw::Raw;
use crate::identity::Identity;
use crate::limits;
use crate::scope::CredentialName;

pub use self::entry::EntryError;
pub use self::error::DockerConfigError;
pub use self::error::EntryMistake;
pub use self::instead::Instead;
pub use self::warning::DockerConfigWarning;

/// The credentials of a Docker configuration, each bound to hosts and perhaps to a path on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerConfig {
    file: String,
    /// Sorted by precedence, highest first: exact hosts, then patterns.
    entries: Vec<Entry>,
    /// Keys that are invalid.
    unreadable_keys: Vec<UnreadableKey>,
    mistakes: Vec<EntryMistake>,
    warnings: Vec<DockerConfigWarning>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    key: Key,
    written: Excerpt,
    access: Access,
    /// The name of the identity, if it has one.
    name: Option<CredentialName>,
}

/// The access of an entry. Of entries for the same images, the greatest applies: an identity precedes a broken entry,
/// which precedes an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Access {
    Anonymous,
    Broken(EntryError),
    Identity(Identity),
}

/// The name of a login within this entry, as another entry may have the same login for other images.
fn name_within(key: &Key, identity: &Identity) -> Option<CredentialName> {
    identity.name().map(|name| name.within(&format!("docker {key}")))
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct UnreadableKey {
    /// `None` if it could be any host.
    hosts: Option<Hosts>,
    mistake: EntryMistake,
}

/// The result of the lookup of a repository in a Docker configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DockerConfigMatch<'a> {
    Anonymous {
        /// The key of the empty entry that matches, if one does.
        key: Option<&'a Excerpt>,
    },
    Identity {
        identity: &'a Identity,
        /// The name of the identity within the configuration.
        name: Option<CredentialName>,
    },
    /// The identity is unusable, with the reason.
    Unusable(Text),
}

impl DockerConfig {
    /// Parses a configuration of at most 1 MiB, named `file` in messages. Other members are ignored. Entries with a
    /// mistake are not an error; see [`Self::mistakes`].
    ///
    /// # Errors
    /// The file is not a Docker configuration, or configures only unsupported sources of credentials.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, DockerConfigError> {
        if bytes.len() > limits::DOCKER_CONFIG_BYTES {
            return Err(DockerConfigError::TooLarge { found: bytes.len() });
        }
        let Raw { auths, at_top, creds_store, cred_helpers } =
            json::from_slice(bytes, &limits::DOCKER_CONFIG_JSON).map_err(|_| DockerConfigError::Json)?;
        let helpers = creds_store.iter().chain(cred_helpers.0.iter().map(|(_, helper)| helper));
        let instead = Instead::of(helpers.map(String::as_str));
        let wants_helper = creds_store.is_some() || !cred_helpers.0.is_empty();
        let entries = match (auths, at_top.0.is_empty()) {
            (Some(auths), _) => auths,
            (None, false) => at_top,
            (None, true) if wants_helper => return Err(DockerConfigError::HelpersOnly { instead }),
            (None, true) => return Err(DockerConfigError::NoAuths),
        };
        if entries.0.is_empty() && wants_helper {
            return Err(DockerConfigError::HelpersOnly { instead });
        }
        let mut config = Self {
            file: file.to_owned(),
            entries: Vec::new(),
            unreadable_keys: Vec::new(),
            mistakes: Vec::new(),
            warnings: Vec::new(),
        };
        if entries.0.is_empty() {
            config.warnings.push(DockerConfigWarning::NoEntries);
        }
        for (key, raw) in entries.0 {
            config.add(&key, entry::identity(raw));
        }
        config.entries.sort_by(|a, b| b.key.precedence().cmp(&a.key.precedence()));
        config.warn_of_helpers(creds_store, &cred_helpers.0);
        Ok(config)
    }

    fn add(&mut self, key: &str, identity: Result<Option<Identity>, EntryError>) {
        let written = shown(key);
        let mistake = |error| EntryMistake { key: shown(key), error };
        let key = match Key::parse(key) {
            Ok(key) => key,
            Err(KeyError::Host) => return self.add_unreadable_key(None, mistake(EntryError::Host)),
            Err(KeyError::Path(hosts)) => return self.add_unreadable_key(Some(hosts), mistake(EntryError::Path)),
        };
        let access = match identity {
            Ok(None) => Access::Anonymous,
            Ok(Some(identity)) => {
                if entry::ends_with_stray_line_feed(identity.method()) {
                    self.warnings.push(DockerConfigWarning::LineFeed { key: written.clone() });
                }
                let origin = format_args!("entry {written} of credentials.dockerConfig {}", self.file);
                Access::Identity(identity.with_origin(origin))
            }
            Err(error) => {
                self.mistakes.push(mistake(error.clone()));
                Access::Broken(error)
            }
        };
        let name = match &access {
            Access::Identity(identity) => name_within(&key, identity),
            Access::Anonymous | Access::Broken(_) => None,
        };
        let new = Entry { key, written, access, name };
        match self.entries.iter_mut().find(|other| other.key.is_as(&new.key)) {
            None => self.entries.push(new),
            Some(other) => {
                let (by, shadowed) =
                    if new.precedes(other) { (new.clone(), other.clone()) } else { (other.clone(), new) };
                // A broken entry is already reported as a mistake.
                if by.access != shadowed.access && !matches!(shadowed.access, Access::Broken(_)) {
                    let (key, by) = (shadowed.written, by.written.clone());
                    self.warnings.push(DockerConfigWarning::Shadowed { key, by });
                }
                *other = by;
            }
        }
    }

    fn add_unreadable_key(&mut self, hosts: Option<Hosts>, mistake: EntryMistake) {
        self.mistakes.push(mistake.clone());
        self.unreadable_keys.push(UnreadableKey { hosts, mistake });
    }

    fn warn_of_helpers(&mut self, store: Option<String>, helpers: &[(String, String)]) {
        if let Some(helper) = store {
            self.warnings.push(DockerConfigWarning::Store {
                helper: Excerpt::of(&helper),
                instead: Instead::of([helper.as_str()].into_iter()),
            });
        }
        if !helpers.is_empty() {
            let named = helpers.iter().take(limits::HELPERS_NAMED);
            let first: Vec<_> = named.map(|(host, helper)| (shown(host), Excerpt::of(helper))).collect();
            let more = helpers.len() - first.len();
            let instead = Instead::of(helpers.iter().map(|(_, helper)| helper.as_str()));
            self.warnings.push(DockerConfigWarning::Helpers { first, more, instead });
        }
    }

    /// Every entry that is disabled, in order of the file.
    #[must_use]
    pub fn mistakes(&self) -> &[EntryMistake] {
        &self.mistakes
    }

    /// Warnings about probably unintended contents.
    #[must_use]
    pub fn warnings(&self) -> &[DockerConfigWarning] {
        &self.warnings
    }

    /// Looks up `path` on `host`: of the matching entries, the one with the most specific host, then with the longest
    /// path. If none matches, but an invalid key may match, the result is unusable.
    pub(crate) fn find(&self, host: &Host, path: &str) -> DockerConfigMatch<'_> {
        match self.matching_entry(host, path) {
            Some(Entry { access: Access::Anonymous, written, .. }) => {
                DockerConfigMatch::Anonymous { key: Some(written) }
            }
            Some(Entry { access: Access::Identity(identity), name, .. }) => {
                DockerConfigMatch::Identity { identity, name: *name }
            }
            Some(Entry { access: Access::Broken(error), written, .. }) => {
                DockerConfigMatch::Unusable(self.why(format_args!("entry {written} {error}")))
            }
            None => {
                let may_be = |key: &&UnreadableKey| key.hosts.as_ref().is_none_or(|hosts| hosts.has(host));
                match self.unreadable_keys.iter().find(may_be) {
                    Some(UnreadableKey { mistake, hosts: _ }) => DockerConfigMatch::Unusable(
                        self.why(format_args!("no entry is for it but perhaps one that cannot be read: {mistake}")),
                    ),
                    None => DockerConfigMatch::Anonymous { key: None },
                }
            }
        }
    }

    /// The entry with the highest precedence that matches `path` on `host`. Of the exact hosts, only `host` is
    /// searched.
    fn matching_entry(&self, host: &Host, path: &str) -> Option<&Entry> {
        let starting_with = |at: usize| self.entries.get(at..).unwrap_or_default().iter();
        let exact = starting_with(self.entries.partition_point(|entry| entry.key.compared_to(host).is_gt()))
            .take_while(|entry| entry.key.compared_to(host).is_eq());
        let patterns = starting_with(self.entries.partition_point(|entry| !entry.key.is_pattern()));
        exact.chain(patterns).find(|entry| entry.key.covers(host, path))
    }

    /// The identity for a repository that no entry matches, or the empty entry `key`.
    pub(crate) fn anonymous(&self, key: Option<&Excerpt>) -> Identity {
        let file = &self.file;
        match key {
            Some(key) => Identity::anonymous()
                .with_origin(format_args!("entry {key} of credentials.dockerConfig {file}, which is empty")),
            None => Identity::anonymous()
                .with_origin(format_args!("credentials.dockerConfig {file}, which has no entry for this repository")),
        }
    }

    fn why(&self, detail: fmt::Arguments<'_>) -> Text {
        Text::of(format_args!("{}: {detail}", self.file))
    }

    /// The keys of the entries for images on `host`, in order of precedence. Never a secret: a valid key has no login.
    pub fn keys_on(&self, host: &Host) -> impl Iterator<Item = &Excerpt> {
        self.entries.iter().filter(|entry| entry.key.is_on(host)).map(|entry| &entry.written)
    }

    /// Whether there is an entry for some image on `host`.
    #[must_use]
    pub fn knows(&self, host: &Host) -> bool {
        self.entries.iter().any(|entry| entry.key.is_on(host))
            || self.unreadable_keys.iter().any(|key| key.hosts.as_ref().is_none_or(|hosts| hosts.has(host)))
    }
}

impl Entry {
    /// Whether this entry takes precedence over `other`, which is for the same images.
    fn precedes(&self, other: &Self) -> bool {
        (self.access.rank(), self.key.spelling()) > (other.access.rank(), other.key.spelling())
    }
}

impl Access {
    fn rank(&self) -> u8 {
        match self {
            Self::Anonymous => 0,
            Self::Broken(_) => 1,
            Self::Identity(_) => 2,
        }
    }
}

/// A key for messages, without a user name and password, which a valid key does not have.
fn shown(key: &str) -> Excerpt {
    Excerpt::of(key.rsplit_once('@').map_or(key, |(_, rest)| rest))
}
