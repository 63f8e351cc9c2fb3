//! The usual metrics about the process, where `/proc` tells them, in OpenMetrics.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Linux counts in hundredths of a second for user space, whatever its own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Appends them.
pub(super) fn write(text: &mut String) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = |field: &str| -> Option<u64> {
        status.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.trim().parse().ok())
    };
    for (name, field) in [("process_resident_memory_bytes", "VmRSS:"), ("process_virtual_memory_bytes", "VmSize:")] {
        if let Some(kilobytes) = kilobytes(field) {
            gauge(text, name, kilobytes * 1024);
        }
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        gauge(text, "process_open_fds", files.count());
    }
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    if let Some((cpu, age)) = times(&stat, &std::fs::read_to_string("/proc/uptime").unwrap_or_default()) {
        let _ = writeln!(text, "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total {cpu}");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        gauge(text, "process_start_time_seconds", now.saturating_sub(age).as_secs());
    }
}

fn gauge(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "# TYPE {name} gauge\n{name} {value}");
}

/// Seconds of processor time, and how long the process is running.
fn times(stat: &str, uptime: &str) -> Option<(f64, Duration)> {
    // The name of the program is in parentheses, and may hold some.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| -> Option<f64> { fields.get(index)?.parse().ok() };
    let cpu = (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND;
    let up: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    let age = (up - ticks(19)? / TICKS_PER_SECOND).max(0.0);
    Some((cpu, Duration::try_from_secs_f64(age).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_the_fields_behind_the_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 4 0 9000 1 1";
        let (cpu, age) = times(stat, "100.5 3.2\n").unwrap();
        assert_eq!((cpu, age), (2.0, Duration::from_millis(10_500)));
        assert_eq!(times("", ""), None);
    }
}
