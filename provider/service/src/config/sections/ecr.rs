//! `credentials.ecr` of an entry of `registries`.

use std::fmt;

use countersign_core::name::AwsRegion;
use countersign_core::name::RoleArn;
use countersign_http::Endpoint;

use super::aws::REGION;
use super::aws::endpoint_kind;
use super::braces::braces;
use super::ecr_api;
use crate::config::fields::Fields;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::Kind;
use crate::config::schema::Parsed;
use crate::config::schema::Sample;
use crate::config::schema::Section as _;
use crate::config::schema::map_schema;
use crate::config::schema::names;
use crate::config::schema::section;
use crate::config::schema::with_alternatives;

section! {
    /// `credentials.ecr`: how tokens of Amazon ECR are requested.
    #[derive(Hash)]
    pub Ecr {
        /// A role of another account that is assumed for the token (sts:AssumeRole), with the identity of the pod.
        role_arn "roleArn": Option<RoleArn> = RoleKind;
        /// The external identifier that the trust policy of the role requires.
        external_id "externalId": Option<String> = Parsed {
            parse: parse_external_id,
            wanted: "2 to 1224 letters, digits or characters of _+=,.@:/-",
            example: "tenant-1",
            pattern: r"^[A-Za-z0-9_+=,.@:/-]{2,}$",
            max_bytes: 1224,
        };
        /// An endpoint in place of the API of the registry's region, used as written: of a VPC endpoint without private DNS names.
        endpoint "endpoint": Option<Endpoint> = endpoint_kind("https://vpce-0123456789abcdef0-example.api.ecr.eu-central-1.vpce.amazonaws.com");
        /// The region that requests to `endpoint` are signed for, if it is not that of the registry.
        region "region": Option<AwsRegion> = REGION;
    }
}

impl Ecr {
    /// Whose tokens these are, for messages.
    #[must_use]
    pub fn role_name(&self) -> String {
        self.role_arn.as_ref().map_or_else(|| "the role of the pod".to_owned(), ToString::to_string)
    }
}

impl fmt::Display for Ecr {
    /// For whom tokens are issued, and by which API.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role_arn, external_id, endpoint, region } = self;
        f.write_str("ecr")?;
        role_arn.iter().try_for_each(|role| write!(f, " as {role}"))?;
        external_id.iter().try_for_each(|id| write!(f, " with {id}"))?;
        endpoint.iter().try_for_each(|endpoint| write!(f, " from {endpoint}"))?;
        region.iter().try_for_each(|region| write!(f, " in {region}"))
    }
}

/// The ARN of a role. A mistake names the part that is wrong.
pub(super) struct RoleKind;

const ROLE: Parsed<RoleArn> = Parsed {
    parse: |text| text.parse::<RoleArn>().ok(),
    wanted: RoleArn::FORM,
    example: "arn:aws:iam::111122223333:role/pull",
    // Each part of the path has a slash at its end.
    pattern: r"^arn:aws(-cn|-us-gov|-eusc|-iso|-iso-b|-iso-e|-iso-f)?:iam::[0-9]{12}:role/([!-.0-~]+/)*[A-Za-z0-9_+=,.@-]{1,64}$",
    max_bytes: RoleArn::MAX_BYTES,
};

impl Kind for RoleKind {
    type Value = Option<RoleArn>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<RoleArn> {
        // Another text may be a secret in the wrong place.
        if let Some(node) = fields.node(key)
            && let Some(text) = node.value.as_str().filter(|text| text.starts_with("arn:") && !text.contains('@'))
            && let Err(part) = text.parse::<RoleArn>()
        {
            let found = format_args!("{} in {}", part.found(), node.value.describe());
            fields.mistake(node.line, &fields.path_of(key), found, part.expected(), ROLE.example);
            return None;
        }
        ROLE.read(fields, key)
    }

    fn show(&self, key: &str, value: &Option<RoleArn>, effective: &mut Effective) {
        ROLE.show(key, value, effective);
    }

    fn describe(&self) -> Description {
        ROLE.describe()
    }
}

/// As STS allows it ([AssumeRole](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html)).
fn parse_external_id(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte);
    (text.len() >= 2 && text.bytes().all(allowed)).then(|| text.to_owned())
}

/// The whole map; `{}` for the identity of the pod.
pub(super) struct EcrKind;

impl Kind for EcrKind {
    type Value = Option<Ecr>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<Ecr> {
        if !fields.has(key) {
            return None;
        }
        if let Some(node) = fields.node(key).filter(|_| !fields.is_map(key)) {
            fields.mistake(node.line, &fields.path_of(key), node.value.kind(), braces(key), "");
            return None;
        }
        let fields = fields.section(key, names(Ecr::KEYS));
        let ecr = Ecr::read(&fields);
        if fields.has("externalId") && !fields.has("roleArn") {
            fields.missing("roleArn", "the role that requires externalId", "arn:aws:iam::111122223333:role/pull");
        }
        if let Some(endpoint) = ecr.endpoint.as_ref().filter(|endpoint| ecr_api::is_registry(endpoint)) {
            fields.conflict("endpoint", format_args!("{endpoint}, which is a registry"), ecr_api::WANTED_API);
        }
        if fields.has("region") && !fields.has("endpoint") {
            let wanted =
                "the endpoint whose requests are signed for `region`; without one, the region is that of the registry";
            fields.missing("endpoint", wanted, "");
        }
        Some(ecr)
    }

    fn show(&self, key: &str, value: &Option<Ecr>, effective: &mut Effective) {
        if let Some(ecr) = value {
            effective.add(key, "true");
            ecr.show(key, effective);
        }
    }

    fn describe(&self) -> Description {
        let schema = with_alternatives(
            map_schema(Ecr::KEYS),
            &[
                (&["roleArn", "endpoint"], &[]),
                (&["roleArn"], &["region"]),
                (&["endpoint"], &["externalId"]),
                (&[], &["externalId", "region"]),
            ],
        );
        Description { sample: Sample::AlternativeSection(Ecr::KEYS), schema, limits: String::new(), is_required: false }
    }
}
