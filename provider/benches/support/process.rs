//! CPU time and memory of a process, from `/proc`, and the limit that is shipped.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::fs;
use std::time::Duration;

/// Ticks per second in `/proc/PID/stat`, on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

fn proc(id: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{id}/{file}")).unwrap()
}

/// CPU time of the process with this id, in user mode and in the kernel.
pub(crate) fn cpu(id: u32) -> Duration {
    let stat = proc(id, "stat");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // Fields 14 and 15 of the line; the list begins with field 3.
    let ticks: f64 = [11, 12].map(|field| fields[field].parse::<f64>().unwrap()).iter().sum();
    Duration::from_secs_f64(ticks / TICKS_PER_SECOND)
}

/// Peak memory of the process with this id, in MiB.
pub(crate) fn peak_memory(id: u32) -> f64 {
    size(id, "VmHWM:")
}

fn size(id: u32, name: &str) -> f64 {
    let status = proc(id, "status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
}

/// Memory of the process with this id at this moment, in MiB.
pub(crate) fn memory(id: u32) -> f64 {
    size(id, "VmRSS:")
}

/// How many entries a directory of the process has, such as `task` and `fd`.
pub(crate) fn entries(id: u32, directory: &str) -> usize {
    fs::read_dir(format!("/proc/{id}/{directory}")).unwrap().count()
}

/// The local and the remote port of every open TCP connection over IPv4 of the network that the process is in: of both ends, if both are in it.
pub(crate) fn connections(id: u32) -> Vec<[u16; 2]> {
    let port = |address: &str| u16::from_str_radix(address.rsplit(':').next().unwrap(), 16).unwrap();
    let table = proc(id, "net/tcp");
    let fields = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    // 06 waits for late packets, without a process, and 0A is a listener.
    let open = fields.filter(|fields| !["06", "0A"].contains(&fields[3]));
    open.map(|fields| [port(fields[1]), port(fields[2])]).collect()
}

/// The memory limit of `deploy/base/deployment.yaml`, in MiB.
pub(crate) fn shipped_limit() -> f64 {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/base/deployment.yaml");
    let text = fs::read_to_string(path).unwrap();
    let (_, limits) = text.split_once("limits:").unwrap();
    let (_, memory) = limits.split_once("memory:").unwrap();
    memory.split_once("Mi").unwrap().0.trim().parse().unwrap()
}
