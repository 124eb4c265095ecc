//! Files that the service reads for a request only are read by `check` without a network too.

use serde_json::Value;
use serde_json::json;

use super::check;
use super::document;
use super::sound;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

const IDENTITY: &str = "identity: clientSecret, tenant: 72f988bf-86f1-41af-91ab-2d7cd011db47, clientId: \
                        00000000-0000-0000-0000-0000000000a1, clientSecretFile: ";

/// A registry and a vault with secrets, and a store at a URL with authorities.
fn folder() -> Folder {
    let folder = sound();
    let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let config = format!(
        "server: {{tls: {{certificate: tls.crt, key: tls.key, clientCa: ca.crt}}}}
unlistedRegistries: refuse
trust:
  directory: trust
  stores:
  - {{store: 'ca:url', url: {{location: 'https://pki.example.com/root.pem', sha256: {sha256}, ca: url-ca.pem}}}}
  - {{store: 'ca:vault', keyVault: {{vault: shop.vault.azure.net, certificates: [{{name: a}}], {IDENTITY}vault-secret}}}}
registries:
- {{host: registry.example.com}}
- {{host: shops.azurecr.io, credentials: {{acr: {{{IDENTITY}acr-secret}}}}}}
"
    );
    folder.write("c.yaml", config);
    folder
}

fn mistakes(folder: &Folder) -> (Option<i32>, Vec<[Value; 3]>) {
    let (code, document) = document(folder);
    let list = document["mistakes"].as_array().unwrap().iter();
    (code, list.map(|one| ["field", "found", "expected"].map(|member| one[member].clone())).collect())
}

#[test]
fn missing_files_are_named() {
    let missing = "cannot be read (No such file or directory (os error 2))";
    let (code, page) = check(&folder(), &[]);
    assert_eq!(code, Some(3), "{page}");
    for line in [
        "mistake       c.yaml:10: registries[1].credentials.acr.clientSecretFile: acr-secret: cannot be read (No such file or directory (os error 2)), expected the secret of the application\n",
        "mistake       c.yaml:7: trust.stores[1].keyVault.clientSecretFile: vault-secret: cannot be read (No such file or directory (os error 2)), expected the secret of the application\n",
        "mistake       c.yaml:6: trust.stores[0].url.ca: url-ca.pem: cannot be read: No such file or directory (os error 2), expected a readable file\n",
    ] {
        assert!(page.contains(line), "{line}{page}");
    }
    let found = mistakes(&folder()).1;
    let acr = "registries[1].credentials.acr.clientSecretFile";
    assert_eq!(found[2], [json!(acr), json!(format!("acr-secret: {missing}")), json!("the secret of the application")]);
    assert_eq!(found.len(), 3);
}

#[test]
fn files_with_another_content_are_named_without_it() {
    let folder = folder();
    folder.write("acr-secret", " \n");
    folder.write("vault-secret", "hunter2 and more");
    folder.write("url-ca.pem", "hunter2, no PEM");
    let (code, found) = mistakes(&folder);
    assert_eq!(code, Some(3));
    assert_eq!(
        found,
        [
            ["trust.stores[0].url.ca", "url-ca.pem: has no -----BEGIN line", "CERTIFICATE blocks in PEM"],
            [
                "trust.stores[1].keyVault.clientSecretFile",
                "vault-secret: has characters that no secret has",
                "the secret of the application"
            ],
            ["registries[1].credentials.acr.clientSecretFile", "acr-secret: is empty", "the secret of the application"],
        ]
        .map(|parts| parts.map(|part| json!(part)))
    );
    assert!(!check(&folder, &[]).1.contains("hunter2"));
    folder.write("acr-secret", "x".repeat(16 * 1024 + 1));
    std::fs::remove_file(folder.path().join("vault-secret")).unwrap();
    std::fs::create_dir(folder.path().join("vault-secret")).unwrap();
    let (_, found) = mistakes(&folder);
    assert_eq!(found[2][1], json!("acr-secret: has more than 16384 bytes"));
    assert_eq!(found[1][1], json!("vault-secret: cannot be read (found a directory, expected a regular file)"));
}

#[test]
fn files_that_can_be_used_are_no_mistakes() {
    let folder = folder();
    folder.write("acr-secret", "s3cr3t~x\n");
    folder.write("vault-secret", "s3cr3t~y\n");
    folder.write("url-ca.pem", Authority::root(CertSpec::root()).pem());
    assert_eq!(mistakes(&folder), (Some(0), Vec::new()));
}
