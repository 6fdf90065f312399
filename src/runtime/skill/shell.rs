//! `shell.run`: a program of this machine, without a shell between.

use super::args::{invalid, optional_text, text_map, texts};
use super::config::{MIB, SkillsConfig};
use super::group::{self, Group};
use super::{BoxFuture, Skill, SkillCall, SkillOutput, wire};
use crate::engine::Failure;
use crate::value::{Map, Value};
use std::path::PathBuf;
use std::process::ExitStatus;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

/// The most that a program may write to each of stdout and stderr, bytes.
const MAX_OUTPUT: usize = 10 * MIB;
/// How much of stderr goes into an error's details, characters.
const STDERR: usize = 16 * 1024;

/// The `shell` family.
pub struct ShellSkills {
    root: PathBuf,
}

impl ShellSkills {
    /// The family for the project of a configuration.
    #[must_use]
    pub fn new(config: &SkillsConfig) -> Self {
        Self { root: config.project_root.clone() }
    }

    fn command(&self, args: &Map) -> Result<(String, Command), Failure> {
        let words = texts(args, "command")?;
        let Some((program, rest)) = words.split_first() else {
            return Err(invalid("the command is empty"));
        };
        if program.is_empty() || words.iter().any(|word| word.contains('\0')) {
            return Err(invalid("the command has an empty program, or a NUL in it"));
        }
        let root = self
            .root
            .canonicalize()
            .map_err(|error| Failure::new("unavailable", format!("the project's folder: {error}")))?;
        let folder = match optional_text(args, "folder")? {
            None => root.clone(),
            Some(folder) => {
                let full = root.join(folder.as_ref()).canonicalize();
                let full = full.map_err(|error| invalid(format!("the folder `{folder}`: {error}")))?;
                if !full.starts_with(&root) {
                    return Err(Failure::new(
                        "denied",
                        format!("`{folder}` leads out of the project's folder"),
                    ));
                }
                full
            }
        };
        // A path is meant from the working folder, as a shell would.
        let path =
            if program.contains('/') { folder.join(program.as_ref()) } else { program.as_ref().into() };
        let mut command = group::command(path);
        command.args(rest.iter().map(AsRef::<str>::as_ref)).current_dir(folder);
        for (name, value) in text_map(args, "env")? {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(invalid("a variable of `env` has no valid name or value"));
            }
            command.env(name.as_ref(), value.as_ref());
        }
        Ok((program.to_string(), command))
    }

    async fn run(&self, call: SkillCall) -> Result<SkillOutput, Failure> {
        let (program, mut command) = self.command(&call.args)?;
        let input = optional_text(&call.args, "stdin")?;
        let mut child =
            command.spawn().map_err(|error| invalid(format!("`{program}` cannot be started: {error}")))?;
        // Dropping this future ends the program and all that it started.
        let group = Group::of(&child);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(Failure::new("internal", "the program has no pipes"));
        };
        let feed = async move {
            if let Some(input) = input {
                // A program need not read its input.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            Ok(())
        };
        let ((), stdout, stderr) = tokio::try_join!(feed, read("stdout", stdout), read("stderr", stderr))?;
        let status = child
            .wait()
            .await
            .map_err(|error| Failure::new("unavailable", format!("`{program}`: {error}")))?;
        drop(group);
        let code = code(status);
        if code == 0 {
            return Ok(SkillOutput::free(wire::record([
                ("code", Value::Int(code)),
                ("stdout", Value::String(stdout.into())),
                ("stderr", Value::String(stderr.into())),
            ])));
        }
        let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let mut message = format!("`{program}` ended with {status}");
        if !last.is_empty() {
            message.push_str(": ");
            message.push_str(&wire::excerpt(last, 500));
        }
        let mut failure = Failure::new("exit", message);
        failure.details.insert("code".into(), Value::Int(code));
        failure.details.insert("stderr".into(), Value::String(wire::excerpt(&stderr, STDERR).into()));
        Err(failure)
    }
}

impl Skill for ShellSkills {
    fn call(&self, call: SkillCall) -> BoxFuture<'_, Result<SkillOutput, Failure>> {
        Box::pin(self.run(call))
    }
}

/// The exit code; for a signal 128 more than its number, as shells count.
fn code(status: ExitStatus) -> i64 {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => code.into(),
        (None, Some(signal)) => 128 + i64::from(signal),
        (None, None) => -1,
    }
}

async fn read(name: &str, from: impl AsyncRead + Unpin) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = from.take(MAX_OUTPUT as u64 + 1).read_to_end(&mut bytes).await;
    read.map_err(|error| Failure::new("unavailable", format!("reading {name}: {error}")))?;
    if bytes.len() > MAX_OUTPUT {
        let message = format!("the program wrote more than {MAX_OUTPUT} bytes to {name}; it was stopped");
        return Err(Failure::new("invalid_output", message));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
