//! Origins of URLs, and the links of a response that may be followed.

use countersign_core::name::Host;
use url::Position;
use url::Url;

use crate::limits;

/// A link of a response that must not be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found no URL of at most {} bytes with a host and without a user name, expected one", limits::URL_BYTES)]
pub struct BadLink;

/// Whether all programs read the same host in `text`, a URL or a link. URL parsers ignore further slashes, add missing ones, read
/// backslashes as slashes, and remove blanks at the ends, line breaks and tabs: so they find a host where others find another one
/// or none.
#[must_use]
pub fn has_one_reading(text: &str) -> bool {
    if text.trim() != text || text.contains(char::is_control) {
        return false;
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match path.split_once(':') {
        // A colon behind a slash ends no scheme.
        Some((scheme, rest)) if !scheme.contains(['/', '\\']) => (Some(scheme), rest),
        Some(_) | None => (None, path),
    };
    match (rest.strip_prefix("//"), scheme) {
        (Some(rest), _) => {
            let authority = rest.split('/').next().unwrap_or_default();
            !authority.is_empty() && !authority.contains('\\')
        }
        (None, Some(_)) => false,
        (None, None) => !rest.starts_with('\\') && !rest.starts_with("/\\"),
    }
}

/// Resolves `link`, which a response from `from` names: a URL of limited length, with a host, without user name and
/// password, and without its fragment.
///
/// # Errors
/// The link is not such a URL.
pub fn resolve_link(from: &Url, link: &str) -> Result<Url, BadLink> {
    if link.len() > limits::URL_BYTES || !has_one_reading(link) {
        return Err(BadLink);
    }
    let mut target = from.join(link).map_err(|_| BadLink)?;
    target.set_fragment(None);
    if !target.username().is_empty() || target.password().is_some() {
        return Err(BadLink);
    }
    with_plain_host(target).ok_or(BadLink)
}

/// The URL with its host in canonical form, the same for all spellings of a server: an IPv4-mapped address becomes
/// that IPv4 address, and the dot at the end of a name is removed. `None` if the host is neither an IP address nor a
/// DNS name.
#[must_use]
pub fn with_plain_host(mut url: Url) -> Option<Url> {
    if !has_plain_host(&url) {
        return None;
    }
    let plain = match url.host()? {
        url::Host::Ipv6(address) => address.to_ipv4_mapped().map(|v4| v4.to_string()),
        url::Host::Domain(name) => name.strip_suffix('.').map(str::to_owned),
        url::Host::Ipv4(_) => None,
    };
    if let Some(plain) = plain {
        if plain.is_empty() || plain.ends_with('.') {
            return None;
        }
        url.set_host(Some(&plain)).ok()?;
    }
    Some(url)
}

/// Whether the host is an IP address or a DNS name. URLs allow more, for example quotation marks.
pub(crate) fn has_plain_host(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => {
            name.len() <= limits::HOST_BYTES
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        }
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => true,
        None => false,
    }
}

/// Whether scheme, host and port are the same, so that a credential for one may be sent to the other.
#[must_use]
pub fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && a.port_or_known_default() == b.port_or_known_default()
}

/// `host[:port]` of a URL, the name of a server in messages and limits, one text per server. Without path and query,
/// which may be signed.
#[must_use]
pub fn authority(url: &Url) -> String {
    let mapped = match url.host() {
        Some(url::Host::Ipv6(address)) => address.to_ipv4_mapped(),
        Some(url::Host::Ipv4(_) | url::Host::Domain(_)) | None => None,
    };
    if url.scheme() == "https" && mapped.is_none() {
        // Has a port only if it is not 443.
        return url[Position::BeforeHost..Position::AfterPort].to_owned();
    }
    let host = mapped.map_or_else(|| url.host_str().unwrap_or_default().to_owned(), |address| address.to_string());
    match url.port_or_known_default() {
        Some(port) if port != 443 => format!("{host}:{port}"),
        Some(_) | None => host,
    }
}

/// The server of `url`, always with its port. `None` for hosts that `countersign_core::name` refuses.
#[must_use]
pub fn server_of(url: &Url) -> Option<Host> {
    format!("{}:{}", url.host_str()?, url.port_or_known_default()?).parse().ok()
}

