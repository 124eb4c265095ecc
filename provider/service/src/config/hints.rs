//! What was probably meant by a key or a text that cannot be read: names of other programs, misspelt names, URLs in place of hosts.

/// Names of Ratify and of other programs, in lower case without separators, with the keys of ours that have their meaning. They count
/// only where the map can have our key.
const FOREIGN: &[(&str, &str)] = &[
    ("vaulturi", "vault"),
    ("vaulturl", "vault"),
    ("vaultname", "vault"),
    ("tenantid", "tenant"),
    ("certificatename", "name"),
    ("certificateversion", "version"),
    ("versionhistorylimit", "versions"),
    ("usehttp", "plainHttp"),
    ("insecure", "plainHttp"),
    ("insecureskipverify", "ca"),
    ("cabundle", "ca"),
    ("cacert", "ca"),
    ("cafile", "ca"),
    ("registry", "host"),
    ("server", "host"),
    ("prefix", "host"),
    ("username", "usernameFile"),
    ("password", "passwordFile"),
    ("clientsecret", "clientSecretFile"),
    ("authprovider", "credentials"),
    ("auth", "credentials"),
    ("configpath", "dockerConfig"),
    ("rolearn", "roleArn"),
    ("assumerolearn", "roleArn"),
    ("awsrole", "roleArn"),
    ("authorityhosturl", "authorityHost"),
    ("activedirectoryauthorityhost", "authorityHost"),
    ("dir", "directory"),
    ("truststore", "store"),
    ("trustpolicy", "policy"),
    ("trustpolicydoc", "policy"),
];

/// The key of `keys` that `written` seems to mean.
pub(super) fn key_for(written: &str, keys: &[&'static str]) -> Option<&'static str> {
    let written = plain(written);
    let spelt = keys.iter().find(|key| plain(key) == written);
    let foreign = || {
        let (_, own) = FOREIGN.iter().find(|(foreign, own)| *foreign == written && keys.contains(own))?;
        keys.iter().find(|key| *key == own)
    };
    spelt.or_else(foreign).or_else(|| nearest(&written, keys)).copied()
}

/// Without letter case and separators.
fn plain(key: &str) -> String {
    key.chars().filter(|c| !['-', '_', '.', ' '].contains(c)).flat_map(char::to_lowercase).collect()
}

/// The only key that differs in one letter, or in two of at least eight.
fn nearest<'k>(written: &str, keys: &'k [&'static str]) -> Option<&'k &'static str> {
    // Longer ones are no keys.
    if written.len() > 64 {
        return None;
    }
    let near = |key: &&&'static str| {
        let allowed = if key.len() >= 8 { 2 } else { usize::from(key.len() >= 4) };
        distance(written, &plain(key)) <= allowed
    };
    let mut near = keys.iter().filter(near);
    near.next().filter(|_| near.next().is_none())
}

/// How many letters differ: inserted, left out, replaced, or exchanged with their neighbours
/// ([optimal string alignment](https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance)).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, of_a) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, of_b) in b.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(of_a != of_b);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *of_a == b[j - 1] && a[i - 1] == *of_b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}

/// What of a URL is left out for its hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The host alone is meant, so that a path after it is left out too.
    SchemeAndPath,
    /// A path may be meant: the path of the API of registries, or what is after the host, is left out with the scheme only.
    Scheme,
}

