//! The journal of a double.

use std::fmt;

use http::Method;
use serde_json::Value;
use serde_json::json;

use crate::aws::sigv4::Authorization;
use crate::registry::RecordedRequest;
use crate::registry::form_pairs;

/// The service that a double stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The data plane of AWS Signer.
    SignerData,
    /// STS.
    Sts,
    /// EKS Pod Identity.
    PodIdentity,
    /// Instance metadata.
    Imds,
    /// The API of Amazon ECR, or of Amazon ECR Public.
    EcrApi,
    /// A registry of Amazon ECR.
    EcrRegistry,
    /// The registry of Amazon ECR Public.
    EcrPublicRegistry,
    /// The store of the registry's blobs.
    BlobStore,
}

impl Service {
    /// `signer-data`, `sts`, `pod-identity`, `imds`, `ecr-api`, `ecr-registry`, `ecr-public-registry` or `blob-store`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignerData => "signer-data",
            Self::Sts => "sts",
            Self::PodIdentity => "pod-identity",
            Self::Imds => "imds",
            Self::EcrApi => "ecr-api",
            Self::EcrRegistry => "ecr-registry",
            Self::EcrPublicRegistry => "ecr-public-registry",
            Self::BlobStore => "blob-store",
        }
    }
}

/// A received request and its answer, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The service.
    pub service: Service,
    /// The method.
    pub method: Method,
    /// The host that the client called, with its port unless it is the default.
    pub host: String,
    /// The path, not decoded.
    pub path: String,
    /// `Action` of a form, the last part of `X-Amz-Target`, otherwise empty.
    pub operation: String,
    /// The decoded parameters of query and form, and the members of a JSON body, in order; `WebIdentityToken` and signatures of addresses are not shown.
    pub parameters: Vec<(String, String)>,
    /// The scheme of `Authorization`: `AWS4-HMAC-SHA256`, `Basic`, `Bearer`; `other` for a bare token.
    pub authorization: Option<String>,
    /// The access key of an AWS signature.
    pub access_key_id: Option<String>,
    /// The region of an AWS signature.
    pub region: Option<String>,
    /// The status of the answer; `None` as long as there is none, or if there was none.
    pub status: Option<u16>,
    /// The answer, if it is an error.
    pub error: Option<String>,
}

/// Characters of an error that are shown.
const ERROR_CHARACTERS: usize = 1000;

impl Exchange {
    pub(super) fn of(service: Service, request: &RecordedRequest) -> Self {
        let header = |name| request.header(name).unwrap_or_default();
        let mut parameters = form_pairs(request.query.as_deref().unwrap_or_default());
        if header("content-type").starts_with("application/x-www-form-urlencoded") {
            parameters.extend(form_pairs(&String::from_utf8_lossy(&request.body)));
        }
        if header("content-type").starts_with("application/x-amz-json")
            && let Ok(Value::Object(members)) = serde_json::from_slice(&request.body)
        {
            parameters.extend(members.into_iter().map(|(name, value)| (name, value.to_string())));
        }
        for (name, value) in &mut parameters {
            if ["WebIdentityToken", "X-Amz-Signature", "X-Amz-Security-Token"].contains(&name.as_str()) {
                *value = format!("({} characters)", value.len());
            }
        }
        let action = parameters.iter().find(|(name, _)| name == "Action").map(|(_, value)| value.clone());
        let target = header("x-amz-target").rsplit('.').next().unwrap_or_default();
        let signature = request.authorization().and_then(|value| Authorization::parse(value).ok());
        let scheme = |value: &str| value.split_once(' ').map_or("other", |(scheme, _)| scheme).to_owned();
        let status = request.status();
        let error = status
            .filter(|status| *status >= 400)
            .map(|_| String::from_utf8_lossy(&request.answer_body()).chars().take(ERROR_CHARACTERS).collect());
        Self {
            service,
            method: request.method.clone(),
            host: header("host").to_owned(),
            path: request.path.clone(),
            operation: action.unwrap_or(target.to_owned()),
            parameters,
            authorization: request.authorization().map(scheme),
            access_key_id: signature.as_ref().map(|signature| signature.access_key_id.clone()),
            region: signature.map(|signature| signature.region),
            status,
            error,
        }
    }

    /// The first parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// All parameters of this name.
    pub fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.parameters.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "service": self.service.name(),
            "method": self.method.as_str(),
            "host": self.host,
            "path": self.path,
            "operation": self.operation,
            "parameters": self.parameters,
            "authorization": self.authorization,
            "accessKeyId": self.access_key_id,
            "region": self.region,
            "status": self.status,
            "error": self.error,
        })
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.service.name(), self.method, self.path)?;
        if !self.operation.is_empty() {
            write!(f, " {}", self.operation)?;
        }
        self.status.iter().try_for_each(|status| write!(f, " {status}"))
    }
}
