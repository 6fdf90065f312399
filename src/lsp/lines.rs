//! Lines and columns as editors count them: columns in UTF-16 units, lines ended by `\n`, `\r\n` or `\r`.

use lsp_types::{Position, Range};

/// Where the lines of a text begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    starts: Vec<u32>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Lines {
        let bytes = text.as_bytes();
        let ends = bytes
            .iter()
            .enumerate()
            .filter(|(i, b)| **b == b'\n' || (**b == b'\r' && bytes.get(i + 1) != Some(&b'\n')));
        Lines { starts: std::iter::once(0).chain(ends.map(|(i, _)| i as u32 + 1)).collect() }
    }

    /// The place of a byte; one past the end is at the end.
    pub(super) fn position(&self, text: &str, offset: u32) -> Position {
        let mut at = (offset as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let line = self.starts.partition_point(|s| *s as usize <= at).saturating_sub(1);
        let start = self.starts.get(line).map_or(0, |s| *s as usize);
        let slice = text.get(start..at).unwrap_or("");
        let units = if slice.is_ascii() { slice.len() } else { slice.encode_utf16().count() };
        Position { line: line as u32, character: units as u32 }
    }

    pub(super) fn range(&self, text: &str, start: u32, end: u32) -> Range {
        Range { start: self.position(text, start), end: self.position(text, end) }
    }

    /// The byte at a place. One behind the end of its line is the end of the line, one inside of a character its start.
    pub(super) fn offset(&self, text: &str, place: Position) -> u32 {
        let line = place.line as usize;
        let Some(start) = self.starts.get(line).map(|s| *s as usize) else { return text.len() as u32 };
        let next = self.starts.get(line + 1).map_or(text.len(), |s| *s as usize);
        let whole = text.get(start..next).unwrap_or("");
        let line = whole.trim_end_matches(['\n', '\r']);
        let wanted = place.character as usize;
        if line.is_ascii() {
            return (start + wanted.min(line.len())) as u32;
        }
        let mut units = 0;
        for (at, c) in line.char_indices() {
            if units + c.len_utf16() > wanted {
                return (start + at) as u32;
            }
            units += c.len_utf16();
        }
        (start + line.len()) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_utf16_and_every_place_comes_back() {
        let text = "a😀b\r\nüß\r\n\nend";
        let lines = Lines::of(text);
        assert_eq!(lines.position(text, 5), Position { line: 0, character: 3 });
        // Inside of a surrogate pair: the start of the character.
        assert_eq!(lines.offset(text, Position { line: 0, character: 2 }), 1);
        assert_eq!(lines.offset(text, Position { line: 0, character: 99 }), 6);
        assert_eq!(lines.offset(text, Position { line: 9, character: 0 }), text.len() as u32);
        for (at, c) in text.char_indices().filter(|(_, c)| *c != '\n') {
            assert_eq!(lines.offset(text, lines.position(text, at as u32)), at as u32, "{c:?}");
        }
        let old = "a\rb";
        assert_eq!(Lines::of(old).position(old, 2), Position { line: 1, character: 0 });
    }
}
