//! sops files beside the real sops, whole processes, in turns. Prints tables in Markdown and a plot; docs/benchmarks.md has them.
//!
//!     tests/peers/build sops && cargo bench -p bulla --bench sops
//!
//! The files are made by the real sops for one age recipient. `BULLA_BENCH_PERCENT=10` makes all counts smaller.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures and fails with what it got"
)]

mod cost;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cost::{Cost, measured, median, peak, row, run, scaled};

const ROUNDS: usize = 7;
const RECIPIENT: &str = "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4";
/// Sizes of the documents that show growth, in MiB.
const SIZES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// The real sops is asked up to here; beyond, it takes minutes.
const MOST_OF_PEER: usize = 16;

/// Both tools and the place of the files.
struct Bench {
    bulla: PathBuf,
    sops: PathBuf,
    folder: tempfile::TempDir,
}

fn main() {
    // `cargo test` builds and starts benchmarks, too.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let bench = Bench::new();
    println!("| what | bulla CPU | sops CPU | ratio | bulla wall | sops wall | bulla peak | sops peak |");
    println!("|---|---|---|---|---|---|---|---|");
    bench.start();
    bench.documents();
    bench.many_files();
    bench.binary();
    bench.growth();
}

impl Bench {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let built = Command::new(root.join("tests/peers/build")).arg("sops").output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let sops = PathBuf::from(String::from_utf8(built.stdout).unwrap().trim());
        let folder = tempfile::tempdir().unwrap();
        // The name makes it sops.
        let bulla = folder.path().join("sops");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_bulla"), &bulla).unwrap();
        Self { bulla, sops, folder }
    }

    fn command(&self, program: &Path, words: &[&str]) -> Command {
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/sops/keys/age-a.txt");
        let mut command = Command::new(program);
        command.args(words).env("SOPS_AGE_KEY_FILE", keys).env("SOPS_DISABLE_VERSION_CHECK", "1");
        command.current_dir(self.folder.path());
        command
    }

    /// Writes a plain file and has the real sops encrypt it.
    fn encrypted(&self, name: &str, content: &[u8]) -> String {
        let plain = self.folder.path().join(format!("plain-{name}"));
        fs::write(&plain, content).unwrap();
        let path = self.folder.path().join(name).to_str().unwrap().to_owned();
        let plain = plain.to_str().unwrap();
        run(&mut self.command(&self.sops, &["encrypt", "--age", RECIPIENT, "--output", &path, plain]));
        path
    }

    /// The same words to both, in turns; the median of the rounds.
    fn both(&self, runs: usize, words: &[&str]) -> [Cost; 2] {
        let rounds: Vec<[Cost; 2]> = (0..ROUNDS)
            .map(|_| [&self.bulla, &self.sops].map(|program| measured(runs, || run(&mut self.command(program, words)))))
            .collect();
        [0, 1].map(|side| median(rounds.iter().map(|both| both[side]).collect()))
    }

    fn line(&self, what: &str, runs: usize, words: &[&str]) {
        let [us, them] = self.both(scaled(runs), words);
        let peaks = [&self.bulla, &self.sops].map(|program| peak(&self.command(program, words)));
        row(what, us, them, peaks);
    }

    fn start(&self) {
        self.line("start (`--version`)", 50, &["--version", "--disable-version-check"]);
        let small = self.encrypted("small.yaml", b"user: admin\npassword: correct horse battery staple\n");
        self.line("decrypt, 2 values", 30, &["decrypt", &small]);
    }

    fn documents(&self) {
        let count = scaled(10_000);
        let yaml = self.encrypted(
            "many.yaml",
            sectioned(count, |text, section, key, value| {
                if key == 0 {
                    writeln!(text, "section{section}:").unwrap();
                }
                writeln!(text, "  key{key}: {value}").unwrap();
            })
            .as_bytes(),
        );
        self.line(&format!("decrypt, YAML, {count} values"), 1, &["decrypt", &yaml]);
        let nested = self.encrypted("nested.json", nested(count).as_bytes());
        self.line(&format!("decrypt, nested JSON, {count} values"), 1, &["decrypt", &nested]);
        let flat: Vec<String> = (0..count).map(|number| format!("\"key{number}\": \"{}\"", value(number))).collect();
        let flat = self.encrypted("flat.json", format!("{{{}}}", flat.join(",")).as_bytes());
        self.line(&format!("decrypt, flat JSON, {count} keys"), 1, &["decrypt", &flat]);
        let plain = self.folder.path().join("plain-many.yaml");
        let plain = plain.to_str().unwrap();
        self.line(&format!("encrypt, YAML, {count} values"), 1, &["encrypt", "--age", RECIPIENT, plain]);
        self.line(&format!("rotate, YAML, {count} values"), 1, &["rotate", &yaml]);
    }

    fn many_files(&self) {
        let count = scaled(200);
        let tree = self.folder.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let paths: Vec<String> = (0..count)
            .map(|number| {
                self.encrypted(&format!("tree-{number}.yaml"), format!("password: {}\n", value(number)).as_bytes())
            })
            .collect();
        for (number, path) in paths.iter().enumerate() {
            fs::rename(path, tree.join(format!("{number}.yaml"))).unwrap();
        }
        let out = self.folder.path().join("out");
        let bulla = PathBuf::from(env!("CARGO_BIN_EXE_bulla"));
        let words = ["unseal", "-q", "-r", tree.to_str().unwrap(), "--out-dir", out.to_str().unwrap()];
        let one = || {
            let _ = fs::remove_dir_all(&out);
            run(&mut self.command(&bulla, &words));
        };
        let us = median((0..ROUNDS).map(|_| measured(1, one)).collect());
        let us_peak = peak(&self.command(&bulla, &[&words[..4], &["--out-dir", "out2"]].concat()));
        let file = tree.join("0.yaml");
        let them = measured(1, || {
            for number in 0..count {
                let file = tree.join(format!("{number}.yaml"));
                run(&mut self.command(&self.sops, &["decrypt", file.to_str().unwrap()]));
            }
        });
        let them_peak = peak(&self.command(&self.sops, &["decrypt", file.to_str().unwrap()]));
        row(&format!("decrypt {count} small files: one call; {count} calls"), us, them, [us_peak, them_peak]);
    }

    fn binary(&self) {
        let size = scaled(50 << 20);
        let content: Vec<u8> =
            (0..size as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        let file = self.encrypted("large.bin", &content);
        let mib = size as f64 / f64::from(1 << 20);
        self.line(&format!("decrypt, {mib:.0} MiB of bytes"), 1, &["decrypt", &file]);
        let plain = self.folder.path().join("plain-large.bin");
        self.line(
            &format!("encrypt, {mib:.0} MiB of bytes"),
            1,
            &["encrypt", "--age", RECIPIENT, plain.to_str().unwrap()],
        );
    }

    /// Time over size, for YAML and JSON.
    fn growth(&self) {
        println!("\n| encrypted size | values | bulla YAML | sops YAML | bulla JSON | sops JSON |");
        println!("|---|---|---|---|---|---|");
        let mut points = Vec::new();
        for size in SIZES {
            let count = scaled(size * 5000);
            let yaml = sectioned(count, |text, section, key, value| {
                if key == 0 {
                    writeln!(text, "section{section}:").unwrap();
                }
                writeln!(text, "  key{key}: {value}").unwrap();
            });
            let mut cells = Vec::new();
            let mut bytes = 0;
            for (name, content) in [("grow.yaml", yaml), ("grow.json", nested(count))] {
                let plain = self.folder.path().join(format!("plain-{name}"));
                fs::write(&plain, content).unwrap();
                let path = self.folder.path().join(name).to_str().unwrap().to_owned();
                let plain = plain.to_str().unwrap();
                run(&mut self.command(&self.bulla, &["encrypt", "--age", RECIPIENT, "--output", &path, plain]));
                bytes = bytes.max(fs::metadata(&path).unwrap().len());
                let words = ["decrypt", &path];
                let us = measured(1, || run(&mut self.command(&self.bulla, &words))).cpu;
                let them =
                    (size <= MOST_OF_PEER).then(|| measured(1, || run(&mut self.command(&self.sops, &words))).cpu);
                cells.push(format!("{us:.2} s"));
                cells.push(them.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.2} s")));
                if name == "grow.yaml" {
                    points.push((bytes, us));
                }
            }
            println!("| {:.1} MiB | {count} | {} |", bytes as f64 / f64::from(1 << 20), cells.join(" | "));
        }
        plot(&points);
    }
}

