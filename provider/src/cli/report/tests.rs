//! Formats, colours and exit codes.

use countersign_core::name::Digest;
use countersign_core::name::DigestAlgorithm;
use countersign_core::verdict::FailedSignature;
use countersign_core::verdict::Reasons;
use countersign_core::verdict::Skipped;
use serde_json::json;

use super::*;

fn digest() -> Digest {
    Digest::of(DigestAlgorithm::Sha256, b"{}")
}

fn checked(verdict: ImageVerdict) -> Checked {
    let result = ImageResult { digest: Some(digest()), verdict: verdict.into(), cached: false };
    Checked { image: "docker.io/library/nginx:latest".to_owned(), result, fields: Vec::new() }
}

fn skipped() -> Checked {
    checked(ImageVerdict::Skipped(Skipped { statement: "mirror".into() }))
}

fn rejected() -> Checked {
    let signatures = [FailedSignature {
        manifest: digest(),
        unverified_subject: Some("CN=e\u{1b}[2Jvil".into()),
        reasons: Reasons::one(Reason::new(Code::UntrustedIdentity, "CN=evil, expected one of CN=good")),
    }];
    checked(ImageVerdict::none_verified("all".into(), signatures.into_iter().collect(), None))
}

fn undecided() -> Checked {
    let reason = Reason::new(Code::RegistryThrottled, "status 429, expected 200");
    let mut checked = checked(ImageVerdict::from_reason(None, reason));
    checked.result.digest = None;
    checked
}

