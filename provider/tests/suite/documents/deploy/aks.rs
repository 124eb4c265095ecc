//! `deploy/aks`: its page, followed on this machine with programs in place of the Azure CLI and notation, and its samples.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use countersign::config::Config;
use countersign::config::Credentials;
use countersign::config::EntraIdentity;
use countersign::config::KeyVaultSource;
use countersign::config::Purpose;
use countersign::config::StoreSource;
use countersign_core::name::AcrHost;
use countersign_core::name::VaultHost;
use countersign_core::policy::StoreRef;
use countersign_core::policy::TrustPolicy;
use countersign_test_support::binary;
use countersign_testkit::folder::Folder;
use serde_json::Value as Json;
use serde_json::json;

use crate::documents::deploy::files::CONFIG_PATH;
use crate::documents::deploy::files::deployment;
use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::read;
use crate::documents::deploy::files::repository;
use crate::documents::deploy::files::text;
use crate::documents::deploy::files::texts;
use crate::documents::markdown::blocks;
use crate::documents::markdown::shell;

const PAGE: &str = "deploy/aks/README.md";

/// In place of the Azure CLI: writes each call and the documents that it sends into a file, and knows the objects of the user.
const AZ: &str = r#"#!/bin/sh
{ echo "$*"; for word; do case "$word" in @*) cat "${word#@}" || exit 1 ;; esac; done; } >> calls
case "$*" in
*issuerUrl*) echo https://westeurope.oic.prod-aks.azure.com/tenant/cluster/ ;;
*clientId*) echo 12121212-3434-5656-7878-909090909090 ;;
*principalId*) echo 21212121-4343-6565-8787-090909090909 ;;
*"acr show"*"--query id "*) echo /subscriptions/s/registries/contoso ;;
*"keyvault show"*) echo /subscriptions/s/vaults/contoso-keys ;;
*"account show"*) echo 99999999-8888-7777-6666-555555555555 ;;
*kid*) echo https://contoso-keys.vault.azure.net/keys/shop-signing/1 ;;
esac
"#;

const NOTATION: &str = "#!/bin/sh\necho \"notation $*\" >> calls\n";

/// The values of another user than those of the samples.
const VALUES: [(&str, &str); 4] =
    [("RESOURCE_GROUP", "rg-1"), ("AKS_CLUSTER", "production"), ("ACR_NAME", "contoso"), ("KEY_VAULT", "contoso-keys")];

