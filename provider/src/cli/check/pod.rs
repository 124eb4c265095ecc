//! `--manifests`: what the pod and its service account say of the identity at a cloud, beside what the configuration needs of it. Warnings,
//! as an admission webhook can change both.

mod azure;
mod egress;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::RoleArn;
use serde_json::Value as Json;

use crate::cli::manifests::Object;
use crate::cli::manifests::described;
use crate::cli::manifests::list;
use crate::cli::manifests::text;
use crate::config::Config;

/// The annotation of a service account with its role
/// ([IRSA](https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html)).
const AWS_ROLE: &str = "eks.amazonaws.com/role-arn";

/// The annotation of a service account with the one of Google Cloud that it acts as
/// ([workload identity](https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#kubernetes-sa-to-iam)).
const GOOGLE_ACCOUNT: &str = "iam.gke.io/gcp-service-account";

/// The service account of pods that name none.
const DEFAULT_ACCOUNT: &str = "default";

/// The instance metadata service of a node.
const INSTANCE_METADATA: (Ipv4Addr, u64) = (Ipv4Addr::new(169, 254, 169, 254), 80);

/// The kind of each warning, and its message.
type Warnings = Vec<(&'static str, String)>;

/// What the manifests say of the identity of a pod.
#[derive(Clone, Debug, Default)]
pub(super) struct PodSetup {
    /// Kind and name of the workload.
    workload: String,
    /// The name of the container.
    container: String,
    labels: BTreeMap<String, Json>,
    /// Of the pod.
    pod_annotations: BTreeMap<String, Json>,
    service_account: String,
    /// Whether the pod names it.
    has_named_account: bool,
    /// Of the service account; `None` if it is not among the manifests.
    annotations: Option<BTreeMap<String, Json>>,
    /// The variables of the container; `None` for a value that is not in the manifest.
    variables: BTreeMap<String, Option<String>>,
    /// Whether the container has further variables of ConfigMaps and Secrets.
    has_more_variables: bool,
    tokens: Vec<TokenFile>,
    /// The network policies by which the pod cannot connect to the instance metadata service; none if it can.
    without_metadata: Vec<String>,
}

/// A token of the service account that a volume has.
#[derive(Clone, Debug)]
struct TokenFile {
    /// In the container.
    path: String,
    /// Empty for that of the API server.
    audience: String,
}

impl PodSetup {
    /// Of the container of a workload.
    pub(super) fn of(workload: &Object<'_>, container: &Json, objects: &[Object<'_>]) -> Self {
        let template = workload.value.pointer("/spec/template").unwrap_or(&Json::Null);
        let pod = template.get("spec").unwrap_or(&Json::Null);
        let named = text(pod, "serviceAccountName").or(text(pod, "serviceAccount")).filter(|name| !name.is_empty());
        let service_account = named.unwrap_or(DEFAULT_ACCOUNT);
        let account = workload.beside(objects, "ServiceAccount", service_account);
        // A reference to another variable is not resolved.
        let value = |variable: &Json| text(variable, "value").filter(|text| !text.contains("$(")).map(str::to_owned);
        let variables = list(container, "env").iter();
        let labels = members(template.pointer("/metadata/labels"));
        // Policies do not apply to pods in the network of the node.
        let is_of_node = pod.get("hostNetwork").and_then(Json::as_bool) == Some(true);
        let without_metadata =
            if is_of_node { Vec::new() } else { egress::blocking(workload, &labels, objects, INSTANCE_METADATA) };
        Self {
            workload: workload.name(),
            container: text(container, "name").unwrap_or_default().to_owned(),
            labels,
            pod_annotations: members(template.pointer("/metadata/annotations")),
            service_account: service_account.to_owned(),
            has_named_account: named.is_some(),
            annotations: account.map(|account| members(account.value.pointer("/metadata/annotations"))),
            variables: variables.filter_map(|of| Some((text(of, "name")?.to_owned(), value(of)))).collect(),
            has_more_variables: !list(container, "envFrom").is_empty(),
            tokens: list(container, "volumeMounts").iter().flat_map(|mount| tokens(mount, pod)).collect(),
            without_metadata,
        }
    }

    fn account(&self) -> String {
        format!("ServiceAccount {:?}", Excerpt::of(&self.service_account))
    }

    /// The variable `name`, which is `Some(None)` if it may be there with any value.
    fn variable(&self, name: &str) -> Option<Option<&str>> {
        match self.variables.get(name) {
            Some(value) => Some(value.as_deref()),
            None => self.has_more_variables.then_some(None),
        }
    }
}

