//! The `process_*` metrics that Prometheus's client libraries have in common.
//!
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>

use std::collections::HashMap;

use prometheus::core::Collector;
use prometheus::core::Desc;
use prometheus::proto::MetricFamily;

use super::single::Kind;
use super::single::family;

/// The name, type and help text of each metric.
const METRICS: [(&str, Kind, &str); 7] = [
    ("process_cpu_seconds_total", Kind::Counter, "User and system CPU time of the process in seconds."),
    ("process_max_fds", Kind::Gauge, "Maximum number of open file descriptors; +Inf without a limit."),
    ("process_open_fds", Kind::Gauge, "Open file descriptors."),
    ("process_resident_memory_bytes", Kind::Gauge, "Resident memory in bytes."),
    ("process_start_time_seconds", Kind::Gauge, "When the process started, in seconds since 1970."),
    ("process_threads", Kind::Gauge, "Threads of the process."),
    ("process_virtual_memory_bytes", Kind::Gauge, "Virtual memory in bytes."),
];

/// Collects the metrics from `/proc/self` at every scrape. Without `/proc`, they are absent.
#[derive(Debug)]
pub(super) struct Process {
    descs: Vec<Desc>,
}

impl Process {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let desc = |(name, _, help): (&str, Kind, &str)| {
            Desc::new(name.to_owned(), help.to_owned(), Vec::new(), HashMap::new())
        };
        Ok(Self { descs: METRICS.into_iter().map(desc).collect::<Result<_, _>>()? })
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        METRICS.into_iter().zip(read()).filter_map(|(metric, value)| Some(family(metric, value?))).collect()
    }
}

/// The values in the order of [`METRICS`]; `None` if a value cannot be read.
#[cfg(target_os = "linux")]
// Exact for all numbers that occur.
#[allow(clippy::cast_precision_loss)]
fn read() -> [Option<f64>; METRICS.len()] {
    use procfs::process::LimitValue;

    let Ok(process) = procfs::process::Process::myself() else { return [None; METRICS.len()] };
    let ticks = procfs::ticks_per_second() as f64;
    let stat = process.stat().ok();
    let of_stat = |value: fn(&procfs::process::Stat) -> f64| stat.as_ref().map(value);
    let started = of_stat(|stat| stat.starttime as f64).zip(procfs::boot_time_secs().ok());
    let max_fds = process.limits().ok().map(|limits| match limits.max_open_files.soft_limit {
        LimitValue::Value(count) => count as f64,
        LimitValue::Unlimited => f64::INFINITY,
    });
    let open_fds = process.fd_count().ok().map(|count| count as f64);
    [
        of_stat(|stat| (stat.utime + stat.stime) as f64).map(|time| time / ticks),
        max_fds,
        open_fds,
        of_stat(|stat| stat.rss as f64).map(|pages| pages * procfs::page_size() as f64),
        started.map(|(since_boot, boot)| boot as f64 + since_boot / ticks),
        of_stat(|stat| stat.num_threads as f64),
        of_stat(|stat| stat.vsize as f64),
    ]
}

#[cfg(not(target_os = "linux"))]
fn read() -> [Option<f64>; METRICS.len()] {
    [None; METRICS.len()]
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    fn value(name: &str) -> f64 {
        let at = METRICS.iter().position(|(one, ..)| *one == name).unwrap();
        read()[at].unwrap()
    }

    #[test]
    fn process_metrics_are_plausible() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let started = value("process_start_time_seconds");
        // Tests take less than a day.
        assert!(started <= now + 1.0 && now - started < 86400.0, "{started} {now}");
        let (resident, reserved) = (value("process_resident_memory_bytes"), value("process_virtual_memory_bytes"));
        assert!(resident > 1024.0 * 1024.0 && resident < reserved, "{resident} {reserved}");
        assert!(value("process_threads") >= 1.0);
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_max_fds") >= value("process_open_fds"));
    }

    #[test]
    fn open_files_are_counted() {
        // More than the other tests of this process close in the meantime.
        let before = value("process_open_fds");
        let files: Vec<File> = (0..100).map(|_| File::open("/proc/self/stat").unwrap()).collect();
        assert!(value("process_open_fds") >= before + 50.0);
        drop(files);
    }
}
