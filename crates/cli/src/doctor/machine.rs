//! What lies outside of the repository: the folder of local state, and how well this process keeps its memory to itself.

use std::fs;
use std::path::{Path, PathBuf};

use super::finding::Finding;
use crate::io::dirs;
use crate::report::{Code, os_error};
use crate::tree::shown;

const AREA: &str = "machine";
/// Deeper, and more files than that, nothing of ours lies.
const MOST_FILES: usize = 10_000;

pub(super) fn look() -> Vec<Finding> {
    let mut findings = state(dirs::state());
    findings.extend(hardening());
    findings.extend(memory_folder());
    findings
}

/// `$XDG_STATE_HOME/bulla`: whoever may write there decides what is trusted, whoever may read the key of the local digests
/// may guess values.
fn state(folder: Option<PathBuf>) -> Vec<Finding> {
    let Some(folder) = folder else {
        let without = "no home and no XDG_STATE_HOME: certificates are not pinned, and seal --update remembers nothing";
        return vec![Finding::note(AREA, without, "export XDG_STATE_HOME=/some/folder/of/yours")];
    };
    match fs::symlink_metadata(&folder) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return vec![Finding::ok(AREA, format!("{} is not there yet; it is made when needed", shown(&folder)))];
        }
        Err(error) => return vec![unusable(&folder, &os_error(&error))],
    }
    let mut open = Vec::new();
    let mut left = MOST_FILES;
    if let Err(error) = collect_open(&folder, &mut open, &mut left) {
        return vec![unusable(&folder, &os_error(&error))];
    }
    match open.first() {
        None => vec![Finding::ok(AREA, format!("{} is yours alone", shown(&folder)))],
        Some(first) => {
            let more = if open.len() > 1 { format!(" and {} more", open.len() - 1) } else { String::new() };
            vec![Finding::todo(
                AREA,
                Code::StateOpen,
                format!("{}{more}: others may read or write here", shown(first)),
                format!("chmod -R go= {}", quoted(&folder)),
            )]
        }
    }
}

fn unusable(folder: &Path, why: &str) -> Finding {
    Finding::todo(
        AREA,
        Code::StateOpen,
        format!("{}: {why}", shown(folder)),
        format!("it must be a folder of yours: ls -ld {}", quoted(folder)),
    )
}

/// What others may read or write below `folder`, which itself counts. Symlinks are not followed.
fn collect_open(path: &Path, open: &mut Vec<PathBuf>, left: &mut usize) -> std::io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if *left == 0 || metadata.is_symlink() {
        return Ok(());
    }
    *left -= 1;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        const OTHERS: u32 = 0o077;
        let foreign = metadata.uid() != rustix::process::geteuid().as_raw();
        if metadata.mode() & OTHERS != 0 || foreign {
            open.push(path.to_owned());
        }
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            collect_open(&entry?.path(), open, left)?;
        }
    }
    Ok(())
}

/// What [`crate::hygiene`] reached.
#[cfg(target_os = "linux")]
fn hardening() -> Vec<Finding> {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
    let mut findings = Vec::new();
    findings.push(if getrlimit(Resource::Core).current == Some(0) {
        Finding::ok(AREA, "core dumps of bulla are off")
    } else {
        Finding::note(
            AREA,
            "core dumps of bulla cannot be switched off: a crash may write values to disk",
            "ulimit -c 0",
        )
    });
    findings.push(if dumpable_behavior().is_ok_and(|behaviour| behaviour == DumpableBehavior::NotDumpable) {
        Finding::ok(AREA, "no debugger of yours may attach to bulla, nor read its memory")
    } else {
        Finding::note(AREA, "the system does not let bulla refuse debuggers", "sysctl -w kernel.yama.ptrace_scope=1")
    });
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    if let Some(on) = disk_swap(&swaps) {
        findings.push(Finding::note(
            AREA,
            format!("swap is on ({on}): memory with values may be written there"),
            "encrypt the swap, or use zram",
        ));
    }
    findings
}

#[cfg(not(target_os = "linux"))]
fn hardening() -> Vec<Finding> {
    Vec::new()
}

/// The first swap that is not compressed memory.
fn disk_swap(swaps: &str) -> Option<&str> {
    swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next()).find(|name| !name.starts_with("/dev/zram"))
}

/// A place for the file that `edit` opens, which never lies on a disk.
#[cfg(target_os = "linux")]
fn memory_folder() -> Option<Finding> {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    #[allow(clippy::useless_conversion, reason = "it is another integer on other machines")]
    let in_memory = |folder: &PathBuf| {
        rustix::fs::statfs(folder).is_ok_and(|found| [TMPFS, RAMFS].contains(&i64::from(found.f_type)))
    };
    Some(match runtime.into_iter().chain([PathBuf::from("/dev/shm")]).find(in_memory) {
        Some(folder) => Finding::ok(AREA, format!("{} is in memory: bulla edit works there", shown(&folder))),
        None => Finding::note(
            AREA,
            "no folder in memory for bulla edit",
            "mount one and name it: mkdir -p ~/.run && sudo mount -t tmpfs -o mode=0700,uid=$(id -u) tmpfs ~/.run && export XDG_RUNTIME_DIR=~/.run",
        ),
    })
}

#[cfg(not(target_os = "linux"))]
fn memory_folder() -> Option<Finding> {
    None
}

/// A path for a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", shown(path).replace('\'', "'\\''"))
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_state_folder_that_others_may_enter_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let level = || state(Some(folder.path().join("bulla")))[0].level;
        assert_eq!(level(), Level::Ok, "not there yet");
        fs::create_dir_all(folder.path().join("bulla/certificates")).unwrap();
        let mode = |name: &str, mode| {
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        mode("bulla", 0o700);
        mode("bulla/certificates", 0o700);
        symlink("/etc", folder.path().join("bulla/link")).unwrap();
        assert_eq!(level(), Level::Ok);
        fs::write(folder.path().join("bulla/certificates/x"), "").unwrap();
        mode("bulla/certificates/x", 0o604);
        assert_eq!(level(), Level::Todo);
        mode("bulla/certificates/x", 0o600);
        mode("bulla", 0o710);
        assert_eq!(level(), Level::Todo);
        assert_eq!(state(None)[0].level, Level::Note);
    }

    #[test]
    fn swap_in_memory_is_none() {
        let head = "Filename\tType\tSize\tUsed\tPriority\n";
        assert_eq!(disk_swap(head), None);
        assert_eq!(disk_swap(&format!("{head}/dev/zram0 partition 1 0 5\n")), None);
        assert_eq!(disk_swap(&format!("{head}/dev/zram0 partition 1 0 5\n/swap file 1 0 5\n")), Some("/swap"));
    }
}
