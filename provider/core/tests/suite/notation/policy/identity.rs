//! Which subjects match a trusted identity.

use countersign_core::name::SignerIdentity;
use countersign_core::policy::Identities;
use countersign_core::policy::Identity;
use countersign_core::policy::IdentityError;
use countersign_core::policy::IdentityMismatch;
use countersign_core::policy::NameError;
use countersign_core::x509::Certificate;
use countersign_core::x509::DistinguishedName;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;

fn name_of(spec: CertSpec) -> DistinguishedName {
    Certificate::parse(Chain::self_signed(spec).leaf_der()).unwrap().subject().clone()
}

fn name(subject: &[(&str, &str)]) -> DistinguishedName {
    name_of(CertSpec::leaf().subject(subject))
}

fn trusted(entries: &[&str]) -> Identities {
    Identities::parse(entries).unwrap()
}

const RELEASE: [(&str, &str); 5] = [("C", "CH"), ("ST", "ZH"), ("O", "Example AG"), ("OU", "build"), ("CN", "release")];

fn matches(entry: &str, subject: &[(&str, &str)]) -> bool {
    let identities = trusted(&[entry]);
    match identities.matches(&name(subject)) {
        Ok(()) => true,
        Err(IdentityMismatch::NotListed { subject: _, expected, remedy: _ }) => {
            assert!(expected.as_str().starts_with(&format!("{entry:?}")), "{expected}");
            false
        }
        Err(other) => panic!("another mismatch: {other}"),
    }
}

#[test]
fn every_attribute_of_the_entry_must_be_in_the_subject_in_any_order() {
    assert!(matches("x509.subject: C=CH, ST=ZH, O=Example AG", &RELEASE));
    assert!(matches("x509.subject: CN=release, O=Example AG, S=ZH, C=CH", &RELEASE));
    assert!(matches("x509.subject:C=CH,ST=ZH,O=Example AG,OU=build,CN=release", &RELEASE));
    assert!(!matches("x509.subject: C=CH, ST=ZH, O=Example AG, CN=other", &RELEASE));
    assert!(!matches("x509.subject: C=CH, ST=ZH, O=Example AG, L=Zürich", &RELEASE));
    assert!(!matches("x509.subject: C=CH, ST=ZH, O=Example AG", &RELEASE[1..]));
}

#[test]
fn values_are_compared_byte_for_byte() {
    assert!(!matches("x509.subject: C=CH, ST=ZH, O=example ag", &RELEASE));
    assert!(!matches("x509.subject: C=CH, ST=ZH, O=Example  AG", &RELEASE));
    assert!(!matches("x509.subject: C=CH, ST=ZH, O=Example", &RELEASE));
    let odd = [("C", "CH"), ("ST", "ZH"), ("O", " a,b+c ")];
    assert!(matches(r"x509.subject: C=CH, ST=ZH, O=\ a\,b\+c\ ", &odd));
    assert!(!matches(r"x509.subject: C=CH, ST=ZH, O=a\,b\+c", &odd));
}

#[test]
fn one_value_is_never_read_as_two_attributes() {
    let forged = [("C", "CH"), ("ST", "ZH"), ("O", "Evil"), ("CN", "x,O=Example AG")];
    assert!(!matches("x509.subject: C=CH, ST=ZH, O=Example AG", &forged));
}

#[test]
fn one_of_several_entries_suffices() {
    let identities = trusted(&["x509.subject: C=DE, ST=BE, O=a", "x509.subject: C=CH, ST=ZH, O=Example AG"]);
    assert_eq!(identities.matches(&name(&RELEASE)), Ok(()));
}

#[test]
fn ignores_attributes_that_a_policy_cannot_name() {
    let extra = [&RELEASE[..], &[("0.9.2342.19200300.100.1.25", "a"), ("0.9.2342.19200300.100.1.25", "b")]].concat();
    assert!(matches("x509.subject: C=CH, ST=ZH, O=Example AG", &extra));
}

#[test]
fn values_of_a_multi_valued_name_count_one_by_one() {
    let subject = name_of(CertSpec::leaf().subject_rdns(&[
        &[("C", "CH")],
        &[("ST", "ZH")],
        &[("O", "Example AG"), ("OU", "build")],
    ]));
    assert_eq!(trusted(&["x509.subject: C=CH, ST=ZH, O=Example AG, OU=build"]).matches(&subject), Ok(()));
}

#[test]
fn a_subject_with_an_attribute_twice_matches_nothing_but_any() {
    let twice = name(&[("C", "CH"), ("ST", "ZH"), ("O", "Example AG"), ("OU", "a"), ("OU", "b")]);
    let mismatch = IdentityMismatch::Repeated { subject: "OU=a+OU=b,O=Example AG,ST=ZH,C=CH".into(), attribute: "OU" };
    assert_eq!(trusted(&["x509.subject: C=CH, ST=ZH, O=Example AG"]).matches(&twice), Err(mismatch));
    assert_eq!(Identities::Any.matches(&twice), Ok(()));
}

