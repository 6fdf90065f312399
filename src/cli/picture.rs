//! Pictures in terminals that can show them: by the graphics protocol of kitty, or by the inline images of iTerm2.
//!
//! What is shown came from outside. A terminal gets it as base64 only, and only where it is a picture by its own first bytes, of a
//! bounded size, and moves nothing.

use super::terminal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagesize::ImageType;
use std::fmt::Write as _;

/// Characters of base64 in one escape sequence of kitty's.
const CHUNK: usize = 4096;
/// A terminal would need too much memory for a picture of more pixels.
const MOST_PIXELS: usize = 25_000_000;
/// What a character takes where the terminal does not say: width and height in pixels.
const CELL: (usize, usize) = (10, 20);

/// Room for a picture, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl Area {
    /// What can be seen at once.
    pub(crate) fn of_terminal() -> Area {
        seen().0
    }
}

/// What can be seen at once, and what a character takes in pixels.
fn seen() -> (Area, (usize, usize)) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    // A terminal may say that it has no size.
    let size = size.filter(|s| s.ws_col > 0 && s.ws_row > 0).map(|s| {
        let of = |n: u16| usize::from(n);
        ((of(s.ws_col), of(s.ws_row)), (of(s.ws_xpixel), of(s.ws_ypixel)))
    });
    let ((columns, rows), pixels) = size.unwrap_or(((80, 24), (0, 0)));
    let cell = match (pixels.0 / columns, pixels.1 / rows) {
        (0, _) | (_, 0) => CELL,
        cell => cell,
    };
    (Area { columns: columns.saturating_sub(2).max(1), rows: rows.saturating_sub(3).max(1) }, cell)
}

/// How a terminal is told a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// kitty, Ghostty: PNG.
    Kitty,
    /// iTerm2, WezTerm, Konsole, mintty: also JPEG.
    Iterm,
}

/// Whether pictures are shown at all.
pub(crate) fn are_shown() -> bool {
    protocol().is_some()
}

/// The sequence that shows a picture in this area or less; none where it is no picture that this terminal can show.
pub(crate) fn shown(bytes: &[u8], area: Area) -> Option<String> {
    let (most, cell) = seen();
    let area = Area { columns: area.columns.min(most.columns), rows: area.rows.min(most.rows) };
    drawn(protocol()?, bytes, area, cell)
}

