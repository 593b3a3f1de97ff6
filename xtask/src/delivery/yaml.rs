//! YAML with the line of every value, and with tags such as `!Sub` kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::error::Kind;
use crate::files;

/// How deep values may lie in each other, those that aliases repeat as well: no file of
/// AWS comes near, and a value that is dropped takes stack for each level.
const DEPTH: usize = 200;

/// How many values a file may have, those that aliases repeat counted each time: they are
/// one in memory, but a few lines of aliases to aliases could take any time to go through.
const VALUES: usize = 1_000_000;

/// The key of a mapping that takes over what is in others.
const MERGE: &str = "<<";

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    /// Its value.
    pub(super) root: Node,
    /// The lines with an alias.
    pub(super) aliases: Vec<usize>,
    /// The keys that their mapping has already.
    pub(super) repeated: Vec<Node>,
    /// The line of the next document, which was not read.
    pub(super) next: Option<usize>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The line, from 1: of a block its first one, below the `|`.
    pub(super) line: usize,
    /// Whether the lines of the text are lines of the file: a block after `|`.
    pub(super) literal: bool,
    /// CloudFormation's short function without its exclamation mark, e.g. `Sub`.
    pub(super) tag: Option<String>,
    /// How many values it is, with those in it.
    values: usize,
    /// How many lists and mappings lie in each other.
    depth: usize,
    /// Shared by an anchor's value and the aliases that repeat it.
    content: Arc<Content>,
}

#[derive(Debug)]
enum Content {
    Scalar(String),
    Sequence(Vec<Node>),
    /// A key and its value by turns.
    Mapping(Vec<Node>),
}

/// What to do about a file that cannot be read.
const UNREADABLE: &str = "give the path of a buildspec or template, from the current folder";

/// Reads the first document of a file. Text that is no YAML is a fault of kind `malformed`:
/// whether that is what was to be found out, or what nobody can work with, the caller knows.
///
/// # Errors
/// A file that cannot be read, and what [`read`] refuses.
pub(super) fn read_file(path: &Path, malformed: Kind) -> Result<Document> {
    let text = files::read_text(path).with_context(|| {
        Kind::Configuration
            .because(format!("{} cannot be read", path.display()))
            .hint(UNREADABLE)
    })?;
    read(&text).with_context(|| {
        let fault = malformed.because(format!("{} is no YAML", path.display()));
        if text.contains(super::template::MARK) {
            fault.hint("cargo xtask generate")
        } else {
            fault
        }
    })
}

/// Reads the first document of `text`.
///
/// # Errors
/// Text that is no YAML, and values beyond any that AWS takes.
pub(super) fn read(text: &str) -> Result<Document> {
    let mut reader = Reader::default();
    let mut events = Parser::new_from_str(text.trim_start_matches('\u{feff}'));
    while let Some(event) = events.next() {
        let (event, span) = event?;
        if let Some(root) = reader.take(event, span.start.line())? {
            return Ok(Document {
                root,
                aliases: reader.aliases,
                repeated: reader.repeated,
                next: next_document(events)?,
            });
        }
    }
    bail!("the file is empty")
}

/// The line where another document begins. One without a value is none.
fn next_document<'a>(
    events: impl Iterator<Item = Result<(Event<'a>, Span), ScanError>>,
) -> Result<Option<usize>> {
    for event in events {
        let (event, span) = event?;
        let has_value = match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => true,
            Event::Scalar(_, style, ..) => style != ScalarStyle::Plain,
            _ => false,
        };
        if has_value {
            return Ok(Some(span.start.line()));
        }
    }
    Ok(None)
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    /// The values with an anchor.
    anchored: BTreeMap<usize, Node>,
    aliases: Vec<usize>,
    repeated: Vec<Node>,
    values: usize,
}

/// A list or mapping whose end was not seen yet.
struct Open {
    line: usize,
    tag: Option<String>,
    kind: fn(Vec<Node>) -> Content,
    children: Vec<Node>,
    anchor: usize,
}

