//! The language server: the protocol in, the [`crate::ide`] asked, the protocol out. It converts and never decides.
//!
//! One thread answers in the order of arrival; another reads, so that a cancelled request is known before its turn. What the server
//! holds is a function of the open texts and the disk: checked projects are thrown away and made again when a text that they read
//! changes, only the statements around an edit are parsed anew. A panic in one request is its error and a line in the client's log; the
//! projects are then made afresh.

mod convert;
mod lines;
mod loader;
mod requests;
mod server;
mod standard;
mod state;
mod wire;
mod workspace;

use std::io::{BufRead, Write};

/// Serves one client over stdin and stdout, until it says `exit` or goes away. True where it said `shutdown` before.
#[must_use]
pub fn run() -> bool {
    serve(std::io::BufReader::new(std::io::stdin()), std::io::stdout())
}

/// How deep the stack of the answering thread may grow: brackets nest 128 deep, chains of operators longer.
const STACK: usize = 256 << 20;

/// The same over any two ends.
#[must_use]
pub fn serve(input: impl BufRead + Send + 'static, output: impl Write + Send + 'static) -> bool {
    let handlers = server::Handlers { answer: requests::answer, notice: requests::notice };
    let answering = std::thread::Builder::new()
        .name("answer".into())
        .stack_size(STACK)
        .spawn(move || server::Server::new(output, handlers).run(input));
    answering.is_ok_and(|thread| thread.join().unwrap_or(false))
}
