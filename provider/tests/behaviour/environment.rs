//! One configuration: files, registries and the images that are asked about.

use countersign_testkit::Descriptor;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::registry::Registry;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use serde_json::Value as Json;
use serde_json::json;

use crate::names::Names;
use countersign_testkit::folder::Folder;

/// One key, requested on every endpoint and on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) key: String,
}

/// An image in the registry of the environment.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) repository: String,
    pub(crate) tag: String,
    pub(crate) descriptor: Descriptor,
    signatures: usize,
}

/// See the module.
pub(crate) struct Environment {
    pub(crate) folder: Folder,
    pub(crate) registry: Registry,
    /// Registries that must live as long as the test.
    pub(crate) others: Vec<Registry>,
    /// In the trust stores `ca:main` and `signingAuthority:main`.
    pub(crate) root: Authority,
    /// In no trust store.
    pub(crate) untrusted: Authority,
    /// A leaf under [`Self::root`].
    pub(crate) leaf: Chain,
    pub(crate) names: Names,
    /// The cases, in the order in which they are asked.
    pub(crate) cases: Vec<Case>,
    /// The repository of the images that follow.
    repository: String,
    pub(crate) statements: Vec<Json>,
    /// Members of `registries`.
    pub(crate) entries: Vec<String>,
    /// More members of the configuration's section `server`.
    pub(crate) server: String,
    /// More sections of the configuration.
    pub(crate) sections: String,
    /// Signs the service's certificate, and those of registries over TLS.
    pub(crate) servers: Authority,
    /// Signs certificates of clients.
    pub(crate) clients: Authority,
    /// The last serial number that was given.
    serial: u8,
    /// Cases in progress at the same time: more than one only if each has its own registry.
    pub(crate) at_once: usize,
    /// Parts of names of metrics whose counts depend on what is finished first.
    pub(crate) unsteady: &'static [&'static str],
    /// The policy document in place of the statements.
    pub(crate) policy: Option<String>,
}

/// A key for RSA certificates, whose encoded lengths do not vary. The number keeps keys apart.
fn rsa(number: usize) -> Key {
    Key::cached(KeyType::Rsa2048, 100 + number)
}

fn root(name: &str, number: u8) -> Authority {
    Authority::root(CertSpec::root().common_name(name).serial(&[number]).with_key(&rsa(number.into())))
}

impl Environment {
    pub(crate) async fn new() -> Self {
        // A second installation is refused, and the first serves all tests of the process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let registry = Registry::start().await;
        let [root, untrusted] = [root("root", 1), root("untrusted", 2)];
        let leaf = root.issue(CertSpec::leaf().serial(&[3]).with_key(&rsa(3)));
        let named = |name: &str| Authority::root(CertSpec::root().common_name(name).serial(&[4]));
        let mut environment = Self {
            folder: Folder::new(),
            registry,
            others: Vec::new(),
            root,
            untrusted,
            leaf,
            names: Names::default(),
            cases: Vec::new(),
            repository: "app".to_owned(),
            statements: Vec::new(),
            entries: Vec::new(),
            server: "verifyTimeout: 25s, mutateTimeout: 25s".to_owned(),
            sections: String::new(),
            servers: named("servers"),
            clients: named("clients"),
            serial: 10,
            at_once: 1,
            unsteady: &[],
            policy: None,
        };
        environment.name_fixtures();
        environment
    }

    fn name_fixtures(&mut self) {
        let path = self.folder.path().display().to_string();
        self.names.name(&format!("{path}/"), "FOLDER/");
        self.names.name(&path, "FOLDER");
        let host = self.registry.host();
        self.names.name(&host, "REGISTRY");
        self.entries.push(format!("host: '{host}', plainHttp: true"));
        let [root, untrusted, leaf] = [self.root.as_chain(), self.untrusted.as_chain(), self.leaf.clone()];
        for (chain, role) in [(&root, "root"), (&untrusted, "untrusted"), (&leaf, "leaf")] {
            self.name_chain(chain, role);
        }
        self.store("ca/main", &root.root_pem());
        self.store("signingAuthority/main", &root.root_pem());
    }

    /// The same serial numbers in every run, each once.
    pub(crate) fn serial(&mut self, spec: CertSpec) -> CertSpec {
        self.serial += 1;
        spec.serial(&[self.serial])
    }

    /// Names the fingerprint of the first certificate.
    pub(crate) fn name_chain(&mut self, chain: &Chain, role: &str) {
        self.names.digest(&chain.thumbprints()[0], &format!("sha256 of {role}"));
    }

    /// A leaf under `authority` that signs by an RSA key, so that envelopes have the same lengths in every run.
    pub(crate) fn issue(&mut self, authority: &Authority, spec: CertSpec, role: &str) -> Chain {
        let spec = self.serial(spec.with_key(&rsa(3)));
        let chain = authority.issue(spec);
        self.name_chain(&chain, role);
        chain
    }

    /// A CA under `authority`.
    pub(crate) fn intermediate(&mut self, authority: &Authority, spec: CertSpec, role: &str) -> Authority {
        let spec = self.serial(spec.with_key(&rsa(4)));
        let intermediate = authority.intermediate(spec);
        self.name_chain(&intermediate.as_chain(), role);
        intermediate
    }

