//! What is asked of more than one file: references, new names, symbols, calls.

use super::convert::Places;
use super::lines::Lines;
use super::requests::symbol_kind;
use super::server::Failure;
use super::state::{Checked, State, path};
use crate::ide::calls::{self, Link, Party, PartyKind};
use crate::ide::{self, Name, Role, names, rename as ide_rename, symbols as ide_symbols};
use crate::project::Project;
use crate::source::{DiskLoader, Loader as _, SourceId, Span};
use crate::syntax;
use lsp_types::{
    CallHierarchyIncomingCall, CallHierarchyIncomingCallsParams, CallHierarchyItem,
    CallHierarchyOutgoingCall, CallHierarchyOutgoingCallsParams, CallHierarchyPrepareParams, Location,
    PrepareRenameResponse, ReferenceParams, RenameParams, SymbolInformation, SymbolKind,
    TextDocumentPositionParams, TextEdit, Url, WorkspaceEdit, WorkspaceSymbolParams,
};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

type Answer = Result<Value, Failure>;

/// How many files of a workspace are looked at.
const MAX_FILES: usize = 2_000;
/// How deep folders are followed.
const MAX_DEPTH: usize = 12;

/// A declared name, told apart from all others by its place in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    file: PathBuf,
    start: u32,
    end: u32,
}

impl Target {
    fn of(checked: &Checked, place: Span) -> Option<Target> {
        Some(Target { file: checked.path(place.source)?, start: place.start, end: place.end })
    }

    /// The same place in another project.
    fn within(&self, project: &Project) -> Option<Span> {
        if let Some(file) = project.files.iter().find(|f| f.path == self.file) {
            return Some(Span { source: file.source, start: self.start, end: self.end });
        }
        let family = self.file.file_stem()?.to_str()?;
        let module = super::standard::holds(&self.file).then(|| ide::standard_source(family))??;
        Some(Span { source: module, start: self.start, end: self.end })
    }
}

/// The plan files under the roots of the workspace, open ones too. Hidden folders and those of builds are left out.
fn files(state: &State, near: &Path) -> BTreeSet<PathBuf> {
    let mut found: BTreeSet<PathBuf> =
        state.docs.keys().filter(|p| p.extension().is_none_or(|e| e != "toml")).cloned().collect();
    let mut roots: Vec<PathBuf> = state.roots.iter().map(|r| DiskLoader.canonical(r)).collect();
    if roots.is_empty() {
        roots.extend(near.parent().map(Path::to_path_buf));
    }
    let mut open: Vec<(PathBuf, usize)> = roots.into_iter().map(|r| (r, 0)).collect();
    while let Some((dir, depth)) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                let skipped = name.starts_with('.') || matches!(&*name, "target" | "node_modules");
                if !skipped && depth < MAX_DEPTH {
                    open.push((entry.path(), depth + 1));
                }
            } else if kind.is_file() && name.ends_with(".plan") {
                found.insert(entry.path());
            }
            if found.len() >= MAX_FILES {
                return found;
            }
        }
    }
    found
}

/// The paths that a `use` of a document could name.
pub(super) fn usable(state: &State, uri: &Url) -> Vec<String> {
    let own = path(uri);
    let Some(folder) = own.parent() else { return Vec::new() };
    let all = files(state, &own).into_iter().filter(|p| *p != own);
    all.filter_map(|p| relative(folder, &p)).collect()
}

fn relative(from: &Path, to: &Path) -> Option<String> {
    let common = from.ancestors().find(|dir| to.starts_with(dir))?;
    let ups = from.strip_prefix(common).ok()?.components().count();
    let down = to.strip_prefix(common).ok()?;
    Some(format!("{}{}", "../".repeat(ups), down.to_str()?))
}

/// The projects in which other files could mean the target, each with the files whose names count; the first is the document's own.
fn others(state: &State, own: &Path, word: &str) -> Vec<Project> {
    let mut out = Vec::new();
    for file in files(state, own) {
        if file == own {
            continue;
        }
        let text = match state.docs.get(&file) {
            Some(doc) => doc.text.clone(),
            None => match DiskLoader.read(&file) {
                Ok(text) => text,
                Err(_) => continue,
            },
        };
        if text.contains(word) {
            out.push(state.alone(&file, &text));
        }
    }
    out
}

/// Whether other files could mention it.
fn crosses(role: Role) -> bool {
    match role {
        Role::Type | Role::Skill | Role::Plan | Role::Input | Role::Field | Role::Error => true,
        Role::Alias
        | Role::File
        | Role::BasicType
        | Role::TypeParam
        | Role::Step
        | Role::Let
        | Role::Local
        | Role::Function => false,
    }
}

