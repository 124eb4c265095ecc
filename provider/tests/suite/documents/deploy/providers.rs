//! The Providers' URLs are those of the Service, with fitting timeouts and the CA bundles of the overlays.

use std::time::Duration;

use serde_json::Value as Json;
use serde_json::json;

use crate::documents::deploy::files::config;
use crate::documents::deploy::files::documents;
use crate::documents::deploy::files::object;
use crate::documents::deploy::files::text;
use crate::documents::deploy::files::texts;

fn provider(name: &str) -> Json {
    object("deploy/base/providers.yaml", "Provider", name)
}

#[test]
fn provider_timeouts_exceed_ours_by_less_than_a_second() {
    let server = config().server;
    for (name, ours) in [("countersign-verify", server.verify_timeout), ("countersign-mutate", server.mutate_timeout)] {
        let provider = provider(name);
        assert_eq!(provider["apiVersion"], "externaldata.gatekeeper.sh/v1beta1");
        let timeout = Duration::from_secs(provider["spec"]["timeout"].as_u64().unwrap());
        assert!(timeout > ours && timeout - ours < Duration::from_secs(1), "{name}: {timeout:?} for our {ours:?}");
        // Time for the network.
        assert!(timeout - ours >= Duration::from_millis(200), "{name}: {timeout:?} for our {ours:?}");
    }
}

#[test]
fn provider_urls_are_those_of_the_service() {
    let service = object("deploy/base/service.yaml", "Service", "countersign");
    let (name, namespace) = (text(&service, "/metadata/name"), text(&service, "/metadata/namespace"));
    let port = config().server.listen.port();
    for endpoint in ["verify", "mutate"] {
        let url = format!("https://{name}.{namespace}.svc:{port}/v1/{endpoint}");
        assert_eq!(text(&provider(&format!("countersign-{endpoint}")), "/spec/url"), url);
    }
}

#[test]
fn the_certificate_carries_the_host_of_the_urls() {
    let path = "deploy/overlays/cert-manager/certificates/certificate.yaml";
    let certificate = object(path, "Certificate", "countersign");
    let url = text(&provider("countersign-verify"), "/spec/url").to_owned();
    let host = url.split(['/', ':']).nth(3).unwrap();
    assert_eq!(texts(&certificate["spec"]["dnsNames"]), [host]);
    assert_eq!(certificate["spec"]["secretName"], "countersign-tls");
}

#[test]
fn every_overlay_sets_the_ca_bundle_without_a_secret() {
    for name in ["countersign-verify", "countersign-mutate"] {
        // Base64 of something that is no PEM: Gatekeeper refuses it.
        let bundle = provider(name);
        assert_eq!(bundle["spec"]["caBundle"], "ZmlsbGVkIGluIGJ5IGFuIG92ZXJsYXk=");
    }
    let replacements = documents("deploy/components/ca-bundle/kustomization.yaml")[0]["replacements"].take();
    assert_eq!(
        replacements,
        json!([{
            "source": { "kind": "Secret", "name": "countersign-ca-bundle", "fieldPath": "data.[ca.crt]" },
            "targets": [{
                "select": { "group": "externaldata.gatekeeper.sh", "kind": "Provider" },
                "fieldPaths": ["spec.caBundle"],
            }],
        }])
    );
    for overlay in ["cert-manager", "self-managed-certificates"] {
        let kustomization = documents(&format!("deploy/overlays/{overlay}/kustomization.yaml")).remove(0);
        assert_eq!(texts(&kustomization["components"]), ["../../components/ca-bundle"], "{overlay}");
        assert_eq!(
            kustomization["secretGenerator"],
            json!([{
                "name": "countersign-ca-bundle",
                "files": ["ca.crt"],
                "options": {
                    "disableNameSuffixHash": true,
                    "annotations": { "config.kubernetes.io/local-config": "true" },
                },
            }]),
            "{overlay}"
        );
    }
}