/// CPU seconds over MiB, in characters.
fn plot(points: &[(u64, f64)]) {
    let longest = points.iter().map(|point| point.1).fold(0.0, f64::max).max(0.01);
    println!("\n```");
    for (bytes, seconds) in points {
        let bar = "#".repeat((seconds / longest * 60.0).round() as usize);
        let mib = *bytes as f64 / f64::from(1 << 20);
        println!("{mib:6.1} MiB |{bar:<60} {seconds:.2} s, {:.1} ms/MiB", seconds / mib * 1000.0);
    }
    println!("```");
}

/// `count` values in sections of 100.
fn sectioned(count: usize, mut write: impl FnMut(&mut String, usize, usize, &str)) -> String {
    let mut text = String::new();
    for number in 0..count {
        write(&mut text, number / 100, number % 100, &value(number));
    }
    text
}

/// JSON in sections of 100.
fn nested(count: usize) -> String {
    let mut text = String::from("{");
    for number in 0..count {
        if number % 100 == 0 {
            let close = if number == 0 { "" } else { "}," };
            write!(text, "{close}\"section{}\":{{", number / 100).unwrap();
        } else {
            text.push(',');
        }
        write!(text, "\"key{}\":\"{}\"", number % 100, value(number)).unwrap();
    }
    text.push_str("}}");
    text
}

/// About as long as a password.
fn value(number: usize) -> String {
    format!("v{:016x}", (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
