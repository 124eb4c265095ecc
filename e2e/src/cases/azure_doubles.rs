//! The doubles of Azure's services that the tests of this project use, with Azure's own client libraries as their clients.

use anyhow::ensure;
use serde_json::json;

use crate::cloud_doubles::Cloud;
use crate::cloud_doubles::CloudDoubles;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

use super::doubles_client::Case;
use super::doubles_client::Client;

/// The program with Azure's client libraries.
const LIBRARIES: Client = Client { python: "clouds-python", program: "clouds/azure_client.py" };

const WORKLOAD: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const NODE: &str = "99999999-8888-7777-6666-555555555555";
const VAULT: &str = "https://vault.azure.net/.default";

pub(super) fn run(workdir: &Workdir, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript
        .chapter("The doubles of Azure's services, with azure-identity, -containerregistry and -keyvault as clients");
    let doubles = CloudDoubles::start(workdir, Cloud::Azure, "azure", json!({}))?;
    let mut case = Case { client: LIBRARIES, workdir, transcript, doubles };
    case.set([json!({ "do": "push", "repository": "shop/app", "tag": "v1" })])?;
    identities(&mut case)?;
    refusals(&mut case)?;
    registry(&mut case)?;
    vault(&mut case)
}

fn identities(case: &mut Case<'_>) -> anyhow::Result<()> {
    let token = |client: &str| format!("https://vault.azure.net for {client}, 1440 minutes");
    case.prints(
        "workload identity: Entra exchanges the service account's token",
        &format!("token workload-identity {VAULT}"),
        true,
        &[&token(WORKLOAD)],
    )?;
    case.prints(
        "managed identity: instance metadata return a token of the node's identity",
        &format!("token managed-identity {VAULT}"),
        true,
        &[&token(NODE)],
    )?;
    case.prints(
        "an identity that the node does not have is refused",
        "other-identity unknown",
        false,
        &["CredentialUnavailableError*Identity not found"],
    )?;
    case.set([
        json!({ "do": "fail", "service": "entra", "status": 429, "times": 1, "retryAfter": "1" }),
        json!({ "do": "fail", "service": "entra", "status": 503, "times": 1 }),
        json!({ "do": "fail", "service": "imds", "status": 410, "times": 1 }),
        json!({ "do": "fail", "service": "imds", "status": 500, "times": 1 }),
    ])?;
    case.prints(
        "requests over the limit and failures of Entra are tried again",
        &format!("token workload-identity {VAULT} --retries"),
        true,
        &[&token(WORKLOAD)],
    )?;
    case.prints(
        "requests to metadata that are being updated are tried again",
        &format!("token managed-identity {VAULT} --retries"),
        true,
        &[&token(NODE)],
    )
}

fn refusals(case: &mut Case<'_>) -> anyhow::Result<()> {
    let unknown = "22222222-2222-3333-4444-555555555555";
    let token = format!("token workload-identity {VAULT}");
    let error = |status: u16, kind: &str, text: &str| {
        format!("ClientAuthenticationError {status}: Microsoft Entra ID error '({kind}) {text}*")
    };
    let tenant = error(400, "invalid_request", &format!("AADSTS90002: Tenant '{unknown}' not found."));
    case.prints("an unknown tenant is refused", &format!("{token} --tenant={unknown}"), false, &[&tenant])?;
    let client = error(400, "unauthorized_client", &format!("AADSTS700016: Application with identifier '{unknown}'"));
    case.prints("an unknown client is refused", &format!("{token} --client={unknown}"), false, &[&client])?;
    let resource = error(400, "invalid_resource", "AADSTS500011: The resource principal named https://vault.azure.cn");
    let other = "token workload-identity https://vault.azure.cn/.default";
    case.prints("a resource that the tenant does not have is refused", other, false, &[&resource])?;
    let no_match = "No matching federated identity record found for presented assertion";
    for (what, commands, text) in [
        (
            "a token of the service account that has ended is refused",
            [json!({ "do": "write-tokens", "seconds": -1 }), json!({ "do": "write-tokens" })],
            "AADSTS700024: Client assertion is not within its valid time range.".to_owned(),
        ),
        (
            "a token for another audience is refused",
            [json!({ "do": "write-tokens", "audience": "sts.amazonaws.com" }), json!({ "do": "write-tokens" })],
            format!("AADSTS700212: {no_match} audience 'sts.amazonaws.com'"),
        ),
        (
            "a client without a federated credential is refused",
            [json!({ "do": "remove-federation" }), json!({ "do": "federate", "name": "other" })],
            format!("AADSTS700211: {no_match} issuer 'https://westeurope.oic.prod-aks.azure.com/testkit/'"),
        ),
        (
            "a federated credential is for one service account",
            [json!({ "do": "write-tokens" }), json!({ "do": "federate", "name": "countersign" })],
            format!("AADSTS700213: {no_match} subject 'system:serviceaccount:gatekeeper-system:countersign'"),
        ),
    ] {
        let [before, after] = commands;
        case.set([before])?;
        case.prints(what, &token, false, &[&error(401, "invalid_client", &text)])?;
        case.set([after])?;
    }
    Ok(())
}

