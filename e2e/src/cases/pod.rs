//! The pod of Countersign, as a cloud and a node run it: the volumes of its Deployment in a file system of its own, the environment
//! variables of its identity, and the user of the image.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::http;
use crate::namespaces;
use crate::process;
use crate::process::Program;
use crate::workdir::Workdir;

const READY: Duration = Duration::from_secs(20);
const LIMIT: Duration = Duration::from_secs(10);

/// The port of the probes, which no other process in the namespaces uses.
const HEALTH: &str = "127.0.0.1:8888";

/// The namespace of Countersign.
const NAMESPACE: &str = "countersign";

/// As in `deploy/Containerfile`.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
const CONFIG: &str = "/etc/countersign/config/countersign.yaml";
const USER: &str = "65532:65532";

/// A running pod.
pub(in crate::cases) struct Pod {
    name: &'static str,
    program: Option<Program>,
    root: PathBuf,
    arguments: Vec<String>,
    variables: Variables,
}

/// Environment variables.
pub(in crate::cases) type Variables = Vec<(&'static str, String)>;

impl Pod {
    /// Runs the Deployment `countersign` of the API server. The system trusts the authority in `roots`. The cloud adds the variables
    /// that `identity` returns for the template of the pod and its service account.
    pub(in crate::cases) fn start(
        workdir: &Workdir,
        cluster: &Cluster,
        binary: &Path,
        name: &'static str,
        roots: &Path,
        identity: impl FnOnce(&Value, &Value) -> anyhow::Result<Variables>,
    ) -> anyhow::Result<Self> {
        let get = |what: &[&str]| -> anyhow::Result<Value> {
            let arguments = [&["-n", NAMESPACE, "get", "-o", "json"], what].concat();
            Ok(serde_json::from_str(&cluster.kubectl_ok(&arguments)?)?)
        };
        let deployment = get(&["deployment", "countersign"])?;
        let template = &deployment["spec"]["template"];
        let spec = &template["spec"];
        let account = get(&["serviceaccount", spec["serviceAccountName"].as_str().context("no service account")?])?;
        let root = workdir.directory(name)?;
        system(workdir, &root, binary, roots)?;
        for (path, contents) in files(spec, &|kind, name| get(&[kind, name]).ok())? {
            let path = root.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().context("a file has a directory")?)?;
            fs::write(path, contents)?;
        }
        let identity = identity(template, &account)?;
        let image = [("SSL_CERT_FILE", ROOTS.to_owned()), ("COUNTERSIGN_CONFIG", CONFIG.to_owned())];
        let variables = identity.into_iter().chain(image).collect();
        let arguments = spec["containers"][0]["args"].as_array().into_iter().flatten();
        let arguments = arguments.filter_map(Value::as_str).map(str::to_owned).collect();
        let mut pod = Self { name, program: None, root, arguments, variables };
        pod.resume(workdir)?;
        Ok(pod)
    }

    /// Starts its program again, with nothing in memory.
    pub(in crate::cases) fn restart(&mut self, workdir: &Workdir) -> anyhow::Result<()> {
        self.end()?;
        self.resume(workdir)
    }

    /// As [`Self::restart`], but it must not become ready. Returns the page that says why.
    pub(in crate::cases) fn restart_unready(&mut self, workdir: &Workdir) -> anyhow::Result<String> {
        self.end()?;
        self.resume_until(workdir, 503)
    }

    fn resume(&mut self, workdir: &Workdir) -> anyhow::Result<()> {
        self.resume_until(workdir, 200).map(drop)
    }

    /// Starts its program, and waits for this status of its readiness. Returns the page.
    fn resume_until(&mut self, workdir: &Workdir, status: u16) -> anyhow::Result<String> {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut program = Program::start(self.name, &self.command(&arguments), workdir.log(self.name))?;
        let mut page = String::new();
        program.wait_ready(READY, || {
            page = http::get(&format!("http://{HEALTH}/readyz"))?.expect_status(status)?.text();
            Ok(())
        })?;
        self.program = Some(program);
        Ok(page)
    }

    /// Its program with these arguments, as `kubectl exec` runs it.
    pub(in crate::cases) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        // Without other users, in a user namespace, it stays root of that.
        if namespaces::is_root_of_the_machine() {
            command.arg(format!("--userspec={USER}"));
        }
        command.arg(&self.root).arg("/countersign").args(arguments);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The page of its metrics.
    pub(in crate::cases) fn metrics() -> anyhow::Result<String> {
        Ok(http::get(&format!("http://{HEALTH}/metrics"))?.expect_status(200)?.text())
    }

    /// The page of its readiness, with all lines.
    pub(in crate::cases) fn readiness() -> anyhow::Result<String> {
        Ok(http::get(&format!("http://{HEALTH}/readyz?verbose"))?.text())
    }

    /// Stops it with SIGTERM.
    pub(in crate::cases) fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let status = self.program.take().context("the pod is not running")?.stop()?;
        ensure!(status.success(), "countersign ended with {status} after SIGTERM, expected exit status 0");
        Ok(())
    }
}

