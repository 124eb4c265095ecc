//! What is reported if STS, the agent of EKS Pod Identity, or the file of the token fails.

use super::*;

/// The result of a call with the web identity of the service account, whose token is for `audience`.
async fn with_web_identity(
    name: &str,
    server: &SignerData,
    setup: &Setup,
    sts: &Sts,
    issuer: &TokenIssuer,
    audience: &str,
) -> String {
    let folder = Folder::new();
    let token = ServiceAccountToken::new("countersign", "countersign", setup.clock().now()).audience(audience);
    folder.write("token", issuer.token(&token));
    let (file, url) = (folder.file("token"), sts.url());
    let variables = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()),
        ("AWS_ENDPOINT_URL_STS", url.as_str()),
    ];
    second(name, server, &variables).await.remove(0)
}

#[tokio::test]
async fn an_outage_of_sts_is_none_of_the_web_identity_and_a_refusal_names_what_to_do() {
    if is_second().await {
        return;
    }
    let name = "failures::an_outage_of_sts_is_none_of_the_web_identity_and_a_refusal_names_what_to_do";
    let (setup, server) = started().await;
    let (issuer, other, sts) = (issuer(), TokenIssuer::new("https://other.example"), Sts::start(&setup).await);
    sts.trust_web_identity(ROLE, &issuer, "countersign", "countersign");
    let start = format!("AWS credentials failed at {} (AssumeRoleWithWebIdentity): found status", sts.host());
    let again = "it is called again with the next image";
    let trust = "the role arn:aws:iam::111122223333:role/countersign must exist, and its trust policy must name the OIDC provider of \
                 the cluster, the service account and its namespace";
    let provider = "in IAM, the account of the role needs an OIDC provider for the issuer of the cluster, with the audience of the \
                    token (sts.amazonaws.com)";
    let renewed = "check the clock of the node, and that the token of the service account is renewed (audience sts.amazonaws.com)";
    for (status, code, result, remedy) in [
        (500, "InternalFailure", "failed", again),
        (503, "ServiceUnavailable", "failed", again),
        (400, "IDPCommunicationError", "failed", again),
        (403, "AccessDenied", "credentials", trust),
        (400, "InvalidIdentityToken", "credentials", provider),
        (403, "IDPRejectedClaim", "credentials", provider),
        (400, "ExpiredTokenException", "credentials", renewed),
        (
            400,
            "ValidationError",
            "credentials",
            "check the ARN of the role (AWS_ROLE_ARN, which EKS sets by the annotation eks.amazonaws.com/role-arn)",
        ),
    ] {
        sts.succeed();
        sts.fail(ServiceError::new(status, code, "text"));
        let seen = with_web_identity(name, &server, &setup, &sts, &issuer, ServiceAccountToken::STS).await;
        assert_eq!(seen, format!("{result} {start} {status} {code}, expected 200: text; {remedy}"));
    }
    sts.succeed();
    let audience = with_web_identity(name, &server, &setup, &sts, &issuer, "other.example").await;
    let refused = "400 InvalidIdentityToken, expected 200: Incorrect token audience";
    assert_eq!(audience, format!("credentials {start} {refused}; {provider}"));
    let unknown = with_web_identity(name, &server, &setup, &sts, &other, ServiceAccountToken::STS).await;
    let refused = "400 InvalidIdentityToken, expected 200: No OpenIDConnect provider found in your account for https://other.example";
    assert_eq!(unknown, format!("credentials {start} {refused}; {provider}"));
    // The answer of a load balancer.
    sts.when().status(504);
    let seen = with_web_identity(name, &server, &setup, &sts, &issuer, ServiceAccountToken::STS).await;
    assert_eq!(seen, format!("failed {start} 504 without a code, expected 200; {again}"));
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn an_sts_that_is_not_there_is_unreachable() {
    if is_second().await {
        return;
    }
    let (setup, server) = started().await;
    let (issuer, sts) = (issuer(), Sts::start(&setup).await);
    let (host, url, folder) = (sts.host(), sts.url(), Folder::new());
    drop(sts);
    folder.write("token", issuer.token(&ServiceAccountToken::new("countersign", "countersign", setup.clock().now())));
    let file = folder.file("token");
    let variables = [
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()),
        ("AWS_ENDPOINT_URL_STS", url.as_str()),
    ];
    let [seen] = &second("failures::an_sts_that_is_not_there_is_unreachable", &server, &variables).await[..] else {
        panic!()
    };
    let start =
        format!("unreachable AWS credentials failed at {host} (AssumeRoleWithWebIdentity): cannot connect to {host}: ");
    assert!(seen.starts_with(&start), "{seen}");
    let remedy = "; check the region (aws.region, or AWS_REGION or AWS_DEFAULT_REGION of the pod), the network policy, the VPC endpoint and \
                  the proxy";
    assert!(seen.ends_with(remedy), "{seen}");
}

