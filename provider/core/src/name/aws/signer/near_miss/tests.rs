use super::*;

const VERSION: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1234";
const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile";
const ALIASED: &str = "arn:aws:signer:eu-central-1::/aliased-signing-profiles/db4a39f3-f858-4b92-8623-8b4c41649972";
const ALIAS: &str = "arn:aws:signer:::/aliases/com.example.release";

fn near(entry: &str, version: &str, alias: Option<&str>) -> Option<SignerNearMiss> {
    let Some(version) = SigningProfileVersion::parse(version) else { panic!("it is an ARN") };
    SignerNearMiss::of(entry, &version, alias.and_then(SigningProfileAlias::parse).as_ref())
}

/// The differences, and what the entry should be if only its spelling is wrong.
#[track_caller]
fn check(entry: &str, version: &str, alias: Option<&str>, differences: &str, corrected: Option<&str>) {
    let found = near(entry, version, alias);
    let found = found.as_ref().map(|near| (near.to_string(), near.corrected()));
    assert_eq!(found, Some((differences.to_owned(), corrected)), "{entry}");
}

#[test]
fn every_part_of_an_arn_that_differs_is_named_with_both_values() {
    for (entry, differences) in [
        (
            "arn:aws:signer:eu-central-1:444455556666:/signing-profiles/ci_profile",
            "account: found \"111122223333\", expected \"444455556666\"",
        ),
        (
            "arn:aws:signer:eu-west-1:111122223333:/signing-profiles/ci_profile/abcDEF1234",
            "region: found \"eu-central-1\", expected \"eu-west-1\"",
        ),
        (
            "arn:aws-us-gov:signer:us-gov-west-1:111122223333:/signing-profiles/ci_profile",
            "partition: found \"aws\", expected \"aws-us-gov\"; region: found \"eu-central-1\", expected \"us-gov-west-1\"",
        ),
        (
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1235",
            "version: found \"abcDEF1234\", expected \"abcDEF1235\"",
        ),
        (
            "arn:aws:signer:eu-central-1::/aliased-signing-profiles/ci_profile",
            "resource: found \"/signing-profiles/\", expected \"/aliased-signing-profiles/\"",
        ),
        ("arn:aws:signer:::/aliases/ci_profile", "resource: found \"/signing-profiles/\", expected \"/aliases/\""),
        (
            "arn:aws:signer:eu-west-1:444455556666:/signing-profiles/CI_profile/x",
            "region: found \"eu-central-1\", expected \"eu-west-1\"; account: found \"111122223333\", expected \"444455556666\"; \
             letter case of the name: found \"ci_profile\", expected \"CI_profile\"; version: found \"abcDEF1234\", expected \"x\"",
        ),
    ] {
        check(entry, VERSION, None, differences, None);
    }
    assert!(
        near("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/x", VERSION, None)
            .is_some_and(|near| near.is_other_version())
    );
}

