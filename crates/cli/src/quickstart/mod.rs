//! `bulla quickstart`: the whole story on a cluster in memory, from a plain manifest to renewed keys.
//!
//! Nothing is staged: the steps run the same code as the commands that they print, against the same API that `kubectl` would talk
//! to, and every claim is read back through that API and compared byte by byte. One step that does not happen ends the story with
//! exit code 1.
//!
//! `story` is the order of the steps, `steps` what each does, `stage` the running cluster and controller, `api` the few requests
//! that are needed, `teller` how it is told.

mod api;
mod stage;
mod steps;
mod story;
mod teller;

use self::teller::Teller;
use crate::io::Console;
use crate::report::{Code, Exit, Report, Result};
use crate::serve::StopSignals;

/// How to tell it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// One JSON object per step instead of text.
    pub(crate) json: bool,
    /// Leave cluster and controller running until Ctrl-C.
    pub(crate) keep: bool,
}

/// Four Secrets of different kinds, with throw-away values.
const SAMPLE: &str = include_str!("sample.yaml");

/// Runs the command.
pub(crate) fn run(options: Options, console: Console) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Report::new(Code::Internal, format!("start the async runtime: {error}")))?;
    let teller = Teller::new(options.json, console);
    let result = runtime.block_on(async {
        // Dropping the story in the middle removes its folder.
        let stop = StopSignals::listen()?;
        let scene = tokio::select! {
            scene = story::tell(&teller) => scene?,
            () = stop.wait() => return Ok(Exit::Interrupted),
        };
        if options.keep {
            scene.keep(&teller).await?;
        } else {
            teller.remark("Try it by hand: bulla quickstart --keep. With your own cluster: bulla --help");
        }
        scene.end().await;
        Ok(Exit::Done)
    });
    // Threads that are busy with RSA need not be waited for.
    runtime.shutdown_background();
    result
}

/// A claim that turned out to be false.
fn broken(message: impl Into<String>) -> Report {
    Report::new(Code::StoryBroken, message)
        .hint("this is a fault in bulla: please report it with the output of bulla quickstart --json")
}
