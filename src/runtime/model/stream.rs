//! Streams of JSON: server-sent events, and one object a line.

use crate::engine::Failure;
use crate::runtime::skill::wire;
use serde_json::Value as Json;

/// How a stream is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// `text/event-stream`
    Events,
    /// `application/x-ndjson`
    Lines,
}

/// Takes bytes in as they come and gives the JSON they hold. What is buffered is bounded by the caller's cap on the whole.
pub(super) struct Pieces {
    framing: Framing,
    buffer: Vec<u8>,
    /// Up to here no end of line was found.
    looked: usize,
    /// The `data` lines of the event that is being read.
    data: String,
}

/// The end that some streams say in words.
const DONE: &str = "[DONE]";

impl Pieces {
    pub(super) fn new(framing: Framing) -> Self {
        Pieces { framing, buffer: Vec::new(), looked: 0, data: String::new() }
    }

    /// Takes some bytes in.
    ///
    /// # Errors
    /// `invalid_output` for what is no JSON.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Json>, Failure> {
        self.buffer.extend_from_slice(bytes);
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(end) = self.end_of_line(from) {
            let line = self.buffer.get(from..end).unwrap_or_default();
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
            from = end + 1;
            self.looked = from;
            self.line(&line, &mut found)?;
        }
        self.buffer.drain(..from);
        self.looked = self.buffer.len();
        Ok(found)
    }

    /// The stream has ended: what is left is a last line without its end.
    ///
    /// # Errors
    /// As [`Pieces::feed`].
    pub(super) fn end(&mut self) -> Result<Vec<Json>, Failure> {
        // An event needs its empty line: without it, it was cut. The last one is often sent without, though.
        self.feed(b"\n\n")
    }

    fn end_of_line(&self, from: usize) -> Option<usize> {
        let start = self.looked.max(from);
        let at = self.buffer.get(start..)?.iter().position(|byte| *byte == b'\n')?;
        Some(start + at)
    }

    fn line(&mut self, line: &str, found: &mut Vec<Json>) -> Result<(), Failure> {
        match self.framing {
            Framing::Lines if line.trim().is_empty() => {}
            Framing::Lines => found.push(parse(line)?),
            Framing::Events if line.is_empty() => {
                let data = std::mem::take(&mut self.data);
                if !data.trim().is_empty() && data.trim() != DONE {
                    found.push(parse(&data)?);
                }
            }
            Framing::Events => {
                // The name of an event is in its data too; comments and retry times are of no interest.
                if let Some(data) = line.strip_prefix("data:") {
                    if !self.data.is_empty() {
                        self.data.push('\n');
                    }
                    self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
                }
            }
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Json, Failure> {
    wire::parse(text.as_bytes()).map_err(|why| {
        Failure::new("invalid_output", format!("the model's provider streamed no JSON: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut anywhere, a stream gives the same pieces.
    #[test]
    fn cuts_do_not_matter() {
        let events = "event: a\r\ndata: {\"x\":\r\ndata: 1}\r\n\r\n: hello\n\nid: 3\ndata:{\"y\":\"ä\"}\n\ndata: [DONE]\n\ndata: {\"z\":3}";
        let lines = "{\"x\":1}\n\n{\"y\":\"ä\"}\r\n{\"z\":3}";
        let wanted: Vec<Json> = ["{\"x\":1}", "{\"y\":\"ä\"}", "{\"z\":3}"].map(|t| parse(t).unwrap()).into();
        for (framing, text) in [(Framing::Events, events), (Framing::Lines, lines)] {
            for size in 1..text.len() {
                let mut pieces = Pieces::new(framing);
                let mut found = Vec::new();
                for chunk in text.as_bytes().chunks(size) {
                    found.extend(pieces.feed(chunk).unwrap());
                }
                found.extend(pieces.end().unwrap());
                assert_eq!(found, wanted, "{framing:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert_eq!(&*Pieces::new(Framing::Lines).feed(b"{\n").unwrap_err().kind, "invalid_output");
        assert_eq!(&*Pieces::new(Framing::Events).feed(b"data: x\n\n").unwrap_err().kind, "invalid_output");
    }
}
