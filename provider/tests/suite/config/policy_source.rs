//! Trust policy and trust stores from disk: laid out as notation and as Kubernetes do, every mistake at once.

#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::Path;
    use std::time::Duration;

    use countersign::config::TrustLocation;
    use countersign::policy_source::LoadedPolicy;
    use countersign::policy_source::PolicyPoll;
    use countersign::policy_source::PolicySource;
    use countersign::policy_source::StoreState;
    use countersign_core::policy::StoreRef;
    use countersign_core::time::UnixTime;
    use countersign_testkit::pki::Authority;
    use countersign_testkit::pki::CertSpec;
    use serde_json::json;

    use countersign_test_support::fixture::policy;
    use countersign_testkit::folder::Folder;

    fn root() -> String {
        Authority::root(CertSpec::root()).pem()
    }

    fn source(folder: &Folder) -> PolicySource {
        PolicySource::new(TrustLocation::Directory(folder.path().to_owned()), [])
    }

    fn now() -> UnixTime {
        UnixTime::from_rfc3339("2026-11-21T12:00:00Z").unwrap()
    }

    fn store(name: &str) -> StoreRef {
        name.parse().unwrap()
    }

    /// A folder with a policy that names `stores`.
    fn folder(stores: &[&str]) -> Folder {
        let folder = Folder::new();
        folder.write("trustpolicy.json", policy(stores, &["*"]));
        folder
    }

    /// The mistakes without the folder's path.
    fn mistakes(folder: &Folder) -> Vec<String> {
        let prefix = format!("{}/", folder.path().display());
        let loaded = source(folder).load(now());
        let mistakes = match &loaded {
            Ok(trust) => trust.mistakes(),
            Err(error) => error.mistakes(),
        };
        mistakes.iter().map(|mistake| mistake.to_string().replace(&prefix, "")).collect()
    }

    /// Puts files into `directory` as the kubelet mounts them: `name` → `..data/name`, `..data` → a dated directory.
    fn mount(directory: &Path, dated: &str, files: &[(&str, &str)]) {
        let data = directory.join(dated);
        fs::create_dir_all(&data).unwrap();
        for (name, content) in files {
            fs::write(data.join(name), content).unwrap();
            let link = directory.join(name);
            if link.symlink_metadata().is_err() {
                symlink(Path::new("..data").join(name), link).unwrap();
            }
        }
        let swap = directory.join("..data_tmp");
        symlink(dated, &swap).unwrap();
        fs::rename(swap, directory.join("..data")).unwrap();
    }

    #[test]
    fn reads_a_notation_directory() {
        let folder = folder(&["ca:main", "signingAuthority:aws"]);
        folder.write("truststore/x509/ca/main/a.pem", root());
        folder.write("truststore/x509/ca/main/b.crt", root());
        folder.write("truststore/x509/ca/main/.hidden", "not a certificate");
        folder.write("truststore/x509/signingAuthority/aws/root.pem", root());
        folder.write("truststore/x509/ca/unused/broken.pem", "not a certificate");
        let mut source = source(&folder);
        assert!(source.handle().current().is_none());
        let trust = source.load(now()).unwrap();
        assert_eq!(trust.generation(), 1);
        assert_eq!(trust.statements()[0].name(), "app");
        assert_eq!(trust.store(&store("ca:main")).unwrap().certificates().len(), 2);
        assert_eq!(trust.store(&store("signingAuthority:aws")).unwrap().certificates().len(), 1);
        assert!(trust.store(&store("ca:aws")).is_none());
        assert!(trust.store(&store("ca:unused")).is_none());
        assert_eq!(source.handle().current().unwrap().generation(), 1);
    }

    #[test]
    fn the_oci_document_comes_before_the_old_name() {
        let folder = folder(&["ca:missing"]);
        folder.write("trustpolicy.oci.json", policy(&["ca:main"], &["*"]));
        folder.write("truststore/x509/ca/main/a.pem", root());
        assert!(source(&folder).load(now()).unwrap().store(&store("ca:main")).is_some());
        fs::remove_file(folder.path().join("trustpolicy.oci.json")).unwrap();
        symlink("nowhere", folder.path().join("trustpolicy.oci.json")).unwrap();
        assert_eq!(mistakes(&folder), ["trustpolicy.oci.json is missing, expected a file"]);
    }

    #[test]
    fn reads_policy_and_stores_from_separate_directories() {
        let folder = Folder::new();
        folder.write("config-map/policy.json", policy(&["ca:main"], &["*"]));
        folder.write("secrets/x509/ca/main/a.pem", root());
        let location = TrustLocation::Apart {
            policy: folder.path().join("config-map/policy.json"),
            store: folder.path().join("secrets"),
        };
        assert!(PolicySource::new(location, []).load(now()).unwrap().store(&store("ca:main")).is_some());
    }

    #[test]
    fn mounted_volumes_are_read_and_followed() {
        let folder = Folder::new();
        mount(folder.path(), "..2026_11_21", &[("trustpolicy.json", &policy(&["ca:main"], &["*"]))]);
        let certificates = folder.path().join("truststore/x509/ca/main");
        mount(&certificates, "..2026_11_21", &[("ca.crt", &root())]);
        let mut source = source(&folder);
        let first = source.load(now()).unwrap();
        assert_eq!(first.store(&store("ca:main")).unwrap().certificates().len(), 1);
        assert!(matches!(source.poll(now()), PolicyPoll::Unchanged));

        mount(&certificates, "..2026_11_22", &[("ca.crt", &(root() + &root()))]);
        let PolicyPoll::Loaded(second) = source.poll(now()) else { panic!("not loaded") };
        assert_eq!(second.generation(), 2);
        assert_eq!(second.store(&store("ca:main")).unwrap().certificates().len(), 2);
        assert_eq!(source.handle().current().unwrap().generation(), 2);
        // Who holds the first snapshot keeps it.
        assert_eq!(first.store(&store("ca:main")).unwrap().certificates().len(), 1);
        assert!(matches!(source.poll(now()), PolicyPoll::Unchanged));
    }

    #[test]
    fn detects_a_renamed_file_and_ignores_unused_stores() {
        let folder = folder(&["ca:main"]);
        folder.write("truststore/x509/ca/main/a.pem", root());
        let mut source = source(&folder);
        source.load(now()).unwrap();
        folder.write("truststore/x509/ca/other/a.pem", root());
        folder.write("truststore/x509/ca/main/..data", "machinery");
        assert!(matches!(source.poll(now()), PolicyPoll::Unchanged));
        let main = folder.path().join("truststore/x509/ca/main");
        fs::rename(main.join("a.pem"), main.join("b.pem")).unwrap();
        let PolicyPoll::Loaded(renamed) = source.poll(now()) else { panic!("not loaded") };
        // The same certificates.
        assert_eq!(renamed.generation(), 1);
        folder.write("truststore/x509/ca/main/c.pem", root());
        let PolicyPoll::Loaded(more) = source.poll(now()) else { panic!("not loaded") };
        assert_eq!(more.generation(), 2);
    }

    #[test]
    fn names_a_missing_policy() {
        let folder = Folder::new();
        let path = folder.path().display();
        assert_eq!(
            source(&folder).load(now()).unwrap_err().to_string(),
            format!(
                "the trust policy and trust stores have 1 mistake\n  {path} has neither trustpolicy.oci.json \
                 nor trustpolicy.json, expected a trust policy document"
            )
        );
    }

    #[test]
    fn every_mistake_of_the_stores_is_reported_at_once() {
        let folder = folder(&["ca:none", "ca:socket", "ca:file", "ca:dangling"]);
        let stores = folder.path().join("truststore/x509/ca");
        folder.write("truststore/x509/ca/socket/a.pem", root());
        let _socket = UnixListener::bind(stores.join("socket/gate")).unwrap();
        folder.write("truststore/x509/ca/file", root());
        fs::create_dir_all(stores.join("dangling")).unwrap();
        symlink("nowhere", stores.join("dangling/ca.pem")).unwrap();
        let path = folder.path().display();
        assert_eq!(
            mistakes(&folder).iter().map(|mistake| mistake.replace(&path.to_string(), "")).collect::<Vec<_>>(),
            [
                "truststore/x509/ca/dangling/ca.pem is missing, expected a file",
                "truststore/x509/ca/file cannot be read: Not a directory (os error 20), expected a readable file or directory",
                "trust store ca:none of statement \"app\" is missing, expected the directory \
                 truststore/x509/ca/none with certificate files",
                "truststore/x509/ca/socket/gate is a directory or a special file, expected a regular file",
            ]
        );
    }

    #[test]
    fn subdirectories_of_a_store_are_ignored_with_a_warning_and_hidden_ones_without() {
        let folder = folder(&["ca:main", "ca:other"]);
        let main = folder.path().join("truststore/x509/ca/main");
        folder.write("truststore/x509/ca/main/a.pem", root());
        folder.write("truststore/x509/ca/main/sub/b.pem", "garbage");
        folder.write("truststore/x509/ca/main/..2026_11_21/c.pem", "garbage");
        folder.write("truststore/x509/ca/main/.git/config", "garbage");
        symlink("..2026_11_21", main.join("..data")).unwrap();
        symlink("sub", main.join("link")).unwrap();
        symlink("nowhere", main.join(".gone")).unwrap();
        folder.write("truststore/x509/ca/other/a.pem", root());
        for name in 0..7 {
            fs::create_dir(folder.path().join(format!("truststore/x509/ca/other/{name}"))).unwrap();
        }
        let mut source = source(&folder);
        let trust = source.load(now()).unwrap();
        assert_eq!(trust.mistakes(), []);
        assert_eq!(trust.store(&store("ca:main")).unwrap().certificates().len(), 1);
        let warnings = |trust: &LoadedPolicy| {
            let warnings = trust.warnings(now(), Duration::ZERO);
            let warnings = warnings.iter().filter(|warning| warning.as_str() == "store-subdirectories");
            warnings.map(ToString::to_string).collect::<Vec<_>>()
        };
        let warning = |store: &str, names: &str| {
            format!(
                "trust store {store} has sub-directories, which are ignored: {names}; put certificate files into the \
                 store's own directory"
            )
        };
        let other = warning("ca:other", "\"0\", \"1\", \"2\", \"3\", \"4\", and 2 more");
        assert_eq!(warnings(&trust), [warning("ca:main", "\"link\", \"sub\""), other.clone()]);
        // A sub-directory that comes or goes is noticed, and changes nothing of what is trusted.
        fs::remove_file(main.join("link")).unwrap();
        let PolicyPoll::Loaded(trust) = source.poll(now()) else { panic!("not loaded") };
        assert_eq!(warnings(&trust), [warning("ca:main", "\"sub\""), other]);
        assert_eq!(trust.generation(), 1);
    }

    #[test]
    fn certificates_in_a_subdirectory_are_not_trusted_and_a_store_with_nothing_else_is_empty() {
        let folder = folder(&["ca:main"]);
        folder.write("truststore/x509/ca/main/sub/a.pem", root());
        let trust = source(&folder).load(now()).unwrap();
        assert!(trust.store(&store("ca:main")).is_none());
        assert_eq!(
            mistakes(&folder),
            ["truststore/x509/ca/main: trust store ca:main: found no certificates, expected at least one"]
        );
    }

    #[test]
    fn every_bad_certificate_is_reported_with_its_file() {
        let folder = folder(&["ca:empty", "ca:garbage"]);
        fs::create_dir_all(folder.path().join("truststore/x509/ca/empty")).unwrap();
        folder.write("truststore/x509/ca/garbage/a.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
        folder.write("truststore/x509/ca/garbage/b.pem", " ");
        assert_eq!(
            mistakes(&folder),
            [
                "truststore/x509/ca/empty: trust store ca:empty: found no certificates, expected at least one",
                "truststore/x509/ca/garbage: trust store ca:garbage: file \"a.pem\": PEM block \"CERTIFICATE\" \
                 that begins on line 1: found text that is not base64, expected base64",
                "truststore/x509/ca/garbage: trust store ca:garbage: file \"b.pem\" is empty, expected \
                 certificates in PEM or DER",
            ]
        );
    }

    #[test]
    fn counts_all_mistakes_and_keeps_the_first() {
        let stores: Vec<String> = (0..105).map(|number| format!("ca:{number:03}")).collect();
        let folder = folder(&stores.iter().map(String::as_str).collect::<Vec<_>>());
        for number in 0..105 {
            for file in 0..25 {
                folder.write(&format!("truststore/x509/ca/{number:03}/{file:02}.pem"), "x");
            }
        }
        let mistakes = mistakes(&folder);
        // 20 of each store, and a line about the rest; 2000 of all, and a line about the rest.
        assert_eq!(
            mistakes[20],
            "truststore/x509/ca/000 has 5 more mistakes, expected the mistakes above to be corrected first"
        );
        assert_eq!(mistakes.len(), 2001);
        assert_eq!(
            mistakes[2000],
            "the trust policy and the trust stores have 205 more mistakes, expected the mistakes above to be corrected first"
        );
    }

    #[test]
    fn every_mistake_of_the_policy_is_reported_with_its_file() {
        let folder = Folder::new();
        folder.write(
            "trustpolicy.json",
            json!({"version": "1.0", "trustPolicies": [
                {"name": "a", "registryScopes": ["*"], "signatureVerification": {"level": "skip"}},
                {"name": "b", "registryScopes": ["r.example/x"], "signatureVerification": {"level": "loud"},
                 "trustStores": ["ca:x"], "trustedIdentities": ["*"]},
            ]})
            .to_string(),
        );
        assert_eq!(
            mistakes(&folder),
            [
                "trustpolicy.json:1: trust policy statement \"a\", registryScopes: found * with level skip, which \
                 would admit every unsigned image, expected the names of the repositories to skip",
                "trustpolicy.json:1: trust policy statement \"b\", signatureVerification.level: found \"loud\", expected strict, \
                 permissive, audit or skip",
            ]
        );
    }

    #[test]
    fn refuses_files_that_are_too_large_or_too_many() {
        let folder = folder(&["ca:large", "ca:many"]);
        folder.write("truststore/x509/ca/large/a.pem", vec![b' '; 1024 * 1024 + 1]);
        for number in 0..=1000 {
            folder.write(&format!("truststore/x509/ca/many/{number}.pem"), "");
        }
        assert_eq!(
            mistakes(&folder),
            [
                "truststore/x509/ca/large/a.pem has more than 1048576 bytes, expected at most 1048576 bytes",
                "truststore/x509/ca/many has too many files, expected at most 1000",
            ]
        );
        folder.write("trustpolicy.json", vec![b' '; 1024 * 1024 + 1]);
        assert_eq!(mistakes(&folder), ["trustpolicy.json has more than 1048576 bytes, expected at most 1048576 bytes"]);
    }

    #[test]
    fn disables_only_the_store_that_exceeds_the_total_size() {
        let folder = folder(&["ca:a", "ca:b", "ca:c"]);
        let padded = root() + &" ".repeat(1024 * 1024 - 1024);
        for number in 0..9 {
            for store in ["a", "b"] {
                folder.write(&format!("truststore/x509/ca/{store}/{number}.pem"), &padded);
            }
        }
        folder.write("truststore/x509/ca/c/a.pem", root());
        assert_eq!(
            mistakes(&folder),
            ["the trust stores have more than 16777216 bytes together, expected at most 16777216"]
        );
        let trust = source(&folder).load(now()).unwrap();
        let usable = trust.stores().values().map(|state| matches!(state, StoreState::Current(_)));
        assert_eq!(usable.collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn required_metadata_must_name_an_existing_statement() {
        let folder = Folder::new();
        folder.write(
            "trustpolicy.json",
            json!({"version": "1.0", "trustPolicies": [
                {"name": "mirror", "registryScopes": ["r.example/x"], "signatureVerification": {"level": "skip"}},
                {"name": "app", "registryScopes": ["*"], "signatureVerification": {"level": "strict"},
                 "trustStores": ["ca:main"], "trustedIdentities": ["*"]},
            ]})
            .to_string(),
        );
        folder.write("truststore/x509/ca/main/a.pem", root());
        let location = TrustLocation::Directory(folder.path().to_owned());
        let expected = ["mirror", "ap", "app"].map(str::to_owned);
        let trust = PolicySource::new(location, expected).load(now()).unwrap();
        let messages: Vec<String> = trust.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "verification.requiredMetadata: found statement \"ap\", which is not in the trust policy, \
                 expected one of mirror, app",
                "verification.requiredMetadata: found statement \"mirror\", which skips verification, expected \
                 one that verifies",
            ]
        );
    }
}
