//! The journal of a double.

use std::fmt;

use http::Method;
use serde_json::Value;
use serde_json::json;

use crate::registry::RecordedRequest;
use crate::registry::form_pairs;

/// A received request and its answer, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The name of the service.
    pub service: &'static str,
    /// The method.
    pub method: Method,
    /// The host that the client called, with its port unless it is the default.
    pub host: String,
    /// The path, not decoded.
    pub path: String,
    /// The decoded parameters of query and form, in order; only the lengths of assertions, tokens and signatures are shown.
    pub parameters: Vec<(String, String)>,
    /// The scheme of `Authorization`: `Basic`, `Bearer`; `other` for a bare token.
    pub authorization: Option<String>,
    /// The status of the answer; `None` as long as there is none, or if there was none.
    pub status: Option<u16>,
    /// The answer, if it is an error.
    pub error: Option<String>,
}

/// Characters of an error that are shown.
const ERROR_CHARACTERS: usize = 1000;

/// Parameters that are secrets.
const SECRET: [&str; 6] = ["access_token", "client_assertion", "client_secret", "password", "refresh_token", "sig"];

impl Exchange {
    pub(crate) fn of(service: &'static str, request: &RecordedRequest) -> Self {
        let header = |name| request.header(name).unwrap_or_default();
        let mut parameters = form_pairs(request.query.as_deref().unwrap_or_default());
        if header("content-type").starts_with("application/x-www-form-urlencoded") {
            parameters.extend(form_pairs(&String::from_utf8_lossy(&request.body)));
        }
        for (_, value) in parameters.iter_mut().filter(|(name, _)| SECRET.contains(&name.as_str())) {
            *value = format!("({} characters)", value.len());
        }
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
            parameters,
            authorization: request.authorization().map(scheme),
            status,
            error,
        }
    }

    /// The first parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "service": self.service,
            "method": self.method.as_str(),
            "host": self.host,
            "path": self.path,
            "parameters": self.parameters,
            "authorization": self.authorization,
            "status": self.status,
            "error": self.error,
        })
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.service, self.method, self.path)?;
        self.status.iter().try_for_each(|status| write!(f, " {status}"))
    }
}
