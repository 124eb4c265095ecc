//! Section `aws`.

mod signer;

use std::path::PathBuf;
use std::time::Duration;

use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use countersign_http::Endpoint;
use serde_json::json;

pub use self::signer::AwsSigner;
use super::MINUTE;
use super::SECOND;
use super::ms;
use super::proxy::ProxyKind;
use super::proxy::RegistryProxy;
use super::seconds;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::File;
use crate::config::schema::Flag;
use crate::config::schema::Kind;
use crate::config::schema::Nested;
use crate::config::schema::Parsed;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::Time;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::yaml::Value;

section! {
    /// Section `aws`.
    pub Aws {
        /// The region of the pod: STS is called there, and AWS Signer unless signer.regions has another. The variable AWS_REGION of
        /// the environment unless set, then AWS_DEFAULT_REGION.
        region "region": Option<AwsRegion> = REGION;
        /// The partitions whose services are called, and whose registries may have credentials.ecr. No signature and no image leads to
        /// a request to another one.
        partitions "partitions": Vec<Partition> = PartitionsKind;
        /// Calls endpoints with FIPS 140 cryptography. Not every region has them.
        fips "fips": bool = Flag(false);
        /// Calls endpoints that have IPv6 addresses too.
        dual_stack "dualStack": bool = Flag(false);
        /// Asks the instance metadata service of the node (169.254.169.254) for credentials, after all other sources. Danger: they are
        /// those of the node, with the permissions of everything on it.
        instance_metadata "instanceMetadata": bool = Flag(false);
        /// Reads this profile of the shared configuration files (~/.aws/config, ~/.aws/credentials, or AWS_CONFIG_FILE and
        /// AWS_SHARED_CREDENTIALS_FILE) for credentials. They are not read unless it is set. On a workstation.
        profile "profile": Option<String> = PROFILE;
        /// As `proxy` of `registries`. NO_PROXY takes precedence, as for evidence. No proxy is used for the services of the node that
        /// issue credentials.
        proxy "proxy": RegistryProxy = ProxyKind::WORD;
        /// PEM file with the certificate authorities to trust for AWS, in place of the built-in ones. Read again every
        /// trust.reloadInterval. If it cannot be used, AWS is not called.
        ca "ca": Option<PathBuf> = File::alternative("ca/aws.pem");
        /// For one connection.
        connect_timeout "connectTimeout": Duration = Time::of(SECOND, ms(50), MINUTE);
        /// For one attempt of a call with its response. After a failure of the network there is a second attempt.
        attempt_timeout "attemptTimeout": Duration = Time::of(seconds(2), ms(50), MINUTE);
        /// AWS Signer: the revocation status of its signatures.
        signer "signer": AwsSigner = Nested::<AwsSigner>::NEW;
    }
}

/// The section, whose keys may contradict each other.
pub(in crate::config) struct AwsKind;

impl Kind for AwsKind {
    type Value = Aws;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Aws {
        let fields = fields.section(key, names(Aws::KEYS));
        let aws = Aws::read(&fields);
        aws.check(&fields);
        aws
    }

    fn show(&self, key: &str, value: &Aws, effective: &mut Effective) {
        value.show(key, effective);
    }

    fn describe(&self) -> Description {
        Nested::<Aws>::NEW.describe()
    }
}

impl Aws {
    /// Records regions in partitions that are not called, and what this build cannot do.
    fn check(&self, fields: &Fields<'_>) {
        if self.signer.enabled && !cfg!(feature = "aws") {
            fields.conflict_in("signer", "enabled", "true", format_args!("false: {WITHOUT_CLIENTS}"));
        }
        if let Some(region) = &self.region
            && !self.partitions.contains(&region.partition())
        {
            let found = format_args!("{region}, which is in the partition {}", region.partition());
            fields.conflict("region", found, self.wanted_partitions());
        }
        for partition in self.signer.regions.keys().filter(|partition| !self.partitions.contains(partition)) {
            fields.conflict_in(
                "signer",
                "regions",
                format_args!("the partition {partition}"),
                self.wanted_partitions(),
            );
        }
    }

    /// What a message about another partition expects.
    pub(super) fn wanted_partitions(&self) -> String {
        format!("one of aws.partitions: {}", listed(&self.partitions))
    }
}

