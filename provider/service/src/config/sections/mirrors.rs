//! `mirrors` of an entry of `registries`.

use countersign_core::codec::mismatch::Mismatched as _;
use countersign_registry::MAX_MIRRORS;
use countersign_registry::Mirror;
use countersign_registry::Mirrors;
use countersign_registry::MirrorsMistake;
use countersign_registry::RegistryPattern;
use countersign_registry::check_mirrors;
use serde_json::json;

use crate::config::fields::Fields;
use crate::config::hints;
use crate::config::hints::Cut;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::Kind;
use crate::config::schema::Sample;

/// The characters of a location, for the JSON Schema, which has not the whole grammar.
const PATTERN: &str = r"^[A-Za-z0-9.:\[\]-]+(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$";

const WANTED: &str = "a list of host[:port][/path]";

/// A list of locations. Their texts are not shown before they are known to have no password.
pub(super) struct MirrorsKind;

impl Kind for MirrorsKind {
    type Value = Vec<Mirror>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Vec<Mirror> {
        let mut mirrors = Vec::new();
        for (path, node) in fields.list(key) {
            match node.value.as_str().map(|text| (text, text.parse::<Mirror>())) {
                Some((_, Ok(mirror))) => mirrors.push(mirror),
                Some((text, Err(error))) => {
                    let mismatch = error.mismatch();
                    let wanted = mismatch.expected().unwrap_or(WANTED);
                    let hint = hints::without_url(text, Cut::Scheme, |text| text.parse::<Mirror>().is_ok());
                    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                    fields.mistake(node.line, &path, mismatch.found(), format_args!("{wanted}{hint}"), "");
                }
                None => fields.mistake(node.line, &path, node.value.kind(), WANTED, ""),
            }
        }
        mirrors
    }

    fn show(&self, key: &str, value: &Vec<Mirror>, effective: &mut Effective) {
        if !value.is_empty() {
            effective.add(key, value.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
        }
    }

    fn describe(&self) -> Description {
        let item = json!({"type": "string", "pattern": PATTERN});
        Description {
            sample: Sample::Value("[mirror.example.com/cache]".to_owned()),
            schema: json!({"type": ["array", "null"], "items": item, "maxItems": MAX_MIRRORS, "default": []}),
            limits: String::new(),
            is_required: false,
        }
    }
}

/// Records a mistake in the mirrors of one entry.
pub(super) fn check(entry: &Fields<'_>, host: &RegistryPattern, mirrors: &Mirrors) {
    if let Err(mistake) = check_mirrors(host, mirrors) {
        record(entry, &mistake);
    }
}

/// Records `mistake`.
pub(super) fn record(entry: &Fields<'_>, mistake: &MirrorsMistake) {
    let key = match mistake {
        MirrorsMistake::OnlyNone => "mirrorsOnly",
        MirrorsMistake::Wildcards { .. }
        | MirrorsMistake::TooMany { .. }
        | MirrorsMistake::Itself { .. }
        | MirrorsMistake::Twice { .. }
        | MirrorsMistake::Circle { .. } => "mirrors",
    };
    let mismatch = mistake.mismatch();
    entry.conflict(key, mismatch.found(), mismatch.expected().unwrap_or(WANTED));
}
