//! What a step says of the cluster it means.

use std::path::Path;
use std::thread;
use std::time::Duration;

use http_body_util::Limited;
use hyper::Response;
use kube::client::{ClientBuilder, DynBody};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tower::util::MapResponseLayer;

use super::fault;
use crate::kind::ReadCx;
use crate::model::Fault;
use crate::model::secret::Secret;
use crate::provider::mask::{self, Masker};
use crate::runbook::catalog::{Complaint, Late};

/// Which cluster it is, and how it is reached.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Reach {
    /// A kubeconfig: a file relative to the runbook, or its whole text as a step or a secret gives it. `~/.kube/config`
    /// unless said.
    #[serde(default)]
    kubeconfig: Option<Secret>,
    /// The context of the kubeconfig; its current one unless said.
    #[serde(default)]
    context: Option<String>,
    /// The namespace; that of the context unless said, else `default`.
    #[serde(default)]
    namespace: Option<String>,
}

/// A server that does not take a connection within this is not there.
const CONNECT: Duration = Duration::from_secs(5);
/// Every answer comes at once; a longer silence is a connection that is dead.
const ANSWER: Duration = Duration::from_secs(30);
/// A program that gives credentials asks somebody over the network, and one that asks a person has nobody here.
const CREDENTIALS: Duration = Duration::from_secs(60);

/// Longer than the longest list; a server that never stops is not listened to until all memory is used up. A watch ends
/// there, too.
const LONGEST: usize = 64 << 20;

/// A server that can be asked.
pub(super) struct Door {
    pub client: Client,
    pub server: String,
    /// The one that is meant.
    pub namespace: String,
    /// Of what lets us in, too: no secret of the run, and servers and proxies repeat it.
    pub masker: Masker,
}

impl Reach {
    /// Of a step that says on its own which namespace it means.
    pub fn within(kubeconfig: Option<Secret>, context: Option<String>, namespace: String) -> Reach {
        Reach { kubeconfig, context, namespace: Some(namespace) }
    }

