//! Kinds of values between two limits: numbers, sizes and durations.

use std::time::Duration;

use serde_json::json;

use super::Description;
use super::Effective;
use super::Kind;
use super::Sample;
use crate::config::fields::Fields;
use crate::config::units;
use crate::config::units::written_duration;
use crate::config::units::written_size;

/// A whole number from `min` to `max`, both included.
pub(in crate::config) struct Number {
    default: usize,
    min: usize,
    max: usize,
}

impl Number {
    pub(in crate::config) const fn of(default: usize, min: usize, max: usize) -> Self {
        Self { default, min, max }
    }
}

impl Kind for Number {
    type Value = usize;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> usize {
        let Self { default, min, max } = *self;
        fields.number(key, default, min, max)
    }

    fn show(&self, key: &str, value: &usize, effective: &mut Effective) {
        effective.add(key, value);
    }

    fn describe(&self) -> Description {
        let Self { default, min, max } = self;
        Description {
            sample: Sample::Value(default.to_string()),
            schema: json!({"type": ["integer", "null"], "minimum": min, "maximum": max, "default": default}),
            limits: format!("From {min} to {max}."),
            is_required: false,
        }
    }
}

/// A size in bytes, from `min` to `max`, both included.
pub(in crate::config) struct Size {
    default: usize,
    min: usize,
    max: usize,
}

impl Size {
    pub(in crate::config) const fn of(default: usize, min: usize, max: usize) -> Self {
        Self { default, min, max }
    }
}

impl Kind for Size {
    type Value = usize;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> usize {
        let Self { default, min, max } = *self;
        fields.size(key, default, min, max)
    }

    fn show(&self, key: &str, value: &usize, effective: &mut Effective) {
        effective.add(key, value);
    }

    fn describe(&self) -> Description {
        let Self { default, min, max } = *self;
        Description {
            sample: Sample::Value(written_size(default)),
            // The limits are those of a number, and the pattern that of a string.
            schema: json!({
                "type": ["integer", "string", "null"],
                "minimum": min,
                "maximum": max,
                "pattern": units::SIZE_PATTERN,
                "default": written_size(default),
            }),
            limits: format!("From {} to {}.", written_size(min), written_size(max)),
            is_required: false,
        }
    }
}

/// A duration with its unit, from `min` to `max`, both included.
pub(in crate::config) struct Time {
    default: Duration,
    min: Duration,
    max: Duration,
}

impl Time {
    pub(in crate::config) const fn of(default: Duration, min: Duration, max: Duration) -> Self {
        Self { default, min, max }
    }
}

impl Kind for Time {
    type Value = Duration;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Duration {
        let Self { default, min, max } = *self;
        fields.duration(key, default, min, max)
    }

    fn show(&self, key: &str, value: &Duration, effective: &mut Effective) {
        effective.add(key, format_args!("{}ms", value.as_millis()));
    }

    fn describe(&self) -> Description {
        let Self { default, min, max } = *self;
        Description {
            sample: Sample::Value(written_duration(default)),
            schema: json!({
                "type": ["string", "null"],
                "pattern": units::DURATION_PATTERN,
                "default": written_duration(default),
            }),
            limits: format!("From {} to {}.", written_duration(min), written_duration(max)),
            is_required: false,
        }
    }
}

/// A value that applies only if it is written. The reference sample shows the default of the kind as an example.
pub(in crate::config) struct Optional<K>(pub(in crate::config) K);

impl<K: Kind> Kind for Optional<K> {
    type Value = Option<K::Value>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Option<K::Value> {
        fields.has(key).then(|| self.0.read(fields, key))
    }

    fn show(&self, key: &str, value: &Option<K::Value>, effective: &mut Effective) {
        if let Some(value) = value {
            self.0.show(key, value, effective);
        }
    }

    fn describe(&self) -> Description {
        let mut description = self.0.describe();
        if let Some(schema) = description.schema.as_object_mut() {
            schema.remove("default");
        }
        Description { is_required: false, ..description }
    }
}
