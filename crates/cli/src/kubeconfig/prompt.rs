//! Asking for user name and password, if nothing else says who asks. Only on a terminal.

use std::io::IsTerminal as _;

use zeroize::Zeroizing;

use crate::io::output::to_stderr;

/// User name and password; nothing if there is nobody to ask, and the cluster decides what somebody unknown may do.
///
/// # Errors
/// A message if the terminal ends.
pub(super) fn ask() -> Result<Option<(String, Zeroizing<String>)>, String> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    let failed = |_| "the terminal gave no user name and password".to_owned();
    to_stderr("Please enter Username: ");
    let mut name = String::new();
    std::io::stdin().read_line(&mut name).map_err(failed)?;
    to_stderr("Please enter Password: ");
    let password = rpassword::read_password().map_err(failed)?;
    Ok(Some((name.trim().to_owned(), Zeroizing::new(password))))
}