/// Follows the page in a folder, but for the commands for the cluster.
fn follow() -> Folder {
    let folder = Folder::new();
    symlink(repository("deploy"), folder.path().join("deploy")).unwrap();
    for (name, program) in [("az", AZ), ("notation", NOTATION)] {
        folder.write(&format!("bin/{name}"), program);
        fs::set_permissions(folder.path().join(format!("bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").unwrap());
    let lines: Vec<_> = shell(&read(PAGE)).into_iter().filter(|line| !line.starts_with("kubectl ")).collect();
    // One shell, as the user's: the first line sets variables.
    let script = VALUES.iter().fold(format!("set -e\n{}\n", lines.join("\n")), |script, (name, value)| {
        let former = script.split_once(&format!("{name}=")).unwrap().1.split([' ', '\n']).next().unwrap().to_owned();
        script.replacen(&format!("{name}={former}"), &format!("{name}={value}"), 1)
    });
    let mut command = binary::command("sh", &[("PATH", path.as_str())]);
    let output = command.args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    folder
}

fn content(folder: &Folder, path: &str) -> String {
    fs::read_to_string(folder.path().join(path)).unwrap()
}

fn configuration(text: &str) -> Config {
    Config::parse(text, Path::new(CONFIG_PATH), Purpose::Serve).unwrap_or_else(|error| panic!("{error}"))
}

/// The source of the store `ca:shop`.
fn vault(config: &Config) -> &KeyVaultSource {
    let StoreSource::KeyVault(source) = &config.trust.stores[&"ca:shop".parse::<StoreRef>().unwrap()] else {
        panic!("{config}")
    };
    source
}

#[test]
fn the_page_can_be_followed_with_other_values() {
    let folder = follow();
    let calls = content(&folder, "calls");
    for former in ["my-group", "my-aks-cluster", "myregistry", "my-vault", "00000000-0000-0000-0000-000000000000"] {
        assert!(!calls.contains(former), "{former}: {calls}");
    }
    let call = |beginning: &str| {
        let found: Vec<_> = calls.lines().filter(|line| line.starts_with(beginning)).collect();
        let [line] = found.as_slice() else { panic!("{beginning}: {found:?}") };
        (*line).to_owned()
    };
    let federated = "identity federated-credential create";
    assert_eq!(
        call(federated),
        format!(
            "{federated} --resource-group rg-1 --identity-name countersign --name production --issuer \
             https://westeurope.oic.prod-aks.azure.com/tenant/cluster/ --subject system:serviceaccount:countersign:countersign --audiences \
             api://AzureADTokenExchange"
        )
    );
    let account = &deployment()["spec"]["template"]["spec"]["serviceAccountName"];
    assert_eq!((account, &deployment()["metadata"]["namespace"]), (&json!("countersign"), &json!("countersign")));
    // Each role with its scope, all for the principal of the identity.
    let principal =
        "--assignee-object-id 21212121-4343-6565-8787-090909090909 --assignee-principal-type ServicePrincipal --role ";
    let roles: Vec<_> = calls.lines().filter_map(|line| line.split_once(principal)).map(|(_, role)| role).collect();
    let (registry, vault) = ("/subscriptions/s/registries/contoso", "/subscriptions/s/vaults/contoso-keys");
    assert_eq!(
        roles,
        [
            format!("AcrPull --scope {registry}"),
            format!("Container Registry Repository Reader --scope {registry}"),
            format!("Key Vault Certificate User --scope {vault}"),
            format!("Countersign Certificate Reader --scope {vault}"),
        ]
    );
    assert!(call("keyvault set-policy").ends_with("--certificate-permissions get list"));
    assert!(call("notation sign").contains("--id https://contoso-keys.vault.azure.net/keys/shop-signing/1 "));
    // kustomize takes the whole file.
    assert_eq!(content(&folder, "my-cluster/client-id"), "12121212-3434-5656-7878-909090909090");
}

#[test]
fn the_role_of_the_page_reads_certificates_only() {
    let role: Json = serde_json::from_str(&content(&follow(), "my-cluster/certificate-reader.json")).unwrap();
    assert_eq!((&role["Actions"], role.get("NotDataActions")), (&json!([]), None));
    assert_eq!(role["DataActions"], json!(["Microsoft.KeyVault/vaults/certificates/read"]));
    assert_eq!(role["AssignableScopes"], json!(["/subscriptions/99999999-8888-7777-6666-555555555555"]));
    assert!(read(PAGE).contains(&format!("--role \"{}\"", text(&role, "/Name"))));
}

#[test]
fn the_certificate_of_the_page_is_for_signing_code_and_is_the_one_that_is_trusted() {
    let folder = follow();
    let policy: Json = serde_json::from_str(&content(&folder, "my-cluster/certificate-policy.json")).unwrap();
    assert_eq!(
        (&policy["issuerParameters"]["name"], &policy["keyProperties"]["exportable"]),
        (&json!("Self"), &json!(false))
    );
    assert!(policy["keyProperties"]["keySize"].as_u64() >= Some(2048));
    let properties = &policy["x509CertificateProperties"];
    // Code signing, as the Notary Project requires.
    assert_eq!(
        (&properties["ekus"], &properties["keyUsage"]),
        (&json!(["1.3.6.1.5.5.7.3.3"]), &json!(["digitalSignature"]))
    );
    let trust = content(&folder, "my-cluster/trustpolicy.json");
    TrustPolicy::parse(trust.as_bytes()).unwrap();
    let trust: Json = serde_json::from_str(&trust).unwrap();
    let statement = &trust["trustPolicies"][0];
    assert_eq!(texts(&statement["registryScopes"]), ["contoso.azurecr.io/shop"]);
    assert_eq!(texts(&statement["trustStores"]), ["ca:shop"]);
    let identity = format!("x509.subject: {}", text(properties, "/subject"));
    assert_eq!(texts(&statement["trustedIdentities"]), [identity.as_str()]);
    let config = configuration(&content(&folder, "my-cluster/countersign.yaml"));
    let names: Vec<_> = vault(&config).certificates.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["shop-signing, the 2 newest enabled versions"]);
    let created = "az keyvault certificate create --vault-name \"$KEY_VAULT\" --name shop-signing ";
    assert!(shell(&read(PAGE)).iter().any(|line| line.starts_with(created)));
}

#[test]
fn the_configuration_has_credentials_for_the_images_of_the_trust_policy() {
    let config = configuration(&content(&follow(), "my-cluster/countersign.yaml"));
    let hosts: Vec<_> = config.registries.iter().map(|registry| registry.host.to_string()).collect();
    assert_eq!(hosts, ["contoso.azurecr.io", "mcr.microsoft.com"]);
    let with_tokens = config.registries.iter().map(|registry| matches!(registry.credentials, Credentials::Acr(_)));
    assert_eq!(with_tokens.collect::<Vec<_>>(), [true, false]);
    let source = vault(&config);
    assert_eq!(source.vault.to_string(), "contoso-keys.vault.azure.net");
    assert_eq!(source.identity, EntraIdentity::Workload { tenant: None, client_id: None });
    assert_eq!((source.secret, source.refresh_interval), (false, Duration::from_secs(600)));
    // The rest is as in the base.
    let base = configuration(&read("deploy/base/config/countersign.yaml"));
    assert_eq!(format!("{:?}", config.server), format!("{:?}", base.server));
    assert_eq!(format!("{:?}", config.trust.location), format!("{:?}", base.trust.location));
}

#[test]
fn one_version_can_be_written_as_the_comment_has_it() {
    let text = read("deploy/aks/config/countersign.yaml");
    let text =
        text.replace("            versions: 2\n", "").replace("            # version: ", "            version: ");
    let config = configuration(&text);
    let names: Vec<_> = vault(&config).certificates.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["shop-signing, version 0123456789abcdef0123456789abcdef"]);
}

