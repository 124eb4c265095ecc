use super::*;

const VERSION: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1234";
const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile";
const ALIASED: &str = "arn:aws:signer:eu-central-1::/aliased-signing-profiles/db4a39f3-f858-4b92-8623-8b4c41649972";
const ALIAS: &str = "arn:aws:signer:::/aliases/com.example.release";
const REGIONAL_ALIAS: &str = "arn:aws:signer:eu-central-1::/aliases/com.example.release";
const JOB: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/97af3947-e7b2-4533-8d9d-6741156f0b79";

#[test]
fn an_arn_has_six_fields_and_the_parts_of_its_kind() {
    let version = SigningProfileVersion::parse(VERSION);
    assert_eq!(version.as_ref().map(SigningProfileVersion::as_str), Some(VERSION));
    assert_eq!(version.as_ref().map(SigningProfileVersion::profile), Some(PROFILE));
    assert_eq!(version.as_ref().map(|version| version.region().as_str()), Some("eu-central-1"));
    assert_eq!(version.and_then(|version| version.partition()), Some(Partition::Aws));
    let aliased = SigningProfileVersion::parse(ALIASED);
    assert_eq!(aliased.as_ref().map(SigningProfileVersion::profile), Some(ALIASED));
    assert_eq!(SigningJob::parse(JOB).as_ref().map(SigningJob::as_str), Some(JOB));
    for alias in [ALIAS, REGIONAL_ALIAS, "arn:aws:signer:eu-central-1:111122223333:/aliases/a"] {
        assert_eq!(SigningProfileAlias::parse(alias).as_ref().map(SigningProfileAlias::as_str), Some(alias));
    }
    assert_eq!(SigningJob::parse(VERSION), None);
    assert_eq!(SigningProfileAlias::parse(ALIASED), None);
    for other in [
        "",
        "arn",
        "arn:aws:signer:eu-central-1:111122223333",
        "arn:aws:signer:eu-central-1:111122223333:",
        PROFILE,
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/",
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/v/w",
        "arn:aws:signer:eu-central-1:111122223333:signing-profiles/ci/v",
        "arn:aws:signer::111122223333:/signing-profiles/ci/v",
        "arn:aws:signer:eu-central-1::/signing-profiles/ci/v",
        "arn:aws:signer:eu-central-1:11112222333:/signing-profiles/ci/v",
        "arn:aws:signer:europe:111122223333:/signing-profiles/ci/v",
        "arn:aws:s3:eu-central-1:111122223333:/signing-profiles/ci/v",
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/c i/v",
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/v%2f",
        "ARN:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/v",
        "arn:aws:signer:eu-central-1:111122223333:/aliased-signing-profiles/a",
        "arn:aws:signer:::/aliased-signing-profiles/a",
        JOB,
        ALIAS,
    ] {
        assert_eq!(SigningProfileVersion::parse(other), None, "{other}");
    }
    let long = format!("{VERSION}{}", "a".repeat(ARN_BYTES));
    assert_eq!(SigningProfileVersion::parse(&long), None);
}

#[test]
fn a_partition_is_known_only_with_a_region_of_it() {
    let partition = |arn: &str| SigningProfileVersion::parse(arn).and_then(|version| version.partition());
    let of = |partition: &str, region: &str| {
        format!("arn:{partition}:signer:{region}:111122223333:/signing-profiles/ci/abcDEF1234")
    };
    assert_eq!(partition(&of("aws-us-gov", "us-gov-west-1")), Some(Partition::AwsUsGov));
    assert_eq!(partition(&of("aws", "us-gov-west-1")), None);
    assert_eq!(partition(&of("aws-us-gov", "us-west-2")), None);
    assert_eq!(partition(&of("aws-moon", "us-west-2")), None);
}

#[test]
fn a_trusted_identity_is_a_profile_a_version_an_aliased_profile_or_an_alias() {
    let parse = |text: &str| SignerIdentity::parse(text);
    assert_eq!(parse(PROFILE), Some(Ok(SignerIdentity::Profile(PROFILE.to_owned()))));
    assert_eq!(parse(VERSION), Some(Ok(SignerIdentity::Version(VERSION.to_owned()))));
    assert_eq!(parse(ALIASED), Some(Ok(SignerIdentity::AliasedProfile(ALIASED.to_owned()))));
    for alias in [ALIAS, REGIONAL_ALIAS] {
        assert_eq!(parse(alias), Some(Ok(SignerIdentity::Alias(alias.to_owned()))));
    }
    for text in ["", "*", "x509.subject: C=US, ST=WA, O=AWS", "arn:aws:dynamodb:us-east-2:111122223333:table/t", "arn"]
    {
        assert_eq!(parse(text), None, "{text}");
    }
    for text in [
        JOB,
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles",
        "arn:aws:signer:eu-central-1:111122223333:signing-profiles/ci",
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/v/w",
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/*",
        "arn:aws:signer:*:111122223333:/signing-profiles/ci",
        "arn:aws:signer:::/aliases/",
        "arn:aws:signer",
    ] {
        assert!(matches!(parse(text), Some(Err(_))), "{text}");
    }
}

#[test]
fn a_signature_is_by_the_profile_the_version_or_the_alias_that_it_names() {
    let version = SigningProfileVersion::parse(VERSION);
    let aliased = SigningProfileVersion::parse(ALIASED);
    let alias = SigningProfileAlias::parse(ALIAS);
    let (Some(version), Some(aliased), Some(alias)) = (version, aliased, alias) else { panic!("they are ARNs") };
    let identity = |text: &str| match SignerIdentity::parse(text) {
        Some(Ok(identity)) => identity,
        other => panic!("{other:?}"),
    };
    for (text, of_version, of_aliased, of_alias) in [
        (PROFILE, true, false, true),
        (VERSION, true, false, true),
        (ALIASED, false, true, false),
        (ALIAS, false, false, true),
        (REGIONAL_ALIAS, false, false, false),
        ("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1235", false, false, false),
        ("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/CI_profile", false, false, false),
        ("arn:aws:signer:eu-west-1:111122223333:/signing-profiles/ci_profile", false, false, false),
        ("arn:aws:signer:eu-central-1:444455556666:/signing-profiles/ci_profile", false, false, false),
        ("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci", false, false, false),
    ] {
        let identity = identity(text);
        assert_eq!(identity.matches(&version, None), of_version, "{text}");
        assert_eq!(identity.matches(&aliased, None), of_aliased, "{text}");
        assert_eq!(identity.matches(&version, Some(&alias)), of_alias, "{text}");
    }
}
