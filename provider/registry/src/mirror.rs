//! Mirrors of an entry: other locations of its repositories.
//!
//! A mirror replaces the beginning of a repository's name, the pattern of its entry, as the mirrors of containerd and of
//! `registries.conf` do: for the entry `docker.io/library` with the mirror `m.example/hub`, `docker.io/library/nginx` is at
//! `m.example/hub/nginx`. Mirrors of mirrors are not used.

use std::fmt;
use std::str::FromStr;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::mismatch::Mismatch;
use countersign_core::codec::mismatch::Mismatched;
use countersign_core::codec::mismatch::mismatch_error;
use countersign_core::name::Host;
use countersign_core::name::Repository;

use crate::registry_pattern::RegistryPattern;

/// Maximum number of mirrors of an entry: registries have one to three, and each may take its share of the time of a request.
pub const MAX_MIRRORS: usize = 8;

/// The mirrors of an entry, in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// At most [`MAX_MIRRORS`].
    pub locations: Vec<Mirror>,
    /// Whether the registry that references name is never requested. Otherwise it is the last location.
    pub only: bool,
}

/// A location `host[:port][/path]`. Printed as written.
#[derive(Clone, Debug)]
pub struct Mirror {
    host: Host,
    path: Option<String>,
    written: String,
}

impl PartialEq for Mirror {
    /// Whether both are the same place.
    fn eq(&self, other: &Self) -> bool {
        (&self.host, &self.path) == (&other.host, &other.path)
    }
}

impl Eq for Mirror {}

/// The error for a text that is not a [`Mirror`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorError {
    /// It has a scheme; whether a mirror has TLS is in its own entry.
    Scheme,
    /// It has a user name or password, which is not shown; credentials of a mirror are in its own entry.
    Userinfo,
    /// It is no host with a path.
    Location,
}

impl Mismatched for MirrorError {
    fn mismatch(&self) -> Mismatch {
        let wanted = "host[:port][/path] of one registry, without wildcards";
        match self {
            Self::Scheme => Mismatch::new("found a URL with its scheme")
                .expecting("host[:port][/path]; TLS is used unless the entry of the mirror has plainHttp"),
            Self::Userinfo => Mismatch::new("found a user name or password")
                .expecting("host[:port][/path]; the credentials of a mirror are those of its own entry"),
            Self::Location => Mismatch::new("found another text").expecting(wanted),
        }
    }
}

mismatch_error!(MirrorError);

impl FromStr for Mirror {
    type Err = MirrorError;