fn printed(checked: &[Checked], format: Format) -> String {
    let mut out = Vec::new();
    print(checked, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_rejection_takes_precedence_over_an_inconclusive_image() {
    assert_eq!(exit(&[skipped()]), Exit::Success);
    assert_eq!(exit(&[skipped(), undecided()]), Exit::Undecided);
    assert_eq!(exit(&[undecided(), skipped(), rejected()]), Exit::Rejected);
}

#[test]
fn the_text_has_one_block_for_each_image() {
    let digest = digest();
    assert_eq!(
        printed(&[skipped(), rejected(), undecided()], Format::Text),
        format!(
            "skipped       docker.io/library/nginx:latest
  digest      {digest}
  statement   mirror
  code        skipped
  message     statement \"mirror\" of the trust policy skips this repository

rejected      docker.io/library/nginx:latest
  digest      {digest}
  statement   all
  code        untrusted-identity
  message     CN=evil, expected one of CN=good
  what to do  sign with a trusted identity, or add the certificate's subject to trustedIdentities
  signature   {digest} of CN=e\\u{{1b}}[2Jvil (not verified)
              rejected: untrusted-identity: CN=evil, expected one of CN=good

inconclusive  docker.io/library/nginx:latest
  code        registry-throttled
  message     status 429, expected 200
  what to do  wait for the registry's rate limit, or use credentials with a higher one
"
        )
    );
}

#[test]
fn the_document_has_the_members_of_the_servers_items() {
    let document: serde_json::Value = serde_json::from_str(&printed(&[rejected(), undecided()], Format::Json)).unwrap();
    assert_eq!(
        document,
        json!({"images": [
            {
                "verdict": "rejected",
                "code": "untrusted-identity",
                "message": "CN=evil, expected one of CN=good",
                "advice": "sign with a trusted identity, or add the certificate's subject to trustedIdentities",
                "image": "docker.io/library/nginx:latest",
                "digest": digest().as_str(),
                "statement": "all",
                "rule": "all",
                "signer": null,
                "unverifiedSigner": null,
                "checks": null,
                "warnings": [],
                "signatures": [{
                    "digest": digest().as_str(),
                    "subject": "CN=e\\u{1b}[2Jvil",
                    "verdict": "rejected",
                    "reasons": [{"code": "untrusted-identity", "message": "CN=evil, expected one of CN=good"}],
                }],
                "signaturesOmitted": 0,
            },
            {
                "verdict": "inconclusive",
                "code": "registry-throttled",
                "message": "status 429, expected 200",
                "advice": "wait for the registry's rate limit, or use credentials with a higher one",
                "image": "docker.io/library/nginx:latest",
                "digest": null,
                "statement": null,
                "rule": null,
                "signer": null,
                "unverifiedSigner": null,
                "checks": null,
                "warnings": [],
                "signatures": [],
                "signaturesOmitted": 0,
            },
        ]})
    );
}

fn from_manifests(mut checked: Checked, count: usize) -> Checked {
    checked.fields = (0..count)
        .map(|index| ImageField {
            file: "a.yaml".to_owned(),
            object: "Pod \"shop\"".to_owned(),
            field: format!("spec.containers[{index}].image"),
        })
        .collect();
    checked
}

#[test]
fn the_table_has_a_line_for_each_image_the_reasons_and_a_summary() {
    let digest = digest();
    let not_a_reference = Checked {
        image: "Not/An\u{1b}Image".to_owned(),
        result: not_a_reference("Not/An/Image".parse::<countersign_core::name::ImageRef>().unwrap_err()),
        fields: Vec::new(),
    };
    let short: String = digest.to_string().chars().take(19).collect();
    let page = printed(
        &[skipped(), from_manifests(rejected(), 1), undecided(), not_a_reference],
        Format::Table { colour: false },
    );
    let (table, rest) = page.split_once("\n\n").unwrap();
    assert_eq!(
        table,
        format!(
            "VERDICT       IMAGE                           DIGEST               SIGNER OR CODE
skipped       docker.io/library/nginx:latest  {short}  skipped by statement \"mirror\"
rejected      docker.io/library/nginx:latest  {short}  untrusted-identity
inconclusive  docker.io/library/nginx:latest  -                    registry-throttled
rejected      Not/An\\u{{1b}}Image               -                    invalid-reference"
        )
    );
    let blocks: Vec<&str> = rest.split("\n\n").collect();
    let [rejected, inconclusive, no_reference, summary] = blocks.as_slice() else { panic!("{page}") };
    assert!(
            rejected.starts_with(
                "rejected      docker.io/library/nginx:latest\n  named by    a.yaml, Pod \"shop\", spec.containers[0].image\n"
            ),
            "{rejected}"
        );
    assert!(inconclusive.contains("\n  what to do  wait for the registry's rate limit"), "{inconclusive}");
    assert!(no_reference.contains("\n  code        invalid-reference\n"), "{no_reference}");
    assert_eq!(*summary, "4 images: 0 verified, 1 skipped, 2 rejected, 1 inconclusive\n");
    assert!(!page.contains('\u{1b}'), "{page}");
}

#[test]
fn only_verdicts_have_colours() {
    let page = printed(&[skipped(), rejected(), undecided()], Format::Table { colour: true });
    let painted: Vec<&str> = page.lines().filter(|line| line.contains('\u{1b}')).collect();
    let verdicts: Vec<&str> = painted.iter().map(|line| line.split("\u{1b}[0m").next().unwrap()).collect();
    assert_eq!(verdicts, ["\u{1b}[36mskipped     ", "\u{1b}[31mrejected    ", "\u{1b}[33minconclusive"]);
}

#[test]
fn one_image_is_counted_as_one() {
    let page = printed(&[skipped()], Format::Table { colour: false });
    assert!(page.ends_with("\n1 image: 0 verified, 1 skipped, 0 rejected, 0 inconclusive\n"), "{page}");
}

#[test]
fn colours_are_for_terminals_unless_the_environment_or_the_operator_decides() {
    let none = |_: &str| None;
    let no_color = |value: &'static str| move |name: &str| (name == "NO_COLOR").then(|| OsString::from(value));
    let dumb = |name: &str| (name == "TERM").then(|| OsString::from("dumb"));
    assert!(has_colour(Color::Auto, true, none));
    assert!(!has_colour(Color::Auto, false, none));
    assert!(!has_colour(Color::Auto, true, no_color("1")));
    assert!(has_colour(Color::Auto, true, no_color("")));
    assert!(!has_colour(Color::Auto, true, dumb));
    assert!(has_colour(Color::Always, false, no_color("1")));
    assert!(!has_colour(Color::Never, true, none));
}

#[test]
fn fields_of_manifests_are_shown_up_to_a_limit() {
    let page = printed(&[from_manifests(skipped(), 12)], Format::Text);
    assert_eq!(page.matches("  named by    a.yaml, Pod \"shop\", spec.containers[").count(), 10, "{page}");
    assert!(page.contains("\n              and 2 more\n"), "{page}");
    let document: serde_json::Value =
        serde_json::from_str(&printed(&[from_manifests(skipped(), 12), skipped()], Format::Json)).unwrap();
    assert_eq!(document["images"][0]["fields"].as_array().unwrap().len(), 12);
    assert_eq!(
        document["images"][0]["fields"][1],
        json!({"file": "a.yaml", "object": "Pod \"shop\"", "field": "spec.containers[1].image"})
    );
    assert_eq!(document["images"][1].get("fields"), None);
}
