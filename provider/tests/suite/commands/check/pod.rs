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
    let kinds = [
        "service-account",
        "service-account-not-in-manifests",
        "azure-workload-label",
        "azure-skip-containers",
        "azure-client-id",
        "azure-environment",
        "azure-metadata-blocked",
        "aws-role-annotation",
        "google-account-annotation",
        "token-volume",
    ];
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
    let unknown = "service-account-not-in-manifests: Deployment \"countersign\": spec.template.spec.serviceAccountName: found \"countersign\", which \
                   is not among the manifests, expected it there: its annotation azure.workload.identity/client-id is not checked, to which the \
                   webhook of Azure sets AZURE_CLIENT_ID; add it to --manifests, or clientId to the configuration";
    assert_eq!(messages(ACR, labelled, None), [unknown]);
    let with = format!("- {{host: shops.azurecr.io, credentials: {{acr: {{clientId: {CLIENT}}}}}}}\n");
    for annotations in [Some(json!({})), None] {
        assert_eq!(messages(&with, labelled, annotations), [""; 0]);
    }
    let variable = |deployment: &mut Value| {
        labelled(deployment);
        deployment["spec"]["template"]["spec"]["containers"][0]["env"] =
            json!([{"name": "AZURE_CLIENT_ID", "value": CLIENT}]);
    };
    assert_eq!(messages(ACR, variable, None), [""; 0]);
}

const ECR: &str = "- {host: 111122223333.dkr.ecr.eu-central-1.amazonaws.com, credentials: {ecr: {}}}\n";
const GOOGLE: &str = "- {host: europe-docker.pkg.dev, credentials: {google: {}}}\n";

#[test]
fn a_pod_with_the_default_service_account_has_a_warning_if_an_identity_of_the_pod_is_used() {
    let set = |account: Value| {
        move |deployment: &mut Value| {
            labelled(deployment);
            deployment["spec"]["template"]["spec"]["serviceAccountName"] = account.clone();
        }
    };
    let shared = |found: &str, clouds: &str| {
        format!(
            "service-account: Deployment \"countersign\": spec.template.spec.serviceAccountName: found {found}, expected a service account of this \
             workload alone, as the configuration uses the identity of the pod at {clouds}: that of \"default\" is the identity of every pod of \
             the namespace that names none; set it to the one that has the identity, countersign in deploy/base"
        )
    };
    let all = format!("{ACR}{ECR}{GOOGLE}");
    for (registries, clouds) in
        [(ACR, "Azure"), (ECR, "AWS"), (GOOGLE, "Google Cloud"), (&*all, "AWS and Azure and Google Cloud")]
    {
        assert_eq!(messages(registries, set(Value::Null), None), [shared("nothing", clouds)]);
        assert_eq!(messages(registries, set(json!("")), None), [shared("nothing", clouds)]);
        assert_eq!(messages(registries, set(json!("default")), None), [shared("\"default\"", clouds)]);
    }
    // EKS Pod Identity and the roles of a service account itself need only its name.
    for registries in [ECR, GOOGLE] {
        assert_eq!(messages(registries, set(json!("countersign")), None), [""; 0]);
    }
    let managed = "- {host: shops.azurecr.io, credentials: {acr: {identity: managed}}}\n";
    for other in
        ["", managed, &format!("{ECR}aws: {{instanceMetadata: true}}\n"), &format!("{ECR}aws: {{profile: ci}}\n")]
    {
        assert_eq!(messages(other, set(Value::Null), None), [""; 0], "{other}");
    }
    let keys = |deployment: &mut Value| {
        set(Value::Null)(deployment);
        let key = json!({"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "aws", "key": "id"}}});
        deployment["spec"]["template"]["spec"]["containers"][0]["env"] = json!([key]);
    };
    assert_eq!(messages(ECR, keys, None), [""; 0]);
}

#[test]
fn a_container_that_the_webhook_of_azure_skips_has_a_warning() {
    let skipping = |containers: &str| {
        let metadata = json!({
            "labels": {"azure.workload.identity/use": "true"},
            "annotations": {"azure.workload.identity/skip-containers": containers},
        });
        move |deployment: &mut Value| deployment["spec"]["template"]["metadata"] = metadata.clone()
    };
    let client = || Some(json!({"azure.workload.identity/client-id": CLIENT}));
    for containers in ["countersign", "proxy; countersign ;logger"] {
        let message = format!(
            "azure-skip-containers: Deployment \"countersign\": spec.template.metadata.annotations: found {containers:?} for \
             azure.workload.identity/skip-containers, expected a list without \"countersign\", as the configuration uses the workload identity \
             of the pod: the webhook of Azure does not change this container, so that no token is issued; remove its name from the annotation"
        );
        assert_eq!(messages(ACR, skipping(containers), client()), [message]);
    }
    for containers in ["", ";", "proxy", "countersign-proxy;proxy", "countersign,proxy"] {
        assert_eq!(messages(ACR, skipping(containers), client()), [""; 0], "{containers:?}");
    }
    let managed = "- {host: shops.azurecr.io, credentials: {acr: {identity: managed}}}\n";
    assert_eq!(messages(managed, skipping("countersign"), client()), [""; 0]);
}

#[test]
fn variables_of_azure_in_the_container_are_checked_as_those_of_a_process() {
    let set = |name: &'static str, value: &'static str| {
        move |deployment: &mut Value| {
            labelled(deployment);
            deployment["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": name, "value": value}]);
        }
    };
    let client = || Some(json!({"azure.workload.identity/client-id": CLIENT}));
    let found = |name, value, registries: &str| messages(registries, set(name, value), client());
    let government = "- {host: shops.azurecr.us, credentials: {acr: {}}}\n";
    let public = "https://login.microsoftonline.com/";
    assert_eq!(
        found("AZURE_AUTHORITY_HOST", public, government),
        [
            "azure-environment: Deployment \"countersign\": no token is requested for registries[1] \"shops.azurecr.us\": AZURE_AUTHORITY_HOST: found \
          https://login.microsoftonline.com, the authority of the cloud public, expected that of the cloud us-government; set \
          azure.authorityHost to https://login.microsoftonline.us"
        ]
    );
    assert_eq!(
        found("AZURE_TENANT_ID", "my tenant", ACR),
        [
            "azure-environment: Deployment \"countersign\": Azure is not called: the environment variable AZURE_TENANT_ID: found \"my tenant\", \
          expected the GUID of a tenant, or a domain of it"
        ]
    );
    // Kubernetes puts another variable in its place.
    for value in [public, "", "$(AUTHORITY)"] {
        assert_eq!(found("AZURE_AUTHORITY_HOST", value, ACR), [""; 0], "{value}");
    }
    assert_eq!(found("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/", ECR), [""; 0]);
}

