//! The last request before an error.

use std::fmt;

use countersign_core::codec::text::Text;
use countersign_core::name::Partition;
use countersign_http::authority;
use url::Url;
use url::form_urlencoded;

use crate::query_refusal::QueryRefusal;

/// Where a request was sent, and what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    server: Text,
    /// The action of a request to STS: the errors of the SDK do not name it.
    action: Option<Text>,
    /// The role that STS was asked for.
    role: Option<Text>,
    /// Whether it was for the instance metadata service.
    is_metadata: bool,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// That of STS.
    pub(crate) refusal: Option<QueryRefusal>,
}

/// The last request of a call, if there was one, with its answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastRequest {
    pub(crate) sent: Option<Sent>,
    pub(crate) answered: Option<Answered>,
}

impl Sent {
    pub(crate) fn of(url: &Url, body: &[u8]) -> Self {
        let action = body.strip_prefix(b"Action=").and_then(|rest| rest.split(|byte| *byte == b'&').next());
        let action = action.and_then(|action| std::str::from_utf8(action).ok()).map(|action| Text::at_most(64, action));
        let role = action.as_ref().and_then(|_| form_urlencoded::parse(body).find(|(name, _)| name == "RoleArn"));
        let role = role.map(|(_, role)| Text::at_most(256, role));
        // Whatever address it has ([paths](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html)).
        let is_metadata = url.path().starts_with("/latest/");
        Self { server: Text::at_most(256, authority(url)), action, role, is_metadata }
    }

    pub(crate) fn without_action(self) -> Self {
        Self { action: None, ..self }
    }

    /// The role that STS was asked for.
    pub(crate) fn role(&self) -> Option<&str> {
        self.role.as_ref().map(Text::as_str)
    }

    /// The partition of that role.
    pub(crate) fn partition(&self) -> Option<Partition> {
        let mut fields = self.role()?.split(':');
        fields.next().filter(|arn| *arn == "arn").and_then(|_| Partition::named(fields.next()?))
    }

    /// Whether this is the action.
    pub(crate) fn is_action(&self, action: &str) -> bool {
        self.action.as_ref().is_some_and(|own| own.as_str() == action)
    }

    /// Whether it was for the instance metadata service.
    pub(crate) fn is_metadata(&self) -> bool {
        self.is_metadata
    }

    /// Whether the action is known.
    pub(crate) fn has_action(&self) -> bool {
        self.action.is_some()
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " at {}", self.server)?;
        self.action.iter().try_for_each(|action| write!(f, " ({action})"))
    }
}
