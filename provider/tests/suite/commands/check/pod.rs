//! `--manifests`: the identity of the pod at a cloud.

use serde_json::Value;
use serde_json::json;

use super::mounts::check;
use super::mounts::objects;

const ACCOUNT: &str = "countersign";

/// The warnings about the pod with these registries of the configuration, after `change` of the Deployment and with these annotations of
/// its service account.
fn warnings(registries: &str, change: impl Fn(&mut Value), annotations: Option<Value>) -> Vec<(String, String)> {
    let mut objects = objects();
    let text = objects[0]["data"]["countersign.yaml"].as_str().unwrap().to_owned();
    objects[0]["data"]["countersign.yaml"] = json!(format!("{text}{registries}"));
    objects[4]["spec"]["template"]["spec"]["serviceAccountName"] = json!(ACCOUNT);
    change(&mut objects[4]);
    if let Some(annotations) = annotations {
        let metadata = json!({"name": ACCOUNT, "namespace": "countersign", "annotations": annotations});
        objects.push(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}));
    }
    let (code, document) = check(&objects, &[]);
    assert_eq!(code, Some(0), "{document}");
    let kinds =
        ["azure-workload-label", "azure-client-id", "aws-role-annotation", "google-account-annotation", "token-volume"];
    let list = document["warnings"].as_array().unwrap().iter();
    let list =
        list.map(|one| (one["warning"].as_str().unwrap().to_owned(), one["message"].as_str().unwrap().to_owned()));
    list.filter(|(kind, _)| kinds.contains(&kind.as_str())).collect()
}

fn messages(registries: &str, change: impl Fn(&mut Value), annotations: Option<Value>) -> Vec<String> {
    warnings(registries, change, annotations).into_iter().map(|(kind, message)| format!("{kind}: {message}")).collect()
}

const ACR: &str = "- {host: shops.azurecr.io, credentials: {acr: {}}}\n";
const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";

fn labelled(deployment: &mut Value) {
    deployment["spec"]["template"]["metadata"] = json!({"labels": {"azure.workload.identity/use": "true"}});
}

#[test]
fn a_pod_without_the_label_of_azure_workload_identity_has_a_warning() {
    let missing = |found: &str| {
        format!(
            "azure-workload-label: Deployment \"countersign\": spec.template.metadata.labels: found {found} for \
             azure.workload.identity/use, expected \"true\", as the configuration uses the workload identity of the pod: the webhook of Azure \
             changes no pod without this label, so that no token is issued; add the label, as deploy/components/aks-workload-identity does"
        )
    };
    let client = || Some(json!({"azure.workload.identity/client-id": CLIENT}));
    assert_eq!(messages(ACR, |_| {}, client()), [missing("nothing")]);
    let with = |value: Value| {
        move |deployment: &mut Value| {
            deployment["spec"]["template"]["metadata"] = json!({"labels": {"azure.workload.identity/use": value}});
        }
    };
    assert_eq!(messages(ACR, with(json!(true)), client()), [missing("true")]);
    assert_eq!(messages(ACR, with(json!("false")), client()), [missing("\"false\"")]);
    assert_eq!(messages(ACR, labelled, client()), [""; 0]);
    // Nothing needs it.
    for registries in ["", "- {host: shops.azurecr.io, credentials: {acr: {identity: managed}}}\n"] {
        assert_eq!(messages(registries, |_| {}, client()), [""; 0]);
    }
}

#[test]
fn a_vault_that_is_read_with_the_workload_identity_needs_the_label_as_a_registry_does() {
    let with = |identity: &str| {
        let mut objects = objects();
        let text = objects[0]["data"]["countersign.yaml"].as_str().unwrap().to_owned();
        let vault = format!(
            "{{vault: shop.vault.azure.net, certificates: [{{name: a}}], identity: {identity}, clientId: {CLIENT}}}"
        );
        let stores = format!("trust:\n  stores: [{{store: 'ca:vault', keyVault: {vault}}}]\n");
        objects[0]["data"]["countersign.yaml"] = json!(text.replacen("trust:\n", &stores, 1));
        let (code, document) = check(&objects, &[]);
        assert_eq!(code, Some(0), "{document}");
        document["warnings"].as_array().unwrap().iter().filter(|one| one["warning"] == "azure-workload-label").count()
    };
    assert_eq!((with("workload"), with("managed")), (1, 0));
}

