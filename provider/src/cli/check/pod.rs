//! `--manifests`: what the pod and its service account say of the identity at a cloud, beside what the configuration needs of it. Warnings,
//! as an admission webhook can change both.

use std::collections::BTreeMap;
use std::path::Path;

use countersign_core::codec::excerpt::Excerpt;
use countersign_core::name::ClientId;
use countersign_core::name::RoleArn;
use serde_json::Value as Json;

use crate::cli::manifests::Object;
use crate::cli::manifests::described;
use crate::cli::manifests::list;
use crate::cli::manifests::text;
use crate::config::Config;
use crate::config::EntraIdentity;
use crate::config::StoreSource;

/// The label by which the webhook of Azure workload identity chooses pods
/// ([labels and annotations](https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html)).
const AZURE_LABEL: &str = "azure.workload.identity/use";

/// The annotation of a service account with the client ID of its managed identity or application.
const AZURE_CLIENT_ID: &str = "azure.workload.identity/client-id";

/// The annotation of a service account with its role
/// ([IRSA](https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html)).
const AWS_ROLE: &str = "eks.amazonaws.com/role-arn";

/// The annotation of a service account with the one of Google Cloud that it acts as
/// ([workload identity](https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#kubernetes-sa-to-iam)).
const GOOGLE_ACCOUNT: &str = "iam.gke.io/gcp-service-account";

/// What the manifests say of the identity of a pod.
#[derive(Clone, Debug, Default)]
pub(super) struct PodSetup {
    /// Kind and name of the workload.
    workload: String,
    labels: BTreeMap<String, Json>,
    service_account: String,
    /// Of the service account; `None` if it is not among the manifests.
    annotations: Option<BTreeMap<String, Json>>,
    /// The variables of the container; `None` for a value that is not in the manifest.
    variables: BTreeMap<String, Option<String>>,
    /// Whether the container has further variables of ConfigMaps and Secrets.
    has_more_variables: bool,
    tokens: Vec<TokenFile>,
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
        let service_account = text(pod, "serviceAccountName").or(text(pod, "serviceAccount")).unwrap_or("default");
        let account = workload.beside(objects, "ServiceAccount", service_account);
        let value = |variable: &Json| text(variable, "value").map(str::to_owned);
        let variables = list(container, "env").iter();
        Self {
            workload: workload.name(),
            labels: members(template.pointer("/metadata/labels")),
            service_account: service_account.to_owned(),
            annotations: account.map(|account| members(account.value.pointer("/metadata/annotations"))),
            variables: variables.filter_map(|of| Some((text(of, "name")?.to_owned(), value(of)))).collect(),
            has_more_variables: !list(container, "envFrom").is_empty(),
            tokens: list(container, "volumeMounts").iter().flat_map(|mount| tokens(mount, pod)).collect(),
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

/// The kind of each warning, and its message.
pub(super) fn warnings(pod: &PodSetup, config: &Config) -> Vec<(&'static str, String)> {
    let mut warnings = Vec::new();
    let of_registries = config.registries.iter().filter_map(|registry| registry.credentials.acr());
    let of_stores = config.trust.stores.values().filter_map(|source| match source {
        StoreSource::KeyVault(vault) => Some(&vault.identity),
        StoreSource::Url(_) => None,
    });
    let workload = of_registries.chain(of_stores).filter_map(|identity| match identity {
        EntraIdentity::Workload { client_id, .. } => Some(client_id.as_ref()),
        EntraIdentity::Managed { .. } | EntraIdentity::ClientSecret { .. } => None,
    });
    let client_ids: Vec<Option<&ClientId>> = workload.collect();
    if !client_ids.is_empty() {
        azure(pod, client_ids.contains(&None), &mut warnings);
    }
    if config.needs_aws() {
        aws(pod, &mut warnings);
    }
    if config.needs_google() {
        google(pod, &mut warnings);
    }
    warnings
}

/// The workload identity of Azure; with `needs_client_id` if the configuration does not name one for each use.
fn azure(pod: &PodSetup, needs_client_id: bool, warnings: &mut Vec<(&'static str, String)>) {
    let PodSetup { workload, .. } = pod;
    match pod.variable("AZURE_FEDERATED_TOKEN_FILE") {
        Some(file) => {
            token_file(pod, "AZURE_FEDERATED_TOKEN_FILE", file, "api://AzureADTokenExchange", warnings);
        }
        None if pod.labels.get(AZURE_LABEL).and_then(Json::as_str) == Some("true") => {}
        None => {
            let found = found(pod.labels.get(AZURE_LABEL));
            let message = format!(
                "{workload}: spec.template.metadata.labels: found {found} for {AZURE_LABEL}, expected \"true\", as the configuration uses the \
                 workload identity of the pod: the webhook of Azure changes no pod without this label, so that no token is issued; add the \
                 label, as deploy/components/aks-workload-identity does"
            );
            warnings.push(("azure-workload-label", message));
        }
    }
    if !needs_client_id || pod.variable("AZURE_CLIENT_ID").is_some() {
        return;
    }
    // An account that is not among the manifests is not known.
    let Some(annotations) = &pod.annotations else { return };
    let written = annotations.get(AZURE_CLIENT_ID);
    if written.and_then(Json::as_str).is_none_or(|text| text.parse::<ClientId>().is_err()) {
        let message = format!(
            "{}: metadata.annotations: found {} for {AZURE_CLIENT_ID}, expected the client ID of the managed identity, a GUID, as the \
             configuration has no clientId: the webhook of Azure sets AZURE_CLIENT_ID to it; add the annotation, or clientId to the \
             configuration",
            pod.account(),
            found(written)
        );
        warnings.push(("azure-client-id", message));
    }
}

/// The role of the service account on EKS. Without the annotation it may have one by EKS Pod Identity, which no manifest shows.
fn aws(pod: &PodSetup, warnings: &mut Vec<(&'static str, String)>) {
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
fn google(pod: &PodSetup, warnings: &mut Vec<(&'static str, String)>) {
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
fn token_file(
    pod: &PodSetup,
    variable: &str,
    file: Option<&str>,
    audience: &str,
    warnings: &mut Vec<(&'static str, String)>,
) {
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
