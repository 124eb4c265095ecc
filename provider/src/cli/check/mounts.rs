//! `--manifests`: the files that a container mounts from ConfigMaps and Secrets, laid out below a temporary directory.

use std::fs;
use std::fs::DirBuilder;
use std::hash::BuildHasher as _;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::codec::excerpt::Excerpt;
use countersign_core::codec::mismatch::Mismatch;
use serde_json::Value as Json;

use super::Findings;
use super::Mistake;
use super::pod::PodSetup;
use crate::cli::manifests;
use crate::cli::manifests::ManifestMistake;
use crate::cli::manifests::ManifestMistakes;
use crate::cli::manifests::Object;
use crate::cli::manifests::list;
use crate::cli::manifests::text;

/// The mounted files. The directory is removed when the value is dropped.
pub(super) struct Mounts {
    /// In place of the root of the container's file system.
    pub(super) root: PathBuf,
    /// What is mounted from objects that are not among the manifests.
    pub(super) unknown: Vec<Unknown>,
    /// What the manifests say of the identity of the pod.
    pub(super) pod: PodSetup,
}

/// A ConfigMap or Secret that is not among the manifests.
pub(super) struct Unknown {
    /// Files and directories below the root.
    pub(super) paths: Vec<PathBuf>,
    /// Whether the container starts without it.
    pub(super) is_optional: bool,
    /// The warning that its files are not checked.
    pub(super) warning: String,
}

impl Unknown {
    /// Whether a mistake in `file` may be one only because the files are not known.
    pub(super) fn concerns(&self, file: &Path) -> bool {
        self.paths.iter().any(|unknown| file.starts_with(unknown) || unknown.starts_with(file))
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        // Nothing depends on it, and nothing can be done about it.
        drop(fs::remove_dir_all(&self.root));
    }
}

/// One file of a volume: its path in the volume, and its content.
type VolumeFile = (PathBuf, Vec<u8>);

/// The files of the container that mounts `config`, the path of the configuration there. `None` if there is none, or the
/// manifests cannot be read: `findings` has the mistakes.
///
/// # Errors
/// The files cannot be written.
pub(super) fn extract(files: &[PathBuf], config: &Path, findings: &mut Findings) -> io::Result<Option<Mounts>> {
    let mut mistakes = ManifestMistakes::default();
    let documents = manifests::read(files, &mut mistakes);
    let objects = manifests::objects(&documents, &mut mistakes);
    let container = objects.iter().find_map(|object| container(object, config));
    if container.is_none() && mistakes.is_empty() {
        mistakes.add(ManifestMistake {
            file: files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "),
            line: 0,
            object: String::new(),
            field: String::new(),
            mismatch: Mismatch::new(format_args!("found no container that mounts {}", config.display()))
                .expecting("a Deployment, StatefulSet or DaemonSet with a volume at that path"),
        });
    }
    let mounts = match container {
        None => None,
        Some(container) => {
            let pod = PodSetup::of(container.workload, container.container, &objects);
            let mut mounts = Mounts { root: temporary_directory()?, unknown: Vec::new(), pod };
            container.lay_out(&objects, &mut mounts, &mut mistakes)?;
            Some(mounts)
        }
    };
    findings.mistakes.extend(mistakes.into_list().into_iter().map(Mistake::from));
    Ok(mounts)
}

/// Readable by this user alone: it may have keys.
fn temporary_directory() -> io::Result<PathBuf> {
    let random = std::hash::RandomState::new().hash_one(std::process::id());
    let path = std::env::temp_dir().join(format!("countersign-check-{random:016x}"));
    DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}

/// A container with the volumes of its pod.
struct Container<'a, 'd> {
    workload: &'a Object<'d>,
    container: &'d Json,
    mounts: &'d [Json],
    volumes: &'d [Json],
}

/// The container of the workload that mounts `config`.
fn container<'a, 'd>(workload: &'a Object<'d>, config: &Path) -> Option<Container<'a, 'd>> {
    let is_workload =
        workload.group == "apps" && ["Deployment", "StatefulSet", "DaemonSet"].contains(&workload.kind.as_str());
    let pod = workload.value.pointer("/spec/template/spec").filter(|_| is_workload)?;
    let mounts_config = |mount: &Json| text(mount, "mountPath").is_some_and(|path| config.starts_with(path));
    let mut containers = list(pod, "containers").iter();
    let container = containers.find(|container| list(container, "volumeMounts").iter().any(mounts_config))?;
    Some(Container { workload, container, mounts: list(container, "volumeMounts"), volumes: list(pod, "volumes") })
}

