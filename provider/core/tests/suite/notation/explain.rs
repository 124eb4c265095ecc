//! Explanations of envelopes. `judge` of the test support compares explanation and verdict in every test of the
//! checks; the tests here cover the rest of the explanation.

#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_core::notation;
    use countersign_core::notation::Check;
    use countersign_core::notation::Enforcement;
    use countersign_core::notation::Facts;
    use countersign_core::notation::FindingResult;
    use countersign_core::oci::Descriptor;
    use countersign_core::time::UnixTime;
    use countersign_core::timestamp::TimestampError;
    use countersign_core::verdict::Code;
    use countersign_core_test_support::judge;
    use countersign_testkit::pki::Authority;
    use countersign_testkit::pki::CertSpec;
    use countersign_testkit::signer::Format;
    use countersign_testkit::signer::SignRequest;
    use serde_json::json;
    use time::macros::datetime;

    const JWS: &str = "application/jose+json";

    fn target() -> (countersign_testkit::Descriptor, Descriptor) {
        let target = countersign_testkit::Descriptor::sample("image").annotation("pipeline", "release");
        let read = Descriptor::new(target.media_type.parse().unwrap(), target.digest.parse().unwrap(), target.size);
        (target, read)
    }

    /// A request with attributes, an expiry and a timestamp token.
    fn request(target: &countersign_testkit::Descriptor) -> SignRequest {
        let chain = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
        SignRequest::new(&chain, target)
            .expiry(datetime!(2027-01-01 00:00 UTC))
            .attribute("com.example.build", json!("77"))
            .critical_attribute("com.example.count", json!(3))
            .timestamp(b"token")
    }

    fn check(facts: &Facts, intact: bool, signed: &str) {
        assert_eq!(facts.intact, intact);
        assert_eq!((facts.algorithm, facts.scheme), ("ES256", "notary.x509"));
        assert_eq!(facts.signing_time.to_string(), signed);
        assert_eq!(facts.expiry, Some(UnixTime::from_rfc3339("2027-01-01T00:00:00Z").unwrap()));
        assert_eq!(facts.metadata().unwrap().get("pipeline").map(String::as_str), Some("release"));
        let attributes: Vec<_> =
            facts.attributes.iter().map(|found| (found.name.as_str(), found.text.as_deref(), found.critical)).collect();
        assert_eq!(attributes, [("com.example.build", Some("77"), false), ("com.example.count", None, true)]);
        let timestamp = facts.timestamp.as_ref().unwrap();
        assert_eq!((timestamp.bytes, &timestamp.anchor), (5, &None));
        assert_eq!(timestamp.contents.as_ref().unwrap_err(), &TimestampError::NotDer);
        let [Ok(leaf), Ok(root)] = facts.certificates.as_slice() else { panic!("{facts:?}") };
        assert_eq!(leaf.issuer, root.subject);
        assert_eq!(leaf.key, "EC P-256");
        assert_eq!(leaf.fingerprint.len(), 64);
        assert_eq!(root.not_after.to_string(), "2049-12-31T23:59:59Z");
    }

    #[test]
    fn explains_envelopes_of_both_formats() {
        let (target, read) = target();
        let request = request(&target);
        for format in Format::ALL {
            let explanation = notation::describe(&request.envelope(format), judge::format(format.media_type()), &read);
            let found: Vec<_> = explanation.findings.iter().map(|finding| (finding.check, finding.action)).collect();
            let skip = Enforcement::Skip;
            assert_eq!(
                found,
                [(Check::Integrity, skip), (Check::CriticalAttributes, skip), (Check::TargetBinding, skip)]
            );
            assert_eq!(explanation.findings[0].found, FindingResult::Passed);
            let FindingResult::Failed(reason) = &explanation.findings[1].found else { panic!("{explanation:?}") };
            assert_eq!(reason.code, Code::CriticalAttributeUnknown);
            assert_eq!(explanation.findings[2].found, FindingResult::Passed);
            check(&explanation.facts.unwrap(), true, "2026-01-02T03:04:05Z");
        }
    }

    #[test]
    fn marks_altered_content_as_claimed() {
        let (target, read) = target();
        let request = request(&target);
        let envelope = request.jws_parts().with_signature(&[1; 64]);
        let explanation = notation::describe(&envelope, judge::format(JWS), &read);
        let FindingResult::Failed(reason) = &explanation.findings[0].found else { panic!("{explanation:?}") };
        assert_eq!(reason.code, Code::SignatureMismatch);
        assert_eq!(explanation.findings[1].found, FindingResult::NotReached);
        assert_eq!(explanation.findings[2].found, FindingResult::NotReached);
        assert!(!explanation.passes());
        check(&explanation.facts.unwrap(), false, "2026-01-02T03:04:05Z");
    }

    #[test]
    fn gives_no_facts_without_an_envelope() {
        let (_, read) = target();
        for (bytes, media_type, code) in
            [(&b"{}"[..], JWS, Code::EnvelopeMalformed), (b"{}", "application/cose", Code::EnvelopeMalformed)]
        {
            let explanation = notation::describe(bytes, judge::format(media_type), &read);
            assert!(explanation.facts.is_none());
            let FindingResult::Failed(reason) = &explanation.findings[0].found else { panic!("{explanation:?}") };
            assert_eq!(reason.code, code);
        }
    }
}
