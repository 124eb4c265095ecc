//! The variables of the environment: the address of the metadata server, and those of other sources, which are not read. Read each
//! time; never modified.

use std::ffi::OsString;

use countersign_core::codec::text::Text;
use countersign_google::MetadataServer;

/// The metadata server.
///
/// # Errors
/// The variable cannot be used.
pub(super) fn metadata_server() -> Result<MetadataServer, Text> {
    read_from(|name| std::env::var_os(name))
}

/// Why Google Cloud is not called, and what of the environment has no effect.
pub(in crate::runtime) fn warnings() -> Vec<Text> {
    warnings_about(|name| std::env::var_os(name))
}

fn read_from(variable: impl Fn(&str) -> Option<OsString>) -> Result<MetadataServer, Text> {
    // An empty variable is as none, as for the client libraries.
    let Some(value) = variable("GCE_METADATA_HOST").filter(|value| !value.is_empty()) else {
        return Ok(MetadataServer::default());
    };
    let read = value.to_string_lossy().parse();
    read.map_err(|error| Text::of(format_args!("the environment variable GCE_METADATA_HOST: {error}")))
}

fn warnings_about(variable: impl Fn(&str) -> Option<OsString>) -> Vec<Text> {
    let mut warnings = Vec::new();
    if let Err(why) = read_from(&variable) {
        warnings.push(Text::of(format_args!("Google Cloud is not called: {why}")));
    }
    if variable("GOOGLE_APPLICATION_CREDENTIALS").is_some_and(|value| !value.is_empty()) {
        warnings.push(Text::of(
            "the environment variable GOOGLE_APPLICATION_CREDENTIALS is not read: tokens are those of the metadata server; for the key \
             of a service account, use usernameFile with the text _json_key and passwordFile with the key",
        ));
    }
    warnings
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn variables<'a>(list: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        |name| list.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into())
    }

    #[test]
    fn the_address_of_the_metadata_server_is_read() {
        assert_eq!(read_from(variables(&[])), Ok(MetadataServer::default()));
        assert_eq!(read_from(variables(&[("GCE_METADATA_HOST", "")])), Ok(MetadataServer::default()));
        assert_eq!(
            read_from(variables(&[("GCE_METADATA_HOST", "127.0.0.1:988")])),
            Ok("127.0.0.1:988".parse().unwrap())
        );
        assert_eq!(warnings_about(variables(&[("GCE_METADATA_HOST", "metadata.google.internal")])), Vec::<Text>::new());
    }

    #[test]
    fn what_cannot_be_used_and_what_is_not_read_is_named() {
        let found = warnings_about(variables(&[
            ("GCE_METADATA_HOST", "metadata.example:80"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/key.json"),
        ]));
        let texts: Vec<_> = found.iter().map(Text::as_str).collect();
        assert_eq!(
            texts,
            [
                "Google Cloud is not called: the environment variable GCE_METADATA_HOST: metadata server: found \
                 \"metadata.example:80\", expected HOST or HOST:PORT, where HOST is metadata.google.internal, 169.254.169.254, or \
                 another loopback or link-local address; tokens are requested over plain HTTP, on the node only",
                "the environment variable GOOGLE_APPLICATION_CREDENTIALS is not read: tokens are those of the metadata server; for \
                 the key of a service account, use usernameFile with the text _json_key and passwordFile with the key",
            ]
        );
    }
}
