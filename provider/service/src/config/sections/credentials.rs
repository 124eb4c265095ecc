//! `credentials` of an entry of `registries`.

use std::path::PathBuf;

use super::acr::AcrKind;
use super::braces::braces;
use super::ecr::Ecr;
use super::ecr::EcrKind;
use super::entra_identity::EntraIdentity;
use super::google::GoogleAccount;
use super::google::GoogleKind;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::File;
use crate::config::schema::Kind;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::map_schema;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::schema::with_alternatives;

/// The paths of a registry's credentials, or where they are requested; never the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Anonymous,
    /// They are written, with a mistake. No request is sent: never an anonymous one. What can be read of them is there for the mistakes in
    /// its files.
    Broken(Box<Self>),
    /// A Docker `config.json`.
    DockerConfig(PathBuf),
    Files {
        username: PathBuf,
        password: PathBuf,
    },
    /// Tokens of Amazon ECR.
    Ecr(Ecr),
    /// Tokens of Azure Container Registry.
    Acr(EntraIdentity),
    /// Access tokens of Google Cloud.
    Google(GoogleAccount),
}

impl Credentials {
    /// What can be read of them, for more mistakes. Requests are sent with the credentials themselves only.
    #[must_use]
    pub fn readable(&self) -> &Self {
        match self {
            Self::Broken(readable) => readable,
            Self::Anonymous
            | Self::DockerConfig(_)
            | Self::Files { .. }
            | Self::Ecr(_)
            | Self::Acr(_)
            | Self::Google(_) => self,
        }
    }

    /// How tokens of Amazon ECR are requested, if they are.
    #[must_use]
    pub fn ecr(&self) -> Option<&Ecr> {
        match self {
            Self::Ecr(ecr) => Some(ecr),
            Self::Anonymous
            | Self::Broken(_)
            | Self::DockerConfig(_)
            | Self::Files { .. }
            | Self::Acr(_)
            | Self::Google(_) => None,
        }
    }

    /// How tokens of Azure Container Registry are requested, if they are.
    #[must_use]
    pub fn acr(&self) -> Option<&EntraIdentity> {
        match self {
            Self::Acr(acr) => Some(acr),
            Self::Anonymous
            | Self::Broken(_)
            | Self::DockerConfig(_)
            | Self::Files { .. }
            | Self::Ecr(_)
            | Self::Google(_) => None,
        }
    }

    /// For whom tokens of Google Cloud are requested, if they are.
    #[must_use]
    pub fn google(&self) -> Option<&GoogleAccount> {
        match self {
            Self::Google(account) => Some(account),
            Self::Anonymous
            | Self::Broken(_)
            | Self::DockerConfig(_)
            | Self::Files { .. }
            | Self::Ecr(_)
            | Self::Acr(_) => None,
        }
    }
}

section! {
    /// As written.
    pub(super) CredentialKeys {
        /// A Docker config.json or a mounted kubernetes.io/dockerconfigjson secret (or the older kubernetes.io/dockercfg), read
        /// as the kubelet reads it: an entry is for a host, or for *.host with * within one label, and perhaps for a path; of
        /// several the most specific is used, and no other is tried after it. An empty entry means no credential. Credential
        /// helpers are not run. A mistake disables its own entry: its images are inconclusive, no anonymous request is sent.
        docker_config "dockerConfig": Option<PathBuf> = File::written("pull-secret/.dockerconfigjson");
        /// Two files, with a name and a password or token. White space at the end is left out.
        username "usernameFile": Option<PathBuf> = File::alternative("registry-login/username");
        /// The file with the password beside usernameFile. A path, and never the password itself: messages hide a text that is no usual path
        /// of a file, but a passphrase of lower-case letters alone looks like one and is shown.
        password "passwordFile": Option<PathBuf> = File::alternative("registry-login/password");
        /// Tokens of Amazon ECR (ecr:GetAuthorizationToken), requested with the credentials of the section `aws`: `{}` for the identity of the
        /// pod. For ACCOUNT.dkr.ecr.REGION.amazonaws.com and its other forms, *.dkr.ecr.REGION.amazonaws.com, or public.ecr.aws; no token is
        /// sent to another host. A token is requested again after half of its life, and used until its end if that fails.
        ecr "ecr": Option<Ecr> = EcrKind;
        /// Tokens of Azure Container Registry: `{}` for the workload identity of the pod, which needs the role AcrPull. For
        /// NAME.azurecr.io, NAME.azurecr.us or NAME.azurecr.cn; no token is sent to another host. A token of Microsoft Entra is exchanged
        /// at the registry for one that is requested again after half of its life, and used until its end if that fails.
        acr "acr": Option<EntraIdentity> = AcrKind;
        /// Access tokens of Google Cloud for Artifact Registry: `{}` for the service account of the pod (workload identity of GKE), or else
        /// of the node, which needs the role roles/artifactregistry.reader. For LOCATION-docker.pkg.dev, gcr.io, us.gcr.io, eu.gcr.io or
        /// asia.gcr.io; no token is sent to another host. A token of the metadata server is requested again after half of its life, and
        /// used until its end if that fails.
        google "google": Option<GoogleAccount> = GoogleKind;
        /// No credentials: the default.
        anonymous "anonymous": bool = Anonymous;
    }
}

