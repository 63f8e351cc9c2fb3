//! The cases, read from `cases/*.case`. The format is made to be read; this is all of it:
//!
//! ```text
//! # a comment
//! case what-it-shows                 its id is TOPIC/what-it-shows, TOPIC being the file's name
//!   args --cert k/rsa2048.crt -n "a b"    words as a shell splits them; k/ holds the test keys (run.rs)
//!   setup encrypt -i x.yaml          the real tool first, for both sides; may be there several times (sops)
//!   env SEALED_SECRETS_SCOPE=strict       the rest of the line
//!   in <<                            standard input: the block that follows, indented by four
//!     kind: Secret
//!   in "…\r\n\u{feff}"               or one line with Rust's escapes, or `@k/file`, or `zeros N` (N bytes)
//!   tty <<                           the same, typed at a terminal
//!   file NAME <<                     a file in the working folder; `script NAME` makes it executable
//!   mode NAME 600                    its mode; `link NAME TARGET` is a symbolic link, `cd NAME` where the tool runs
//!   keys none                        the tool finds no identity (sops: else those of k/age-a.txt)
//!   config context=c namespace=n     writes ~/.kube/config for the scripted server; all parts are optional
//!   server                           starts it; `server tls`, `server tls client` asks for a client's certificate
//!   answer cert 500 Name=value "body"    what it answers: service, cert, verify, rotate, or a path; in turn,
//!                                    the last one for ever; `hang` and `close` instead of a status
//!   opens NAMESPACE/NAME             a label under which to open what a raw value became
//!   exit 1                           the real tool's exit code, 0 if absent, -1 if it never ends
//!   says "text"                      the real tool's stderr holds it
//!   prints "text"                    the real tool's stdout holds it, ciphertexts opened
//!   differs Heading                  ours differs on purpose: a heading of docs/kubeseal.md, and what ours does:
//!   ours exit 0 / says "…" / silent / prints "…" / no prints "…" / file NAME "…" / no file NAME / asks "GET …" / asks nothing
//! ```
//!
//! In words, variables, files, input and answers, `{server}` is the server's URL, `{address}` its host and port, `{dir}` the working
//! folder, `{closed}` an address where nobody listens, `{sealed:LABEL:TEXT}` a ciphertext for k/rsa2048.key, `{pem:FILE}` a
//! file of k/ (`{pem-crlf:FILE}` with CRLF, `{b64:FILE}` in base64), `{xs:N}` N times x, `{items:N}` the entries of a flow map of N texts.

use std::path::Path;

/// One command line with all that is around it.
#[derive(Clone, Default)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) topic: String,
    pub(crate) args: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) input: Content,
    pub(crate) tty: bool,
    pub(crate) files: Vec<File>,
    pub(crate) setup: Vec<Vec<String>>,
    pub(crate) modes: Vec<(String, u32)>,
    pub(crate) links: Vec<(String, String)>,
    pub(crate) folder: String,
    pub(crate) no_keys: bool,
    pub(crate) server: Option<ServerKind>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) opens: Vec<String>,
    pub(crate) exit: i32,
    pub(crate) says: Vec<String>,
    pub(crate) prints: Vec<String>,
    pub(crate) differs: Option<String>,
    pub(crate) ours: Vec<Ours>,
}

#[derive(Clone)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) content: Content,
    pub(crate) executable: bool,
}

#[derive(Clone)]
pub(crate) enum Content {
    Text(String),
    /// A file of the working folder.
    Copy(String),
    Zeros(usize),
}

impl Default for Content {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Plain,
    Tls { client: bool },
}

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) target: String,
    pub(crate) what: What,
}

#[derive(Clone)]
pub(crate) enum What {
    Status { code: u16, headers: Vec<(String, String)>, body: Option<Content> },
    Hang,
    Close,
}

/// What ours does where it differs on purpose. An aspect that is not named must be equal.
#[derive(Clone)]
pub(crate) enum Ours {
    Exit(i32),
    Says(String),
    Silent,
    Prints(String),
    PrintsNot(String),
    File(String, String),
    NoFile(String),
    Asks(String),
    AsksNothing,
}

/// All cases of `folder`, by topic.
pub(crate) fn all(folder: &Path) -> Vec<Case> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "case")) {
        let topic = path.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let mut reader = Reader { lines: text.lines().collect(), at: 0, topic };
        while let Some(case) = reader.case() {
            assert!(cases.iter().all(|other: &Case| other.id != case.id), "two cases are called {}", case.id);
            cases.push(case);
        }
    }
    cases
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    at: usize,
    topic: &'a str,
}