#[test]
fn a_wildcard_is_a_difference_and_the_other_parts_are_compared() {
    for entry in [
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/*",
        "arn:aws:signer:*:111122223333:/signing-profiles/ci_profile",
        "arn:*:signer:*:*:/signing-profiles/*",
    ] {
        check(entry, VERSION, None, "a * matches nothing", None);
    }
    let differences = "account: found \"111122223333\", expected \"444455556666\"; a * matches nothing";
    check("arn:aws:signer:*:444455556666:/signing-profiles/*", VERSION, None, differences, None);
}

#[test]
fn an_entry_that_differs_in_spelling_is_corrected() {
    let spelled = format!("spelling of this entry: expected {PROFILE:?}");
    for entry in [
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/",
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile ",
        "\tarn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile",
        "arn:aws:signer:eu-central-1:111122223333:signing-profiles/ci_profile",
        "arn:aws:signer:eu-central-1:111122223333:/signing-profile/ci_profile",
        "arn:aws:signer:eu-central-1:111122223333://signing-profiles//ci_profile",
        "arn:aws:signer:eu-central-1: 111122223333:/signing-profiles/ ci_profile",
        "arn:aws:signer:eu-central-1:1111-2222-3333:/signing-profiles/ci_profile",
        "ARN:AWS:Signer:EU-Central-1:111122223333:/Signing-Profiles/ci_profile",
    ] {
        check(entry, VERSION, None, &spelled, Some(PROFILE));
        assert_eq!(SignerIdentity::respelled(entry).as_deref(), Some(PROFILE), "{entry}");
    }
    let other_case = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/CI_Profile/ABCdef1234/";
    check(
        other_case,
        VERSION,
        None,
        "spelling of this entry: expected \"arn:aws:signer:eu-central-1:111122223333:/signing-profiles/CI_Profile/ABCdef1234\"; letter \
         case of the name: found \"ci_profile\", expected \"CI_Profile\"; letter case of the version: found \"abcDEF1234\", expected \
         \"ABCdef1234\"",
        Some(VERSION),
    );
    let hyphen = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci-profile";
    check(hyphen, VERSION, None, "name: found \"ci_profile\", expected \"ci-profile\"", Some(PROFILE));
}

#[test]
fn an_alias_is_compared_with_the_alias_of_the_signature() {
    let alias = Some(ALIAS);
    check(
        "arn:aws:signer:eu-central-1:111122223333:/aliases/com.example.release",
        ALIASED,
        alias,
        "region: found none, expected \"eu-central-1\"; account: found none, expected \"111122223333\"",
        None,
    );
    check(
        "arn:aws:signer:::/aliases/com.example.Release",
        VERSION,
        alias,
        "letter case of the name: found \"com.example.release\", expected \"com.example.Release\"",
        Some(ALIAS),
    );
    // A name with dots cannot be a profile, and is not respelled.
    check(
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/com.example.release",
        VERSION,
        alias,
        "resource: found \"/aliases/\", expected \"/signing-profiles/\"",
        None,
    );
    check(
        &ALIASED.replace("::/aliased-", ":111122223333:/"),
        ALIASED,
        alias,
        "resource: found \"/aliased-signing-profiles/\", expected \"/signing-profiles/\"",
        None,
    );
    check(ALIAS, VERSION, None, "an alias; the signature was not made under one", None);
    // Nearer than an alias that the signature does not have is everything else.
    let other = near("arn:aws:signer:us-east-1:444455556666:/signing-profiles/CI_profile/x", VERSION, None);
    assert!(other.zip(near(ALIAS, VERSION, None)).is_some_and(|(one, alias)| one.distance() < alias.distance()));
}

#[test]
fn an_entry_with_another_name_is_not_near() {
    for entry in [
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci",
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1234/x",
        "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/ci_profile",
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/",
        "arn:aws:s3:eu-central-1:111122223333:/signing-profiles/ci_profile",
        "arn:aws:signer:eu-central-1:/signing-profiles/ci_profile",
        "x509.subject: C=US, ST=WA, O=AWS",
        "",
        "*",
    ] {
        assert_eq!(near(entry, VERSION, None), None, "{entry}");
    }
    assert_eq!(near("arn:aws:signer:::/aliases/other", VERSION, Some(ALIAS)), None);
    let long =
        format!("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile{}", " ".repeat(ENTRY_BYTES));
    assert_eq!((near(&long, VERSION, None), SignerIdentity::respelled(&long)), (None, None));
}

#[test]
fn only_what_can_identify_a_signer_is_respelled() {
    for entry in [
        PROFILE,
        VERSION,
        ALIAS,
        "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/1/",
        "arn:aws:signer:europe:111122223333:/signing-profiles/ci_profile/",
        "arn:aws:signer:eu-central-1:1111:/signing-profiles/ci_profile/",
    ] {
        assert_eq!(SignerIdentity::respelled(entry), None, "{entry}");
    }
    assert_eq!(SignerIdentity::respelled("arn:aws:signer:::alias/a/").as_deref(), Some("arn:aws:signer:::/aliases/a"));
}
