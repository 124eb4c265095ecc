//! Mutations of bytes, and orders, that are the same on every machine.

use serde_json::Value;

/// A small generator of pseudo-random numbers (xorshift) with a fixed seed.
pub struct RandomBytes(u64);

impl RandomBytes {
    /// Starts with a seed that is not 0.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `max`; 0 if that is 0.
    pub fn below(&mut self, max: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(max.max(1)).unwrap()).unwrap()
    }

    /// Brings a list into another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }

    /// The text of a document with the members of each object in another order.
    #[must_use]
    pub fn reordered(&mut self, document: &Value) -> String {
        match document {
            Value::Object(members) => {
                let text = |(name, value): (&String, &Value)| {
                    format!("{}:{}", Value::from(name.as_str()), self.reordered(value))
                };
                let mut texts: Vec<String> = members.iter().map(text).collect();
                self.shuffle(&mut texts);
                format!("{{{}}}", texts.join(","))
            }
            Value::Array(elements) => {
                let texts: Vec<String> = elements.iter().map(|element| self.reordered(element)).collect();
                format!("[{}]", texts.join(","))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => document.to_string(),
        }
    }

    /// Copies, drops, overwrites or swaps ranges of bytes, one to four times.
    pub fn scramble(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(4) {
            let from = self.below(bytes.len());
            let to = (from + 1 + self.below(64)).min(bytes.len());
            match self.below(4) {
                0 => drop(bytes.drain(from..to)),
                1 => {
                    let piece = bytes[from..to].to_vec();
                    let at = self.below(bytes.len());
                    bytes.splice(at..at, piece);
                }
                2 => {
                    let value = u8::try_from(self.below(256)).unwrap();
                    bytes[from..to].fill(value);
                }
                _ => bytes[from..to].reverse(),
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        bytes
    }
}
