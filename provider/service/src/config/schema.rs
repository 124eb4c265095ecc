//! The table of the configuration's keys. Each key is declared once, in [`sections`](super::sections), with its name,
//! its kind (type, default, limits), its documentation and whether a change of it needs a restart. The parser, the
//! line of the effective configuration, the reference sample and the JSON Schema are derived from it.

mod bounded;
mod json_schema;
mod kind;
mod parsed;
mod reference;

use std::fmt;
use std::path::Path;

use countersign_files::ShownPath;

pub(super) use super::field_path::join;
use super::fields::Fields;

pub(super) use self::bounded::Number;
pub(super) use self::bounded::Optional;
pub(super) use self::bounded::Size;
pub(super) use self::bounded::Time;
pub(super) use self::json_schema::json_schema;
pub(super) use self::json_schema::of_list as list_schema;
pub(super) use self::json_schema::of_map as map_schema;
pub(super) use self::json_schema::with_alternatives;
pub(super) use self::kind::Address;
pub(super) use self::kind::Choice;
pub(super) use self::kind::DnsNames;
pub(super) use self::kind::FILE_PATTERN;
pub(super) use self::kind::File;
pub(super) use self::kind::Flag;
pub(super) use self::kind::Nested;
pub(super) use self::parsed::Parsed;
pub(super) use self::parsed::Required;
pub(super) use self::reference::reference_sample;

/// The keys of one map, in the order of the reference sample.
pub(super) type Keys = &'static [&'static dyn AnyKey];

/// One key.
pub(super) struct Key<K> {
    pub(super) name: &'static str,
    /// For the reference sample and the JSON Schema: meaning, unit and danger; not the limits, which `kind` has.
    pub(super) doc: &'static str,
    pub(super) kind: K,
    pub(super) change: Change,
}

/// When a changed value has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// With the reload, for the next request.
    Reload,
    /// After a restart.
    Restart,
}

impl<K: Kind> Key<K> {
    /// Reads the value, or notes a mistake and gives the default.
    pub(super) fn read(&self, fields: &Fields<'_>) -> K::Value {
        self.kind.read(fields, self.name)
    }

    /// Adds `value` to the effective configuration.
    pub(super) fn show(&self, value: &K::Value, effective: &mut Effective) {
        self.kind.show(self.name, value, effective);
    }
}

/// The values that a key may have.
pub(super) trait Kind: Sync {
    /// The type that it is read into.
    type Value;

    /// Reads the value of `key`, or notes a mistake and gives the default.
    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Self::Value;

    /// Adds `value` to the effective configuration under `key`.
    fn show(&self, key: &str, value: &Self::Value, effective: &mut Effective);

    /// For the reference sample and the JSON Schema.
    fn describe(&self) -> Description;
}

/// A kind without its types.
pub(super) struct Description {
    pub(super) sample: Sample,
    /// Without the description.
    pub(super) schema: serde_json::Value,
    /// The limits as a sentence; empty without any.
    pub(super) limits: String,
    /// Whether the map that has the key must have it.
    pub(super) is_required: bool,
}

/// How a key is shown in the reference sample.
pub(super) enum Sample {
    /// With this value: the default, or an example if there is none.
    Value(String),
    /// Commented out, with an example.
    Alternative(String),
    /// A map of keys.
    Section(Keys),
    /// A map of keys, commented out.
    AlternativeSection(Keys),
    /// An empty list, and behind it a commented-out element.
    List(Keys),
    /// A map with names of the operator's, of which this is an example.
    Map { name: &'static str, value: &'static str },
}

/// A key without its types.
pub(super) trait AnyKey: Sync {
    fn name(&self) -> &'static str;
    fn doc(&self) -> &'static str;
    fn change(&self) -> Change;
    fn describe(&self) -> Description;
}

impl<K: Kind> AnyKey for Key<K> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn change(&self) -> Change {
        self.change
    }

    fn describe(&self) -> Description {
        self.kind.describe()
    }
}

