//! Checked entries of the settings, and the lookup by repository.

use std::sync::Arc;

use countersign_core::name::Host;
use countersign_core::name::Repository;
use countersign_credentials::IdentitySource;
use countersign_http::Class;
use countersign_http::Scheme;
use countersign_http::Share;

use crate::entry_numbers::EntryNumbers;
use crate::error::Cause;
use crate::fallback_tag::FallbackTag;
use crate::mirror::Mirrors;
use crate::registry_pattern::RegistryPattern;

/// A checked entry.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) pattern: RegistryPattern,
    /// The pattern as text: the name of the entry.
    pub(crate) name: Arc<str>,
    /// The position in the configuration and the pattern, for messages.
    pub(crate) rule: Arc<str>,
    pub(crate) identities: Arc<dyn IdentitySource>,
    pub(crate) scheme: Scheme,
    pub(crate) realm_hosts: Vec<Host>,
    pub(crate) mirrors: Mirrors,
    pub(crate) fallback_tag: FallbackTag,
    pub(crate) numbers: EntryNumbers,
}

/// The text of [`Entry::rule`].
pub(crate) fn rule(position: usize, pattern: &RegistryPattern) -> String {
    format!("registries[{position}] \"{pattern}\"")
}

/// The entry for requests about `repository`, with its position: the first that matches.
pub(crate) fn entry_for<'a>(entries: &'a [Entry], repository: &Repository) -> Option<(usize, &'a Entry)> {
    entries.iter().enumerate().find(|(_, entry)| entry.pattern.is_for(repository))
}

/// The entry for connections to `server`, which has an explicit port, that are not about a repository of its own: redirect
/// targets and token services. The first for all repositories of the server, or else the first for any of them.
pub(crate) fn entry_at<'a>(entries: &'a [Entry], server: &Host) -> Option<(usize, &'a Entry)> {
    let mut at = entries.iter().enumerate().filter(|(_, entry)| entry.connects_to(server));
    let first = at.clone().next();
    at.find(|(_, entry)| entry.pattern.path().is_none()).or(first)
}

/// Whether an entry is for some of the repositories on `host` only, so that others may have another entry or none.
pub(crate) fn divides(entries: &[Entry], host: &Host) -> bool {
    entries.iter().any(|entry| entry.pattern.path().is_some() && entry.pattern.host().matches(host))
}

impl Entry {
    /// Whether connections to `server`, which has an explicit port, may be on behalf of this entry.
    pub(crate) fn connects_to(&self, server: &Host) -> bool {
        self.pattern.host().connects_to(self.scheme, server.name(), server.port())
    }
}

/// Refuses ambiguous ports in references to a registry over plain HTTP without a port.
///
/// References have no scheme, so no port and port 443 are equal in them. Over plain HTTP, no port means 80. A
/// reference to such a registry with port 443 would therefore be sent to another port, and one with port 80 names the
/// same server by a host that is not equal. Both are refused.
///
/// # Errors
/// `host` has one of these ports, and the entry for the host without a port uses plain HTTP.
pub(crate) fn check_port(entries: &[Entry], host: &Host) -> Result<(), Cause> {
    let (http, https) = (Scheme::Http.default_port(), Scheme::Https.default_port());
    let Some(port) = host.written_port().filter(|port| [http, https].contains(port)) else { return Ok(()) };
    // All entries that can be for repositories of one host have one scheme.
    let unwritten = entries.iter().find(|entry| entry.pattern.host().connects_to(Scheme::Https, host.name(), https));
    match unwritten.map(|entry| entry.scheme) {
        Some(Scheme::Http) => Err(Cause::PlainHttpPort { host: host.to_string(), port }),
        Some(Scheme::Https) | None => Ok(()),
    }
}

/// The repository with explicit port 80, if its registry uses plain HTTP and `repository` has no port. See
/// [`check_port`].
pub(crate) fn with_plain_port(entries: &[Entry], repository: &Repository) -> Option<Repository> {
    let host = repository.host();
    let (_, entry) = entry_for(entries, repository)?;
    match (entry.scheme, host.written_port()) {
        (Scheme::Http, None) => {
            format!("{}:{}/{}", host.name(), Scheme::Http.default_port(), repository.path()).parse().ok()
        }
        (Scheme::Http, Some(_)) | (Scheme::Https, _) => None,
    }
}