/// An agent of EKS Pod Identity, and the pod's token for it. The SDK repeats its requests with pauses, so each case is a test.
struct WithAgent {
    agent: PodIdentity,
    setup: Setup,
    server: SignerData,
    issuer: TokenIssuer,
    folder: Folder,
}

impl WithAgent {
    async fn start() -> Self {
        let (setup, server) = started().await;
        let (issuer, folder) = (issuer(), Folder::new());
        let agent = PodIdentity::start(&setup, &issuer).await;
        agent.associate("countersign", "countersign", ROLE);
        let started = Self { agent, setup, server, issuer, folder };
        started.token(ServiceAccountToken::POD_IDENTITY);
        started
    }

    /// Writes a token for this audience.
    fn token(&self, audience: &str) {
        let token = ServiceAccountToken::new("countersign", "countersign", self.setup.clock().now()).audience(audience);
        self.folder.write("token", self.issuer.token(&token));
    }

    /// The result of a call, which does not reach AWS Signer.
    async fn call(&self, test: &str) -> String {
        let (file, uri) = (self.folder.file("token"), self.agent.credentials_uri());
        let variables =
            [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)];
        let mut seen = second(&format!("failures::{test}"), &self.server, &variables).await;
        assert_eq!((seen.len(), self.server.count()), (1, 0), "{seen:?}");
        seen.remove(0)
    }

    /// The result of a call to which the agent answers with this status.
    async fn answer(&self, test: &str, status: u16) -> String {
        self.agent.fail(ServiceError::new(status, "x", "text"));
        self.call(test).await
    }

    /// The beginning of the message about a status.
    fn start_of(&self, status: u16) -> String {
        format!("AWS credentials failed at {}: found status {status}, expected 200", self.agent.host())
    }
}

#[tokio::test]
async fn an_outage_of_the_agent_of_pod_identity_is_no_missing_association() {
    if is_second().await {
        return;
    }
    let with = WithAgent::start().await;
    let seen = with.answer("an_outage_of_the_agent_of_pod_identity_is_no_missing_association", 500).await;
    assert_eq!(seen, format!("failed {}; it is called again with the next image", with.start_of(500)));
}

#[tokio::test]
async fn an_agent_of_pod_identity_that_is_not_available_is_no_missing_association() {
    if is_second().await {
        return;
    }
    let with = WithAgent::start().await;
    let seen = with.answer("an_agent_of_pod_identity_that_is_not_available_is_no_missing_association", 503).await;
    assert_eq!(seen, format!("failed {}; it is called again with the next image", with.start_of(503)));
}

#[tokio::test]
async fn an_agent_of_pod_identity_that_throttles_is_no_missing_association() {
    if is_second().await {
        return;
    }
    let with = WithAgent::start().await;
    let seen = with.answer("an_agent_of_pod_identity_that_throttles_is_no_missing_association", 429).await;
    let remedy = "it is called again later; ask AWS for a higher quota if this continues";
    assert_eq!(seen, format!("throttled {}; {remedy}", with.start_of(429)));
}

#[tokio::test]
async fn a_token_that_the_agent_of_pod_identity_refuses_is_one_of_the_credentials() {
    if is_second().await {
        return;
    }
    let with = WithAgent::start().await;
    with.token("other.example");
    let seen = with.call("a_token_that_the_agent_of_pod_identity_refuses_is_one_of_the_credentials").await;
    let remedy = "check that the token of the service account is renewed (audience pods.eks.amazonaws.com), and that the role of its \
                  EKS Pod Identity association trusts pods.eks.amazonaws.com (sts:AssumeRole and sts:TagSession)";
    assert_eq!(seen, format!("credentials {}; {remedy}", with.start_of(400)));
}

