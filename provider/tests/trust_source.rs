//! Trust policy and trust stores from disk: laid out as notation and as Kubernetes do, every mistake at once, swapped as
//! a whole.

#[path = "support/world.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod world;

#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use countersign::config::TrustLocation;
    use countersign::trust_source::Polled;
    use countersign::trust_source::TrustSource;
    use countersign_core::trust::StoreRef;
    use countersign_testkit::pki::Authority;
    use countersign_testkit::pki::CertSpec;
    use serde_json::json;

    use super::world::Folder;
    use super::world::policy;

    fn root() -> String {
        Authority::root(CertSpec::root()).pem()
    }

    fn source(folder: &Folder) -> TrustSource {
        TrustSource::new(TrustLocation::Directory(folder.path().to_owned()), [])
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
        let error = source(folder).load().unwrap_err();
        error.mistakes().iter().map(|mistake| mistake.to_string().replace(&prefix, "")).collect()
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
        let trust = source.load().unwrap();
        assert_eq!(trust.generation(), 1);
        assert_eq!(trust.policy().statements()[0].name(), "app");
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
        assert!(source(&folder).load().unwrap().store(&store("ca:main")).is_some());
        fs::remove_file(folder.path().join("trustpolicy.oci.json")).unwrap();
        symlink("nowhere", folder.path().join("trustpolicy.oci.json")).unwrap();
        assert_eq!(mistakes(&folder), ["trustpolicy.oci.json is missing: want a file"]);
    }

    #[test]
    fn policy_and_stores_may_be_apart() {
        let folder = Folder::new();
        folder.write("config-map/policy.json", policy(&["ca:main"], &["*"]));
        folder.write("secrets/x509/ca/main/a.pem", root());
        let location = TrustLocation::Apart {
            policy: folder.path().join("config-map/policy.json"),
            store: folder.path().join("secrets"),
        };
        assert!(TrustSource::new(location, []).load().unwrap().store(&store("ca:main")).is_some());
    }

    #[test]
    fn mounted_volumes_are_read_and_followed() {
        let folder = Folder::new();
        mount(folder.path(), "..2026_11_21", &[("trustpolicy.json", &policy(&["ca:main"], &["*"]))]);
        let certificates = folder.path().join("truststore/x509/ca/main");
        mount(&certificates, "..2026_11_21", &[("ca.crt", &root())]);
        let mut source = source(&folder);
        let first = source.load().unwrap();
        assert_eq!(first.store(&store("ca:main")).unwrap().certificates().len(), 1);
        assert!(matches!(source.poll(), Polled::Unchanged));

        mount(&certificates, "..2026_11_22", &[("ca.crt", &(root() + &root()))]);
        let Polled::Loaded(second) = source.poll() else { panic!("not loaded") };
        assert_eq!(second.generation(), 2);
        assert_eq!(second.store(&store("ca:main")).unwrap().certificates().len(), 2);
        assert_eq!(source.handle().current().unwrap().generation(), 2);
        // Who holds the first snapshot keeps it.
        assert_eq!(first.store(&store("ca:main")).unwrap().certificates().len(), 1);
        assert!(matches!(source.poll(), Polled::Unchanged));
    }

    #[test]
    fn a_change_with_a_mistake_changes_nothing_and_is_reported_once() {
        let folder = folder(&["ca:main"]);
        let good = root();
        folder.write("truststore/x509/ca/main/a.pem", &good);
        let mut source = source(&folder);
        source.load().unwrap();
        folder.write("truststore/x509/ca/main/a.pem", "garbage");
        assert!(matches!(source.poll(), Polled::Refused(_)));
        assert!(matches!(source.poll(), Polled::Unchanged));
        assert_eq!(source.handle().current().unwrap().generation(), 1);
        folder.write("trustpolicy.json", "{");
        assert!(matches!(source.poll(), Polled::Refused(_)));
        assert!(matches!(source.poll(), Polled::Unchanged));
        folder.write("trustpolicy.json", policy(&["ca:main"], &["*"]));
        folder.write("truststore/x509/ca/main/a.pem", &good);
        let Polled::Loaded(trust) = source.poll() else { panic!("not loaded") };
        assert_eq!(trust.generation(), 2);
    }

    #[test]
    fn a_renamed_file_is_a_change_and_an_unused_store_is_none() {
        let folder = folder(&["ca:main"]);
        folder.write("truststore/x509/ca/main/a.pem", root());
        let mut source = source(&folder);
        source.load().unwrap();
        folder.write("truststore/x509/ca/other/a.pem", root());
        folder.write("truststore/x509/ca/main/..data", "machinery");
        assert!(matches!(source.poll(), Polled::Unchanged));
        let main = folder.path().join("truststore/x509/ca/main");
        fs::rename(main.join("a.pem"), main.join("b.pem")).unwrap();
        assert!(matches!(source.poll(), Polled::Loaded(_)));
    }

    #[test]
    fn a_missing_policy_is_named() {
        let folder = Folder::new();
        let path = folder.path().display();
        assert_eq!(
            source(&folder).load().unwrap_err().to_string(),
            format!(
                "the trust policy and trust stores have 1 mistake\n  {path} has neither trustpolicy.oci.json nor \
                 trustpolicy.json: want a trust policy document"
            )
        );
    }

    #[test]
    fn every_mistake_of_the_stores_is_reported_at_once() {
        let folder = folder(&["ca:none", "ca:nested", "ca:file", "ca:dangling"]);
        let stores = folder.path().join("truststore/x509/ca");
        folder.write("truststore/x509/ca/nested/a.pem", root());
        folder.write("truststore/x509/ca/nested/sub/b.pem", root());
        folder.write("truststore/x509/ca/file", root());
        fs::create_dir_all(stores.join("dangling")).unwrap();
        symlink("nowhere", stores.join("dangling/ca.pem")).unwrap();
        let path = folder.path().display();
        assert_eq!(
            mistakes(&folder).iter().map(|mistake| mistake.replace(&path.to_string(), "")).collect::<Vec<_>>(),
            [
                "trust store ca:none of statement \"app\" is missing: want the directory truststore/x509/ca/none with \
                 certificate files",
                "truststore/x509/ca/nested/sub is a directory or a special file: want a regular file",
                "truststore/x509/ca/file cannot be read: Not a directory (os error 20)",
                "truststore/x509/ca/dangling/ca.pem is missing: want a file",
            ]
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
                "truststore/x509/ca/empty: trust store ca:empty: has no certificates: want at least one",
                "truststore/x509/ca/garbage: trust store ca:garbage: file \"a.pem\": PEM block \"CERTIFICATE\" that \
                 begins in line 1 is not base64",
                "truststore/x509/ca/garbage: trust store ca:garbage: file \"b.pem\" is empty: want certificates in PEM \
                 or DER",
            ]
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
                "trustpolicy.json: trust policy statement \"a\", registryScopes: is * with level skip, which would admit \
                 every image unsigned: want the repositories to skip by name",
                "trustpolicy.json: trust policy statement \"b\", signatureVerification.level: is \"loud\": want strict, \
                 permissive, audit or skip",
            ]
        );
    }

    #[test]
    fn too_large_a_file_and_too_many_files_are_refused() {
        let folder = folder(&["ca:large", "ca:many"]);
        folder.write("truststore/x509/ca/large/a.pem", vec![b' '; 1024 * 1024 + 1]);
        for number in 0..=1000 {
            folder.write(&format!("truststore/x509/ca/many/{number}.pem"), "");
        }
        assert_eq!(
            mistakes(&folder),
            [
                "truststore/x509/ca/large/a.pem has more than 1048576 bytes",
                "truststore/x509/ca/many has too many files: want at most 1000",
            ]
        );
        folder.write("trustpolicy.json", vec![b' '; 1024 * 1024 + 1]);
        assert_eq!(mistakes(&folder), ["trustpolicy.json has more than 1048576 bytes"]);
    }

    #[test]
    fn too_much_altogether_is_refused() {
        let folder = folder(&["ca:a", "ca:b"]);
        for number in 0..9 {
            for store in ["a", "b"] {
                folder.write(&format!("truststore/x509/ca/{store}/{number}.pem"), vec![b' '; 1024 * 1024]);
            }
        }
        assert_eq!(mistakes(&folder), ["the trust stores have more than 16777216 bytes together"]);
    }

    #[test]
    fn a_statement_that_the_configuration_demands_more_of_must_be_there() {
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
        let error = TrustSource::new(location, expected).load().unwrap_err();
        let messages: Vec<String> = error.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(
            messages,
            [
                "verification.requiredMetadata is for statement \"ap\", which is not in the trust policy: want one of \
                 mirror, app",
                "verification.requiredMetadata is for statement \"mirror\", which skips verification: want one that \
                 verifies",
            ]
        );
    }
}
