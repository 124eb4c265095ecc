//! A directory as the kubelet mounts ConfigMaps and Secrets: every file is a link through `..data`. A change replaces that
//! link, so that all files change together and no file is modified.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;

use crate::workdir::Workdir;

pub(crate) struct Mount {
    directory: PathBuf,
    /// Number of the directory that `..data` points to.
    round: u32,
}

impl Mount {
    /// A directory `name` in the working directory.
    pub(crate) fn new(workdir: &Workdir, name: &str, files: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut mount = Self { directory: workdir.directory(name)?, round: 0 };
        mount.replace(files)?;
        Ok(mount)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }

    /// Replaces everything by `files`.
    pub(crate) fn replace(&mut self, files: &[(&str, &str)]) -> anyhow::Result<()> {
        let old = format!("..{}", self.round);
        self.round += 1;
        let new = format!("..{}", self.round);
        self.swap(&old, &new, files).with_context(|| format!("cannot change {}", self.directory.display()))
    }

    fn swap(&self, old: &str, new: &str, files: &[(&str, &str)]) -> anyhow::Result<()> {
        let data = self.directory.join(new);
        fs::create_dir(&data)?;
        for (name, contents) in files {
            fs::write(data.join(name), contents)?;
        }
        let link = self.directory.join("..data_tmp");
        symlink(new, &link)?;
        fs::rename(link, self.directory.join("..data"))?;
        for (name, _) in files {
            match symlink(Path::new("..data").join(name), self.directory.join(name)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                other => other?,
            }
        }
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let known = files.iter().any(|(known, _)| name == *known);
            if !known && !name.to_string_lossy().starts_with("..") {
                fs::remove_file(entry.path())?;
            }
        }
        match fs::remove_dir_all(self.directory.join(old)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => Ok(other?),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn replaces_all_files_at_once_and_removes_the_old_ones() {
        let directory = std::env::temp_dir().join(format!("countersign-e2e-test-{}-mount", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let mut mount = Mount { directory: directory.clone(), round: 0 };
        mount.replace(&[("a", "1"), ("b", "1")]).unwrap();
        mount.replace(&[("a", "2"), ("c", "2")]).unwrap();
        let mut names: Vec<String> =
            fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["..2", "..data", "a", "c"]);
        assert_eq!(fs::read_link(directory.join("c")).unwrap(), Path::new("..data/c"));
        assert_eq!(fs::read_to_string(directory.join("a")).unwrap(), "2");
        fs::remove_dir_all(directory).unwrap();
    }
}
