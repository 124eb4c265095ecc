//! Hosts of Artifact Registry, and those of Container Registry, which Artifact Registry serves
//! ([names](https://cloud.google.com/artifact-registry/docs/docker/names),
//! [gcr.io](https://cloud.google.com/artifact-registry/docs/transition/gcr-repositories)). Access tokens of Google Cloud are sent to
//! no other hosts, so the whole name must fit: a token that was sent to another registry could be used by it.

use super::Host;
use super::HostName;

/// A host of Artifact Registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GoogleRegistryHost {
    /// `LOCATION-docker.pkg.dev`: the repositories of a region or multi-region.
    Location(String),
    /// `gcr.io`, `us.gcr.io`, `eu.gcr.io` or `asia.gcr.io`. Public registries of Google, such as `mirror.gcr.io`, are none of them:
    /// they need no credential.
    Gcr(GcrHost),
}

/// A host of Container Registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GcrHost {
    /// `gcr.io`
    World,
    /// `us.gcr.io`
    Us,
    /// `eu.gcr.io`
    Eu,
    /// `asia.gcr.io`
    Asia,
}

/// The multi-regions ([locations](https://cloud.google.com/artifact-registry/docs/repositories/repo-locations)).
const MULTI_REGIONS: [&str; 3] = ["asia", "europe", "us"];

/// The end of a host name after its location.
const DOCKER: &str = "-docker.pkg.dev";

impl GcrHost {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::World, Self::Us, Self::Eu, Self::Asia];

    /// The host name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::World => "gcr.io",
            Self::Us => "us.gcr.io",
            Self::Eu => "eu.gcr.io",
            Self::Asia => "asia.gcr.io",
        }
    }
}

impl GoogleRegistryHost {
    /// The registry at `host`; `None` if it is not one of Google. Another port than 443 is not.
    #[must_use]
    pub fn of(host: &Host) -> Option<Self> {
        let HostName::Dns(name) = host.name() else { return None };
        if host.port() != 443 {
            return None;
        }
        if let Some(gcr) = GcrHost::ALL.into_iter().find(|gcr| gcr.as_str() == name) {
            return Some(Self::Gcr(gcr));
        }
        let location = name.strip_suffix(DOCKER)?;
        is_location(location).then(|| Self::Location(location.to_owned()))
    }
}

/// A multi-region, or a region: `europe-west1`, `northamerica-northeast2`.
fn is_location(text: &str) -> bool {
    MULTI_REGIONS.contains(&text) || text.split_once('-').is_some_and(|(area, place)| is_word(area) && is_place(place))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A word with a number of one or two digits.
fn is_place(text: &str) -> bool {
    let word = text.trim_end_matches(|last: char| last.is_ascii_digit());
    is_word(word) && (1..=2).contains(&(text.len() - word.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(host: &str) -> Option<GoogleRegistryHost> {
        GoogleRegistryHost::of(&host.parse().unwrap())
    }

    #[test]
    fn every_form_of_a_host_is_recognized() {
        for (host, location) in [
            ("europe-west1-docker.pkg.dev", "europe-west1"),
            ("Europe-West12-Docker.PKG.dev:443", "europe-west12"),
            ("northamerica-northeast2-docker.pkg.dev", "northamerica-northeast2"),
            ("me-central2-docker.pkg.dev", "me-central2"),
            ("us-docker.pkg.dev", "us"),
            ("europe-docker.pkg.dev", "europe"),
            ("asia-docker.pkg.dev", "asia"),
        ] {
            assert_eq!(of(host), Some(GoogleRegistryHost::Location(location.to_owned())), "{host}");
        }
        for (host, gcr) in [
            ("gcr.io", GcrHost::World),
            ("us.gcr.io", GcrHost::Us),
            ("EU.gcr.io", GcrHost::Eu),
            ("asia.gcr.io:443", GcrHost::Asia),
        ] {
            assert_eq!(of(host), Some(GoogleRegistryHost::Gcr(gcr)), "{host}");
        }
    }

    #[test]
    fn a_host_that_only_looks_like_googles_is_none_of_its_registries() {
        for host in [
            "docker.pkg.dev",
            "pkg.dev",
            "europe-west1-docker.pkg.dev.evil.example",
            "europe-west1-docker.pkg.dev:8443",
            "europe-west1-docker.pkg.evil.dev",
            "europe-west1-docker.evil-pkg.dev",
            "europe-west1-dockerpkg.dev",
            "europe-west1-python.pkg.dev",
            "europe-west-docker.pkg.dev",
            "europe-west100-docker.pkg.dev",
            "europe-1-docker.pkg.dev",
            "europe1-docker.pkg.dev",
            "europe-west-1-docker.pkg.dev",
            "europe--west1-docker.pkg.dev",
            "evil-docker.pkg.dev",
            "evil.europe-west1-docker.pkg.dev",
            "docker.europe-west1.pkg.dev",
            "mirror.gcr.io",
            "k8s.gcr.io",
            "marketplace.gcr.io",
            "us.us.gcr.io",
            "us-gcr.io",
            "gcr.io.evil.example",
            "evilgcr.io",
            "gcr.io:5000",
            "ghcr.io",
            "docker.io",
            "registry.example",
            "localhost:5000",
            "169.254.169.254",
            "[fd20:ce::254]",
        ] {
            assert_eq!(of(host), None, "{host}");
        }
    }
}
