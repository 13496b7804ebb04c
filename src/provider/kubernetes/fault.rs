//! What an API server says, as a [`Fault`].

use std::time::Duration;

use http_body_util::LengthLimitError;
use kube::Error;
use kube::client::AuthError;
use kube::config::ExecConfig;
use kube::core::Status;
use kube::error::DiscoveryError;

use super::object::Named;
use crate::model::fault::add_causes;
use crate::model::{Fault, RetryClass};
use crate::runbook::duration;

/// `server` is where it was sent, or what it was about.
pub fn of(error: &Error, server: &str) -> Fault {
    match error {
        Error::Api(status) => refused(status, server),
        Error::Auth(error) => of_auth(error, None),
        Error::Service(error) if error.is::<LengthLimitError>() => {
            Fault::new("RG3012", format!("the answer of {server} does not end, or is longer than 64 MiB"))
                .hint("look what stands at the address; no list that regrow asks for is as long")
        }
        Error::Service(error) => match error.downcast_ref::<AuthError>() {
            Some(error) => of_auth(error, None),
            None => silent(server, &**error),
        },
        Error::HyperError(_) | Error::ReadEvents(_) => silent(server, error),
        Error::RustlsTls(error) => {
            Fault::new("RG3002", "the certificates of the kubeconfig cannot be used").caused_by(error)
        }
        other => Fault::new("RG3012", format!("the answer of {server} cannot be read")).caused_by(other),
    }
}

/// While the credentials are got, for which the kubeconfig may name a program.
pub fn of_entry(error: &Error, server: &str, program: Option<&ExecConfig>) -> Fault {
    match error {
        Error::Auth(error) => of_auth(error, program),
        other => of(other, server),
    }
}

/// A program that gives neither credentials nor an end.
pub fn hangs(program: Option<&ExecConfig>, longest: Duration) -> Fault {
    let what = format!("{} does not end within {}", named(program), duration::format(longest));
    Fault::new("RG3006", what).hint(BY_HAND).retry(RetryClass::Later)
}

/// Nothing was written because of it.
pub fn moved(what: &str, why: impl Into<String>) -> Fault {
    let mut fault = Fault::new("RG3010", format!("somebody else changed {what}")).hint(
        "it was not written; look who did it, then `regrow rerun STEP --because …` starts from what is there now",
    );
    fault.causes.push(why.into());
    fault
}

/// Somebody writes between each look and the write that is bound to it.
pub fn restless(what: &str) -> Fault {
    Fault::new("RG3010", format!("{what} is written by somebody all the time"))
        .hint("wait until it is left alone, then try again")
        .retry(RetryClass::Later)
}

fn silent(server: &str, error: &(dyn std::error::Error + 'static)) -> Fault {
    let mut causes = Vec::new();
    add_causes(&mut causes, error);
    let tls = causes.iter().any(|cause| cause.contains("certificate"));
    let (what, hint) = if tls {
        (
            format!("the server at {server} has a certificate that the kubeconfig does not accept"),
            "another cluster may stand at the address, or the kubeconfig is of an earlier one",
        )
    } else {
        (
            format!("the API server at {server} does not answer"),
            "look whether the cluster runs and whether its address can be reached from here",
        )
    };
    let retry = if tls { RetryClass::Never } else { RetryClass::Later };
    let mut fault = Fault::new("RG3001", what).hint(hint).retry(retry);
    fault.causes = causes;
    fault
}

fn refused(status: &Status, server: &str) -> Fault {
    let says = |what: &str| format!("the API server at {server} {what}");
    let (code, what, hint, retry) = match status.code {
        401 => (
            "RG3004",
            says("does not accept the credentials"),
            "a token has expired or is of another cluster: renew the kubeconfig",
            RetryClass::Never,
        ),
        403 => ("RG3005", says("does not allow it"), "the cause names what is missing in the roles", RetryClass::Never),
        404 => ("RG3008", says("knows no such object"), "look at its name and namespace", RetryClass::Never),
        409 => ("RG3010", says("was told otherwise meanwhile"), "look who changes the same object", RetryClass::Later),
        429 | 500 | 502..=504 => ("RG3001", says("cannot answer now"), "wait, then try again", RetryClass::Later),
        _ => ("RG3012", says("refuses it"), "the cause says why", RetryClass::Never),
    };
    let mut fault = Fault::new(code, what).hint(hint).retry(retry);
    if !status.message.is_empty() {
        fault.causes.push(status.message.clone());
    }
    fault
}

const BY_HAND: &str =
    "run it by hand with nothing in its environment but PATH, HOME, LANG and what the kubeconfig says";

/// By its name alone: its arguments and its environment hold what lets us in.
fn named(program: Option<&ExecConfig>) -> String {
    match program.and_then(|program| program.command.as_deref()) {
        Some(command) => format!("`{command}`, which the kubeconfig names for credentials,"),
        None => "the program that the kubeconfig names for credentials".to_owned(),
    }
}

/// Never with what a helper program printed, nor with how it was called: that is where tokens are.
fn of_auth(error: &AuthError, program: Option<&ExecConfig>) -> Fault {
    let who = named(program);
    match error {
        AuthError::AuthExecStart(error) => {
            let mut fault = Fault::new("RG3006", format!("{who} cannot be started"))
                .hint("install it on this machine, where `PATH` finds it, or use a kubeconfig with a token")
                .caused_by(error);
            let told = program.and_then(|program| program.install_hint.as_deref()).map(str::trim);
            fault.causes.extend(told.map(|told| format!("the kubeconfig says: {told}")));
            fault
        }
        AuthError::AuthExecRun { out, .. } => {
            Fault::new("RG3006", format!("{who} failed: {}", out.status)).hint(BY_HAND).retry(RetryClass::Later)
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed | AuthError::AuthExec(_) => {
            Fault::new("RG3006", format!("{who} gives none")).hint("run it by hand and look at what it prints")
        }
        AuthError::ReadTokenFile(error, path) => {
            Fault::new("RG3004", format!("the token file `{}` of the kubeconfig cannot be read", path.display()))
                .caused_by(error)
        }
        _ => Fault::new("RG3004", "the credentials of the kubeconfig cannot be used").hint("renew the kubeconfig"),
    }
}

/// For the question what the cluster knows of a kind.
pub fn of_discovery(error: &Error, server: &str, named: &Named) -> Fault {
    let unknown = match error {
        Error::Discovery(DiscoveryError::MissingKind(_) | DiscoveryError::MissingApiGroup(_)) => true,
        Error::Api(status) => status.code == 404,
        _ => false,
    };
    if !unknown {
        return of(error, server);
    }
    let (kind, version) = (&named.kind.kind, named.kind.api_version());
    Fault::new("RG3009", format!("the cluster at {server} has no kind `{kind}` of `{version}`"))
        .hint("its definition (CRD) is not there yet, or in another version")
}