impl Reader {
    /// Takes the next event; gives the document's value with its last one.
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<Option<Node>> {
        let mut begin = |kind, anchor, tag: Option<_>| {
            self.begin(Open {
                line,
                tag: short(tag),
                kind,
                children: Vec::new(),
                anchor,
            })
        };
        let closed = match event {
            Event::MappingStart(anchor, tag) => {
                return begin(Content::Mapping, anchor, tag.as_deref()).map(|()| None);
            }
            Event::SequenceStart(anchor, tag) => {
                return begin(Content::Sequence, anchor, tag.as_deref()).map(|()| None);
            }
            Event::Scalar(value, style, anchor, tag) => {
                self.count(1, line)?;
                let line = match style {
                    // The parser begins at what stands before the `|`, if anything does.
                    ScalarStyle::Literal | ScalarStyle::Folded if anchor > 0 || tag.is_some() => {
                        line + 1
                    }
                    // Else at the first line that is not empty.
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        let empty = value.chars().take_while(|letter| *letter == '\n').count();
                        line.saturating_sub(empty)
                    }
                    _ => line,
                };
                let content = Content::Scalar(value.into_owned());
                let mut scalar = Node::new(line, short(tag.as_deref()), content);
                scalar.literal = style == ScalarStyle::Literal;
                self.remember(anchor, &scalar);
                scalar
            }
            Event::MappingEnd | Event::SequenceEnd => self.end()?,
            Event::Alias(anchor) => self.repeat(anchor, line)?,
            _ => return Ok(None),
        };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => return Ok(Some(closed)),
        }
        Ok(None)
    }

    fn begin(&mut self, open: Open) -> Result<()> {
        let line = open.line;
        self.open.push(open);
        self.check_depth(0, line)?;
        self.count(1, line)
    }

    fn end(&mut self) -> Result<Node> {
        let open = self.open.pop().context("a value ends that never began")?;
        let mut node = Node::new(open.line, open.tag, (open.kind)(open.children));
        self.repeated.extend(node.repeated_keys());
        if let Some(children) = node.merged() {
            node = Node::new(node.line, node.tag, Content::Mapping(children));
        }
        self.remember(open.anchor, &node);
        Ok(node)
    }

    fn remember(&mut self, anchor: usize, node: &Node) {
        // The parser numbers anchors from 1.
        if anchor > 0 {
            self.anchored.insert(anchor, node.clone());
        }
    }

    fn repeat(&mut self, anchor: usize, line: usize) -> Result<Node> {
        self.aliases.push(line);
        let known = self.anchored.get(&anchor).cloned();
        let node = known
            .with_context(|| format!("line {line} has an alias of a value that it is part of"))?;
        self.check_depth(node.depth, line)?;
        self.count(node.values, line)?;
        Ok(node)
    }

    /// Whether a value of this depth may stand here.
    fn check_depth(&self, depth: usize, line: usize) -> Result<()> {
        if self.open.len() + depth > DEPTH {
            bail!("at line {line}, more than {DEPTH} lists and mappings lie in each other");
        }
        Ok(())
    }

    fn count(&mut self, values: usize, line: usize) -> Result<()> {
        self.values += values;
        if self.values > VALUES {
            bail!("up to line {line} there are more than {VALUES} values");
        }
        Ok(())
    }
}

fn short(tag: Option<&Tag>) -> Option<String> {
    let tag = tag.filter(|tag| tag.handle == "!")?;
    Some(tag.suffix.clone())
}

impl Node {
    fn new(line: usize, tag: Option<String>, content: Content) -> Self {
        let (children, own) = match &content {
            Content::Scalar(_) => (&[][..], 0),
            Content::Sequence(children) | Content::Mapping(children) => (&children[..], 1),
        };
        let values = children.iter().map(|child| child.values).sum::<usize>();
        let depth = children.iter().map(|child| child.depth).max();
        Self {
            line,
            literal: false,
            tag,
            values: 1 + values,
            depth: own + depth.unwrap_or_default(),
            content: Arc::new(content),
        }
    }

    /// The keys of a mapping that it has already.
    fn repeated_keys(&self) -> Vec<Self> {
        let mut known = BTreeSet::new();
        let keys = self.entries().map(|(key, _)| key);
        let repeated = keys.filter(|key| key.text().is_some_and(|text| !known.insert(text)));
        repeated.cloned().collect()
    }

    /// The keys and values of a mapping, with those of the mappings that its merge key
    /// names where it has none of its own (YAML 1.1, "Merge Key Language-Independent Type").
    fn merged(&self) -> Option<Vec<Self>> {
        let sources = self.get(MERGE)?;
        let is_mapping = |node: &&Self| matches!(*node.content, Content::Mapping(_));
        let all: Vec<_> = match &*sources.content {
            Content::Sequence(items) => items.iter().collect(),
            _ => vec![sources],
        };
        if !all.iter().all(is_mapping) {
            return None;
        }
        let own = self.entries().filter(|(key, _)| key.text() != Some(MERGE));
        let brought = all.into_iter().flat_map(Self::entries);
        let mut known = BTreeSet::new();
        let mut children = Vec::new();
        for (key, value) in own.chain(brought) {
            if key.text().is_none_or(|text| known.insert(text)) {
                children.extend([key.clone(), value.clone()]);
            }
        }
        Some(children)
    }

