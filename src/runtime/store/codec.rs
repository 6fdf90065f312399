//! What the values of the store look like: `format u8 | schema u16 | payload | crc32c u32`, big-endian.
//!
//! Format 1 holds JSON. Format 2 holds events of a journal that were appended together: `seq u64 | count u32 | chain u32 | JSON list`,
//! where `seq` is the number of the first and the chain is a checksum over all rows of the run so far, so that a row lost,
//! moved or repeated in the middle cannot go unnoticed. Format 3 is the same with the list packed, where it is long: its length as
//! `u32`, and an LZ4 block. The graph of a plan, with which each journal begins, shrinks to a tenth.
//! The schema is the version of the payload's type: whoever reads an old one lifts it up, nothing is rewritten.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::Formatter;
use std::borrow::Cow;
use std::io::{self, Write};
use uuid::Uuid;

const JSON: u8 = 1;
const EVENT: u8 = 2;
const PACKED: u8 = 3;
/// A list of events that is longer is packed: it is larger than the store keeps in one piece.
const PACK_FROM: usize = 6 << 10;
/// LZ4 makes no more of a byte.
const MOST_OF_A_BYTE: usize = 255;
/// A row of events ends with the one that makes it this long: few rows for many small events, and no row that the store keeps badly.
const ROW_BYTES: usize = 5 << 10;

/// Why a value could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes are not what was written.
    #[error("the stored bytes are damaged ({0})")]
    Damaged(&'static str),
    /// A format or schema of a newer program.
    #[error("the stored value is of version {found}, this program knows up to {known}")]
    Newer {
        /// The version found.
        found: u16,
        /// The newest known.
        known: u16,
    },
    /// The payload does not fit its type.
    #[error("the stored value does not fit its type: {0}")]
    Payload(String),
    /// The value cannot be written as JSON.
    #[error("the value cannot be stored: {0}")]
    Encode(String),
}

/// A value taken out of its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The version of the payload's type.
    pub schema: u16,
    /// JSON.
    pub json: Cow<'a, [u8]>,
}

impl Frame<'_> {
    /// The payload as its type.
    ///
    /// # Errors
    /// If the schema is above `known`, or the JSON does not fit.
    pub fn read<T: DeserializeOwned>(&self, known: u16) -> Result<T, CodecError> {
        if self.schema > known {
            return Err(CodecError::Newer { found: self.schema, known });
        }
        from_json(&self.json)
    }
}

/// Reads JSON that may nest deep, but not so deep that it is dangerous.
///
/// # Errors
/// If it nests too deep or does not fit.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    if shape(bytes).depth > MAX_NESTING {
        return Err(CodecError::Payload(format!("it nests deeper than {MAX_NESTING} levels")));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    json.disable_recursion_limit();
    let value = T::deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    value.map_err(|error| CodecError::Payload(error.to_string()))
}

/// What is written and read back at most; well within the stack of a thread, also without optimisation. An expression takes three
/// levels a node, and the parser lets operators be 128 nodes deep: serde_json's own limit of 128 is far below what a plan may hold.
const MAX_NESTING: usize = 512;

/// Nothing is written that could not be read back.
fn readable(depth: usize) -> Result<(), CodecError> {
    if depth > MAX_NESTING {
        return Err(CodecError::Encode(format!("it nests deeper than {MAX_NESTING} levels")));
    }
    Ok(())
}

struct Shape {
    /// How deep brackets nest.
    depth: usize,
    /// Commas between the items of the outermost list or map.
    commas: u32,
}

fn shape(json: &[u8]) -> Shape {
    let (mut depth, mut deepest, mut commas) = (0_usize, 0, 0_u32);
    let (mut text, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = text,
            b'"' => text = !text,
            b'[' | b'{' if !text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !text => depth = depth.saturating_sub(1),
            b',' if !text && depth == 1 => commas = commas.saturating_add(1),
            _ => {}
        }
    }
    Shape { depth: deepest, commas }
}

/// serde_json's compact form, which notes how deep brackets nest: another look at what was written costs half as much again.
struct Nesting {
    depth: usize,
    deepest: usize,
}

impl Nesting {
    fn at(depth: usize) -> Self {
        Nesting { depth, deepest: depth }
    }

    fn open(&mut self) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
    }

    fn write<T: Serialize + ?Sized>(&mut self, bytes: &mut Vec<u8>, value: &T) -> Result<(), CodecError> {
        value
            .serialize(&mut serde_json::Serializer::with_formatter(bytes, &mut *self))
            .map_err(|error| CodecError::Encode(error.to_string()))?;
        readable(self.deepest)
    }
}

