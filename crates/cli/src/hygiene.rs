//! What the process does before it touches a secret.
//!
//! Core dumps are switched off and, on Linux, other processes of the same user may neither attach a debugger nor read the
//! memory through /proc (`PR_SET_DUMPABLE` 0). Both are best effort: where the system refuses, there is nothing that a
//! user could do about it, and the command is still wanted. A broken pipe is no signal in Rust programs; writers see an
//! error instead and end quietly (`crate::io::output`).

/// Keeps the memory of this process to itself.
pub(crate) fn harden() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn core_dumps_are_off() {
        super::harden();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
        assert_eq!(limit.current, Some(0));
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), rustix::process::DumpableBehavior::NotDumpable);
    }
}
