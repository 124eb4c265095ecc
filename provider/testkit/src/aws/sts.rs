//! The Security Token Service: `AssumeRoleWithWebIdentity` and `AssumeRole`.

mod form;
mod roles;

use std::ops::Deref;
use std::time::Duration;

use http::Method;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::aws::access_keys::AccessKey;
use crate::aws::access_keys::identity;
use crate::aws::exchange::Service;
use crate::aws::server::AwsServer;
use crate::aws::server::Errors;
use crate::aws::service_error::Protocol;
use crate::aws::service_error::STS_NAMESPACE;
use crate::aws::service_error::ServiceError;
use crate::aws::service_error::xml_text;
use crate::aws::setup::Setup;
use crate::aws::sigv4;
use crate::aws::sigv4::Scope;
use crate::cloud::service_account::ServiceAccountToken;
use crate::cloud::service_account::TokenError;
use crate::cloud::service_account::TokenIssuer;
use crate::registry::RecordedRequest;
use crate::registry::Reply;
use form::Form;
use roles::Roles;
use roles::Trust;

const PROTOCOL: Protocol = Protocol::Query;

/// The token of the request, or the session, has ended.
pub const EXPIRED_TOKEN: &str = "ExpiredTokenException";

/// STS in one region. No role is trusted at first.
///
/// Sessions are keys of the [`Setup`], which its other doubles accept. Errors and faults are those of [`AwsServer`]; see
/// [`idp_communication_error`] and [`ServiceError::throttled`].
#[derive(Debug)]
pub struct Sts {
    server: AwsServer,
    roles: Roles,
}

impl Sts {
    /// Starts the service.
    pub async fn start(setup: &Setup) -> Self {
        let (errors, roles) = (Errors::default(), Roles::default());
        let (with, known, set) = (setup.clone(), roles.clone(), errors.clone());
        let server = AwsServer::start(setup, Service::Sts, errors, move |request| {
            answer(request, &with, &known, &set).unwrap_or_else(|error| error.reply(PROTOCOL))
        });
        Self { server: server.await, roles }
    }

    /// Lets this service account of the issuer assume the role (`AssumeRoleWithWebIdentity`). The session's principal is
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub fn trust_web_identity(&self, role: &str, issuer: &TokenIssuer, namespace: &str, name: &str) {
        let subject = TokenIssuer::subject(namespace, name);
        self.roles.trust(role, Trust::WebIdentity { issuer: issuer.clone(), subject });
    }

    /// Lets this user, or all sessions of this role, assume the role (`AssumeRole`), with this external id if there is one.
    pub fn trust_principal(&self, role: &str, principal: &str, external_id: Option<&str>) {
        let external_id = external_id.map(str::to_owned);
        self.roles.trust(role, Trust::Principal { principal: principal.to_owned(), external_id });
    }

    /// Deletes a role.
    pub fn delete_role(&self, role: &str) {
        self.roles.delete(role);
    }

    /// Ends each new session after this time, whatever the request says. `None`: as the request says, otherwise an hour.
    pub fn set_lifetime(&self, lifetime: Option<Duration>) {
        self.roles.set_lifetime(lifetime);
    }
}

impl Deref for Sts {
    type Target = AwsServer;

    fn deref(&self) -> &AwsServer {
        &self.server
    }
}

/// STS cannot reach the issuer to fetch its keys; the client may try again.
#[must_use]
pub fn idp_communication_error() -> ServiceError {
    ServiceError::new(400, "IDPCommunicationError", "Unable to communicate with the identity provider")
}

/// The principal of a session of a role.
#[must_use]
pub fn assumed_role(role: &str, session: &str) -> String {
    role.replacen(":iam:", ":sts:", 1).replacen(":role/", ":assumed-role/", 1) + "/" + session
}

fn answer(request: &RecordedRequest, setup: &Setup, roles: &Roles, errors: &Errors) -> Result<Reply, ServiceError> {
    let form = Form::parse(request)?;
    if request.method != Method::POST || request.path != "/" {
        return Err(form::invalid_action(&format!("{} {}", request.method, request.path)));
    }
    match form.action() {
        "AssumeRoleWithWebIdentity" => with_web_identity(&form, setup, roles, errors),
        "AssumeRole" => {
            let scope = Scope { service: "sts", region: setup.region.clone() };
            let caller = sigv4::verify(request, &scope, &setup.keys, &setup.clock);
            let caller = caller.map_err(|why| why.service_error(PROTOCOL))?;
            assume_role(&form, &caller, setup, roles, errors)
        }
        other => Err(form::invalid_action(other)),
    }
}