/// Every mention of a target: the path, and the names of the file.
fn mentions(
    state: &State,
    checked: &Checked,
    own: &Path,
    name: &Name,
    place: Span,
) -> Vec<(Location, Name, String)> {
    let mut out = Vec::new();
    let Some(target) = Target::of(checked, place) else { return out };
    let word = ide::text_of(&checked.project, place.source)
        .get(place.range())
        .unwrap_or("")
        .trim_matches('"')
        .to_owned();
    let mut add = |project: &Project, names: &[Name]| {
        let Some(place) = target.within(project) else { return };
        let mut places = Places::of(project);
        for n in names.iter().filter(|n| n.def == Some(place)) {
            let Some(location) = places.location(state, n.span) else { continue };
            let text = project.sources.slice(n.span).to_owned();
            if !out.iter().any(|(l, _, _): &(Location, Name, String)| *l == location) {
                out.push((location, *n, text));
            }
        }
    };
    add(&checked.project, checked.names());
    if place.source != SourceId::default() && !crate::catalog::is_stdlib(place.source) {
        // Declared in a used file: its own mentions are there.
        let file = checked.project.files.iter().position(|f| f.source == place.source);
        if let Some(file) = file {
            add(&checked.project, &names(&checked.project, file));
        }
    }
    if crosses(name.role) {
        for project in others(state, own, last_part(&word)) {
            add(&project, &names(&project, 0));
        }
    }
    out
}

fn last_part(word: &str) -> &str {
    word.rsplit('.').next().unwrap_or(word)
}

pub(super) fn references(state: &mut State, params: ReferenceParams) -> Answer {
    let at = params.text_document_position;
    let own = path(&at.text_document.uri);
    let Some((name, place)) = named(state, &at)? else { return Ok(Value::Null) };
    let Some((_, checked)) = state.both_now(&at.text_document.uri) else { return Ok(Value::Null) };
    let all = mentions(state, checked, &own, &name, place);
    let wanted = all.into_iter().filter(|(_, n, _)| params.context.include_declaration || !n.declares());
    Ok(json!(wanted.map(|(location, ..)| location).collect::<Vec<_>>()))
}

/// The name at a place that means something.
fn named(state: &mut State, at: &TextDocumentPositionParams) -> Result<Option<(Name, Span)>, Failure> {
    if state.project(&at.text_document.uri).is_none() {
        return Ok(None);
    }
    let Some((doc, checked)) = state.both_now(&at.text_document.uri) else { return Ok(None) };
    let offset = doc.lines.offset(&doc.text, at.position);
    Ok(names::at(checked.names(), offset).and_then(|n| Some((n, n.def?))))
}

pub(super) fn prepare_rename(state: &mut State, at: TextDocumentPositionParams) -> Answer {
    if state.project(&at.text_document.uri).is_none() {
        return Ok(Value::Null);
    }
    let Some((doc, checked)) = state.both_now(&at.text_document.uri) else { return Ok(Value::Null) };
    let offset = doc.lines.offset(&doc.text, at.position);
    let name = ide_rename::target(checked.names(), offset).map_err(Failure::refused)?;
    let text = checked.project.sources.slice(name.span);
    Ok(json!(PrepareRenameResponse::RangeWithPlaceholder {
        range: doc.lines.range(&doc.text, name.span.start, name.span.end),
        placeholder: text.trim_matches('"').to_owned(),
    }))
}

pub(super) fn rename(state: &mut State, params: RenameParams) -> Answer {
    let at = params.text_document_position;
    let uri = at.text_document.uri.clone();
    if state.project(&uri).is_none() {
        return Err(Failure::refused("the document is not open"));
    }
    let Some((doc, checked)) = state.both_now(&uri) else { return Ok(Value::Null) };
    let own = path(&uri);
    let offset = doc.lines.offset(&doc.text, at.position);
    let name = ide_rename::target(checked.names(), offset).map_err(Failure::refused)?;
    let Some(place) = name.def else { return Ok(Value::Null) };
    let to = params.new_name;
    ide_rename::allowed(&checked.project, &name, place, &to).map_err(Failure::refused)?;
    let all = mentions(state, checked, &own, &name, place);
    // Where a used file brings the new name in, it must be free there too.
    if let Some(target) = Target::of(checked, place)
        && crosses(name.role)
    {
        for project in others(state, &own, last_part(checked.project.sources.slice(place))) {
            if let Some(there) = target.within(&project) {
                ide_rename::allowed(&project, &name, there, &to).map_err(Failure::refused)?;
            }
        }
    }
    let mut changes: HashMap<Url, Vec<TextEdit>> = HashMap::new();
    for (location, n, text) in all {
        if super::standard::holds(&path(&location.uri)) {
            continue;
        }
        let new_text = ide_rename::replacement(&n, &text, &to);
        changes.entry(location.uri).or_default().push(TextEdit { range: location.range, new_text });
    }
    Ok(json!(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }))
}