#[test]
fn the_fragment_with_a_managed_identity_is_a_valid_configuration() {
    let base = read("deploy/aks/config/countersign.yaml");
    let start = base.find("trust:\n").unwrap();
    let fragments: Vec<_> = blocks(&read(PAGE)).0.into_iter().filter(|block| block.language == "text").collect();
    let [fragment] = fragments.as_slice() else { panic!("one fragment") };
    let config = configuration(&format!("{}{}", &base[..start], fragment.text));
    let identity = EntraIdentity::Managed {
        tenant: None,
        client_id: Some("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee".parse().unwrap()),
    };
    assert_eq!(vault(&config).identity, identity);
    assert!(format!("{:?}", config.registries[0].credentials).contains("Managed"));
}

#[test]
fn the_hosts_of_other_clouds_are_those_of_the_code() {
    let page = read(PAGE);
    for (registry, vault, authority) in [
        ("azurecr.io", "vault.azure.net", "login.microsoftonline.com"),
        ("azurecr.us", "vault.usgovcloudapi.net", "login.microsoftonline.us"),
        ("azurecr.cn", "vault.azure.cn", "login.chinacloudapi.cn"),
    ] {
        let host = AcrHost::of(&format!("myregistry.{registry}").parse().unwrap());
        let Some(AcrHost::Registry(host)) = host else { panic!("{registry}: {host:?}") };
        let vault: VaultHost = format!("my-vault.{vault}").parse().unwrap();
        assert_eq!((host.cloud(), host.cloud().authority_host()), (vault.cloud(), authority));
        for shown in [host.host_name(), vault.to_string(), authority.to_owned()] {
            assert!(page.contains(&format!("`{shown}`")), "{shown}");
        }
    }
}

#[test]
fn the_components_give_the_pod_its_identity() {
    let mut workload = documents("deploy/components/aks-workload-identity/kustomization.yaml").remove(0);
    let expected = json!([{
        "source": { "kind": "ConfigMap", "name": "countersign-aks", "fieldPath": "data.clientId" },
        "targets": [{
            "select": { "kind": "ServiceAccount", "name": "countersign" },
            "fieldPaths": ["metadata.annotations.[azure.workload.identity/client-id]"],
            "options": { "create": true },
        }],
    }]);
    assert_eq!(workload["replacements"].take(), expected);
    let patch: Json = serde_saphyr::from_str(text(&workload, "/patches/0/patch")).unwrap();
    assert_eq!(patch["metadata"]["name"], deployment()["metadata"]["name"]);
    // The webhook looks for the text.
    let labels = json!({ "azure.workload.identity/use": "true" });
    assert_eq!(patch["spec"], json!({ "template": { "metadata": { "labels": labels } } }));

    let policy = documents("deploy/components/aks-managed-identity/networkpolicy.yaml").remove(0);
    let base = documents("deploy/base/networkpolicy.yaml").remove(0);
    assert_eq!(policy["spec"]["podSelector"], base["spec"]["podSelector"]);
    assert_ne!(policy["metadata"]["name"], base["metadata"]["name"]);
    let egress = json!([{
        "to": [{ "ipBlock": { "cidr": "169.254.169.254/32" } }],
        "ports": [{ "port": 80, "protocol": "TCP" }],
    }]);
    assert_eq!((&policy["spec"]["policyTypes"], &policy["spec"]["egress"]), (&json!(["Egress"]), &egress));
}

#[test]
fn the_overlay_differs_from_the_one_of_the_guide_in_identity_and_trust_store_only() {
    let overlay = |page: &str| -> Json {
        let page = read(page);
        let found =
            blocks(&page).0.into_iter().find(|block| block.text.starts_with("# my-cluster/kustomization.yaml\n"));
        serde_saphyr::from_str(&found.unwrap().text).unwrap()
    };
    let (own, guide) = (overlay(PAGE), overlay("deploy/README.md"));
    for key in ["resources", "images", "secretGenerator"] {
        assert_eq!(own[key], guide[key], "{key}");
    }
    assert_eq!(
        texts(&own["components"]),
        ["../deploy/components/aks-workload-identity", "../deploy/components/ca-bundle"]
    );
    let client_id = json!({
        "name": "countersign-aks",
        "files": ["clientId=client-id"],
        "options": own["secretGenerator"][0]["options"],
    });
    let mut expected = guide["configMapGenerator"].as_array().unwrap().clone();
    expected.retain(|one| one["name"] != "countersign-truststore-ca-release");
    expected.insert(0, client_id);
    assert_eq!(own["configMapGenerator"], Json::Array(expected));
    // The certificates of the vault are in no volume.
    assert_eq!(own.get("patches"), None);
}
