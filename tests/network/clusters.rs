//! API servers that behave badly: what lets a step in is kept out of all that is written, and an answer without end ends.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::support::{Place, Said, finish};
use super::web::{Web, says};

const TOKEN: &str = "abcdefgh-Cluster-Token-42";

fn place(server: &str, user: &str) -> Place {
    let place = Place::new(
        "steps:\n  - id: look\n    uses: kubernetes.get\n    with: { kubeconfig: kube.yaml, object: deployment/lms }\n",
    );
    let cluster = format!("{{ name: it, cluster: {{ server: \"{server}\" }} }}");
    place.write(
        "kube.yaml",
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: it\nclusters: [{cluster}]\nusers: [{{ name: it, user: {user} }}]\n\
             contexts: [{{ name: it, context: {{ cluster: it, user: it }} }}]\n"
        ),
    );
    place
}

fn look(place: &Place) -> Said {
    // An answer without end must not use up the memory of who runs the tests.
    let run = "ulimit -v 4000000; exec \"$0\" run book.yaml --yes --run-id run1 --no-wait";
    finish(place.command("sh", &["-c", run, env!("CARGO_BIN_EXE_regrow")])).ends(1)
}

#[test]
fn what_lets_a_step_in_is_masked_where_a_server_repeats_it() {
    let web = Web::start(|seen, _| {
        let sent = seen.headers.iter().find_map(|header| header.split_once("uthorization: ")).map_or("", |(_, it)| it);
        let what = format!("denied for {sent}");
        let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": what, "reason": "Forbidden", "code": 403});
        says(403, "Content-Type: application/json\r\n", &status.to_string())
    });
    let token_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token_file.path(), TOKEN).unwrap();
    let in_file = format!("{{ tokenFile: \"{}\" }}", token_file.path().display());
    for user in [format!("{{ token: {TOKEN} }}"), in_file, format!("{{ username: me, password: {TOKEN} }}")] {
        let place = place(&web.url(""), &user);
        let said = look(&place);
        let cause = place.step("look")["fault"]["causes"].to_string();
        assert!(cause.contains("denied for B") && cause.contains("***"), "{user}: {cause} {said:#?}");
        for part in [TOKEN, "Cluster-T", "bWU6YWJjZGVmZ2g", "YWJjZGVmZ2gtQ2x1c3Rlci"] {
            assert_eq!(finish(place.command("grep", &["-rla", part, "state"])).stdout, "", "{part}");
            assert!(!said.stdout.contains(part) && !said.stderr.contains(part), "{said:#?}");
        }
    }
}

#[test]
fn an_answer_without_end_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let head =
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n";
                let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
                let mut sent = stream.write_all(head.as_bytes());
                while sent.is_ok() {
                    sent = stream.write_all(chunk.as_bytes());
                }
            });
        }
    });
    let place = place(&server, "{ token: none }");
    look(&place);
    let fault = place.step("look")["fault"].clone();
    assert_eq!(fault["code"], "RG3012");
    assert!(fault["message"].as_str().unwrap().contains("longer than 64 MiB"), "{fault:#}");
}
