//! Pictures in terminals, with the real program on a terminal of its own.

use crate::support::{aos, finish, folder};
use std::path::Path;
use std::process::Command;

/// A green dot, to the last byte: a terminal can show it.
const DOT: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgaGAAAAEEAIFw9selAAAAAElFTkSuQmCC";
const PLAN: &str = "plan p() -> int {
  step dot = file.open(path: \"dot\\u001b]0;evil\\u0007.png\")

  step fake = file.open(path: \"fake.png\")

  step raw = file.open(path: \"raw.bin\")

  return dot.size + fake.size + raw.size
}
";

/// Runs `aos` on a terminal of its own, with this in its environment; all that was written to it.
fn on_a_terminal(dir: &Path, env: &[(&str, &str)], args: &[&str]) -> (i32, String) {
    let script = "import pty, sys, os\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = Command::new("python3");
    command.args(["-c", script, env!("CARGO_BIN_EXE_aos")]).args(args).current_dir(dir);
    for name in ["AOS_STORE", "NO_COLOR", "TMUX", "STY", "ZELLIJ", "TERM_PROGRAM", "LC_TERMINAL"] {
        command.env_remove(name);
    }
    command.env_remove("KITTY_WINDOW_ID").env_remove("KONSOLE_VERSION").env("TERM", "xterm-256color");
    let (code, out, err) = finish(command.envs(env.iter().copied()).stdin(std::process::Stdio::null()));
    assert!(!err.contains("Traceback"), "{err}");
    (code, out)
}

#[test]
fn they_are_shown_where_the_terminal_says_it_can() {
    use base64::Engine as _;
    let dir = folder(&[("aos.toml", "[project]\nname = \"t\"\n"), ("p.plan", PLAN)]);
    let dir = dir.path();
    let dot = base64::engine::general_purpose::STANDARD.decode(DOT).unwrap();
    std::fs::write(dir.join("dot\u{1b}]0;evil\u{7}.png"), dot).unwrap();
    std::fs::write(dir.join("fake.png"), "no picture\t\u{1b}]0;evil\u{7}\r\nat all").unwrap();
    std::fs::write(dir.join("raw.bin"), b"\x00\xFF\x1b]0;evil\x07").unwrap();
    let (code, _, err) = finish(aos(dir).args(["run", "p.plan"]));
    assert_eq!(code, 0, "{err}");
    let (_, rows, _) = finish(aos(dir).args(["runs", "--json"]));
    let row: serde_json::Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    let run = row["run"].as_str().unwrap();
    let show = |env: &[(&str, &str)], args: &[&str]| {
        let (code, out) = on_a_terminal(dir, env, &[&["show", run], args].concat());
        assert_eq!(code, 0, "{out}");
        assert!(!out.contains("\u{1b}]0;"), "a name or a content sets the title: {out:?}");
        out
    };
    let kitty = format!("\u{1b}_Ga=T,f=100,q=2,m=0;{DOT}\u{1b}\\");
    let iterm = format!("\u{1b}]1337;File=inline=1;size=69;preserveAspectRatio=1:{DOT}\u{7}");
    let told = show(&[("TERM", "xterm-kitty")], &[]);
    assert!(told.contains(&kitty) && told.matches("\u{1b}_G").count() == 1, "{told:?}");
    assert!(told.contains("of dot: dot?]0;evil?.png image/png, 69 B"), "{told}");
    let told = show(&[("TERM_PROGRAM", "WezTerm")], &[]);
    assert!(told.contains(&iterm) && told.matches("\u{1b}]1337").count() == 1, "{told:?}");
    // Neither elsewhere, nor for programs, nor where plain text is wanted.
    let speaks = ("TERM", "xterm-kitty");
    for (env, args) in [
        (vec![], vec![]),
        (vec![speaks], vec!["--json"]),
        (vec![speaks], vec!["--color", "never"]),
        (vec![speaks, ("NO_COLOR", "1")], vec![]),
    ] {
        let told = show(&env, &args);
        assert!(!told.contains("\u{1b}_G") && !told.contains("1337"), "{env:?} {args:?}: {told:?}");
    }
    let (_, piped, _) = finish(aos(dir).args(["show", run, "--color", "always"]).env("TERM", "xterm-kitty"));
    assert!(piped.contains("dot?]0;evil?.png") && !piped.contains("\u{1b}_G"), "{piped:?}");
    // The content itself, for who looks and for programs.
    let (_, listed, _) = finish(aos(dir).args(["artifacts", "--json"]));
    let digest = |step: &str| {
        let rows = listed.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        let row = rows.into_iter().find(|row| row["step"] == step).unwrap();
        row["digest"].as_str().unwrap().to_owned()
    };
    let look =
        |step: &str| on_a_terminal(dir, &[("TERM", "xterm-kitty")], &["artifacts", "--cat", &digest(step)]);
    assert_eq!(look("dot"), (0, format!("{kitty}\r\n")));
    assert_eq!(look("fake"), (0, "no picture ?]0;evil?\r\nat all\r\n".to_owned()));
    let (code, told) = look("raw");
    assert!(
        code == 2 && told.contains("this terminal cannot show") && !told.contains("\u{1b}]0"),
        "{told:?}"
    );
    let output = aos(dir).args(["artifacts", "--cat", &digest("raw")]).output().unwrap();
    assert_eq!(output.stdout, b"\x00\xFF\x1b]0;evil\x07", "a program gets it as it is");
}