fn members(map: Option<&Json>) -> BTreeMap<String, Json> {
    let members = map.and_then(Json::as_object).into_iter().flatten();
    members.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The tokens of the service account below a mount.
fn tokens(mount: &Json, pod: &Json) -> Vec<TokenFile> {
    let volume = list(pod, "volumes").iter().find(|volume| text(volume, "name") == text(mount, "name"));
    let sources = volume.and_then(|volume| volume.get("projected")).map_or(&[][..], |volume| list(volume, "sources"));
    let directory = Path::new(text(mount, "mountPath").unwrap_or_default());
    let token = |source: &Json| {
        let token = source.get("serviceAccountToken")?;
        let path = directory.join(text(token, "path")?).display().to_string();
        Some(TokenFile { path, audience: text(token, "audience").unwrap_or_default().to_owned() })
    };
    sources.iter().filter_map(token).collect()
}

/// What probably does not work.
pub(super) fn warnings(pod: &PodSetup, config: &Config) -> Warnings {
    let mut warnings = Warnings::new();
    service_account(pod, config, &mut warnings);
    azure::check(pod, config, &mut warnings);
    if config.needs_aws() {
        aws(pod, &mut warnings);
    }
    if config.needs_google() {
        google(pod, &mut warnings);
    }
    warnings
}

/// The service account of pods that name none: an identity for it is one for all of them.
fn service_account(pod: &PodSetup, config: &Config, warnings: &mut Warnings) {
    if pod.service_account != DEFAULT_ACCOUNT {
        return;
    }
    // Other credentials of AWS are not those of a service account.
    let aws = &config.aws;
    let has_keys = pod.variable("AWS_ACCESS_KEY_ID").is_some() || aws.profile.is_some() || aws.instance_metadata;
    let clouds = [
        (config.needs_aws() && !has_keys, "AWS"),
        (config.needs_workload_identity(), "Azure"),
        (config.needs_google(), "Google Cloud"),
    ];
    let clouds: Vec<&str> = clouds.into_iter().filter_map(|(is_used, cloud)| is_used.then_some(cloud)).collect();
    if clouds.is_empty() {
        return;
    }
    let found = if pod.has_named_account { format!("{:?}", pod.service_account) } else { "nothing".to_owned() };
    let message = format!(
        "{}: spec.template.spec.serviceAccountName: found {found}, expected a service account of this workload alone, as the configuration uses \
         the identity of the pod at {}: that of {DEFAULT_ACCOUNT:?} is the identity of every pod of the namespace that names none; set it to the \
         one that has the identity, countersign in deploy/base",
        pod.workload,
        clouds.join(" and ")
    );
    warnings.push(("service-account", message));
}

/// The role of the service account on EKS. Without the annotation it may have one by EKS Pod Identity, which no manifest shows.
fn aws(pod: &PodSetup, warnings: &mut Warnings) {
    if let Some(file) = pod.variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
        token_file(pod, "AWS_WEB_IDENTITY_TOKEN_FILE", file, "sts.amazonaws.com", warnings);
    }
    let annotation = pod.annotations.as_ref().and_then(|annotations| annotations.get(AWS_ROLE));
    if let Some(written) = annotation
        && written.as_str().is_none_or(|text| text.parse::<RoleArn>().is_err())
    {
        let message = format!(
            "{}: metadata.annotations: found {} for {AWS_ROLE}, expected {}: EKS sets AWS_ROLE_ARN to it, and no credentials are issued for \
             another text",
            pod.account(),
            described(written),
            RoleArn::FORM
        );
        warnings.push(("aws-role-annotation", message));
    }
}

/// The account of Google Cloud. Without the annotation the service account has roles of its own, which no manifest shows.
fn google(pod: &PodSetup, warnings: &mut Warnings) {
    let annotation = pod.annotations.as_ref().and_then(|annotations| annotations.get(GOOGLE_ACCOUNT));
    let is_account = |text: &str| {
        text.split_once('@')
            .is_some_and(|(name, domain)| !name.is_empty() && domain.ends_with(".iam.gserviceaccount.com"))
    };
    if let Some(written) = annotation
        && !written.as_str().is_some_and(is_account)
    {
        let message = format!(
            "{}: metadata.annotations: found {} for {GOOGLE_ACCOUNT}, expected NAME@PROJECT.iam.gserviceaccount.com, or no annotation, if \
             the service account of the pod has the role itself",
            pod.account(),
            described(written)
        );
        warnings.push(("google-account-annotation", message));
    }
}

/// A file with a token that a variable of the container names: a volume must have it, for the service that takes it.
fn token_file(pod: &PodSetup, variable: &str, file: Option<&str>, audience: &str, warnings: &mut Warnings) {
    // The value is not in the manifests.
    let Some(file) = file else { return };
    let found = match pod.tokens.iter().find(|token| token.path == file) {
        None => "no volume with a token of the service account at this path".to_owned(),
        // Regions of China have a longer one.
        Some(token) if token.audience.starts_with(audience) => return,
        Some(token) if token.audience.is_empty() => "a token for the API server at this path".to_owned(),
        Some(token) => format!("a token for the audience {:?} at this path", Excerpt::of(&token.audience)),
    };
    let message = format!(
        "{}: {variable} is {:?}: found {found}, expected a projected volume with a serviceAccountToken for the audience {audience}",
        pod.workload,
        Excerpt::of(file)
    );
    warnings.push(("token-volume", message));
}

/// What is written, or that nothing is.
fn found(written: Option<&Json>) -> String {
    written.map_or_else(|| "nothing".to_owned(), described)
}