fn registry(case: &mut Case<'_>) -> anyhow::Result<()> {
    let image = ["application/vnd.oci.image.manifest.v1+json sha256:*", "blob as its digest says: True"];
    for kind in ["workload-identity", "managed-identity"] {
        case.prints(
            "the registry exchanges the token, and the store of blobs accepts its own addresses only",
            &format!("registry {kind}"),
            true,
            &image,
        )?;
    }
    let refused = ["ClientAuthenticationError 401: *"];
    case.set([json!({ "do": "unassign", "role": "acr-pull" })])?;
    case.prints("a client without the role gets no token", "registry workload-identity", false, &refused)?;
    case.set([json!({ "do": "refuse-at-exchange", "refuse": true })])?;
    case.prints("a client without the role is not exchanged", "registry workload-identity", false, &refused)?;
    case.set([
        json!({ "do": "refuse-at-exchange", "refuse": false }),
        json!({ "do": "assign", "role": "acr-pull" }),
        json!({ "do": "fail", "service": "acr", "status": 429, "times": 1 }),
    ])?;
    case.prints("tokens have a limit", "registry workload-identity", false, &["HttpResponseError 429: *"])?;
    case.prints("the next one is issued", "registry workload-identity", true, &image)?;
    let exchanges = case.doubles.exchanges()?;
    let with_credential = exchanges.iter().filter(|exchange| exchange["service"] == "blob-store");
    let with_credential = with_credential.filter(|exchange| !exchange["authorization"].is_null()).count();
    let exchanged = exchanges.iter().filter(|exchange| exchange["path"] == "/oauth2/exchange").count();
    let result = (|| {
        ensure!(with_credential == 0, "{with_credential} requests with a credential");
        ensure!(exchanged > 0, "no exchange");
        Ok(())
    })();
    case.transcript.verdict("no credential was sent to the store of blobs", result);
    Ok(())
}

fn vault(case: &mut Case<'_>) -> anyhow::Result<()> {
    let certificate = |versions: &str| {
        [
            "signing, thumbprint as of cer: True".to_owned(),
            versions.to_owned(),
            "the version by its identifier: True".to_owned(),
        ]
    };
    let prints = |case: &mut Case<'_>, what: &str, versions: &str| {
        let lines = certificate(versions);
        case.prints(what, "vault workload-identity --retries", true, &lines.each_ref().map(String::as_str))
    };
    prints(case, "a certificate is read after a challenge", "1 versions, 1 enabled, newest listed: True")?;
    let added = case.doubles.command(&json!({ "do": "add-version" }))?;
    prints(case, "a rotated certificate has two versions", "2 versions, 2 enabled, newest listed: True")?;
    case.set([json!({ "do": "disable", "version": added["version"] })])?;
    prints(case, "a disabled version is listed as such", "2 versions, 1 enabled, newest listed: True")?;
    case.set([json!({ "do": "claims", "claims": r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"# })])?;
    prints(case, "demanded claims are requested", "2 versions, 1 enabled, newest listed: True")?;
    case.set([
        json!({ "do": "claims" }),
        json!({ "do": "fail", "service": "key-vault", "status": 429, "times": 1, "retryAfter": "1" }),
    ])?;
    prints(case, "requests over the limit are tried again", "2 versions, 1 enabled, newest listed: True")?;
    case.set([json!({ "do": "unassign", "role": "certificates" })])?;
    case.prints(
        "a client without the role is refused",
        "vault workload-identity",
        false,
        &["HttpResponseError 403: (Forbidden) Caller is not authorized to perform action on resource."],
    )
}
