//! What the server's process holds, time after time, and whether that grows.
use std::fs;

/// One look at the process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Since the run began.
    pub seconds: f64,
    pub resident_mib: f64,
    pub descriptors: f64,
    pub threads: f64,
    pub tasks: f64,
    pub calls: f64,
    /// Seconds of a core that were used since the process began.
    pub core_seconds: f64,
}

/// A straight line through samples: its slope, and how far off that may be by chance (one standard error).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    pub per_hour: f64,
    pub error_per_hour: f64,
}

impl Sample {
    /// What `/proc` says of the process; tasks and calls are the server's own figures.
    pub fn of(pid: u32, seconds: f64, tasks: f64, calls: f64) -> Self {
        let process = format!("/proc/{pid}");
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let figure = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        let stat = fs::read_to_string(format!("{process}/stat")).unwrap();
        Self {
            seconds,
            resident_mib: figure("VmRSS:") / 1_024.0,
            descriptors: fs::read_dir(format!("{process}/fd")).unwrap().count() as f64,
            threads: figure("Threads:"),
            tasks,
            calls,
            core_seconds: core_seconds(&stat),
        }
    }
}

/// User and system time of `/proc/PID/stat`; Linux counts both in hundredths of a second.
fn core_seconds(stat: &str) -> f64 {
    // The program's name stands in brackets and may hold anything.
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let ticks = rest.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

/// The slope of one figure after the first quarter, in which caches fill; none for fewer than ten samples.
pub fn slope(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> Option<Slope> {
    let all: Vec<(f64, f64)> = samples[samples.len() / 4..]
        .iter()
        .map(|sample| (sample.seconds / 3_600.0, figure(sample)))
        .collect();
    if all.len() < 10 {
        return None;
    }
    let count = all.len() as f64;
    let (mean_x, mean_y) =
        (all.iter().map(|(x, _)| x).sum::<f64>() / count, all.iter().map(|(_, y)| y).sum::<f64>() / count);
    let spread: f64 = all.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let together: f64 = all.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let per_hour = together / spread;
    let missed: f64 = all.iter().map(|(x, y)| (y - mean_y - per_hour * (x - mean_x)).powi(2)).sum();
    Some(Slope { per_hour, error_per_hour: (missed / (count - 2.0) / spread).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: usize, resident: impl Fn(f64) -> f64) -> Vec<Sample> {
        let of = |number: usize| {
            let seconds = number as f64 * 10.0;
            let nothing = 0.0;
            Sample {
                seconds,
                resident_mib: resident(seconds),
                descriptors: nothing,
                threads: nothing,
                tasks: nothing,
                calls: nothing,
                core_seconds: nothing,
            }
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn a_leak_has_a_slope_and_what_fills_at_the_beginning_has_none() {
        let leak = slope(&samples(100, |seconds| 500.0 + seconds / 36.0), |sample| sample.resident_mib);
        let leak = leak.unwrap();
        assert!((leak.per_hour - 100.0).abs() < 1e-6 && leak.error_per_hour < 1e-6, "{leak:?}");
        let filled =
            slope(&samples(100, |seconds| seconds.min(200.0)), |sample| sample.resident_mib).unwrap();
        assert!(filled.per_hour.abs() < 1e-6, "{filled:?}");
        assert_eq!(slope(&samples(12, |_| 1.0), |sample| sample.resident_mib), None);
    }

    #[test]
    fn noise_shows_as_doubt() {
        let noisy =
            slope(&samples(100, |seconds| (seconds * 7.0).sin() * 50.0), |sample| sample.resident_mib);
        let noisy = noisy.unwrap();
        assert!(
            noisy.error_per_hour > 10.0 && noisy.per_hour.abs() < 3.0 * noisy.error_per_hour,
            "{noisy:?}"
        );
    }

    #[test]
    fn the_time_of_a_process_is_read_past_its_name() {
        let stat = "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 1200 300 0 0 20 0";
        assert_eq!(core_seconds(stat), 15.0);
    }
}
