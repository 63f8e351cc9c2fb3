//! Asking the person at the terminal. Standard input may be the file that is decrypted, so the terminal itself is asked, as the real tool
//! does; where neither standard input nor standard error is one, there is nobody.

use std::io::IsTerminal as _;

use zeroize::Zeroizing;

use crate::io::output::to_stderr;

/// A line that is not shown while it is typed.
///
/// # Errors
/// Why nobody can be asked.
pub(super) fn secret(prompt: &str) -> Result<Zeroizing<String>, String> {
    somebody()?;
    rpassword::prompt_password(format!("{prompt} "))
        .map(Zeroizing::new)
        .map_err(|error| format!("the terminal gave no answer: {}", crate::report::os_error(&error)))
}

/// A line.
///
/// # Errors
/// As [`secret`], and where standard input is something else.
pub(super) fn line(prompt: &str) -> Result<String, String> {
    somebody()?;
    if !std::io::stdin().is_terminal() {
        return Err("standard input is not a terminal".to_owned());
    }
    to_stderr(&format!("{prompt} "));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|error| crate::report::os_error(&error))?;
    Ok(line.trim().to_owned())
}

fn somebody() -> Result<(), String> {
    if std::io::stdin().is_terminal() || std::io::stderr().is_terminal() {
        Ok(())
    } else {
        Err("standard input is not a terminal, and there is nobody to ask".to_owned())
    }
}