#[expect(deprecated, reason = "the field must be given a value")]
pub(super) fn symbols(state: &mut State, params: WorkspaceSymbolParams) -> Answer {
    let near = state.docs.keys().next().cloned().unwrap_or_default();
    let query = params.query.to_lowercase();
    let mut out = Vec::new();
    for file in files(state, &near) {
        let text = match state.docs.get(&file) {
            Some(doc) => doc.text.clone(),
            None => match DiskLoader.read(&file) {
                Ok(text) => text,
                Err(_) => continue,
            },
        };
        let Some(uri) = state.uri(&file) else { continue };
        let lines = Lines::of(&text);
        for symbol in ide_symbols::symbols(&syntax::parse(SourceId::default(), &text), &text) {
            if !matches_query(&symbol.name.to_lowercase(), &query) {
                continue;
            }
            let range = lines.range(&text, symbol.name_span.start, symbol.name_span.end);
            out.push(SymbolInformation {
                name: symbol.name,
                kind: symbol_kind(symbol.kind),
                tags: None,
                deprecated: None,
                location: Location { uri: uri.clone(), range },
                container_name: None,
            });
        }
    }
    Ok(json!(out))
}

/// Whether the letters of a query stand in a name, in order.
fn matches_query(name: &str, query: &str) -> bool {
    let mut letters = name.chars();
    query.chars().filter(|c| !c.is_whitespace()).all(|c| letters.any(|l| l == c))
}

fn item(state: &State, project: &Project, party: &Party) -> Option<CallHierarchyItem> {
    let mut places = Places::of(project);
    let location = places.location(state, party.name_span)?;
    Some(CallHierarchyItem {
        name: party.name.clone(),
        kind: match party.kind {
            PartyKind::Plan => SymbolKind::FUNCTION,
            PartyKind::Skill => SymbolKind::INTERFACE,
            PartyKind::Test => SymbolKind::METHOD,
        },
        tags: None,
        detail: None,
        range: places.range(party.span),
        selection_range: location.range,
        uri: location.uri,
        // Where its name is, as the server counts.
        data: Some(json!([party.name_span.start, party.name_span.end])),
    })
}

pub(super) fn prepare_calls(state: &mut State, params: CallHierarchyPrepareParams) -> Answer {
    let at = params.text_document_position_params;
    if state.project(&at.text_document.uri).is_none() {
        return Ok(Value::Null);
    }
    let Some((doc, checked)) = state.both_now(&at.text_document.uri) else { return Ok(Value::Null) };
    let offset = doc.lines.offset(&doc.text, at.position);
    let party = calls::party_at(&checked.project, checked.names(), offset);
    Ok(json!(party.and_then(|p| item(state, &checked.project, &p)).map(|i| vec![i])))
}

/// The target that an item of the hierarchy stands for.
fn target(item: &CallHierarchyItem) -> Result<Target, Failure> {
    let number = |n: usize| item.data.as_ref()?.get(n)?.as_u64().and_then(|n| u32::try_from(n).ok());
    match (number(0), number(1)) {
        (Some(start), Some(end)) => Ok(Target { file: path(&item.uri), start, end }),
        _ => Err(Failure::invalid("the item is none of this server's")),
    }
}

pub(super) fn incoming(state: &mut State, params: CallHierarchyIncomingCallsParams) -> Answer {
    let target = target(&params.item)?;
    let state = &*state;
    let mut out: Vec<CallHierarchyIncomingCall> = Vec::new();
    let word = last_part(&params.item.name).to_owned();
    let mut projects = others(state, Path::new(""), &word);
    projects.retain(|p| target.within(p).is_some());
    for project in &projects {
        let Some(place) = target.within(project) else { continue };
        let mut places = Places::of(project);
        for Link { party, places: sites } in calls::incoming(project, place, [0]) {
            let Some(from) = item(state, project, &party) else { continue };
            let from_ranges = sites.into_iter().map(|s| places.range(s)).collect();
            out.push(CallHierarchyIncomingCall { from, from_ranges });
        }
    }
    Ok(json!(out))
}

pub(super) fn outgoing(state: &mut State, params: CallHierarchyOutgoingCallsParams) -> Answer {
    let target = target(&params.item)?;
    let state = &*state;
    let text = match state.docs.get(&target.file) {
        Some(doc) => doc.text.clone(),
        None => DiskLoader.read(&target.file).map_err(|e| Failure::refused(e.to_string()))?,
    };
    let project = state.alone(&target.file, &text);
    let Some(place) = target.within(&project) else { return Ok(json!([])) };
    let mut places = Places::of(&project);
    let mut out = Vec::new();
    for Link { party, places: sites } in calls::outgoing(&project, place) {
        let Some(to) = item(state, &project, &party) else { continue };
        let from_ranges = sites.into_iter().map(|s| places.range(s)).collect();
        out.push(CallHierarchyOutgoingCall { to, from_ranges });
    }
    Ok(json!(out))
}
