//! What one entry says about how to log in.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use countersign_core::codec::excerpt::Excerpt;

use super::raw::Field;
use super::raw::RawEntry;
use crate::auth_method::AuthMethod;
use crate::auth_method::AuthMethodError;
use crate::secret::Secret;

/// A mistake in an entry, as a predicate. Never shows a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    #[error("is no registry: want host[:port][/path], where * in a label of the host stands for anything")]
    Host,
    #[error("has a path that no image has: want lower-case letters and digits, with single separators between them")]
    Path,
    #[error("is no JSON object")]
    NotAnObject,
    #[error("has {member}, which is no text")]
    NotText { member: &'static str },
    #[error("has {found}: want it in lower case")]
    Case { found: Excerpt },
    #[error("has an auth that is not base64: want that of name:password, with the letters + and /")]
    Base64,
    #[error("has an auth without a colon: want base64 of name:password")]
    NoColon,
    #[error("has a user name that is not UTF-8")]
    UserNotUtf8,
    #[error(transparent)]
    Login(#[from] AuthMethodError),
}

/// Base64 as Go's decoder takes it, which the kubelet and Docker use: padded or not, stray bits in the last letter.
const GO: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// None for an entry without any credential: its host is asked anonymously.
pub(super) fn login(raw: RawEntry) -> Result<Option<AuthMethod>, EntryError> {
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
    let login = if let Some(token) = registrytoken.text() {
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
    login.check()?;
    Ok(Some(login))
}

/// User and password of an `auth`. The first colon parts them; nothing is trimmed, as the kubelet sends what stands there.
fn pair(auth: &str) -> Result<(String, Vec<u8>), EntryError> {
    // Line breaks within are passed over by Go, white space at the end is what editors add.
    let auth: String = auth.trim_end().chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = GO.decode(auth).map_err(|_| EntryError::Base64)?;
    let colon = bytes.iter().position(|byte| *byte == b':').ok_or(EntryError::NoColon)?;
    let (user, password) = bytes.split_at(colon);
    let user = String::from_utf8(user.to_vec()).map_err(|_| EntryError::UserNotUtf8)?;
    Ok((user, password.get(1..).unwrap_or_default().to_vec()))
}

/// Whether the password ends with a line feed and has no other: `echo` adds one, and the registry will not take it.
pub(super) fn ends_with_stray_line_feed(login: &AuthMethod) -> bool {
    match login {
        AuthMethod::Basic { user: _, password } => {
            let line = password.expose().strip_suffix(b"\n");
            line.is_some_and(|line| !line.contains(&b'\n'))
        }
        AuthMethod::IdentityToken(_) | AuthMethod::RegistryToken(_) => false,
    }
}
