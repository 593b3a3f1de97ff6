//! A text for the shell as its commands and words, as far as the rules look at them
//! (POSIX.1-2024, "Shell Command Language").

use std::iter::Peekable;
use std::mem;
use std::str::Chars;

/// What begins a command of several lines, and what ends one.
const OPENING: [&str; 7] = ["{", "if", "while", "until", "for", "case", "select"];
const CLOSING: [&str; 4] = ["}", "fi", "done", "esac"];

/// Behind these words a command begins.
const LEADING: [&str; 9] = [
    "{", "if", "while", "until", "then", "do", "else", "elif", "!",
];

/// A text for the shell.
#[derive(Default)]
pub(super) struct Script {
    /// The words of each command, wherever it stands: also in a substitution, in a loop, or
    /// in the argument of `sh -c`.
    pub(super) commands: Vec<Vec<Word>>,
    /// Of each command behind another one, by a line of its own or `;`, whether its failure
    /// is lost where another one follows: not where `||` says what happens then, or where
    /// it only prints or assigns. An `if` or a loop is one, however many lines it has, and
    /// the definition of a function none.
    pub(super) statements: Vec<bool>,
}

/// A word of a command.
#[derive(Default)]
pub(super) struct Word {
    /// Its text without quotes, and without what commands in it print.
    pub(super) text: String,
    /// Whether the output of a command is a part of it.
    pub(super) substitutes: bool,
}

impl Word {
    /// The name of the program that it is the path of.
    fn program(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }
}

impl Script {
    /// Takes a text apart.
    pub(super) fn of(text: &str) -> Self {
        let mut script = Reader::read(text);
        let mut place = 0;
        while let Some(command) = script.commands.get(place) {
            let inner = own_script(command).map(Reader::read);
            let commands = inner.into_iter().flat_map(|inner| inner.commands);
            script.commands.extend(commands);
            place += 1;
        }
        script
    }

    /// What stands behind a program and its subcommands, in each command that has them.
    /// However the program is reached, by `sudo` or by its path, and whatever flags stand
    /// between, it is the same.
    pub(super) fn behind<'a>(&'a self, words: &'a [&'a str]) -> impl Iterator<Item = &'a [Word]> {
        let commands = self.commands.iter();
        commands.filter_map(move |command| behind(command, words))
    }
}

/// These hardly ever fail.
const SUCCEEDING: [&str; 11] = [
    ":", "echo", "printf", "set", "trap", "export", "date", "env", "pwd", "ls", "sleep",
];

/// Whether a command may fail. Of one that substitutes, another one may.
fn may_fail(command: &[Word]) -> bool {
    let Some(first) = command.first() else {
        return false;
    };
    let mut words = [&SUCCEEDING[..], &OPENING, &CLOSING].concat().into_iter();
    let assigns = |word: &Word| !word.substitutes && word.text.contains('=');
    !words.any(|word| word == first.text) && !command.iter().all(assigns)
}

/// These only print what stands behind them.
const PRINTING: [&str; 2] = ["echo", "printf"];

fn behind<'a>(command: &'a [Word], words: &[&str]) -> Option<&'a [Word]> {
    let (program, subcommands) = words.split_first()?;
    let first = command.first()?;
    if PRINTING.contains(&first.text.as_str()) {
        return None;
    }
    let mut places = (0..command.len()).filter(|place| command[*place].program() == *program);
    places.find_map(|place| {
        let behind = command.get(place + 1..)?;
        subcommands.iter().try_fold(behind, behind_subcommand)
    })
}

/// What stands behind a subcommand. Before it are flags, each with a value or without.
fn behind_subcommand<'a>(words: &'a [Word], subcommand: &&str) -> Option<&'a [Word]> {
    let place = words.iter().position(|word| word.text == *subcommand)?;
    let (before, behind) = words.split_at(place);
    let is_flag = |word: &Word| word.text.starts_with('-');
    let mut after_flag = false;
    let all_belong = before.iter().all(|word| {
        let belongs = is_flag(word) || after_flag;
        after_flag = is_flag(word);
        belongs
    });
    all_belong.then(|| &behind[1..])
}

/// The text itself, a substitution or a subshell.
#[derive(Default)]
struct Frame {
    /// What ends it, unless it is the text itself.
    end: Option<char>,
    /// Whether it stands between double quotes.
    quoted: bool,
    /// How many `${` are open.
    expansions: usize,
    words: Vec<Word>,
    word: Option<Word>,
    /// How many commands of several lines are open.
    depth: usize,
    /// Whether a statement has begun.
    begun: bool,
    /// Whether the statement goes on behind the end of the line.
    joined: bool,
    /// Whether the parentheses behind a function's name came last.
    named: bool,
    /// Whether the statement defines a function.
    defines: bool,
    /// Whether a command of the statement may fail.
    fails: bool,
    /// Whether the statement says with `||` what follows then.
    handled: bool,
}

impl Frame {
    fn word(&mut self) -> &mut Word {
        self.begun = true;
        self.joined = false;
        self.word.get_or_insert_default()
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else {
            return;
        };
        let text = word.text.as_str();
        let first = self.words.first().map(|word| word.text.as_str());
        let named = mem::take(&mut self.named) || first == Some("function");
        if named && text == "{" {
            self.defines = true;
            self.words.clear();
        }
        if self.words.is_empty() {
            self.depth += usize::from(OPENING.contains(&text));
            self.depth -= usize::from(CLOSING.contains(&text) && self.depth > 0);
            if LEADING.contains(&text) {
                return;
            }
        }
        self.words.push(word);
    }
}