impl Container<'_, '_> {
    fn lay_out(&self, objects: &[Object<'_>], mounts: &mut Mounts, mistakes: &mut ManifestMistakes) -> io::Result<()> {
        for mount in self.mounts {
            let (name, path) = (text(mount, "name").unwrap_or_default(), text(mount, "mountPath").unwrap_or_default());
            let Some(target) = below(&mounts.root, path) else {
                let found = format_args!("found mountPath {:?}", Excerpt::of(path));
                mistakes.add(self.workload.mistake("", Mismatch::new(found).expecting("an absolute path without ..")));
                continue;
            };
            let Some(volume) = self.volumes.iter().find(|volume| text(volume, "name") == Some(name)) else {
                let found = format_args!("found a mount of the volume {:?}", Excerpt::of(name));
                mistakes.add(self.workload.mistake("", Mismatch::new(found).expecting("a volume of the pod")));
                continue;
            };
            let sub_path = text(mount, "subPath").map(Path::new);
            for source in sources(volume) {
                let Some(files) = source.files(self.workload, objects, mistakes) else {
                    mounts.unknown.push(Unknown {
                        paths: source.paths().into_iter().map(|path| target.join(path)).collect(),
                        is_optional: source.is_optional,
                        warning: format!(
                            "{}: volume {} has the {} {}, which is not among the manifests: its files are not checked",
                            self.workload.name(),
                            Excerpt::of(name),
                            source.kind,
                            Excerpt::of(source.name)
                        ),
                    });
                    continue;
                };
                for (path, content) in files {
                    let path = match sub_path {
                        None => target.join(&path),
                        Some(sub_path) => match path.strip_prefix(sub_path) {
                            Ok(rest) if rest.as_os_str().is_empty() => target.clone(),
                            Ok(rest) => target.join(rest),
                            Err(_) => continue,
                        },
                    };
                    write(&path, &content)?;
                }
            }
        }
        Ok(())
    }
}

/// A ConfigMap or Secret of a volume.
struct Source<'d> {
    kind: &'static str,
    name: &'d str,
    items: Option<&'d [Json]>,
    is_optional: bool,
}

/// The sources of a volume. Other kinds of volumes have no files before the container starts.
fn sources(volume: &Json) -> Vec<Source<'_>> {
    match volume.get("projected") {
        Some(projected) => list(projected, "sources").iter().filter_map(|of| source(of, "name")).collect(),
        None => source(volume, "secretName").into_iter().collect(),
    }
}

/// `secret_name` is the member with the name of a Secret, which differs between volumes and projected sources.
fn source<'d>(of: &'d Json, secret_name: &str) -> Option<Source<'d>> {
    let read = |kind, source: &'d Json, member: &str| Source {
        kind,
        name: text(source, member).unwrap_or_default(),
        items: source.get("items").and_then(Json::as_array).map(Vec::as_slice),
        is_optional: source.get("optional").and_then(Json::as_bool) == Some(true),
    };
    let config_map = of.get("configMap").map(|source| read("ConfigMap", source, "name"));
    config_map.or_else(|| of.get("secret").map(|source| read("Secret", source, secret_name)))
}

impl Source<'_> {
    /// The paths in the volume that come from it: the whole volume without `items`.
    fn paths(&self) -> Vec<PathBuf> {
        match self.items {
            None => vec![PathBuf::new()],
            Some(items) => items.iter().filter_map(|item| text(item, "path")).map(PathBuf::from).collect(),
        }
    }

    /// The files; `None` if the object is not among the manifests.
    fn files(
        &self,
        workload: &Object<'_>,
        objects: &[Object<'_>],
        mistakes: &mut ManifestMistakes,
    ) -> Option<Vec<VolumeFile>> {
        let object = workload.beside(objects, self.kind, self.name)?;
        let mut files = Vec::new();
        let all = contents(object, mistakes);
        let Some(items) = self.items else {
            return Some(all.into_iter().map(|(key, content)| (PathBuf::from(key), content)).collect());
        };
        for item in items {
            let (key, path) = (text(item, "key").unwrap_or_default(), text(item, "path").unwrap_or_default());
            let content = all.iter().find(|(name, _)| name == key);
            match content.filter(|_| below(Path::new("/"), path).is_some()) {
                Some((_, content)) => files.push((PathBuf::from(path), content.clone())),
                None => {
                    let keys: Vec<_> = all.iter().map(|(key, _)| key.as_str()).collect();
                    let found = format_args!(
                        "found the item {:?} at {:?} of {}",
                        Excerpt::of(key),
                        Excerpt::of(path),
                        object.name()
                    );
                    let expected = format_args!("one of its keys ({}), at a relative path without ..", keys.join(", "));
                    mistakes.add(workload.mistake("", Mismatch::new(found).expecting(expected)));
                }
            }
        }
        Some(files)
    }
}

/// The keys of a ConfigMap or Secret with their contents.
fn contents(object: &Object<'_>, mistakes: &mut ManifestMistakes) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    // `data` of a Secret is base64, that of a ConfigMap is not.
    let (texts, encoded) = if object.kind == "Secret" { ("stringData", "data") } else { ("data", "binaryData") };
    for (member, is_encoded) in [(encoded, true), (texts, false)] {
        for (key, value) in object.value.get(member).and_then(Json::as_object).into_iter().flatten() {
            let field = format!("{member}.{}", Excerpt::of(key).escaped());
            let is_name = !key.is_empty() && below(Path::new("/"), key).is_some() && !key.contains('/');
            let content = value.as_str().filter(|_| is_name).and_then(|value| match is_encoded {
                // Line breaks are ignored, as in Go.
                true => STANDARD.decode(value.replace(['\r', '\n'], "")).ok(),
                false => Some(value.as_bytes().to_vec()),
            });
            match content {
                Some(content) => all.push((key.clone(), content)),
                None => {
                    let expected = if is_encoded { "a file name with base64" } else { "a file name with a text" };
                    // A Secret's value is not shown.
                    mistakes.add(object.mistake(&field, Mismatch::new("found another value").expecting(expected)));
                }
            }
        }
    }
    all
}

/// `path` below `root`; `None` if it is empty or leads out of it.
fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    let is_plain = relative.components().all(|component| matches!(component, Component::Normal(_)));
    (is_plain && !relative.as_os_str().is_empty()).then(|| root.join(relative))
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::File::create(path)?.write_all(content)
}