fn with_web_identity(form: &Form, setup: &Setup, roles: &Roles, errors: &Errors) -> Result<Reply, ServiceError> {
    let (role, session) = (form.role()?, form.session()?);
    let duration = form.duration()?;
    let token = form.required("WebIdentityToken", 4..=20_000)?;
    let denied = || {
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        ServiceError::new(403, "AccessDenied", message)
    };
    let trusts = roles.trusts(role).ok_or_else(denied)?;
    let now = setup.clock.now();
    let mut refused = denied();
    for trust in &trusts {
        let Trust::WebIdentity { issuer, subject } = trust else { continue };
        match issuer.check(token, ServiceAccountToken::STS, now) {
            Ok(found) if found == *subject => {
                errors.next()?;
                let session = issue(setup, roles, role, session, duration);
                let extra = format!(
                    "    <SubjectFromWebIdentityToken>{}</SubjectFromWebIdentityToken>\n    <Provider>{}</Provider>\n    \
                     <Audience>{}</Audience>\n",
                    xml_text(subject),
                    xml_text(issuer.url()),
                    ServiceAccountToken::STS
                );
                return Ok(success("AssumeRoleWithWebIdentity", &session, &extra));
            }
            // The trust policy of the role names another service account.
            Ok(_) => {}
            Err(error) => refused = token_error(&error, now),
        }
    }
    Err(refused)
}

fn token_error(error: &TokenError, now: OffsetDateTime) -> ServiceError {
    let invalid = |message: &str| ServiceError::new(400, "InvalidIdentityToken", message);
    match error {
        TokenError::Malformed => invalid("The ID Token provided is not a valid JWT."),
        TokenError::Issuer(issuer) => invalid(&format!("No OpenIDConnect provider found in your account for {issuer}")),
        TokenError::Signature => invalid("Couldn't retrieve verification key from your identity provider"),
        TokenError::Audience => invalid("Incorrect token audience"),
        TokenError::Expired { expires_at } => {
            let message = format!(
                "Token expired: current date/time {} must be before the expiration date/time {expires_at}",
                now.unix_timestamp()
            );
            ServiceError::new(400, EXPIRED_TOKEN, &message)
        }
    }
}

fn assume_role(
    form: &Form,
    caller: &AccessKey,
    setup: &Setup,
    roles: &Roles,
    errors: &Errors,
) -> Result<Reply, ServiceError> {
    let (role, session, duration) = (form.role()?, form.session()?, form.duration()?);
    let external_id = form.optional("ExternalId", 2..=1224)?;
    let allowed = roles.trusts(role).unwrap_or_default().iter().any(|trust| match trust {
        Trust::WebIdentity { .. } => false,
        Trust::Principal { principal, external_id: expected } => {
            *principal == identity(&caller.principal)
                && expected.as_deref().is_none_or(|expected| external_id == Some(expected))
        }
    });
    if !allowed || !setup.keys.allows(&caller.principal, "sts:AssumeRole") {
        let message =
            format!("User: {} is not authorized to perform: sts:AssumeRole on resource: {role}", caller.principal);
        return Err(ServiceError::new(403, "AccessDenied", &message));
    }
    errors.next()?;
    Ok(success("AssumeRole", &issue(setup, roles, role, session, duration), ""))
}

fn issue(setup: &Setup, roles: &Roles, role: &str, session: &str, duration: Duration) -> AccessKey {
    let end = setup.clock.now() + roles.lifetime().unwrap_or(duration);
    // The answer has whole seconds.
    let end = end.replace_nanosecond(0).expect("0 is a nanosecond");
    setup.keys.for_session(&assumed_role(role, session), end)
}

fn success(operation: &str, key: &AccessKey, extra: &str) -> Reply {
    let AccessKey { id, secret, session_token, expires_at, principal } = key;
    let token = session_token.as_deref().expect("a session has a token");
    let end = expires_at.expect("a session ends").format(&Rfc3339).expect("a year of four digits");
    let session = principal.rsplit('/').next().unwrap_or_default();
    let body = format!(
        "<{operation}Response xmlns=\"{STS_NAMESPACE}\">\n  <{operation}Result>\n{extra}    <AssumedRoleUser>\n      \
         <Arn>{principal}</Arn>\n      <AssumedRoleId>AROATESTKIT0000000000:{session}</AssumedRoleId>\n    \
         </AssumedRoleUser>\n    <Credentials>\n      <AccessKeyId>{id}</AccessKeyId>\n      \
         <SecretAccessKey>{secret}</SecretAccessKey>\n      <SessionToken>{token}</SessionToken>\n      \
         <Expiration>{end}</Expiration>\n    </Credentials>\n  </{operation}Result>\n  <ResponseMetadata>\n    \
         <RequestId>00000000-0000-4000-8000-000000000000</RequestId>\n  </ResponseMetadata>\n</{operation}Response>\n"
    );
    Reply::status(200).header("content-type", "text/xml").body(body)
}
