//! STS, EKS Pod Identity and instance metadata: each issues credentials that the other doubles accept.

use std::time::Duration;

use countersign_testkit::aws::AccessKey;
use countersign_testkit::aws::Protocol;
use countersign_testkit::aws::ServiceError;
use countersign_testkit::aws::Setup;
use countersign_testkit::aws::imds::Imds;
use countersign_testkit::aws::pod_identity::PodIdentity;
use countersign_testkit::aws::sts::Sts;
use countersign_testkit::aws::sts::assumed_role;
use countersign_testkit::aws::sts::idp_communication_error;
use countersign_testkit::aws::web_identity::ServiceAccountToken;
use countersign_testkit::aws::web_identity::TokenIssuer;
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::aws::NOW;
use crate::aws::REGION;
use crate::aws::ROLE;
use crate::aws::USER;
use crate::aws::client::Client;
use crate::aws::client::encode;
use crate::aws::client::http;
use crate::aws::client::text;
use crate::aws::setup;

const NAMESPACE: &str = "gatekeeper-system";
const NAME: &str = "countersign";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

fn issuer() -> TokenIssuer {
    TokenIssuer::new("https://oidc.eks.eu-central-1.amazonaws.com/id/TESTKIT")
}

fn token() -> String {
    issuer().token(&ServiceAccountToken::new(NAMESPACE, NAME, NOW))
}

struct Fixture {
    setup: Setup,
    sts: Sts,
}

impl Fixture {
    async fn new() -> Self {
        let setup = setup();
        let sts = Sts::start(&setup).await;
        sts.trust_web_identity(ROLE, &issuer(), NAMESPACE, NAME);
        Self { setup, sts }
    }

    /// A correct `AssumeRoleWithWebIdentity` with some parameters replaced; `None` removes one.
    async fn web_identity(&self, replaced: &[(&str, Option<&str>)]) -> (u16, String) {
        let token = token();
        let mut form = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", ROLE),
            ("RoleSessionName", "countersign"),
            ("WebIdentityToken", &token),
        ];
        for (name, value) in replaced {
            form.retain(|(other, _)| other != name);
            form.extend(value.map(|value| (*name, value)));
        }
        let request = http().post(self.sts.url()).header("content-type", FORM).body(encoded(&form));
        text(request.send().await.unwrap()).await
    }

    async fn assume_role(&self, key: &AccessKey, form: &[(&str, &str)]) -> (u16, String) {
        let client = Client::new(key, "sts", REGION, self.setup.clock().now());
        let form: Vec<_> = [("Action", "AssumeRole"), ("Version", "2011-06-15")].iter().chain(form).copied().collect();
        text(client.post(&self.sts.host(), &[("content-type", FORM)], &encoded(&form)).await).await
    }
}

fn encoded(form: &[(&str, &str)]) -> String {
    form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// The text of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let rest = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}")).1;
    rest.split_once(&format!("</{name}>")).unwrap().0
}

fn code_and_message((status, xml): &(u16, String)) -> (u16, &str, &str) {
    (*status, element(xml, "Code"), element(xml, "Message"))
}

#[tokio::test]
async fn a_service_account_assumes_its_role() {
    let fixture = Fixture::new().await;
    let (status, xml) = fixture.web_identity(&[]).await;
    assert_eq!(status, 200, "{xml}");
    assert!(xml.starts_with("<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"));
    assert_eq!(element(&xml, "Expiration"), "2026-05-06T08:08:09Z");
    assert_eq!(element(&xml, "SubjectFromWebIdentityToken"), "system:serviceaccount:gatekeeper-system:countersign");
    assert_eq!(element(&xml, "Arn"), "arn:aws:sts::111122223333:assumed-role/countersign/countersign");
    let key = fixture.setup.keys().get(element(&xml, "AccessKeyId")).unwrap();
    assert_eq!(
        key,
        AccessKey {
            id: "ASIATESTKIT000000001".to_owned(),
            secret: element(&xml, "SecretAccessKey").to_owned(),
            session_token: Some(element(&xml, "SessionToken").to_owned()),
            expires_at: Some(datetime!(2026-05-06 08:08:09 UTC)),
            principal: assumed_role(ROLE, "countersign"),
        }
    );
}

#[tokio::test]
async fn the_journal_of_sts_has_no_token() {
    let fixture = Fixture::new().await;
    fixture.web_identity(&[]).await;
    let journal = fixture.sts.journal();
    assert_eq!(journal[0].to_string(), "sts POST / AssumeRoleWithWebIdentity 200");
    let characters = format!("({} characters)", token().len());
    assert_eq!(journal[0].parameter("WebIdentityToken"), Some(characters.as_str()));
    assert_eq!((journal[0].parameter("RoleArn"), &journal[0].authorization), (Some(ROLE), &None));
}