#[test]
fn a_subject_with_a_hexadecimal_mark_matches_nothing_but_any() {
    let marked = name(&[("C", "US"), ("ST", "WA"), ("O", "SomeOrg"), ("CN", "Bad=#CN")]);
    let mismatch = IdentityMismatch::Hexadecimal { subject: "CN=Bad=#CN,O=SomeOrg,ST=WA,C=US".into(), attribute: "CN" };
    assert_eq!(trusted(&["x509.subject: C=US, ST=WA, O=SomeOrg"]).matches(&marked), Err(mismatch));
    assert_eq!(Identities::Any.matches(&marked), Ok(()));
}

#[test]
fn other_prefixes_are_accepted_and_never_match_a_subject() {
    let arn = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci";
    let identities = trusted(&[arn]);
    let signer = Identity::Signer(SignerIdentity::Profile(arn.to_owned()));
    let table = "arn:aws:dynamodb:eu-central-1:111122223333:table/t";
    let foreign = Identity::Foreign { prefix: "arn".to_owned(), text: table.to_owned() };
    assert_eq!(trusted(&[arn, table]), Identities::Listed(vec![signer, foreign]));
    let mismatch = identities.matches(&name(&RELEASE)).unwrap_err();
    assert_eq!(mismatch.to_string(), "trusted identities: found no x509.subject, expected at least one, or *");
    assert_eq!(mismatch.remedy().unwrap(), add(RELEASE_ENTRY).as_str());
    assert_eq!(trusted(&[arn, "x509.subject: C=CH, ST=ZH, O=Example AG"]).matches(&name(&RELEASE)), Ok(()));
}

/// The entry that trusts [`RELEASE`] and no other subject, within a string of JSON.
const RELEASE_ENTRY: &str = "x509.subject: CN=release,OU=build,O=Example AG,ST=ZH,C=CH";

fn add(entry: &str) -> String {
    format!(
        "sign with a trusted identity; or add \"{entry}\" to trustedIdentities of the statement, if you trust this signer"
    )
}

/// The entries that the message expects, and the remedy.
fn mismatch(entries: &[&str], subject: &DistinguishedName) -> (String, Option<String>) {
    let mismatch = trusted(entries).matches(subject).unwrap_err();
    let text = mismatch.to_string();
    let (_, expected) = text.split_once(", expected one of ").unwrap();
    (expected.to_owned(), mismatch.remedy().map(|remedy| remedy.to_string()))
}

#[test]
fn the_nearest_entry_is_first_with_the_attributes_that_differ() {
    let subject = name(&RELEASE);
    let far = "x509.subject: C=CH, ST=ZH, O=Another AG";
    for (entry, differences) in [
        ("x509.subject: C=CH, ST=ZH, O=example ag", "O: found \"Example AG\", expected \"example ag\""),
        ("x509.subject: C=CH, ST=ZH, O=Example  AG", "O: found \"Example AG\", expected \"Example  AG\""),
        ("x509.subject: CN=release, O=Other, ST=ZH, C=CH", "O: found \"Example AG\", expected \"Other\""),
        (
            "x509.subject: C=CH, ST=BE, O=Example AG, L=Zürich",
            "L: found none, expected \"Zürich\"; ST: found \"ZH\", expected \"BE\"",
        ),
        ("x509.subject: C=CH, ST=ZH, O=Example AG, CN=other", "CN: found \"release\", expected \"other\""),
    ] {
        assert_eq!(
            mismatch(&[far, entry], &subject),
            (format!("{entry:?} (the nearest; {differences}), {far:?}"), Some(add(RELEASE_ENTRY)))
        );
    }
    // Of two near ones, the one with fewer differences; country and state alone make none near.
    let two = ["x509.subject: C=CH, ST=BE, O=Example AG, CN=x", "x509.subject: C=CH, ST=BE, O=Example AG, CN=release"];
    let expected = format!("{:?} (the nearest; ST: found \"ZH\", expected \"BE\"), {:?}", two[1], two[0]);
    assert_eq!(mismatch(&two, &subject).0, expected);
    assert_eq!(mismatch(&[far], &subject).0, format!("{far:?}"));
}

