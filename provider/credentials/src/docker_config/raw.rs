//! The file as parsed JSON. A member that should be a string but is not is recorded as invalid, and its value is
//! dropped.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use crate::limits;

/// The members that are used. Others are ignored.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// `None` if the member `auths` is absent.
    pub(super) auths: Option<Entries>,
    /// Members that look like hosts. Without `auths`, the file has the older form, with entries at the top level.
    pub(super) at_top: Entries,
    pub(super) creds_store: Option<String>,
    pub(super) cred_helpers: Helpers,
}

/// Entries by key, in the order of the file; at most [`limits::DOCKER_CONFIG_ENTRIES`].
#[derive(Debug, Default)]
pub(super) struct Entries(pub(super) Vec<(String, RawEntry)>);

/// Helpers by host, those with a name; at most [`limits::DOCKER_CONFIG_ENTRIES`].
#[derive(Debug, Default)]
pub(super) struct Helpers(pub(super) Vec<(String, String)>);

/// One entry.
#[derive(Debug, Default)]
pub(super) struct RawEntry {
    /// Whether it is an object, or null.
    pub(super) is_entry: bool,
    pub(super) auth: Field,
    pub(super) username: Field,
    pub(super) password: Field,
    pub(super) identitytoken: Field,
    pub(super) registrytoken: Field,
    /// The name of a member that differs from one of these only in case.
    pub(super) misspelt: Option<String>,
}

/// A member that should be a string.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Field {
    /// Absent, null or an empty string.
    #[default]
    Empty,
    Text(String),
    Other,
}

const MEMBERS: [&str; 5] = ["auth", "username", "password", "identitytoken", "registrytoken"];

impl RawEntry {
    fn member(&mut self, name: &str) -> Option<&mut Field> {
        match name {
            "auth" => Some(&mut self.auth),
            "username" => Some(&mut self.username),
            "password" => Some(&mut self.password),
            "identitytoken" => Some(&mut self.identitytoken),
            "registrytoken" => Some(&mut self.registrytoken),
            _ => None,
        }
    }

    /// Each member with its name.
    pub(super) fn members(&self) -> [(&'static str, &Field); 5] {
        let [auth, username, password, identitytoken, registrytoken] = MEMBERS;
        [
            (auth, &self.auth),
            (username, &self.username),
            (password, &self.password),
            (identitytoken, &self.identitytoken),
            (registrytoken, &self.registrytoken),
        ]
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Document;
        impl<'de> Visitor<'de> for Document {
            type Value = Raw;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let mut raw = Raw::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "auths" => raw.auths = Some(map.next_value()?),
                        "credsStore" => raw.creds_store = map.next_value::<Field>()?.text(),
                        "credHelpers" => raw.cred_helpers = map.next_value()?,
                        host if host.contains(['.', ':', '*']) || host == "localhost" => {
                            let entry = map.next_value()?;
                            raw.at_top.add::<A::Error>(name, entry)?;
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(raw)
            }
        }
        deserializer.deserialize_map(Document)
    }
}

impl Entries {
    fn add<E: Error>(&mut self, key: String, entry: RawEntry) -> Result<(), E> {
        if self.0.len() == limits::DOCKER_CONFIG_ENTRIES {
            return Err(E::custom("too many entries"));
        }
        self.0.push((key, entry));
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with an entry for each registry")
            }

            fn visit_unit<E>(self) -> Result<Entries, E> {
                Ok(Entries::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Entries::default();
                while let Some(key) = map.next_key()? {
                    entries.add::<A::Error>(key, map.next_value()?)?;
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_any(Members)
    }
}

impl<'de> Deserialize<'de> for Helpers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Helpers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a helper for each registry")
            }

            fn visit_unit<E>(self) -> Result<Helpers, E> {
                Ok(Helpers::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Helpers, A::Error> {
                let mut helpers = Vec::new();
                while let Some(host) = map.next_key()? {
                    match map.next_value::<Field>()?.text() {
                        Some(helper) if helpers.len() < limits::DOCKER_CONFIG_ENTRIES => helpers.push((host, helper)),
                        Some(_) | None => {}
                    }
                }
                Ok(Helpers(helpers))
            }
        }
        deserializer.deserialize_any(Members)
    }
}

impl<'de> Deserialize<'de> for RawEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = RawEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry")
            }

            fn visit_unit<E>(self) -> Result<RawEntry, E> {
                Ok(RawEntry { is_entry: true, ..RawEntry::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawEntry, A::Error> {
                let mut entry = RawEntry { is_entry: true, ..RawEntry::default() };
                while let Some(name) = map.next_key::<String>()? {
                    match entry.member(&name) {
                        Some(field) => *field = map.next_value()?,
                        None => {
                            map.next_value::<IgnoredAny>()?;
                            if MEMBERS.iter().any(|member| name.eq_ignore_ascii_case(member)) {
                                entry.misspelt = Some(name);
                            }
                        }
                    }
                }
                Ok(entry)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawEntry, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(RawEntry::default())
            }

            fn visit_bool<E>(self, _: bool) -> Result<RawEntry, E> {
                Ok(RawEntry::default())
            }

            fn visit_i64<E>(self, _: i64) -> Result<RawEntry, E> {
                Ok(RawEntry::default())
            }

            fn visit_u64<E>(self, _: u64) -> Result<RawEntry, E> {
                Ok(RawEntry::default())
            }

            fn visit_f64<E>(self, _: f64) -> Result<RawEntry, E> {
                Ok(RawEntry::default())
            }

            fn visit_str<E>(self, _: &str) -> Result<RawEntry, E> {
                Ok(RawEntry::default())
            }
        }
        deserializer.deserialize_any(Members)
    }
}

impl Field {
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Empty | Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;
        impl<'de> Visitor<'de> for Value {
            type Value = Field;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Field, E> {
                Ok(if text.is_empty() { Field::Empty } else { Field::Text(text.to_owned()) })
            }

            fn visit_unit<E>(self) -> Result<Field, E> {
                Ok(Field::Empty)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
                Ok(Field::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Field::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Field::Other)
            }
        }
        deserializer.deserialize_any(Value)
    }
}
