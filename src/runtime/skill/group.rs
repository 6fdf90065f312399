//! Programs in a process group of their own, so that all of what they started ends with them.

use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::process::Stdio;
use tokio::process::{Child, Command};

/// The variables that programs inherit: what they need to be found and to read text. Secrets of the environment do
/// not come along.
const INHERITED: [&str; 8] = ["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "USER", "SYSTEMROOT"];

/// A command with pipes, a clean environment and a process group of its own.
pub(super) fn command(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    command.env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Kills the process group of a child when dropped, unless the child was seen to end.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    /// The group that `child` leads.
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Ends every process of the group at once.
    pub(super) fn kill(&self) {
        if let Some(group) = self.0 {
            // It may have ended by itself, which is as good.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
