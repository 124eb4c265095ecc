use super::*;

const VERSION: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1234";
const PROFILE: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile";
const ALIASED: &str = "arn:aws:signer:eu-central-1::/aliased-signing-profiles/db4a39f3-f858-4b92-8623-8b4c41649972";
const ALIAS: &str = "arn:aws:signer:::/aliases/com.example.release";

/// What a denial says to do about [`VERSION`] where nothing is nearer.
const ADD: &str = "sign with a trusted signing profile; or add \"arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile\" \
                   to trustedIdentities of the statement, if you trust this profile of account 111122223333";

fn matches(entries: &[&str], version: &str, alias: Option<&str>) -> Result<(), IdentityMismatch> {
    let Some(version) = SigningProfileVersion::parse(version) else { panic!("it is an ARN") };
    let Ok(identities) = Identities::parse(entries) else { panic!("they are identities") };
    identities.matches_profile(&version, alias.and_then(SigningProfileAlias::parse).as_ref())
}

/// The message and the remedy.
fn mismatch(entries: &[&str], version: &str, alias: Option<&str>) -> (String, String) {
    match matches(entries, version, alias) {
        Ok(()) => panic!("trusted: {entries:?}"),
        Err(mismatch) => (mismatch.to_string(), mismatch.remedy().map(|remedy| remedy.to_string()).unwrap_or_default()),
    }
}

fn corrected(from: &str, to: &str) -> String {
    format!(
        "correct {from:?} in trustedIdentities of the statement to {to:?}, if you trust this profile of account 111122223333"
    )
}

#[test]
fn a_profile_is_trusted_by_name_version_or_alias_and_never_by_a_star() {
    for entries in [&[VERSION][..], &[PROFILE], &["x509.subject: C=US, ST=WA, O=AWS", PROFILE], &["shop:a", PROFILE]] {
        assert_eq!(matches(entries, VERSION, None), Ok(()), "{entries:?}");
    }
    assert_eq!(matches(&[ALIAS], VERSION, Some(ALIAS)), Ok(()));
    assert_eq!(
        mismatch(&["*"], VERSION, None),
        (
            format!(
                "signed by AWS Signer with profile {VERSION:?}: found trusted identity *, which would trust every customer of AWS, \
                 expected the ARN of the signing profile"
            ),
            format!(
                "replace * in trustedIdentities of the statement by {PROFILE:?}, if you trust this profile of account 111122223333"
            )
        )
    );
    for entries in [&["x509.subject: C=US, ST=WA, O=AWS"][..], &["arn:aws:s3:::bucket", "shop:a"]] {
        assert_eq!(
            mismatch(entries, VERSION, None),
            (
                format!(
                    "signing profile is not a trusted identity: found {VERSION:?}, expected its ARN in trustedIdentities, which has \
                     none of AWS Signer"
                ),
                ADD.to_owned()
            )
        );
    }
}

#[test]
fn another_profile_is_named_with_the_entry_that_would_trust_it() {
    let others = [
        "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci",
        "arn:aws:signer:us-east-1::/aliased-signing-profiles/a",
    ];
    assert_eq!(
        mismatch(&others, VERSION, None),
        (
            format!(
                "signing profile is not a trusted identity: found {VERSION:?}, expected one of {:?}, {:?}",
                others[0], others[1]
            ),
            ADD.to_owned()
        )
    );
    // One without an account.
    assert_eq!(
        mismatch(&[PROFILE], ALIASED, None).1,
        format!(
            "sign with a trusted signing profile; or add {ALIASED:?} to trustedIdentities of the statement, if you trust this profile"
        )
    );
    // An ARN that would be cut is not for copying.
    let long = format!("arn:aws:signer:eu-central-1:111122223333:/signing-profiles/{}/abcDEF1234", "x".repeat(300));
    let general = "sign with a trusted signing profile, or add its ARN to trustedIdentities of the statement";
    assert_eq!(mismatch(&[PROFILE], &long, None).1, general);
    assert_eq!(mismatch(&[&long.replace("x/abc", "X/abc")], &long, None).1, general);
}

