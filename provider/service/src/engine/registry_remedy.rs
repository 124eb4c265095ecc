//! What to do about a failure of a registry whose code alone does not say it: no credentials are configured, a permission is missing, or
//! the service of a cloud that issues the credential has failed, and not the registry.

use countersign_core::codec::text::Text;
use countersign_core::name::AcrHost;
use countersign_core::name::EcrHost;
use countersign_core::name::GoogleRegistryHost;
use countersign_core::name::Host;
use countersign_core::verdict::Remedy;
use countersign_credentials::CredentialError;
use countersign_credentials::IssueFailure;
use countersign_http::FetchError;
use countersign_http::LimitReached;
use countersign_registry::Cause;
use countersign_registry::CredentialKind;
use countersign_registry::CredentialOrigin;
use countersign_registry::EcrRefusal;
use countersign_registry::RealmRefusal;
use countersign_registry::RegistryError;
use countersign_registry::Stage;

/// The command that tries it.
const TRY: &str = "countersign check --online --image IMAGE tries it";

const OF_SETTING: &str = "raise the setting that the message names or remove it, or verify fewer images of the registry at a time; the next \
                          request goes on with what this one has found";

/// A higher limit of this process would make it worse.
const OF_REDUCED: &str = "nothing if it happens once: the limit rises again with the responses of the host; otherwise use credentials with a \
                          higher rate limit or a mirror, or check the host's health";

/// The cloud of a registry, which issues its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cloud {
    Aws,
    Azure,
    Google,
}

impl Cloud {
    fn of(host: &Host) -> Option<Self> {
        match (EcrHost::of(host), AcrHost::of(host)) {
            (Some(EcrHost::Private(_) | EcrHost::Public), _) => Some(Self::Aws),
            (None, Some(AcrHost::Registry(_) | AcrHost::Data(_))) => Some(Self::Azure),
            (None, None) => GoogleRegistryHost::of(host).map(|_| Self::Google),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Azure => "Azure",
            Self::Google => "Google Cloud",
        }
    }

    /// The key of credentials that it issues.
    fn key(self) -> &'static str {
        match self {
            Self::Aws => "credentials.ecr",
            Self::Azure => "credentials.acr",
            Self::Google => "credentials.google",
        }
    }

    /// Why a host of its services may not be found.
    fn reach(self) -> &'static str {
        match self {
            Self::Aws => "the region in its name, name resolution",
            Self::Azure => "name resolution",
            Self::Google => "the variable GCE_METADATA_HOST",
        }
    }

    /// What may be between the pod and its services.
    fn between(self) -> &'static str {
        match self {
            Self::Aws => "network policy, VPC endpoint and proxy",
            Self::Azure => "network policy, private endpoint and proxy",
            // The metadata server is on the node: it is asked without a proxy.
            Self::Google => "network policy",
        }
    }
}

/// The remedy of the case, as one sentence without a full stop; `None` if that is the remedy of the code.
pub(super) fn remedy(error: &RegistryError) -> Option<Text> {
    let cloud_of = |host: &str| Cloud::of(&host.parse().ok()?);
    let cause = error.cause.deciding();
    if let Cause::NoCredential { host, error } = cause {
        if let CredentialError::Local { subject, why: _ } = error {
            return Some(Text::of(format_args!(
                "correct {subject}, as the message says: neither the registry nor the service that issues its credential was asked; {TRY}"
            )));
        }
        return of_issuer(cloud_of(host)?, error);
    }
    if let Cause::Fetch(FetchError::Setting(limit)) = cause {
        return (!limit.is_of_silence()).then(|| OF_SETTING.into());
    }
    if let Cause::Fetch(FetchError::Limit(reached)) = cause {
        return of_limit(reached);
    }
    if let Cause::Realm(RealmRefusal::Host { .. }) = cause {
        return Some(of_realm(Cloud::of(error.repository.host())));
    }
    let Cause::Denied { host, status, credential, origin, ecr, .. } = cause else { return None };
    if let (Stage::Token, 401, CredentialKind::Basic | CredentialKind::IdentityToken) =
        (error.stage, status, credential)
    {
        return Some(Text::of(format_args!(
            "correct the user name or the password in the files that the message names: the token service does not accept them; {TRY}"
        )));
    }
    if cause.is_page()
        && let Some(otherwise) = of_page(*credential)
    {
        return Some(Text::of(format_args!(
            "check first the firewall and the network rules of the host that the message names, and any proxy in front of it: it answers with a \
             page, and not as a registry; permit the outbound address of the pod there, or use a private endpoint; if the registry itself \
             refuses, {otherwise}; {TRY}"
        )));
    }
    // The host may be that of a token service.
    let cloud = cloud_of(host).or_else(|| Cloud::of(error.repository.host()));
    of_denied(*credential, origin.as_deref(), *ecr, cloud)
}

