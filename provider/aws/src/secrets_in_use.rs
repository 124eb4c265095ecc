//! The secrets of the call that runs in this task: no text of a service about it shows them.

use std::cell::RefCell;
use std::future::Future;

use countersign_credentials::Secret;
use countersign_credentials::secrets_of_authorization;
use countersign_credentials::without_secrets;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use tokio::task::futures::TaskLocalFuture;
use url::form_urlencoded;

tokio::task_local! {
    /// Of the requests of the call, oldest first.
    static SECRETS: RefCell<Vec<Secret>>;
}

/// Most secrets of one call: each request has at most three, and a call at most a few requests. The oldest ones are replaced.
const MOST: usize = 32;

/// The headers with a token.
const TOKENS: [HeaderName; 2] =
    [HeaderName::from_static("x-amz-security-token"), HeaderName::from_static("x-aws-ec2-metadata-token")];

/// The parameters of STS with a token.
const PARAMETERS: [&str; 2] = ["WebIdentityToken", "SAMLAssertion"];

/// Runs a call, with its own secrets.
pub(crate) fn of_call<F: Future>(call: F) -> TaskLocalFuture<RefCell<Vec<Secret>>, F> {
    SECRETS.scope(RefCell::default(), call)
}

/// Notes a secret of the call that runs in this task.
pub(crate) fn note(secret: &[u8]) {
    // Without a call there is no text about it.
    let _ = SECRETS.try_with(|secrets| {
        let (mut secrets, secret) = (secrets.borrow_mut(), Secret::new(secret));
        if !secrets.contains(&secret) {
            if secrets.len() >= MOST {
                secrets.remove(0);
            }
            secrets.push(secret);
        }
    });
}

/// Notes the secrets of a request: tokens, the signature or another authorization, and the token of the service account.
#[allow(clippy::disallowed_methods, reason = "compares texts with the secrets, and keeps these out of messages")]
pub(crate) fn note_request(headers: &HeaderMap, body: &[u8]) {
    TOKENS.iter().filter_map(|name| headers.get(name)).for_each(|value| note(value.as_bytes()));
    if let Some(value) = headers.get(AUTHORIZATION) {
        match signature(value) {
            Some(signature) => note(signature),
            None => secrets_of_authorization(value).iter().for_each(|secret| note(secret.expose())),
        }
    }
    if body.starts_with(b"Action=") {
        let parameters = form_urlencoded::parse(body);
        parameters.filter(|(name, _)| PARAMETERS.contains(&&**name)).for_each(|(_, value)| note(value.as_bytes()));
    }
}

/// The signature in the authorization of a
/// [signed request](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html); `None` of another one. The
/// names of the algorithm, the key and the headers are no secrets, and errors have them.
fn signature(value: &HeaderValue) -> Option<&[u8]> {
    const SIGNATURE: &[u8] = b"Signature=";
    let value = value.as_bytes();
    let at =
        value.windows(SIGNATURE.len()).position(|part| part == SIGNATURE).filter(|_| value.starts_with(b"AWS4-"))?;
    value.get(at + SIGNATURE.len()..)
}

/// The text of a service up to where it repeats a secret of the call that runs in this task.
#[allow(clippy::disallowed_methods, reason = "compares texts with the secrets, and keeps these out of messages")]
pub(crate) fn hidden(text: &str) -> String {
    let hidden = SECRETS.try_with(|secrets| without_secrets(text, secrets.borrow().iter().map(Secret::expose)));
    hidden.unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_credentials::REPEATS_SECRET;

    use super::*;

    #[tokio::test]
    async fn the_secrets_of_a_request_are_hidden_within_its_call_only() {
        let headers = HeaderMap::from_iter([
            (TOKENS[0].clone(), HeaderValue::from_static("IQoJb3JpZ2luX2Vj")),
            (TOKENS[1].clone(), HeaderValue::from_static("AQAEAHunter3")),
            (
                AUTHORIZATION,
                HeaderValue::from_static(
                    "AWS4-HMAC-SHA256 Credential=ASIA/20260506/eu-central-1/sts/aws4_request, SignedHeaders=host, Signature=0123456789abcdef",
                ),
            ),
        ]);
        let body =
            b"Action=AssumeRoleWithWebIdentity&RoleSessionName=countersign&WebIdentityToken=eyJh%2Fhunter2%2Fsigned";
        let shown = |text: &str| hidden(text).strip_suffix(REPEATS_SECRET).map(str::to_owned);
        of_call(async {
            note_request(&headers, body);
            for text in [
                "a IQoJb3JpZ2luX2Vj",
                "a AQAEAHunter3",
                "a 0123456789ab",
                "a eyJh/hunter2/signed",
                "a eyJh%2Fhunter2%2F",
            ] {
                assert_eq!(shown(text).as_deref(), Some("a "), "{text}");
            }
            for text in ["AWS4-HMAC-SHA256", "Credential=ASIA/20260506/eu-central-1/sts/aws4_request", "countersign"] {
                assert_eq!(hidden(text), text);
            }
        })
        .await;
        of_call(async { assert_eq!(hidden("a AQAEAHunter3"), "a AQAEAHunter3") }).await;
        note(b"hunter2");
        assert_eq!(hidden("hunter2"), "hunter2");
    }

    #[tokio::test]
    async fn another_authorization_is_hidden_without_its_scheme() {
        for value in
            ["Bearer hunter2hunter2", "hunter2hunter2", "Basic hunter2hunter2", "Basic eDpodW50ZXIyaHVudGVyMg=="]
        {
            of_call(async {
                note_request(&HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]), b"{}");
                assert_eq!(hidden("Basic or Bearer: hunter2hunter2"), format!("Basic or Bearer: {REPEATS_SECRET}"));
            })
            .await;
        }
    }

    #[tokio::test]
    async fn the_last_secrets_of_a_call_are_kept() {
        of_call(async {
            for number in 0..=MOST {
                note(format!("secret {number} of a call").as_bytes());
                note(format!("secret {number} of a call").as_bytes());
            }
            assert_eq!(SECRETS.with(|secrets| secrets.borrow().len()), MOST);
            assert_eq!(hidden(&format!("x secret {MOST} of a call")), format!("x {REPEATS_SECRET}"));
        })
        .await;
    }
}
