//! The requests that the doubles have received.

use std::collections::BTreeMap;
use std::fs;

use anyhow::ensure;
use serde_json::Value;

use crate::cloud_doubles::CloudDoubles;

/// Requests by service, each in order of arrival.
#[derive(Clone, Debug, Default)]
pub(in crate::cases) struct Journal(BTreeMap<String, Vec<Value>>);

impl Journal {
    /// All requests so far.
    pub(in crate::cases) fn read(doubles: &mut CloudDoubles) -> anyhow::Result<Self> {
        doubles.command(&serde_json::json!({ "do": "journal" }))?;
        Ok(Self(serde_json::from_slice(&fs::read(doubles.directory().join("journal.json"))?)?))
    }

    /// The requests that `before` does not have.
    pub(in crate::cases) fn since(&self, before: &Self) -> Self {
        let new = |(service, all): (&String, &Vec<Value>)| {
            let seen = before.0.get(service).map_or(0, Vec::len);
            (service.clone(), all.iter().skip(seen).cloned().collect())
        };
        Self(self.0.iter().map(new).collect())
    }

    /// The requests to a service.
    pub(in crate::cases) fn of(&self, service: &str) -> &[Value] {
        self.0.get(service).map_or(&[], Vec::as_slice)
    }

    /// The requests to all services.
    pub(in crate::cases) fn all(&self) -> impl Iterator<Item = &Value> {
        self.0.values().flatten()
    }

    /// The number of requests to each service that has some.
    fn counts(&self) -> BTreeMap<&str, usize> {
        let some = self.0.iter().filter(|(_, requests)| !requests.is_empty());
        some.map(|(service, requests)| (service.as_str(), requests.len())).collect()
    }

    /// The number of calls about the status of a signature.
    pub(in crate::cases) fn statuses_of(&self, job: &str) -> usize {
        self.of("signer-data").iter().filter(|call| parameters(call, "jobArn") == [job]).count()
    }

    /// An error unless the token of the service account was exchanged once, and each identity has requested one token of Amazon ECR
    /// in the region of the pod, at least one of them.
    pub(in crate::cases) fn expect_one_token_each(&self) -> anyhow::Result<()> {
        let is_exchange = |call: &&Value| call["operation"] == "AssumeRoleWithWebIdentity";
        let exchanges = self.of("sts").iter().filter(is_exchange).count();
        ensure!(exchanges == 1, "found {exchanges} exchanges at STS, expected 1");
        let mut keys: Vec<String> = self.of("ecr-api").iter().map(|call| call["accessKeyId"].to_string()).collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        ensure!(count > 0 && keys.len() == count, "found {count} tokens of Amazon ECR for {} identities", keys.len());
        Ok(())
    }

    /// An error unless these services, and none else but registries and stores of blobs, have received this many requests.
    pub(in crate::cases) fn expect_calls(&self, expected: &[(&str, usize)]) -> anyhow::Result<()> {
        let mut found = self.counts();
        found.retain(|service, _| !service.ends_with("-registry") && !service.ends_with("blob-store"));
        let expected: BTreeMap<&str, usize> = expected.iter().copied().filter(|(_, count)| *count > 0).collect();
        ensure!(found == expected, "found calls {found:?}, expected {expected:?}");
        Ok(())
    }
}

/// The values of a parameter of a request.
pub(in crate::cases) fn parameters<'a>(exchange: &'a Value, name: &str) -> Vec<&'a str> {
    let pairs = exchange["parameters"].as_array().into_iter().flatten();
    pairs.filter(|pair| pair[0] == name).filter_map(|pair| pair[1].as_str()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn journal(text: Value) -> Journal {
        Journal(serde_json::from_value(text).unwrap())
    }

    #[test]
    fn counts_the_calls_since_a_former_journal() {
        let before = journal(json!({ "sts": [1], "ecr-registry": [1] }));
        let after = journal(json!({ "sts": [1, 2], "ecr-registry": [1, 2, 3], "signer-data": [], "blob-store": [7] }));
        let since = after.since(&before);
        since.expect_calls(&[("sts", 1), ("signer-data", 0)]).unwrap();
        let error = since.expect_calls(&[("signer-data", 1)]).unwrap_err();
        assert_eq!(error.to_string(), r#"found calls {"sts": 1}, expected {"signer-data": 1}"#);
        assert_eq!((since.of("ecr-registry").len(), since.all().count()), (2, 4));
    }

    #[test]
    fn one_token_for_each_identity_is_expected() {
        let exchange = json!({ "operation": "AssumeRoleWithWebIdentity" });
        let token = |key: &str| json!({ "accessKeyId": key });
        let check = |text: Value| journal(text).expect_one_token_each().map_err(|error| error.to_string());
        assert_eq!(check(json!({ "sts": [exchange], "ecr-api": [token("a"), token("b")] })), Ok(()));
        let again = check(json!({ "sts": [exchange], "ecr-api": [token("a"), token("a")] }));
        assert_eq!(again, Err("found 2 tokens of Amazon ECR for 1 identities".to_owned()));
        let none = check(json!({ "sts": [exchange] }));
        assert_eq!(none, Err("found 0 tokens of Amazon ECR for 0 identities".to_owned()));
        let twice = check(json!({ "sts": [exchange, exchange], "ecr-api": [token("a")] }));
        assert_eq!(twice, Err("found 2 exchanges at STS, expected 1".to_owned()));
    }

    #[test]
    fn parameters_may_occur_several_times() {
        let exchange = json!({ "parameters": [["a", "1"], ["b", "2"], ["a", "3"]] });
        assert_eq!(parameters(&exchange, "a"), ["1", "3"]);
    }
}
