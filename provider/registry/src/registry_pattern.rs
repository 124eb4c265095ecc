//! Patterns of the entries of `registries`: hosts, and the beginning of a repository's name on them.

use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::str::FromStr;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::mismatch::mismatch_error;
use countersign_core::name::Repository;
use countersign_http::Scheme;

use crate::host_pattern::HostPattern;
use crate::host_pattern::HostPatternError;

/// The repositories that an entry of the settings is for: those on the hosts of a [`HostPattern`] whose name is `path` or is
/// below it.
///
/// `registry.example/team` matches `registry.example/team` and `registry.example/team/app`, not `registry.example/teams`. The
/// path has no wildcards and is compared letter by letter, as the names of repositories are in lower case. Without a path, all
/// repositories of the hosts match. Compared and hashed by what it matches; printed as written.
#[derive(Clone)]
pub struct RegistryPattern {
    host: HostPattern,
    path: Option<String>,
    written: String,
}

/// The error for a text that is not a [`RegistryPattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryPatternError {
    /// The part before the first slash is not a pattern of hosts.
    Host(HostPatternError),
    /// The part after the first slash is not the name of a repository.
    Path {
        /// That part.
        found: String,
    },
}

impl Mismatched for RegistryPatternError {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Host(error) => error.mismatch(),
            Self::Path { found } => {
                Mismatch::new(format_args!("found the path {:?} of a registry", Excerpt::of(found)))
                    .expecting("the first parts of repository names, in lower case, without wildcards, tag and digest")
            }
        }
    }
}

mismatch_error!(RegistryPatternError);

/// Why an entry is not for a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternMiss {
    /// It is for other hosts.
    Host,
    /// It is for other repositories of the host.
    Path,
}

impl PatternMiss {
    /// The part of the reference that differs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "other host",
            Self::Path => "other path",
        }
    }
}

impl RegistryPattern {
    /// Checks whether the pattern matches the repository.
    ///
    /// # Errors
    /// It does not, and why.
    pub fn check(&self, repository: &Repository) -> Result<(), PatternMiss> {
        if !self.host.matches(repository.host()) {
            return Err(PatternMiss::Host);
        }
        if self.has_path(repository.path()) { Ok(()) } else { Err(PatternMiss::Path) }
    }

    /// Whether the pattern matches the repository.
    #[must_use]
    pub fn is_for(&self, repository: &Repository) -> bool {
        self.check(repository).is_ok()
    }

    /// Whether each repository that `other` matches is matched by this pattern.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.host.covers(&other.host)
            && match (&self.path, &other.path) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(_), Some(path)) => self.has_path(path),
            }
    }

    /// Whether this entry leaves repositories of a host to a later entry with the pattern `other`, so that both can be for
    /// repositories of one host.
    #[must_use]
    pub fn shares_host_with(&self, other: &Self) -> bool {
        self.path.is_some() && self.host.meets(&other.host)
    }

    /// Whether entries with these patterns over these schemes are for the same server under hosts that differ in references.
    #[must_use]
    pub fn is_other_spelling_of(&self, scheme: Scheme, other: &Self, other_scheme: Scheme) -> bool {
        self.host != other.host && self.host.is_same_registry(scheme, &other.host, other_scheme)
    }

    /// The hosts.
    #[must_use]
    pub fn host(&self) -> &HostPattern {
        &self.host
    }

    /// The beginning of the names of repositories; `None` for all repositories.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    fn has_path(&self, path: &str) -> bool {
        let Some(own) = &self.path else { return true };
        path.strip_prefix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl PartialEq for RegistryPattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.host, &self.path) == (&other.host, &other.path)
    }
}

impl Eq for RegistryPattern {}

impl Hash for RegistryPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.host, &self.path).hash(state);
    }
}

impl FromStr for RegistryPattern {
    type Err = RegistryPatternError;

    fn from_str(text: &str) -> Result<Self, RegistryPatternError> {
        let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
        let host = host.parse().map_err(|HostPatternError { found: _, reason }| {
            RegistryPatternError::Host(HostPatternError { found: text.to_owned(), reason })
        })?;
        // On a host where names are used as written: `docker.io/nginx` is no prefix of the image nginx.
        let is_name = |path: &str| format!("registry.example/{path}").parse::<Repository>().is_ok();
        match path {
            Some(path) if !is_name(path) => Err(RegistryPatternError::Path { found: path.to_owned() }),
            path => Ok(Self { host, path: path.map(str::to_owned), written: text.to_owned() }),
        }
    }
}

