//! The parser: three items of look-ahead, as Go's, so that error lines agree.

use std::collections::HashMap;

use super::lex::{Item, Kind, Lexer};
use super::literal;
use super::node::{Action, Body, Branch, Command, Node, Operand, Pipe, TemplateCall, Term, TermText, Trees};
use crate::error::Error;
use crate::value::Text;

/// How deep control structures and parentheses may nest. Go allows 10,000 parentheses and any number of structures; here
/// the tree is walked and dropped recursively.
const MAX_NESTING: usize = 100;

/// Parses `text` as the template `name`; the result holds it under that name, and what it defines under theirs.
pub(crate) fn parse(name: &str, text: &str, is_function: fn(&str) -> bool) -> Result<Trees, Error> {
    let mut parser = Parser {
        name,
        lexer: Lexer::new(text),
        token: [eof(), eof(), eof()],
        peeked: 0,
        variables: Variables::new(),
        trees: Trees::new(),
        action_line: 0,
        ranges: 0,
        nesting: 0,
        is_function,
    };
    let body = parser.top()?;
    parser.add(name.to_owned(), body)?;
    Ok(parser.trees)
}

fn eof() -> Item {
    Item { kind: Kind::Eof, position: 0, text: "EOF".to_owned(), line: 1 }
}

/// The variables in scope, and how often each name is.
struct Variables {
    names: Vec<String>,
    counts: HashMap<String, usize>,
}

impl Variables {
    fn new() -> Self {
        let mut variables = Self { names: Vec::new(), counts: HashMap::new() };
        variables.push("$".to_owned());
        variables
    }

    fn push(&mut self, name: String) {
        *self.counts.entry(name.clone()).or_default() += 1;
        self.names.push(name);
    }

    fn truncate(&mut self, mark: usize) {
        for name in self.names.drain(mark..) {
            if let Some(count) = self.counts.get_mut(&name) {
                *count -= 1;
            }
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.counts.get(name).is_some_and(|count| *count > 0)
    }
}

struct Parser<'t> {
    name: &'t str,
    lexer: Lexer<'t>,
    token: [Item; 3],
    peeked: usize,
    variables: Variables,
    trees: Trees,
    action_line: usize,
    ranges: usize,
    nesting: usize,
    is_function: fn(&str) -> bool,
}

/// What ends a list of nodes.
enum End {
    End,
    Else,
}

type Parsed<T> = Result<T, Error>;

