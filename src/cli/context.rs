//! What every command needs: where the state lies, who is asking, which run is meant.

use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::args::Cli;
use super::failure::Failure;
use super::failure::{FILES, NO_RUN, SEVERAL_RUNS};
use crate::journal::store::{NoRun, RunDir, Store};
use crate::journal::{Folder, recover};
use crate::model::Person;
use crate::model::record::Mode;
use crate::model::secret::Secret;

#[derive(Clone, Debug)]
pub struct Context {
    pub state: PathBuf,
    pub json: bool,
    /// Of stderr.
    pub color: bool,
    /// Also where no terminal is.
    pub always_color: bool,
    pub quiet: bool,
    pub verbose: bool,
    /// Somebody sits there and can be asked.
    pub interactive: bool,
    /// Secret outputs whose key is gone, as somebody gave them for this command: `token.key`, and the value.
    pub given: Vec<(String, Secret)>,
}

impl Context {
    pub fn of(cli: &Cli) -> Self {
        let color = match cli.color {
            super::args::Color::Always => true,
            super::args::Color::Never => false,
            super::args::Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !cli.json;
        Self {
            state: cli.state.clone().unwrap_or_else(default_state),
            json: cli.json,
            color,
            always_color: matches!(cli.color, super::args::Color::Always),
            quiet: cli.quiet,
            verbose: cli.verbose > 0,
            interactive,
            given: Vec::new(),
        }
    }

    /// The state folder, where a command that is shown has to name it to work when it is pasted.
    pub fn said_state(&self) -> Option<PathBuf> {
        let from_environment = std::env::var_os("REGROW_STATE").is_some_and(|state| self.state.as_os_str() == state);
        (self.state != default_state() && !from_environment).then(|| self.state.clone())
    }

    pub fn looking(&self) -> Store {
        Store::look(&self.state)
    }

    /// What lies in the state folder is executed: whoever can put a run in its place decides what this user does.
    fn refuse_what_anybody_may_write(&self) -> Result<(), Failure> {
        let runs = self.state.join("runs");
        if let Some(open) = [&self.state, &runs].into_iter().find(|folder| anybody_may_write(folder)) {
            return Err(Failure::usage(
                FILES,
                format!("everybody may write in `{}`; nothing was started", open.display()),
            )
            .hint(format!("`chmod o-w {}`, and look whether all in it is yours", open.display())));
        }
        Ok(())
    }

    pub fn writing(&self) -> Result<Store, Failure> {
        self.refuse_what_anybody_may_write()?;
        Store::open(&self.state).map_err(|error| {
            Failure::usage(FILES, format!("cannot use the state folder `{}`: {error}", self.state.display()))
                .hint("name another one by --state DIR or $REGROW_STATE")
        })
    }

    /// The run that is looked at: the one named, else the newest.
    pub fn run_to_look_at(&self, named: Option<&str>) -> Result<RunDir, Failure> {
        let store = self.looking();
        match named {
            Some(beginning) => self.named(&store, beginning),
            None => match store.list()?.first() {
                Some(run) => Ok(store.run(run)),
                None => Err(Failure::usage(NO_RUN, format!("there is no run in `{}`", self.state.display()))
                    .hint("`regrow run FILE` starts one; another state folder is named by --state DIR")),
            },
        }
    }

    /// The run that is changed: the one named, else the only unfinished one that is no drill.
    pub fn run_to_change(&self, named: Option<&str>) -> Result<RunDir, Failure> {
        self.refuse_what_anybody_may_write()?;
        let store = self.looking();
        if let Some(beginning) = named {
            return self.named(&store, beginning);
        }
        let mut open: Vec<RunDir> = store.list()?.iter().map(|run| store.run(run)).filter(is_open).collect();
        match open.len() {
            1 => Ok(open.remove(0)),
            0 => Err(Failure::usage(NO_RUN, "no run is unfinished")
                .hint("name one by --run RUN, also a drill; `regrow list` shows them")),
            _ => {
                let names: Vec<String> = open.iter().map(|run| format!("`{}`", run.id())).collect();
                Err(Failure::usage(SEVERAL_RUNS, format!("several runs are unfinished: {}", names.join(", ")))
                    .hint("name one by --run RUN"))
            }
        }
    }

    fn named(&self, store: &Store, beginning: &str) -> Result<RunDir, Failure> {
        match store.find(beginning)? {
            Ok(run) => Ok(store.run(&run)),
            Err(NoRun::Unknown) => {
                Err(Failure::usage(NO_RUN, format!("there is no run `{beginning}` in `{}`", self.state.display()))
                    .hint("`regrow list` shows all runs"))
            }
            Err(NoRun::Ambiguous(runs)) => {
                let names: Vec<String> = runs.iter().map(|run| format!("`{run}`")).collect();
                Err(Failure::usage(
                    SEVERAL_RUNS,
                    format!("`{beginning}` is the beginning of several runs: {}", names.join(", ")),
                ))
            }
        }
    }
}

/// And take away or rename what others have there.
fn anybody_may_write(folder: &Path) -> bool {
    std::fs::metadata(folder).is_ok_and(|meta| meta.permissions().mode() & 0o1002 == 0o002)
}

fn is_open(run: &RunDir) -> bool {
    match recover(&Folder::new(&run.path)) {
        Ok(recovered) => {
            let state = recovered.state;
            state.ended.is_none() && state.started().is_none_or(|started| started.mode == Mode::Real)
        }
        // A run that cannot be read may well be unfinished: it is named rather than passed over.
        Err(_) => true,
    }
}

fn default_state() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/".into())).join(".local/state");
    let said = std::env::var_os("XDG_STATE_HOME").filter(|said| !said.is_empty());
    said.map_or_else(home, PathBuf::from).join("regrow")
}

/// Who answers: a statement, recorded with uid and terminal.
pub fn person(name: Option<&str>) -> Person {
    let uid = rustix::process::getuid().as_raw();
    let said = name.map(str::to_string).or_else(|| std::env::var("SUDO_USER").ok());
    let terminal = std::fs::read_link("/proc/self/fd/0").ok().map(|path| path.display().to_string());
    Person {
        name: said.or_else(|| login(uid)).unwrap_or_else(|| format!("uid-{uid}")),
        uid,
        terminal: terminal.filter(|path| path.starts_with("/dev/pts/") || path.starts_with("/dev/tty")),
    }
}

/// The login of `uid`: as the user database says it, since an environment can say anything.
fn login(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_string())
    };
    users.lines().find_map(name)
}
