//! Requests are made about trusted chains only, and the number of rounds is limited. The requests of each round are
//! scripted.

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;

use super::*;
use crate::limits;
use crate::name::Digest;
use crate::name::DigestAlgorithm;
use crate::name::SigningJob;
use crate::name::SigningProfileVersion;
use crate::policy::AnchoredChain;
use crate::policy::Identities;
use crate::policy::Store;
use crate::policy::StoreKind;
use crate::policy::TrustedChain;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::Chain;

/// A leaf, an intermediate and a root. The leaf and the intermediate have revocation addresses.
fn trusted_chain() -> TrustedChain {
    let root = Authority::root(CertSpec::root());
    let intermediate = root.intermediate(CertSpec::intermediate().crl_url("http://crl.example/root.crl"));
    let leaf = CertSpec::leaf().ocsp_url("http://ocsp.example").crl_url("http://crl.example/ca.crl");
    let chain = intermediate.issue(leaf);
    let certificates = chain.der().iter().map(|der| Certificate::parse(der).unwrap()).collect();
    let files = [("root.crt".to_owned(), root.der().to_vec())];
    let store = Store::parse(StoreKind::Ca, "main".parse().unwrap(), &files).unwrap();
    let chain = Chain::code_signing(certificates).unwrap();
    AnchoredChain::find(&chain, std::iter::once(&store)).unwrap().trust_subject(&Identities::Any).unwrap()
}

/// The requests of a complete revocation check of a leaf: the responder, two for the responder's certificate and a delta,
/// then the CRL and its delta, then `more` further CRLs, one in each round.
fn scripted(chain: &TrustedChain, evidence: &Evidence, more: usize) -> Progress<EvidenceResponse> {
    let link = chain.links().next().unwrap();
    let crl = |name: &str| CrlRequest::delta(&link, vec![format!("http://crl.example/{name}")]).unwrap().into();
    let point = &link.certificate().revocation_addresses().crl[0];
    let mut script: Vec<EvidenceRequest> = vec![
        OcspRequest::new(&link).unwrap().into(),
        crl("responder's responder"),
        crl("responder"),
        crl("responder's delta"),
        CrlRequest::base(&link, point).unwrap().into(),
        crl("delta"),
    ];
    script.extend((0..more).map(|number| crl(&number.to_string())));
    let mut last = None;
    for request in script {
        match evidence.response(&request) {
            None => return Progress::Needs(request.into()),
            response @ Some(_) => last = response,
        }
    }
    Progress::Done(last.unwrap())
}

fn received(_: &EvidenceRequest) -> EvidenceResponse {
    EvidenceResponse::NotAvailable(NotAvailable::new("answer"))
}

fn signer_request(chain: &TrustedChain) -> SignerStatusRequest {
    let arn = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234";
    let version = SigningProfileVersion::parse(arn).unwrap();
    let job = SigningJob::parse("arn:aws:signer:eu-central-1:111122223333:/signing-jobs/0a1b").unwrap();
    SignerStatusRequest::new(chain, version, job, UnixTime::EPOCH)
}

/// The last response of the script, and the number of rounds.
fn run(more: usize) -> (EvidenceResponse, usize) {
    let (chain, mut evidence) = (trusted_chain(), Evidence::none());
    for rounds in 0.. {
        match scripted(&chain, &evidence, more) {
            Progress::Done(response) => return (response, rounds),
            Progress::Needs(requests) => evidence.add_round(&requests, requests.iter().map(received)),
        }
    }
    unreachable!()
}

#[test]
fn a_delta_crl_and_the_responders_own_crl_are_further_rounds() {
    let (response, rounds) = run(0);
    assert_eq!(rounds, Evidence::ROUNDS);
    assert_eq!(response, EvidenceResponse::NotAvailable(NotAvailable::new("answer")));
}

#[test]
fn requests_after_the_last_round_are_not_available() {
    for more in [1, 7] {
        let (response, rounds) = run(more);
        assert_eq!(rounds, Evidence::ROUNDS);
        let why = NotAvailable::new("it was requested after the limit of 6 rounds of requests");
        assert_eq!(response, EvidenceResponse::NotAvailable(why), "{more}");
    }
}

#[test]
fn a_request_without_a_response_is_not_available_and_not_repeated() {
    let chain = trusted_chain();
    let request = EvidenceRequest::from(OcspRequest::new(&chain.links().next().unwrap()).unwrap());
    let mut evidence = Evidence::none();
    assert_eq!(evidence.response(&request), None);
    evidence.add_round(&request.clone().into(), []);
    assert_eq!(
        evidence.response(&request),
        Some(EvidenceResponse::NotAvailable(NotAvailable::new("there was no response")))
    );
}

#[test]
fn requests_of_several_checks_are_made_at_once_and_each_once() {
    let chain = trusted_chain();
    let links: Vec<_> = chain.links().collect();
    let ocsp = EvidenceRequest::from(OcspRequest::new(&links[0]).unwrap());
    let crl = |position: usize| {
        let link = &links[position];
        let point = &link.certificate().revocation_addresses().crl[0];
        EvidenceRequest::from(CrlRequest::base(link, point).unwrap())
    };
    assert_eq!(OcspRequest::new(&links[1]), None);
    let needs = |request: &EvidenceRequest| Progress::<()>::Needs(request.clone().into());
    let all = [needs(&ocsp), Progress::Done(()), needs(&crl(1)), needs(&ocsp), needs(&crl(0))];
    let Progress::Needs(requests) = all.into_iter().collect::<Progress<Vec<()>>>() else { panic!("it needs three") };
    assert_eq!(requests.iter().cloned().collect::<Vec<_>>(), [ocsp, crl(1), crl(0)]);
    assert_eq!([(); 2].map(Progress::Done).into_iter().collect::<Progress<Vec<()>>>(), Progress::Done(vec![(); 2]));
}

