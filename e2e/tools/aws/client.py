"""botocore, the client library of AWS, as a client of the doubles of its services.

    python client.py CASE DIRECTORY [ARGUMENT…]

DIRECTORY has ready.json (what the doubles printed when they were ready) and their files. Prints the answers, or the error of
the service with its code and status. Credentials come from the chain that each case names, regions and addresses from the
environment that a pod would have.
"""

import base64
import datetime
import json
import logging
import os
import pathlib
import sys

import botocore.config
import botocore.exceptions
import botocore.session
import urllib3

case, directory, arguments = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
ready = json.loads((directory / "ready.json").read_text())
ca = str(directory / "ca.pem")


def url(service, scheme="https", host="localhost"):
    return f"{scheme}://{host}:{ready['addresses'][service].rsplit(':', 1)[1]}"


# Nothing of the machine's configuration is used.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    AWS_REGION="eu-central-1",
    AWS_DEFAULT_REGION="eu-central-1",
    AWS_CA_BUNDLE=ca,
    # For every other service: nothing listens there.
    AWS_ENDPOINT_URL="https://localhost:1",
    AWS_ENDPOINT_URL_STS=url("sts"),
    AWS_ENDPOINT_URL_SIGNER=url("signer-data"),
    AWS_ENDPOINT_URL_SIGNER_DATA=url("signer-data"),
    AWS_ENDPOINT_URL_ECR=url("ecr-api"),
    AWS_ENDPOINT_URL_ECR_PUBLIC=url("ecr-public-api"),
)


def use(chain):
    """Sets the environment of a source of credentials."""
    if chain == "static":
        os.environ.update(
            AWS_ACCESS_KEY_ID=ready["accessKeyId"], AWS_SECRET_ACCESS_KEY=ready["secretAccessKey"]
        )
    elif chain == "web-identity":
        os.environ.update(
            AWS_ROLE_ARN=ready["role"],
            AWS_ROLE_SESSION_NAME="e2e",
            AWS_WEB_IDENTITY_TOKEN_FILE=str(directory / "web-identity-token"),
        )
    elif chain == "pod-identity":
        os.environ.update(
            AWS_CONTAINER_CREDENTIALS_FULL_URI=url("pod-identity", "http", "127.0.0.1") + "/v1/credentials",
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(directory / "pod-identity-token"),
        )
    elif chain == "imds":
        os.environ.update(
            AWS_EC2_METADATA_DISABLED="false",
            AWS_EC2_METADATA_SERVICE_ENDPOINT=url("imds", "http", "127.0.0.1"),
        )
    else:
        sys.exit(f"unknown chain {chain}")


def client(service, attempts=1, **more):
    config = botocore.config.Config(
        retries={"mode": "standard", "total_max_attempts": attempts}, inject_host_prefix=False
    )
    return botocore.session.get_session().create_client(service, config=config, **more)


def revocations(service="signer-data", attempts=1, **more):
    image = json.loads((directory / "image.json").read_text())
    answer = client(service, attempts, **more).get_revocation_status(
        signatureTimestamp=datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, datetime.timezone.utc),
        platformId="Notation-OCI-SHA384-ECDSA",
        profileVersionArn=image["profileVersion"],
        jobArn=image["job"],
        certificateHashes=image["certificateHashes"],
    )
    print(f"revokedEntities: {json.dumps(answer['revokedEntities'])}")
    print(f"retries: {answer['ResponseMetadata']['RetryAttempts']}")


def ecr_token():
    data = client("ecr").get_authorization_token()["authorizationData"][0]
    user, password = base64.b64decode(data["authorizationToken"]).decode().split(":", 1)
    print(f"user {user}, password of {len(password)} characters, for {data['proxyEndpoint']}")
    hours = (data["expiresAt"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds() / 3600
    print(f"expires in {hours:.2f} h")
    return data["authorizationToken"]


def registry():
    """Follows the redirect of a blob without the credential, then with it."""
    image = json.loads((directory / "image.json").read_text())
    pool = urllib3.PoolManager(ca_certs=ca)

    def get(address, **headers):
        answer = pool.request("GET", address, headers=headers, redirect=False, retries=False)
        print(f"{answer.status} {address.split('?')[0].split('/', 3)[3].split(':')[0]}")
        return answer

    base, token = url("ecr-registry"), f"Basic {ecr_token()}"
    print(get(f"{base}/v2/").headers["www-authenticate"])
    listed = json.loads(get(f"{base}/v2/shop/app/referrers/{image['digest']}", authorization=token).data)
    signature = listed["manifests"][0]
    print(signature["artifactType"])
    manifest = json.loads(get(f"{base}/v2/shop/app/manifests/{signature['digest']}", authorization=token).data)
    blob = get(f"{base}/v2/shop/app/blobs/{manifest['layers'][0]['digest']}", authorization=token)
    address = blob.headers["location"]
    print(f"{len(get(address).data) == manifest['layers'][0]['size']}")
    print(get(address, authorization=token).data.decode().splitlines()[1])
    (directory / "registry-token").write_text(token)


def main():
    if case == "revocations":
        use("static")
        revocations(*arguments)
    elif case == "retries":
        use("static")
        # Waits between attempts are of no interest here.
        import time

        time.sleep = lambda _: None
        revocations(attempts=3)
    elif case == "chain":
        use(arguments[0])
        found = botocore.session.get_session().get_credentials()
        frozen = found.get_frozen_credentials()
        print(f"{found.method}: key {frozen.access_key[:4]}…, token of {len(frozen.token)} characters")
        revocations()
    elif case == "assume-role":
        use(arguments[0])
        answer = client("sts").assume_role(
            RoleArn=ready["crossAccountRole"], RoleSessionName="e2e", ExternalId=arguments[1], DurationSeconds=900
        )
        print(answer["AssumedRoleUser"]["Arn"])
        credentials = answer["Credentials"]
        revocations(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )
    elif case == "ecr-token":
        use(arguments[0])
        ecr_token()
    elif case == "ecr-public-token":
        use("static")
        data = client("ecr-public", region_name="us-east-1").get_authorization_token()["authorizationData"]
        print(f"{sorted(data)}")
    elif case == "registry":
        use("static")
        registry()
    elif case == "registry-again":
        pool = urllib3.PoolManager(ca_certs=ca)
        headers = {"authorization": (directory / "registry-token").read_text()}
        answer = pool.request("GET", url("ecr-registry") + "/v2/", headers=headers, retries=False)
        print(f"{answer.status} {answer.data.decode()}")
    else:
        sys.exit(f"unknown case {case}")


logging.disable(logging.CRITICAL)
try:
    main()
except botocore.exceptions.ClientError as error:
    response = error.response
    print(f"{response['ResponseMetadata']['HTTPStatusCode']} {response['Error']['Code']}: {response['Error']['Message']}")
    sys.exit(1)
except botocore.exceptions.BotoCoreError as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