impl Parser<'_> {
    fn next(&mut self) -> Item {
        if self.peeked > 0 {
            self.peeked -= 1;
        } else {
            self.token[0] = self.lexer.next_item();
        }
        self.token[self.peeked].clone()
    }

    fn backup(&mut self) {
        self.peeked += 1;
    }

    fn backup2(&mut self, first: Item) {
        self.token[1] = first;
        self.peeked = 2;
    }

    fn backup3(&mut self, first: Item, second: Item) {
        self.token[1] = second;
        self.token[2] = first;
        self.peeked = 3;
    }

    fn peek(&mut self) -> Item {
        if self.peeked == 0 {
            self.peeked = 1;
            self.token[0] = self.lexer.next_item();
        }
        self.token[self.peeked - 1].clone()
    }

    fn next_non_space(&mut self) -> Item {
        loop {
            let item = self.next();
            if item.kind != Kind::Space {
                return item;
            }
        }
    }

    fn peek_non_space(&mut self) -> Item {
        let item = self.next_non_space();
        self.backup();
        item
    }

    fn error<T>(&self, reason: impl Into<String>) -> Parsed<T> {
        Err(Error::Parse { key: self.name.to_owned(), line: self.token[0].line, reason: reason.into() })
    }

    fn unexpected<T>(&self, item: &Item, context: &str) -> Parsed<T> {
        if item.kind != Kind::Error {
            return self.error(format!("unexpected {} in {context}", item.describe()));
        }
        let mut extra = String::new();
        if self.action_line != 0 && self.action_line != item.line {
            // "unclosed action in action" reads badly.
            let place = if item.text.ends_with(" action") { "" } else { " in action" };
            extra = format!("{place} started at {}:{}", self.name, self.action_line);
        }
        self.error(format!("{}{extra}", item.text))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Item> {
        let item = self.next_non_space();
        if item.kind == kind { Ok(item) } else { self.unexpected(&item, context) }
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING { self.error("max expression depth exceeded") } else { Ok(()) }
    }

    fn add(&mut self, name: String, body: Body) -> Parsed<()> {
        match self.trees.get(&name) {
            Some(old) if !old.is_empty() => {
                if !body.is_empty() {
                    return self.error(format!("template: multiple definition of template {}", literal::quote(&name)));
                }
            }
            _ => {
                self.trees.insert(name, body);
            }
        }
        Ok(())
    }

    fn top(&mut self) -> Parsed<Body> {
        let mut body = Body::default();
        self.peek();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let delimiter = self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.backup2(delimiter);
            }
            match self.text_or_action()? {
                Ok(node) => body.0.push(node),
                Err(End::End) => return self.error("unexpected {{end}}"),
                Err(End::Else) => return self.error("unexpected {{else}}"),
            }
        }
        Ok(body)
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        // A definition begins with a parser of its own in Go.
        let variables = std::mem::replace(&mut self.variables, Variables::new());
        let ranges = std::mem::take(&mut self.ranges);
        self.expect(Kind::RightDelim, CONTEXT)?;
        let body = self.terminated(CONTEXT)?;
        self.add(name, body)?;
        self.variables = variables;
        self.ranges = ranges;
        Ok(())
    }

    /// A list that must end with `{{end}}`.
    fn terminated(&mut self, context: &str) -> Parsed<Body> {
        match self.item_list()? {
            (body, End::End) => Ok(body),
            (_, End::Else) => self.error(format!("unexpected {{{{else}}}} in {context}")),
        }
    }

    fn item_list(&mut self) -> Parsed<(Body, End)> {
        self.deeper()?;
        let mut body = Body::default();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Ok(node) => body.0.push(node),
                Err(end) => {
                    self.nesting -= 1;
                    return Ok((body, end));
                }
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parsed<Result<Node, End>> {
        let item = self.next_non_space();
        match item.kind {
            Kind::Text => Ok(Ok(Node::Text(item.text.into_bytes()))),
            Kind::LeftDelim => {
                self.action_line = item.line;
                let node = self.action()?;
                self.action_line = 0;
                Ok(node)
            }
            _ => self.unexpected(&item, "input"),
        }
    }

    fn action(&mut self) -> Parsed<Result<Node, End>> {
        let item = self.next_non_space();
        Ok(Ok(match item.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.loop_control("{{break}}", Node::Break)?,
            Kind::Continue => self.loop_control("{{continue}}", Node::Continue)?,
            Kind::Else => {
                if !matches!(self.peek_non_space().kind, Kind::If | Kind::With) {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Err(End::Else));
            }
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Err(End::End));
            }
            Kind::If => Node::If(self.control("if")?),
            Kind::Range => Node::Range(self.control("range")?),
            Kind::With => Node::With(self.control("with")?),
            Kind::Template => self.template_call()?,
            _ => {
                self.backup();
                let position = self.peek().position;
                Node::Action(Action { position, pipe: self.pipeline("command", Kind::RightDelim)? })
            }
        }))
    }

    fn loop_control(&mut self, name: &str, node: Node) -> Parsed<Node> {
        let item = self.next_non_space();
        if item.kind != Kind::RightDelim {
            return self.unexpected(&item, name);
        }
        if self.ranges == 0 { self.error(format!("{name} outside {{{{range}}}}")) } else { Ok(node) }
    }

    fn control(&mut self, keyword: &'static str) -> Parsed<Branch> {
        let mark = self.variables.names.len();
        let pipe = self.pipeline(keyword, Kind::RightDelim)?;
        let loops = usize::from(keyword == "range");
        self.ranges += loops;
        let (body, end) = self.item_list()?;
        self.ranges -= loops;
        let otherwise = match end {
            End::End => None,
            End::Else => Some(self.otherwise(keyword)?),
        };
        self.variables.truncate(mark);
        Ok(Branch { position: pipe.position, keyword, pipe, body, otherwise })
    }

    fn otherwise(&mut self, keyword: &'static str) -> Parsed<Body> {
        let next = self.peek().kind;
        // {{else if}} takes the {{end}} that closes the outer one.
        if keyword == "if" && next == Kind::If || keyword == "with" && next == Kind::With {
            self.next();
            self.deeper()?;
            let branch = self.control(keyword)?;
            self.nesting -= 1;
            return Ok(Body(vec![if keyword == "if" { Node::If(branch) } else { Node::With(branch) }]));
        }
        match self.item_list()? {
            (body, End::End) => Ok(body),
            (_, End::Else) => self.error("expected end; found {{else}}"),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let variables = std::mem::replace(&mut self.variables, Variables::new());
        let ranges = std::mem::take(&mut self.ranges);
        let body = self.terminated(CONTEXT)?;
        self.variables = variables;
        self.ranges = ranges;
        self.add(name.clone(), body)?;
        Ok(Node::Template(TemplateCall { position: item.position, name, pipe: Some(pipe) }))
    }

    fn template_call(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let mut pipe = None;
        if self.next_non_space().kind != Kind::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Node::Template(TemplateCall { position: item.position, name, pipe }))
    }

    fn template_name(&mut self, item: &Item, context: &str) -> Parsed<String> {
        if !matches!(item.kind, Kind::String | Kind::RawString) {
            return self.unexpected(item, context);
        }
        match literal::unquote(&item.text) {
            Some(name) => Ok(String::from_utf8_lossy(&name).into_owned()),
            None => self.error("invalid syntax"),
        }
    }

    fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let position = self.peek_non_space().position;
        let mut pipe = Pipe { position, assign: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let item = self.next_non_space();
            match item.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&item, context),
            }
        }
        if pipe.commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            let first = command.operands.first().map(|operand| &operand.term);
            if let Some(Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::Text { .. }) = first {
                return self.error(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(pipe)
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            // "$x foo" takes all three items to tell from "$x := foo".
            let after = self.peek();
            let next = self.peek_non_space();
            if matches!(next.kind, Kind::Assign | Kind::Declare) {
                pipe.assign = next.kind == Kind::Assign;
                self.next_non_space();
                pipe.variables.push(variable.text.clone());
                self.variables.push(variable.text);
                return Ok(());
            }
            if next.kind == Kind::Char && next.text == "," {
                self.next_non_space();
                pipe.variables.push(variable.text.clone());
                self.variables.push(variable.text);
                if context != "range" || pipe.variables.len() >= 2 {
                    return self.error(format!("too many declarations in {context}"));
                }
                if !matches!(self.peek_non_space().kind, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                    return self.error("range can only initialize variables");
                }
                continue;
            }
            if after.kind == Kind::Space {
                self.backup3(variable, after);
            } else {
                self.backup2(variable);
            }
            return Ok(());
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut command = Command { position: self.peek_non_space().position, operands: Vec::new() };
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                command.operands.push(operand);
            }
            let item = self.next();
            match item.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => {
                    self.backup();
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(&item, "operand"),
            }
        }
        if command.operands.is_empty() { self.error("empty command") } else { Ok(command) }
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(operand) = self.term()? else { return Ok(None) };
        if self.peek().kind != Kind::Field {
            return Ok(Some(operand));
        }
        let position = self.peek().position;
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(self.next().text.split_off(1));
        }
        let term = match operand.term {
            Term::Field(mut names) => {
                names.append(&mut fields);
                Term::Field(names)
            }
            Term::Variable(mut names) => {
                names.append(&mut fields);
                Term::Variable(names)
            }
            Term::Bool(_) | Term::Text { .. } | Term::Number(_) | Term::Nil | Term::Dot => {
                return self.error(format!("unexpected . after term {}", literal::quote(&operand.to_string())));
            }
            _ => Term::Chain(Box::new(operand), fields),
        };
        Ok(Some(Operand { position, term }))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let item = self.next_non_space();
        let term = match item.kind {
            Kind::Identifier => {
                if !(self.is_function)(&item.text) {
                    return self.error(format!("function {} not defined", literal::quote(&item.text)));
                }
                Term::Identifier(item.text)
            }
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Variable => {
                if !self.variables.contains(&item.text) {
                    return self.error(format!("undefined variable {}", literal::quote(&item.text)));
                }
                Term::Variable(vec![item.text])
            }
            Kind::Field => Term::Field(vec![item.text[1..].to_owned()]),
            Kind::Bool => Term::Bool(item.text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let number = match item.kind {
                    Kind::CharConstant => literal::character(&item.text),
                    Kind::Complex => literal::complex(&item.text),
                    _ => literal::number(&item.text),
                };
                match number {
                    Ok(number) => Term::Number(number),
                    Err(reason) => return self.error(reason),
                }
            }
            Kind::LeftParen => {
                self.deeper()?;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.nesting -= 1;
                Term::Pipe(Box::new(pipe))
            }
            Kind::String | Kind::RawString => match literal::unquote(&item.text) {
                Some(text) => Term::Text { quoted: item.text, text: TermText(Text::from(text)) },
                None => return self.error("invalid syntax"),
            },
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        let position = match &term {
            // A parenthesized pipeline is where its first item is.
            Term::Pipe(pipe) => pipe.position,
            _ => item.position,
        };
        Ok(Some(Operand { position, term }))
    }
}