#[tokio::test]
async fn other_content_than_credentials_of_the_agent_of_pod_identity_is_invalid() {
    if is_second().await {
        return;
    }
    let with = WithAgent::start().await;
    with.agent.when().body("<html></html>");
    let seen = with.call("other_content_than_credentials_of_the_agent_of_pod_identity_is_invalid").await;
    assert!(seen.starts_with("invalid AWS credentials failed at "), "{seen}");
    assert!(seen.ends_with("; check that the endpoint is that of the service, and the clock of the node"), "{seen}");
}

#[tokio::test]
async fn an_agent_of_pod_identity_that_is_not_there_is_unreachable() {
    if is_second().await {
        return;
    }
    let WithAgent { agent, server, folder, .. } = WithAgent::start().await;
    let (file, uri, host) = (folder.file("token"), agent.credentials_uri(), agent.host());
    drop(agent);
    let variables =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)];
    let name = "failures::an_agent_of_pod_identity_that_is_not_there_is_unreachable";
    let [seen] = &second(name, &server, &variables).await[..] else { panic!() };
    let start = format!("unreachable AWS credentials failed: cannot connect to {host}: ");
    assert!(seen.starts_with(&start), "{seen}");
    assert!(seen.ends_with("; check the agent of EKS Pod Identity on the node, and the network policy"), "{seen}");
}

#[tokio::test]
async fn a_token_file_that_cannot_be_used_is_named_with_its_variable() {
    if is_second().await {
        return;
    }
    let name = "failures::a_token_file_that_cannot_be_used_is_named_with_its_variable";
    let (setup, server) = started().await;
    let (sts, agent, folder) = (Sts::start(&setup).await, PodIdentity::start(&setup, &issuer()).await, Folder::new());
    folder.write("binary", [0xff, b'\n']);
    folder.write("two-lines", "a\nb");
    let (missing, directory) = (folder.file("missing"), folder.path().display().to_string());
    let (sts_url, uri) = (sts.url(), agent.credentials_uri());
    let web_identity = "check the volume with the token and its permissions: the webhook of EKS adds it to pods that start after \
                        their service account has the annotation eks.amazonaws.com/role-arn";
    let container = "check the volume with the token and its permissions: EKS adds it to pods that start after their service account \
                     has the EKS Pod Identity association";
    for (variable, remedy) in
        [("AWS_WEB_IDENTITY_TOKEN_FILE", web_identity), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", container)]
    {
        for (path, problem) in [
            (missing.clone(), "cannot be read (No such file or directory (os error 2))"),
            (directory.clone(), "cannot be read (found a directory, expected a regular file)"),
            (
                folder.file(if variable.contains("WEB") { "binary" } else { "two-lines" }),
                "has other content than a token",
            ),
        ] {
            let variables = [
                (variable, path.as_str()),
                ("AWS_ROLE_ARN", ROLE),
                ("AWS_ENDPOINT_URL_STS", &sts_url),
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri),
            ];
            assert_eq!(
                second(name, &server, &variables).await,
                [format!(
                    "credentials AWS credentials failed: {variable}: found the file {path}, which {problem}, expected the token \
                     of the service account; {remedy}"
                )]
            );
        }
    }
    assert_eq!([sts.count(), agent.count(), server.count()], [0, 0, 0]);
}

