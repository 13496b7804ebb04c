//! `tell`: who is woken, and by what.

use std::time::Duration;

use super::tree::Tree;
use crate::model::told::Matter;

#[derive(Clone, Debug, PartialEq)]
pub struct Tell {
    pub when: Vec<Matter>,
    /// The web hook; it may be a secret.
    pub to: Tree,
    /// Told again after so long, for as long as it is so.
    pub repeat: Option<Duration>,
}

impl Tell {
    /// Whom, in words that give nothing away: a hook's address often is what lets one in.
    pub fn label(&self) -> String {
        let written = self.to.written();
        let text = written.as_str().unwrap_or_default();
        let host = url::Url::parse(text.trim()).ok().filter(|_| !text.contains("{{"));
        let host = host.and_then(|url| url.host_str().map(|host| format!("{}://{host}", url.scheme())));
        host.unwrap_or_else(|| text.to_string())
    }

    /// `` `https://chat.example.com` when waiting, failed, again every 10m ``.
    pub fn words(&self) -> String {
        let when: Vec<&str> = self.when.iter().map(|matter| matter.word()).collect();
        let again = self.repeat.map(|it| format!(", again every {}", super::duration::format(it))).unwrap_or_default();
        format!("`{}` when {}{again}", self.label(), when.join(", "))
    }
}
