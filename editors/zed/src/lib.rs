//! Starts the language server in Zed: the program of the settings, else `aos` of the path.

use zed_extension_api::settings::LspSettings;
use zed_extension_api::{self as zed, Command, LanguageServerId, Result, Worktree};

struct Plans;

impl zed::Extension for Plans {
    fn new() -> Self {
        Self
    }

    fn language_server_command(&mut self, id: &LanguageServerId, worktree: &Worktree) -> Result<Command> {
        let binary = LspSettings::for_worktree(id.as_ref(), worktree)?.binary;
        let (path, arguments) = binary.map_or((None, None), |b| (b.path, b.arguments));
        let command = path.or_else(|| worktree.which("aos")).ok_or(
            "`aos` is not on the path: install it, or set `lsp.aos.binary.path` in the settings",
        )?;
        let args = arguments.unwrap_or_else(|| vec!["lsp".into()]);
        Ok(Command { command, args, env: worktree.shell_env() })
    }
}

zed::register_extension!(Plans);