/// Whether `host` is the server of `url`. Its default port is that of the scheme.
#[must_use]
pub fn leads_to(url: &Url, host: &Host) -> bool {
    let default = if url.scheme() == "http" { 80 } else { 443 };
    let port = host.written_port().unwrap_or(default);
    url.port_or_known_default() == Some(port) && server_of(url).is_some_and(|server| server.name() == host.name())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_no_name_of_the_dns_is_refused() {
        let from = Url::parse("https://r.example/v2/").unwrap();
        for link in ["/x", "https://a-b.example:5000/", "//[::1]/", "https://10.0.0.1/", "https://b\u{fc}cher.example/"]
        {
            assert!(resolve_link(&from, link).is_ok(), "{link}");
        }
        let long = format!("https://{}.example/", "a".repeat(250));
        for link in ["https://a\"b/", "https://a,verified/", "https://a(b)/", "abc://h\u{f6}st/", "mailto:a@b", &long] {
            assert_eq!(resolve_link(&from, link), Err(BadLink), "{link}");
        }
    }

    #[test]
    fn the_authority_of_a_url_is_its_host_with_a_port_other_than_443() {
        for (url, expected) in [
            ("https://r.example/a?b#c", "r.example"),
            ("https://R.example:443/", "r.example"),
            ("https://u:p@r.example:5000/a@b:1", "r.example:5000"),
            ("https://10.0.0.1:80", "10.0.0.1:80"),
            ("https://[2001:DB8::1]:8443/", "[2001:db8::1]:8443"),
            ("https://[::ffff:10.0.0.1]:5000/", "10.0.0.1:5000"),
            ("https://[::ffff:10.0.0.1]/", "10.0.0.1"),
            ("http://r.example/", "r.example:80"),
            ("http://u@r.example:443/", "r.example"),
            ("http://[::1]:5000/", "[::1]:5000"),
            ("data:a", ""),
        ] {
            assert_eq!(authority(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn a_link_that_programs_read_differently_is_refused() {
        let from = Url::parse("https://r.example/v2/").unwrap();
        for link in [
            "https:///h.example/x",
            "https:h.example/x",
            "https:/h.example/x",
            "https:////h.example/x",
            "///h.example/x",
            "/\\h.example/x",
            "\\\\h.example/x",
            "https:\\\\h.example/x",
            "https://h.example\\@r.example/x",
            "ht\ttps://h.example/x",
            "https://h.exa\nmple/x",
            " https://h.example/x",
            "https://h.example/x ",
        ] {
            assert_eq!(resolve_link(&from, link), Err(BadLink), "{link}");
        }
        for (link, target) in [
            ("https://h.example//x:y", "https://h.example//x:y"),
            ("//h.example/x", "https://h.example/x"),
            ("/x//y:z", "https://r.example/x//y:z"),
            ("x/y:z", "https://r.example/v2/x/y:z"),
            ("?n=1&last=a:b\\c", "https://r.example/v2/?n=1&last=a:b\\c"),
            ("https://h.example/x\\y", "https://h.example/x/y"),
        ] {
            assert_eq!(resolve_link(&from, link).map(|found| found.to_string()), Ok(target.to_owned()), "{link}");
        }
    }

    #[test]
    fn links_to_one_server_have_one_text() {
        let from = Url::parse("https://10.0.0.5:5000/v2/").unwrap();
        for (link, target) in [
            ("https://[::ffff:a00:5]:05000/x", "https://10.0.0.5:5000/x"),
            ("//[::FFFF:10.0.0.5]:5000/x?y", "https://10.0.0.5:5000/x?y"),
            ("https://0xa.5:5000/x", "https://10.0.0.5:5000/x"),
            ("https://R.example.:0443/x#y", "https://r.example/x"),
            ("http://r.example.:443/x", "http://r.example:443/x"),
            ("https://[fd00:0::1]/x", "https://[fd00::1]/x"),
        ] {
            assert_eq!(resolve_link(&from, link).map(|target| target.to_string()), Ok(target.to_owned()), "{link}");
        }
        for link in ["https://./x", "https://r.example../x"] {
            assert_eq!(resolve_link(&from, link), Err(BadLink), "{link}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| same_origin(&Url::parse(a).unwrap(), &Url::parse(b).unwrap());
        assert!(same("https://a/x", "https://A:443/y"));
        for other in ["http://a/", "https://a:444/", "https://b/", "https://a.b/"] {
            assert!(!same("https://a/", other), "{other}");
        }
    }

    #[test]
    fn one_server_has_one_text() {
        for (url, text) in [
            ("https://R.example/a?b", "r.example"),
            ("https://r.example:443/", "r.example"),
            ("http://r.example:443/", "r.example"),
            ("http://r.example/", "r.example:80"),
            ("https://r.example:80/", "r.example:80"),
            ("https://[FD00:0::1]:5000/", "[fd00::1]:5000"),
            ("https://[::ffff:a00:5]:5000/", "10.0.0.5:5000"),
        ] {
            assert_eq!(authority(&Url::parse(url).unwrap()), text, "{url}");
        }
    }

    #[test]
    fn a_host_without_a_port_is_at_the_default_of_the_scheme() {
        let leads = |url: &str, host: &str| leads_to(&Url::parse(url).unwrap(), &host.parse().unwrap());
        assert!(leads("https://a.example/t", "A.example"));
        assert!(leads("https://a.example/t", "a.example:0443"));
        assert!(leads("http://a.example/t", "a.example"));
        assert!(leads("http://a.example/t", "a.example:80"));
        assert!(leads("https://registry-1.docker.io/t", "docker.io"));
        assert!(leads("https://10.0.0.5:5000/t", "[::ffff:a00:5]:5000"));
        for (url, host) in [
            ("http://a.example/t", "a.example:443"),
            ("https://a.example/t", "a.example:80"),
            ("https://a.example:5000/t", "a.example"),
            ("https://b.example/t", "a.example"),
            ("https://a.example.b/t", "a.example"),
            // This host is a website.
            ("https://docker.io/t", "docker.io"),
        ] {
            assert!(!leads(url, host), "{url} {host}");
        }
    }
}