#[tokio::test]
async fn the_lifetime_is_the_requested_one_or_the_one_that_is_set() {
    let fixture = Fixture::new().await;
    let (_, xml) = fixture.web_identity(&[("DurationSeconds", Some("900"))]).await;
    assert_eq!(element(&xml, "Expiration"), "2026-05-06T07:23:09Z");
    for wrong in ["899", "43201", "x"] {
        let found = fixture.web_identity(&[("DurationSeconds", Some(wrong))]).await;
        let message = format!(
            "1 validation error detected: Value &quot;{wrong}&quot; at 'DurationSeconds' failed to satisfy constraint: \
             expected 900 to 43200"
        );
        assert_eq!(code_and_message(&found), (400, "ValidationError", message.as_str()));
    }
    fixture.sts.set_lifetime(Some(Duration::from_secs(30)));
    let (_, xml) = fixture.web_identity(&[]).await;
    assert_eq!(element(&xml, "Expiration"), "2026-05-06T07:08:39Z");
}

#[tokio::test]
async fn each_parameter_of_a_web_identity_is_checked() {
    let fixture = Fixture::new().await;
    let expired = issuer().token(&ServiceAccountToken::new(NAMESPACE, NAME, NOW).expires_at(NOW));
    let audience =
        issuer().token(&ServiceAccountToken::new(NAMESPACE, NAME, NOW).audience("https://kubernetes.default.svc"));
    let foreign = TokenIssuer::new("https://other.example").token(&ServiceAccountToken::new(NAMESPACE, NAME, NOW));
    let account = issuer().token(&ServiceAccountToken::new("default", NAME, NOW));
    let forged = format!("{}x", token());
    let denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    let constraint = |value: &str, name: &str, expected: &str| {
        format!(
            "1 validation error detected: Value &quot;{value}&quot; at '{name}' failed to satisfy constraint: expected {expected}"
        )
    };
    let expired_at = format!(
        "Token expired: current date/time {0} must be before the expiration date/time {0}",
        NOW.unix_timestamp()
    );
    let long = "s".repeat(65);
    for (name, value, status, code, message) in [
        ("WebIdentityToken", Some(&*expired), 400, "ExpiredTokenException", &*expired_at),
        ("WebIdentityToken", Some(&audience), 400, "InvalidIdentityToken", "Incorrect token audience"),
        (
            "WebIdentityToken",
            Some(&foreign),
            400,
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://other.example",
        ),
        ("WebIdentityToken", Some(&forged), 400, "InvalidIdentityToken", "The ID Token provided is not a valid JWT."),
        ("WebIdentityToken", Some(&account), 403, "AccessDenied", denied),
        ("WebIdentityToken", None, 400, "ValidationError", &constraint("", "WebIdentityToken", "a value")),
        ("RoleArn", Some("arn:aws:iam::111122223333:role/other"), 403, "AccessDenied", denied),
        (
            "RoleArn",
            Some("arn:aws:iam::111122223333:user/x"),
            400,
            "ValidationError",
            &constraint("arn:aws:iam::111122223333:user/x", "RoleArn", "arn:PARTITION:iam::ACCOUNT:role/NAME"),
        ),
        (
            "RoleSessionName",
            Some("s"),
            400,
            "ValidationError",
            &constraint("s", "RoleSessionName", "2 to 64 characters"),
        ),
        (
            "RoleSessionName",
            Some(&long),
            400,
            "ValidationError",
            &constraint(&long, "RoleSessionName", "2 to 64 characters"),
        ),
        (
            "RoleSessionName",
            Some("a/b"),
            400,
            "ValidationError",
            &constraint("a/b", "RoleSessionName", r"the pattern [\w+=,.@-]*"),
        ),
        ("Version", Some("2010"), 400, "ValidationError", &constraint("2010", "Version", "2011-06-15")),
        ("Action", Some("GetX"), 400, "InvalidAction", "Could not find operation GetX for version 2011-06-15"),
    ] {
        assert_eq!(code_and_message(&fixture.web_identity(&[(name, value)]).await), (status, code, message), "{name}");
    }
    assert_eq!(fixture.setup.keys().issued(), 0);
    fixture.sts.delete_role(ROLE);
    assert_eq!(code_and_message(&fixture.web_identity(&[]).await), (403, "AccessDenied", denied));
}