/// The share of the limits that work for `repository` counts against: that of its host.
pub(crate) fn share(entries: &[Entry], repository: &Repository) -> Share {
    let class = match entry_for(entries, repository) {
        Some((_, entry)) if entry.pattern.host().is_exact() => Class::Listed,
        Some((_, entry)) => Class::Pattern(Arc::clone(&entry.name)),
        None => Class::Unlisted,
    };
    Share::new(&repository.host().canonical(), class)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::settings::RegistryEntry;
    use crate::settings::fixtures::entry;
    use crate::settings::fixtures::settings;

    fn plain(pattern: &str) -> RegistryEntry {
        RegistryEntry { scheme: Scheme::Http, ..entry(pattern) }
    }

    #[test]
    fn the_first_entry_that_matches_applies() {
        let entries = settings(vec![
            entry("a.b.example.com/team/app"),
            entry("a.b.example.com/team"),
            entry("a.b.example.com"),
            entry("*.b.example.com"),
            entry("**.example.com/team"),
            entry("**.example.com"),
        ])
        .check()
        .unwrap();
        let applies = |repository: &str| {
            entry_for(&entries, &repository.parse().unwrap())
                .map(|(position, entry)| (position, entry.rule.to_string()))
        };
        let rule = |position: usize, pattern: &str| Some((position, format!("registries[{position}] \"{pattern}\"")));
        assert_eq!(applies("a.b.example.com/team/app/x"), rule(0, "a.b.example.com/team/app"));
        assert_eq!(applies("a.b.example.com/team/apps"), rule(1, "a.b.example.com/team"));
        assert_eq!(applies("a.b.example.com/teams/app"), rule(2, "a.b.example.com"));
        assert_eq!(applies("c.b.example.com/team/app"), rule(3, "*.b.example.com"));
        assert_eq!(applies("c.example.com/team/app"), rule(4, "**.example.com/team"));
        assert_eq!(applies("x.y.z.example.com/app"), rule(5, "**.example.com"));
        assert_eq!(applies("example.com/app"), None);
        assert_eq!(applies("a.b.example.com:5000/team/app"), None);
    }

    #[test]
    fn connections_that_are_not_about_a_repository_belong_to_the_entry_for_all_of_the_server() {
        let entries = settings(vec![
            entry("a.example/x"),
            entry("b.example/x"),
            entry("b.example/y"),
            entry("**.a.example"),
            entry("a.example"),
        ]);
        let entries = entries.check().unwrap();
        let at = |server: &str| entry_at(&entries, &server.parse().unwrap()).map(|(position, _)| position);
        assert_eq!(at("a.example:443"), Some(4));
        assert_eq!(at("b.example:443"), Some(1));
        assert_eq!(at("c.a.example:443"), Some(3));
        assert_eq!(at("c.example:443"), None);
        let divided = |host: &str| divides(&entries, &host.parse().unwrap());
        assert!(divided("a.example") && divided("b.example") && !divided("c.a.example") && !divided("b.example:5000"));
    }

    #[test]
    fn a_plain_registry_without_a_port_has_one_spelling() {
        let entries = settings(vec![
            plain("r.example"),
            entry("tls.in.example"),
            plain("*.in.example"),
            plain("eighty.example:80"),
            entry("*.in.example:5000"),
        ])
        .check()
        .unwrap();
        let asked = |host: &str| check_port(&entries, &host.parse().unwrap());
        let refused = |host: &str, port| Err(Cause::PlainHttpPort { host: host.to_owned(), port });
        assert_eq!(asked("r.example"), Ok(()));
        assert_eq!(asked("r.example:5000"), Ok(()));
        assert_eq!(asked("R.example:0443"), refused("R.example:0443", 443));
        assert_eq!(asked("r.example:80"), refused("r.example:80", 80));
        assert_eq!(asked("a.in.example:80"), refused("a.in.example:80", 80));
        assert_eq!(asked("a.in.example:443"), refused("a.in.example:443", 443));
        // Over https, 80 is not the default port, and 443 is.
        for host in ["tls.in.example:80", "tls.in.example:443", "eighty.example:80", "eighty.example:443", "other:80"] {
            assert_eq!(asked(host), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_repository_at_a_plain_registry_without_a_port_is_at_port_80() {
        let entries = settings(vec![
            plain("r.example"),
            entry("tls.in.example"),
            plain("*.in.example"),
            plain("eighty.example:80"),
            plain("[fd00::1]"),
        ])
        .check()
        .unwrap();
        let at = |text: &str| with_plain_port(&entries, &text.parse().unwrap()).map(|found| found.to_string());
        assert_eq!(at("R.example/team/app").as_deref(), Some("r.example:80/team/app"));
        assert_eq!(at("a.in.example/app").as_deref(), Some("a.in.example:80/app"));
        assert_eq!(at("[FD00:0::1]/app").as_deref(), Some("[fd00::1]:80/app"));
        for other in [
            "r.example:5000/app",
            "tls.in.example/app",
            "eighty.example:80/app",
            "eighty.example/app",
            "other.example/app",
        ] {
            assert_eq!(at(other), None, "{other}");
        }
    }

    #[test]
    fn connections_belong_to_the_entry_with_their_port() {
        let entries = settings(vec![entry("a.example"), plain("b.example"), plain("c.example:5000")]).check().unwrap();
        let at = |place: &str| entry_at(&entries, &place.parse().unwrap()).map(|(position, _)| position);
        assert_eq!(at("a.example:443"), Some(0));
        assert_eq!(at("a.example:80"), None);
        assert_eq!(at("b.example:80"), Some(1));
        assert_eq!(at("b.example:443"), None);
        assert_eq!(at("c.example:5000"), Some(2));
    }
}
