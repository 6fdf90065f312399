//! The `aos` program.

fn main() -> std::process::ExitCode {
    aos::cli::main()
}