/// One of the six ways.
pub(super) struct CredentialsKind;

impl Kind for CredentialsKind {
    type Value = Credentials;

    fn read(&self, entry: &Fields<'_>, key: &'static str) -> Credentials {
        let fields = entry.section(key, names(CredentialKeys::KEYS));
        let CredentialKeys { docker_config, username, password, ecr, acr, google, anonymous } =
            CredentialKeys::read(&fields);
        let files = fields.has("usernameFile") || fields.has("passwordFile");
        if files && !fields.has("usernameFile") {
            fields.missing("usernameFile", "the file with the name beside passwordFile", "registry-login/username");
        }
        if files && !fields.has("passwordFile") {
            fields.missing("passwordFile", "the file with the password beside usernameFile", "registry-login/password");
        }
        let written =
            [fields.has("dockerConfig"), files, fields.has("ecr"), fields.has("acr"), fields.has("google"), anonymous];
        let kinds = written.into_iter().filter(|is_written| *is_written).count();
        let wanted = "one of dockerConfig, usernameFile with passwordFile, ecr, acr, google, or anonymous: true";
        if kinds > 1 {
            entry.conflict(key, format_args!("{kinds} kinds"), wanted);
        }
        if kinds == 0 && entry.has(key) && entry.is_map(key) {
            match ["ecr", "acr", "google"].into_iter().find(|kind| fields.is_without_value(kind)) {
                Some(kind) => fields.conflict(kind, "nothing", braces(kind)),
                None => entry.conflict(key, "none", wanted),
            }
        }
        let readable = match (docker_config, username.zip(password), ecr, acr, google) {
            (Some(docker), _, _, _, _) => Credentials::DockerConfig(docker),
            (None, Some((username, password)), _, _, _) => Credentials::Files { username, password },
            (None, None, Some(ecr), _, _) => Credentials::Ecr(ecr),
            (None, None, None, Some(acr), _) => Credentials::Acr(acr),
            (None, None, None, None, Some(account)) => Credentials::Google(account),
            (None, None, None, None, None) => Credentials::Anonymous,
        };
        if entry.has_mistake(key) { Credentials::Broken(Box::new(readable)) } else { readable }
    }

    fn show(&self, key: &str, value: &Credentials, effective: &mut Effective) {
        let none = CredentialKeys {
            docker_config: None,
            username: None,
            password: None,
            ecr: None,
            acr: None,
            google: None,
            anonymous: false,
        };
        let keys = match value.clone() {
            Credentials::Anonymous => none,
            Credentials::Broken(readable) => {
                effective.add(key, "unusable");
                return self.show(key, &readable, effective);
            }
            Credentials::DockerConfig(path) => CredentialKeys { docker_config: Some(path), ..none },
            Credentials::Files { username, password } => {
                CredentialKeys { username: Some(username), password: Some(password), ..none }
            }
            Credentials::Ecr(ecr) => CredentialKeys { ecr: Some(ecr), ..none },
            Credentials::Acr(acr) => CredentialKeys { acr: Some(acr), ..none },
            Credentials::Google(account) => CredentialKeys { google: Some(account), ..none },
        };
        keys.show(key, effective);
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Section(CredentialKeys::KEYS),
            schema: with_alternatives(
                map_schema(CredentialKeys::KEYS),
                &[
                    (&["dockerConfig"], &["usernameFile", "passwordFile", "ecr", "acr", "google", "anonymous"]),
                    (&["usernameFile", "passwordFile"], &["dockerConfig", "ecr", "acr", "google", "anonymous"]),
                    (&["ecr"], &["dockerConfig", "usernameFile", "passwordFile", "acr", "google", "anonymous"]),
                    (&["acr"], &["dockerConfig", "usernameFile", "passwordFile", "ecr", "google", "anonymous"]),
                    (&["google"], &["dockerConfig", "usernameFile", "passwordFile", "ecr", "acr", "anonymous"]),
                    (&["anonymous"], &["dockerConfig", "usernameFile", "passwordFile", "ecr", "acr", "google"]),
                ],
            ),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// `true` is the default without the key.
pub(super) struct Anonymous;

impl Kind for Anonymous {
    type Value = bool;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> bool {
        fields.boolean(key, false)
    }

    fn show(&self, _: &str, _: &bool, _: &mut Effective) {}

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Alternative("true".to_owned()),
            schema: serde_json::json!({"type": ["boolean", "null"], "default": false}),
            limits: String::new(),
            is_required: false,
        }
    }
}