    pub(super) async fn door(&self, cx: &ReadCx) -> Result<Door, Fault> {
        let mut kubeconfig = self.read(cx)?;
        if let Some(wanted) = &self.context
            && !kubeconfig.contexts.iter().any(|context| &context.name == wanted)
        {
            let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
            return Err(Fault::new("RG3003", format!("the kubeconfig has no context `{wanted}`"))
                .hint(format!("it has: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })));
        }
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        without_proxy(&mut kubeconfig, self.context.as_deref())?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unfit(&error))?;
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = Some(ANSWER);
        config.proxy_url = None;
        // What was sent may have arrived: who sends again looks first.
        config.default_retry = false;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let masker = Masker::new(cx.secrets.iter().chain(&credentials(&config)));
        let client = entered(config, &server).await.map_err(|fault| masker.masked(fault))?;
        Ok(Door { client, server, namespace, masker })
    }

    fn read(&self, cx: &ReadCx) -> Result<Kubeconfig, Fault> {
        match self.kubeconfig.as_ref().map(Secret::expose) {
            // A path has one line, a kubeconfig more, or it is JSON.
            Some(text) if text.trim().contains('\n') || text.trim_start().starts_with('{') => {
                Kubeconfig::from_yaml(text).map_err(|_| no_kubeconfig("the text"))
            }
            Some(path) => file(&cx.path(path)),
            None => {
                let home = std::env::var_os("HOME").ok_or_else(|| {
                    Fault::new("RG3002", "no kubeconfig is named, and there is no home folder to look in")
                        .hint("name it with `kubeconfig`")
                })?;
                file(&Path::new(&home).join(".kube/config"))
            }
        }
    }
}

/// With its credentials. A program that gives them is waited for without an end by the client, so that is done on a thread that
/// can be left behind.
async fn entered(config: Config, server: &str) -> Result<Client, Fault> {
    let program = config.auth_info.exec.clone();
    if program.is_none() {
        return client(config).map_err(|error| fault::of(&error, server));
    }
    let (give, given) = oneshot::channel();
    let runtime = Handle::current();
    thread::spawn(move || {
        let _entered = runtime.enter();
        drop(give.send(client(config)));
    });
    match timeout(CREDENTIALS, given).await {
        Ok(Ok(client)) => client.map_err(|error| fault::of_entry(&error, server, program.as_ref())),
        Ok(Err(_)) | Err(_) => Err(fault::hangs(program.as_ref(), CREDENTIALS)),
    }
}

fn client(config: Config) -> Result<Client, kube::Error> {
    let limited = |answer: Response<Box<DynBody>>| answer.map(|body| Limited::new(body, LONGEST));
    Ok(ClientBuilder::try_from(config)?.with_layer(&MapResponseLayer::new(limited)).build())
}

/// The way to a cluster is what its kubeconfig says, and a proxy is none that we can go. Where it names none the client would
/// look in the environment.
fn without_proxy(kubeconfig: &mut Kubeconfig, context: Option<&str>) -> Result<(), Fault> {
    let context = context.or(kubeconfig.current_context.as_deref());
    let meant = kubeconfig.contexts.iter().find(|known| Some(known.name.as_str()) == context);
    let meant = meant.and_then(|known| known.context.as_ref()).map(|known| known.cluster.clone());
    for known in &mut kubeconfig.clusters {
        let Some(cluster) = &mut known.cluster else { continue };
        let is_proxied = cluster.proxy_url.as_ref().is_some_and(|url| !url.is_empty());
        if is_proxied && Some(&known.name) == meant.as_ref() {
            return Err(Fault::new(
                "RG3021",
                format!("the kubeconfig leads to the cluster `{}` by a proxy", known.name),
            )
            .hint(
                "regrow goes there by itself: take `proxy-url` out, or open a way to the API server (a tunnel, a VPN)",
            ));
        }
        // Any will do: it is looked at in front of the environment, and is not used.
        cluster.proxy_url = Some("http://unused.invalid".to_owned());
    }
    Ok(())
}

/// What is sent to be let in. What a program of the kubeconfig gives is known to the client alone.
fn credentials(config: &Config) -> Vec<Secret> {
    let said = serde_json::to_value(&config.auth_info).unwrap_or_default();
    let inline = ["token", "password", "client-key-data"].into_iter().flat_map(|key| mask::texts(&said[key]));
    let file = said["tokenFile"].as_str().and_then(|path| std::fs::read_to_string(path).ok());
    // What a program is given to get them.
    let given = said["exec"]["env"].as_array().into_iter().flatten().flat_map(|one| mask::texts(&one["value"]));
    inline.chain(given).chain(file.into_iter().flat_map(|token| mask::texts(&token.into()))).collect()
}

fn file(path: &Path) -> Result<Kubeconfig, Fault> {
    Kubeconfig::read_from(path).map_err(|error| match error {
        KubeconfigError::ReadConfig(error, _) => {
            Fault::new("RG3002", format!("the kubeconfig `{}` cannot be read", path.display()))
                .hint("name the file with `kubeconfig`, relative to the runbook")
                .caused_by(&error)
        }
        _ => no_kubeconfig(&format!("the file `{}`", path.display())),
    })
}

/// Without the reader's own words, which quote the text.
fn no_kubeconfig(what: &str) -> Fault {
    Fault::new("RG3002", format!("{what} is no kubeconfig"))
        .hint("it holds `clusters`, `users` and `contexts`, as `kubectl config view --raw --flatten` prints them")
}

fn unfit(error: &KubeconfigError) -> Fault {
    let fault = |code, what: String| Fault::new(code, what);
    match error {
        KubeconfigError::CurrentContextNotSet => {
            fault("RG3003", "the kubeconfig has no current context".into()).hint("name one with `context`")
        }
        KubeconfigError::LoadContext(name) => fault("RG3003", format!("the kubeconfig has no context `{name}`")),
        KubeconfigError::LoadClusterOfContext(name) => {
            fault("RG3002", format!("the kubeconfig does not say where the cluster `{name}` of the context is"))
        }
        KubeconfigError::LoadCertificateAuthority(error)
        | KubeconfigError::LoadClientCertificate(error)
        | KubeconfigError::LoadClientKey(error) => {
            fault("RG3002", "a certificate or key of the kubeconfig cannot be read".into()).caused_by(error)
        }
        other => fault("RG3002", "the kubeconfig leads to no cluster".into()).caused_by(other),
    }
}

/// What is wrong with the fields of a [`Reach`] before anything runs.
pub fn check_reach(with: &Late<'_>) -> Vec<Complaint> {
    let empty = |field: &'static str| {
        let is_empty = with.text(&[field]).is_some_and(|text| text.trim().is_empty());
        is_empty.then(|| {
            let what = format!("`{field}` is empty");
            Complaint::of(&[field], "RG3014", Fault::new("RG3014", what).hint("leave it out, or say which is meant"))
        })
    };
    ["kubeconfig", "context", "namespace"].into_iter().filter_map(empty).collect()
}

/// `deployment/lms in namespace edx`, as far as it is known.
pub fn foreseen(with: &Late<'_>, object: &str) -> String {
    let mut text = with.text(&[object]).unwrap_or("an object that the run knows").to_owned();
    if let Some(namespace) = with.text(&["namespace"]) {
        text.push_str(&format!(" in namespace {namespace}"));
    }
    text + &of_cluster(with)
}

/// ` of cluster production`, where its context is known.
pub fn of_cluster(with: &Late<'_>) -> String {
    with.text(&["context"]).map(|context| format!(" of cluster {context}")).unwrap_or_default()
}
