//! `check --provider`: Providers and webhooks against the configuration.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_testkit::folder::Folder;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use serde_json::Value;
use serde_json::json;

use crate::commands::check::check;
use crate::commands::check::sound;

/// A configuration whose certificate is of the given authority, and that authority in the form of a caBundle.
fn fixture() -> (Folder, String) {
    let folder = sound();
    let authority = Authority::root(CertSpec::root().common_name("TLS"));
    let server = authority.issue(CertSpec::tls_server(&["countersign.countersign.svc"]));
    folder.write("tls.crt", server.pem());
    folder.write("tls.key", server.key_pem());
    (folder, STANDARD.encode(authority.pem()))
}

fn provider(name: &str, url: &str, timeout: &Value, bundle: &str) -> Value {
    json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "Provider", "metadata": {"name": name},
           "spec": {"url": url, "timeout": timeout, "caBundle": bundle}})
}

fn webhook(kind: &str, name: &str, more: &Value) -> Value {
    let mut webhook = json!({"name": name});
    webhook.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "gatekeeper"},
           "webhooks": [{"name": "other.example", "timeoutSeconds": 1}, webhook]})
}

const VERIFY: &str = "https://countersign.countersign.svc:6001/v1/verify";
const MUTATE: &str = "https://countersign.countersign.svc:6001/v1/mutate";

/// Mistakes as `field: found F, expected E`, and warnings.
fn compare(folder: &Folder, objects: &[Value]) -> (Vec<String>, Vec<String>) {
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    folder.write("providers.yaml", text.join("\n---\n"));
    let path = folder.path().join("providers.yaml").display().to_string();
    let (code, text) = check(folder, &["-o", "json", "--provider", &path]);
    let document: Value = serde_json::from_str(&text).unwrap();
    let list = |name: &str| document[name].as_array().unwrap().clone();
    let mistakes: Vec<String> = list("mistakes")
        .iter()
        .map(|mistake| {
            assert_eq!(mistake["file"], "providers.yaml");
            let part = |name: &str| mistake[name].as_str().unwrap().to_owned();
            format!("{}: found {}, expected {}", part("field"), part("found"), part("expected"))
        })
        .collect();
    assert_eq!(code, Some(if mistakes.is_empty() { 0 } else { 3 }), "{text}");
    let warning = |warning: &Value| warning["message"].as_str().unwrap().to_owned();
    (mistakes, list("warnings").iter().map(warning).collect())
}

#[test]
fn fitting_objects_have_no_findings() {
    let (folder, bundle) = fixture();
    let ratify = VERIFY.replace("/v1/", "/ratify/gatekeeper/v1/");
    let objects = [
        provider("v", VERIFY, &json!(2), &bundle),
        provider("m", MUTATE, &json!(1), &bundle),
        provider("r", &ratify, &json!(2), &bundle),
        webhook("ValidatingWebhookConfiguration", "validation.gatekeeper.sh", &json!({"timeoutSeconds": 5})),
        webhook("MutatingWebhookConfiguration", "mutation.gatekeeper.sh", &json!({})),
        json!({"apiVersion": "v1", "kind": "Service"}),
    ];
    assert_eq!(compare(&folder, &objects), (Vec::new(), Vec::new()));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    assert_eq!(compare(&folder, &[list]), (Vec::new(), Vec::new()));
}

