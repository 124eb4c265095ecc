"""The client libraries of Azure as clients of the doubles of its services.

    python azure_client.py CASE DIRECTORY [ARGUMENT…] [--retries] [--tenant=ID] [--client=ID]

DIRECTORY has ready.json (what the doubles printed when they were ready) and their files. Prints the answers, or the error of the
library. Names are localhost, so the check that a vault's host fits the resource of its challenge is off, as the library permits.
"""

import base64
import hashlib
import json
import logging
import os
import pathlib
import sys
import time

import azure.containerregistry
import azure.core.exceptions
import azure.identity
import azure.keyvault.certificates

case, directory = sys.argv[1], pathlib.Path(sys.argv[2])
arguments = [argument for argument in sys.argv[3:] if not argument.startswith("--")]
options = dict(option[2:].partition("=")[::2] for option in sys.argv[3:] if option.startswith("--"))
retries = 3 if "retries" in options else 0
ready = json.loads((directory / "ready.json").read_text())
ca = str(directory / "ca.pem")


def url(service, scheme="https", host="localhost"):
    return f"{scheme}://{host}:{ready['addresses'][service].rsplit(':', 1)[1]}"


# Nothing of the machine's configuration is used.
for name in [name for name in os.environ if name.startswith(("AZURE_", "IDENTITY_", "MSI_", "IMDS_"))]:
    del os.environ[name]
for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "CURL_CA_BUNDLE"]:
    os.environ.pop(name, None)
os.environ["REQUESTS_CA_BUNDLE"] = ca
# Waits between attempts are of no interest here.
time.sleep = lambda _: None


def workload_identity():
    return azure.identity.WorkloadIdentityCredential(
        tenant_id=options.get("tenant", ready["tenant"]),
        client_id=options.get("client", ready["client"]),
        token_file_path=str(directory / "azure-identity-token"),
        authority=url("entra"),
        connection_verify=ca,
        retry_total=retries,
    )


def managed_identity(**more):
    os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = url("imds", "http", "127.0.0.1")
    return azure.identity.ManagedIdentityCredential(retry_total=retries, **more)


def credential(kind):
    return workload_identity() if kind == "workload-identity" else managed_identity()


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def token(found, scope):
    got = found.get_token(scope)
    content = claims(got.token)
    minutes = round((got.expires_on - time.time()) / 60)
    print(f"{content['aud']} for {content['appid']}, {minutes} minutes")


def registry(kind):
    client = azure.containerregistry.ContainerRegistryClient(
        url("acr"), credential(kind), audience="https://containerregistry.azure.net", connection_verify=ca, retry_total=0
    )
    manifest = client.get_manifest("shop/app", "v1")
    print(f"{manifest.media_type} {manifest.digest}")
    layer = manifest.manifest["layers"][0]
    content = b"".join(client.download_blob("shop/app", layer["digest"]))
    print(f"blob as its digest says: {'sha256:' + hashlib.sha256(content).hexdigest() == layer['digest']}")


def vault(kind):
    client = azure.keyvault.certificates.CertificateClient(
        url("key-vault"),
        credential(kind),
        verify_challenge_resource=False,
        connection_verify=ca,
        retry_total=retries,
    )
    certificate = client.get_certificate(ready["certificate"])
    newest = certificate.properties
    print(f"{certificate.name}, thumbprint as of cer: {hashlib.sha1(certificate.cer).digest() == newest.x509_thumbprint}")
    versions = list(client.list_properties_of_certificate_versions(ready["certificate"]))
    states = [version.enabled for version in versions]
    print(f"{len(versions)} versions, {sum(states)} enabled, newest listed: {newest.version in [v.version for v in versions]}")
    same = client.get_certificate_version(ready["certificate"], newest.version)
    print(f"the version by its identifier: {same.cer == certificate.cer}")


def main():
    if case == "token":
        token(credential(arguments[0]), arguments[1])
    elif case == "other-identity":
        token(managed_identity(client_id=arguments[0]), "https://vault.azure.net/.default")
    elif case == "registry":
        registry(arguments[0])
    elif case == "vault":
        vault(arguments[0])
    else:
        sys.exit(f"unknown case {case}")


logging.disable(logging.CRITICAL)
try:
    main()
except azure.core.exceptions.HttpResponseError as error:
    status = error.status_code or (error.response.status_code if error.response else None)
    print(f"{type(error).__name__} {status}: {error.message.splitlines()[0]}")
    sys.exit(1)
except azure.core.exceptions.AzureError as error:
    print(f"{type(error).__name__}: {error.message.splitlines()[0]}")
    sys.exit(1)