#[test]
fn the_nearest_entry_is_first_with_its_differences() {
    let account = "arn:aws:signer:eu-central-1:444455556666:/signing-profiles/ci_profile";
    let region_and_account = "arn:aws:signer:eu-west-1:444455556666:/signing-profiles/ci_profile";
    assert_eq!(
        mismatch(&[ALIAS, region_and_account, "x509.subject: C=US, ST=WA, O=AWS", account, "shop:a"], VERSION, None),
        (
            format!(
                "signing profile is not a trusted identity: found {VERSION:?}, expected one of {account:?} (the nearest; account: found \
                 \"111122223333\", expected \"444455556666\"), {ALIAS:?}, {region_and_account:?}"
            ),
            ADD.to_owned()
        )
    );
    assert_eq!(
        mismatch(&[region_and_account], VERSION, None).0,
        format!(
            "signing profile is not a trusted identity: found {VERSION:?}, expected one of {region_and_account:?} (the nearest; region: \
             found \"eu-central-1\", expected \"eu-west-1\"; account: found \"111122223333\", expected \"444455556666\")"
        )
    );
}

#[test]
fn an_entry_that_is_misspelled_is_corrected() {
    for (entry, differences) in [
        (
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/CI_profile",
            "letter case of the name: found \"ci_profile\", expected \"CI_profile\"".to_owned(),
        ),
        (
            "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/",
            format!("spelling of this entry: expected {PROFILE:?}"),
        ),
        (
            " arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile ",
            format!("spelling of this entry: expected {PROFILE:?}"),
        ),
        (
            "arn:aws:signer:eu-central-1:111122223333:signing-profile/ci_profile",
            format!("spelling of this entry: expected {PROFILE:?}"),
        ),
    ] {
        assert_eq!(
            mismatch(&[ALIAS, entry], VERSION, None),
            (
                format!(
                    "signing profile is not a trusted identity: found {VERSION:?}, expected one of {entry:?} (the nearest; \
                     {differences}), {ALIAS:?}"
                ),
                corrected(entry, PROFILE)
            )
        );
    }
    let version = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/ABCdef1234";
    assert_eq!(mismatch(&[version], VERSION, None).1, corrected(version, VERSION));
}

#[test]
fn another_version_can_be_added_or_every_one() {
    let other = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci_profile/abcDEF1235";
    assert_eq!(
        mismatch(&[other], VERSION, None),
        (
            format!(
                "signing profile is not a trusted identity: found {VERSION:?}, expected one of {other:?} (the nearest; version: found \
                 \"abcDEF1234\", expected \"abcDEF1235\")"
            ),
            format!(
                "sign with the trusted version of the signing profile; or add {PROFILE:?}, which is every version of it, or this version \
                 to trustedIdentities of the statement, if you trust this profile of account 111122223333"
            )
        )
    );
}

#[test]
fn an_alias_is_near_if_the_signature_has_it_elsewhere_or_none() {
    let regional = "arn:aws:signer:eu-central-1::/aliases/com.example.release";
    assert_eq!(
        mismatch(&[regional], VERSION, Some(ALIAS)).0,
        format!(
            "signing profile is not a trusted identity: found {VERSION:?} under the alias {ALIAS:?}, expected one of {regional:?} (the \
             nearest; region: found none, expected \"eu-central-1\")"
        )
    );
    assert_eq!(
        mismatch(&[ALIAS], VERSION, None).0,
        format!(
            "signing profile is not a trusted identity: found {VERSION:?}, expected one of {ALIAS:?} (the nearest; an alias; the \
             signature was not made under one)"
        )
    );
    // With another alias, the entry is only another one.
    assert_eq!(
        mismatch(&[ALIAS], VERSION, Some("arn:aws:signer:::/aliases/other")).0,
        format!(
            "signing profile is not a trusted identity: found {VERSION:?} under the alias \"arn:aws:signer:::/aliases/other\", expected \
             one of {ALIAS:?}"
        )
    );
}

#[test]
fn a_wildcard_matches_nothing_and_is_named() {
    let arn = "arn:aws:signer:*:111122223333:/signing-profiles/*";
    assert_eq!(
        mismatch(&[arn], VERSION, None),
        (
            format!(
                "signing profile is not a trusted identity: found {VERSION:?}, expected one of {arn:?} (the nearest; a * matches nothing)"
            ),
            ADD.to_owned()
        )
    );
}

#[test]
fn an_arn_of_aws_signer_that_is_no_signing_profile_is_not_among_the_expected_ones() {
    let job = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/1";
    assert_eq!(mismatch(&[job], VERSION, None).0, mismatch(&["shop:a"], VERSION, None).0);
}
