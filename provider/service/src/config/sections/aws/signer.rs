//! `aws.signer`.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_http::Endpoint;
use serde_json::Map;
use serde_json::json;

use super::REGION;
use super::endpoint_kind;
use super::listed;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::Flag;
use crate::config::schema::Kind;
use crate::config::schema::Sample;
use crate::config::schema::Time;
use crate::config::schema::section;
use crate::config::sections::HOUR;
use crate::config::sections::MINUTE;
use crate::config::sections::seconds;
use crate::config::yaml::Value;

const DAY: Duration = seconds(24 * HOUR.as_secs());

section! {
    /// Section `aws.signer`.
    pub AwsSigner {
        /// Asks AWS Signer for the revocation status of its signatures (signer:GetRevocationStatus). It takes the place of OCSP and CRLs
        /// for them. Only signatures of trusted chains and trusted signers lead to a request. Unless it is true, a signature of AWS
        /// Signer is inconclusive where the statement enforces revocation.
        enabled "enabled": bool = Flag(false);
        /// For each partition the region that is asked. Every region of a partition has the status of all signatures of that
        /// partition. Otherwise that of the pod is asked, and if it is in another partition, that of the signing profile.
        regions "regions": BTreeMap<Partition, AwsRegion> = RegionsKind;
        /// An endpoint in place of that of the region, used as written: of a VPC endpoint without private DNS names. Requests to it are
        /// signed for the region as above.
        endpoint "endpoint": Option<Endpoint> =
            endpoint_kind("https://vpce-0123456789abcdef0-example.data-signer.eu-central-1.vpce.amazonaws.com");
        /// How long the answer is used that nothing is revoked. Danger: a revocation is noticed this much later.
        good_lifetime "goodLifetime": Duration = Time::of(seconds(5 * MINUTE.as_secs()), seconds(10), DAY);
        /// How long the answer is used that the signature is revoked. AWS does not take a revocation back.
        revoked_lifetime "revokedLifetime": Duration = Time::of(DAY, seconds(10), seconds(31 * DAY.as_secs()));
    }
}

/// A map from partitions to regions in them.
pub(super) struct RegionsKind;

impl Kind for RegionsKind {
    type Value = BTreeMap<Partition, AwsRegion>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Self::Value {
        let mut regions = BTreeMap::new();
        let Some(node) = fields.node(key) else { return regions };
        let Value::Map(entries) = &node.value else {
            fields.mistake(node.line, &fields.path_of(key), node.value.kind(), WANTED, EXAMPLE);
            return regions;
        };
        for (name, node) in entries {
            let path = format!("{}.{name}", fields.path_of(key));
            let Some(partition) = Partition::named(name) else {
                let wanted = format!("one of {}", listed(&Partition::ALL));
                fields.mistake(node.line, &path, "an unknown partition", wanted, "");
                continue;
            };
            let region: Option<AwsRegion> = node.value.as_str().and_then(|text| text.parse().ok());
            match region {
                Some(region) if region.partition() == partition => drop(regions.insert(partition, region)),
                Some(region) => {
                    let found = format_args!("{region}, which is in the partition {}", region.partition());
                    fields.mistake(node.line, &path, found, format_args!("a region of the partition {partition}"), "");
                }
                None => fields.mistake(node.line, &path, node.value.describe(), REGION.wanted, REGION.example),
            }
        }
        regions
    }

    fn show(&self, key: &str, value: &Self::Value, effective: &mut Effective) {
        for (partition, region) in value {
            effective.add(&format!("{key}.{partition}"), region);
        }
    }

    fn describe(&self) -> Description {
        let region = json!({"type": "string", "pattern": REGION.pattern, "maxLength": REGION.max_bytes});
        let regions: Map<_, _> =
            Partition::ALL.iter().map(|partition| (partition.as_str().to_owned(), region.clone())).collect();
        Description {
            sample: Sample::Alternative(EXAMPLE.to_owned()),
            schema: json!({"type": ["object", "null"], "additionalProperties": false, "properties": regions}),
            limits: String::new(),
            is_required: false,
        }
    }
}

const WANTED: &str = "a map from partitions to regions";
const EXAMPLE: &str = "{aws: eu-central-1}";