#[test]
fn a_service_account_without_a_client_id_has_a_warning_unless_the_configuration_has_one() {
    let missing = |found: &str| {
        format!(
            "azure-client-id: ServiceAccount \"countersign\": metadata.annotations: found {found} for \
             azure.workload.identity/client-id, expected the client ID of the managed identity, a GUID, as the configuration has no clientId: \
             the webhook of Azure sets AZURE_CLIENT_ID to it; add the annotation, or clientId to the configuration"
        )
    };
    assert_eq!(messages(ACR, labelled, Some(json!({}))), [missing("nothing")]);
    let wrong = json!({"azure.workload.identity/client-id": "countersign"});
    assert_eq!(messages(ACR, labelled, Some(wrong)), [missing("\"countersign\"")]);
    // An account that is not among the manifests is not known.
    assert_eq!(messages(ACR, labelled, None), [""; 0]);
    let with = format!("- {{host: shops.azurecr.io, credentials: {{acr: {{clientId: {CLIENT}}}}}}}\n");
    assert_eq!(messages(&with, labelled, Some(json!({}))), [""; 0]);
}

#[test]
fn a_token_file_that_no_volume_has_for_its_service_has_a_warning() {
    let file = "/var/run/secrets/azure/tokens/token";
    let set = |audience: Option<&'static str>| {
        move |deployment: &mut Value| {
            let pod = &mut deployment["spec"]["template"]["spec"];
            let variable = |name: &str, value: &str| json!({"name": name, "value": value});
            pod["containers"][0]["env"] =
                json!([variable("AZURE_FEDERATED_TOKEN_FILE", file), variable("AZURE_CLIENT_ID", CLIENT)]);
            let Some(audience) = audience else { return };
            let mount = json!({"name": "token", "mountPath": "/var/run/secrets/azure/tokens"});
            pod["containers"][0]["volumeMounts"].as_array_mut().unwrap().push(mount);
            let token = json!({"serviceAccountToken": {"path": "token", "audience": audience}});
            pod["volumes"].as_array_mut().unwrap().push(json!({"name": "token", "projected": {"sources": [token]}}));
        }
    };
    let message = |found: &str| {
        format!(
            "token-volume: Deployment \"countersign\": AZURE_FEDERATED_TOKEN_FILE is \"{file}\": found {found}, expected a projected volume \
             with a serviceAccountToken for the audience api://AzureADTokenExchange"
        )
    };
    assert_eq!(messages(ACR, set(None), None), [message("no volume with a token of the service account at this path")]);
    assert_eq!(messages(ACR, set(Some("")), None), [message("a token for the API server at this path")]);
    assert_eq!(messages(ACR, set(Some("vault")), None), [message("a token for the audience \"vault\" at this path")]);
    assert_eq!(messages(ACR, set(Some("api://AzureADTokenExchange")), None), [""; 0]);
}

#[test]
fn annotations_of_aws_and_google_that_are_no_roles_and_accounts_have_warnings() {
    let ecr = "- {host: 111122223333.dkr.ecr.eu-central-1.amazonaws.com, credentials: {ecr: {}}}\n";
    let google = "- {host: europe-docker.pkg.dev, credentials: {google: {}}}\n";
    let role = |text: &str| Some(json!({"eks.amazonaws.com/role-arn": text}));
    let account = |text: &str| Some(json!({"iam.gke.io/gcp-service-account": text}));
    assert_eq!(
        messages(ecr, |_| {}, role("countersign")),
        ["aws-role-annotation: ServiceAccount \"countersign\": metadata.annotations: found \"countersign\" for \
             eks.amazonaws.com/role-arn, expected arn:aws:iam::ACCOUNT:role/NAME, with the partition of the account and twelve digits: EKS \
             sets AWS_ROLE_ARN to it, and no credentials are issued for another text"]
    );
    assert_eq!(
        messages(google, |_| {}, account("countersign")),
        ["google-account-annotation: ServiceAccount \"countersign\": metadata.annotations: found \"countersign\" for \
             iam.gke.io/gcp-service-account, expected NAME@PROJECT.iam.gserviceaccount.com, or no annotation, if the service account of the \
             pod has the role itself"]
    );
    assert_eq!(messages(ecr, |_| {}, role("arn:aws:iam::111122223333:role/countersign")), [""; 0]);
    assert_eq!(messages(google, |_| {}, account("countersign@p.iam.gserviceaccount.com")), [""; 0]);
    // EKS Pod Identity and the roles of a service account itself are in no manifest.
    for registries in [ecr, google] {
        assert_eq!(messages(registries, |_| {}, Some(json!({}))), [""; 0]);
    }
}
