//! A token service for registries ([token specification](https://distribution.github.io/distribution/spec/auth/token/)), whose tokens
//! real registries check: the certificate of its key is in their configuration.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::SignatureForm;
use countersign_testkit::registry::Handler;
use countersign_testkit::registry::RecordedRequest;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Reply;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;

/// The issuer of its tokens.
pub(crate) const ISSUER: &str = "e2e-tokens";

/// The name of the registries in tokens.
pub(crate) const SERVICE: &str = "e2e-registry";

/// The user that may pull from `team`, and its password.
pub(crate) const USER: (&str, &str) = ("puller", "hunter2-of-puller");

/// The path of its endpoint.
const PATH: &str = "/jwt/auth";

/// The life of tokens in seconds.
const LIFE: i64 = 60;

/// Issues tokens over HTTPS: for repositories under `public/` to everyone, for those under `team/` to [`USER`].
pub(crate) struct TokenService {
    server: Registry,
    key: Authority,
}

impl TokenService {
    pub(crate) async fn start(identity: &Chain) -> Self {
        let server = Registry::start_tls(identity).await;
        let key = Authority::root(CertSpec::root().key(KeyType::Rsa2048).common_name(ISSUER));
        let signer = key.clone();
        server.serve_by("", Handler::new(move |request| answer(request, &signer)));
        Self { server, key }
    }

    /// Where clients request tokens.
    pub(crate) fn realm(&self) -> String {
        format!("{}{PATH}", self.server.url())
    }

    /// The host, for `realmHosts`.
    pub(crate) fn host(&self) -> String {
        self.server.host()
    }

    /// The certificate that registries check tokens with, as PEM.
    pub(crate) fn certificate(&self) -> String {
        self.key.pem()
    }

    /// The requests since the last call: `USER SCOPE`, with `-` for a request without a user.
    pub(crate) fn requests(&self) -> Vec<String> {
        let line = |request: &RecordedRequest| {
            let user = login(request).map_or_else(|| "-".to_owned(), |(user, _)| user);
            format!("{user} {}", request.query_values("scope").join(","))
        };
        let lines = self.server.requests().iter().map(line).collect();
        self.server.clear_requests();
        lines
    }
}

fn answer(request: &RecordedRequest, key: &Authority) -> Reply {
    let login = login(request);
    let is_user = login.as_ref().is_some_and(|(user, password)| (user.as_str(), password.as_str()) == USER);
    if request.path != PATH || request.query_values("service") != [SERVICE] || (login.is_some() && !is_user) {
        return Reply::status(401).body(r#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong user or password"}]}"#);
    }
    let scopes = request.query_values("scope");
    let access: Vec<Value> = scopes.iter().filter_map(|scope| granted(scope, is_user)).collect();
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let mut id = [0; 16];
    rand::fill(&mut id).expect("the system has random numbers");
    let claims = json!({
        "iss": ISSUER, "aud": SERVICE, "sub": login.map(|(user, _)| user).unwrap_or_default(),
        "iat": now, "nbf": now - 5, "exp": now + LIFE, "jti": URL_SAFE_NO_PAD.encode(id), "access": access,
    });
    let token = signed(key, &claims);
    let body = json!({ "token": token, "access_token": token, "expires_in": LIFE });
    Reply::status(200).header("content-type", "application/json").body(body.to_string())
}

/// The access of a scope `repository:NAME:ACTIONS`: to pull, if it is granted.
fn granted(scope: &str, is_user: bool) -> Option<Value> {
    let (name, _) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    let is_granted = name.starts_with("public/") || (is_user && name.starts_with("team/"));
    is_granted.then(|| json!({ "type": "repository", "name": name, "actions": ["pull"] }))
}

/// A JSON Web Token with its certificate.
fn signed(key: &Authority, claims: &Value) -> String {
    let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = json!({ "typ": "JWT", "alg": "RS256", "x5c": [STANDARD.encode(key.der())] });
    let text = format!("{}.{}", encode(&header), encode(claims));
    let signature = key.key().sign_as(SignatureForm::Pkcs1Sha256, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The user and the password of a request.
fn login(request: &RecordedRequest) -> Option<(String, String)> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}