/// Why a build without the cargo feature `aws` refuses keys.
pub(super) const WITHOUT_CLIENTS: &str = "this build has no AWS clients (cargo feature aws)";

/// `aws.region`, and the region of another key.
pub(super) const REGION: Parsed<AwsRegion> = Parsed {
    parse: |text| text.parse().ok(),
    wanted: "the name of an AWS region",
    example: "eu-central-1",
    pattern: r"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$",
    max_bytes: 32,
};

/// An endpoint, for the JSON Schema, which has not the whole grammar: the largest port, addresses, and internationalized names.
const ENDPOINT_PATTERN: &str = concat!(
    r"^([hH][tT][tT][pP][sS]://([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])",
    r"|[hH][tT][tT][pP]://([lL][oO][cC][aA][lL][hH][oO][sS][tT]|127(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:]+\]))",
    r"(:0*[1-9][0-9]{0,4})?/?$"
);

/// An endpoint of a service in place of that of the SDK.
pub(super) const fn endpoint_kind(example: &'static str) -> Parsed<Endpoint> {
    Parsed {
        parse: |text| text.parse().ok(),
        wanted: "https://HOST or https://HOST:PORT; http:// only for loopback addresses",
        example,
        pattern: ENDPOINT_PATTERN,
        max_bytes: 512,
    }
}

/// The name of a profile in the shared configuration files.
const PROFILE: Parsed<String> = Parsed {
    parse: |text| (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned()),
    wanted: "the name of a profile, without spaces",
    example: "default",
    pattern: "^[!-~]+$",
    max_bytes: 128,
};

/// The list of partitions, at least one.
pub(super) struct PartitionsKind;

/// The partitions that are called unless others are written: those with AWS Signer and with public regions.
const DEFAULT_PARTITIONS: [Partition; 3] = [Partition::Aws, Partition::AwsUsGov, Partition::AwsCn];

impl Kind for PartitionsKind {
    type Value = Vec<Partition>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Vec<Partition> {
        if !fields.has(key) {
            return DEFAULT_PARTITIONS.to_vec();
        }
        let wanted = format!("one of {}", listed(&Partition::ALL));
        if let Some(node) = fields.node(key)
            && let Some(partition) = node.value.as_str().and_then(|text| Partition::named(text.trim()))
        {
            fields.mistake(node.line, &fields.path_of(key), "a text", "a list", &format!("[{partition}]"));
            // As below.
            return Partition::ALL.to_vec();
        }
        let written = fields.list(key);
        let mut partitions = Vec::new();
        for (path, node) in &written {
            let text = node.value.as_str().unwrap_or_default();
            match Partition::named(text) {
                Some(partition) => partitions.push(partition),
                None if Partition::named(text.trim()).is_some() => {
                    let found = format_args!("{} with blanks around it", node.value.describe());
                    fields.mistake(node.line, path, found, &wanted, text.trim());
                }
                None => fields.mistake(node.line, path, node.value.describe(), &wanted, "aws"),
            }
        }
        if matches!(fields.node(key).map(|node| &node.value), Some(Value::List(list)) if list.is_empty()) {
            fields.conflict(key, "an empty list", "at least one partition");
        }
        if partitions.is_empty() || partitions.len() < written.len() {
            // The configuration is not used. Which partitions are meant is not known, so that no other key is compared with them.
            return Partition::ALL.to_vec();
        }
        for (index, partition) in partitions.iter().enumerate() {
            if partitions.iter().take(index).any(|other| other == partition) {
                fields.conflict(key, format_args!("{partition} twice"), "each partition once");
            }
        }
        partitions
    }

    fn show(&self, key: &str, value: &Vec<Partition>, effective: &mut Effective) {
        effective.add(key, listed(value));
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Value(format!("[{}]", listed(&DEFAULT_PARTITIONS).replace(',', ", "))),
            schema: json!({
                "type": ["array", "null"],
                "items": {"enum": Partition::ALL.map(Partition::as_str)},
                "minItems": 1,
                "uniqueItems": true,
                "default": DEFAULT_PARTITIONS.map(Partition::as_str),
            }),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// The names of partitions.
fn listed(partitions: &[Partition]) -> String {
    partitions.iter().map(|partition| partition.as_str()).collect::<Vec<_>>().join(",")
}
