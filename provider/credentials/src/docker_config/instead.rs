//! Credential helpers of clouds, whose tokens an entry of `registries` requests itself.

use std::fmt;

/// The kinds of credentials to write in place of helpers that are not started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instead(Vec<(&'static str, &'static str)>);

/// The helpers, by the end of the name of their program, and the kind of credentials for the same registries.
const HELPERS: [(&str, &str); 6] = [
    ("ecr-login", "ecr"),
    ("acr-env", "acr"),
    ("acr-linux", "acr"),
    ("acr-login", "acr"),
    ("gcloud", "google"),
    ("gcr", "google"),
];

impl Instead {
    /// For helpers with these names.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut found = Vec::new();
        for name in names {
            let known = HELPERS.into_iter().find(|(helper, _)| *helper == name);
            found.extend(known.filter(|known| !found.contains(known)));
        }
        Self(found)
    }
}

/// The end of a message; empty if there are none.
impl fmt::Display for Instead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(helper, kind)| {
            write!(f, "; in place of {helper}, write `credentials: {{ {kind}: {{}} }}` in the entry of the registry")
        })
    }
}