/// The file system of a container: the libraries of this machine, the names of this run, and the program.
fn system(workdir: &Workdir, root: &Path, binary: &Path, roots: &Path) -> anyhow::Result<()> {
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "run"] {
        let (host, inside) = (Path::new("/").join(name), root.join(name));
        match fs::read_link(&host) {
            Ok(target) => symlink(target, inside)?,
            Err(_) if host.is_dir() => bind(workdir, &host, &inside, true)?,
            Err(_) => {}
        }
    }
    for directory in ["etc/ssl/certs", "var", "tmp"] {
        fs::create_dir_all(root.join(directory))?;
    }
    symlink("/run", root.join("var/run"))?;
    fs::write(root.join("etc/nsswitch.conf"), "hosts: files dns\n")?;
    fs::copy("/etc/hosts", root.join("etc/hosts"))?;
    fs::copy(roots, root.join(ROOTS.trim_start_matches('/')))?;
    bind(workdir, binary, &root.join("countersign"), false)
}

/// Shows a file or directory of the machine at another path.
fn bind(workdir: &Workdir, from: &Path, to: &Path, is_directory: bool) -> anyhow::Result<()> {
    if is_directory {
        fs::create_dir_all(to)?;
    } else {
        fs::write(to, "")?;
    }
    let mut command = Command::new("mount");
    command.arg("--rbind").arg(from).arg(to);
    process::run(&command, LIMIT, &workdir.log("namespaces"))?.success().map(drop)
}

type Files = BTreeMap<String, Vec<u8>>;

/// The files of all volumes by their paths. `get` finds an object by kind and name.
fn files(spec: &Value, get: &dyn Fn(&str, &str) -> Option<Value>) -> anyhow::Result<Files> {
    let mut files = Files::new();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for mount in list(&spec["containers"][0]["volumeMounts"]) {
        let path = mount["mountPath"].as_str().context("a mount has no path")?;
        let volumes = list(&spec["volumes"]);
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).context("a mount has no volume")?;
        let mut sources = list(&volume["projected"]["sources"]);
        sources.push(volume.clone());
        for source in sources {
            for (kind, key) in [("configmap", "configMap"), ("secret", "secret")] {
                let source = &source[key];
                let Some(name) = source["name"].as_str().or(source["secretName"].as_str()) else { continue };
                match get(kind, name) {
                    Some(object) => add(&mut files, path, source, &object)?,
                    None => ensure!(source["optional"] == true, "there is no {kind} {name}"),
                }
            }
        }
    }
    Ok(files)
}

/// Adds the keys of an object: those of `items`, otherwise all.
fn add(files: &mut Files, directory: &str, source: &Value, object: &Value) -> anyhow::Result<()> {
    let mut keys = BTreeMap::new();
    for (key, value) in object["data"].as_object().into_iter().flatten() {
        let value = value.as_str().context("a key has no text")?;
        let is_secret = object["kind"] == "Secret";
        keys.insert(key.as_str(), if is_secret { STANDARD.decode(value)? } else { value.as_bytes().to_vec() });
    }
    let Some(items) = source["items"].as_array() else {
        files.extend(keys.into_iter().map(|(key, value)| (format!("{directory}/{key}"), value)));
        return Ok(());
    };
    for item in items {
        let (key, path) = (item["key"].as_str(), item["path"].as_str());
        let key = key.context("an item has no key")?;
        let contents = keys.get(key).with_context(|| format!("there is no key {key}"))?;
        files.insert(format!("{directory}/{}", path.context("an item has no path")?), contents.clone());
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn volumes_become_files() {
        let spec = json!({
            "containers": [{ "volumeMounts": [
                { "name": "config", "mountPath": "/etc/c" }, { "name": "tls", "mountPath": "/etc/tls" },
                { "name": "store", "mountPath": "/etc/store" }, { "name": "login", "mountPath": "/etc/login" },
            ] }],
            "volumes": [
                { "name": "config", "configMap": { "name": "c" } },
                { "name": "tls", "secret": { "secretName": "t", "items": [{ "key": "tls.crt", "path": "tls.crt" }] } },
                { "name": "store", "projected": { "sources": [
                    { "configMap": { "name": "s", "items": [{ "key": "r", "path": "x509/root.crt" }] } },
                ] } },
                { "name": "login", "secret": { "secretName": "none", "optional": true } },
            ],
        });
        let get = |kind: &str, name: &str| match (kind, name) {
            ("configmap", "c") => Some(json!({ "kind": "ConfigMap", "data": { "a": "1", "b": "2" } })),
            ("configmap", "s") => Some(json!({ "kind": "ConfigMap", "data": { "r": "root" } })),
            ("secret", "t") => Some(json!({ "kind": "Secret", "data": { "tls.crt": "Mw==", "ca.crt": "NA==" } })),
            _ => None,
        };
        let found = files(&spec, &get).unwrap();
        let expected =
            [("/etc/c/a", "1"), ("/etc/c/b", "2"), ("/etc/store/x509/root.crt", "root"), ("/etc/tls/tls.crt", "3")];
        assert_eq!(found, expected.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into());
        let missing = json!({
            "containers": [{ "volumeMounts": [{ "name": "config", "mountPath": "/etc/c" }] }],
            "volumes": [{ "name": "config", "configMap": { "name": "none" } }],
        });
        assert_eq!(files(&missing, &get).unwrap_err().to_string(), "there is no configmap none");
    }
}
