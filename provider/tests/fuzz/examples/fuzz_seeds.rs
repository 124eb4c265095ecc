//! Writes the seeds of every target: `fuzz_seeds FOLDER` makes `FOLDER/TARGET/NUMBER`. With `COUNTERSIGN_VECTORS` also those of others.

use std::path::PathBuf;

use countersign_fuzz_targets::Target;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: fuzz_seeds FOLDER"));
    for target in Target::ALL {
        let folder = folder.join(target.name());
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in countersign_fuzz_targets::seeds(target).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