#[test]
fn the_remedy_has_an_entry_that_trusts_the_subject_or_none() {
    let entry = ["x509.subject: C=US, ST=WA, O=Other"];
    let entry_of = |subject: &DistinguishedName| mismatch(&entry, subject).1.unwrap_or_default();
    // Of the remedy, as a trust policy has it in JSON.
    let odd = name(&[("C", "CH"), ("ST", "ZH"), ("O", " a,b+c\"\\ü\u{202e}")]);
    let remedy = entry_of(&odd);
    let quoted = remedy.split_once("add ").unwrap().1.split_once(" to trustedIdentities").unwrap().0;
    let copied: String = serde_json::from_str(quoted).unwrap();
    assert_eq!(trusted(&[&copied]).matches(&odd), Ok(()), "{copied}");
    assert_ne!(trusted(&[&copied]).matches(&name(&RELEASE)), Ok(()));
    // Beside a narrower one, the statement would be disabled.
    let narrow = "x509.subject: C=CH, ST=ZH, O=a, CN=b";
    let wide = "x509.subject: O=a,ST=ZH,C=CH";
    assert!(Identities::parse(&[narrow, wide]).is_err());
    assert_eq!(
        mismatch(&[entry[0], narrow], &name(&[("C", "CH"), ("ST", "ZH"), ("O", "a")])).1.unwrap(),
        format!(
            "sign with a trusted identity; or replace {narrow:?} in trustedIdentities of the statement by {wide:?}, if you trust this \
             signer"
        )
    );
    // No entry can trust them.
    assert_eq!(
        entry_of(&name(&RELEASE[2..])),
        "sign with a trusted identity; the subject of this certificate has no C and ST, so that no x509.subject can trust it"
    );
    let unnamed = name(&[&RELEASE[..], &[("0.9.2342.19200300.100.1.25", "a")]].concat());
    assert_eq!(mismatch(&entry, &unnamed).1, None);
    let long = name(&[("C", "CH"), ("ST", "ZH"), ("O", &"x".repeat(300))]);
    assert_eq!(mismatch(&entry, &long).1, None);
    let twice = name(&[("C", "CH"), ("ST", "ZH"), ("O", "a"), ("OU", "a"), ("OU", "b")]);
    assert_eq!(
        trusted(&entry).matches(&twice).unwrap_err().remedy().unwrap(),
        "sign with a certificate whose subject has each attribute once and as plain text; or trust *, which is every signer under the \
         statement's trust stores"
    );
}

/// The errors, one for each entry.
fn in_order(errors: Vec<(usize, IdentityError)>) -> Vec<IdentityError> {
    let (indexes, errors): (Vec<_>, Vec<_>) = errors.into_iter().unzip();
    assert_eq!(indexes, (0..errors.len()).collect::<Vec<_>>());
    errors
}

#[test]
fn refuses_lists_with_all_their_mistakes() {
    let no_prefix = |found: &str| IdentityError::NoPrefix { found: found.into() };
    let errors = Identities::parse(&[
        "*",
        "",
        "C=CH,ST=ZH,O=a",
        ":x",
        "x509.subject:  ",
        "X509.Subject: C=CH,ST=ZH,O=a",
        "x509.subject : C=CH,ST=ZH,O=a",
        "x509.subject: C=CH, ST=ZH",
    ]);
    let misspelt = |found: &str| IdentityError::MisspeltPrefix { found: found.into() };
    assert_eq!(
        errors.map_err(in_order),
        Err(vec![
            IdentityError::AnyBesideOthers,
            no_prefix(""),
            no_prefix("C=CH,ST=ZH,O=a"),
            no_prefix(":x"),
            IdentityError::NoValue { found: "x509.subject:  ".into() },
            misspelt("X509.Subject: C=CH,ST=ZH,O=a"),
            misspelt("x509.subject : C=CH,ST=ZH,O=a"),
            IdentityError::Name {
                found: "x509.subject: C=CH, ST=ZH".into(),
                error: NameError::Missing { attribute: "O" },
            },
        ])
    );
    assert_eq!(
        Identities::parse(&["*", "*"]),
        Err(vec![(0, IdentityError::AnyBesideOthers), (1, IdentityError::AnyBesideOthers)])
    );
}

#[test]
fn refuses_entries_of_which_one_contains_the_other() {
    let wide = "x509.subject: C=CH, ST=ZH, O=a";
    let narrow = "x509.subject: O=a, C=CH, ST=ZH, CN=b";
    let same = "x509.subject:S=ZH,C=CH,O=a";
    let overlap =
        |wide: &str, narrow: &str| Err(vec![(1, IdentityError::Overlap { wide: wide.into(), narrow: narrow.into() })]);
    assert_eq!(Identities::parse(&[wide, narrow]), overlap(wide, narrow));
    assert_eq!(Identities::parse(&[narrow, wide]), overlap(wide, narrow));
    assert_eq!(Identities::parse(&[wide, same]), overlap(wide, same));
    let beside = ["x509.subject: C=CH, ST=ZH, O=a, CN=c", narrow];
    assert!(Identities::parse(&beside).is_ok());
}
