//! Clusters that cannot be reached, do not let us in, or are not named rightly: each has its code, a hint, and shows no token.

use rig::servers::free_port;
use rig::servers::kubernetes::keys::STRANGER;

use super::lab::Lab;

/// The same cluster at a port at which nobody listens.
pub fn silent(kubeconfig: &str) -> String {
    let server = kubeconfig.lines().find_map(|line| line.split("https://127.0.0.1:").nth(1)).unwrap();
    let port = server.split('\'').next().unwrap();
    kubeconfig.replace(port, &free_port().unwrap().to_string())
}

/// Of a run of `kubernetes.get` with this kubeconfig.
#[track_caller]
fn code(lab: &Lab, run: &str, kubeconfig: &str, with: &str) -> String {
    lab.kubeconfig(kubeconfig);
    lab.book("get", &format!("object: namespace/default\n{with}"), "");
    let said = lab.place.regrow(&format!("run book.yaml --yes --no-wait --run-id {run}")).ends(1);
    let fault = lab.fault();
    assert!(fault["hint"].is_string() && fault["message"].is_string(), "{fault:#}");
    let all = format!("{said:?}{}{}", lab.place.regrow("report").stdout, lab.place.regrow("events --json").stdout);
    for token in ["rig-stranger", "sesame-expired", "sesame-in-its-environment"] {
        assert!(!all.contains(token), "{token} is shown: {all}");
    }
    fault["code"].as_str().unwrap().to_owned()
}

#[test]
fn every_way_not_to_get_in_has_a_code_and_a_hint() {
    let lab = Lab::new();
    let good = lab.place.read("kube");
    let expired = lab.shared.cluster.kubeconfig_of("sesame-expired");
    let stranger = lab.shared.cluster.kubeconfig_of(STRANGER);
    let silent = silent(&good);
    let user = "user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: COMMAND, interactiveMode: Never, \
                installHint: get it from your provider, env: [{name: CLIENT_SECRET, value: sesame-in-its-environment}]}}";
    let line = good.lines().find(|line| line.contains("token:")).unwrap().trim().to_owned();
    let exec = |command: &str| good.replace(&line, &user.replace("COMMAND", command));
    lab.place.write("plugin", "#!/bin/sh\necho sesame-expired\necho sesame-expired >&2\nexit 3\n");
    let plugin = lab.place.path("plugin");
    std::fs::set_permissions(&plugin, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let proxied = good.replace("{server:", "{proxy-url: 'http://127.0.0.1:9', server:");
    assert_ne!(proxied, good);
    let cases = [
        (silent.as_str(), "", "RG3001"),
        ("no: kubeconfig: [", "", "RG3002"),
        (&good.replace("current-context: rig\n", ""), "", "RG3003"),
        (&good, "context: staging", "RG3003"),
        (&expired, "", "RG3004"),
        (&stranger, "", "RG3005"),
        (&exec("no-such-plugin-here"), "", "RG3006"),
        (&exec(plugin.to_str().unwrap()), "", "RG3006"),
        (&proxied, "", "RG3021"),
        (&good, "api_version: nothing.test/v1", "RG3009"),
    ];
    for (at, (kubeconfig, with, wanted)) in cases.into_iter().enumerate() {
        let found = code(&lab, &format!("case{at}"), kubeconfig, with);
        let fault = lab.fault();
        assert_eq!(found, wanted, "case {at}: {fault:#}");
        if wanted == "RG3006" {
            let named = ["no-such-plugin-here", plugin.to_str().unwrap()].map(|program| format!("`{program}`, which"));
            let message = fault["message"].as_str().unwrap();
            assert!(named.iter().any(|named| message.contains(named)), "{fault:#}");
            let hinted = fault["causes"].to_string().contains("get it from your provider");
            assert_eq!(hinted, message.contains("cannot be started"), "{fault:#}");
        }
    }
    std::fs::remove_file(lab.place.path("kube")).unwrap();
    lab.place.regrow("run book.yaml --yes --no-wait --run-id gone").ends(1);
    assert_eq!(lab.fault()["code"], "RG3002");
}

/// What leads to the cluster is the kubeconfig alone.
#[test]
fn a_proxy_of_the_environment_is_not_looked_at() {
    let lab = Lab::new();
    lab.book("get", "object: namespace/default", "");
    let mut run =
        lab.place.command(super::support::REGROW, &["run", "book.yaml", "--yes", "--no-wait", "--run-id", "run1"]);
    run.env("HTTPS_PROXY", "http://127.0.0.1:9").env("https_proxy", "no address");
    super::support::finish(run).ends(0);
}

/// As a step that makes a cluster puts it out.
#[test]
fn a_kubeconfig_may_be_the_output_of_a_step() {
    let lab = Lab::new();
    let book = format!(
        "version: 1\nname: book\nseverity: partial\nsteps:\n\
         \x20 - id: cluster\n    needs: []\n    run: |\n      printf 'kubeconfig<<END\\n%s\\nEND\\n' \"$(cat kube)\" >> \"$REGROW_OUTPUT\"\n\
         \x20   with: {{ outputs: {{ kubeconfig: {{ type: string }} }} }}\n\
         \x20 - id: it\n    needs: [cluster]\n    uses: kubernetes.get\n    with:\n      kubeconfig: \"{{{{ steps.cluster.outputs.kubeconfig }}}}\"\n      context: rig\n      object: namespace/{}\n",
        lab.space
    );
    lab.place.write("book.yaml", &book);
    lab.place.run("").ends(0);
    assert_eq!(lab.place.step("it")["outputs"]["found"], true);
}

/// Each line of the file's head says code, place and help.
#[test]
fn what_is_written_wrong_is_said_where_it_stands() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kubernetes/broken.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let place = super::support::Place::new("steps: []\n");
    let said = place.argv(&["check", "--json", file]).ends(2).stdout;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let problems = said["problems"].as_array().unwrap().iter().map(|problem| {
        let text = |key: &str| problem[key].as_str().unwrap_or_default();
        format!("# {} {}:{} {}", text("code"), problem["line"], problem["column"], text("help"))
    });
    let wanted: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    assert_eq!(problems.collect::<Vec<_>>(), wanted, "{said:#}");
}
