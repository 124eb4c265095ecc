//! Which part of a text is not that of the name of AWS that is expected.

use std::fmt;

use super::partition::Partition;
use super::region::AwsRegion;
use crate::codec::excerpt::Excerpt;
use crate::codec::text::Text;

/// Most characters of a whole text in a message.
const TEXT_CHARACTERS: usize = 256;

/// The first part of a text that does not fit: of an ARN, or of the host of a registry. Prints what is found and what is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found}, expected {expected}")]
pub struct WrongPart {
    found: Text,
    expected: Text,
}

impl WrongPart {
    pub(super) fn new(found: impl fmt::Display, expected: impl fmt::Display) -> Self {
        Self { found: Text::of(found), expected: Text::of(expected) }
    }

    /// The part with this name, such as `account`.
    pub(super) fn named(name: &str, value: &str, expected: impl fmt::Display) -> Self {
        match value {
            "" => Self::new(format_args!("no {name}"), expected),
            value => Self::new(format_args!("the {name} {}", Excerpt::of(value)), expected),
        }
    }

    /// The part with its name, and its value if there is one.
    #[must_use]
    pub fn found(&self) -> &str {
        self.found.as_str()
    }

    /// The same with the whole `text`, for a message about where it is written.
    #[must_use]
    pub fn within(&self, text: &str) -> Text {
        let whole = Excerpt::at_most(TEXT_CHARACTERS, text).to_string();
        if whole == self.found() {
            return Text::of(self);
        }
        Text::of(format_args!("found {} in {whole}, expected {}", self.found(), self.expected()))
    }

    /// What it must be.
    #[must_use]
    pub fn expected(&self) -> &str {
        self.expected.as_str()
    }
}

/// The fields of an ARN ([ARNs](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html)).
#[derive(Clone, Copy, Debug)]
pub(super) struct ArnFields<'a> {
    pub(super) partition: &'a str,
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

impl<'a> ArnFields<'a> {
    /// The fields of `text`, of at most `max` bytes; `form` is what is expected.
    pub(super) fn of(text: &'a str, max: usize, form: &str) -> Result<Self, WrongPart> {
        if text.len() > max {
            return Err(WrongPart::new(format_args!("{} bytes", text.len()), format_args!("at most {max}")));
        }
        let mut fields = text.splitn(6, ':');
        let found: [Option<&str>; 6] = std::array::from_fn(|_| fields.next());
        match found {
            [Some("arn"), Some(partition), Some(service), Some(region), Some(account), Some(resource)] => {
                Ok(Self { partition, service, region, account, resource })
            }
            [Some("arn"), ..] => {
                let fields = found.iter().flatten().count();
                Err(WrongPart::new(format_args!("{fields} parts between colons"), format_args!("six, {form}")))
            }
            _ => Err(WrongPart::new(Excerpt::at_most(TEXT_CHARACTERS, text), form)),
        }
    }

    /// The partition, which must be known.
    pub(super) fn known_partition(&self) -> Result<Partition, WrongPart> {
        let wrong = || {
            let known = Partition::ALL.map(Partition::as_str).join(", ");
            WrongPart::named("partition", self.partition, format_args!("one of {known}"))
        };
        Partition::named(self.partition).ok_or_else(wrong)
    }
}

/// Whether this is the number of an account: twelve digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number of an account.
pub(super) fn account(text: &str) -> Result<(), WrongPart> {
    if is_account(text) { Ok(()) } else { Err(WrongPart::named("account", text, "twelve digits")) }
}

/// The name of a region.
pub(super) fn region(text: &str) -> Result<AwsRegion, WrongPart> {
    text.parse().map_err(|_| WrongPart::named("region", text, "a name such as eu-central-1"))
}