#[tokio::test]
async fn errors_of_sts_have_their_codes() {
    let fixture = Fixture::new().await;
    fixture.sts.fail_times(1, idp_communication_error());
    fixture.sts.fail_times(1, ServiceError::throttled(Protocol::Query));
    fixture.sts.fail(ServiceError::internal(Protocol::Query));
    for expected in [
        (400, "IDPCommunicationError", "Unable to communicate with the identity provider"),
        (400, "Throttling", "Rate exceeded"),
        (500, "InternalFailure", "Internal service error"),
    ] {
        assert_eq!(code_and_message(&fixture.web_identity(&[]).await), expected);
    }
}

#[tokio::test]
async fn a_role_is_assumed_by_its_principal_with_the_external_id() {
    let fixture = Fixture::new().await;
    let user = fixture.setup.keys().for_user(USER);
    let role = "arn:aws:iam::444455556666:role/pull";
    fixture.sts.trust_principal(role, USER, Some("shop"));
    let form = [("RoleArn", role), ("RoleSessionName", "cross")];
    let denied = format!("User: {USER} is not authorized to perform: sts:AssumeRole on resource: {role}");
    assert_eq!(code_and_message(&fixture.assume_role(&user, &form).await), (403, "AccessDenied", &*denied));
    let form = [form[0], form[1], ("ExternalId", "shop")];
    let (status, xml) = fixture.assume_role(&user, &form).await;
    assert_eq!((status, element(&xml, "Arn")), (200, "arn:aws:sts::444455556666:assumed-role/pull/cross"));
    let session = fixture.setup.keys().get(element(&xml, "AccessKeyId")).unwrap();
    // Its own principal is not trusted by the role.
    let (status, xml) = fixture.assume_role(&session, &form).await;
    assert_eq!((status, element(&xml, "Code")), (403, "AccessDenied"));
    fixture.sts.trust_principal(ROLE, role, None);
    let (status, xml) = fixture.assume_role(&session, &[("RoleArn", ROLE), ("RoleSessionName", "back")]).await;
    assert_eq!((status, element(&xml, "Arn")), (200, "arn:aws:sts::111122223333:assumed-role/countersign/back"));
    fixture.setup.clock().advance(Duration::from_secs(3600));
    let (status, xml) = fixture.assume_role(&session, &form).await;
    assert_eq!((status, element(&xml, "Code")), (403, "ExpiredToken"));
    let mut forged = user;
    forged.secret.push('x');
    let (status, xml) = fixture.assume_role(&forged, &form).await;
    assert_eq!((status, element(&xml, "Code")), (403, "SignatureDoesNotMatch"));
}

#[tokio::test]
async fn pod_identity_returns_credentials_for_the_token_of_an_associated_account() {
    let setup = setup();
    let agent = PodIdentity::start(&setup, &issuer()).await;
    agent.associate(NAMESPACE, NAME, ROLE);
    agent.set_lifetime(Duration::from_secs(600));
    let content = || ServiceAccountToken::new(NAMESPACE, NAME, NOW).audience(ServiceAccountToken::POD_IDENTITY);
    let get = |token: Option<String>| async {
        let request = http().get(agent.credentials_uri());
        let request = token.into_iter().fold(request, |request, token| request.header("authorization", token));
        text(request.send().await.unwrap()).await
    };
    let (status, body) = get(Some(issuer().token(&content()))).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let key = setup.keys().get("ASIATESTKIT000000001").unwrap();
    assert_eq!(status, 200);
    assert_eq!(body["AccessKeyId"], key.id);
    assert_eq!(
        (body["SecretAccessKey"].as_str(), body["Token"].as_str()),
        (Some(&*key.secret), key.session_token.as_deref())
    );
    assert_eq!((&body["Expiration"], &body["AccountId"]), (&"2026-05-06T07:18:09Z".into(), &"111122223333".into()));
    assert_eq!(key.principal, "arn:aws:sts::111122223333:assumed-role/countersign/eks-testkit");
    for (token, expected) in [
        (None, (400, "Service account token cannot be empty\n")),
        (Some("x".to_owned()), (400, "Service account token cannot be parsed\n")),
        (Some(format!("Bearer {}", issuer().token(&content()))), (400, "Service account token cannot be parsed\n")),
        (Some(token()), (400, "Service account token is invalid\n")),
        (Some(issuer().token(&content().expires_at(NOW))), (400, "Service account token is expired\n")),
        (
            Some(
                issuer()
                    .token(&ServiceAccountToken::new("default", NAME, NOW).audience(ServiceAccountToken::POD_IDENTITY)),
            ),
            (404, "Pod Identity association not found\n"),
        ),
    ] {
        let (status, body) = get(token).await;
        assert_eq!((status, body.as_str()), expected);
    }
    assert_eq!(agent.journal()[0].authorization.as_deref(), Some("other"));
    agent.fail_times(1, ServiceError::new(429, "ThrottlingException", "Too many requests"));
    assert_eq!(get(Some(issuer().token(&content()))).await, (429, "Too many requests\n".to_owned()));
}

