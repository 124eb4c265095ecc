//! Limits of answers, with the origin of each number.

use std::time::Duration;

use countersign_core::limits::JsonLimits;

/// A response. Tokens have some kilobytes.
pub const RESPONSE_BYTES: usize = 64 * 1024;

/// A token. Headers and forms carry it.
pub const TOKEN_BYTES: usize = 16 * 1024;

/// A JSON document: a token, or an error. Those that are known have some ten members.
pub const JSON: JsonLimits = JsonLimits { depth: 8, values: 512, elements: 128, members: 128 };

/// Most bytes of a text of a service in a message.
pub const TEXT_BYTES: usize = 512;

/// The longest life of a token that is used: one of a managed identity of Azure has a day.
pub const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);
