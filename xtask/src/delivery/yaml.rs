//! YAML with the line of every value, and with tags such as `!Sub` kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use saphyr_parser::{Event, Parser, Tag};

use crate::error::Kind;
use crate::files;

/// How deep values may lie in each other: no file of AWS comes near, and a value
/// that is dropped takes stack for each level.
const DEPTH: usize = 200;

/// How many values a file may have, those that aliases repeat counted each time:
/// a few lines of aliases to aliases could fill any memory.
const VALUES: usize = 1_000_000;

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    /// Its value.
    pub(super) root: Node,
    /// The lines with an alias.
    pub(super) aliases: Vec<usize>,
    /// The keys that their mapping has already.
    pub(super) repeated: Vec<Node>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The line, from 1.
    pub(super) line: usize,
    /// CloudFormation's short function without its exclamation mark, e.g. `Sub`.
    pub(super) tag: Option<String>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Scalar(String),
    Sequence(Vec<Node>),
    /// A key and its value by turns.
    Mapping(Vec<Node>),
}

/// Reads the first document of a file. Text that is no YAML is a fault of kind `malformed`:
/// whether that is what was to be found out, or what nobody can work with, the caller knows.
///
/// # Errors
/// A file that cannot be read, and what [`read`] refuses.
pub(super) fn read_file(path: &Path, malformed: Kind) -> Result<Document> {
    let text = files::read_text(path).with_context(|| {
        Kind::Configuration.because(format!("{} cannot be read", path.display()))
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
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, span) = event?;
        if let Some(root) = reader.take(event, span.start.line())? {
            return Ok(Document {
                root,
                aliases: reader.aliases,
                repeated: reader.repeated,
            });
        }
    }
    bail!("the file is empty")
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    /// The values with an anchor, and how many values each of them has.
    anchored: BTreeMap<usize, (Node, usize)>,
    aliases: Vec<usize>,
    repeated: Vec<Node>,
    values: usize,
}

/// A list or mapping whose end was not seen yet.
struct Open {
    node: Node,
    anchor: usize,
    values_before: usize,
}

impl Reader {
    /// Takes the next event; gives the document's value with its last one.
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<Option<Node>> {
        let node = |content, tag: Option<_>| Node {
            line,
            tag: short(tag),
            content,
        };
        let closed = match event {
            Event::MappingStart(anchor, tag) => {
                let mapping = node(Content::Mapping(Vec::new()), tag.as_deref());
                return self.begin(mapping, anchor).map(|()| None);
            }
            Event::SequenceStart(anchor, tag) => {
                let list = node(Content::Sequence(Vec::new()), tag.as_deref());
                return self.begin(list, anchor).map(|()| None);
            }
            Event::Scalar(value, _, anchor, tag) => {
                self.count(1, line)?;
                let scalar = node(Content::Scalar(value.into_owned()), tag.as_deref());
                self.remember(anchor, &scalar, 1);
                scalar
            }
            Event::MappingEnd | Event::SequenceEnd => self.end()?,
            Event::Alias(anchor) => self.repeat(anchor, line)?,
            _ => return Ok(None),
        };
        match self.open.last_mut() {
            Some(parent) => parent.node.push(closed),
            None => return Ok(Some(closed)),
        }
        Ok(None)
    }

    fn begin(&mut self, node: Node, anchor: usize) -> Result<()> {
        let line = node.line;
        if self.open.len() == DEPTH {
            bail!("line {line} lies in more than {DEPTH} lists and mappings");
        }
        self.open.push(Open {
            node,
            anchor,
            values_before: self.values,
        });
        self.count(1, line)
    }

    fn end(&mut self) -> Result<Node> {
        let open = self.open.pop().context("a value ends that never began")?;
        self.repeated.extend(open.node.repeated_keys());
        self.remember(open.anchor, &open.node, self.values - open.values_before);
        Ok(open.node)
    }

    fn remember(&mut self, anchor: usize, node: &Node, values: usize) {
        // The parser numbers anchors from 1.
        if anchor > 0 {
            self.anchored.insert(anchor, (node.clone(), values));
        }
    }

    fn repeat(&mut self, anchor: usize, line: usize) -> Result<Node> {
        self.aliases.push(line);
        let known = self.anchored.get(&anchor);
        let (node, values) = known
            .with_context(|| format!("line {line} has an alias of a value that it is part of"))?;
        let (node, values) = (node.clone(), *values);
        self.count(values, line)?;
        Ok(node)
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
    fn push(&mut self, child: Self) {
        if let Content::Sequence(children) | Content::Mapping(children) = &mut self.content {
            children.push(child);
        }
    }

    /// The keys of a mapping that it has already.
    fn repeated_keys(&self) -> Vec<Self> {
        let mut known = BTreeSet::new();
        let keys = self.entries().map(|(key, _)| key);
        let repeated = keys.filter(|key| key.text().is_some_and(|text| !known.insert(text)));
        repeated.cloned().collect()
    }

    /// The text, where the value is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; a lone text is a list of one.
    pub(super) fn items(&self) -> &[Self] {
        match &self.content {
            Content::Sequence(items) => items,
            Content::Scalar(_) => std::slice::from_ref(self),
            Content::Mapping(_) => &[],
        }
    }

    /// The keys and values of a mapping.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&Self, &Self)> {
        let children = match &self.content {
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
