//! Statements that people wrote, taken apart as `psql` does it: at semicolons that stand in no quotes, comments, parentheses
//! and bodies of functions. Lexical rules: <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>.

use serde_json::Value;

use crate::provider::mask::Masker;
use crate::runbook::catalog::{Complaint, Known, Late};

/// One statement, with placeholders counted from `$1` on for itself: the server wants to know the type of each, also of those
/// that another statement uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    pub sql: String,
    /// Which value stands at `$1`, `$2`, …, counted from 0.
    pub uses: Vec<usize>,
    /// Words outside of quotes and parentheses, in lower case.
    pub words: Vec<String>,
}

impl Statement {
    /// What it does: after `with …` the word that follows the list.
    pub fn verb(&self) -> &str {
        const VERBS: &[&str] = &["select", "insert", "update", "delete", "merge", "values", "table"];
        let first = self.words.first().map_or("", String::as_str);
        let after = || self.words.iter().map(String::as_str).find(|word| VERBS.contains(word));
        if first == "with" { after().unwrap_or(first) } else { first }
    }

    /// Whether it begins or ends a transaction.
    pub fn moves_transaction(&self) -> bool {
        let second = self.words.get(1).map_or("", String::as_str);
        match self.verb() {
            "begin" | "start" | "commit" | "end" | "abort" => true,
            "rollback" => !self.words.iter().any(|word| word == "to"),
            "prepare" => second == "transaction",
            _ => false,
        }
    }

    /// Whether it wants rows from, or gives them to, the program that sends it.
    pub fn copies(&self) -> bool {
        self.verb() == "copy" && self.words.iter().any(|word| word == "stdin" || word == "stdout")
    }

    /// Its beginning on one line, for people.
    pub fn excerpt(&self, masker: &Masker) -> String {
        const MOST: usize = 160;
        let line = self.sql.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= MOST { line } else { format!("{} …", masker.excerpt(&line, MOST)) }
    }
}

/// The statements of a text; what is empty or only a comment is none.
pub fn split(text: &str) -> Vec<Statement> {
    let mut reader = Reader { text, at: 0, now: Statement::default(), depth: 0, body: 0, is_some: false };
    let mut found = Vec::new();
    while reader.at < text.len() {
        if reader.step() {
            found.extend(reader.take());
        }
    }
    found.extend(reader.take());
    found
}

/// How many values the statements want: the highest `$N`.
pub fn values_wanted(statements: &[Statement]) -> usize {
    statements.iter().flat_map(|it| &it.uses).map(|at| at + 1).max().unwrap_or(0)
}

/// What a calm day can find wrong with the `sql` and `values` under a path.
pub fn check(with: &Late<'_>, path: &[&str]) -> Option<Complaint> {
    let at = |name: &'static str| path.iter().copied().chain([name]).collect::<Vec<_>>();
    let Known::Known(Value::String(sql)) = with.get(&at("sql")) else { return None };
    let complain = |message: String, help: &str| Complaint {
        path: at("sql").into_iter().map(str::to_owned).collect(),
        code: "RG2301",
        message,
        help: Some(help.to_owned()),
    };
    let statements = split(sql);
    if statements.is_empty() {
        return Some(complain("the statement is empty".to_owned(), "for example `select count(*) from orders`"));
    }
    let given = match with.get(&at("values")) {
        Known::Known(Value::Array(values)) => values.len(),
        Known::Absent => 0,
        Known::Known(_) | Known::Unknown => return None,
    };
    let wanted = values_wanted(&statements);
    let message = format!("the statement uses `${wanted}`, and `values` holds {given}");
    (wanted > given).then(|| complain(message, "give one value for each of `$1`, `$2`, …"))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    now: Statement,
    /// Of parentheses.
    depth: usize,
    /// Of `begin … end` in a body of SQL.
    body: usize,
    /// There is more than blanks and comments.
    is_some: bool,
}