impl<'a> Reader<'a> {
    fn case(&mut self) -> Option<Case> {
        let name = loop {
            let line = self.lines.get(self.at)?.trim_end();
            self.at += 1;
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            break line.strip_prefix("case ").unwrap_or_else(|| self.fail("a case begins with `case NAME`"));
        };
        let mut case = Case { id: format!("{}/{name}", self.topic), topic: self.topic.to_owned(), ..Case::default() };
        while let Some(line) = self.lines.get(self.at) {
            let Some(line) = line.strip_prefix("  ") else {
                if line.trim().is_empty() || line.starts_with('#') {
                    self.at += 1;
                    continue;
                }
                break;
            };
            self.at += 1;
            let line = line.trim_end();
            if !line.is_empty() && !line.starts_with('#') {
                self.directive(line, &mut case);
            }
        }
        assert!(case.exit < 1 || !case.says.is_empty() || !case.prints.is_empty(), "{}: what does it say?", case.id);
        assert!(case.differs.is_some() != case.ours.is_empty(), "{}: `differs` and `ours` go together", case.id);
        Some(case)
    }

    fn directive(&mut self, line: &'a str, case: &mut Case) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "args" => case.args.extend(words(rest)),
            "setup" => case.setup.push(words(rest)),
            "mode" | "link" => {
                let (name, value) =
                    rest.split_once(' ').unwrap_or_else(|| self.fail("mode NAME OCTAL, link NAME TARGET"));
                match word {
                    "mode" => case.modes.push((name.to_owned(), u32::from_str_radix(value, 8).unwrap())),
                    _ => case.links.push((name.to_owned(), value.to_owned())),
                }
            }
            "cd" => case.folder = rest.to_owned(),
            "keys" => case.no_keys = rest == "none",
            "env" => {
                let (name, value) = rest.split_once('=').unwrap_or_else(|| self.fail("env NAME=VALUE"));
                case.environment.push((name.to_owned(), value.to_owned()));
            }
            "in" => case.input = self.content(rest),
            "tty" => (case.input, case.tty) = (self.content(rest), true),
            "file" | "script" => {
                let (name, rest) = match rest.strip_prefix('"') {
                    Some(quoted) => quoted.split_once("\" "),
                    None => rest.split_once(' '),
                }
                .unwrap_or_else(|| self.fail("file NAME CONTENT"));
                let content = self.content(rest);
                case.files.push(File { name: name.to_owned(), content, executable: word == "script" });
            }
            "config" => {
                let content = Content::Text(kubeconfig(rest));
                case.files.push(File { name: ".kube/config".to_owned(), content, executable: false });
            }
            "server" => {
                case.server = Some(match rest {
                    "" => ServerKind::Plain,
                    "tls" => ServerKind::Tls { client: false },
                    "tls client" => ServerKind::Tls { client: true },
                    _ => self.fail("server [tls [client]]"),
                });
            }
            "answer" => {
                let answer = self.answer(rest);
                case.answers.push(answer);
            }
            "opens" => case.opens.push(rest.to_owned()),
            "exit" => case.exit = self.number(rest),
            "says" => case.says.push(self.quoted(rest)),
            "prints" => case.prints.push(self.quoted(rest)),
            "differs" => case.differs = Some(rest.to_owned()),
            "ours" => {
                let ours = self.ours(rest);
                case.ours.push(ours);
            }
            _ => self.fail("no such directive"),
        }
    }

    fn ours(&self, rest: &str) -> Ours {
        let (word, value) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "exit" => Ours::Exit(self.number(value)),
            "says" => Ours::Says(self.quoted(value)),
            "silent" => Ours::Silent,
            "prints" => Ours::Prints(self.quoted(value)),
            "file" => {
                let (name, text) = value.split_once(' ').unwrap_or_else(|| self.fail("ours file NAME \"…\""));
                Ours::File(name.to_owned(), self.quoted(text))
            }
            "no" if value.starts_with("file ") => Ours::NoFile(value[5..].to_owned()),
            "no" if value.starts_with("prints ") => Ours::PrintsNot(self.quoted(&value[7..])),
            "asks" if value == "nothing" => Ours::AsksNothing,
            "asks" => Ours::Asks(self.quoted(value)),
            _ => self.fail("ours what?"),
        }
    }

    fn answer(&mut self, rest: &'a str) -> Answer {
        let (target, rest) = rest.split_once(' ').unwrap_or_else(|| self.fail("answer TARGET STATUS …"));
        let (status, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let what = match status {
            "hang" => What::Hang,
            "close" => What::Close,
            code => {
                let mut headers = Vec::new();
                while let Some((name, value)) = rest.split(' ').next().and_then(|word| word.split_once('='))
                    && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
                {
                    headers.push((name.to_owned(), value.to_owned()));
                    rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
                }
                let body = (!rest.is_empty()).then(|| self.content(rest));
                What::Status { code: self.number(code), headers, body }
            }
        };
        Answer { target: target.to_owned(), what }
    }

    fn content(&mut self, rest: &str) -> Content {
        match rest {
            "<<" => Content::Text(self.block()),
            _ if rest.starts_with('"') => Content::Text(self.quoted(rest)),
            _ if rest.starts_with('@') => Content::Copy(rest[1..].to_owned()),
            _ if rest.starts_with("zeros ") => Content::Zeros(self.number(&rest[6..])),
            _ => self.fail("content is `<<`, a quoted text, @FILE or `zeros N`"),
        }
    }

    /// The lines that are indented by four or more.
    fn block(&mut self) -> String {
        let mut text = String::new();
        while let Some(line) = self.lines.get(self.at)
            && (line.starts_with("    ") || line.is_empty())
        {
            text.push_str(line.get(4..).unwrap_or_default());
            text.push('\n');
            self.at += 1;
        }
        // Empty lines at the end stand between the cases.
        text.truncate(text.trim_end_matches('\n').len());
        text + "\n"
    }

    /// A text in quotes, with `\n \r \t \" \\ \0 \u{…}`.
    fn quoted(&self, text: &str) -> String {
        let body = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let body = body.unwrap_or_else(|| self.fail("a quoted text"));
        let mut result = String::new();
        let mut letters = body.chars();
        while let Some(letter) = letters.next() {
            if letter != '\\' {
                result.push(letter);
                continue;
            }
            match letters.next() {
                Some('n') => result.push('\n'),
                Some('r') => result.push('\r'),
                Some('t') => result.push('\t'),
                Some('0') => result.push('\0'),
                Some(letter @ ('"' | '\\')) => result.push(letter),
                Some('u') => {
                    let hex: String = letters.by_ref().skip(1).take_while(|letter| *letter != '}').collect();
                    let code = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                    result.push(code.unwrap_or_else(|| self.fail("\\u{HEX}")));
                }
                _ => self.fail("no such escape"),
            }
        }
        result
    }

    fn number<T: std::str::FromStr>(&self, text: &str) -> T {
        text.parse().unwrap_or_else(|_| self.fail("a number"))
    }

    fn fail(&self, message: &str) -> ! {
        panic!("{}.case, line {}: {message}: {}", self.topic, self.at, self.lines[self.at - 1])
    }
}

