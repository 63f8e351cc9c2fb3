//! How the story is told: for each step the command that a user would type, then what came of it.

use std::future::Future;
use std::io::Write as _;
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::io::Console;
use crate::report::Result;

/// Tells the steps, as text or as JSON.
pub(super) struct Teller {
    json: bool,
    console: Console,
    started: Instant,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Told<'a> {
    step: &'a str,
    command: &'a str,
    ok: bool,
    detail: &'a str,
    /// Since the beginning.
    seconds: f64,
}

/// What a step gives: a value for the steps after it, what to say, and perhaps something to show.
pub(super) struct Outcome<T> {
    value: T,
    detail: String,
    shown: Option<String>,
}

impl<T> Outcome<T> {
    /// A value, and what to say about it.
    pub(super) fn new(value: T, detail: impl Into<String>) -> Self {
        Self { value, detail: detail.into(), shown: None }
    }

    /// With a piece of text, such as a file.
    pub(super) fn showing(mut self, text: String) -> Self {
        self.shown = Some(text);
        self
    }
}

impl Teller {
    pub(super) fn new(json: bool, console: Console) -> Self {
        Self { json, console, started: Instant::now() }
    }

    /// Tells one step. `command` is what a user would type for the same.
    pub(super) async fn step<T>(
        &self,
        name: &str,
        command: &str,
        work: impl Future<Output = Result<Outcome<T>>>,
    ) -> Result<T> {
        let (prompt, bold) = (AnsiColor::Cyan.on_default(), Style::new().bold());
        if !self.json {
            say(&format!("{prompt}${prompt:#} {bold}{command}{bold:#}\n"));
        }
        let outcome = match work.await {
            Ok(outcome) => outcome,
            Err(report) => {
                if self.json {
                    self.object(name, command, false, report.message());
                } else {
                    say(&format!("  {0}✗{0:#} it did not happen\n", AnsiColor::Red.on_default().bold()));
                }
                return Err(report);
            }
        };
        if self.json {
            self.object(name, command, true, &outcome.detail);
        } else {
            for line in outcome.shown.iter().flat_map(|text| text.lines()) {
                say(&format!("  {0}{line}{0:#}\n", Style::new().dimmed()));
            }
            say(&format!("  {0}✓{0:#} {1}\n\n", AnsiColor::Green.on_default().bold(), outcome.detail));
        }
        Ok(outcome.value)
    }

    /// Something that is no step. Not for scripts.
    pub(super) fn remark(&self, text: &str) {
        if !self.json {
            say(&format!("{text}\n"));
        }
    }

    /// Something that is needed even by scripts, on standard error then.
    pub(super) fn note(&self, text: &str) {
        if self.json { self.console.note(text) } else { say(&format!("{text}\n")) }
    }

    /// Seconds since the beginning.
    pub(super) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn object(&self, step: &str, command: &str, ok: bool, detail: &str) {
        let seconds = (self.seconds() * 1000.0).round() / 1000.0;
        // An object that cannot be written does not occur: there are only texts and a finite number in it.
        let object = serde_json::to_string(&Told { step, command, ok, detail, seconds }).unwrap_or_default();
        say(&format!("{object}\n"));
    }
}

/// Shows each piece as soon as it is there. A reader that went away does not stop the story: its exit code still counts.
fn say(text: &str) {
    let mut stdout = anstream::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
