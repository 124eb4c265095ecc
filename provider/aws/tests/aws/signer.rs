//! The revocation status of a signature by AWS Signer.

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::future;
use countersign_testkit::aws::signer_data::SignerData;
use countersign_testkit::aws::sts::assumed_role;

use super::*;

#[tokio::test]
async fn the_request_has_all_inputs_and_a_signature_that_the_service_accepts() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    let key = setup.keys().for_user(USER);
    let aws = aws_with(&setup, signer_at(&server.url()), &key);
    let request = status_request();
    let answer = aws.signer_status(&request, &region(REGION), in_a_minute()).await.unwrap();
    assert_eq!(answer.revoked, Vec::<String>::new());
    let [exchange] = &server.journal()[..] else { panic!("{:?}", server.journal()) };
    assert_eq!((exchange.method.as_str(), exchange.path.as_str(), exchange.status), ("GET", "/revocations", Some(200)));
    assert_eq!(exchange.host, server.host());
    assert_eq!(exchange.region.as_deref(), Some(REGION));
    assert_eq!(exchange.access_key_id.as_ref(), Some(&key.id));
    let mut expected = vec![
        ("signatureTimestamp".to_owned(), "2026-01-02T03:04:05Z".to_owned()),
        ("platformId".to_owned(), "Notation-OCI-SHA384-ECDSA".to_owned()),
        ("profileVersionArn".to_owned(), PROFILE.to_owned()),
        ("jobArn".to_owned(), JOB.to_owned()),
    ];
    assert_eq!(request.certificate_hashes().len(), 3);
    expected.extend(request.certificate_hashes().iter().map(|hash| ("certificateHashes".to_owned(), hash.clone())));
    assert_eq!(exchange.parameters, expected);
}

#[tokio::test]
async fn the_answer_names_what_is_revoked() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    let aws = aws(&setup, signer_at(&server.url()));
    let request = status_request();
    let certificate = &request.certificate_hashes()[1];
    for entities in [&[JOB][..], &[PROFILE], &[certificate], &[PROFILE, JOB, certificate]] {
        server.revoke_nothing();
        entities.iter().for_each(|entity| server.revoke(entity));
        let answer = aws.signer_status(&request, &region(REGION), in_a_minute()).await.unwrap();
        assert_eq!(answer.revoked, entities);
    }
    server.revoke_nothing();
    server.revoke_from(PROFILE, datetime!(2026-01-02 03:04:06 UTC));
    assert_eq!(status(&aws).await, Ok(vec![]));
    server.revoke_from(PROFILE, datetime!(2026-01-02 03:04:05 UTC));
    assert_eq!(status(&aws).await, Ok(vec![PROFILE.to_owned()]));
}

#[tokio::test]
async fn a_profile_that_is_revoked_in_the_second_of_the_signature_is_compared_with_its_fraction() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    server.revoke_from(PROFILE, datetime!(2026-01-02 03:04:05.2 UTC));
    let aws = aws(&setup, signer_at(&server.url()));
    for (signed, sent, revoked) in [
        ("2026-01-02T03:04:05.7Z", "2026-01-02T03:04:05.7Z", &[PROFILE][..]),
        ("2026-01-02T03:04:05.2Z", "2026-01-02T03:04:05.2Z", &[PROFILE]),
        ("2026-01-02T03:04:05.1991Z", "2026-01-02T03:04:05.2Z", &[PROFILE]),
        ("2026-01-02T03:04:05.199Z", "2026-01-02T03:04:05.199Z", &[]),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z", &[]),
    ] {
        server.clear_journal();
        let answer = aws.signer_status(&status_request_at(signed), &region(REGION), in_a_minute()).await.unwrap();
        assert_eq!(answer.revoked, revoked, "{signed}");
        assert_eq!(server.journal()[0].parameter("signatureTimestamp"), Some(sent));
    }
}

#[tokio::test]
async fn a_request_is_signed_for_the_region_that_is_called() {
    let setup = setup();
    let (here, there) = (SignerData::start(&setup).await, SignerData::start(&setup.clone().region("us-east-1")).await);
    let key = setup.keys().for_user(USER);
    for (server, name) in [(&here, REGION), (&there, "us-east-1")] {
        let aws = aws_with(&setup, signer_at(&server.url()), &key);
        let answer = aws.signer_status(&status_request(), &region(name), in_a_minute()).await.unwrap();
        assert_eq!(answer.revoked, Vec::<String>::new());
        assert_eq!(server.journal()[0].region.as_deref(), Some(name));
    }
}

/// A new session at each fetch.
#[derive(Debug)]
struct Sessions(Setup);

impl ProvideCredentials for Sessions {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let end = self.0.clock().now() + time::Duration::HOUR;
        let key = self.0.keys().for_session(&assumed_role(ROLE, "pod"), end);
        let end = Some(SystemTime::from(end));
        future::ProvideCredentials::ready(Ok(Credentials::new(key.id, key.secret, key.session_token, end, "test")))
    }
}

#[tokio::test]
async fn credentials_that_the_service_refuses_are_fetched_again_once() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    let source = SharedCredentialsProvider::new(Sessions(setup.clone()));
    let aws =
        Aws::with_credentials(signer_at(&server.url()), &shared_limits(), clock(&setup), Arc::new(Unobserved), source)
            .unwrap();
    assert_eq!(status(&aws).await, Ok(vec![]));
    let delete_last = || setup.keys().delete(server.journal().last().unwrap().access_key_id.as_deref().unwrap());
    delete_last();
    // They were just fetched: others would be refused as well.
    let error = status(&aws).await.unwrap_err();
    assert_eq!((error.result().as_str(), server.count(), setup.keys().issued()), ("refused", 2, 1));
    tokio::time::pause();
    tokio::time::advance(limits::CREDENTIALS_RETRY).await;
    tokio::time::resume();
    assert_eq!(status(&aws).await, Ok(vec![]));
    assert_eq!((server.count(), setup.keys().issued()), (4, 2));
}
