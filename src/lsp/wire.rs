//! Messages on the wire: a header with the length, then JSON.

use serde_json::Value;
use std::io::{BufRead, Read as _, Write};

/// Longer messages are refused; the largest file is smaller.
const MAX: u64 = 256 << 20;
/// Longer header lines are no headers.
const MAX_LINE: u64 = 4_096;

/// Why nothing was read.
#[derive(Debug)]
pub(super) enum Unread {
    /// The other end is gone, or does not speak the protocol.
    Closed,
    /// The content was no JSON; the next message can be read.
    NotJson(String),
}

/// Reads one message.
pub(super) fn read(input: &mut impl BufRead) -> Result<Value, Unread> {
    let mut length: Option<u64> = None;
    loop {
        let mut line = Vec::new();
        let read = input.take(MAX_LINE).read_until(b'\n', &mut line).map_err(|_| Unread::Closed)?;
        if read == 0 || line.last() != Some(&b'\n') {
            return Err(Unread::Closed);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() {
            match length {
                Some(_) => break,
                // Blank lines between messages do no harm.
                None => continue,
            }
        }
        if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
    let length = length.filter(|n| *n <= MAX).ok_or(Unread::Closed)?;
    let mut body = Vec::new();
    let read = input.take(length).read_to_end(&mut body).map_err(|_| Unread::Closed)?;
    if read as u64 != length {
        return Err(Unread::Closed);
    }
    serde_json::from_slice(&body).map_err(|e| Unread::NotJson(e.to_string()))
}

/// Writes one message.
pub(super) fn write(output: &mut impl Write, message: &Value) -> std::io::Result<()> {
    let body = serde_json::to_vec(message)?;
    write!(output, "Content-Length: {}\r\n\r\n", body.len())?;
    output.write_all(&body)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_through_and_faults_do_not_end_the_talk() {
        let mut wire = Vec::new();
        write(&mut wire, &serde_json::json!({"a": "ü"})).unwrap();
        wire.extend(b"Content-Length: 3\r\n\r\n{x}content-length: 2\r\nContent-Type: x\r\n\r\n{}");
        let mut input = std::io::Cursor::new(wire);
        assert_eq!(read(&mut input).unwrap(), serde_json::json!({"a": "ü"}));
        assert!(matches!(read(&mut input), Err(Unread::NotJson(_))));
        assert_eq!(read(&mut input).unwrap(), serde_json::json!({}));
        assert!(matches!(read(&mut input), Err(Unread::Closed)));
    }

    #[test]
    fn what_is_no_message_ends_the_talk() {
        for text in ["hello", "Content-Length: 99999999999999\r\n\r\n", "Content-Length: 9\r\n\r\n{}"] {
            assert!(matches!(read(&mut text.as_bytes()), Err(Unread::Closed)), "{text}");
        }
    }
}
