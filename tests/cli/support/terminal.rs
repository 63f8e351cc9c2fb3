//! A terminal for a program that asks: one end for the test, one for the program.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The test's end and the program's.
pub(crate) fn terminal_pair() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let name = OsString::from(OsStr::from_bytes(name.as_bytes()));
    let slave = File::options().read(true).write(true).open(name).unwrap();
    (File::from(master), slave)
}