#[tokio::test]
async fn a_profile_that_is_not_found_is_named_with_its_files() {
    if is_second().await {
        return;
    }
    let name = "failures::a_profile_that_is_not_found_is_named_with_its_files";
    let (_, server) = started().await;
    let folder = Folder::new();
    folder.write("bad", "[ci\nx");
    folder.write("other", "[other]\nregion = eu-central-1\n");
    let (missing, other, bad) = (folder.file("missing"), folder.file("other"), folder.file("bad"));
    let seen = async |credentials: &str, config: &str| {
        let variables =
            [("AWS_SHARED_CREDENTIALS_FILE", credentials), ("AWS_CONFIG_FILE", config), (PROFILE_NAME, "ci")];
        second(name, &server, &variables).await.remove(0)
    };
    let absent = seen(&missing, &other).await;
    let expected = format!(
        "; profile: found no credentials of the profile \"ci\" of aws.profile in {missing} \
         (AWS_SHARED_CREDENTIALS_FILE, which cannot be read: No such file or directory (os error 2)) and {other} \
         (AWS_CONFIG_FILE); correct aws.profile, or add the profile \"ci\" with credentials to one of its files; without aws.profile, \
         give the pod a role: IRSA or an EKS Pod Identity association"
    );
    assert!(absent.ends_with(&expected), "{absent}");
    let malformed = seen(&bad, &other).await;
    assert_eq!(
        malformed,
        format!(
            "credentials AWS credentials failed: the credentials provider was not properly configured: ProfileFile provider could \
             not be built: invalid profile: could not parse profile file: aws.profile \"ci\" of {bad} (AWS_SHARED_CREDENTIALS_FILE) \
             and {other} (AWS_CONFIG_FILE); it is called again with the next image"
        )
    );
    let home = second(name, &server, &[(PROFILE_NAME, "ci")]).await.remove(0);
    assert!(
        home.contains("in /nonexistent/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE, which cannot be read: "),
        "{home}"
    );
}

#[tokio::test]
async fn the_instance_metadata_service_is_not_taken_for_the_agent_of_pod_identity() {
    if is_second().await {
        return;
    }
    let name = "failures::the_instance_metadata_service_is_not_taken_for_the_agent_of_pod_identity";
    let (setup, server) = started().await;
    let imds = Imds::start(&setup).await;
    imds.set_role(Some(ROLE));
    let url = imds.url();
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()), (METADATA, "yes")];
    imds.when().status(403);
    let [seen] = &second(name, &server, &variables).await[..] else { panic!() };
    assert!(!seen.contains("Pod Identity"), "{seen}");
    assert!(seen.starts_with(&format!("credentials AWS credentials failed at {}: ", imds.host())), "{seen}");
    let remedy = "check that the instance metadata service of the node is enabled, that its hop limit is 2 or more (a pod is one hop \
                  further than the node), and that the node has a role";
    assert!(seen.ends_with(&format!("; {remedy}")), "{seen}");
    drop(imds);
    let [seen] = &second(name, &server, &variables).await[..] else { panic!() };
    assert!(
        seen.ends_with(&format!(
            "; {remedy}; or give the pod a role: IRSA (annotation eks.amazonaws.com/role-arn of its service account) or an EKS Pod \
             Identity association"
        )),
        "{seen}"
    );
}

#[tokio::test]
async fn a_text_of_sts_ends_before_the_token_of_the_service_account() {
    if is_second().await {
        return;
    }
    let name = "failures::a_text_of_sts_ends_before_the_token_of_the_service_account";
    let (setup, server) = started().await;
    let (issuer, sts, folder) = (issuer(), Sts::start(&setup).await, Folder::new());
    sts.trust_web_identity(ROLE, &issuer, "countersign", "countersign");
    let token = issuer.token(&ServiceAccountToken::new("countersign", "countersign", setup.clock().now()));
    folder.write("token", &token);
    let (file, url) = (folder.file("token"), sts.url());
    let variables =
        [("AWS_ROLE_ARN", ROLE), ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()), ("AWS_ENDPOINT_URL_STS", &url)];
    for part in [token.as_str(), &token[..40], &token[token.len() - 40..]] {
        let text = format!("Value '{part}' at 'webIdentityToken' failed to satisfy constraint");
        sts.succeed();
        sts.fail(ServiceError::new(400, "ValidationError", &text));
        let seen = second(name, &server, &variables).await.remove(0);
        let shown = "ValidationError, expected 200: Value '(cut: the text repeats a secret of the request); ";
        assert!(seen.contains(&format!("found status 400 {shown}")), "{seen}");
    }
    assert_eq!((sts.count(), server.count()), (3, 0));
}