impl Reader<'_> {
    fn take(&mut self) -> Option<Statement> {
        (self.depth, self.body) = (0, 0);
        let statement = std::mem::take(&mut self.now);
        let is_some = std::mem::take(&mut self.is_some);
        is_some.then(|| Statement { sql: statement.sql.trim().to_owned(), ..statement })
    }

    /// Reads one token; true at the end of a statement.
    fn step(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let Some(next) = rest.chars().next() else { return false };
        match next {
            ';' if self.depth == 0 && self.body == 0 => {
                self.at += 1;
                return true;
            }
            '-' if rest.starts_with("--") => self.pass(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => self.pass(comment(rest)),
            _ if next.is_whitespace() => self.pass(next.len_utf8()),
            _ => {
                self.is_some = true;
                self.token(rest, next);
            }
        }
        false
    }

    fn token(&mut self, rest: &str, next: char) {
        match next {
            '\'' => self.pass(quoted(rest, '\'', false)),
            '"' => self.pass(quoted(rest, '"', false)),
            'e' | 'E' if rest[1..].starts_with('\'') => self.pass(1 + quoted(&rest[1..], '\'', true)),
            '$' => self.dollar(rest),
            '(' | '[' => {
                self.depth += 1;
                self.pass(1);
            }
            ')' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                self.pass(1);
            }
            _ if next.is_alphabetic() || next == '_' => self.word(rest),
            // `1$1` is no placeholder.
            _ if next.is_ascii_digit() => self.pass(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
            _ => self.pass(next.len_utf8()),
        }
    }

    fn pass(&mut self, length: usize) {
        self.now.sql.push_str(&self.text[self.at..self.at + length]);
        self.at += length;
    }

    fn word(&mut self, rest: &str) {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
        let word = rest[..end].to_lowercase();
        self.pass(end);
        let makes = self.now.words.first().is_some_and(|first| first == "create")
            && self.now.words.iter().any(|word| word == "function" || word == "procedure");
        match word.as_str() {
            "begin" if makes => self.body += 1,
            "case" if self.body > 0 => self.body += 1,
            "end" if self.body > 0 => self.body -= 1,
            _ => {}
        }
        if self.depth == 0 || self.now.words.is_empty() {
            self.now.words.push(word);
        }
    }

    /// A placeholder, or a text between two `$tag$`.
    fn dollar(&mut self, rest: &str) {
        let digits = rest[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - 1);
        if let Ok(number @ 1..) = rest[1..=digits].parse::<usize>() {
            self.at += 1 + digits;
            let known = self.now.uses.iter().position(|at| at + 1 == number);
            let own = known.unwrap_or_else(|| {
                self.now.uses.push(number - 1);
                self.now.uses.len() - 1
            });
            self.now.sql.push_str(&format!("${}", own + 1));
            return;
        }
        let end = rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len() - 1);
        if !rest[1 + end..].starts_with('$') {
            return self.pass(1);
        }
        let tag = &rest[..end + 2];
        let length = rest[tag.len()..].find(tag).map_or(rest.len(), |at| at + 2 * tag.len());
        self.pass(length);
    }
}

/// The length of a comment, which may hold others.
fn comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a quoted text. A doubled quote reads as two texts, which comes to the same.
fn quoted(rest: &str, quote: char, escapes: bool) -> usize {
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, next)) = chars.next() {
        if next == '\\' && escapes {
            chars.next();
        } else if next == quote {
            return at + 1;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<String> {
        split(sql).into_iter().map(|it| it.sql).collect()
    }

    #[test]
    fn semicolons_end_statements_only_where_they_do() {
        assert_eq!(
            texts("select 1; ; -- no; more\n /* a /* b; */ c; */ select 2 ;"),
            ["select 1", "-- no; more\n /* a /* b; */ c; */ select 2"]
        );
        for whole in [
            "insert into t values ('a;''b', E'c\\';', \"d;\")",
            "do $$begin delete from t; end$$",
            "do $x_1$ begin perform '$$;'; end; $x_1$",
            "create rule r as on insert to t do also (delete from u; delete from v)",
            "create function f() returns int begin atomic select case when true then 1 end; select 2; end",
            "select 'é;ß' as é",
            "select 'never ended; ",
        ] {
            assert_eq!(texts(whole), [whole.trim()], "{whole}");
            assert_eq!(texts(&format!("{whole}\n")).len(), 1);
        }
        assert_eq!(texts(" -- nothing\n;; /* */ "), Vec::<String>::new());
    }

    #[test]
    fn placeholders_are_counted_anew_for_each_statement() {
        let found =
            split("delete from t where a = $2 and b = '$1' and c = $2; insert into u values ($3, $1, x$1, $$ $1 $$)");
        assert_eq!(found[0].sql, "delete from t where a = $1 and b = '$1' and c = $1");
        assert_eq!(found[0].uses, [1]);
        assert_eq!(found[1].sql, "insert into u values ($1, $2, x$1, $$ $1 $$)");
        assert_eq!(found[1].uses, [2, 0]);
        assert_eq!(values_wanted(&found), 3);
        assert_eq!(values_wanted(&split("select 1")), 0);
    }

    #[test]
    fn what_a_statement_does_is_told() {
        let one = |sql: &str| split(sql).remove(0);
        assert_eq!(one("with a as (insert into t values (1) returning 1) update u set x = 1").verb(), "update");
        assert_eq!(one("/* x */ SELECT 1").verb(), "select");
        assert_eq!(one("(select 1)").verb(), "select");
        for sql in
            ["commit", "END", "rollback and chain", "begin", "start transaction", "prepare transaction 'x'", "abort"]
        {
            assert!(one(sql).moves_transaction(), "{sql}");
        }
        for sql in
            ["savepoint a", "rollback to a", "prepare x as select 1", "set transaction isolation level serializable"]
        {
            assert!(!one(sql).moves_transaction(), "{sql}");
        }
        assert!(one("copy t from stdin").copies() && !one("copy t from '/f'").copies());
    }
}
