use countersign_core::name::DigestAlgorithm;

use super::*;

#[test]
fn is_not_ready_if_one_condition_does_not_hold() {
    let readiness = Readiness::new();
    for condition in Condition::ALL {
        assert!(!readiness.is_ready());
        readiness.set_ready(condition);
    }
    assert!(readiness.is_ready());
    readiness.set_not_ready(Condition::Endpoints, "about to close");
    assert_eq!(readiness.report(false), (false, "[-] endpoints: about to close\n".to_owned()));
}

#[test]
fn refused_files_are_reported_and_do_not_end_readiness() {
    let readiness = Readiness::new();
    Condition::ALL.iter().for_each(|condition| readiness.set_ready(*condition));
    let at = |seconds| UnixTime::from_seconds(seconds).unwrap();
    readiness.in_use(Component::Trust, at(0));
    readiness.in_use(Component::Config, at(1));
    readiness.refused(Component::Trust, Newer::Disk, at(2), "2 mistakes\n  one\n  two");
    readiness.restart_needed(&["server.listen".to_owned()]);
    assert_eq!(readiness.report(false), (true, "ok\n".to_owned()));
    let trust = "[!] files trust: in use since 1970-01-01T00:00:00Z; what is on disk was refused at 1970-01-01T00:00:02Z: 2 mistakes; one; two\n";
    let expected = |trust: &str, restart: &str| {
        let config = "[+] files config: in use since 1970-01-01T00:00:01Z\n";
        (true, format!("[+] trust\n[+] tls\n[+] endpoints\n{config}{trust}{restart}"))
    };
    assert_eq!(readiness.report(true), expected(trust, "[!] restart needed for server.listen\n"));
    // No disk is involved.
    for (newer, what) in [
        (Newer::Sources, "not all of trust.stores could be fetched and used at 1970-01-01T00:00:03Z: why"),
        (
            Newer::DiskAndSources,
            "what is on disk was refused, and not all of trust.stores could be fetched and used, at 1970-01-01T00:00:03Z: why",
        ),
    ] {
        readiness.refused(Component::Trust, newer, at(3), "why");
        let line = format!("[!] files trust: in use since 1970-01-01T00:00:00Z; {what}\n");
        assert_eq!(readiness.report(true), expected(&line, "[!] restart needed for server.listen\n"));
    }
    readiness.unchanged(Component::Trust);
    readiness.restart_needed(&[]);
    assert_eq!(readiness.report(true), expected("[+] files trust: in use since 1970-01-01T00:00:00Z\n", ""));
}

#[test]
fn a_poll_that_does_not_end_is_a_finding_and_for_the_trust_policy_the_end_of_readiness() {
    let readiness = Readiness::new();
    Condition::ALL.iter().for_each(|condition| readiness.set_ready(*condition));
    let at = |seconds| UnixTime::from_seconds(seconds).unwrap();
    for component in [Component::Trust, Component::Tls] {
        assert!(!readiness.polled(component, at(0)));
    }
    readiness.poll_overdue(Component::Tls);
    readiness.poll_overdue(Component::Trust);
    let line = |files: &str| {
        format!(
            "[!] files {files}: not read since 1970-01-01T00:00:00Z, as a file system does not respond; changes have no \
             effect\n"
        )
    };
    let conditions = "[+] trust\n[+] tls\n[+] endpoints\n";
    let overdue = format!("{}{}", line("tls"), line("trust"));
    assert_eq!(readiness.report(false), (true, "ok\n".to_owned()));
    assert_eq!(readiness.report(true), (true, format!("{conditions}{overdue}")));
    readiness.trust_unreadable();
    let not_ready = "[-] trust: the trust policy and the trust stores could not be read since 1970-01-01T00:00:00Z: a \
                     file system does not respond\n";
    assert_eq!(readiness.report(false), (false, not_ready.to_owned()));
    // A changed configuration does not make it ready.
    readiness.set_ready(Condition::Trust);
    let text = format!("{not_ready}[+] tls\n[+] endpoints\n{overdue}");
    assert_eq!(readiness.report(true), (false, text));
    assert!(readiness.polled(Component::Trust, at(9)));
    assert_eq!(readiness.report(true), (true, format!("{conditions}{}", line("tls"))));
    assert!(readiness.polled(Component::Tls, at(9)));
    assert!(!readiness.polled(Component::Tls, at(10)));
    assert_eq!(readiness.report(true), (true, conditions.to_owned()));
}

#[test]
fn parts_of_the_policy_have_bounded_lines() {
    let readiness = Readiness::new();
    Condition::ALL.iter().for_each(|condition| readiness.set_ready(*condition));
    let lines = ["statement \"app\" is disabled: one\n  two", "trust store ca:main cannot be used: three"];
    readiness.trust_details(lines.into_iter());
    assert_eq!(readiness.report(false), (true, "ok\n".to_owned()));
    let conditions = "[+] trust\n[+] tls\n[+] endpoints\n";
    let shown = "[!] statement \"app\" is disabled: one; two\n[!] trust store ca:main cannot be used: three\n";
    assert_eq!(readiness.report(true), (true, format!("{conditions}{shown}")));
    let long = "x".repeat(10_000);
    readiness.trust_details(vec![long.as_str(); 1000].into_iter());
    let text = readiness.report(true).1;
    assert!(text.len() < 60 * DETAIL_BYTES, "{}", text.len());
    assert!(text.ends_with("\n[!] and 950 more parts of the trust policy, which the log names\n"), "{text}");
    readiness.trust_details(std::iter::empty());
    let digest = Digest::of(DigestAlgorithm::Sha256, b"{}");
    readiness.policy_in_use(&digest);
    let shown = format!("[+] trust policy digest {digest}\n");
    assert_eq!(readiness.report(true), (true, format!("{conditions}{shown}")));
    let conditions = format!("{conditions}{shown}");
    readiness.registry_details(["registry a.example is disabled: b: c"].into_iter());
    let registry = "[!] registry a.example is disabled: b: c\n";
    assert_eq!(readiness.report(true), (true, format!("{conditions}{registry}")));
    readiness.registry_details(std::iter::empty());
    assert_eq!(readiness.report(true), (true, conditions));
}

#[test]
fn a_very_long_message_is_cut() {
    let readiness = Readiness::new();
    readiness.in_use(Component::Tls, UnixTime::EPOCH);
    readiness.refused(Component::Tls, Newer::Disk, UnixTime::EPOCH, &"ü".repeat(100_000));
    assert!(readiness.report(true).1.len() < WHY_BYTES + 300);
    readiness.set_not_ready(Condition::Trust, &"ü\n".repeat(100_000));
    assert!(readiness.report(true).1.len() < 2 * WHY_BYTES + 300);
}
