//! What the fuzz targets have in common: the call of the body, and a mutator that keeps the structure of a document.

pub use countersign_fuzz_targets::Target;
pub use libfuzzer_sys;

/// Changes the input: half of the time by fields with the structure kept, otherwise as libFuzzer does.
pub fn change(target: Target, data: &mut [u8], size: usize, max: usize, seed: u32) -> usize {
    if seed.is_multiple_of(2)
        && let Some(changed) = countersign_fuzz_targets::change(target, &data[..size], seed, max)
    {
        data[..changed.len()].copy_from_slice(&changed);
        return changed.len();
    }
    libfuzzer_sys::fuzzer_mutate(data, size, max)
}

/// The target of this name.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        $crate::libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::Target::$name.run(input));
        $crate::libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max: usize, seed: u32| {
            $crate::change($crate::Target::$name, data, size, max, seed)
        });
    };
}