/// What a command hands to a shell of its own: `sh -c TEXT`.
fn own_script(command: &[Word]) -> Option<&str> {
    let mut words = command.iter();
    words.find(|word| ["sh", "bash"].contains(&word.program()))?;
    words.find(|word| word.text.starts_with('-') && word.text.ends_with('c'))?;
    words.next().map(|word| word.text.as_str())
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    script: Script,
    /// The frames that the one being read stands in.
    outer: Vec<Frame>,
    frame: Frame,
    /// What ends the here-documents that begin behind this line.
    documents: Vec<String>,
}

impl Reader<'_> {
    /// The script without what a command hands to a shell of its own.
    fn read(text: &str) -> Script {
        let mut reader = Reader {
            rest: text.chars().peekable(),
            script: Script::default(),
            outer: Vec::new(),
            frame: Frame::default(),
            documents: Vec::new(),
        };
        while let Some(letter) = reader.rest.next() {
            reader.take(letter);
        }
        // What was never closed ends with the text.
        while !reader.outer.is_empty() {
            reader.close();
        }
        reader.end_line();
        reader.script
    }

    fn take(&mut self, letter: char) {
        let next = self.rest.peek().copied();
        let frame = &mut self.frame;
        match letter {
            '\\' => match self.rest.next() {
                Some('\n') | None => {}
                Some(letter) => frame.word().text.push(letter),
            },
            '\'' if !frame.quoted => {
                let quoted = self.rest.by_ref().take_while(|letter| *letter != '\'');
                frame.word().text.extend(quoted);
            }
            '"' => {
                frame.quoted = !frame.quoted;
                frame.word();
            }
            '$' if next == Some('(') => {
                self.rest.next();
                self.substitute(')');
            }
            '`' if frame.end == Some('`') => self.close(),
            '`' => self.substitute('`'),
            '$' if next == Some('{') => {
                frame.expansions += 1;
                frame.word().text.push(letter);
            }
            '}' if frame.expansions > 0 => {
                frame.expansions -= 1;
                frame.word().text.push(letter);
            }
            _ if frame.quoted || frame.expansions > 0 => frame.word().text.push(letter),
            ' ' | '\t' => frame.end_word(),
            '#' if frame.word.is_none() => {
                while self.rest.next_if(|letter| *letter != '\n').is_some() {}
            }
            '<' if next == Some('<') => self.begin_document(),
            '\n' => self.end_line(),
            '(' => {
                // The values of a list, or commands.
                let is_list = |word: &Word| word.text.ends_with('=');
                let fails = !self.frame.word.as_ref().is_some_and(is_list);
                self.end_command();
                self.frame.fails |= fails;
                self.open(')');
            }
            // In a `case` it ends a pattern.
            ')' if frame.end == Some(')') && frame.depth == 0 => self.close(),
            ';' => {
                self.end_command();
                self.frame.joined = false;
                self.end_statement();
            }
            ')' => self.end_command(),
            '&' | '|' => {
                self.end_command();
                self.frame.joined = true;
                self.frame.handled |= letter == '|' && next == Some('|') && self.frame.depth == 0;
            }
            _ => frame.word().text.push(letter),
        }
    }

    fn substitute(&mut self, end: char) {
        self.frame.word().substitutes = true;
        self.open(end);
    }

    fn open(&mut self, end: char) {
        let inner = Frame {
            end: Some(end),
            ..Frame::default()
        };
        self.outer.push(mem::replace(&mut self.frame, inner));
    }

    fn close(&mut self) {
        self.end_command();
        let Some(outer) = self.outer.pop() else {
            return;
        };
        let inner = mem::replace(&mut self.frame, outer);
        // Nothing between parentheses: the body of the function may stand on the next line.
        let named = self.frame.word.is_none() && !inner.begun;
        self.frame.named = named;
        self.frame.joined = named;
        self.frame.begun = true;
    }

    fn end_command(&mut self) {
        self.frame.end_word();
        let words = mem::take(&mut self.frame.words);
        self.frame.fails |= may_fail(&words);
        if !words.is_empty() {
            self.script.commands.push(words);
        }
    }

    fn end_line(&mut self) {
        self.end_command();
        for end in mem::take(&mut self.documents) {
            self.skip_document(&end);
        }
        self.end_statement();
    }

    fn end_statement(&mut self) {
        let frame = &mut self.frame;
        if frame.depth == 0 && frame.begun && !frame.joined {
            if self.outer.is_empty() && !frame.defines {
                let loses = frame.fails && !frame.handled;
                self.script.statements.push(loses);
            }
            (frame.begun, frame.defines) = (false, false);
            (frame.fails, frame.handled) = (false, false);
        }
    }

    /// Behind the first `<` of `<<END`; `<<<` begins no document, and neither does `1<<2`.
    fn begin_document(&mut self) {
        self.frame.end_word();
        self.rest.next();
        self.rest.next_if_eq(&'-');
        while self
            .rest
            .next_if(|letter| [' ', '\t'].contains(letter))
            .is_some()
        {}
        let mut end = String::new();
        let belongs = |letter: &char| !letter.is_whitespace() && !";&|<>()".contains(*letter);
        while let Some(letter) = self.rest.next_if(belongs) {
            end.extend(Some(letter).filter(|letter| !"'\"\\".contains(*letter)));
        }
        if end.starts_with(|first: char| first.is_alphabetic() || first == '_') {
            self.documents.push(end);
        }
    }

    fn skip_document(&mut self, end: &str) {
        while self.rest.peek().is_some() {
            let line = self.rest.by_ref().take_while(|letter| *letter != '\n');
            let line: String = line.collect();
            if line.trim_start_matches('\t') == end {
                return;
            }
        }
    }
}
