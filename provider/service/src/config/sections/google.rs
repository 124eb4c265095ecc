//! Section `google`, and `credentials.google` of an entry of `registries`.

use std::fmt;
use std::time::Duration;

use super::MINUTE;
use super::SECOND;
use super::braces::braces;
use super::ms;
use super::seconds;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::Kind;
use crate::config::schema::Sample;
use crate::config::schema::Time;
use crate::config::schema::map_schema;
use crate::config::schema::section;

section! {
    /// Section `google`.
    pub Google {
        /// For one connection.
        connect_timeout "connectTimeout": Duration = Time::of(SECOND, ms(50), MINUTE);
        /// For one attempt of a call with its response. After a failure there are further attempts, in at most twice this time: the
        /// metadata server of GKE does not answer in the first seconds of a pod.
        attempt_timeout "attemptTimeout": Duration = Time::of(seconds(3), ms(50), MINUTE);
    }
}

/// For whom tokens for Artifact Registry are issued: the service account of the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GoogleAccount;

impl GoogleAccount {
    /// Whose tokens these are, for messages.
    #[must_use]
    pub fn name(self) -> String {
        "the service account of the pod".to_owned()
    }
}

impl fmt::Display for GoogleAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "google as {}", self.name())
    }
}

/// `{}`: the service account of the pod. It has no keys.
pub(super) struct GoogleKind;

impl Kind for GoogleKind {
    type Value = Option<GoogleAccount>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<GoogleAccount> {
        let node = fields.node(key)?;
        if !fields.is_map(key) {
            fields.mistake(node.line, &fields.path_of(key), node.value.kind(), braces(key), "");
            return None;
        }
        let _ = fields.section(key, Vec::new());
        Some(GoogleAccount)
    }

    fn show(&self, key: &str, value: &Option<GoogleAccount>, effective: &mut Effective) {
        if value.is_some() {
            effective.add(key, "true");
        }
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Alternative("{}".to_owned()),
            schema: map_schema(&[]),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// Why a build without the cargo feature `google` refuses keys.
pub(super) const WITHOUT_CLIENTS: &str = "this build has no client of Google Cloud (cargo feature google)";
