//! Paths of the configuration in messages.

use std::fmt;
use std::path::Path;

/// Endings of files that are written into configurations.
const ENDINGS: [&str; 10] =
    [".cer", ".conf", ".crt", ".json", ".key", ".pem", ".txt", ".yaml", ".yml", ".dockerconfigjson"];

/// Maximum length of a part of a path that is shown, in bytes.
const PART_BYTES: usize = 64;

/// A path of the configuration in a message. Where there is no such file, a part that is no usual name is not shown: a password or a key may
/// have been written in place of the path of its file.
#[derive(Clone, Copy, Debug)]
pub struct ShownPath<'a> {
    path: &'a Path,
    is_there: bool,
    /// Whether its directory was found.
    has_directory: bool,
}

impl<'a> ShownPath<'a> {
    /// Of a file that was read, or was found.
    #[must_use]
    pub fn there(path: &'a Path) -> Self {
        Self { path, is_there: true, has_directory: true }
    }

    /// Of a file that could not be opened.
    #[must_use]
    pub fn missing(path: &'a Path) -> Self {
        Self { path, is_there: false, has_directory: false }
    }

    /// Looks whether the file is there. Blocks on the file system.
    #[must_use]
    pub fn of(path: &'a Path) -> Self {
        let has_directory = path.parent().is_some_and(|directory| directory.is_dir());
        Self { path, is_there: path.symlink_metadata().is_ok(), has_directory }
    }
}

impl fmt::Display for ShownPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_there {
            return self.path.display().fmt(f);
        }
        let text = self.path.to_string_lossy();
        let (directory, name) = text.rsplit_once('/').map_or(("", &*text), |(directory, name)| (directory, name));
        let directories_are_usual = self.has_directory || directory.split('/').all(is_directory);
        if directories_are_usual && is_file(name) {
            return f.write_str(&text);
        }
        let (shown, hidden) =
            if !directories_are_usual || directory.is_empty() { ("", &*text) } else { (directory, name) };
        let separator = if shown.is_empty() { "" } else { "/" };
        let length = hidden.chars().count();
        write!(
            f,
            "{shown}{separator}[{length} characters, not shown as they may be a secret: expected the path of a file]"
        )
    }
}

/// Whether a part of a path is a usual name of a directory: as Kubernetes and operators write them.
fn is_directory(part: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    part.len() <= PART_BYTES && part.bytes().all(is_usual)
}

/// Whether a part of a path is a usual name of a file. Digits are in many passwords, so that such a name needs an ending.
fn is_file(part: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'-' | b'_');
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let has_ending = ENDINGS.iter().any(|ending| part.ends_with(ending));
    part.len() <= PART_BYTES && (part.bytes().all(is_letter) || has_ending && part.bytes().all(is_usual))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(path: &str) -> String {
        ShownPath::missing(Path::new(path)).to_string()
    }

    #[test]
    fn usual_paths_are_shown() {
        for path in [
            "password",
            "/etc/countersign/pull-secret/.dockerconfigjson",
            "/etc/countersign/registry-2/tls.key",
            "../certs/Corporate_CA-2026.pem",
            "/run/secrets/azure/tokens/azure-identity-token",
        ] {
            assert_eq!(missing(path), path);
        }
    }

    /// As README.md says under "Configuration".
    #[test]
    fn a_passphrase_that_looks_like_the_name_of_a_file_is_shown() {
        for path in ["correct-horse", "/etc/countersign/registry-login/correct.horse_battery", "Hunter2.txt"] {
            assert_eq!(missing(path), path);
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        const WHY: &str = "characters, not shown as they may be a secret: expected the path of a file]";
        for (path, shown) in [
            ("SECRETTOKEN9", format!("[12 {WHY}")),
            ("hunter2", format!("[7 {WHY}")),
            ("/etc/countersign/config/SECRETTOKEN6~abc", format!("/etc/countersign/config/[16 {WHY}")),
            ("/etc/countersign/c/dGhlIHNl/Y3JldA==", format!("[36 {WHY}")),
            (r#"{"auths":{"a/b":{"auth":"dXNlcjpwdw=="}}}"#, format!("[41 {WHY}")),
            ("-----BEGIN PRIVATE KEY-----\nMIIE/a\n", format!("[35 {WHY}")),
            ("/config/eyJhbGciOiJub25lIn0.e30.pem x", format!("/config/[29 {WHY}")),
        ] {
            assert_eq!(missing(path), shown);
        }
    }

    #[test]
    fn a_file_that_is_there_is_shown() {
        let path = Path::new("/tmp/hunter2");
        assert_eq!(ShownPath::there(path).to_string(), "/tmp/hunter2");
        assert_eq!(ShownPath::of(Path::new(env!("CARGO_MANIFEST_DIR"))).to_string(), env!("CARGO_MANIFEST_DIR"));
        assert_ne!(ShownPath::of(Path::new("/nowhere/HUNTER2")).to_string(), "/nowhere/HUNTER2");
    }
}
