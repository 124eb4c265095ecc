//! Files of registries and their mistakes: each mistake disables only its own registry or entry.

use countersign::config::Config;
use countersign::config::FileEffect;
use countersign::config::FindingKind;
use countersign::config::Purpose;
use countersign::config::RegistryFiles;
use countersign_core::codec::text::Text;
use countersign_credentials::Credential;
use countersign_credentials::Secret;
use countersign_http::ProxyChoice;
use countersign_http::Roots;
use countersign_registry::RegistryEntry;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use countersign_testkit::folder::Folder;

/// A configuration with these elements of `registries`, whose files are in `folder`.
fn config(folder: &Folder, registries: &str) -> Config {
    let text = format!("trust: {{directory: trust}}\nregistries:\n{registries}");
    Config::parse(&text, &folder.path().join("c.yaml"), Purpose::Verify).unwrap()
}

fn entries(config: &Config, files: &RegistryFiles) -> Vec<RegistryEntry> {
    files.settings(config).registries
}

fn credentials(files: &RegistryFiles) -> Vec<Credential> {
    files.credentials().map(|(_, credential)| credential.clone()).collect()
}

/// Whether both say the same about every registry, whatever was found.
fn says_the_same(files: &RegistryFiles, other: &RegistryFiles) -> bool {
    files.differs_in_credentials_only(other) && credentials(files) == credentials(other)
}

/// The findings with their effects, without the folder's path.
fn effects(folder: &Folder, files: &RegistryFiles) -> Vec<String> {
    let prefix = format!("{}/", folder.path().display());
    files.findings().map(|finding| finding.effect().replace(&prefix, "")).collect()
}

fn basic(user: &str, password: impl Into<Vec<u8>>) -> Credential {
    Credential::basic(user, Secret::new(password)).unwrap()
}

const LOGIN: &str = "- {host: a.example, credentials: {usernameFile: user, passwordFile: password}}\n";
const SECRET: &str = "- {host: b.example, credentials: {dockerConfig: secret.json}}\n";

#[test]
fn reads_a_password_file_without_trailing_white_space() {
    let folder = Folder::new();
    let config = config(&folder, LOGIN);
    for (user, password, expected) in [
        (&b"alice\n"[..], &b"first\r\n"[..], basic("alice", "first")),
        (b"\xef\xbb\xbfalice", b"\xef\xbb\xbfsecond \t\n\n", basic("alice", "second")),
        (b"_json_key", b"{\n  \"a\": \"b\"\n}\n", basic("_json_key", "{\n  \"a\": \"b\"\n}")),
        (b"alice", b"\xff\xfe\x00", basic("alice", b"\xff\xfe\x00")),
    ] {
        folder.write("user", user);
        folder.write("password", password);
        let files = config.registry_files(None);
        assert_eq!(effects(&folder, &files), [""; 0]);
        assert_eq!(credentials(&files)[0], expected);
    }
}

#[test]
fn a_credential_from_files_names_its_keys_and_files() {
    let folder = Folder::new();
    let config = config(&folder, LOGIN);
    folder.write("user", "alice");
    folder.write("password", "hunter2");
    let found = credentials(&config.registry_files(None)).remove(0);
    let Credential::Static(identity) = found else { panic!("{found:?}") };
    let origin = identity.origin().unwrap().replace(&format!("{}/", folder.path().display()), "");
    assert_eq!(origin, "credentials.usernameFile user and credentials.passwordFile password");
}

#[test]
fn a_file_that_cannot_be_used_disables_its_registry_and_no_other() {
    let folder = Folder::new();
    folder.write("empty", "\n");
    folder.write("colon", "a:b");
    folder.write("latin", b"\xe4");
    folder.write("password", "hunter2");
    folder.write("user", "alice");
    folder.write("ca.pem", "hunter2");
    folder.write("list.json", "[]");
    folder.write("large", vec![b'x'; 20_000]);
    let config = config(
        &folder,
        "- {host: good.example, credentials: {usernameFile: user, passwordFile: password}}
- {host: a.example, credentials: {usernameFile: empty, passwordFile: none}}
- {host: b.example, credentials: {usernameFile: colon, passwordFile: password}}
- {host: c.example, credentials: {usernameFile: latin, passwordFile: password}}
- {host: d.example, credentials: {usernameFile: user, passwordFile: large}}
- {host: e.example, credentials: {dockerConfig: list.json}}
- {host: f.example, ca: ca.pem, credentials: {usernameFile: user, passwordFile: password}}
",
    );
    let files = config.registry_files(None);
    assert_eq!(
        effects(&folder, &files),
        [
            "registry a.example is disabled: empty: is empty, expected a user name or a password",
            "registry a.example is disabled: none: cannot be read: No such file or directory (os error 2), expected a readable file",
            "registry b.example is disabled: colon: has a colon in the user name, expected none; a colon separates the user name from the password",
            "registry c.example is disabled: latin: is not UTF-8, expected UTF-8",
            "registry d.example is disabled: large: has a credential of 20005 bytes, expected at most 12288",
            "registry e.example is disabled: list.json: is not a Docker configuration, expected a JSON object \
             with an object auths of at most 1000 entries, and no member twice",
            "registry f.example is disabled: ca.pem: has no -----BEGIN line, expected CERTIFICATE blocks in PEM",
        ]
    );
    assert!(!effects(&folder, &files).concat().contains("hunter2"));
    assert_eq!(files.error().unwrap().mistakes().len(), 7);
    let entries = entries(&config, &files);
    let found = credentials(&files);
    assert_eq!(found[0], basic("alice", "hunter2"));
    assert!(found[1..].iter().all(|credential| matches!(credential, Credential::Unusable(_))));
    let ca = folder.path().join("ca.pem").display().to_string();
    assert_eq!(entries[6].roots, Roots::Unusable { file: ca });
    assert!(
        countersign_registry::Registries::new(
            files.settings(&config),
            std::sync::Arc::new(countersign_registry::Unobserved)
        )
        .is_ok()
    );
}

