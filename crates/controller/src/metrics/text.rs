//! The two texts of `/metrics`: OpenMetrics, which the library writes, and the older format of Prometheus, which upstream
//! serves. They differ in how the family of a counter is called, and in what stands at the end.

use std::collections::HashSet;
use std::fmt::Write as _;

/// A format of `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// What `Accept` prefers; Prometheus' older format, if it does not say.
    pub(crate) fn from_accept(accept: &str) -> Self {
        let quality = |wanted: &str| {
            let ranges = accept.split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let kind = parts.next()?;
                let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok())?;
                kind.eq_ignore_ascii_case(wanted).then_some(quality)
            });
            ranges.fold(0.0, f64::max)
        };
        let open = quality("application/openmetrics-text");
        if open > 0.0 && open >= quality("text/plain") { Self::OpenMetrics } else { Self::Prometheus }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// OpenMetrics in Prometheus' older format: a counter is called as its series is, with `_total`.
pub(crate) fn to_prometheus(open: &str) -> String {
    let counters: HashSet<&str> =
        open.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut text = String::with_capacity(open.len());
    for line in open.lines() {
        let comment = line.strip_prefix("# ").and_then(|rest| rest.split_once(' '));
        match comment {
            _ if line == "# EOF" => {}
            Some(("UNIT", _)) => {}
            Some((kind, rest)) => {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let suffix = if counters.contains(name) { "_total" } else { "" };
                // Writing into a String does not fail.
                let _ = writeln!(text, "# {kind} {name}{suffix} {rest}");
            }
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_what_the_scraper_prefers() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, expected) in [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/plain", Format::Prometheus),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", Format::OpenMetrics),
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text;q=0.2,text/plain;q=0.9", Format::Prometheus),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            ("application/openmetrics-text;q=x", Format::Prometheus),
        ] {
            assert_eq!(Format::from_accept(accept), expected, "{accept}");
        }
    }

    #[test]
    fn counters_are_called_as_their_series_are() {
        let open = "# HELP a Help.\n# TYPE a counter\na_total{x=\"1\"} 2\n# TYPE b histogram\n# UNIT b seconds\nb_sum 1.0\n\
                    b_bucket{le=\"+Inf\"} 1\n# TYPE c gauge\nc 0\n# EOF\n";
        let expected = "# HELP a_total Help.\n# TYPE a_total counter\na_total{x=\"1\"} 2\n# TYPE b histogram\nb_sum 1.0\n\
                        b_bucket{le=\"+Inf\"} 1\n# TYPE c gauge\nc 0\n";
        assert_eq!(to_prometheus(open), expected);
    }
}
