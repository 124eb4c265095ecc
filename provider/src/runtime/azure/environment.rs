//! The variables of the environment: those that the webhook of workload identity sets, and the address of the instance metadata
//! service. Read each time; never modified.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use countersign_azure::WorkloadEnvironment;
use countersign_core::codec::text::Text;
use countersign_http::Endpoint;

use crate::config::AuthorityMismatch;
use crate::config::Config;

/// What the variables say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Environment {
    pub(super) workload: WorkloadEnvironment,
    pub(super) metadata_endpoint: Option<Endpoint>,
}

/// Reads the variables.
///
/// # Errors
/// Each variable that cannot be used.
pub(super) fn read() -> Result<Environment, Vec<Text>> {
    read_from(|name| std::env::var_os(name))
}

/// Why Azure is not called, or not for each registry and vault of `config`, with these variables.
pub(crate) fn warnings(config: &Config, variable: impl Fn(&str) -> Option<OsString>) -> Vec<Text> {
    match read_from(variable) {
        Ok(environment) => authority_mistakes(config, environment.workload.authority_host),
        Err(mistakes) => mistakes.into_iter().map(|why| Text::of(format_args!("Azure is not called: {why}"))).collect(),
    }
}

/// For which registries and vaults an `AZURE_AUTHORITY_HOST` issues no token.
fn authority_mistakes(config: &Config, authority: Option<Endpoint>) -> Vec<Text> {
    // The configuration takes precedence.
    let Some(authority) = authority.filter(|_| config.azure.authority_host.is_none()) else { return Vec::new() };
    let mistake = |AuthorityMismatch { known, cloud, what }: AuthorityMismatch| {
        let needed = format!("https://{}", cloud.authority_host());
        // It would be a mistake if a registry or vault is in another cloud.
        let is_for_all = needed.parse().is_ok_and(|needed| config.authority_mismatches(&needed).is_empty());
        let what_to_do = if is_for_all {
            format!("set azure.authorityHost to {needed}")
        } else {
            "set the variable to an empty value in the container, which the webhook of workload identity does not replace, so that each cloud \
             has its own authority"
                .to_owned()
        };
        Text::of(format_args!(
            "no token is requested for {what}: AZURE_AUTHORITY_HOST: found {authority}, the authority of the cloud {known}, expected that of \
             the cloud {cloud}; {what_to_do}"
        ))
    };
    config.authority_mismatches(&authority).into_iter().map(mistake).collect()
}

fn read_from(variable: impl Fn(&str) -> Option<OsString>) -> Result<Environment, Vec<Text>> {
    let mut mistakes = Vec::new();
    // An empty variable is as none, as for the SDK.
    let value = |name: &str| variable(name).filter(|value| !value.is_empty());
    let workload = WorkloadEnvironment {
        client_id: parsed("AZURE_CLIENT_ID", value, &mut mistakes),
        tenant_id: parsed("AZURE_TENANT_ID", value, &mut mistakes),
        token_file: value("AZURE_FEDERATED_TOKEN_FILE").map(PathBuf::from),
        authority_host: parsed("AZURE_AUTHORITY_HOST", value, &mut mistakes),
    };
    let metadata_endpoint = parsed("AZURE_POD_IDENTITY_AUTHORITY_HOST", value, &mut mistakes);
    if mistakes.is_empty() { Ok(Environment { workload, metadata_endpoint }) } else { Err(mistakes) }
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(
    name: &str,
    value: impl Fn(&str) -> Option<OsString>,
    mistakes: &mut Vec<Text>,
) -> Option<T> {
    match value(name)?.to_string_lossy().parse() {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            mistakes.push(Text::of(format_args!("the environment variable {name}: {error}")));
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
    const TENANT: &str = "11111111-2222-3333-4444-555555555555";

    fn of(variables: &[(&str, &str)]) -> Result<Environment, Vec<Text>> {
        read_from(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_variables_of_workload_identity_are_read() {
        let none = Environment { workload: WorkloadEnvironment::default(), metadata_endpoint: None };
        assert_eq!(of(&[]), Ok(none.clone()));
        assert_eq!(of(&[("AZURE_CLIENT_ID", ""), ("AZURE_FEDERATED_TOKEN_FILE", "")]), Ok(none));
        let read = of(&[
            ("AZURE_CLIENT_ID", CLIENT),
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/secrets/azure/tokens/azure-identity-token"),
            ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
        ]);
        let workload = read.unwrap().workload;
        assert_eq!(workload.client_id, Some(CLIENT.parse().unwrap()));
        assert_eq!(workload.tenant_id, Some(TENANT.parse().unwrap()));
        let file = "/var/run/secrets/azure/tokens/azure-identity-token";
        assert_eq!(workload.token_file, Some(PathBuf::from(file)));
        assert_eq!(workload.authority_host, Some("https://login.microsoftonline.com".parse().unwrap()));
    }

    #[test]
    fn each_variable_that_cannot_be_used_is_named() {
        let found = of(&[
            ("AZURE_CLIENT_ID", "countersign"),
            ("AZURE_TENANT_ID", "no tenant"),
            ("AZURE_AUTHORITY_HOST", "http://login.example"),
        ]);
        let texts: Vec<_> = found.unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            texts[..2],
            [
                "the environment variable AZURE_CLIENT_ID: found \"countersign\", expected the client ID of an application or \
                 managed identity, a GUID",
                "the environment variable AZURE_TENANT_ID: found \"no tenant\", expected the GUID of a tenant, or a domain of it",
            ]
        );
        assert!(texts[2].starts_with("the environment variable AZURE_AUTHORITY_HOST: "), "{}", texts[2]);
        assert_eq!(texts.len(), 3);
    }
}
