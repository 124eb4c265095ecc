//! YAML for the cluster.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::authority::Pair;

/// The patch of both Providers.
pub(super) fn provider_patch(bundle: &str) -> String {
    format!(
        "# The authority of Countersign's certificate, for both Providers:
#   kubectl patch providers.externaldata.gatekeeper.sh NAME --type merge --patch-file provider-patch.yaml
spec:
  caBundle: {bundle}
"
    )
}

/// The Secret that the deployment mounts. Holds the key.
pub(super) fn secret(name: &str, namespace: &str, server: &Pair) -> String {
    let (certificate, key) = (STANDARD.encode(&server.certificate), STANDARD.encode(&server.key));
    format!(
        "# Holds a private key.
apiVersion: v1
kind: Secret
metadata:
  name: {name}
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: countersign
type: kubernetes.io/tls
data:
  tls.crt: {certificate}
  tls.key: {key}
"
    )
}
