//! Warnings about variables of the environment, and about endpoints, of clouds that the configuration needs: by `check`, at the start of
//! the service and after a change.

use std::path::Path;

use countersign_core::codec::text::Text;
use countersign_core::name::EcrHost;
use countersign_files as files;
use countersign_files::ShownPath;
use countersign_registry::Mirror;
use countersign_registry::Unlisted;

use super::aws;
use super::azure;
use super::environment_warning::EnvironmentWarning;
use super::google;
use super::proxy_environment;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::has_private_ecr;

/// What is found. Warnings, as the pod may have other variables.
pub(crate) fn environment_warnings(config: &Config) -> Vec<EnvironmentWarning> {
    let mut warnings = without_credentials(config);
    if config.needs_aws() {
        warnings.extend(of_aws(config));
    }
    if config.needs_azure() {
        warnings.extend(of_azure(config));
    }
    if config.needs_google() {
        let warning = |message: Text| EnvironmentWarning {
            kind: "google-environment",
            message: message.to_string(),
            is_of_variable: true,
        };
        warnings.extend(google::environment_warnings().into_iter().map(warning));
    }
    warnings
}

/// Entries of private registries of Amazon without credentials, which they always require
/// ([private registry](https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html)).
fn without_credentials(config: &Config) -> Vec<EnvironmentWarning> {
    // Without the clients, the key is a mistake.
    if !cfg!(feature = "aws") {
        return Vec::new();
    }
    let warning = |found: String, place: &str| EnvironmentWarning {
        kind: "ecr-without-credentials",
        message: format!(
            "{found} has no credentials, and Amazon ECR never answers without credentials; write `credentials: {{ ecr: {{}} }}`{place}"
        ),
        is_of_variable: false,
    };
    let anonymous = config.registries.iter().filter(|registry| {
        matches!(registry.credentials, Credentials::Anonymous) && has_private_ecr(registry.host.host())
    });
    let entries = anonymous.map(|registry| warning(format!("registries {}", registry.host), ""));
    // Refused otherwise.
    let are_asked = config.unlisted_registries == Unlisted::Anonymous;
    let mirrors = config.registries.iter().flat_map(|registry| &registry.mirrors.locations).map(Mirror::host);
    let unlisted = mirrors.filter(|mirror| {
        let is_listed = config.registries.iter().any(|registry| registry.host.host().matches(mirror));
        are_asked && !is_listed && matches!(EcrHost::of(mirror), Some(EcrHost::Private(_)))
    });
    entries
        .chain(unlisted.map(|mirror| warning(format!("the mirror {mirror}"), " in an entry of registries for it")))
        .collect()
}

fn of_aws(config: &Config) -> Vec<EnvironmentWarning> {
    let mut warnings = Vec::new();
    let mut warn = |kind, message| warnings.push(EnvironmentWarning { kind, message, is_of_variable: true });
    if let Err(why) = aws::pod_region(&config.aws) {
        warn("aws-region", format!("AWS is not called: {why}"));
    }
    if let Err(why) = aws::check_pod_variables() {
        warn("aws-credentials", format!("there are no credentials of AWS: {why}"));
    }
    for why in aws::pod_variable_warnings() {
        warn("aws-credentials", why.to_string());
    }
    if aws::uses_web_identity() && aws::pod_region(&config.aws) == Ok(None) {
        let message = "the environment has AWS_WEB_IDENTITY_TOKEN_FILE and no region, in which STS is called; set aws.region, \
                       AWS_REGION or AWS_DEFAULT_REGION";
        warn("aws-region", message.to_owned());
    }
    let mut endpoints: Vec<_> = aws::SERVICES.into_iter().filter_map(|service| aws::endpoint(service).err()).collect();
    endpoints.dedup();
    for why in endpoints {
        warn("aws-endpoint", format!("AWS is not called: {why}"));
    }
    warnings.extend(aws::endpoint_warnings(config));
    // Otherwise it is a mistake already.
    if proxy_environment::read(config).is_ok()
        && let Err(why) = proxy_environment::beside(&config.aws.proxy)
    {
        let message = format!("AWS is not called, unless aws.proxy is set: {why}");
        warnings.push(EnvironmentWarning { kind: "aws-proxy", message, is_of_variable: true });
    }
    warnings
}

/// The files of tokens of the service account of the pod that cannot be used and are needed. Blocks on the file system.
pub(crate) fn token_file_warnings(config: &Config) -> Vec<EnvironmentWarning> {
    let warning = |kind, variable: Option<&str>| {
        let message = token_file(variable?)?;
        Some(EnvironmentWarning { kind, message, is_of_variable: true })
    };
    let aws = aws::pod_token_file().filter(|_| config.needs_aws());
    let azure = config.needs_workload_identity().then_some("AZURE_FEDERATED_TOKEN_FILE");
    warning("aws-credentials", aws).into_iter().chain(warning("azure-environment", azure)).collect()
}

/// Maximum size of the file of a token, in bytes.
const TOKEN_BYTES: usize = 64 * 1024;

/// What is wrong with the file of a token of the service account of the pod that this variable names, if it names one. The content is
/// not shown.
fn token_file(variable: &str) -> Option<String> {
    let path = std::env::var_os(variable).filter(|path| !path.is_empty())?;
    let path = Path::new(&path);
    let found = match files::read(path, TOKEN_BYTES) {
        Ok(token) if token.trim_ascii().is_empty() => "is empty".to_owned(),
        Ok(_) => return None,
        Err(error) => format!("cannot be read ({error})"),
    };
    Some(format!(
        "{variable}: found the file {}, which {found}, expected the token of the service account; on another machine than the pod this is no \
         mistake",
        ShownPath::of(path)
    ))
}

/// As [`of_aws`].
fn of_azure(config: &Config) -> Vec<EnvironmentWarning> {
    let mut warnings = Vec::new();
    let mut warn = |kind, message| warnings.push(EnvironmentWarning { kind, message, is_of_variable: true });
    let variable = |name: &str| std::env::var_os(name);
    azure::environment_warnings(config, variable).iter().for_each(|why| warn("azure-environment", why.to_string()));
    // Otherwise it is a mistake already.
    if proxy_environment::read(config).is_ok()
        && let Err(why) = proxy_environment::beside(&config.azure.proxy)
    {
        warn("azure-proxy", format!("Azure is not called, unless azure.proxy is set: {why}"));
    }
    warnings
}
