"""The client library of Google Cloud as a client of the doubles of its services.

    python google_client.py CASE DIRECTORY [ARGUMENT…]

DIRECTORY has ready.json (what the doubles printed when they were ready) and their files. Prints the answers, or the error of the
library.
"""

import base64
import datetime
import json
import logging
import os
import pathlib
import sys

case, directory, arguments = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
ready = json.loads((directory / "ready.json").read_text())
metadata = ready["addresses"]["metadata"]

# Nothing of the machine's configuration is used. The library reads its variables when it is imported.
for name in [name for name in os.environ if name.startswith(("GCE_", "GOOGLE_", "GCP_", "CLOUDSDK_"))]:
    del os.environ[name]
for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "CURL_CA_BUNDLE"]:
    os.environ.pop(name, None)
os.environ.update(
    GCE_METADATA_HOST=metadata, GCE_METADATA_IP=metadata, GCE_METADATA_DETECT_RETRIES="1", NO_GCE_CHECK="false"
)

import google.auth.compute_engine
import google.auth.compute_engine._metadata
import google.auth.exceptions
import google.auth.transport.requests
import requests

session = requests.Session()
session.trust_env = False
session.verify = str(directory / "ca.pem")
request = google.auth.transport.requests.Request(session)


def access_token():
    print(f"metadata server found: {google.auth.compute_engine._metadata.ping(request)}")
    credentials = google.auth.compute_engine.Credentials()
    credentials.refresh(request)
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    minutes = round((credentials.expiry - now).total_seconds() / 60)
    print(f"{credentials.service_account_email}, token {credentials.token[:5]}…, {minutes} minutes")
    return credentials


def registry(image):
    token = access_token().token
    host = f"localhost:{ready['addresses']['artifact-registry'].rsplit(':', 1)[1]}"
    manifest = f"https://{host}/v2/{image}/manifests/v1"
    refused = session.get(manifest)
    print(f"{refused.status_code} {refused.headers['www-authenticate'].split(',')[-1]}")
    login = "Basic " + base64.b64encode(f"oauth2accesstoken:{token}".encode()).decode()
    print(session.get(manifest, headers={"authorization": login}).status_code)
    scope = {"service": "localhost", "scope": f"repository:{image}:pull"}
    exchanged = session.get(f"https://{host}/v2/token", params=scope, headers={"authorization": login}).json()
    bearer = {"authorization": f"Bearer {exchanged['token']}"}
    print(f"{session.get(manifest, headers=bearer).status_code} with a token of {exchanged['expires_in'] // 60} minutes")


logging.disable(logging.CRITICAL)
try:
    if case == "token":
        access_token()
    elif case == "registry":
        registry(arguments[0])
    else:
        sys.exit(f"unknown case {case}")
except google.auth.exceptions.GoogleAuthError as error:
    print(f"{type(error).__name__}: {str(error).splitlines()[0]}")
    sys.exit(1)