/// What to write in place of a URL of http or https, or of a host with a path: the first part of the text that `is_readable`. Not if the
/// text may have a secret.
pub(super) fn without_url(text: &str, cut: Cut, is_readable: impl Fn(&str) -> bool) -> Option<String> {
    // A login, or a signature.
    if text.contains(['@', '?', '#', '\\']) || text.chars().any(char::is_whitespace) {
        return None;
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, text),
    };
    if scheme.as_deref().is_some_and(|scheme| !["http", "https", "oci", "docker"].contains(&scheme)) {
        return None;
    }
    let without_slash = rest.trim_end_matches('/');
    let host = rest.split('/').next().unwrap_or_default();
    let is_api = matches!(without_slash.strip_prefix(host), Some("/v1" | "/v2"));
    let (whole, host) = (Some(without_slash).filter(|_| !is_api), Some(host));
    // Without a scheme, other texts have slashes too.
    let host = host.filter(|host| scheme.is_some() || (host.contains('.') && !host.contains(':')));
    let candidates = match (cut, &scheme) {
        (Cut::SchemeAndPath, _) | (Cut::Scheme, Some(_)) => [whole, host],
        (Cut::Scheme, None) => [whole, None],
    };
    let meant = candidates.into_iter().flatten().find(|part| *part != text && is_readable(part))?;
    let without = match (scheme, meant.len() < without_slash.len()) {
        (Some(scheme), true) => format!("{scheme}:// and the path"),
        (Some(scheme), false) => {
            format!("{scheme}://{}", if rest == without_slash { "" } else { " and the slash at the end" })
        }
        (None, true) => "the path".to_owned(),
        (None, false) => "the slash at the end".to_owned(),
    };
    Some(format!("write {meant}, without {without}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_recognised_by_its_letters_its_foreign_name_or_a_slip() {
        const KEYS: [&str; 8] =
            ["vault", "certificates", "refreshInterval", "identity", "clientId", "tenant", "clientSecretFile", "ca"];
        for (written, meant) in [
            ("vaultURI", Some("vault")),
            ("vault_uri", Some("vault")),
            ("tenantID", Some("tenant")),
            ("clientID", Some("clientId")),
            ("client-id", Some("clientId")),
            ("CERTIFICATES", Some("certificates")),
            ("certifcates", Some("certificates")),
            ("refreshIntreval", Some("refreshInterval")),
            ("vualt", Some("vault")),
            ("clientSecret", Some("clientSecretFile")),
            ("caBundle", Some("ca")),
            // Of other maps.
            ("useHttp", None),
            ("cab", None),
            ("c", None),
            ("", None),
            ("colour", None),
        ] {
            assert_eq!(key_for(written, &KEYS), meant, "{written}");
        }
        assert_eq!(key_for("names", &["name", "nam"]), Some("name"));
        assert_eq!(key_for("portx", &["porty", "portz"]), None, "two are equally near");
        assert_eq!(key_for(&"x".repeat(10_000), &KEYS), None);
    }

    #[test]
    fn a_url_has_the_part_that_can_be_read_unless_it_may_have_a_secret() {
        let host = |text: &str| text.ends_with(".example") && !text.contains('/');
        let of_vault = |text: &str| without_url(text, Cut::SchemeAndPath, host);
        let write = |text: &str| Some(format!("write {text}"));
        assert_eq!(of_vault("https://a.example"), write("a.example, without https://"));
        assert_eq!(of_vault("HTTPS://a.example/"), write("a.example, without https:// and the slash at the end"));
        assert_eq!(of_vault("http://a.example/certificates/x"), write("a.example, without http:// and the path"));
        assert_eq!(of_vault("a.example/x"), write("a.example, without the path"));
        assert_eq!(of_vault("a.example/"), write("a.example, without the slash at the end"));
        for text in [
            "https://user:secret@a.example",
            "https://a.example?sig=1",
            "https://a.example#x",
            "ftp://a.example",
            "https://a.other",
            "a.example x",
            "",
            "/",
        ] {
            assert_eq!(of_vault(text), None, "{text}");
        }
        let with_path = |text: &str| without_url(text, Cut::Scheme, |text| text.chars().all(|c| !c.is_uppercase()));
        assert_eq!(with_path("https://a.example/team"), write("a.example/team, without https://"));
        assert_eq!(with_path("https://a.example/v2/"), write("a.example, without https:// and the path"));
        assert_eq!(with_path("https://a.example/Team"), write("a.example, without https:// and the path"));
        assert_eq!(with_path("a.example/Team"), None);
    }
}
