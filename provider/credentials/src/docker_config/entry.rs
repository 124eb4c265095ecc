//! The identity of one entry.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::mismatch::mismatch_error;

use super::raw::Field;
use super::raw::RawEntry;
use crate::auth_method::AuthMethod;
use crate::auth_method::AuthMethodError;
use crate::identity::Identity;
use crate::secret::Secret;

/// A mistake in an entry, as a predicate about it. Never shows a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// The key is not a registry.
    Host,
    /// The path of the key is not a repository.
    Path,
    /// The entry is not an object.
    NotAnObject,
    /// A member is not a string.
    NotText {
        /// The member.
        member: &'static str,
    },
    /// A member is not in lower case.
    Case {
        /// The member.
        found: Excerpt,
    },
    /// `auth` is not base64.
    Base64,
    /// `auth` has no password.
    NoColon,
    /// The user name is not UTF-8.
    UserNotUtf8,
    /// The credential cannot be sent.
    Method(AuthMethodError),
}

impl Mismatched for EntryError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Host => Mismatch::new("is not a registry")
                .expecting("host[:port][/path], where * in a label of the host matches any text"),
            Self::Path => Mismatch::new("has a path that no image can have")
                .expecting("lower-case letters and digits, with single separators between them"),
            Self::NotAnObject => {
                Mismatch::new("is not a JSON object").expecting("an object with auth, or username and password")
            }
            Self::NotText { member } => {
                Mismatch::new(format_args!("has {member}, which is not a string")).expecting("a string")
            }
            Self::Case { found } => Mismatch::new(format_args!("has {found}")).expecting("lower case"),
            Self::Base64 => Mismatch::new("has an auth that is not base64")
                .expecting("the base64 of name:password in the alphabet with + and /"),
            Self::NoColon => Mismatch::new("has an auth without a colon").expecting("the base64 of name:password"),
            Self::UserNotUtf8 => Mismatch::new("has a user name that is not UTF-8").expecting("UTF-8"),
            Self::Method(error) => error.mismatch(),
        }
    }
}

mismatch_error!(EntryError);

impl From<AuthMethodError> for EntryError {
    fn from(error: AuthMethodError) -> Self {
        Self::Method(error)
    }
}

/// Base64 as accepted by Go's decoder, which the kubelet and Docker use: padding optional, trailing bits ignored.
const GO: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The identity of an entry; `None` without any credential, so that requests are anonymous.
pub(super) fn identity(raw: RawEntry) -> Result<Option<Identity>, EntryError> {
    if !raw.is_entry {
        return Err(EntryError::NotAnObject);
    }
    if let Some(found) = &raw.misspelt {
        return Err(EntryError::Case { found: Excerpt::of(found) });
    }
    if let Some((member, _)) = raw.members().into_iter().find(|(_, field)| **field == Field::Other) {
        return Err(EntryError::NotText { member });
    }
    let RawEntry { auth, username, password, identitytoken, registrytoken, .. } = raw;
    let method = if let Some(token) = registrytoken.text() {
        AuthMethod::RegistryToken(Secret::new(token))
    } else if let Some(token) = identitytoken.text() {
        AuthMethod::IdentityToken(Secret::new(token))
    } else {
        let (user, password) = match auth.text() {
            Some(auth) => pair(&auth)?,
            None => (username.text().unwrap_or_default(), password.text().unwrap_or_default().into_bytes()),
        };
        if user.is_empty() && password.is_empty() {
            return Ok(None);
        }
        AuthMethod::Basic { user, password: Secret::new(password) }
    };
    Ok(Some(Identity::new(method, None)?))
}

/// User name and password of an `auth`. The first colon separates them. Nothing is trimmed, as the kubelet sends the
/// content unchanged.
fn pair(auth: &str) -> Result<(String, Vec<u8>), EntryError> {
    // Go ignores line breaks inside; editors add white space at the end.
    let auth: String = auth.trim_end().chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = GO.decode(auth).map_err(|_| EntryError::Base64)?;
    let colon = bytes.iter().position(|byte| *byte == b':').ok_or(EntryError::NoColon)?;
    let (user, password) = bytes.split_at(colon);
    let user = String::from_utf8(user.to_vec()).map_err(|_| EntryError::UserNotUtf8)?;
    Ok((user, password.get(1..).unwrap_or_default().to_vec()))
}

/// Whether the password ends with a line feed and has no other: `echo` adds one, and the registry will refuse it.
pub(super) fn ends_with_stray_line_feed(method: &AuthMethod) -> bool {
    match method {
        AuthMethod::Basic { user: _, password } => {
            let line = password.expose().strip_suffix(b"\n");
            line.is_some_and(|line| !line.contains(&b'\n'))
        }
        AuthMethod::Anonymous | AuthMethod::IdentityToken(_) | AuthMethod::RegistryToken(_) => false,
    }
}