impl fmt::Display for RegistryPattern {
    /// Prints the text as it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for RegistryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.written)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::name::HostError;

    use super::*;

    fn pattern(text: &str) -> RegistryPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_ends_at_a_slash() {
        let check = |text: &str, repository: &str| pattern(text).check(&repository.parse().unwrap());
        for repository in ["r.example/team", "R.example:443/team/app", "r.example/team/a/b"] {
            assert_eq!(check("r.example/team", repository), Ok(()), "{repository}");
            assert_eq!(check("r.example", repository), Ok(()), "{repository}");
        }
        for repository in ["r.example/teams", "r.example/tea", "r.example/team-a/app", "r.example/x/team"] {
            assert_eq!(check("r.example/team", repository), Err(PatternMiss::Path), "{repository}");
        }
        assert_eq!(check("r.example/team", "s.example/team"), Err(PatternMiss::Host));
        assert_eq!(check("r.example/team", "r.example:5000/team"), Err(PatternMiss::Host));
        assert_eq!(check("r.example/team/app", "r.example/team"), Err(PatternMiss::Path));
        assert_eq!(check("*.example.com:5000/team", "a.example.com:5000/team/app"), Ok(()));
        assert_eq!(check("docker.io/library", "docker.io/nginx"), Ok(()));
        assert_eq!(check("index.docker.io/library", "registry-1.docker.io/library/nginx"), Ok(()));
        assert_eq!(check("docker.io/nginx", "docker.io/nginx"), Err(PatternMiss::Path));
        assert_eq!(check("docker.io/nginx", "docker.io/nginx/unit"), Ok(()));
    }

    #[test]
    fn a_pattern_covers_another_if_it_matches_all_of_its_repositories() {
        for (a, b, covers) in [
            ("r.example", "R.example:443/team", true),
            ("r.example/team", "r.example/team", true),
            ("r.example/team", "r.example/team/app", true),
            ("r.example/team", "r.example/teams", false),
            ("r.example/team", "r.example", false),
            ("r.example/team", "s.example/team", false),
            ("**.r.example/team", "a.b.r.example/team/app", true),
            ("*.r.example/team", "a.r.example", false),
        ] {
            assert_eq!(pattern(a).covers(&pattern(b)), covers, "{a} {b}");
        }
        assert_eq!(pattern("r.example/team"), pattern("R.example:0443/team"));
        assert_ne!(pattern("r.example/team"), pattern("r.example"));
    }

    #[test]
    fn only_an_entry_with_a_path_shares_its_hosts() {
        for (a, b, shares) in [
            ("r.example", "r.example/team", false),
            ("r.example/team", "r.example", true),
            ("r.example/a", "r.example/b", true),
            ("*.r.example/a", "x.r.example", true),
            ("x.r.example/a", "*.r.example", true),
            ("r.example/a", "r.example:5000/b", false),
        ] {
            assert_eq!(pattern(a).shares_host_with(&pattern(b)), shares, "{a} {b}");
        }
    }

    #[test]
    fn refuses_what_is_not_the_beginning_of_a_name() {
        for path in
            ["", "/", "team/", "/team", "team//app", "Team", "team/*", "*", "team:v1", "team@sha256:0", "a b", ".."]
        {
            let error = RegistryPatternError::Path { found: path.to_owned() };
            assert_eq!(format!("r.example/{path}").parse::<RegistryPattern>(), Err(error), "{path:?}");
        }
        let error = "r.example/Team".parse::<RegistryPattern>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "found the path \"Team\" of a registry, expected the first parts of repository names, in lower case, without \
             wildcards, tag and digest"
        );
        for text in ["https://r.example", "", "/team", "*.com/team"] {
            let Err(RegistryPatternError::Host(error)) = text.parse::<RegistryPattern>() else { panic!("{text}") };
            assert_eq!(error, HostPatternError { found: text.to_owned(), reason: HostError::Syntax });
        }
    }

    #[test]
    fn is_printed_as_written() {
        for text in ["*.Example.com:0443/team", "[FD00:0::1]/a/b", "index.docker.io"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}