impl Formatter for &mut Nesting {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open();
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open();
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        writer.write_all(b"}")
    }

    fn write_raw_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, raw: &str) -> io::Result<()> {
        self.deepest = self.deepest.max(self.depth + shape(raw.as_bytes()).depth);
        writer.write_all(raw.as_bytes())
    }
}

/// Writes a value as JSON in a frame.
///
/// # Errors
/// If it cannot be written as JSON (a map whose keys are no text).
pub fn encode<T: Serialize + ?Sized>(schema: u16, value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = head(JSON, schema);
    Nesting::at(0).write(&mut bytes, value)?;
    Ok(seal(bytes))
}

/// Checks a frame and opens it.
///
/// # Errors
/// If the bytes are damaged.
pub fn open(bytes: &[u8]) -> Result<Frame<'_>, CodecError> {
    let (format, schema, json) = unseal(bytes)?;
    if format != JSON {
        return Err(OTHER_KIND);
    }
    Ok(Frame { schema, json: Cow::Borrowed(json) })
}

/// Reads a value written by [`encode`], of schema `known` or older.
///
/// # Errors
/// If the bytes are damaged, newer, or do not fit.
pub fn decode<T: DeserializeOwned>(known: u16, bytes: &[u8]) -> Result<T, CodecError> {
    open(bytes)?.read(known)
}

/// Where a journal stands: the number of its next event and the checksum over all before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The number of the next event.
    pub next: u64,
    /// The checksum over the run's id and all events so far.
    pub chain: u32,
}

impl Link {
    /// The beginning of a run's journal. The chain begins with the run's id, so rows cannot pass to another run.
    pub fn start(run: Uuid) -> Self {
        Self { next: 0, chain: crc32c::crc32c(run.as_bytes()) }
    }

    fn over(self, schema: u16, json: &[u8]) -> u32 {
        let chain = crc32c::crc32c_append(self.chain, &self.next.to_be_bytes());
        crc32c::crc32c_append(crc32c::crc32c_append(chain, &schema.to_be_bytes()), json)
    }
}

/// Rows, each with the number of its first event, and where their journal stands after them.
pub type EventRows = (Vec<(u64, Vec<u8>)>, Link);

/// Writes the next events of a journal, as many to a row as fit well.
///
/// # Errors
/// If an event cannot be written as JSON.
pub fn encode_events<E: Serialize>(
    mut link: Link,
    schema: u16,
    events: &[E],
) -> Result<EventRows, CodecError> {
    let mut rows = Vec::new();
    let (mut row, mut count) = (Vec::new(), 0);
    for (index, event) in events.iter().enumerate() {
        if count == 0 {
            row = event_head(schema, 256);
        }
        row.push(if count == 0 { b'[' } else { b',' });
        Nesting::at(1).write(&mut row, event)?;
        count += 1;
        if row.len() >= ROW_BYTES || index + 1 == events.len() {
            row.push(b']');
            let first = link.next;
            let (sealed, after) = sealed_events(link, schema, row, count);
            rows.push((first, sealed));
            (row, count, link) = (Vec::new(), 0, after);
        }
    }
    Ok((rows, link))
}

/// The row of the next events of a journal, whose JSON is there already: a list.
///
/// # Errors
/// If it could not be read back, or has no events.
pub fn event_row(link: Link, schema: u16, json: &[u8]) -> Result<(Vec<u8>, Link), CodecError> {
    let Shape { depth, commas } = shape(json);
    readable(depth)?;
    if json.first() != Some(&b'[') || json == b"[]" {
        return Err(CodecError::Encode("it is no list of events".into()));
    }
    let mut row = event_head(schema, json.len());
    row.extend_from_slice(json);
    Ok(sealed_events(link, schema, row, commas.saturating_add(1)))
}

/// Where the JSON of events begins: behind the format, the schema, the number of the first, their count and the chain.
const EVENT_HEAD: usize = 3 + 8 + 4 + 4;

/// The beginning of a row of events, with room for what is known when they are written.
fn event_head(schema: u16, json: usize) -> Vec<u8> {
    let mut row = head(EVENT, schema);
    row.reserve(EVENT_HEAD + json + 4);
    row.resize(EVENT_HEAD, 0);
    row
}