    /// The text, where the value is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &*self.content {
            Content::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; a lone text is a list of one.
    pub(super) fn items(&self) -> &[Self] {
        match &*self.content {
            Content::Sequence(items) => items,
            Content::Scalar(_) => std::slice::from_ref(self),
            Content::Mapping(_) => &[],
        }
    }

    /// The keys and values of a mapping.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Self, &Self)> {
        let children = match &*self.content {
            Content::Mapping(children) => children.as_slice(),
            _ => &[],
        };
        children.chunks_exact(2).map(|pair| (&pair[0], &pair[1]))
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .find_map(|(name, value)| (name.text() == Some(key)).then_some(value))
    }

    /// The value that these keys lead to.
    pub(super) fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text that these keys lead to.
    pub(super) fn text_at(&self, keys: &[&str]) -> Option<&str> {
        self.at(keys)?.text()
    }

    /// The items of the list that these keys lead to; none where there is none.
    pub(super) fn items_at(&self, keys: &[&str]) -> &[Self] {
        self.at(keys).map_or(&[], Self::items)
    }

    /// The keys and values of the mapping that these keys lead to.
    pub(super) fn entries_at<'a>(
        &'a self,
        keys: &[&str],
    ) -> impl Iterator<Item = (&'a Self, &'a Self)> + use<'a> {
        self.at(keys).into_iter().flat_map(Self::entries)
    }

    /// The text with its `${…}`, where it is what `Sub` makes one of, in any of its forms.
    pub(super) fn substituted(&self) -> Option<&Self> {
        let text = match self.tag.as_deref() {
            Some("Sub") => self,
            _ => self.get("Fn::Sub")?,
        };
        text.items().first()
    }

    /// What `!Ref` or `!GetAtt` names here.
    pub(super) fn resource(&self) -> Option<&str> {
        match self.tag.as_deref() {
            Some("Ref") => self.text(),
            Some("GetAtt") => self.text()?.split('.').next(),
            _ => self
                .text_at(&["Ref"])
                .or_else(|| self.items_at(&["Fn::GetAtt"]).first()?.text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_lines_and_tags() {
        let node = read("a:\n  - !Ref B\n  - {c: 1}\nd: |\n  e\n")
            .unwrap()
            .root;
        let items = node.items_at(&["a"]);
        assert_eq!(items[0].line, 2);
        assert_eq!(items[0].resource(), Some("B"));
        assert_eq!(items[1].text_at(&["c"]), Some("1"));
        assert_eq!(node.text_at(&["d"]), Some("e\n"));
        assert!(read("a: [").is_err());
        assert!(read("").is_err());
    }

    #[test]
    fn aliases_repeat_values_within_bounds() {
        let document = read("a: &x [1, &y 2]\nb: *x\nc: *y\n").unwrap();
        assert_eq!(document.root.items_at(&["b"])[1].text(), Some("2"));
        assert_eq!(document.root.text_at(&["c"]), Some("2"));
        assert_eq!(document.aliases, [2, 3]);
        assert!(read("&x [*x]").is_err());
        let levels = (1..20).map(|level| {
            let tenfold = vec![format!("*a{}", level - 1); 10].join(", ");
            format!("- &a{level} [{tenfold}]\n")
        });
        let bomb = "- &a0 x\n".to_owned() + &levels.collect::<String>();
        let error = read(&bomb).unwrap_err().to_string();
        assert!(error.contains("more than 1000000 values"), "{error}");
    }

    #[test]
    fn a_merge_key_brings_what_is_not_there() {
        let text = "a: &a {b: 1, c: 2}\nd: &d {c: 3, e: 4}\n";
        let document = read(&format!(
            "{text}one: {{<<: *a, c: 5}}\nall: {{<<: [*a, *d]}}\n"
        ));
        let root = document.unwrap().root;
        let values = |name: &str| ["b", "c", "e"].map(|key| root.text_at(&[name, key]));
        assert_eq!(values("one"), [Some("1"), Some("5"), None]);
        assert_eq!(values("all"), [Some("1"), Some("2"), Some("4")]);
        let other = read("one: {<<: 1, <<: 2}").unwrap();
        assert_eq!(other.root.text_at(&["one", "<<"]), Some("1"));
        assert_eq!(other.repeated.len(), 1);
    }

    #[test]
    fn nesting_has_a_bound() {
        assert!(read(&"- ".repeat(DEPTH)).is_ok());
        for deep in ["- ".repeat(100_000), "[".repeat(100_000)] {
            read(&deep).unwrap_err();
        }
    }

    #[test]
    fn repeated_keys_are_told() {
        let document = read("a: 1\nb: {c: 1, d: 1}\na: 2\n").unwrap();
        let lines: Vec<_> = document.repeated.iter().map(|key| key.line).collect();
        assert_eq!(lines, [3]);
    }
}