#[test]
fn timeouts_must_be_longer_from_countersign_to_the_webhook() {
    let (folder, bundle) = fixture();
    let (mistakes, warnings) = compare(
        &folder,
        &[
            provider("v", VERIFY, &json!(1), &bundle),
            provider("m", MUTATE, &json!(3), &bundle),
            provider("zero", VERIFY, &json!(0), &bundle),
            provider("text", VERIFY, &json!("2"), &bundle),
            provider("none", MUTATE, &Value::Null, &bundle),
            webhook("ValidatingWebhookConfiguration", "validation.gatekeeper.sh", &json!({"timeoutSeconds": 1})),
            webhook("MutatingWebhookConfiguration", "mutation.gatekeeper.sh", &json!({"timeoutSeconds": 3})),
        ],
    );
    let verify = "whole seconds, more than server.verifyTimeout, which is 1s 800ms";
    let mutate = "whole seconds, more than server.mutateTimeout, which is 800ms";
    assert_eq!(
        mistakes,
        [
            format!("document 1, Provider \"v\": spec.timeout: found 1s, expected {verify}"),
            format!("document 3, Provider \"zero\": spec.timeout: found the number 0, expected {verify}"),
            format!("document 4, Provider \"text\": spec.timeout: found \"2\", expected {verify}"),
            format!("document 5, Provider \"none\": spec.timeout: found nothing, expected {mutate}"),
            "document 6, ValidatingWebhookConfiguration \"gatekeeper\": webhooks[1].timeoutSeconds: found 1s, expected \
             more than spec.timeout of Provider \"v\", which is 1s"
                .to_owned(),
            "document 7, MutatingWebhookConfiguration \"gatekeeper\": webhooks[1].timeoutSeconds: found 3s, expected \
             more than spec.timeout of Provider \"m\", which is 3s"
                .to_owned(),
        ]
    );
    assert_eq!(warnings, [""; 0]);

    let config = std::fs::read_to_string(folder.path().join("c.yaml")).unwrap();
    folder.write("c.yaml", config.replace("server: {", "server: {verifyTimeout: 1.9s, "));
    let (mistakes, warnings) = compare(
        &folder,
        &[
            provider("v", VERIFY, &json!(2), &bundle),
            webhook("ValidatingWebhookConfiguration", "validation.gatekeeper.sh", &json!({"failurePolicy": "Ignore"})),
        ],
    );
    assert_eq!(mistakes, [""; 0]);
    assert_eq!(
        warnings,
        [
            "providers.yaml: Provider \"v\": spec.timeout is only 100ms longer than server.verifyTimeout: late responses \
             do not reach Gatekeeper; leave at least 200ms",
            "providers.yaml: ValidatingWebhookConfiguration \"gatekeeper\": webhook validation.gatekeeper.sh has \
             failurePolicy Ignore: images are admitted without a verdict when Gatekeeper does not respond in time; set \
             Fail",
        ]
    );
}

#[test]
fn urls_must_lead_to_an_endpoint_under_a_name_of_the_certificate() {
    let (folder, bundle) = fixture();
    let urls = [
        "http://countersign.countersign.svc:6001/v1/verify",
        "https://other.svc:6001/v1/verify",
        "https://countersign.countersign.svc:6001/v1/verify/",
        "https://countersign.countersign.svc/v1/verify",
        "countersign:6001/v1/verify",
        "",
    ];
    let objects: Vec<Value> = urls.iter().map(|url| provider("p", url, &json!(2), &bundle)).collect();
    let (mistakes, warnings) = compare(&folder, &objects);
    let url = "https://HOST:PORT/PATH of Countersign's Service";
    let paths = "/v1/verify, /v1/mutate, /ratify/gatekeeper/v1/verify, /ratify/gatekeeper/v1/mutate";
    let field = |number: usize| format!("document {number}, Provider \"p\": spec.url: found");
    assert_eq!(
        mistakes,
        [
            format!("{} scheme \"http\", expected https", field(1)),
            format!(
                "{} host \"other.svc\", expected a name of the server certificate, which has countersign.countersign.svc",
                field(2)
            ),
            format!("{} path \"/v1/verify/\", expected one of {paths}", field(3)),
            format!("{} \"countersign:6001/v1/verify\", expected {url}", field(5)),
            format!("{} \"\", expected {url}", field(6)),
        ]
    );
    assert_eq!(
        warnings,
        [
            "providers.yaml: Provider \"p\": spec.url has port 443, and server.listen has 6001: the Service must map one to \
          the other"
        ]
    );
}

