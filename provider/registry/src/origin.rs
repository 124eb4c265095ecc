//! Who answers at a URL, and where an answer may lead.

use url::Host;
use url::Url;

use crate::bounds;
use crate::error::LinkRefusal;

/// A link of an answer from `from`: bounded, with a host, without a name and password of its own.
pub(crate) fn resolve_link(from: &Url, link: &str) -> Result<Url, LinkRefusal> {
    if link.len() > bounds::URL_BYTES {
        return Err(LinkRefusal::Url);
    }
    let mut target = from.join(link).map_err(|_| LinkRefusal::Url)?;
    target.set_fragment(None);
    if !has_plain_host(&target) || !target.username().is_empty() || target.password().is_some() {
        return Err(LinkRefusal::Url);
    }
    Ok(target)
}

/// Whether the host is an IP address or a name as the DNS has them. URLs allow more, quotation marks among it.
pub(crate) fn has_plain_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.len() <= bounds::HOST_BYTES
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

/// Scheme, host and port are the same: what may be told to one may be told to the other.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && a.port_or_known_default() == b.port_or_known_default()
}

/// `host[:port]` of a URL: what messages and gates name it by. Never path or query, which may be signed.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
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
            assert_eq!(resolve_link(&from, link), Err(LinkRefusal::Url), "{link}");
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
}
