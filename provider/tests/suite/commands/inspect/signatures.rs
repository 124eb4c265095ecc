//! Signatures and their checks.

use countersign_testkit::crl::CrlSpec;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::responder::Responder;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::commands::inspect::Fixture;
use crate::commands::inspect::checks;

#[tokio::test]
async fn shows_a_signed_image_with_every_certificate() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let payload = image.clone().annotation("pipeline", "release");
    let request = SignRequest::new(&fixture.leaf, &payload)
        .expiry(datetime!(2026-02-01 00:00 UTC))
        .attribute("com.example.build", json!("77"))
        .timestamp(b"token");
    let manifest = Signature::new(&request, Format::Cose).attach(&fixture.registry, "app", &image);
    let (code, page) = fixture.text("app:v1").await;
    assert_eq!(code, Some(0));
    let [leaf, root] = fixture.leaf.thumbprints().try_into().unwrap();
    let bytes = request.cose().len();
    let root_serial = page.lines().filter_map(|line| line.strip_prefix("    serial    ")).nth(1).unwrap();
    let expected = format!(
            "
  target      {target}
  signatures  1

signature 1 of 1
  manifest    {manifest}
  result      verified
  envelope    cose, ES256, {bytes} bytes
  scheme      notary.x509
  signed      2026-01-02T03:04:05Z
  expires     2026-02-01T00:00:00Z
  timestamp   a token of 5 bytes that cannot be read: timestamp token: found no DER, expected a ContentInfo of RFC 5652 in DER; BER is not accepted
  attribute   com.example.build: \"77\"
  signed for  {target}
  metadata    pipeline: \"release\"
  certificate CN=leaf,O=Testkit,ST=ZH,C=CH
    issuer    CN=root,O=Testkit,ST=ZH,C=CH
    serial    0abc
    sha256    {leaf}
    key       EC P-256
    valid     2020-01-01T00:00:00Z to 2049-12-31T23:59:59Z
  certificate CN=root,O=Testkit,ST=ZH,C=CH
    issuer    CN=root,O=Testkit,ST=ZH,C=CH
    serial    {root_serial}
    sha256    {root}
    key       EC P-256
    valid     2020-01-01T00:00:00Z to 2049-12-31T23:59:59Z
  check       integrity          enforce  passed
  check       criticalAttributes enforce  passed
  check       targetBinding      enforce  passed
  check       metadata           enforce  passed
  check       authenticity       enforce  passed
  check       authenticTimestamp enforce  passed
  check       expiry             log      logged: expired: signature has expired: found expiry 2026-02-01T00:00:00Z, now NOW
  check       revocation         skip     skipped
",
            target = format_args!("{} ({}, {} bytes)", image.digest, image.media_type, image.size),
            manifest = manifest.digest,
        );
    assert_eq!(page, expected);
}

#[tokio::test]
async fn the_document_has_every_signature_in_the_order_in_which_they_are_tried() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let foreign = fixture.sign(&image, &fixture.untrusted);
    let good = fixture.sign(&image, &fixture.leaf);
    let (code, document) = fixture.json("app:v1").await;
    assert_eq!(code, Some(0));
    assert_eq!(document["target"], json!({"mediaType": image.media_type, "digest": image.digest, "size": image.size}));
    assert_eq!(document["found"], 2);
    assert_eq!(document["problem"], Value::Null);
    let [first, second] = document["signatures"].as_array().unwrap().as_slice() else { panic!("{document}") };
    // The thumbprint of a trusted certificate puts it first.
    assert_eq!([&first["digest"], &second["digest"]], [&good.digest, &foreign.digest]);
    assert_eq!([&first["result"], &second["result"]], ["verified", "rejected"]);
    // With integrity but without authenticity the content is still a claim.
    assert_eq!([&first["claimed"], &second["claimed"]], [false, true]);
    let members: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["checks", "claimed", "digest", "envelope", "evidence", "problem", "result"]);
    let envelope = &first["envelope"];
    let members: Vec<_> = envelope.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        [
            "algorithm",
            "attributes",
            "bytes",
            "certificates",
            "expiry",
            "format",
            "mediaType",
            "metadata",
            "scheme",
            "signingTime",
            "target",
            "timestamp",
            "timestampTokenBytes"
        ]
    );
    assert_eq!(envelope["mediaType"], "application/jose+json");
    assert_eq!(envelope["expiry"], Value::Null);
    assert_eq!(
        envelope["certificates"][0],
        json!({
            "subject": "CN=leaf,O=Testkit,ST=ZH,C=CH",
            "issuer": "CN=root,O=Testkit,ST=ZH,C=CH",
            "serial": "0abc",
            "sha256": fixture.leaf.thumbprints()[0],
            "key": "EC P-256",
            "notBefore": "2020-01-01T00:00:00Z",
            "notAfter": "2049-12-31T23:59:59Z",
        })
    );
    assert_eq!(
        checks(second),
        [
            ["integrity", "enforce", "passed", "-"],
            ["criticalAttributes", "enforce", "passed", "-"],
            ["targetBinding", "enforce", "passed", "-"],
            ["metadata", "enforce", "passed", "-"],
            ["authenticity", "enforce", "failed", "untrusted-chain"],
            ["authenticTimestamp", "enforce", "passed", "-"],
            ["expiry", "log", "passed", "-"],
            ["revocation", "skip", "skipped", "-"],
        ]
    );
}