#[test]
fn a_managed_identity_whose_service_no_network_policy_allows_has_a_warning() {
    let policy = |name: &str, egress: Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "countersign"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": egress},
        })
    };
    let to = |block: Value| json!([{"to": [{"ipBlock": block}], "ports": [{"port": 80}, {"port": 443}]}]);
    let base = || policy("countersign", to(json!({"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]})));
    let managed = || policy("countersign-aks-managed-identity", to(json!({"cidr": "169.254.169.254/32"})));
    let check = |acr: &str, policies: &[Value], change: &dyn Fn(&mut Value)| {
        let mut objects = objects();
        let text = objects[0]["data"]["countersign.yaml"].as_str().unwrap().to_owned();
        let registry = format!("- {{host: shops.azurecr.io, credentials: {{acr: {{{acr}}}}}}}\n");
        objects[0]["data"]["countersign.yaml"] = json!(format!("{text}{registry}"));
        change(&mut objects[4]);
        objects.extend_from_slice(policies);
        let (code, document) = check(&objects, &[]);
        assert_eq!(code, Some(0), "{document}");
        let found =
            document["warnings"].as_array().unwrap().iter().filter(|one| one["warning"] == "azure-metadata-blocked");
        found.map(|one| one["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let message = |policies: &str| {
        format!(
            "Deployment \"countersign\": found no egress to 169.254.169.254, port 80, in the network policies of the pod ({policies}), expected it, \
             as the configuration uses a managed identity of the node, whose tokens are issued there; add the network policy of \
             deploy/components/aks-managed-identity"
        )
    };
    let identity = "identity: managed";
    let unchanged = |_: &mut Value| {};
    assert_eq!(check(identity, &[base()], &unchanged), [message("NetworkPolicy \"countersign\"")]);
    let none = policy("nothing", json!([]));
    assert_eq!(
        check(identity, &[base(), none], &unchanged),
        [message("NetworkPolicy \"countersign\", NetworkPolicy \"nothing\"")]
    );
    assert_eq!(check(identity, &[base(), managed()], &unchanged), [""; 0]);
    assert_eq!(check(identity, &[], &unchanged), [""; 0]);
    let mut elsewhere = base();
    elsewhere["metadata"]["namespace"] = json!("shop");
    assert_eq!(check(identity, &[elsewhere], &unchanged), [""; 0]);
    // Not through the network of the pod, or not there.
    let of_node = |deployment: &mut Value| deployment["spec"]["template"]["spec"]["hostNetwork"] = json!(true);
    assert_eq!(check(identity, &[base()], &of_node), [""; 0]);
    let variable = |deployment: &mut Value| {
        let variable = json!({"name": "AZURE_POD_IDENTITY_AUTHORITY_HOST", "value": "http://127.0.0.1:80"});
        deployment["spec"]["template"]["spec"]["containers"][0]["env"] = json!([variable]);
    };
    assert_eq!(check(identity, &[base()], &variable), [""; 0]);
    assert_eq!(check("", &[base()], &unchanged), [""; 0]);
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
    let (ecr, google) = (ECR, GOOGLE);
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