    /// Writes a trust store with one file.
    pub(crate) fn store(&self, store: &str, pem: &str) {
        self.folder.write(&format!("trust/truststore/x509/{store}/root.pem"), pem);
    }

    /// Adds a strict statement that trusts every identity under the root, with some members replaced; null removes
    /// one. `REGISTRY` in scopes is the registry.
    pub(crate) fn statement(&mut self, name: &str, scopes: &[&str], changes: Json) {
        let host = self.registry.host();
        let mut statement = json!({
            "name": name,
            "registryScopes": scopes.iter().map(|scope| scope.replace("REGISTRY", &host)).collect::<Vec<_>>(),
            "signatureVerification": {"level": "strict"},
            "trustStores": ["ca:main", "signingAuthority:main"],
            "trustedIdentities": ["*"],
        });
        let members = statement.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap().clone() {
            if value.is_null() {
                members.remove(&name)
            } else {
                members.insert(name, value)
            };
        }
        self.statements.push(statement);
    }

    /// The repository of the images that follow, and a statement for it.
    pub(crate) fn repository_with(&mut self, name: &str, changes: Json) {
        self.repository(name);
        self.statement(name, &[&format!("REGISTRY/{name}")], changes);
    }

    /// The repository of the images that follow.
    pub(crate) fn repository(&mut self, name: &str) {
        name.clone_into(&mut self.repository);
    }

    /// A member of `registries`, as the content of a YAML map.
    pub(crate) fn entry(&mut self, entry: &str) {
        self.entries.push(entry.to_owned());
    }

    /// Another registry over plain HTTP, named after its role.
    pub(crate) async fn another_registry(&mut self, role: &str) -> usize {
        let registry = Registry::start().await;
        let host = registry.host();
        self.names.name(&host, role);
        self.entry(&format!("host: '{host}', plainHttp: true"));
        self.others.push(registry);
        self.others.len() - 1
    }

    /// Another registry over TLS; its entry is the caller's to write.
    pub(crate) async fn another_tls_registry(&mut self, role: &str) -> usize {
        let registry = Registry::start_tls(&self.servers.issue(CertSpec::tls_server(&["127.0.0.1"]))).await;
        self.names.name(&registry.host(), role);
        self.others.push(registry);
        self.others.len() - 1
    }

    /// Asks about any key.
    pub(crate) fn ask(&mut self, name: &str, key: &str) {
        assert!(self.cases.iter().all(|case| case.name != name && case.key != key), "twice: {name}, {key}");
        self.cases.push(Case { name: name.to_owned(), key: key.to_owned() });
    }

    /// Asks about an image of `descriptor` by a tag, which is the name of the case.
    pub(crate) fn ask_of(&mut self, name: &str, descriptor: Descriptor) -> Image {
        let tag = slug(name);
        self.registry.tag(&self.repository, &tag, &descriptor.digest);
        let image = self.known(&tag, descriptor);
        self.ask(name, &format!("{}/{}:{tag}", self.registry.host(), self.repository));
        image
    }

    fn known(&mut self, tag: &str, descriptor: Descriptor) -> Image {
        self.names.digest(&descriptor.digest, &format!("digest of {tag}"));
        Image { repository: self.repository.clone(), tag: tag.to_owned(), descriptor, signatures: 0 }
    }

    /// An image of its own for the case.
    pub(crate) fn image(&mut self, name: &str) -> Image {
        let descriptor = self.registry.push_image(&self.repository, &slug(name));
        self.ask_of(name, descriptor)
    }

    /// Stores a signature beside an image.
    pub(crate) fn attach(&mut self, image: &mut Image, signature: &Signature) -> Descriptor {
        image.signatures += 1;
        let stored = signature.attach(&self.registry, &image.repository, &image.descriptor);
        self.names.digest(&stored.digest, &format!("signature {} of {}", image.signatures, image.tag));
        let envelope = Descriptor::of("", signature.envelope()).digest;
        self.names.digest(&envelope, &format!("envelope {} of {}", image.signatures, image.tag));
        stored
    }

    /// An image with one signature by the leaf, after `change`.
    pub(crate) fn signed(
        &mut self,
        name: &str,
        format: Format,
        change: impl FnOnce(SignRequest) -> SignRequest,
    ) -> Image {
        let leaf = self.leaf.clone();
        self.signed_by(name, &leaf, format, change)
    }

    /// An image with one signature by `chain`, after `change`.
    pub(crate) fn signed_by(
        &mut self,
        name: &str,
        chain: &Chain,
        format: Format,
        change: impl FnOnce(SignRequest) -> SignRequest,
    ) -> Image {
        let mut image = self.image(name);
        let request = change(SignRequest::new(chain, &image.descriptor));
        self.attach(&mut image, &Signature::new(&request, format));
        image
    }

    /// An image with these bytes as its only signature.
    pub(crate) fn enveloped(
        &mut self,
        name: &str,
        media_type: &str,
        envelope: impl FnOnce(&Image) -> Vec<u8>,
    ) -> Image {
        let mut image = self.image(name);
        let envelope = envelope(&image);
        self.attach(&mut image, &Signature::of_envelope(&envelope, media_type));
        image
    }
}

/// A tag from the name of a case.
pub(crate) fn slug(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let slug: String = name.chars().map(letter).collect();
    slug.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-").chars().take(120).collect()
}