#[tokio::test]
async fn rejects_an_unsigned_image_and_one_with_an_untrusted_signature() {
    let fixture = Fixture::new().await;
    fixture.registry.push_image("app", "unsigned");
    let (code, page) = fixture.text("app:unsigned").await;
    assert_eq!(code, Some(1));
    assert!(page.ends_with("\n  signatures  0\n"), "{page}");

    let image = fixture.registry.push_image("app", "foreign");
    fixture.sign(&image, &fixture.untrusted);
    let (code, page) = fixture.text("app:foreign").await;
    assert_eq!(code, Some(1));
    assert!(page.contains("\n  result      rejected\n"), "{page}");
    let reported = format!(
        "  check       authenticity       enforce  failed: untrusted-chain: certificate chain is not trusted: found root \
         CN=untrusted,O=Testkit,ST=ZH,C=CH (SHA-256 {}), expected a certificate of ca:main in the chain\n",
        fixture.untrusted.thumbprints().last().unwrap()
    );
    assert!(page.contains(&reported), "{page}");
}

#[tokio::test]
async fn marks_the_content_of_a_tampered_envelope_as_claimed() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let request = SignRequest::new(&fixture.leaf, &image);
    let altered = request.jws_parts().with_signature(&[1; 64]);
    Signature::of_envelope(&altered, Format::Jws.media_type()).attach(&fixture.registry, "app", &image);
    let (code, page) = fixture.text("app:v1").await;
    assert_eq!(code, Some(1));
    for line in [
        "  scheme      notary.x509 (claimed)",
        "  signed      2026-01-02T03:04:05Z (claimed)",
        "  certificate CN=leaf,O=Testkit,ST=ZH,C=CH (claimed)",
        "    serial    0abc (claimed)",
        "  check       targetBinding      enforce  not-reached",
        "  check       revocation         skip     not-reached",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert!(page.contains("  check       integrity          enforce  failed: signature-mismatch: "), "{page}");
    let (_, document) = fixture.json("app:v1").await;
    assert_eq!(document["signatures"][0]["claimed"], true);
    assert_eq!(document["signatures"][0]["checks"][0]["code"], "signature-mismatch");

    let broken = fixture.registry.push_image("app", "broken");
    Signature::of_envelope(b"{}", Format::Jws.media_type()).attach(&fixture.registry, "app", &broken);
    let (_, document) = fixture.json("app:broken").await;
    assert_eq!(document["signatures"][0]["envelope"], Value::Null);
    assert_eq!(document["signatures"][0]["claimed"], true);
    assert_eq!(document["signatures"][0]["checks"][0]["code"], "envelope-malformed");
}

#[tokio::test]
async fn escapes_control_characters() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let payload = image.clone().annotation("wipe\u{1b}[2J", "turn\u{202e}");
    let request = SignRequest::new(&fixture.leaf, &payload).attribute("com.example\u{1b}[2J", json!("\u{7}"));
    Signature::new(&request, Format::Jws).attach(&fixture.registry, "app", &image);
    let (_, page) = fixture.text("app:v1").await;
    assert!(!page.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{page}");
    assert!(page.contains("  attribute   com.example\\u{1b}[2J: \"\\u{7}\"\n"), "{page}");
    assert!(page.contains("  metadata    wipe\\u{1b}[2J: \"turn\\u{202e}\"\n"), "{page}");
}

#[tokio::test]
async fn an_expired_signature_over_another_image_fails_twice() {
    let fixture = Fixture::with(json!({"level": "strict"}), "").await;
    let image = fixture.registry.push_image("app", "v1");
    let other = fixture.registry.push_image("app", "v2");
    let request = SignRequest::new(&fixture.leaf, &other).expiry(datetime!(2026-02-01 00:00 UTC));
    Signature::new(&request, Format::Jws).attach(&fixture.registry, "app", &image);
    let (code, document) = fixture.json("app:v1").await;
    assert_eq!(code, Some(1));
    let failed: Vec<_> =
        checks(&document["signatures"][0]).into_iter().filter(|[_, _, result, _]| result == "failed").collect();
    assert_eq!(
        failed,
        [["targetBinding", "enforce", "failed", "target-mismatch"], ["expiry", "enforce", "failed", "expired"]]
    );
    assert_eq!(document["signatures"][0]["envelope"]["target"]["digest"], other.digest);
}

