//! The parameters of `GET /revocations`.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::registry::RecordedRequest;
use crate::registry::form_pairs;

/// The five parameters, all required.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) signature_timestamp: OffsetDateTime,
    profile_version: String,
    job: String,
    certificate_hashes: Vec<String>,
}

/// The only platform of container images.
const PLATFORM: &str = "Notation-OCI-SHA384-ECDSA";

impl Inputs {
    /// Parses the query. The error is the message for the client.
    pub(super) fn parse(request: &RecordedRequest, partition: &str) -> Result<Self, String> {
        let names = ["signatureTimestamp", "platformId", "profileVersionArn", "jobArn", "certificateHashes"];
        let pairs = form_pairs(request.query.as_deref().unwrap_or_default());
        if let Some((name, _)) = pairs.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            return Err(format!("found the parameter {name}, expected {} only", names.join(", ")));
        }
        let one = |name: &str| {
            let values: Vec<&str> =
                pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| &**value).collect();
            match values[..] {
                [value] => Ok(value.to_owned()),
                _ => Err(format!("{name}: found {} values, expected 1", values.len())),
            }
        };
        let written = one("signatureTimestamp")?;
        let signature_timestamp = OffsetDateTime::parse(&written, &Rfc3339)
            .map_err(|_| format!("signatureTimestamp: found {written:?}, expected a time of RFC 3339"))?;
        let platform = one("platformId")?;
        if platform != PLATFORM {
            return Err(format!("platformId: found {platform:?}, expected {PLATFORM:?}"));
        }
        let profile_version = one("profileVersionArn")?;
        let resource = arn("profileVersionArn", &profile_version, partition)?;
        if !is_profile_version(resource) && !is_aliased(resource) {
            let expected = "/signing-profiles/NAME/VERSION with a version of 10 letters and digits, or /aliased-signing-profiles/ID";
            return Err(format!("profileVersionArn: found {resource:?}, expected {expected}"));
        }
        let job = one("jobArn")?;
        let resource = arn("jobArn", &job, partition)?;
        if !resource.strip_prefix("/signing-jobs/").is_some_and(is_uuid) {
            return Err(format!("jobArn: found {resource:?}, expected /signing-jobs/UUID"));
        }
        let hashes = pairs.into_iter().filter(|(name, _)| name == "certificateHashes").map(|(_, value)| value);
        let certificate_hashes: Vec<String> = hashes.collect();
        if certificate_hashes.is_empty() {
            return Err("certificateHashes: found 0 values, expected at least 1".to_owned());
        }
        for hash in &certificate_hashes {
            let is_hex = hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if hash.len() != 192 || !is_hex {
                return Err(format!("certificateHashes: found {hash:?}, expected 192 lower-case hexadecimal digits"));
            }
        }
        Ok(Self { signature_timestamp, profile_version, job, certificate_hashes })
    }

    /// Everything that may be revoked.
    pub(super) fn entities(&self) -> impl Iterator<Item = &str> {
        [&self.profile_version, &self.job].into_iter().chain(&self.certificate_hashes).map(String::as_str)
    }
}

/// The resource of an ARN of AWS Signer in this partition: `arn:PARTITION:signer:REGION:ACCOUNT:RESOURCE`.
fn arn<'a>(name: &str, text: &'a str, partition: &str) -> Result<&'a str, String> {
    if !(20..=2048).contains(&text.len()) {
        return Err(format!("{name}: found {} characters, expected 20 to 2048", text.len()));
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", found, "signer", region, account, resource] = parts[..] else {
        return Err(format!("{name}: found {text:?}, expected arn:PARTITION:signer:REGION:ACCOUNT:RESOURCE"));
    };
    // Profiles that can be used under an alias only name no account.
    let is_account = account.len() == 12 || (account.is_empty() && is_aliased(resource));
    if region.is_empty() || !is_account || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{name}: found {text:?}, expected a region and an account of 12 digits"));
    }
    // A region of the same partition answers for all of its regions and accounts; another partition does not.
    if found != partition {
        return Err(format!("{name}: found the partition {found}, expected {partition}"));
    }
    Ok(resource)
}

fn is_profile_version(resource: &str) -> bool {
    let parts = resource.strip_prefix("/signing-profiles/").and_then(|rest| rest.split_once('/'));
    parts.is_some_and(|(name, version)| {
        (2..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && version.len() == 10
            && version.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn is_aliased(resource: &str) -> bool {
    let id = resource.strip_prefix("/aliased-signing-profiles/");
    id.is_some_and(|id| (2..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