fn protocol() -> Option<Protocol> {
    if !terminal::is_rich() {
        return None;
    }
    spoken(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// What the terminal speaks, as far as it says who it is.
fn spoken(said: impl Fn(&str) -> Option<String>) -> Option<Protocol> {
    let term = said("TERM").unwrap_or_default();
    // What stands between hides pictures, or lets them stand where they do not belong.
    let between = ["TMUX", "STY", "ZELLIJ"].iter().any(|name| said(name).is_some());
    if between || term == "dumb" || term.starts_with("screen") || term.starts_with("tmux") {
        return None;
    }
    if term == "xterm-kitty" || term == "xterm-ghostty" {
        return Some(Protocol::Kitty);
    }
    match said("TERM_PROGRAM").as_deref() {
        Some("ghostty" | "kitty") => return Some(Protocol::Kitty),
        Some("iTerm.app" | "WezTerm" | "mintty") => return Some(Protocol::Iterm),
        // Whatever else is inherited is of a terminal around this one.
        Some(_) => return None,
        None => {}
    }
    // From this version on; as "220400".
    let konsole = said("KONSOLE_VERSION").and_then(|v| v.parse::<u32>().ok()).is_some_and(|v| v >= 220_400);
    if konsole || said("LC_TERMINAL").as_deref() == Some("iTerm2") {
        return Some(Protocol::Iterm);
    }
    said("KITTY_WINDOW_ID").map(|_| Protocol::Kitty)
}

fn drawn(protocol: Protocol, bytes: &[u8], area: Area, cell: (usize, usize)) -> Option<String> {
    let png = match imagesize::image_type(bytes).ok()? {
        ImageType::Png => true,
        ImageType::Jpeg => false,
        _ => return None,
    };
    let size = imagesize::blob_size(bytes).ok()?;
    let pixels = size.width.checked_mul(size.height)?;
    if pixels == 0 || pixels > MOST_PIXELS || (png && moves(bytes)) {
        return None;
    }
    let scaled = scaled((size.width, size.height), area, cell);
    match protocol {
        Protocol::Kitty => png.then(|| kitty(bytes, scaled)),
        Protocol::Iterm => Some(iterm(bytes, scaled)),
    }
}

/// Whether a PNG is of several frames: how many it would be in memory says nothing before it is read.
fn moves(png: &[u8]) -> bool {
    let head = png.windows(4).position(|w| w == b"IDAT").unwrap_or(png.len());
    png.get(..head).is_some_and(|head| head.windows(4).any(|w| w == b"acTL"))
}

/// The columns and rows for a picture that is too large for the area; none where it fits as it is.
fn scaled((width, height): (usize, usize), area: Area, cell: (usize, usize)) -> Option<Area> {
    let columns = width as f64 / cell.0 as f64;
    let rows = height as f64 / cell.1 as f64;
    let shrink = (columns / area.columns as f64).max(rows / area.rows as f64);
    if shrink <= 1.0 {
        return None;
    }
    let fit = |n: f64, most: usize| ((n / shrink).round() as usize).clamp(1, most);
    Some(Area { columns: fit(columns, area.columns), rows: fit(rows, area.rows) })
}

/// `q=2`: the terminal answers nothing, which would be taken for typed.
fn kitty(png: &[u8], scaled: Option<Area>) -> String {
    let data = STANDARD.encode(png);
    let mut out = String::with_capacity(data.len() + data.len() / CHUNK * 16 + 64);
    let mut left = data.as_str();
    let place = scaled.map_or_else(String::new, |a| format!(",c={},r={}", a.columns, a.rows));
    let mut keys = format!("a=T,f=100,q=2{place}");
    while !left.is_empty() {
        let (chunk, rest) = left.split_at(left.len().min(CHUNK));
        let more = u8::from(!rest.is_empty());
        let _ = write!(out, "\x1b_G{keys},m={more};{chunk}\x1b\\");
        left = rest;
        "q=2".clone_into(&mut keys);
    }
    out
}

fn iterm(bytes: &[u8], scaled: Option<Area>) -> String {
    let place = scaled.map_or_else(String::new, |a| format!("width={};height={};", a.columns, a.rows));
    let size = bytes.len();
    format!("\x1b]1337;File=inline=1;size={size};{place}preserveAspectRatio=1:{}\x07", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a PNG of this size, and so many bytes of what might be one.
    fn png(width: u32, height: u32, more: usize) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend(b"\x08\x02\0\0\0\0\0\0\0\0\0\0\0IDAT");
        bytes.extend((0..more).map(|n| (n % 251) as u8));
        bytes
    }

    /// The least of a JPEG: its start and a frame of this size.
    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8];
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend([1, 1, 0x11, 0, 0xFF, 0xD9]);
        bytes
    }

    const ROOM: Area = Area { columns: 40, rows: 10 };

    fn draw(protocol: Protocol, bytes: &[u8]) -> Option<String> {
        drawn(protocol, bytes, ROOM, CELL)
    }

    /// Puts the chunks together as a terminal does; the keys of each.
    fn heard(shown: &str) -> (Vec<String>, Vec<u8>) {
        let mut keys = Vec::new();
        let mut data = String::new();
        for part in shown.split_terminator("\x1b\\") {
            let (head, chunk) = part.strip_prefix("\x1b_G").unwrap().split_once(';').unwrap();
            assert!(chunk.len() <= CHUNK && (chunk.len() % 4 == 0), "{}", chunk.len());
            keys.push(head.to_owned());
            data.push_str(chunk);
        }
        (keys, STANDARD.decode(data).unwrap())
    }

    #[test]
    fn kitty_gets_it_in_chunks() {
        for more in [0, 1, 3000, 3072 - 45, 3073 - 45, 9_000] {
            let bytes = png(200, 100, more);
            let (keys, data) = heard(&draw(Protocol::Kitty, &bytes).unwrap());
            assert_eq!(data, bytes);
            assert!(keys[0].starts_with("a=T,f=100,q=2,m="), "{keys:?}");
            let (last, before) = keys.split_last().unwrap();
            assert!(last.ends_with("m=0") && before.iter().all(|k| k.ends_with("m=1")), "{keys:?}");
            assert!(keys[1..].iter().all(|k| k.starts_with("q=2,m=")), "{keys:?}");
        }
    }

    #[test]
    fn iterm_gets_it_whole() {
        let bytes = jpeg(300, 100);
        let shown = draw(Protocol::Iterm, &bytes).unwrap();
        let rest = shown.strip_prefix("\x1b]1337;File=inline=1;size=17;preserveAspectRatio=1:").unwrap();
        assert_eq!(STANDARD.decode(rest.strip_suffix('\x07').unwrap()).unwrap(), bytes);
        assert_eq!(draw(Protocol::Kitty, &bytes), None, "kitty takes PNG only");
    }

    #[test]
    fn large_ones_shrink_and_small_ones_stay() {
        let place = |width, height| {
            let scaled = scaled((width, height), ROOM, CELL);
            scaled.map(|a| (a.columns, a.rows))
        };
        assert_eq!(place(1, 1), None);
        assert_eq!(place(400, 200), None);
        assert_eq!(place(800, 200), Some((40, 5)));
        assert_eq!(place(400, 400), Some((20, 10)));
        assert_eq!(place(100_000, 1), Some((40, 1)));
        assert_eq!(place(1, 100_000), Some((1, 10)));
        let shown = draw(Protocol::Kitty, &png(800, 200, 10)).unwrap();
        assert!(shown.starts_with("\x1b_Ga=T,f=100,q=2,c=40,r=5,m=0;"), "{shown:?}");
        let shown = draw(Protocol::Iterm, &png(800, 200, 10)).unwrap();
        assert!(shown.contains(";width=40;height=5;preserveAspectRatio=1:"), "{shown:?}");
    }

    #[test]
    fn what_is_no_picture_or_too_much_of_one_is_not_sent() {
        for protocol in [Protocol::Kitty, Protocol::Iterm] {
            let moving = [&png(9, 9, 0)[..33], b"\0\0\0\x08acTL", &png(9, 9, 9)[33..]].concat();
            for bytes in [
                b"".as_slice(),
                b"\x1b]0;title\x07",
                b"\x89PNG\r\n\x1a\n",
                b"\xFF\xD8\xFF",
                b"GIF89a\x01\0\x01\0\0\0\0",
                b"<svg xmlns='http://www.w3.org/2000/svg'/>",
                &png(0, 5, 9),
                &png(60_000, 60_000, 9),
                &png(u32::MAX, u32::MAX, 9),
                &moving,
            ] {
                assert_eq!(draw(protocol, bytes), None, "{bytes:?}");
            }
        }
        // Whatever a picture holds, the terminal sees letters between its own signs.
        let hostile = [png(9, 9, 0), b"\x1b\\\x07\x1b]0;title\x07\n".repeat(2_000)].concat();
        for protocol in [Protocol::Kitty, Protocol::Iterm] {
            let shown = draw(protocol, &hostile).unwrap();
            let inner = shown.replace("\x1b_G", "").replace("\x1b\\", "").replace("\x1b]1337", "");
            let inner = inner.strip_suffix('\x07').unwrap_or(&inner);
            assert!(inner.bytes().all(|b| b.is_ascii_graphic()), "{protocol:?}");
        }
    }

    #[test]
    fn terminals_are_known_by_what_they_say() {
        let of = |env: &[(&str, &str)]| {
            spoken(|name| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        let (kitty, iterm) = (Some(Protocol::Kitty), Some(Protocol::Iterm));
        assert_eq!(of(&[("TERM", "xterm-kitty")]), kitty);
        assert_eq!(of(&[("TERM", "xterm-256color"), ("KITTY_WINDOW_ID", "1")]), kitty);
        assert_eq!(of(&[("TERM", "xterm-ghostty"), ("TERM_PROGRAM", "ghostty")]), kitty);
        assert_eq!(of(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")]), iterm);
        assert_eq!(of(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")]), iterm);
        assert_eq!(of(&[("TERM", "xterm-256color"), ("LC_TERMINAL", "iTerm2")]), iterm);
        assert_eq!(of(&[("TERM", "xterm-256color"), ("KONSOLE_VERSION", "221203")]), iterm);
        // Too old, unknown, or something between.
        assert_eq!(of(&[("TERM", "xterm-256color"), ("KONSOLE_VERSION", "210800")]), None);
        assert_eq!(of(&[("TERM", "xterm-256color")]), None);
        assert_eq!(of(&[("TERM", "dumb"), ("KITTY_WINDOW_ID", "1")]), None);
        assert_eq!(
            of(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "vscode"), ("KITTY_WINDOW_ID", "1")]),
            None
        );
        assert_eq!(of(&[("TERM", "tmux-256color"), ("KITTY_WINDOW_ID", "1")]), None);
        assert_eq!(of(&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/x")]), None);
    }
}
