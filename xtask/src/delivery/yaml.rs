//! YAML with the line of every value, and with tags such as `!Sub` kept.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use saphyr_parser::{Event, Parser, Tag};

use crate::files;

/// The largest file that is read: CloudFormation takes no larger template.
const MAX_BYTES: u64 = 1024 * 1024;

/// How deep values may lie in each other. Whoever walks through them uses the
/// stack, which ends.
const MAX_DEPTH: usize = 64;

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

/// The text of a file.
///
/// # Errors
/// A file that cannot be read, or is larger than any buildspec or template.
pub(super) fn text_of(path: &Path) -> Result<String> {
    Ok(String::from_utf8(files::read(path, MAX_BYTES)?)?)
}

/// Reads the first document of `text`.
///
/// # Errors
/// Text that is no YAML or nested without end, and aliases: neither CodeBuild nor
/// CloudFormation needs them.
pub(super) fn read(text: &str) -> Result<Node> {
    let mut open: Vec<Node> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        if open.len() > MAX_DEPTH {
            bail!(
                "line {} lies deeper than {MAX_DEPTH} values",
                span.start.line()
            );
        }
        let node = |content, tag: Option<_>| Node {
            line: span.start.line(),
            tag,
            content,
        };
        let closed = match event {
            Event::MappingStart(_, tag) => {
                open.push(node(Content::Mapping(Vec::new()), short(tag.as_deref())));
                continue;
            }
            Event::SequenceStart(_, tag) => {
                open.push(node(Content::Sequence(Vec::new()), short(tag.as_deref())));
                continue;
            }
            Event::Scalar(value, _, _, tag) => {
                node(Content::Scalar(value.into_owned()), short(tag.as_deref()))
            }
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop().context("a value ends that never began")?
            }
            Event::Alias(_) => bail!("line {} has an alias", span.start.line()),
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.push(closed),
            None => return Ok(closed),
        }
    }
    bail!("the file is empty")
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
            _ => self.text_at(&["Ref"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_know_their_lines_and_tags() {
        let node = read("a:\n  - !Ref B\n  - {c: 1}\nd: |\n  e\n").unwrap();
        let items = node.items_at(&["a"]);
        assert_eq!(items[0].line, 2);
        assert_eq!(items[0].resource(), Some("B"));
        assert_eq!(items[1].text_at(&["c"]), Some("1"));
        assert_eq!(node.text_at(&["d"]), Some("e\n"));
        assert!(read("a: [").is_err());
        assert!(read("").is_err());
        assert!(read(&format!("{}a", "- ".repeat(100_000))).is_err());
    }
}
