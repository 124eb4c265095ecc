use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::auth_method::AuthMethod;
use crate::auth_method::AuthMethodError;
use crate::secret::Secret;

mod documents;

const FILE: &str = "pull-secret/.dockerconfigjson";

fn parse(text: &str) -> DockerConfig {
    DockerConfig::parse(FILE, text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A configuration with these entries.
fn auths(entries: &str) -> DockerConfig {
    parse(&format!("{{\"auths\":{{{entries}}}}}"))
}

fn basic(user: &str, password: impl Into<Vec<u8>>) -> AuthMethod {
    AuthMethod::Basic { user: user.to_owned(), password: Secret::new(password) }
}

/// The lookup of an image's repository: a login, none, or the error.
fn found(config: &DockerConfig, image: &str) -> Result<Option<AuthMethod>, String> {
    let (host, path) = image.split_once('/').unwrap();
    match config.find(&host.parse().unwrap(), path) {
        DockerConfigMatch::Anonymous { .. } => Ok(None),
        DockerConfigMatch::Identity { identity, .. } => Ok(Some(identity.method().clone())),
        DockerConfigMatch::Unusable(why) => Err(why.to_string()),
    }
}

fn mistakes(config: &DockerConfig) -> Vec<(String, EntryError)> {
    config.mistakes().iter().map(|mistake| (mistake.key.escaped().to_owned(), mistake.error.clone())).collect()
}

fn warnings(config: &DockerConfig) -> Vec<String> {
    config.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn reads_every_form_of_credential() {
    let config = auths(
        r#""https://index.docker.io/v1/":{"auth":"YWxpY2U6cGE6c3M=","email":"a@b.example"},
        "ghcr.io":{"username":"bob","password":"b"},
        "a.example:5000":{"auth":"MDA6","identitytoken":"refresh"},
        "http://b.example/v2/":{"registrytoken":"bearer"},
        "c.example":{"auth":"YTpi","username":"x","password":"y"},
        "d.example":{"auth":"","username":"x","password":"y","identitytoken":null}"#,
    );
    assert_eq!(found(&config, "docker.io/library/nginx"), Ok(Some(basic("alice", "pa:ss"))));
    assert_eq!(found(&config, "ghcr.io/a/b"), Ok(Some(basic("bob", "b"))));
    assert_eq!(found(&config, "a.example:5000/a"), Ok(Some(AuthMethod::IdentityToken(Secret::new("refresh")))));
    assert_eq!(found(&config, "b.example/a"), Ok(Some(AuthMethod::RegistryToken(Secret::new("bearer")))));
    assert_eq!(found(&config, "c.example/a"), Ok(Some(basic("a", "b"))));
    assert_eq!(found(&config, "d.example/a"), Ok(Some(basic("x", "y"))));
    assert_eq!((mistakes(&config), warnings(&config)), (vec![], vec![]));
}

#[test]
fn an_empty_entry_is_anonymous_for_its_images() {
    let config = auths(
        r#""r.example":{"auth":"YTpi"},"r.example/public":{},"r.example/null":null,"r.example/auth":{"auth":""},
        "r.example/colon":{"auth":"Og=="},"r.example/both":{"username":"","password":""},"r.example/mail":{"email":"x"}"#,
    );
    for path in ["public", "null", "auth", "colon", "both", "mail"] {
        assert_eq!(found(&config, &format!("r.example/{path}/app")), Ok(None), "{path}");
    }
    assert_eq!(found(&config, "r.example/app"), Ok(Some(basic("a", "b"))));
    assert_eq!((mistakes(&config), warnings(&config)), (vec![], vec![]));
}

#[test]
fn a_credential_is_for_its_host_only() {
    let config = auths(r#""ghcr.io":{"auth":"eDp5"}"#);
    for host in ["ghcr.io.evil.example", "evilghcr.io", "a.ghcr.io", "ghcr.io:5000"] {
        assert_eq!(found(&config, &format!("{host}/a")), Ok(None), "{host}");
    }
    // All spellings of one server.
    for host in ["GHCR.io", "ghcr.io:443", "ghcr.io:0443"] {
        assert_eq!(found(&config, &format!("{host}/a")), Ok(Some(basic("x", "y"))), "{host}");
    }
}

#[test]
fn only_the_most_specific_entry_applies() {
    let config = auths(
        r#""*.example":{"auth":"c3RhcjpzdGFy"},"r*.example":{"auth":"cjpy"},"*.example/team":{"auth":"dGVhbTp0ZWFt"},
        "r.example":{"auth":"aDpo"},"r.example/team":{"auth":"dDp0"},"r.example/team/app":{"auth":"YTph"}"#,
    );
    for (image, user) in [
        ("r.example/team/app", "a"),
        ("r.example/team/app/x", "a"),
        ("r.example/team/apple", "t"),
        ("r.example/teammate", "h"),
        ("registry.example/team", "r"),
        ("s.example/team/x", "team"),
        ("s.example/x", "star"),
    ] {
        assert_eq!(found(&config, image), Ok(Some(basic(user, user))), "{image}");
    }
}

#[test]
fn google_key_files_are_passwords() {
    let key =
        "{\n  \"type\": \"service_account\",\n  \"private_key\": \"-----BEGIN PRIVATE KEY-----\\nAA==\\n\"\r\n}\n";
    let auth = STANDARD.encode(format!("_json_key:{key}"));
    let base64 = STANDARD.encode(key);
    let json = serde_json::to_string(key).unwrap();
    let config = auths(&format!(
        r#""europe-docker.pkg.dev":{{"auth":"{auth}"}},
        "gcr.io":{{"username":"_json_key","password":{json}}},
        "eu.gcr.io":{{"username":"_json_key_base64","password":"{base64}"}}"#
    ));
    assert_eq!(found(&config, "europe-docker.pkg.dev/p/r/a"), Ok(Some(basic("_json_key", key))));
    assert_eq!(found(&config, "gcr.io/p/a"), Ok(Some(basic("_json_key", key))));
    assert_eq!(found(&config, "eu.gcr.io/p/a"), Ok(Some(basic("_json_key_base64", base64))));
    assert_eq!((mistakes(&config), warnings(&config)), (vec![], vec![]));
}

#[test]
fn accepts_the_base64_that_go_accepts() {
    // With and without padding, with line breaks, with trailing bits, with white space at the end.
    for auth in ["eHg6eXk=", "eHg6eXk", "eHg6\\r\\neXk=\\n", "eHg6eXl=", "eHg6eXk= "] {
        let config = auths(&format!(r#""a.example":{{"auth":"{auth}"}}"#));
        assert_eq!(found(&config, "a.example/a"), Ok(Some(basic("xx", "yy"))), "{auth}");
    }
    // `a:??>` in both alphabets, of which Go accepts one.
    let config = auths(r#""a.example":{"auth":"YTo/Pz4="},"b.example":{"auth":"YTo_Pz4="}"#);
    assert_eq!(found(&config, "a.example/a"), Ok(Some(basic("a", "??>"))));
    assert_eq!(mistakes(&config), [("b.example".to_owned(), EntryError::Base64)]);
}

#[test]
fn passwords_are_sent_unchanged() {
    for password in [&b"line\nline"[..], b" space ", b"\xff\xfe", b"\0", b"tab\t", b"\r\n"] {
        let auth = STANDARD.encode([b"a:", password].concat());
        let config = auths(&format!(r#""a.example":{{"auth":"{auth}"}}"#));
        assert_eq!(found(&config, "a.example/a"), Ok(Some(basic("a", password))));
    }
    // The line feed that `echo` adds is sent, as by the kubelet, although it is probably unintended.
    let config = auths(r#""a.example":{"auth":"YTpzZWNyZXQK"}"#);
    assert_eq!(found(&config, "a.example/a"), Ok(Some(basic("a", "secret\n"))));
    assert_eq!(
        warnings(&config),
        ["entry \"a.example\" has a password that ends with a line feed, which is sent with it; remove it if it \
          is not intended"]
    );
}

#[test]
fn an_entry_with_an_invalid_key_disables_images_without_an_entry() {
    let config = auths(r#""r.example":{"auth":"eDp5"},"r.example/Team":{"auth":"eDp5"}"#);
    assert_eq!(mistakes(&config), [("r.example/Team".to_owned(), EntryError::Path)]);
    assert_eq!(found(&config, "r.example/team/a"), Ok(Some(basic("x", "y"))));
    let config = auths(r#""r.example/Team":{"auth":"eDp5"}"#);
    assert!(found(&config, "r.example/team/a").is_err());
    assert_eq!(found(&config, "s.example/a"), Ok(None));

    let config =
        auths(r#""r.example":{},"https:// r.example":{"auth":"eDp5"},"user:hunter2@r.example":{"auth":"eDp5"}"#);
    assert_eq!(
        mistakes(&config),
        [("https:// r.example".to_owned(), EntryError::Host), ("r.example".to_owned(), EntryError::Host)]
    );
    assert_eq!(found(&config, "r.example/a"), Ok(None));
    assert_eq!(
        found(&config, "s.example/a"),
        Err("pull-secret/.dockerconfigjson: no entry is for it but perhaps one that cannot be read: entry \
             \"https:// r.example\" is not a registry, expected host[:port][/path], where * in a label of the \
             host matches any text"
            .to_owned())
    );
}

#[test]
fn several_spellings_of_one_server_are_one_entry() {
    let same = auths(
        r#""https://index.docker.io/v1/":{"auth":"eDp5"},"docker.io":{"auth":"eDp5"},"registry-1.docker.io":{"auth":"eDp5"},
        "r.example":{"auth":"YTpi"},"https://R.example:443":{"auth":"YTpi"}"#,
    );
    assert_eq!(found(&same, "docker.io/library/a"), Ok(Some(basic("x", "y"))));
    assert_eq!((mistakes(&same), warnings(&same)), (vec![], vec![]));

    // Precedence: docker.io, then index.docker.io, then the others; no scheme, then https, then http.
    let differ = auths(
        r#""https://index.docker.io/v1/":{"auth":"aTpp"},"docker.io":{"auth":"ZDpk"},"registry-1.docker.io":{"auth":"cjpy"},
        "http://r.example":{"auth":"aDpo"},"https://r.example":{"auth":"czpz"},"r.example":{"auth":"bjpu"}"#,
    );
    for host in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
        assert_eq!(found(&differ, &format!("{host}/library/a")), Ok(Some(basic("d", "d"))), "{host}");
    }
    assert_eq!(found(&differ, "r.example/a"), Ok(Some(basic("n", "n"))));
    let shadowed = |key: &str, by: &str| {
        format!("entry {key:?} is for the same images as {by:?}, differs from it and is not used")
    };
    assert_eq!(
        warnings(&differ),
        [
            shadowed("https://index.docker.io/v1/", "docker.io"),
            shadowed("registry-1.docker.io", "docker.io"),
            shadowed("http://r.example", "https://r.example"),
            shadowed("https://r.example", "r.example"),
        ]
    );

    // Precedence: a login, then a broken one, then none.
    let mixed = auths(
        r#""docker.io":{},"https://index.docker.io/v1/":{"auth":"aTpp"},"r.example":{"auth":"!"},"https://r.example":{"auth":"eDp5"},
        "s.example":{},"https://s.example":{"auth":"!"}"#,
    );
    assert_eq!(found(&mixed, "docker.io/library/a"), Ok(Some(basic("i", "i"))));
    assert_eq!(found(&mixed, "r.example/a"), Ok(Some(basic("x", "y"))));
    assert!(found(&mixed, "s.example/a").is_err());
    assert_eq!(mistakes(&mixed).len(), 2);
}

#[test]
fn is_printed_without_its_secrets() {
    let config = auths(
        r#""ghcr.io":{"username":"bob","password":"hunter2"},"a.example":{"auth":"aHVudGVyMg=="},
        "hunter2@b.example":{"password":"hunter2"},"c.example":{"registrytoken":"hunter2 "}"#,
    );
    let shown = format!("{config:?} {:?} {:?}", mistakes(&config), warnings(&config));
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
    assert_eq!(config.mistakes().len(), 3);
}
