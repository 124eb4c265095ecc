//! What the doubles of one test have in common.

use std::net::SocketAddr;

use crate::aws::access_keys::AccessKeys;
use crate::cloud::clock::Clock;
use crate::pki::Chain;
use crate::registry::ANY_PORT;

/// What the doubles of one test have in common. Each double is started from a reference to it.
#[derive(Clone, Debug)]
pub struct Setup {
    pub(super) clock: Clock,
    pub(super) keys: AccessKeys,
    pub(super) partition: String,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) address: SocketAddr,
    pub(super) identity: Option<Chain>,
}

impl Setup {
    /// Partition `aws`, region `eu-central-1`, account `111122223333`, plain HTTP on a free port of 127.0.0.1, no keys.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            keys: AccessKeys::new(),
            partition: "aws".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "111122223333".to_owned(),
            address: ANY_PORT,
            identity: None,
        }
    }

    /// Sets the partition: `aws`, `aws-cn`, `aws-us-gov`, …
    #[must_use]
    pub fn partition(mut self, partition: &str) -> Self {
        partition.clone_into(&mut self.partition);
        self
    }

    /// Sets the region. A server accepts signatures for its own region only.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// Sets the account.
    #[must_use]
    pub fn account(mut self, account: &str) -> Self {
        account.clone_into(&mut self.account);
        self
    }

    /// Serves over HTTPS with this certificate, which may have several names (see
    /// [`CertSpec::tls_server`](crate::pki::CertSpec::tls_server)).
    #[must_use]
    pub fn tls(mut self, identity: &Chain) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// Serves over plain HTTP.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.identity = None;
        self
    }

    /// Listens on this address.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// The keys that all doubles of this setup accept.
    #[must_use]
    pub fn keys(&self) -> &AccessKeys {
        &self.keys
    }

    /// The clock of all doubles of this setup.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The host of the account's registry in Amazon ECR.
    #[must_use]
    pub fn ecr_host(&self) -> String {
        let suffix = match self.partition.as_str() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            "aws-iso" => "c2s.ic.gov",
            "aws-iso-b" => "sc2s.sgov.gov",
            "aws-iso-e" => "cloud.adc-e.uk",
            "aws-iso-f" => "csp.hci.ic.gov",
            _ => "amazonaws.com",
        };
        format!("{}.dkr.ecr.{}.{suffix}", self.account, self.region)
    }

    /// The ARN of a role of the account.
    #[must_use]
    pub fn role(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:role/{name}", self.partition, self.account)
    }
}