#[tokio::test]
async fn instance_metadata_needs_a_session_token() {
    let setup = setup();
    let imds = Imds::start(&setup).await;
    let base = imds.url();
    let put = |ttl: Option<&'static str>| {
        let request = http().put(format!("{base}/latest/api/token"));
        ttl.into_iter().fold(request, |request, ttl| request.header("x-aws-ec2-metadata-token-ttl-seconds", ttl))
    };
    for ttl in [None, Some("0"), Some("21601"), Some("x")] {
        assert_eq!(put(ttl).send().await.unwrap().status(), 400, "{ttl:?}");
    }
    assert_eq!(put(Some("60")).header("x-forwarded-for", "10.0.0.1").send().await.unwrap().status(), 403);
    let response = put(Some("60")).send().await.unwrap();
    assert_eq!(response.headers()["x-aws-ec2-metadata-token-ttl-seconds"], "60");
    let (status, session) = text(response).await;
    assert_eq!((status, session.len()), (200, 56));
    let get = |session: Option<String>, path: &'static str| {
        let request = http().get(format!("{base}{path}"));
        let request =
            session.into_iter().fold(request, |request, token| request.header("x-aws-ec2-metadata-token", token));
        async { text(request.send().await.unwrap()).await }
    };
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let known = || Some(session.clone());
    assert_eq!(get(None, ROLES).await.0, 401);
    assert_eq!(get(Some("other".to_owned()), ROLES).await.0, 401);
    assert_eq!(get(known(), ROLES).await.0, 404);
    imds.set_role(Some(ROLE));
    assert_eq!(get(known(), ROLES).await, (200, "countersign".to_owned()));
    assert_eq!(get(known(), "/latest/meta-data/placement/region").await, (200, REGION.to_owned()));
    assert_eq!(get(known(), "/latest/meta-data/placement/availability-zone").await, (200, format!("{REGION}a")));
    let (status, body) = get(known(), "/latest/meta-data/iam/security-credentials/countersign").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["Code"], &body["Type"]), (200, &"Success".into(), &"AWS-HMAC".into()));
    assert_eq!(
        (&body["LastUpdated"], &body["Expiration"]),
        (&"2026-05-06T07:08:09Z".into(), &"2026-05-06T13:08:09Z".into())
    );
    assert_eq!(setup.keys().get(body["AccessKeyId"].as_str().unwrap()).unwrap().secret, body["SecretAccessKey"]);
    assert_eq!(get(known(), "/latest/meta-data/iam/security-credentials/other").await.0, 404);
    setup.clock().advance(Duration::from_secs(60));
    assert_eq!(get(known(), ROLES).await.0, 401);
    assert_eq!(imds.journal()[0].to_string(), "imds PUT /latest/api/token 400");
}

#[tokio::test]
async fn doubles_serve_https_under_several_names() {
    use countersign_testkit::pki::Authority;
    use countersign_testkit::pki::CertSpec;
    let root = Authority::root(CertSpec::root());
    let server = root.issue(CertSpec::tls_server(&["sts.eu-central-1.amazonaws.com", "sts.us-east-1.amazonaws.com"]));
    let sts = Sts::start(&setup().tls(&server)).await;
    http();
    for name in ["sts.eu-central-1.amazonaws.com", "sts.us-east-1.amazonaws.com"] {
        let trusted = reqwest::Certificate::from_pem(root.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([trusted]).resolve(name, sts.address()).build().unwrap();
        let url = format!("https://{name}:{}", sts.address().port());
        assert_eq!(client.get(&url).send().await.unwrap().status(), 400);
        // HTTP/2 has no host header; the journal has the name all the same.
        let host = format!("{name}:{}", sts.address().port());
        assert_eq!(sts.journal().last().unwrap().host, host);
    }
}

/// The clock of a setup is the one of all its doubles.
#[tokio::test]
async fn clones_of_a_setup_share_keys_and_clock() {
    let one = setup();
    let other = one.clone().region("us-east-1");
    one.clock().set(OffsetDateTime::UNIX_EPOCH);
    let key = other.keys().for_user(USER);
    assert_eq!((other.clock().now(), one.keys().get(&key.id)), (OffsetDateTime::UNIX_EPOCH, Some(key)));
}