/// Fills in what was not known, and the checksum.
fn sealed_events(link: Link, schema: u16, mut row: Vec<u8>, count: u32) -> (Vec<u8>, Link) {
    let chain = link.over(schema, row.get(EVENT_HEAD..).unwrap_or_default());
    let known = [&link.next.to_be_bytes()[..], &count.to_be_bytes(), &chain.to_be_bytes()].concat();
    row.iter_mut().skip(3).zip(known).for_each(|(byte, known)| *byte = known);
    let row = packed(row);
    (seal(row), Link { next: link.next.saturating_add(u64::from(count)), chain })
}

/// A row of events with its list packed, where that pays.
fn packed(row: Vec<u8>) -> Vec<u8> {
    let Some((head, json)) = row.split_at_checked(EVENT_HEAD).filter(|(_, json)| json.len() > PACK_FROM)
    else {
        return row;
    };
    let (Ok(length), block) = (u32::try_from(json.len()), lz4_flex::block::compress(json)) else {
        return row;
    };
    if block.len() > json.len() / 4 * 3 {
        return row;
    }
    let mut short = [head, &length.to_be_bytes(), &block].concat();
    short.iter_mut().take(1).for_each(|format| *format = PACKED);
    short
}

/// The list of events of a row, unpacked.
fn unpacked(format: u8, list: &[u8]) -> Result<Cow<'_, [u8]>, CodecError> {
    if format == EVENT {
        return Ok(Cow::Borrowed(list));
    }
    let (length, block) = list.split_first_chunk::<4>().ok_or(CodecError::Damaged("it is cut short"))?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let possible = length <= block.len().saturating_mul(MOST_OF_A_BYTE);
    let list = possible.then(|| lz4_flex::block::decompress(block, length).ok()).flatten();
    list.filter(|list| list.len() == length)
        .map(Cow::Owned)
        .ok_or(CodecError::Damaged("its events cannot be unpacked"))
}

/// The row of a value whose JSON is there already.
///
/// # Errors
/// If it could not be read back.
pub fn row(schema: u16, json: &[u8]) -> Result<Vec<u8>, CodecError> {
    readable(shape(json).depth)?;
    let mut bytes = head(JSON, schema);
    bytes.extend_from_slice(json);
    Ok(seal(bytes))
}

/// Checks that a row holds the next events of a journal and opens it.
///
/// # Errors
/// If the bytes are damaged, or are another event than the next.
pub fn open_event(link: Link, bytes: &[u8]) -> Result<(Frame<'_>, Link), CodecError> {
    let (seq, after, frame) = event_fields(bytes)?;
    if seq != link.next {
        return Err(CodecError::Damaged("it has the number of another event"));
    }
    if after.chain != link.over(frame.schema, &frame.json) {
        return Err(CodecError::Damaged("it does not follow from the events before it"));
    }
    Ok((frame, after))
}

/// Where a journal stands after a row, without checking the rows before it.
///
/// # Errors
/// If the bytes are damaged.
pub fn link_after(bytes: &[u8]) -> Result<Link, CodecError> {
    event_head_of(bytes).map(|head| head.after)
}

/// The parts of a row and where its journal stands after it, without checking the rows before it.
///
/// # Errors
/// If the bytes are damaged.
pub fn event_parts(bytes: &[u8]) -> Result<(Frame<'_>, Link), CodecError> {
    event_fields(bytes).map(|(_, after, frame)| (frame, after))
}

/// How many events a row says it holds, unchecked.
pub fn events_in(row: &[u8]) -> u64 {
    // Behind the format, the schema and the number of the first.
    row.get(11..)
        .and_then(|rest| rest.first_chunk::<4>())
        .map_or(0, |count| u32::from_be_bytes(*count).into())
}

/// What a row of events says of itself.
struct EventHead<'a> {
    format: u8,
    schema: u16,
    /// The number of the first event.
    first: u64,
    /// Where the journal stands after the last.
    after: Link,
    list: &'a [u8],
}

fn event_head_of(bytes: &[u8]) -> Result<EventHead<'_>, CodecError> {
    let (format, schema, payload) = unseal(bytes)?;
    if format == JSON {
        return Err(OTHER_KIND);
    }
    let fields = payload.split_first_chunk::<8>().and_then(|(first, rest)| {
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (chain, list) = rest.split_first_chunk::<4>()?;
        let first = u64::from_be_bytes(*first);
        let next = first.saturating_add(u64::from(u32::from_be_bytes(*count)));
        let after = Link { next, chain: u32::from_be_bytes(*chain) };
        Some(EventHead { format, schema, first, after, list })
    });
    fields.ok_or(CodecError::Damaged("it is cut short"))
}