/// What to do about a limit of the settings that was reached until a deadline.
pub(super) fn of_setting() -> Remedy {
    Remedy::Registry(OF_SETTING.into())
}

/// What to do about a limit of this process that was reached until a deadline, if its advice is another one than that of its code.
pub(super) fn of_limit(reached: &LimitReached) -> Option<Text> {
    reached.reduced.is_some().then(|| OF_REDUCED.into())
}

/// What to do about a token service that must not have the credential.
fn of_realm(cloud: Option<Cloud>) -> Text {
    match cloud {
        Some(cloud) => Text::of(format_args!(
            "registries of {} issue their tokens themselves: check that the host of the image is the registry and that no proxy answers in its \
             place; {TRY}",
            cloud.name()
        )),
        None => Text::of(format_args!(
            "add the token service to realmHosts of the registry's entry, if it belongs to the registry; otherwise do not use the registry; {TRY}"
        )),
    }
}

/// What to do about a refusal with a page if it is not of a firewall; `None` if it is, or if it is a store's.
fn of_page(credential: CredentialKind) -> Option<&'static str> {
    match credential {
        CredentialKind::Anonymous => Some("set credentials in its entry of registries"),
        CredentialKind::Basic | CredentialKind::Issued | CredentialKind::IdentityToken | CredentialKind::Bearer => {
            Some("give the credential read access to the repository")
        }
        CredentialKind::NotRequested | CredentialKind::Withheld => None,
    }
}

fn of_denied(
    credential: CredentialKind,
    origin: Option<&CredentialOrigin>,
    ecr: Option<EcrRefusal>,
    cloud: Option<Cloud>,
) -> Option<Text> {
    match (credential, ecr) {
        // Of a redirect to another host.
        (CredentialKind::Withheld, _) => None,
        (CredentialKind::NotRequested, _) => Some(Text::of(format_args!(
            "check the firewall and the network rules of the registry first: credentials are configured, but it refused the request before it \
             asked for them; permit the outbound address of the pod there, or use a private endpoint, and check that no proxy answers in its \
             place; {TRY}"
        ))),
        // Of a pull secret.
        (CredentialKind::Anonymous, _) if origin.is_some_and(CredentialOrigin::has_source) => Some(Text::of(
            "add credentials for this registry to the file that the message names, which has none; or correct the name of the image, as \
             some registries refuse a repository that does not exist",
        )),
        (CredentialKind::Anonymous, _) => Some(match cloud {
            Some(cloud) => Text::of(format_args!(
                "no credentials are configured for this registry: set {} in its entry of registries (add one if it has none), and give that identity read access \
                 to the repository; {TRY}",
                cloud.key()
            )),
            None => Text::of(
                "no credentials are configured for this registry: set credentials in its entry of registries (dockerConfig, or usernameFile \
                 with passwordFile), or add an entry if it has none; or correct the name of the image, as some registries refuse a \
                 repository that does not exist",
            ),
        }),
        (_, Some(EcrRefusal::Permission { action })) => {
            Some(Text::of(format_args!("allow {action} as the message says; {TRY}")))
        }
        (_, Some(EcrRefusal::Token | EcrRefusal::Anonymous) | None) => None,
    }
}

