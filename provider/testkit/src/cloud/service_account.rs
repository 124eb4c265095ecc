//! The issuer of the tokens of Kubernetes service accounts, as EKS and AKS have one for each cluster.

use std::fmt;

use serde_json::json;
use time::OffsetDateTime;

use crate::cloud::jwt::Jwt;
use crate::cloud::jwt::JwtError;
use crate::cloud::jwt::JwtKey;

/// Number of the cached RSA key of issuers.
const KEY: usize = 2000;

/// Issues tokens (JWT, RS256) for service accounts, and checks them. All issuers of a process have the same key.
#[derive(Clone)]
pub struct TokenIssuer {
    url: String,
    key: JwtKey,
}

/// The content of a token.
#[derive(Clone, Debug)]
pub struct ServiceAccountToken {
    namespace: String,
    name: String,
    audience: String,
    issued_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Not three parts of base64url with JSON objects in the first two, or a claim is missing.
    Malformed,
    /// Another issuer.
    Issuer(String),
    /// The signature is not the issuer's.
    Signature,
    /// Another audience.
    Audience,
    /// The token has ended, or begins later.
    Expired {
        /// The end of its validity, in seconds since 1970.
        expires_at: i64,
    },
}

impl ServiceAccountToken {
    /// A token for STS ([`Self::STS`]) of one hour.
    #[must_use]
    pub fn new(namespace: &str, name: &str, issued_at: OffsetDateTime) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            audience: Self::STS.to_owned(),
            issued_at,
            expires_at: issued_at + time::Duration::HOUR,
        }
    }

    /// The audience of tokens for STS.
    pub const STS: &str = "sts.amazonaws.com";
    /// The audience of tokens for EKS Pod Identity.
    pub const POD_IDENTITY: &str = "pods.eks.amazonaws.com";
    /// The audience of tokens for Microsoft Entra.
    pub const ENTRA: &str = "api://AzureADTokenExchange";

    /// Sets the audience.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        audience.clone_into(&mut self.audience);
        self
    }

    /// Sets the end of the validity.
    #[must_use]
    pub fn expires_at(mut self, time: OffsetDateTime) -> Self {
        self.expires_at = time;
        self
    }
}

impl TokenIssuer {
    /// An issuer with this URL: `https://oidc.eks.REGION.amazonaws.com/id/…`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), key: JwtKey::cached("testkit", KEY) }
    }

    /// The URL, which is the claim `iss`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key that signs its tokens.
    pub(crate) fn key(&self) -> &JwtKey {
        &self.key
    }

    /// `system:serviceaccount:NAMESPACE:NAME`
    #[must_use]
    pub fn subject(namespace: &str, name: &str) -> String {
        format!("system:serviceaccount:{namespace}:{name}")
    }

    /// A token, as the kubelet writes it into a file.
    #[must_use]
    pub fn token(&self, content: &ServiceAccountToken) -> String {
        let ServiceAccountToken { namespace, name, audience, issued_at, expires_at } = content;
        let claims = json!({
            "aud": [audience],
            "exp": expires_at.unix_timestamp(),
            "iat": issued_at.unix_timestamp(),
            "iss": self.url,
            "kubernetes.io": { "namespace": namespace, "serviceaccount": { "name": name } },
            "nbf": issued_at.unix_timestamp(),
            "sub": Self::subject(namespace, name),
        });
        self.key.sign(&claims)
    }

    /// Checks a token. Returns its subject.
    ///
    /// # Errors
    /// The first check that fails: form, issuer, signature, audience, time.
    pub fn check(&self, token: &str, audience: &str, now: OffsetDateTime) -> Result<String, TokenError> {
        let token = Jwt::parse(token)?;
        let text = |name: &str| token.text(name).ok_or(TokenError::Malformed);
        let issuer = text("iss")?;
        if issuer != self.url {
            return Err(TokenError::Issuer(issuer.to_owned()));
        }
        self.key.verify(&token)?;
        let audiences = token.claims["aud"].as_array().ok_or(TokenError::Malformed)?;
        if !audiences.iter().any(|one| one == audience) {
            return Err(TokenError::Audience);
        }
        let number = |name: &str| token.claims[name].as_i64().ok_or(TokenError::Malformed);
        let (_, end) = (number("nbf")?, number("exp")?);
        if !token.is_valid_at(now) {
            return Err(TokenError::Expired { expires_at: end });
        }
        text("sub").map(str::to_owned)
    }
}

impl From<JwtError> for TokenError {
    fn from(error: JwtError) -> Self {
        match error {
            JwtError::Malformed => Self::Malformed,
            JwtError::Signature => Self::Signature,
        }
    }
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenIssuer({})", self.url)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-02 03:04:05 UTC);
    const SUBJECT: &str = "system:serviceaccount:gatekeeper-system:countersign";

    fn issuer() -> TokenIssuer {
        TokenIssuer::new("https://oidc.eks.eu-central-1.amazonaws.com/id/TESTKIT")
    }

    fn content() -> ServiceAccountToken {
        ServiceAccountToken::new("gatekeeper-system", "countersign", NOW)
    }

    #[test]
    fn a_token_is_valid_until_its_end_for_its_audience() {
        let token = issuer().token(&content());
        let check = |audience, now| issuer().check(&token, audience, now);
        assert_eq!(check(ServiceAccountToken::STS, NOW), Ok(SUBJECT.to_owned()));
        assert_eq!(check(ServiceAccountToken::POD_IDENTITY, NOW), Err(TokenError::Audience));
        let end = NOW + Duration::HOUR;
        assert_eq!(check(ServiceAccountToken::STS, end - Duration::SECOND), Ok(SUBJECT.to_owned()));
        let expired = TokenError::Expired { expires_at: end.unix_timestamp() };
        assert_eq!(check(ServiceAccountToken::STS, end), Err(expired.clone()));
        assert_eq!(check(ServiceAccountToken::STS, NOW - Duration::SECOND), Err(expired));
    }

    #[test]
    fn a_changed_token_is_refused() {
        let token = issuer().token(&content());
        let check = |token: &str| issuer().check(token, ServiceAccountToken::STS, NOW);
        let parts: Vec<&str> = token.split('.').collect();
        let other = issuer().token(&ServiceAccountToken::new("default", "other", NOW));
        let claims = other.split('.').nth(1).unwrap();
        assert_eq!(check(&format!("{}.{claims}.{}", parts[0], parts[2])), Err(TokenError::Signature));
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        assert_eq!(check(&format!("{none}.{}.", parts[1])), Err(TokenError::Signature));
        for malformed in ["", "a.b", "a.b.c", &format!("{token}.x")] {
            assert_eq!(check(malformed), Err(TokenError::Malformed), "{malformed}");
        }
        let foreign = TokenIssuer::new("https://issuer.example").token(&content());
        assert_eq!(check(&foreign), Err(TokenError::Issuer("https://issuer.example".to_owned())));
    }
}