/// Splits at blanks; single and double quotes keep them, and nothing else is special.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in text.chars() {
        match quote {
            Some(end) if letter == end => quote = None,
            Some(_) => word.get_or_insert_default().push(letter),
            None if letter == '\'' || letter == '"' => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            None if letter == ' ' => words.extend(word.take()),
            None => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// A kubeconfig of one context. Parts: context, namespace, token, server; `token=` leaves the token away.
fn kubeconfig(parts: &str) -> String {
    let mut known = [("context", "main"), ("namespace", ""), ("token", ""), ("server", "{server}"), ("cluster", "")];
    for part in words(parts) {
        let (name, value) = part.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
        let slot = known.iter_mut().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("config {name}=?"));
        slot.1 = String::leak(value);
    }
    let [(_, context), (_, namespace), (_, token), (_, server), (_, cluster)] = known;
    let namespace = if namespace.is_empty() { String::new() } else { format!(", namespace: {namespace}") };
    let token = if token.is_empty() { String::new() } else { format!("token: {token}") };
    let cluster = if cluster.is_empty() { String::new() } else { format!(", {cluster}") };
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {context}\ncontexts:\n- name: {context}\n  context: {{cluster: there, user: me{namespace}}}\n\
         clusters:\n- name: there\n  cluster: {{server: \"{server}\"{cluster}}}\nusers:\n- name: me\n  user: {{{token}}}\n"
    )
}
