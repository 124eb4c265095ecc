//! A request about an image, and its response.

use std::net::SocketAddr;

use countersign_core::codec::text::Text;
use countersign_core::name::Digest;
use countersign_credentials::Secret;
use countersign_credentials::secrets_of_authorization;
use countersign_http::BodyLimits;
use countersign_http::Content;
use countersign_http::OnHead;
use countersign_http::Share;
use http::HeaderMap;
use http::HeaderValue;
use url::Url;
use url::form_urlencoded;

use crate::error::CredentialKind;
use crate::error_body::RegistryErrorBody;
use crate::routes::HostRoute;

/// The field of the form of a token service with an identity token.
pub(crate) const REFRESH_TOKEN: &str = "refresh_token";

/// A request to be sent.
pub(crate) struct Request<'a> {
    /// The share of the registry on whose behalf it is sent.
    pub(crate) share: &'a Share,
    pub(crate) registry: &'a str,
    /// As [`countersign_http::Request::about`]: the repository, or the scope of a token for it.
    pub(crate) about: &'a str,
    pub(crate) url: &'a Url,
    /// The registry whose response named the URL, if it is on another server.
    pub(crate) referred_by: Option<&'a str>,
    pub(crate) route: HostRoute,
    pub(crate) accept: &'a str,
    pub(crate) authorization: Option<&'a HeaderValue>,
    /// The beginning of the paths of the host that may get `authorization` after a redirect; `None` for all of them.
    pub(crate) within: Option<&'a str>,
    /// The kind of credential in `authorization` or the form, for messages.
    pub(crate) credential: CredentialKind,
    pub(crate) payload: Payload,
    pub(crate) body: BodyLimits,
    /// As [`countersign_http::Request::on_head`].
    pub(crate) on_head: Option<OnHead<'a>>,
}

/// The method and body of a request, which also decide whether redirects are followed.
pub(crate) enum Payload {
    /// GET, redirects followed.
    Content,
    /// HEAD, redirects followed. The body of the response is empty.
    Head,
    /// GET of a token service, redirects refused: the credential and the route are only for the checked realm.
    TokenQuery,
    /// POST of a form to a token service, redirects refused.
    TokenForm(String),
}

impl Payload {
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Content | Self::TokenQuery => "GET",
            Self::Head => "HEAD",
            Self::TokenForm(_) => "POST",
        }
    }
}

/// A response that is not a failure.
pub(crate) enum Reply {
    Success(Box<ApiResponse>),
    /// A 401 of the requested host.
    Unauthorized {
        headers: HeaderMap,
        /// The address of the host; `None` through a proxy.
        peer: Option<SocketAddr>,
        error: RegistryErrorBody,
    },
}

/// A 200 with its body.
pub(crate) struct ApiResponse {
    /// The URL after redirects.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Content,
    pub(crate) digest: Option<Digest>,
}

/// Whether the path of `url` begins with `within`, for every reading of it: none with escaped characters.
pub(crate) fn is_within(url: &Url, within: &str) -> bool {
    url.path().starts_with(within) && !url.path().contains('%')
}

impl Request<'_> {
    /// The requested content, for messages about a 404 of a registry: the tag or digest of a manifest or blob, or the list
    /// of referrers.
    pub(crate) fn requested(&self) -> Text {
        let mut segments = self.url.path_segments().into_iter().flatten().rev();
        match (segments.next(), segments.next()) {
            (Some(tag), Some("manifests")) if !tag.contains(':') => Text::of(format_args!("tag {tag}")),
            (Some(digest), Some("manifests" | "blobs")) => Text::of(digest),
            _ => Text::of("the list of referrers"),
        }
    }

    /// Whether the request sends a credential or a token to its own host.
    pub(crate) fn carries_credential(&self) -> bool {
        match self.payload {
            Payload::TokenForm(_) => true,
            Payload::Content | Payload::Head | Payload::TokenQuery => self.authorization.is_some(),
        }
    }

    /// The secrets that it sends, which texts of the response may repeat.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let mut secrets = self.authorization.map(secrets_of_authorization).unwrap_or_default();
        if let Payload::TokenForm(form) = &self.payload {
            let token = form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == REFRESH_TOKEN);
            secrets.extend(token.map(|(_, token)| Secret::new(token.as_bytes())));
        }
        secrets
    }

    /// How the request is authenticated, in one word and without the credential.
    pub(crate) fn scheme_of_credential(&self) -> &'static str {
        let begins = |value: &HeaderValue, scheme: &[u8]| {
            value.as_bytes().get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        };
        match (self.authorization, &self.payload) {
            (None, Payload::TokenForm(_)) => "form",
            (None, Payload::Content | Payload::Head | Payload::TokenQuery) => "none",
            (Some(value), _) if begins(value, b"Basic ") => "basic",
            (Some(value), _) if begins(value, b"Bearer ") => "bearer",
            (Some(_), _) => "other",
        }
    }

    /// The credential that the request sends to its own host.
    pub(crate) fn sent_credential(&self) -> CredentialKind {
        match (self.authorization, &self.payload) {
            (Some(_), _) | (None, Payload::TokenForm(_)) => self.credential,
            (None, Payload::Content | Payload::Head | Payload::TokenQuery) => match self.credential {
                CredentialKind::Anonymous => CredentialKind::Anonymous,
                CredentialKind::NotRequested
                | CredentialKind::Basic
                | CredentialKind::Issued
                | CredentialKind::IdentityToken
                | CredentialKind::Bearer
                | CredentialKind::Withheld => CredentialKind::NotRequested,
            },
        }
    }
}