/// The number of the first event, where the journal stands after the last, and their JSON.
fn event_fields(bytes: &[u8]) -> Result<(u64, Link, Frame<'_>), CodecError> {
    let EventHead { format, schema, first, after, list } = event_head_of(bytes)?;
    Ok((first, after, Frame { schema, json: unpacked(format, list)? }))
}

fn head(format: u8, schema: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    bytes.push(format);
    bytes.extend_from_slice(&schema.to_be_bytes());
    bytes
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes
}

/// The format, the schema and what follows them, checked.
fn unseal(bytes: &[u8]) -> Result<(u8, u16, &[u8]), CodecError> {
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or(CodecError::Damaged("it is cut short"))?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
        return Err(CodecError::Damaged("its checksum is wrong"));
    }
    let ([format, high, low], payload) =
        body.split_first_chunk::<3>().ok_or(CodecError::Damaged("it is cut short"))?;
    match *format {
        JSON | EVENT | PACKED => Ok((*format, u16::from_be_bytes([*high, *low]), payload)),
        newer => Err(CodecError::Newer { found: u16::from(newer), known: u16::from(PACKED) }),
    }
}

const OTHER_KIND: CodecError = CodecError::Damaged("it is a value of another kind");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Row {
        name: String,
        #[serde(default)]
        count: u32,
    }

    fn run() -> Uuid {
        Uuid::from_u128(7)
    }

    /// The only row of some events.
    fn one<E: Serialize>(link: Link, events: &[E]) -> (Vec<u8>, Link) {
        let (mut rows, after) = encode_events(link, 1, events).unwrap();
        assert_eq!(rows.len(), 1);
        (rows.remove(0).1, after)
    }

    #[test]
    fn many_events_make_few_rows() {
        let events: Vec<String> = (0..1000).map(|n| format!("event {n}, with \", [ and ,")).collect();
        let (rows, end) = encode_events(Link::start(run()), 1, &events).unwrap();
        assert!((2..10).contains(&rows.len()), "{}", rows.len());
        let (mut link, mut read) = (Link::start(run()), Vec::new());
        for (seq, row) in &rows {
            assert_eq!(*seq, link.next);
            let (frame, after) = open_event(link, row).unwrap();
            let events: Vec<String> = frame.read(1).unwrap();
            assert_eq!(after.next - link.next, events.len() as u64);
            read.extend(events);
            link = after;
        }
        assert_eq!((link, read), (end, events));
        assert!(event_row(link, 1, b"[]").is_err() && event_row(link, 1, b"{}").is_err());
        assert_eq!(encode_events::<u8>(link, 1, &[]).unwrap(), (vec![], link));
    }

    #[test]
    fn the_bytes_of_a_value_are_frozen() {
        let bytes = encode(3, &Row { name: "a".into(), count: 2 }).unwrap();
        let body = b"\x01\x00\x03{\"name\":\"a\",\"count\":2}";
        assert_eq!(bytes[..bytes.len() - 4], body[..]);
        assert_eq!(bytes[bytes.len() - 4..], GOLDEN_VALUE_CRC);
        assert_eq!(decode::<Row>(3, &bytes).unwrap(), Row { name: "a".into(), count: 2 });
    }

    // Both computed by an independent bitwise CRC-32C.
    const GOLDEN_VALUE_CRC: [u8; 4] = [91, 177, 58, 34];
    const GOLDEN_CHAINS: [u32; 3] = [2_528_837_121, 349_570_823, 2_966_876_230];

    #[test]
    fn the_bytes_of_an_event_are_frozen() {
        let (first, link) = one(Link::start(run()), &["one"]);
        let (second, end) = one(link, &["two", "three"]);
        assert_eq!([Link::start(run()).chain, link.chain, end.chain], GOLDEN_CHAINS);
        assert_eq!((link.next, end.next), (1, 3));
        let mut body = b"\x02\x00\x01\0\0\0\0\0\0\0\x01\0\0\0\x02".to_vec();
        body.extend(end.chain.to_be_bytes());
        body.extend(b"[\"two\",\"three\"]");
        assert_eq!(second[..second.len() - 4], body);
        let (frame, after) = open_event(Link::start(run()), &first).unwrap();
        assert_eq!((frame.read::<Vec<String>>(1).unwrap(), after), (vec!["one".to_owned()], link));
        assert_eq!(link_after(&second).unwrap(), end);
    }

    #[test]
    fn a_long_list_of_events_is_packed() {
        let event = "the same again, ".repeat(600);
        let (row, link) = one(Link::start(run()), &[&event]);
        assert!(row[0] == PACKED && row.len() < event.len() / 10, "{}", row.len());
        let (frame, after) = open_event(Link::start(run()), &row).unwrap();
        assert_eq!((frame.read::<Vec<String>>(1).unwrap(), after), (vec![event], link));
        assert_eq!((link_after(&row).unwrap(), events_in(&row)), (link, 1));
        // A length that the block cannot have, and one that it has not.
        for length in [u32::MAX, 9_602] {
            let mut lie = row[..row.len() - 4].to_vec();
            lie[EVENT_HEAD..EVENT_HEAD + 4].copy_from_slice(&length.to_be_bytes());
            let opened = open_event(Link::start(run()), &seal(lie)).map(|(frame, _)| frame.schema);
            assert_eq!(opened, Err(CodecError::Damaged("its events cannot be unpacked")));
        }
        // What does not shrink stays as it is.
        let noise: String = (0..4_000_u32).map(|n| crc32c::crc32c(&n.to_be_bytes()).to_string()).collect();
        let (row, _) = one(Link::start(run()), &[&noise]);
        assert_eq!(row[0], EVENT);
    }

    #[test]
    fn the_checksum_is_crc32c() {
        // The check value of the CRC catalogues.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn a_chain_breaks_where_a_row_is_lost_moved_or_foreign() {
        let start = Link::start(run());
        let (_, link) = one(start, &[1]);
        let (second, _) = one(link, &[2]);
        assert!(open_event(link, &second).is_ok());
        assert!(open_event(start, &second).is_err(), "the first is lost");
        let (_, other) = one(Link::start(Uuid::from_u128(8)), &[1]);
        assert!(open_event(other, &second).is_err(), "of another run");
        let (_, changed) = one(start, &[3]);
        assert!(open_event(changed, &second).is_err(), "the first was replaced");
    }

    #[test]
    fn deep_values_are_read_back_and_too_deep_ones_refused() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let bytes = |levels| seal([&head(JSON, 1)[..], deep(levels).as_bytes()].concat());
        assert!(decode::<serde_json::Value>(1, &bytes(MAX_NESTING)).is_ok());
        assert!(matches!(
            decode::<serde_json::Value>(1, &bytes(MAX_NESTING + 1)),
            Err(CodecError::Payload(_))
        ));
        assert!(matches!(decode::<serde_json::Value>(1, &bytes(1_000_000)), Err(CodecError::Payload(_))));
        let mut value = serde_json::Value::Null;
        for _ in 0..=MAX_NESTING {
            value = serde_json::Value::Array(vec![value]);
        }
        assert!(matches!(encode(1, &value), Err(CodecError::Encode(_))));
        assert!(matches!(encode_events(Link::start(run()), 1, &[value]), Err(CodecError::Encode(_))));
        assert_eq!(shape(br#"{"a":"[[[\"[[","b":[1]}"#).depth, 2);
    }

    #[test]
    fn versions_are_told_apart() {
        let bytes = encode(4, &1).unwrap();
        assert_eq!(decode::<u32>(3, &bytes), Err(CodecError::Newer { found: 4, known: 3 }));
        assert_eq!(open(&bytes).unwrap().schema, 4);
        assert_eq!(open(&seal(head(9, 0))), Err(CodecError::Newer { found: 9, known: 3 }));
        assert!(open_event(Link::start(run()), &bytes).is_err());
        let old = seal([&head(JSON, 1)[..], br#"{"name":"a","gone":1}"#].concat());
        assert_eq!(decode::<Row>(1, &old).unwrap(), Row { name: "a".into(), count: 0 });
        assert!(matches!(decode::<u32>(1, &old), Err(CodecError::Payload(_))));
    }

    proptest! {
        #[test]
        fn a_changed_bit_or_a_cut_is_seen(text in ".{0,40}", bit in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>()) {
            let (row, _) = one(Link::start(run()), &[&text]);
            let mut flipped = row.clone();
            let bit = bit.index(row.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open_event(Link::start(run()), &flipped).is_err());
            prop_assert!(open_event(Link::start(run()), &row[..cut.index(row.len())]).is_err());
        }

        #[test]
        fn reading_is_total(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode::<String>(1, &bytes);
            let _ = open_event(Link::start(run()), &bytes);
            let _ = link_after(&seal(bytes));
        }
    }
}