    fn from_str(text: &str) -> Result<Self, MirrorError> {
        if text.contains("://") {
            return Err(MirrorError::Scheme);
        }
        if text.contains('@') {
            return Err(MirrorError::Userinfo);
        }
        let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
        let host: Host = host.parse().map_err(|_| MirrorError::Location)?;
        let is_name = |path: &str| format!("registry.example/{path}").parse::<Repository>().is_ok();
        if path.is_some_and(|path| !is_name(path)) {
            return Err(MirrorError::Location);
        }
        Ok(Self { host, path: path.map(str::to_owned), written: text.to_owned() })
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Mirror {
    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The repository at this mirror, for `repository`, which `pattern` matches. `None` if there is no such name: of the repository
    /// that the pattern names, at a mirror without a path; or one that is too long.
    #[must_use]
    pub fn repository(&self, pattern: &RegistryPattern, repository: &Repository) -> Option<Repository> {
        let path = repository.path();
        let rest = match pattern.path() {
            None => path,
            Some(own) => path.strip_prefix(own)?.trim_start_matches('/'),
        };
        let name = match (&self.path, rest) {
            (Some(own), "") => own.clone(),
            (Some(own), rest) => format!("{own}/{rest}"),
            (None, rest) => rest.to_owned(),
        };
        let repository: Repository = format!("{}/{name}", self.host).parse().ok()?;
        // Another name than the one that was made, as `docker.io/nginx` is read, is no name at the mirror.
        (repository.path() == name).then_some(repository)
    }

    /// Whether repositories at this mirror can be those of `pattern`.
    fn meets(&self, pattern: &RegistryPattern) -> bool {
        let is_within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        pattern.host().matches(&self.host)
            && match (pattern.path(), self.path.as_deref()) {
                (None, _) | (Some(_), None) => true,
                (Some(own), Some(path)) => is_within(own, path) || is_within(path, own),
            }
    }

    /// Whether the mirror replaces `pattern` by itself.
    fn is(&self, pattern: &RegistryPattern) -> bool {
        pattern.host().is_exact() && pattern.host().matches(&self.host) && pattern.path() == self.path.as_deref()
    }
}

/// A mistake in the mirrors of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MirrorsMistake {
    /// The pattern has wildcards, so that repositories of several registries would be one repository at a mirror.
    Wildcards {
        /// The pattern.
        pattern: RegistryPattern,
    },
    /// There are more than [`MAX_MIRRORS`].
    TooMany {
        /// Their number.
        found: usize,
    },
    /// A mirror is the registry itself.
    Itself {
        /// The mirror.
        mirror: String,
    },
    /// A mirror is listed twice.
    Twice {
        /// The mirror.
        mirror: String,
    },
    /// The registry is not requested, and there are no mirrors.
    OnlyNone,
    /// The mirrors of two entries lead to each other, perhaps through others.
    Circle {
        /// The mirror of the entry.
        mirror: String,
        /// The entry of the mirror, which leads back.
        pattern: RegistryPattern,
    },
}

impl Mismatched for MirrorsMistake {
    fn mismatch(&self) -> Mismatch {
        match self {
            Self::Wildcards { pattern } => {
                Mismatch::new(format_args!("found mirrors of the pattern {pattern}, which has several hosts"))
                    .expecting("a host without wildcards: repositories of several hosts would be one at a mirror")
            }
            Self::TooMany { found } => {
                Mismatch::new(format_args!("found {found} mirrors")).expecting(format_args!("at most {MAX_MIRRORS}"))
            }
            Self::Itself { mirror } => {
                Mismatch::new(format_args!("found {}, which is the registry itself", Excerpt::of(mirror)))
                    .expecting("other locations; the registry is the last one unless mirrorsOnly is true")
            }
            Self::Twice { mirror } => {
                Mismatch::new(format_args!("found {} twice", Excerpt::of(mirror))).expecting("each mirror once")
            }
            Self::OnlyNone => {
                Mismatch::new("found true without mirrors").expecting("mirrors beside mirrorsOnly, or false")
            }
            Self::Circle { mirror, pattern } => Mismatch::new(format_args!(
                "found {}, whose entry {pattern} has mirrors that lead back to this one",
                Excerpt::of(mirror)
            ))
            .expecting("mirrors without a circle; the mirrors of a mirror are not used"),
        }
    }
}

mismatch_error!(MirrorsMistake);

/// Checks the mirrors of the entry with `pattern`.
///
/// # Errors
/// The first mistake.
pub fn check_mirrors(pattern: &RegistryPattern, mirrors: &Mirrors) -> Result<(), MirrorsMistake> {
    let Mirrors { locations, only } = mirrors;
    if locations.is_empty() {
        return if *only { Err(MirrorsMistake::OnlyNone) } else { Ok(()) };
    }
    if !pattern.host().is_exact() {
        return Err(MirrorsMistake::Wildcards { pattern: pattern.clone() });
    }
    if locations.len() > MAX_MIRRORS {
        return Err(MirrorsMistake::TooMany { found: locations.len() });
    }
    for (position, mirror) in locations.iter().enumerate() {
        if mirror.is(pattern) {
            return Err(MirrorsMistake::Itself { mirror: mirror.to_string() });
        }
        if locations[..position].contains(mirror) {
            return Err(MirrorsMistake::Twice { mirror: mirror.to_string() });
        }
    }
    Ok(())
}

/// The first entry whose mirrors lead back to it, with the mistake.
#[must_use]
pub fn mirror_circle(entries: &[(&RegistryPattern, &Mirrors)]) -> Option<(usize, MirrorsMistake)> {
    let next = |position: usize| -> Vec<(usize, &Mirror)> {
        let mirrors = entries.get(position).map_or(&[][..], |(_, mirrors)| &mirrors.locations);
        let of_mirror = |mirror: &'_ Mirror| {
            let met = entries.iter().enumerate().filter(move |(other, (pattern, mirrors))| {
                *other != position && !mirrors.locations.is_empty() && mirror.meets(pattern)
            });
            met.map(|(other, _)| other).collect::<Vec<_>>()
        };
        mirrors.iter().flat_map(|mirror| of_mirror(mirror).into_iter().map(move |other| (other, mirror))).collect()
    };
    (0..entries.len()).find_map(|start| {
        next(start).into_iter().find_map(|(first, mirror)| {
            let (mut waiting, mut seen) = (vec![first], vec![false; entries.len()]);
            while let Some(position) = waiting.pop() {
                if position == start {
                    let pattern = entries.get(first).map(|(pattern, _)| (*pattern).clone())?;
                    return Some((start, MirrorsMistake::Circle { mirror: mirror.to_string(), pattern }));
                }
                if !std::mem::replace(&mut seen[position], true) {
                    waiting.extend(next(position).into_iter().map(|(other, _)| other));
                }
            }
            None
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mirrors(locations: &[&str]) -> Mirrors {
        Mirrors { locations: locations.iter().map(|text| text.parse().unwrap()).collect(), only: false }
    }

    #[test]
    fn a_mirror_replaces_the_pattern_of_its_entry() {
        for (pattern, mirror, repository, expected) in [
            ("docker.io", "m.example", "docker.io/library/nginx", Some("m.example/library/nginx")),
            ("docker.io", "m.example:5000/hub", "docker.io/a/b", Some("m.example:5000/hub/a/b")),
            ("docker.io/library", "m.example/hub", "docker.io/library/nginx", Some("m.example/hub/nginx")),
            ("r.example/team", "m.example", "r.example/team/app", Some("m.example/app")),
            ("r.example/team", "m.example/t", "r.example/team", Some("m.example/t")),
            ("r.example/team", "m.example", "r.example/team", None),
            ("r.example", "docker.io", "r.example/nginx", None),
            ("r.example", "docker.io", "r.example/a/nginx", Some("docker.io/a/nginx")),
        ] {
            let (pattern, mirror): (RegistryPattern, Mirror) = (pattern.parse().unwrap(), mirror.parse().unwrap());
            let found = mirror.repository(&pattern, &repository.parse().unwrap());
            assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{pattern} {mirror} {repository}");
        }
    }

    #[test]
    fn a_text_that_is_no_location_is_refused_without_its_password() {
        for (text, expected) in [
            ("https://m.example", MirrorError::Scheme),
            ("https://user:hunter2@m.example", MirrorError::Scheme),
            ("user:hunter2@m.example/x", MirrorError::Userinfo),
            ("*.example.com", MirrorError::Location),
            ("m.example/", MirrorError::Location),
            ("m.example/Upper", MirrorError::Location),
            ("m.example/x?ns=docker.io", MirrorError::Location),
            ("", MirrorError::Location),
        ] {
            assert_eq!(text.parse::<Mirror>(), Err(expected), "{text}");
        }
        assert!(!MirrorError::Userinfo.to_string().contains("hunter2"));
    }

    #[test]
    fn the_mirrors_of_an_entry_are_others_and_each_once() {
        let check = |pattern: &str, locations: &[&str]| {
            let mistake = check_mirrors(&pattern.parse().unwrap(), &mirrors(locations)).err();
            mistake.map(|mistake| mistake.to_string())
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(check("r.example", &["m.example", "m.example/x", "r.example/cache"]), None);
        assert_eq!(
            check("r.example", &["m.example", "R.example:443"]),
            text(
                "found \"R.example:443\", which is the registry itself, expected other locations; the registry is the last one \
                 unless mirrorsOnly is true"
            )
        );
        assert_eq!(
            check("r.example", &["m.example/x", "M.example:443/x"]),
            text("found \"M.example:443/x\" twice, expected each mirror once")
        );
        assert_eq!(
            check("*.r.example", &["m.example"]),
            text(
                "found mirrors of the pattern *.r.example, which has several hosts, expected a host without wildcards: \
                 repositories of several hosts would be one at a mirror"
            )
        );
        assert_eq!(check("r.example", &["m.example"; 9]), text("found 9 mirrors, expected at most 8"));
        let none = Mirrors { locations: Vec::new(), only: true };
        assert_eq!(check_mirrors(&"r.example".parse().unwrap(), &none), Err(MirrorsMistake::OnlyNone));
    }

    #[test]
    fn mirrors_that_lead_to_each_other_are_found() {
        let circle = |entries: &[(&str, &[&str])]| {
            let entries: Vec<(RegistryPattern, Mirrors)> =
                entries.iter().map(|(pattern, locations)| (pattern.parse().unwrap(), mirrors(locations))).collect();
            let entries: Vec<_> = entries.iter().map(|(pattern, mirrors)| (pattern, mirrors)).collect();
            mirror_circle(&entries).map(|(position, mistake)| (position, mistake.to_string()))
        };
        assert_eq!(circle(&[("a.example", &["b.example"]), ("b.example", &["c.example"]), ("c.example", &[])]), None);
        assert_eq!(circle(&[("a.example/x", &["b.example/x"]), ("b.example/y", &["a.example/x"])]), None);
        let found = circle(&[
            ("z.example", &["a.example"]),
            ("a.example", &["b.example"]),
            ("b.example", &["c.example/x"]),
            ("c.example/x/y", &["d.example", "a.example/z"]),
        ]);
        let text = "found \"b.example\", whose entry b.example has mirrors that lead back to this one, expected mirrors without \
                    a circle; the mirrors of a mirror are not used";
        assert_eq!(found, Some((1, text.to_owned())));
    }
}
