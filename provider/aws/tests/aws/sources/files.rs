//! Files that have no end, or would block: the process goes on, and the message names the file.

use rustix::fs::CWD;
use rustix::fs::Mode;
use rustix::fs::mkfifoat;

use super::*;

/// Files that a source must not read, with what is wrong.
fn unusable(folder: &Folder) -> [(String, &'static str); 4] {
    mkfifoat(CWD, folder.path().join("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    folder.write("large", "a".repeat(300 * 1024));
    [
        (folder.file("pipe"), "cannot be read (found a pipe, expected a regular file)"),
        ("/dev/zero".to_owned(), "cannot be read (found a device, expected a regular file)"),
        (folder.path().display().to_string(), "cannot be read (found a directory, expected a regular file)"),
        (folder.file("large"), "has more than 65536 bytes"),
    ]
}

#[tokio::test]
async fn a_file_of_a_token_is_a_regular_one_of_limited_size() {
    if is_second().await {
        return;
    }
    let name = "files::a_file_of_a_token_is_a_regular_one_of_limited_size";
    let (setup, server) = started().await;
    let (sts, agent, folder) = (Sts::start(&setup).await, PodIdentity::start(&setup, &issuer()).await, Folder::new());
    let (sts_url, uri) = (sts.url(), agent.credentials_uri());
    for (path, problem) in unusable(&folder) {
        folder.write("config", format!("[profile ci]\nrole_arn = {ROLE}\nweb_identity_token_file = {path}\n"));
        let config = folder.file("config");
        for (named, variables) in [
            (
                "AWS_WEB_IDENTITY_TOKEN_FILE",
                vec![
                    ("AWS_WEB_IDENTITY_TOKEN_FILE", path.as_str()),
                    ("AWS_ROLE_ARN", ROLE),
                    ("AWS_ENDPOINT_URL_STS", &sts_url),
                ],
            ),
            (
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                vec![
                    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path.as_str()),
                    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri),
                ],
            ),
            (
                "web_identity_token_file of aws.profile",
                vec![("AWS_CONFIG_FILE", config.as_str()), (PROFILE_NAME, "ci"), ("AWS_ENDPOINT_URL_STS", &sts_url)],
            ),
        ] {
            let seen = second(name, &server, &variables).await.remove(0);
            let expected = format!(
                "credentials AWS credentials failed: {named}: found the file {path}, which {problem}, expected the token of the service \
                 account; "
            );
            assert!(seen.starts_with(&expected), "{seen}");
        }
    }
    assert_eq!([sts.count(), agent.count(), server.count()], [0, 0, 0]);
}

#[tokio::test]
async fn a_file_of_profiles_is_a_regular_one_of_limited_size() {
    if is_second().await {
        return;
    }
    let name = "files::a_file_of_profiles_is_a_regular_one_of_limited_size";
    let (setup, server) = started().await;
    let (imds, folder) = (Imds::start(&setup).await, Folder::new());
    imds.set_role(Some(ROLE));
    folder.write("none", "");
    let (none, imds_url) = (folder.file("none"), imds.url());
    for (path, problem) in unusable(&folder) {
        let problem = match problem {
            "has more than 65536 bytes" => "cannot be read: has more than 262144 bytes".to_owned(),
            other => other.replace(" (", ": ").replace(')', ""),
        };
        for (credentials, config, expected) in [
            (
                &path,
                &none,
                format!("{path} (AWS_SHARED_CREDENTIALS_FILE, which {problem}) and {none} (AWS_CONFIG_FILE)"),
            ),
            (
                &none,
                &path,
                format!("{none} (AWS_SHARED_CREDENTIALS_FILE) and {path} (AWS_CONFIG_FILE, which {problem})"),
            ),
        ] {
            let variables = [
                ("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()),
                ("AWS_CONFIG_FILE", config.as_str()),
                (PROFILE_NAME, "ci"),
                ("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds_url.as_str()),
                (METADATA, "yes"),
            ];
            // The SDK would look for the endpoint of the metadata service in these files too.
            assert_eq!(second(name, &server, &variables).await, [NOTHING_REVOKED]);
            let seen = second(name, &server, &variables[..3]).await.remove(0);
            let expected = format!("found no credentials of the profile \"ci\" of aws.profile in {expected}; ");
            assert!(seen.contains(&expected), "{seen}");
        }
    }
}
