//! Tools as `skill` declarations.

use super::document::{Effect, Tool};
use super::literal::{self, key, name_of, quoted};
use super::schema::{Converter, Root, note};
use super::shape::{Field, Shape, comment};
use super::{Options, object};
use serde_json::Value as Json;
use std::collections::HashSet;
use std::fmt::{self, Display, Formatter, Write as _};

/// Gathers the text of a file.
pub(super) struct Writer<'o> {
    options: &'o Options,
    converter: Converter,
    names: HashSet<String>,
    skills: String,
    notes: Vec<String>,
}

impl<'o> Writer<'o> {
    pub(super) fn new(options: &'o Options) -> Self {
        Writer {
            options,
            converter: Converter::new(&options.namespace),
            names: HashSet::new(),
            skills: String::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a skill and gives its name.
    pub(super) fn skill(&mut self, tool: &Tool, document: &Json) -> String {
        let name = self.name(&tool.name);
        let shared = tool.shared.then_some(document);
        if !tool.shared {
            self.converter.other_document();
        }
        let root = Root { schema: &tool.input, document: shared };
        let seen = object::arguments(&tool.input, root);
        let mut notes = Vec::new();
        seen.complain(&mut notes);
        let params = self.converter.fields(&seen, root, 0);
        if !tool.shared {
            self.converter.other_document();
        }
        let output = match &tool.output {
            Some(schema) => {
                let root = Root { schema, document: shared };
                let mut own = Vec::new();
                let shape = self.converter.shape(schema, root, 0, &mut own);
                own.iter().for_each(|n| note(&mut notes, &format!("the result: {n}")));
                shape
            }
            None => Shape::Json,
        };
        for param in &params {
            nested_notes(&format!("{name}({}", param.name), param, &mut self.notes);
        }
        output.nested(&mut |field| {
            nested_notes(&format!("{name}(result.{}", field.name), field, &mut self.notes)
        });
        self.notes.extend(notes.iter().map(|n| format!("{name}: {n}")));
        let declared =
            Declared { writer: self, name: &name, tool, params: &params, output: &output, notes: &notes };
        let text = declared.to_string();
        self.skills.push_str(&text);
        name
    }

    fn name(&mut self, own: &str) -> String {
        let wanted = format!("{}.{}", self.options.namespace, name_of(own));
        let mut name = wanted.clone();
        let mut count = 1;
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}_{count}");
        }
        name
    }

    /// The draft of the file, and all that it could not say.
    pub(super) fn finish(mut self) -> (String, Vec<String>) {
        let mut text = String::new();
        let head = if self.options.trust {
            "Imported. Results are believed as far as the arguments are."
        } else {
            "Imported. What the source does not say is read strictly: results are untrusted, arguments trusted and public."
        };
        let _ = writeln!(text, "// {head}\n");
        for (name, shape) in &self.converter.types {
            if let Some(lead) = self.converter.leads.get(name) {
                let _ = write!(text, "{}", Lead(lead));
                self.notes.extend(lead.notes.iter().map(|n| format!("{name}: {n}")));
            }
            shape
                .nested(&mut |field| nested_notes(&format!("{name}({}", field.name), field, &mut self.notes));
            let _ = writeln!(text, "type {name} = {shape}\n");
        }
        text.push_str(&self.skills);
        (text, self.notes)
    }
}

/// The notes of a field and of all below it, each with its place: `f(param.field): …`.
fn nested_notes(at: &str, field: &Field, notes: &mut Vec<String>) {
    notes.extend(field.notes.iter().map(|n| format!("{at}): {n}")));
    field.shape.nested(&mut |inner| nested_notes(&format!("{at}.{}", inner.name), inner, notes));
}

struct Lead<'f>(&'f Field);

impl Display for Lead<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.lead(f)
    }
}

struct Declared<'a> {
    writer: &'a Writer<'a>,
    name: &'a str,
    tool: &'a Tool,
    params: &'a [Field],
    output: &'a Shape,
    notes: &'a [String],
}

impl Declared<'_> {
    fn effect(&self) -> Effect {
        self.tool.effect.or(self.writer.options.effect).unwrap_or(Effect::Irreversible)
    }

    /// The labels of every parameter.
    fn labels(&self) -> &'static str {
        match (self.effect(), self.writer.options.trust) {
            (Effect::Pure | Effect::Reads, true) => "untrusted",
            (Effect::Writes | Effect::Irreversible, true) => "trusted",
            // Whoever is asked learns of the question.
            (Effect::Reads, false) if self.tool.effect.is_some() => "public",
            (Effect::Pure | Effect::Reads | Effect::Writes | Effect::Irreversible, false) => "trusted public",
        }
    }

    fn param(&self, f: &mut Formatter<'_>, param: &Field) -> fmt::Result {
        let mut param = param.clone();
        let mut default = None;
        if let Some(value) = &param.default {
            let text = literal::json(value).filter(|_| param.shape.fits(value, &self.writer.converter.types));
            match text {
                Some(text) if param.optional => default = Some(text),
                _ => {
                    let shown: String = value.to_string().chars().take(200).collect();
                    param.docs = format!("{}\nDefault: {shown}", param.docs);
                }
            }
        }
        param.lead(f)?;
        let mark = if param.optional && default.is_none() { "?" } else { "" };
        write!(f, "{}{mark}: {} {}", key(&param.name), self.labels(), param.shape)?;
        if let Some(default) = default {
            write!(f, " = {default}")?;
        }
        f.write_str(",\n")
    }
}

impl Display for Declared<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for text in self.notes {
            comment(f, "//", &format!("Note: {text}."))?;
        }
        comment(f, "///", &self.tool.docs)?;
        write!(f, "skill {}(", self.name)?;
        if !self.params.is_empty() {
            f.write_str("\n")?;
        }
        for param in self.params {
            self.param(f, param)?;
        }
        let untrusted = if self.writer.options.trust { "" } else { "untrusted " };
        write!(f, ") -> {untrusted}{}", self.output)?;
        let resource = quoted(&self.writer.options.namespace);
        match self.effect() {
            Effect::Pure => f.write_str("\n  pure")?,
            Effect::Reads => write!(f, "\n  reads {resource}")?,
            Effect::Writes => write!(f, "\n  writes {resource}")?,
            Effect::Irreversible => write!(f, "\n  irreversible {resource}")?,
        }
        if self.tool.idempotent || matches!(self.effect(), Effect::Pure | Effect::Reads) {
            f.write_str("\n  idempotent")?;
        }
        let own = self.tool.wire.as_deref().unwrap_or(&self.tool.name);
        if self.name.strip_prefix(&self.writer.options.namespace).and_then(|n| n.strip_prefix('.'))
            != Some(own)
        {
            write!(f, "\n  wire {}", quoted(own))?;
        }
        if self.tool.deprecated {
            f.write_str("\n  deprecated \"its document says so\"")?;
        }
        f.write_str("\n\n")
    }
}
