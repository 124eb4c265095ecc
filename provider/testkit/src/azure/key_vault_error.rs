//! Errors of Azure Key Vault: JSON with `error.code`, `error.message` and, for some, `error.innererror.code`.

use serde_json::json;

use crate::registry::Reply;

fn error(status: u16, code: &str, message: &str, inner: Option<&str>) -> Reply {
    let mut error = json!({ "code": code, "message": message });
    if let Some(inner) = inner {
        error["innererror"] = json!({ "code": inner });
    }
    let body = json!({ "error": error });
    Reply::status(status).header("content-type", "application/json; charset=utf-8").body(body.to_string())
}

/// 401, with the [challenge](https://learn.microsoft.com/en-us/azure/key-vault/general/authentication-requests-and-responses) as
/// header.
pub(super) fn unauthorized(message: &str, challenge: &str) -> Reply {
    error(401, "Unauthorized", message, None).header("www-authenticate", challenge)
}

/// The caller has no role ([report](https://github.com/microsoft/AL-Go/issues/864)).
pub(super) fn forbidden(client: &str, tenant: &str, action: &str, vault: &str) -> Reply {
    let message = format!(
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions \
         were changed recently, please observe propagation time.\r\nCaller: \
         appid={client};iss=https://sts.windows.net/{tenant}/\r\nAction: '{action}'\r\nAssignment: (not \
         found)\r\nDenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\nVault: {vault};location=westeurope\r\n"
    );
    error(403, "Forbidden", &message, Some("ForbiddenByRbac"))
}

/// A disabled version ([report](https://github.com/Azure/azure-sdk-for-java/issues/17991)): `secret` or `certificate`.
pub(super) fn disabled(kind: &str) -> Reply {
    let inner = if kind == "secret" { "SecretDisabled" } else { "CertificateDisabled" };
    error(403, "Forbidden", &format!("Operation get is not allowed on a disabled {kind}."), Some(inner))
}

/// No such certificate, secret, or version of one.
pub(super) fn not_found(kind: &str, name: &str) -> Reply {
    let code = if kind == "secret" { "SecretNotFound" } else { "CertificateNotFound" };
    let message = format!(
        "A {kind} with (name/id) {name} was not found in this key vault. If you recently deleted this {kind} you may be able to \
         recover it using the correct recovery command. For help resolving this issue, please see \
         https://go.microsoft.com/fwlink/?linkid=2125182"
    );
    error(404, code, &message, None)
}

/// A wrong request.
pub(super) fn bad_parameter(message: &str) -> Reply {
    error(400, "BadParameter", message, None)
}

/// Over the limit of requests, for faults and [`CloudServer::fail`](crate::cloud::CloudServer::fail): 429
/// [`Throttled`](https://learn.microsoft.com/en-us/azure/key-vault/general/overview-throttling), with `Retry-After` or without.
#[must_use]
pub fn throttled(retry_after: Option<&str>) -> Reply {
    let message =
        "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached";
    let reply = error(429, "Throttled", message, None);
    retry_after.into_iter().fold(reply, |reply, value| reply.header("retry-after", value))
}

/// A failure of the service: 500.
#[must_use]
pub fn internal() -> Reply {
    error(500, "InternalServerError", "An unexpected error occurred.", None)
}
