//! Where a module's state lies, for what holds over every place.

use std::fs;

use rig::servers::moto::{KEY as KEY_ID, REGION};

use super::state_bucket::{KEY, StateBucket};
use super::state_server::StateServer;
use super::support::Place;
use super::terraform::{MODULE, place};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Local,
    Http,
    S3,
}

pub const EVERYWHERE: [Backend; 3] = [Backend::Local, Backend::Http, Backend::S3];
pub const REMOTE: [Backend; 2] = [Backend::Http, Backend::S3];

/// A state behind a server, seen past Terraform.
pub trait Remote {
    fn is_locked(&self) -> bool;
    /// For a colleague.
    fn lock_as(&self, id: &str);
    fn unlock(&self);
    fn refuse_writes(&self, refuses: bool);
    fn state(&self) -> String;
}

/// A module with such a state.
pub struct Home {
    pub place: Place,
    remote: Option<Box<dyn Remote>>,
}

impl Home {
    pub fn remote(&self) -> &dyn Remote {
        self.remote.as_deref().expect("the state lies in a file")
    }

    pub fn is_locked(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.is_locked())
    }
}

impl Backend {
    pub fn home(self, with: &str) -> Home {
        match self {
            Backend::Local => Home { place: place(MODULE, with, ""), remote: None },
            Backend::Http => {
                let server = StateServer::start();
                let url = server.url();
                let more =
                    format!(", backend_config: {{ address: {url}, lock_address: {url}, unlock_address: {url} }}");
                behind("backend \"http\" {}", &format!("{with}{more}"), "", Box::new(server))
            }
            Backend::S3 => {
                let bucket = StateBucket::start();
                // As with any S3 that is not Amazon's own.
                let block = format!(
                    "backend \"s3\" {{\n key = \"{KEY}\"\n use_lockfile = true\n use_path_style = true\n \
                     skip_credentials_validation = true\n skip_requesting_account_id = true\n \
                     skip_metadata_api_check = true\n }}"
                );
                let more = format!(
                    ", backend_config: {{ bucket: {} }}, env: {{ AWS_ENDPOINT_URL_S3: {}, AWS_REGION: {REGION}, \
                     AWS_ACCESS_KEY_ID: {KEY_ID}, AWS_SECRET_ACCESS_KEY: \"{{{{ secrets.s3 }}}}\" }}",
                    bucket.name, bucket.endpoint
                );
                let secrets = "secrets: { s3: { from: file, path: s3-key } }\n";
                let home = behind(&block, &format!("{with}{more}"), secrets, Box::new(bucket));
                home.place.write("s3-key", "that-nobody-looks-at");
                home
            }
        }
    }
}

fn behind(block: &str, with: &str, more: &str, remote: Box<dyn Remote>) -> Home {
    Home { place: place(&format!("terraform {{\n {block}\n}}\n{MODULE}"), with, more), remote: Some(remote) }
}

/// What an apply of the only run wrote down of itself.
pub fn marker(place: &Place) -> String {
    let mut found = String::new();
    for run in fs::read_dir(place.path("state/runs")).into_iter().flatten().flatten() {
        for entry in fs::read_dir(run.path().join("work")).into_iter().flatten().flatten() {
            found += &fs::read_to_string(entry.path().join("marker.json")).unwrap_or_default();
        }
    }
    found
}