#[test]
fn a_request_has_the_certificate_its_issuer_and_its_urls() {
    let chain = trusted_chain();
    let [leaf, intermediate, root] = chain.chain().certificates() else { panic!("three certificates") };
    let links: Vec<_> = chain.links().collect();
    assert_eq!(links.len(), 2);
    let ocsp = OcspRequest::new(&links[0]).unwrap();
    assert_eq!(
        (ocsp.certificate(), ocsp.issuer(), ocsp.urls()),
        (leaf, intermediate, &["http://ocsp.example".to_owned()][..])
    );
    let crl = CrlRequest::base(&links[1], &intermediate.revocation_addresses().crl[0]).unwrap();
    assert_eq!((crl.issuer(), crl.kind()), (root, CrlKind::Base));
    assert_eq!(crl.urls(), ["http://crl.example/root.crl"]);
    assert_eq!(CrlRequest::delta(&links[1], Vec::new()), None);
}

#[test]
fn the_aws_signer_request_has_the_hash_of_each_certificate_and_its_issuer() {
    let chain = trusted_chain();
    let arn = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234";
    let version = SigningProfileVersion::parse(arn).unwrap();
    let job = SigningJob::parse("arn:aws:signer:eu-central-1:111122223333:/signing-jobs/0a1b").unwrap();
    let request = SignerStatusRequest::new(&chain, version.clone(), job.clone(), UnixTime::EPOCH);
    let hashes = chain.chain().certificates().iter();
    let hashes: Vec<_> =
        hashes.map(|certificate| Digest::of(DigestAlgorithm::Sha384, certificate.tbs()).hex().to_owned()).collect();
    let [leaf, intermediate, root] = &hashes[..] else { panic!("three certificates") };
    assert_eq!(
        request.certificate_hashes(),
        [format!("{leaf}{intermediate}"), format!("{intermediate}{root}"), format!("{root}{root}")]
    );
    assert_eq!((request.profile_version(), request.job(), request.signing_time()), (&version, &job, UnixTime::EPOCH));
    assert!(request.certificate_hashes().iter().all(|hash| hash.len() == 192));
}

#[test]
fn a_status_names_what_is_revoked_and_belongs_to_its_request() {
    let chain = trusted_chain();
    let request = signer_request(&chain);
    let until = UnixTime::from_seconds(1_800_000_000).unwrap();
    let read = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        SignerStatus::new(RevokedEntities::read(&request, &names).unwrap(), until)
    };
    let good = read(&[]);
    assert!(good.revoked().is_empty() && good.answers(&request));
    assert_eq!(UsableUntil::of_signer(&good), UsableUntil { at: until, by: EndOfUse::SignerGoodLifetime });
    let (profile, job) = (request.profile_version().as_str(), request.job().as_str());
    let [_, second, root] = request.certificate_hashes() else { panic!("three certificates") };
    let other = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/other";
    let revoked = read(&[profile, job, second, &root[..96], other, "", &second[..95]]);
    assert_eq!(UsableUntil::of_signer(&revoked), UsableUntil { at: until, by: EndOfUse::SignerRevokedLifetime });
    assert_eq!(
        revoked.revoked(),
        [
            RevokedEntity::ProfileVersion(profile.into()),
            RevokedEntity::Job(job.into()),
            RevokedEntity::Certificate(1),
            RevokedEntity::Certificate(2),
            RevokedEntity::Other(other.into()),
            RevokedEntity::Other("".into()),
            RevokedEntity::Other(second[..95].into()),
        ]
    );
    assert_eq!(
        revoked.revoked_text().as_str(),
        format!(
            "signing profile version {profile}, signing job {job}, certificate 2 of the chain, certificate 3 of the chain and 3 more"
        )
    );
    let many = vec![job.to_owned(); limits::SIGNER_ENTITIES + 1];
    assert_eq!(
        RevokedEntities::read(&request, &many).unwrap_err().to_string(),
        "found 65 revoked entities, expected at most 64"
    );
    let other_time = SignerStatusRequest::new(
        &chain,
        request.profile_version().clone(),
        request.job().clone(),
        UnixTime::from_seconds(1).unwrap(),
    );
    assert!(!good.answers(&other_time));
}

#[test]
fn an_outage_is_named_with_its_beginning_however_long_the_reason() {
    let since = UnixTime::from_seconds(1_800_000_000).unwrap();
    let outage = NotAvailable::new("http://crl.example: connect: connection refused").since(since);
    assert_eq!(outage.to_string(), "since 2027-01-15T08:00:00Z: http://crl.example: connect: connection refused");
    assert_eq!(outage.clone().of("CRL").to_string(), format!("CRL: {outage}"));
    let long = NotAvailable::new("x".repeat(5000)).since(since).at_most(40);
    assert_eq!(long.as_str(), format!("since 2027-01-15T08:00:00Z: {}… (cut)", "x".repeat(31)));
}
