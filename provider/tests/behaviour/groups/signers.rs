//! Who may sign: types of trust stores, identities, verification plugins and AWS Signer, critical attributes.

use countersign_testkit::pki::CertSpec;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::Scheme;
use countersign_testkit::signer::SignRequest;
use serde_json::Value as Json;
use serde_json::json;
use time::macros::datetime;

use super::FORMATS;
use crate::environment::Environment;
use crate::run::Ask;
use crate::run::record;
use crate::run::record_as;

const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";
const PROFILE: &str = "com.amazonaws.signer.signingProfileVersion";
const JOB: &str = "com.amazonaws.signer.signingJob";
const PROFILE_ARN: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";
const JOB_ARN: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/0a1b2c3d-0000-4000-8000-000000000000";

fn aws(request: SignRequest) -> SignRequest {
    request
        .plugin(PLUGIN)
        .plugin_min_version("1.0.298")
        .critical_attribute(PROFILE, format!("{PROFILE_ARN}/abcDEF1234"))
        .critical_attribute(JOB, JOB_ARN)
}

fn plain_aws(request: SignRequest) -> SignRequest {
    request.scheme(Scheme::SigningAuthority).plugin(PLUGIN)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identities_and_types_of_stores() {
    let mut environment = Environment::new().await;
    let root = environment.root.clone();
    let release = CertSpec::leaf().subject(&[
        ("C", "CH"),
        ("ST", "ZH"),
        ("L", "Zürich"),
        ("O", "Testkit, Inc."),
        ("OU", "build"),
        ("CN", "release"),
    ]);
    let chain = environment.issue(&root, release, "release");
    for (name, identities) in [
        ("any", json!(["*"])),
        ("subject", json!(["x509.subject: C=CH, ST=ZH, O=Testkit\\, Inc."])),
        ("subject-in-another-order", json!(["x509.subject: CN=release, OU=build, O=Testkit\\, Inc., ST=ZH, C=CH"])),
        ("quoted", json!(["x509.subject: C=CH, ST=ZH, O=\"Testkit, Inc.\""])),
        ("another-name", json!(["x509.subject: C=CH, ST=ZH, O=Testkit\\, Inc., CN=other"])),
        ("in-capitals", json!(["x509.subject: C=CH, ST=ZH, O=TESTKIT\\, INC."])),
        ("one-more-attribute", json!(["x509.subject: C=CH, ST=ZH, O=Testkit\\, Inc., STREET=x"])),
        ("one-of-two", json!(["x509.subject: C=CH, ST=BE, O=Other", "x509.subject: C=CH, ST=ZH, O=Testkit\\, Inc."])),
        ("none-of-two", json!(["x509.subject: C=CH, ST=BE, O=Other", "x509.subject: C=CH, ST=ZH, O=Third"])),
        ("arn", json!([PROFILE_ARN])),
    ] {
        environment.repository_with(name, json!({"trustedIdentities": identities}));
        environment.signed_by(&format!("identity {name}"), &chain, Format::Jws, |request| request);
    }
    for (name, stores) in [
        ("ca", json!(["ca:main"])),
        ("authority", json!(["signingAuthority:main"])),
        ("foreign-ca", json!(["ca:foreign"])),
        ("both-cas", json!(["ca:foreign", "ca:main"])),
    ] {
        environment.repository_with(name, json!({"trustStores": stores}));
        for (scheme_name, scheme) in [("x509", Scheme::X509), ("signing authority", Scheme::SigningAuthority)] {
            environment.signed_by(&format!("store {name} {scheme_name}"), &chain, Format::Cose, |request| {
                request.scheme(scheme)
            });
        }
    }
    let foreign = environment.untrusted.pem();
    environment.store("ca/foreign", &foreign);
    // The intermediate's certificate is trusted, and nothing above it.
    let intermediate =
        environment.intermediate(&environment.untrusted.clone(), CertSpec::intermediate(), "trusted intermediate");
    environment.store("ca/intermediate", &intermediate.pem());
    let below = environment.issue(&intermediate, CertSpec::leaf(), "leaf of the trusted intermediate");
    environment.repository_with("intermediate", json!({"trustStores": ["ca:intermediate"]}));
    environment.signed_by("store with an intermediate", &below, Format::Jws, |request| request);
    record_as("identities", environment, Ask::WithoutInspect).await;
}

type Change = fn(SignRequest) -> SignRequest;

/// Attributes of a signature, in the repository `app`.
const CHANGES: &[(&str, Change)] = &[
    ("AWS Signer under the other scheme", aws),
    ("AWS Signer, expired", |request| {
        aws(request.scheme(Scheme::SigningAuthority)).expiry(datetime!(2026-01-03 00:00 UTC))
    }),
    ("AWS Signer with a critical attribute more", |request| {
        aws(request.scheme(Scheme::SigningAuthority)).critical_attribute("com.example.x", "y")
    }),
    ("AWS Signer in the future", |request| {
        aws(request.scheme(Scheme::SigningAuthority)).authentic_signing_time(datetime!(2048-01-01 00:00 UTC))
    }),
    ("AWS Signer without attributes", plain_aws),
    ("AWS Signer without a job", |request| plain_aws(request).critical_attribute(PROFILE, format!("{PROFILE_ARN}/1"))),
    ("AWS Signer with broken attributes", |request| {
        plain_aws(request).critical_attribute(PROFILE, PROFILE_ARN).critical_attribute(JOB, "x")
    }),
    ("AWS Signer with a number", |request| plain_aws(request).critical_attribute(PROFILE, Json::from(7))),
    ("AWS Signer of version latest", |request| plain_aws(request).plugin_min_version("latest")),
    ("another plugin", |request| request.plugin("com.example.plugin")),
    ("another plugin of a version", |request| request.plugin("com.example.plugin").plugin_min_version("1.0.0")),
    ("a blank plugin", |request| request.plugin(" ")),
    ("a plugin that is not critical", |request| request.attribute("io.cncf.notary.verificationPlugin", "x")),
    ("a plugin that is a number", |request| {
        request.critical_attribute("io.cncf.notary.verificationPlugin", Json::from(7))
    }),
    ("a version without a plugin", |request| request.plugin_min_version("1.0.0")),
    ("an attribute", |request| request.attribute("com.example.build", "77")),
    ("attributes of all types", |request| {
        request
            .attribute("com.example.a", json!([1, {"b": null}]))
            .attribute("com.example.b", json!(true))
            .attribute("com.example.c", json!("\u{202e}\u{7}"))
    }),
    ("a critical attribute", |request| request.critical_attribute("com.example.x", 1)),
    ("a long attribute", |request| request.attribute("com.example.long", "x".repeat(5000))),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_and_attributes() {
    let mut environment = Environment::new().await;
    environment
        .repository_with("app", json!({"trustedIdentities": [PROFILE_ARN, "x509.subject: C=CH, ST=ZH, O=Testkit"]}));
    environment.repository_with("other-profile", json!({"trustedIdentities": [PROFILE_ARN.replace("/ci", "/other")]}));
    environment.repository_with("subject-only", json!({"trustedIdentities": ["x509.subject: C=CH, ST=ZH, O=Testkit"]}));
    environment.repository_with("any", json!({}));
    environment.repository_with(
        "audit",
        json!({"signatureVerification": {"level": "audit"}, "trustedIdentities": [PROFILE_ARN]}),
    );
    environment.repository_with("ca-only", json!({"trustStores": ["ca:main"], "trustedIdentities": [PROFILE_ARN]}));
    let untrusted = environment.untrusted.clone();
    let foreign = environment.issue(&untrusted, CertSpec::leaf().common_name("foreign"), "foreign leaf");
    let authority: fn(SignRequest) -> SignRequest = |request| aws(request.scheme(Scheme::SigningAuthority));
    for (index, repository) in
        ["app", "other-profile", "subject-only", "any", "audit", "ca-only"].into_iter().enumerate()
    {
        let (format_name, format) = FORMATS[index % 2];
        environment.repository(repository);
        environment.signed(&format!("AWS Signer, {repository} {format_name}"), format, authority);
        environment.signed_by(
            &format!("AWS Signer by an untrusted signer, {repository} {format_name}"),
            &foreign,
            format,
            authority,
        );
    }
    environment.repository("app");
    for (index, (what, change)) in CHANGES.iter().enumerate() {
        let (format_name, format) = FORMATS[index % 2];
        environment.signed(&format!("{what} {format_name}"), format, change);
    }
    record("plugins", environment).await;
}
