//! Answers with a status of success that are not those of the service.

use countersign_testkit::registry::Reply;

use super::ecr::token;
use super::roles::HOST;
use super::roles::services;
use super::roles::with_role;
use super::*;

const ENDPOINT: &str =
    "check that the environment variable AWS_ENDPOINT_URL is that of the service, and the clock of the node";

/// An answer of STS with these elements of credentials.
fn assumed(credentials: &str) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>{credentials}</AssumeRoleResult>\
         </AssumeRoleResponse>"
    )
}

#[tokio::test]
async fn an_answer_of_sts_without_all_parts_of_credentials_is_not_usable() {
    let parts = [
        "<AccessKeyId>ASIA</AccessKeyId>",
        "<SecretAccessKey>hunter2</SecretAccessKey>",
        "<SessionToken>hunter3</SessionToken>",
        "<Expiration>2099-01-01T00:00:00Z</Expiration>",
    ];
    let without = |left_out: usize| {
        let parts = parts.iter().enumerate().filter(|(number, _)| *number != left_out);
        assumed(&format!("<Credentials>{}</Credentials>", parts.map(|(_, part)| *part).collect::<String>()))
    };
    let again = "it is called again with the next image";
    let unusable = |why: &str| format!("the answer of the service is not usable: {why}; {ENDPOINT}");
    let part = |name: &str, expected: &str| {
        format!("the {name} in the answer of STS: found nothing, expected {expected}; {again}")
    };
    let no_xml = "an error occurred while loading credentials: service error: unhandled error: error parsing XML: no root element";
    let services = services().await;
    for (body, expected) in [
        (String::new(), unusable(no_xml)),
        ("{}".to_owned(), unusable(no_xml)),
        (assumed(""), unusable("unexpected credentials error: STS credentials must be defined")),
        (without(0), part("access key identifier", "1 to 128 letters, digits or underscores")),
        (without(1), part("secret access key", "visible ASCII characters")),
        (without(2), part("session token", "visible ASCII characters")),
        (
            without(3),
            format!(
                "found credentials that have ended already, expected valid ones: check the clock of the node; {again}"
            ),
        ),
    ] {
        let aws = aws(&services.setup, services.settings.clone());
        let fault = services.sts.when().reply(Reply::status(200).header("content-type", "text/xml").body(body.clone()));
        assert_eq!(
            token(&with_role(&aws), HOST).await,
            Err(format!("STS AssumeRole failed at API: {expected}")),
            "{body}"
        );
        fault.remove();
    }
    assert_eq!(services.api.count(), 0);
    // With all parts it is one: that they are no credentials of the double is seen by the next call only.
    services.sts.when().reply(Reply::status(200).header("content-type", "text/xml").body(without(parts.len())));
    let error = token(&with_role(&aws(&services.setup, services.settings)), HOST).await.unwrap_err();
    assert!(error.starts_with("ECR GetAuthorizationToken failed at API: found status 4"), "{error}");
}

#[tokio::test]
async fn a_success_with_the_type_of_an_error_has_no_credentials_and_no_token() {
    let services = services().await;
    let expected = |call: &str| {
        format!(
            "{call} failed at API: the answer of the service is not usable: found status 200 and the type of an error in the header \
             x-amzn-errortype (X), expected one of them; {ENDPOINT}"
        )
    };
    let reply = |body: String| Reply::status(200).header("x-amzn-errortype", "X").body(body);
    let end = NOW.unix_timestamp() + 3600;
    let issued = format!(r#"{{"authorizationData":[{{"authorizationToken":"QVdTOng=","expiresAt":{end}}}]}}"#);
    let api = services.api.when().reply(reply(issued));
    let aws = aws(&services.setup, services.settings.clone());
    let error = token(&countersign_aws::EcrTokens::new(aws.clone(), None, None), HOST).await;
    assert_eq!(error, Err(expected("ECR GetAuthorizationToken")));
    api.remove();
    services.sts.when().reply(reply(assumed("")));
    assert_eq!(token(&with_role(&aws), HOST).await, Err(expected("STS AssumeRole")));
}
