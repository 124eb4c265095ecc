//! Critical attributes and verification plugins: an attribute or plugin that is not supported fails at every level
//! ([plugin
//! extensibility](https://github.com/notaryproject/specifications/blob/d4b62b949228911bd5e62da4f5f8dd38682d293a/specs/plugin-extensibility.md)).
//! No plugin process is started.

use super::aws_signer;
use super::aws_signer::SignerAttributes;
use super::envelope::ExtendedAttribute;
use super::envelope::PLUGIN;
use super::envelope::PLUGIN_MIN_VERSION;
use super::integrity::IntactEnvelope;
use crate::codec::excerpt::Excerpt;
use crate::reason::Code;
use crate::reason::Reason;

/// The verification plugin that a signature requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plugin {
    None,
    /// AWS Signer, which has the revocation status of the signature, its profile and its certificates.
    AwsSigner(SignerAttributes),
}

/// Checks the attributes and returns the requested plugin.
pub(super) fn check(intact: &IntactEnvelope) -> Result<Plugin, Reason> {
    let attributes = intact.attributes();
    let Some(plugin) = attributes.extended(PLUGIN) else {
        refuse_unknown(intact, &[])?;
        return Ok(Plugin::None);
    };
    let name = critical_text(plugin, "a string that is not blank", |name| !name.trim().is_empty())?;
    let min_version = attributes.extended(PLUGIN_MIN_VERSION);
    let min_version = min_version
        .map(|version| critical_text(version, "a version such as 1.0.0", is_semantic_version))
        .transpose()?;
    if name != aws_signer::PLUGIN {
        let name = Excerpt::of(name);
        let detail =
            format_args!("verification plugin is not supported: found {name}, expected none or a built-in plugin");
        return Err(Reason::new(Code::PluginUnsupported, detail));
    }
    if let Some(version) = min_version.filter(|version| !is_at_most(version, aws_signer::PLUGIN_VERSION)) {
        let detail = format_args!(
            "verification plugin {} is not supported in this version: found the minimum version {}, expected at most {}",
            Excerpt::of(name),
            Excerpt::of(version),
            aws_signer::PLUGIN_VERSION
        );
        return Err(Reason::new(Code::PluginUnsupported, detail));
    }
    refuse_unknown(intact, &aws_signer::ATTRIBUTES)?;
    Ok(Plugin::AwsSigner(SignerAttributes::read(intact)?))
}

/// The text of a critical plugin attribute of the specification.
fn critical_text<'a>(
    attribute: &'a ExtendedAttribute,
    expected: &'static str,
    fits: fn(&str) -> bool,
) -> Result<&'a str, Reason> {
    let ExtendedAttribute { name, text, critical } = attribute;
    let name = Excerpt::of(name);
    let malformed = |detail: std::fmt::Arguments<'_>| Err(Reason::new(Code::EnvelopeMalformed, detail));
    match text.as_deref().filter(|text| fits(text)) {
        Some(_) if !critical => malformed(format_args!("attribute {name}: found no entry in crit, expected one")),
        Some(text) => Ok(text),
        None => {
            let found = Excerpt::of(text.as_deref().unwrap_or("not a text"));
            malformed(format_args!("attribute {name}: found {found}, expected {expected}"))
        }
    }
}

/// Refuses critical attributes that are neither plugin attributes nor in `known`.
fn refuse_unknown(intact: &IntactEnvelope, known: &[&str]) -> Result<(), Reason> {
    let is_known =
        |name: &str| !known.is_empty() && ([PLUGIN, PLUGIN_MIN_VERSION].contains(&name) || known.contains(&name));
    let mut critical = intact.attributes().extended.iter().filter(|attribute| attribute.critical);
    match critical.find(|attribute| !is_known(&attribute.name)) {
        Some(unknown) => {
            let name = Excerpt::of(&unknown.name);
            let detail = format_args!(
                "unknown critical attribute: found {name}, expected only attributes that \
                                       this verifier processes"
            );
            Err(Reason::new(Code::CriticalAttributeUnknown, detail))
        }
        None => Ok(()),
    }
}

/// [Semantic Versioning 2.0.0](https://semver.org/spec/v2.0.0.html): three numbers with optional labels.
fn is_semantic_version(text: &str) -> bool {
    let label = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits && (part == "0" || !part.starts_with('0'))
    };
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, pre) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|pre| pre.split('.').all(|part| label(part) && (!is_number(part) || number(part))))
        && build.is_none_or(|build| build.split('.').all(label))
}

/// Whether a version has the precedence of `limit`, a version without labels, or a lower one. Both are semantic versions. A
/// pre-release is lower than its release, so labels change nothing.
fn is_at_most(version: &str, limit: &str) -> bool {
    let numbers = |text: &str| -> Vec<(usize, String)> {
        let core = text.split(['-', '+']).next().unwrap_or_default();
        // Without leading zeros, the number with more digits is the greater one, however many it has.
        core.split('.').map(|number| (number.len(), number.to_owned())).collect()
    };
    numbers(version) <= numbers(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_precedence() {
        for version in ["1.0.2292", "1.0.2292-rc.1", "1.0.2292+1", "1.0.350", "0.99999.9", "1.0.0"] {
            assert!(is_at_most(version, "1.0.2292"), "{version}");
        }
        for version in
            ["1.0.2293", "1.0.10000", "1.1.0", "2.0.0-alpha", "999.0.0", "10.0.0", "1.0.99999999999999999999"]
        {
            assert!(!is_at_most(version, "1.0.2292"), "{version}");
        }
    }

    #[test]
    fn a_semantic_version_is_three_numbers_and_perhaps_labels() {
        for text in ["0.0.0", "1.0.2292", "1.0.0-alpha.1", "1.0.0-0a.x-y+build.001", "1.0.0+21"] {
            assert!(is_semantic_version(text), "{text}");
        }
        for text in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "v1.0.0",
            "01.0.0",
            "1.0.0-",
            "1.0.0-01",
            "1.0.0-a..b",
            "1.0.0+",
            "1.0.x",
            " 1.0.0",
        ] {
            assert!(!is_semantic_version(text), "{text}");
        }
    }
}