#[tokio::test]
async fn a_signature_that_cannot_be_checked_is_inconclusive() {
    let fixture = Fixture::with(json!({"level": "strict"}), "").await;
    let image = fixture.registry.push_image("app", "v1");
    let revocable = Authority::root(CertSpec::root());
    fixture.folder.write("trust/truststore/x509/ca/main/other.pem", revocable.pem());
    fixture.sign(&image, &revocable.issue(CertSpec::leaf().crl_url("ldap://crl.example/ca.crl")));
    let (code, document) = fixture.json("app:v1").await;
    assert_eq!(code, Some(2));
    assert_eq!(document["signatures"][0]["result"], "inconclusive");
    let [.., revocation] = &checks(&document["signatures"][0])[..] else { panic!("{document}") };
    assert_eq!(*revocation, ["revocation", "enforce", "inconclusive", "revocation-unchecked"]);
}

#[tokio::test]
async fn shows_required_metadata_as_a_check() {
    let wanted = "verification: {requiredMetadata: [{statement: app, annotations: {pipeline: release}}]}\n";
    let fixture = Fixture::with(json!({"level": "strict", "override": {"revocation": "skip"}}), wanted).await;
    let image = fixture.registry.push_image("app", "v1");
    fixture.sign(&image, &fixture.leaf);
    let (code, page) = fixture.text("app:v1").await;
    assert_eq!(code, Some(1));
    let reported = "  check       metadata           enforce  failed: metadata-missing: signed metadata \"pipeline\": found \
                    nothing, expected \"release\"\n";
    assert!(page.contains(reported), "{page}");
}

#[tokio::test]
async fn shows_the_other_signatures_beside_a_broken_one() {
    let fixture = Fixture::new().await;
    let image = fixture.registry.push_image("app", "v1");
    let gone = fixture.sign(&image, &fixture.untrusted);
    fixture.sign(&image, &fixture.leaf);
    fixture.registry.remove("app", &gone.digest);
    fixture.registry.list_referrer("app", &image.digest, gone.clone());
    let (code, document) = fixture.json("app:v1").await;
    assert_eq!(code, Some(0));
    let results: Vec<_> =
        document["signatures"].as_array().unwrap().iter().map(|found| found["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["verified", "inconclusive"]);
    assert_eq!(document["signatures"][1]["problem"]["code"], "signature-unavailable");
    assert_eq!(document["signatures"][1]["checks"], json!([]));
}

#[tokio::test]
async fn shows_the_evidence_with_its_source_and_times() {
    let responder = Responder::start().await;
    let settings = format!("evidence: {{reachableHosts: ['{}']}}\n", responder.host());
    let fixture = Fixture::with(json!({"level": "strict"}), &settings).await;
    let image = fixture.registry.push_image("app", "v1");
    let root = Authority::root(CertSpec::root().common_name("issuer"));
    fixture.folder.write("trust/truststore/x509/ca/main/other.pem", root.pem());
    let url = responder.url("/ca.crl");
    let signer = root.issue(CertSpec::leaf().crl_url(&url));
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    let (issued, next) = (now - time::Duration::hours(3), now + time::Duration::hours(5));
    responder.crl("/ca.crl", root.crl(&CrlSpec::new().valid(issued, next)));
    fixture.sign(&image, &signer);
    let (code, document) = fixture.json("app:v1").await;
    assert_eq!(code, Some(0), "{document}");
    let evidence = &document["signatures"][0]["evidence"][0];
    let text = |time: OffsetDateTime| time.format(&time::format_description::well_known::Rfc3339).unwrap();
    assert_eq!(
        (&evidence["kind"], &evidence["status"], &evidence["url"], &evidence["thisUpdate"], &evidence["nextUpdate"]),
        (&json!("crl"), &json!("good"), &json!(url), &json!(text(issued)), &json!(text(next)))
    );
    assert_eq!((&evidence["usableUntil"], &evidence["usableUntilBy"]), (&json!(text(next)), &json!("nextUpdate")));
    let age = evidence["ageSeconds"].as_u64().unwrap();
    assert!((10_800..12_000).contains(&age), "{age}");
    let (_, page) = fixture.text("app:v1").await;
    assert!(page.contains(&format!("evidence    crl from {url}\n")), "{page}");
    assert!(page.contains("  status    good for "), "{page}");
    assert!(page.contains(&format!("    issued    {}\n", text(issued))), "{page}");
    assert!(page.contains("Z, at an age of 3h"), "{page}");
    assert!(page.contains(&format!("    usable    until {}, its nextUpdate\n", text(next))), "{page}");
}