#[test]
fn the_bundle_must_have_the_authority_of_the_certificate() {
    let (folder, bundle) = fixture();
    let of = |name: &str| Authority::root(CertSpec::root().common_name(name)).pem();
    let ours = String::from_utf8(STANDARD.decode(&bundle).unwrap()).unwrap();
    let leaf = std::fs::read_to_string(folder.path().join("tls.crt")).unwrap();
    let bundles = [
        STANDARD.encode(of("other")),
        String::new(),
        "%".to_owned(),
        STANDARD.encode("filled in by an overlay"),
        STANDARD.encode(of("other") + &ours),
        STANDARD.encode(&leaf),
        bundle.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\n").collect::<String>(),
    ];
    let objects: Vec<Value> = bundles.iter().map(|bundle| provider("p", VERIFY, &json!(2), bundle)).collect();
    let (mistakes, warnings) = compare(&folder, &objects);
    let expected = "the base64 of the CA of Countersign's certificate in PEM";
    let field = |number: usize| format!("document {number}, Provider \"p\": spec.caBundle: found");
    assert_eq!(
        mistakes,
        [
            format!(
                "{} \"C=CH, ST=ZH, O=Testkit, CN=other\", expected the authority that issued the server certificate \
                 \"C=CH, ST=ZH, O=Testkit, CN=server\"",
                field(1)
            ),
            format!("{} nothing, expected {expected}", field(2)),
            format!("{} no base64, expected {expected}", field(3)),
            format!("{} decoded: has no -----BEGIN line, expected CERTIFICATE blocks in PEM", field(4)),
        ]
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn files_without_a_provider_and_other_uses_are_mistakes() {
    let (folder, bundle) = fixture();
    folder.write("none.yaml", "{apiVersion: v1, kind: Service}");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (code, page) = check(&folder, &["--provider", &path("none.yaml"), "--provider", &path("absent.yaml")]);
    assert_eq!(code, Some(3));
    assert!(page.contains("\nmistake       absent.yaml: cannot be read: No such file"), "{page}");
    let (code, page) = check(&folder, &["--provider", &path("none.yaml")]);
    assert_eq!(code, Some(3));
    assert!(
        page.contains(
            "\nmistake       none.yaml: found no Provider, expected an object Provider of externaldata.gatekeeper.sh\n"
        ),
        "{page}"
    );
    folder.write("p.yaml", provider("p", VERIFY, &json!(2), &bundle).to_string());
    let config = path("c.yaml");
    let mut command = countersign_test_support::binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
    command.args(["check", "-c", &config, "--for", "verify", "--provider", &path("p.yaml")]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "countersign: --provider compares objects with the server's settings: found --for verify, expected --for serve\n"
    );
}

#[test]
fn the_shipped_providers_fit_the_defaults_except_for_their_placeholder() {
    let (folder, bundle) = fixture();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/base/providers.yaml");
    let text = std::fs::read_to_string(shipped).unwrap();
    folder.write("providers.yaml", &text);
    let path = folder.path().join("providers.yaml").display().to_string();
    let (code, page) = check(&folder, &["--provider", &path]);
    assert_eq!(code, Some(3));
    let mistakes: Vec<_> = page.lines().filter(|line| line.starts_with("mistake")).collect();
    assert_eq!(mistakes.len(), 2, "{page}");
    assert!(mistakes.iter().all(|line| line.contains(": spec.caBundle: decoded: has no -----BEGIN line")), "{page}");
    folder.write("providers.yaml", text.replace("ZmlsbGVkIGluIGJ5IGFuIG92ZXJsYXk=", &bundle));
    let (code, page) = check(&folder, &["--provider", &path]);
    assert_eq!((code, page.contains("\n0 mistakes, 0 warnings\n")), (Some(0), true), "{page}");
}

#[test]
fn what_was_compared_and_fits_is_shown() {
    let (folder, bundle) = fixture();
    let objects = [
        provider("v", VERIFY, &json!(2), &bundle),
        provider("late", VERIFY, &json!(1), &bundle),
        webhook(
            "ValidatingWebhookConfiguration",
            "validation.gatekeeper.sh",
            &json!({"timeoutSeconds": 5, "failurePolicy": "Fail"}),
        ),
    ];
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    folder.write("providers.yaml", text.join("\n---\n"));
    let path = folder.path().join("providers.yaml").display().to_string();
    let (_, text) = check(&folder, &["-o", "json", "--provider", &path]);
    let document: Value = serde_json::from_str(&text).unwrap();
    let url = format!("{VERIFY}, an endpoint; its host is a name of the server certificate");
    let bundle = "has the authority of the server certificate";
    assert_eq!(
        document["compared"],
        json!([
            {
                "file": "providers.yaml",
                "object": "Provider \"v\"",
                "fits": {
                    "spec.url": url,
                    "spec.caBundle": bundle,
                    "spec.timeout": "2s, more than server.verifyTimeout, which is 1s 800ms",
                },
            },
            {
                "file": "providers.yaml",
                "object": "Provider \"late\"",
                "fits": {"spec.url": url, "spec.caBundle": bundle},
            },
            {
                "file": "providers.yaml",
                "object": "ValidatingWebhookConfiguration \"gatekeeper\" validation.gatekeeper.sh",
                "fits": {
                    "webhooks[1].failurePolicy": "Fail",
                    "webhooks[1].timeoutSeconds": "5s, more than spec.timeout of its Providers, at most 2s",
                },
            },
        ])
    );
    let (_, page) = check(&folder, &["--provider", &path]);
    let expected = format!(
        "\ncompared      Provider \"v\" in providers.yaml\n  spec.url     {url}\n  spec.caBundle {bundle}\n  spec.timeout 2s, "
    );
    assert!(page.contains(&expected), "{page}");
}