/// The names of `keys`.
pub(super) fn names(keys: Keys) -> Vec<&'static str> {
    keys.iter().map(|key| key.name()).collect()
}

/// A section whose keys are read one by one: made by [`section!`].
pub(super) trait Section: Sized {
    const KEYS: Keys;

    /// Reads all keys. Conflicts between keys are checked by the caller.
    fn read(fields: &Fields<'_>) -> Self;

    /// Adds all keys, each with `path` in front of its name.
    fn show(&self, path: &str, effective: &mut Effective);
}

/// The effective configuration: every key with its value. Nothing in it is secret: credentials are paths.
#[derive(Debug, Default)]
pub(super) struct Effective {
    entries: Vec<(String, String)>,
}

impl Effective {
    pub(super) fn add(&mut self, key: &str, value: impl fmt::Display) {
        self.entries.push((key.to_owned(), value.to_string()));
    }

    pub(super) fn path(&mut self, key: &str, value: &Path) {
        // Does not look whether there is such a file: the text must not change with time.
        self.add(key, format_args!("{:?}", ShownPath::missing(value).to_string()));
    }

    /// Each key with its value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl fmt::Display for Effective {
    /// `key=value` with the keys of the file, separated by spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (key, value)) in self.entries.iter().enumerate() {
            let separator = if number == 0 { "" } else { " " };
            write!(f, "{separator}{key}={value}")?;
        }
        Ok(())
    }
}

/// The full names of the keys below `keys` whose change needs a restart.
pub(super) fn restart_keys(keys: Keys) -> Vec<String> {
    fn collect(keys: Keys, path: &str, found: &mut Vec<String>) {
        for key in keys {
            let name = join(path, key.name());
            if key.change() == Change::Restart {
                found.push(name.clone());
            }
            if let Sample::Section(keys) = key.describe().sample {
                collect(keys, &name, found);
            }
        }
    }
    let mut found = Vec::new();
    collect(keys, "", &mut found);
    found
}

/// Defines a section: a struct with a field for each key, and the [`Section`] that reads and shows it. The first line of a
/// field's documentation is for the field, and all of it for the reference sample and the JSON Schema.
///
/// ```ignore
/// section! {
///     /// Section `cache`.
///     pub Cache {
///         /// Memory for cached verdicts.
///         verdict_bytes "verdictBytes": usize = Size::of(16 * MIB, 0, 4096 * MIB);
///     }
/// }
/// ```
macro_rules! section {
    (
        $(#[$about:meta])*
        $vis:vis $section:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident $name:literal $([$change:ident])?: $type:ty = $value:expr;
            )*
        }
    ) => {
        $(#[$about])*
        // The descriptions are also those of the sample, where brackets are no links.
        #[allow(rustdoc::broken_intra_doc_links)]
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis struct $section {
            $($(#[doc = $doc])+ $vis $field: $type,)*
        }

        impl $crate::config::schema::Section for $section {
            const KEYS: $crate::config::schema::Keys = &[
                $(&$crate::config::schema::Key {
                    name: $name,
                    doc: concat!($($doc),+),
                    kind: $value,
                    change: $crate::config::schema::section!(@change $($change)?),
                },)*
            ];

            fn read(fields: &$crate::config::fields::Fields<'_>) -> Self {
                $(let $field = $crate::config::schema::Kind::read(&$value, fields, $name);)*
                Self { $($field,)* }
            }

            fn show(&self, path: &str, effective: &mut $crate::config::schema::Effective) {
                let Self { $($field,)* } = self;
                $(
                    let key = $crate::config::schema::join(path, $name);
                    $crate::config::schema::Kind::show(&$value, &key, $field, effective);
                )*
            }
        }
    };
    (@change) => { $crate::config::schema::Change::Reload };
    (@change $change:ident) => { $crate::config::schema::Change::$change };
}

pub(super) use section;