#[test]
fn keeps_the_last_good_content_for_the_same_file_only() {
    let folder = Folder::new();
    let root = Authority::root(CertSpec::root()).pem();
    folder.write("user", "alice");
    folder.write("password", "first");
    folder.write("ca.pem", &root);
    folder.write("secret.json", r#"{"auths":{"b.example":{"auth":"eDp5"}}}"#);
    let both = "- {host: a.example, ca: ca.pem, credentials: {usernameFile: user, passwordFile: password}}\n";
    let config = self::config(&folder, &format!("{both}{SECRET}"));
    let good = config.registry_files(None);
    assert_eq!(effects(&folder, &good), [""; 0]);

    folder.write("password", "");
    folder.write("ca.pem", root.replace(" CERTIFICATE-", " TRUSTED CERTIFICATE-"));
    folder.write("secret.json", r#"{"auths":{"b.example":{"auth":"#);
    let kept = config.registry_files(Some(&good));
    assert!(says_the_same(&kept, &good));
    let found = effects(&folder, &kept);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(
        found[1],
        "registry a.example keeps the former content of password: is empty, expected a user name or a password"
    );
    let kinds: Vec<_> = kept.findings().map(|finding| &finding.kind).collect();
    assert!(kinds.iter().all(|kind| matches!(kind, FindingKind::File { effect: FileEffect::Kept, .. })), "{kinds:?}");
    assert!(kept.broken_since(&good).is_some() && kept.broken_since(&kept).is_none());
    // The same holds until the file is good again.
    assert!(says_the_same(&config.registry_files(Some(&kept)), &good));

    // Another file, or another host, does not inherit it.
    let other = self::config(
        &folder,
        "- {host: a.example, credentials: {usernameFile: user, passwordFile: other}}\n- {host: c.example, credentials: {dockerConfig: secret.json}}\n",
    );
    let disabled = other.registry_files(Some(&kept));
    let found = credentials(&disabled);
    assert!(found.iter().all(|credential| matches!(credential, Credential::Unusable(_))), "{found:?}");
    assert!(disabled.broken_since(&kept).is_some());
    // A disabled entry has no last good content.
    assert_eq!(effects(&folder, &other.registry_files(Some(&disabled))), effects(&folder, &disabled));
}

#[test]
fn entries_of_a_pull_secret_are_disabled_one_by_one() {
    let folder = Folder::new();
    folder.write(
        "secret.json",
        r#"{"auths":{"b.example":{"auth":"eDp5"},"c.example":{"auth":"hunter2!"},"d.example":{}},"credsStore":"desktop"}"#,
    );
    let config = self::config(&folder, SECRET);
    let good = config.registry_files(None);
    assert_eq!(
        effects(&folder, &good),
        [
            "an entry of secret.json (registry b.example) is disabled, so that its images are inconclusive: entry \
             \"c.example\" has an auth that is not base64, expected the base64 of name:password in the alphabet \
             with + and /",
            "registry b.example: secret.json: credsStore names \"desktop\": helpers are not run; requests to \
             registries without a credential in auths are anonymous",
        ]
    );
    assert_eq!(good.error().unwrap().mistakes().len(), 1);
    // The last good file is not used in its place.
    folder.write("secret.json", r#"{"auths":{"b.example":{"auth":"!"}}}"#);
    let now = config.registry_files(Some(&good));
    assert!(!says_the_same(&now, &good) && now.broken_since(&good).is_none());
}

#[test]
fn a_pull_secret_without_the_host_is_a_warning() {
    let folder = Folder::new();
    folder.write("secret.json", r#"{"auths":{"other.example":{"auth":"eDp5"}}}"#);
    let config = self::config(
        &folder,
        &format!("{SECRET}- {{host: '*.c.example', credentials: {{dockerConfig: secret.json}}}}\n"),
    );
    let files = config.registry_files(None);
    assert_eq!(
        effects(&folder, &files),
        ["registry b.example: secret.json: has no entry for this registry, which is used anonymously"]
    );
    assert_eq!(files.error(), None);
}

#[test]
fn a_proxy_whose_files_cannot_be_used_disables_its_registry() {
    let folder = Folder::new();
    folder.write("user", "alice");
    folder.write("colon", "a:b");
    folder.write("password", "hunter2");
    folder.write("ca.pem", Authority::root(CertSpec::root()).pem());
    let element = |user: &str| {
        let proxy =
            format!("{{url: 'https://proxy.example:3128', usernameFile: {user}, passwordFile: password, ca: ca.pem}}");
        format!("- {{host: a.example, proxy: {proxy}}}\n")
    };
    let good_config = self::config(&folder, &element("user"));
    let good = good_config.registry_files(None);
    assert_eq!(effects(&folder, &good), [""; 0]);
    let config = self::config(&folder, &element("colon"));
    let disabled = config.registry_files(Some(&good));
    assert_eq!(
        effects(&folder, &disabled),
        ["registry a.example is disabled: colon: has a user name or password that cannot be sent, expected a \
             user name without a colon, in percent-encoded UTF-8"]
    );
    assert!(matches!(credentials(&disabled)[0], Credential::Unusable(_)));
    // The last good content of the same files is kept; the registry is never reached without the proxy.
    folder.write("password", "");
    folder.write("ca.pem", "hunter2");
    let kept = good_config.registry_files(Some(&good));
    assert_eq!(effects(&folder, &kept).len(), 2);
    assert!(says_the_same(&kept, &good));
    let disabled = good_config.registry_files(None);
    assert!(matches!(credentials(&disabled)[0], Credential::Unusable(_)));
    assert!(!says_the_same(&good_config.registry_files(Some(&disabled)), &good));
}

#[test]
fn reports_a_mistake_in_a_shared_pull_secret_once_for_the_first_registry() {
    let folder = Folder::new();
    folder.write("secret.json", r#"{"auths":{"a.example":{"auth":"YTpi"},"b.example":{"auth":"!"}}}"#);
    let of = |host: &str| format!("- {{host: {host}, credentials: {{dockerConfig: secret.json}}}}\n");
    let config = config(&folder, &["a.example", "b.example", "c.example"].map(of).concat());
    let files = config.registry_files(None);
    assert_eq!(
        effects(&folder, &files),
        [
            "an entry of secret.json (registry a.example) is disabled, so that its images are inconclusive: entry \
             \"b.example\" has an auth that is not base64, expected the base64 of name:password in the alphabet \
             with + and /",
            "registry c.example: secret.json: has no entry for this registry, which is used anonymously",
        ]
    );
    let shared = credentials(&files);
    assert_eq!(shared, vec![shared[0].clone(); 3]);
}

#[test]
fn a_file_of_the_proxy_for_evidence_or_aws_that_cannot_be_used_disables_it_or_keeps_its_former_content() {
    proxy_of("evidence", RegistryFiles::evidence_proxy);
    proxy_of("aws", RegistryFiles::aws_proxy);
    proxy_of("azure", RegistryFiles::azure_proxy);
}

fn proxy_of(section: &str, proxy: fn(&RegistryFiles) -> Result<&ProxyChoice, &Text>) {
    let folder = Folder::new();
    let text = format!(
        "trust: {{directory: trust}}\n{section}: {{proxy: {{url: 'http://p.example:3128', usernameFile: user, passwordFile: \
         password}}}}\n"
    );
    let config = Config::parse(&text, &folder.path().join("c.yaml"), Purpose::Verify).unwrap();
    folder.write("user", "alice");
    let first = config.registry_files(None);
    let reason = proxy(&first).unwrap_err().as_str().replace(&format!("{}/", folder.path().display()), "");
    assert_eq!(reason, "password: cannot be read: No such file or directory (os error 2), expected a readable file");
    let disabled = format!(
        "{section}.proxy is disabled: password: cannot be read: No such file or directory (os error 2), expected a readable \
         file"
    );
    assert_eq!(effects(&folder, &first), [disabled]);
    let absent = config.registry_files_digest();
    folder.write("password", "hunter2");
    assert_ne!(config.registry_files_digest(), absent);
    let good = config.registry_files(Some(&first));
    assert_eq!(effects(&folder, &good), [""; 0]);
    assert!(matches!(proxy(&good), Ok(ProxyChoice::Server { server, .. }) if server.has_login()));
    assert!(!good.differs_in_credentials_only(&first));
    folder.write("password", "");
    let kept = config.registry_files(Some(&good));
    let effect =
        format!("{section}.proxy keeps the former content of password: is empty, expected a user name or a password");
    assert_eq!(effects(&folder, &kept), [effect]);
    assert_eq!(proxy(&kept), proxy(&good));
}

#[test]
fn the_authorities_of_evidence_and_aws_are_read_and_the_last_good_ones_are_kept() {
    authorities_of("evidence", RegistryFiles::evidence_roots);
    authorities_of("aws", RegistryFiles::aws_roots);
    authorities_of("azure", RegistryFiles::azure_roots);
}

fn authorities_of(section: &str, roots: fn(&RegistryFiles) -> &Roots) {
    let folder = Folder::new();
    let text = format!("trust: {{directory: trust}}\n{section}: {{ca: ca.pem}}\n");
    let config = Config::parse(&text, &folder.path().join("c.yaml"), Purpose::Verify).unwrap();
    let first = config.registry_files(None);
    let disabled = format!(
        "{section}.ca is disabled: ca.pem: cannot be read: No such file or directory (os error 2), expected a readable file"
    );
    assert_eq!(effects(&folder, &first), [disabled]);
    let file = folder.path().join("ca.pem").display().to_string();
    assert_eq!(*roots(&first), Roots::Unusable { file });
    let absent = config.registry_files_digest();
    folder.write("ca.pem", Authority::root(CertSpec::root()).pem());
    assert_ne!(config.registry_files_digest(), absent);
    let good = config.registry_files(Some(&first));
    assert_eq!(effects(&folder, &good), [""; 0]);
    assert!(matches!(roots(&good), Roots::Only(_)));
    assert!(!good.differs_in_credentials_only(&first));
    folder.write("ca.pem", "no PEM");
    let kept = config.registry_files(Some(&good));
    let effect = format!(
        "{section}.ca keeps the former content of ca.pem: has no -----BEGIN line, expected CERTIFICATE blocks in PEM"
    );
    assert_eq!(effects(&folder, &kept), [effect]);
    assert_eq!(roots(&kept), roots(&good));
    // Without the key, the authorities are those of the system.
    let none = Config::parse("trust: {directory: trust}\n", &folder.path().join("c.yaml"), Purpose::Verify).unwrap();
    assert_eq!(*roots(&none.registry_files(Some(&good))), Roots::System);
}

const CLIENT: &str = "- {host: a.example, clientCertificate: {certificateFile: tls.crt, keyFile: tls.key}}\n";

#[test]
fn a_client_certificate_follows_its_files_and_keeps_the_former_pair_while_they_do_not_fit() {
    let folder = Folder::new();
    let config = config(&folder, CLIENT);
    let ca = Authority::root(CertSpec::root());
    let [first, second] = ["first", "second"].map(|name| ca.issue(CertSpec::tls_client(name)));
    folder.write("tls.crt", first.pem());
    folder.write("tls.key", first.key_pem());
    let subject = |files: &RegistryFiles| {
        let (host, certificate) = files.client_certificates().next().unwrap();
        format!("{host} {}", certificate.subject())
    };
    let files = config.registry_files(None);
    assert_eq!(effects(&folder, &files), [""; 0]);
    assert_eq!(subject(&files), "a.example \"C=CH, ST=ZH, O=Testkit, CN=first\"");
    let digest = config.registry_files_digest();
    folder.write("tls.crt", second.pem());
    assert_ne!(config.registry_files_digest(), digest);
    let half = config.registry_files(Some(&files));
    assert_eq!(
        effects(&folder, &half),
        [
            "registry a.example keeps the former content of tls.key: is not the key of the first certificate in certificateFile, \
          expected the key of that certificate"
        ]
    );
    assert!(half.differs_in_credentials_only(&files));
    assert_eq!(subject(&half), subject(&files));
    folder.write("tls.key", second.key_pem());
    let renewed = config.registry_files(Some(&half));
    assert_eq!(effects(&folder, &renewed), [""; 0]);
    assert_eq!(subject(&renewed), "a.example \"C=CH, ST=ZH, O=Testkit, CN=second\"");
    // Its connections are made with the new certificate.
    assert!(!renewed.differs_in_credentials_only(&half));
}

#[test]
fn without_its_client_certificate_a_registry_is_disabled() {
    let folder = Folder::new();
    let config = config(&folder, CLIENT);
    folder.write("tls.crt", "hunter2");
    let files = config.registry_files(None);
    assert_eq!(
        effects(&folder, &files),
        [
            "registry a.example is disabled: tls.key: cannot be read: No such file or directory (os error 2), expected a \
          readable file"
        ]
    );
    assert!(matches!(credentials(&files)[..], [Credential::Unusable(_)]));
}