fn of_issuer(cloud: Cloud, error: &CredentialError) -> Option<Text> {
    let (name, between) = (cloud.name(), cloud.between());
    let text = match error {
        CredentialError::Refused { permission: Some(permission), .. } => {
            format!("allow {permission} as the message says, in {name} and not at the registry; {TRY}")
        }
        CredentialError::Refused { permission: None, .. } => {
            format!(
                "correct what the message names, in the settings of the pod or in {name}, which issues the credential of this registry; {TRY}"
            )
        }
        CredentialError::NotIssued { failure, .. } => match failure {
            IssueFailure::Unreachable => format!(
                "make the host that the message names reachable, which belongs to {name} and not to the registry: {}, {between}; the next \
                 request tries again",
                cloud.reach()
            ),
            // The remedy is that of what has not come.
            IssueFailure::Timeout(Some(_)) => return None,
            IssueFailure::Timeout(None) => format!(
                "check the connection of the pod to the host that the message names, which belongs to {name} and not to the registry: \
                 {between}; the next request tries again"
            ),
            IssueFailure::Throttled => format!(
                "wait for the rate limit of {name}, which issues the credential of this registry; if it continues, ask {name} for a higher \
                 quota"
            ),
            IssueFailure::Failed => format!(
                "wait until {name} has mended its service, which issues the credential of this registry; the next request tries again"
            ),
            IssueFailure::Invalid => {
                format!(
                    "check that the host that the message names belongs to {name}, and that no proxy answers in its place"
                )
            }
        },
        CredentialError::Timeout => format!(
            "check the connection of the pod to {name}, which issues the credential of this registry: {between}; the next request tries \
             again"
        ),
        // Of the pod itself.
        CredentialError::Local { .. } => return None,
        CredentialError::Unusable(_) | CredentialError::Fetch(_) | CredentialError::Interrupted => return None,
    };
    Some(Text::of(text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_http::Overload;
    use countersign_http::Reduced;
    use countersign_http::Scope;
    use countersign_registry::Fallback;
    use countersign_registry::NoList;
    use countersign_registry::RegistryErrorBody;
    use countersign_registry::resources::RESPONDERS;

    use super::*;

    const ECR: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    const ACR: &str = "shops.azurecr.io";
    const GOOGLE: &str = "europe-west1-docker.pkg.dev";

    fn advice(registry: &str, cause: Cause) -> Option<String> {
        let repository = format!("{registry}/app").parse().unwrap();
        let error = RegistryError { repository, stage: Stage::Manifest, cause };
        remedy(&error).map(|text| text.as_str().to_owned())
    }

    fn denied(host: &str, credential: CredentialKind, ecr: Option<EcrRefusal>) -> Cause {
        let (host, error) = (host.to_owned(), RegistryErrorBody::default());
        Cause::Denied { host, status: 401, credential, origin: None, replacement: None, ecr, role: None, error }
    }

    #[test]
    fn a_refusal_without_configured_credentials_says_so_and_how_to_configure_them() {
        let anonymous = |registry: &str, host: &str| advice(registry, denied(host, CredentialKind::Anonymous, None));
        let of_cloud = |key: &str| {
            format!(
                "no credentials are configured for this registry: set {key} in its entry of registries (add one if it has none), and give \
                 that identity read access to the repository; countersign check --online --image IMAGE tries it"
            )
        };
        let of_others = "no credentials are configured for this registry: set credentials in its entry of registries (dockerConfig, or \
                         usernameFile with passwordFile), or add an entry if it has none; or correct the name of the image, as some \
                         registries refuse a repository that does not exist";
        assert_eq!(anonymous(ECR, ECR), Some(of_cloud("credentials.ecr")));
        assert_eq!(anonymous("public.ecr.aws", "public.ecr.aws"), Some(of_cloud("credentials.ecr")));
        assert_eq!(anonymous(ACR, ACR), Some(of_cloud("credentials.acr")));
        assert_eq!(anonymous(GOOGLE, GOOGLE), Some(of_cloud("credentials.google")));
        assert_eq!(anonymous("eu.gcr.io", "eu.gcr.io"), Some(of_cloud("credentials.google")));
        for other in ["r.example", "mirror.gcr.io", "europe-west1-docker.pkg.dev.evil.example"] {
            assert_eq!(anonymous(other, &format!("auth.{other}")).as_deref(), Some(of_others), "{other}");
        }
        let of_pull_secret = |source: &str| {
            let origin = CredentialOrigin { entry: Some("registries[0]".into()), source: Some(source.into()) };
            let mut denied = denied("r.example", CredentialKind::Anonymous, None);
            if let Cause::Denied { origin: none, .. } = &mut denied {
                *none = Some(Box::new(origin));
            }
            advice("r.example", denied).unwrap()
        };
        assert_eq!(of_pull_secret("no credentials"), of_others);
        assert_eq!(
            of_pull_secret("credentials.dockerConfig c.json, which has no entry for this repository"),
            "add credentials for this registry to the file that the message names, which has none; or correct the name of the image, as \
             some registries refuse a repository that does not exist"
        );
        // A token service.
        assert_eq!(anonymous(ACR, "login.example"), Some(of_cloud("credentials.acr")));
        assert_eq!(advice(ECR, denied("s3.example", CredentialKind::Withheld, None)), None);
        assert_eq!(advice("r.example", denied("r.example", CredentialKind::Basic, None)), None);
    }

    #[test]
    fn a_refusal_before_the_configured_credentials_were_requested_names_the_firewall() {
        for registry in [ECR, ACR, GOOGLE, "r.example"] {
            assert_eq!(
                advice(registry, denied(registry, CredentialKind::NotRequested, None)).unwrap(),
                "check the firewall and the network rules of the registry first: credentials are configured, but it refused the request \
                 before it asked for them; permit the outbound address of the pod there, or use a private endpoint, and check that no proxy \
                 answers in its place; countersign check --online --image IMAGE tries it"
            );
        }
    }

    #[test]
    fn a_refusal_with_a_page_names_the_firewall_and_then_the_credential() {
        let page = |registry: &str, status, credential| {
            let mut denied = denied(registry, credential, None);
            if let Cause::Denied { status: found, error, .. } = &mut denied {
                (*found, *error) = (status, RegistryErrorBody::default().with_content_type(Some(b"text/html")));
            }
            advice(registry, denied)
        };
        let expected = |otherwise: &str| {
            Some(format!(
                "check first the firewall and the network rules of the host that the message names, and any proxy in front of it: it answers \
                 with a page, and not as a registry; permit the outbound address of the pod there, or use a private endpoint; if the registry \
                 itself refuses, {otherwise}; countersign check --online --image IMAGE tries it"
            ))
        };
        for registry in [ECR, ACR, GOOGLE, "r.example"] {
            for credential in
                [CredentialKind::Basic, CredentialKind::Issued, CredentialKind::IdentityToken, CredentialKind::Bearer]
            {
                let access = expected("give the credential read access to the repository");
                assert_eq!(page(registry, 403, credential), access, "{registry}");
                assert_eq!(page(registry, 401, credential), None, "{registry}");
            }
            let anonymous = expected("set credentials in its entry of registries");
            assert_eq!(page(registry, 403, CredentialKind::Anonymous), anonymous);
            assert_eq!(page(registry, 403, CredentialKind::Withheld), None);
            // The same as without a page.
            let not_requested = advice(registry, denied(registry, CredentialKind::NotRequested, None));
            assert_eq!(page(registry, 403, CredentialKind::NotRequested), not_requested);
        }
    }

    #[test]
    fn a_refusal_without_a_permission_names_it_and_the_command_that_tries_it() {
        let permission = Some(EcrRefusal::Permission { action: "ecr:BatchGetImage" });
        assert_eq!(
            advice(ECR, denied(ECR, CredentialKind::Issued, permission)).unwrap(),
            "allow ecr:BatchGetImage as the message says; countersign check --online --image IMAGE tries it"
        );
        let issuer = |permission, host: &str| {
            let error = CredentialError::Refused { permission, why: "refused".into() };
            advice(host, Cause::NoCredential { host: host.to_owned(), error })
        };
        assert_eq!(
            issuer(Some("sts:AssumeRole"), ECR).unwrap(),
            "allow sts:AssumeRole as the message says, in AWS and not at the registry; countersign check --online --image IMAGE tries it"
        );
        assert_eq!(
            issuer(None, ACR).unwrap(),
            "correct what the message names, in the settings of the pod or in Azure, which issues the credential of this registry; \
             countersign check --online --image IMAGE tries it"
        );
        assert_eq!(issuer(None, "r.example"), None);
    }

    #[test]
    fn what_the_pod_lacks_is_named_and_neither_the_cloud_nor_the_registry() {
        let subject = "the file /etc/azure/secret of clientSecretFile";
        // Also behind a host of the operator, of which no cloud is known.
        for host in [ACR, ECR, "r.example"] {
            let error = CredentialError::Local { subject: subject.into(), why: "cannot be read".into() };
            assert_eq!(
                advice(host, Cause::NoCredential { host: host.to_owned(), error }).unwrap(),
                "correct the file /etc/azure/secret of clientSecretFile, as the message says: neither the registry nor the service that issues \
                 its credential was asked; countersign check --online --image IMAGE tries it",
                "{host}"
            );
        }
    }

    #[test]
    fn an_outage_of_the_service_that_issues_the_credential_is_none_of_the_registry() {
        let issuer = |error| advice(ECR, Cause::NoCredential { host: ECR.to_owned(), error });
        let failures = [
            IssueFailure::Unreachable,
            IssueFailure::Timeout(None),
            IssueFailure::Throttled,
            IssueFailure::Failed,
            IssueFailure::Invalid,
        ];
        let mut seen = std::collections::BTreeSet::new();
        for failure in failures {
            let advice = issuer(CredentialError::NotIssued { failure, why: "failed".into() }).unwrap();
            assert!(advice.contains("AWS") && !advice.contains("Azure") && !advice.ends_with('.'), "{advice}");
            assert!(seen.insert(advice), "{failure:?}");
        }
        assert_eq!(
            seen.first().map(String::as_str),
            Some("check that the host that the message names belongs to AWS, and that no proxy answers in its place")
        );
        assert!(issuer(CredentialError::Timeout).unwrap().starts_with("check the connection of the pod to AWS, "));
        let unreachable = CredentialError::NotIssued { failure: IssueFailure::Unreachable, why: "failed".into() };
        assert_eq!(
            advice(GOOGLE, Cause::NoCredential { host: GOOGLE.to_owned(), error: unreachable }).unwrap(),
            "make the host that the message names reachable, which belongs to Google Cloud and not to the registry: the variable \
             GCE_METADATA_HOST, network policy; the next request tries again"
        );
        assert_eq!(issuer(CredentialError::Unusable("c.json: is empty".into())), None);
    }

    #[test]
    fn a_password_that_a_token_service_refuses_is_to_be_corrected() {
        let at = |stage, status, credential| {
            let mut cause = denied("r.example", credential, None);
            if let Cause::Denied { status: found, .. } = &mut cause {
                *found = status;
            }
            remedy(&RegistryError { repository: "r.example/app".parse().unwrap(), stage, cause })
        };
        let expected = "correct the user name or the password in the files that the message names: the token service does not accept them; \
                        countersign check --online --image IMAGE tries it";
        assert_eq!(at(Stage::Token, 401, CredentialKind::Basic).as_ref().map(Text::as_str), Some(expected));
        assert_eq!(at(Stage::Token, 401, CredentialKind::IdentityToken).as_ref().map(Text::as_str), Some(expected));
        // A permission may be missing.
        assert_eq!(at(Stage::Token, 403, CredentialKind::Basic), None);
        assert_eq!(at(Stage::Manifest, 401, CredentialKind::Basic), None);
    }

    #[test]
    fn a_token_service_that_is_not_allowed_has_a_remedy_of_its_own() {
        let refusal = |registry| advice(registry, Cause::Realm(RealmRefusal::Host { host: "auth.example".to_owned() }));
        assert_eq!(
            refusal("r.example").as_deref(),
            Some(
                "add the token service to realmHosts of the registry's entry, if it belongs to the registry; otherwise do not use the \
                 registry; countersign check --online --image IMAGE tries it"
            )
        );
        assert_eq!(
            refusal(GOOGLE).as_deref(),
            Some(
                "registries of Google Cloud issue their tokens themselves: check that the host of the image is the registry and that no proxy \
                 answers in its place; countersign check --online --image IMAGE tries it"
            )
        );
    }

    #[test]
    fn a_reduced_limit_is_not_to_be_raised() {
        let reached = |reduced| {
            let (scope, limit) = (Scope::Host("r.example".into()), 4);
            let reached = LimitReached { resource: RESPONDERS, scope, at: None, found: limit, limit, reduced };
            advice("r.example", Cause::Fetch(FetchError::Limit(reached)))
        };
        assert_eq!(reached(None), None);
        assert_eq!(reached(Some(Reduced { from: 32, why: Overload::Late })).as_deref(), Some(OF_REDUCED));
    }

    #[test]
    fn the_failure_that_decides_has_the_remedy() {
        let permission = Some(EcrRefusal::Permission { action: "ecr:BatchGetImage" });
        let no_list = |fallback| {
            let api = denied(ECR, CredentialKind::Issued, permission);
            advice(ECR, Cause::NoList(Box::new(NoList { api, tag: "sha256-00".to_owned(), fallback })))
        };
        let allow = "allow ecr:BatchGetImage as the message says; countersign check --online --image IMAGE tries it";
        assert_eq!(no_list(Fallback::Absent).as_deref(), Some(allow));
        let interrupted = Fallback::Failed(Cause::Interrupted);
        assert_eq!(no_list(interrupted), None);
        let page = Cause::Page { number: 2, cause: Box::new(denied(ECR, CredentialKind::Issued, permission)) };
        assert_eq!(advice(ECR, page).as_deref(), Some(allow));
    }
}
