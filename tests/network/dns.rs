//! `dns.update` and `dns.lookup` on BIND.

use rig::servers::dns::{KEY, ZONE};
use serde_json::{Value, json};

use super::zone::{Lab, Step};

const EVERY_TYPE: &str = r#"- { name: www, type: A, values: [192.0.2.99, 192.0.2.98], ttl: 60 }
- { name: www, type: AAAA, values: ["2001:DB8::1"] }
- { name: db, type: CNAME, values: [new.example.net] }
- { name: "@", type: TXT, values: ["v=spf1 -all", '"two" "strings"'] }
- { name: "@", type: MX, values: ["10 mail.example.net."] }
- { name: _sip._tcp, type: SRV, values: ["1 2 5060 sip.example.net."] }
- { name: "@", type: CAA, values: ['0 issue "ca.example"'] }
- { name: "*.apps", type: A, values: [192.0.2.50] }
- { name: old.example.test., type: A, delete: true }"#;

fn fault(lab: &Lab) -> Value {
    lab.place.step("point")["fault"].clone()
}

#[test]
fn every_type_is_written_shown_everywhere_and_taken_back() {
    let lab = Lab::start();
    lab.book(EVERY_TYPE, "undo: restore_previous");
    let before = lab.dns.serial().unwrap();
    lab.place.run("").ends(0);
    let after = |name: &str, kind: &str| {
        let shown = lab.dig(name, kind);
        assert_eq!(shown, lab.dig_secondary(name, kind), "{name} {kind} on the secondary");
        shown
    };
    assert_eq!(after("www", "A"), ["192.0.2.98", "192.0.2.99"]);
    assert_eq!(after("www", "AAAA"), ["2001:db8::1"]);
    assert_eq!(after("db", "CNAME"), ["new.example.net."]);
    assert_eq!(after("@", "TXT"), ["\"two\" \"strings\"", "\"v=spf1 -all\""]);
    assert_eq!(after("@", "MX"), ["10 mail.example.net."]);
    assert_eq!(after("_sip._tcp", "SRV"), ["1 2 5060 sip.example.net."]);
    assert_eq!(after("@", "CAA"), ["0 issue \"ca.example\""]);
    assert_eq!(after("any.apps", "A"), ["192.0.2.50"]);
    assert_eq!(after("old", "A"), [""; 0]);
    assert_eq!(lab.dns.serial().unwrap(), before + 1, "one message");

    // All is as it is to be: nothing is written.
    lab.place.regrow("run book.yaml --yes --run-id run2").ends(0);
    assert_eq!(lab.dns.serial().unwrap(), before + 1);

    lab.place.argv(&["undo", "--run", "run1", "--yes", "--because", "test"]).ends(0);
    assert_eq!(lab.dig("www", "A"), ["192.0.2.10"]);
    assert_eq!(lab.dig("www", "AAAA"), [""; 0]);
    assert_eq!(lab.dig("db", "CNAME"), ["old.example.test."]);
    assert_eq!(lab.dig("old", "A"), ["192.0.2.20"]);
    assert_eq!(lab.dig("@", "TXT"), [""; 0]);
    assert_eq!(lab.dns.serial().unwrap(), before + 2);
    lab.has_no_secret();
}

#[test]
fn previous_and_records_are_what_another_step_takes() {
    let lab = Lab::start();
    lab.book(
        "- { name: www, type: A, values: [192.0.2.99] }\n- { name: new, type: A, values: [192.0.2.1], ttl: 5 }",
        "",
    );
    lab.place.run("").ends(0);
    let outputs = lab.place.step("point")["outputs"].clone();
    let www = |value: &str| json!({"name": "www.example.test.", "type": "A", "ttl": 300, "values": [value]});
    assert_eq!(
        outputs["previous"],
        json!([www("192.0.2.10"), {"name": "new.example.test.", "type": "A", "delete": true}])
    );
    let new = json!({"name": "new.example.test.", "type": "A", "ttl": 5, "values": ["192.0.2.1"]});
    assert_eq!(outputs["records"], json!([www("192.0.2.99"), new]));
    let back = outputs["previous"].as_array().unwrap().iter().map(|record| format!("- {record}\n")).collect::<String>();
    lab.book(&back, "");
    lab.place.regrow("run book.yaml --yes --run-id run2").ends(0);
    assert_eq!((lab.dig("www", "A"), lab.dig("new", "A")), (vec!["192.0.2.10".to_string()], vec![]));
}

#[test]
fn what_a_wildcard_stands_in_for_is_not_there_before_and_after() {
    let lab = Lab::start();
    lab.dns.update("update add *.apps.example.test. 60 A 192.0.2.50").unwrap();
    for value in ["192.0.2.51", "192.0.2.50"] {
        lab.book(&format!("- {{ name: one.apps, type: A, values: [{value}] }}"), "undo: restore_previous");
        let run = format!("run{}", value.len() + value.ends_with('0') as usize);
        lab.place.regrow(&format!("run book.yaml --yes --run-id {run}")).ends(0);
        lab.dns.update("update delete *.apps.example.test. A").unwrap();
        assert_eq!(lab.dig("one.apps", "A"), [value], "a record of its own");
        lab.dns.update("update add *.apps.example.test. 60 A 192.0.2.50").unwrap();
        lab.place.argv(&["undo", "--run", &run, "--yes", "--because", "test"]).ends(0);
        lab.dns.update("update delete *.apps.example.test. A").unwrap();
        assert_eq!(lab.dig("one.apps", "A"), [""; 0]);
        lab.dns.update("update add *.apps.example.test. 60 A 192.0.2.50").unwrap();
    }
}

#[test]
fn single_values_are_taken_away_and_an_alias_takes_the_place_of_addresses() {
    let lab = Lab::start();
    lab.dns.update("update add www.example.test. 300 A 192.0.2.11").unwrap();
    lab.book("- { name: www, type: A, delete: true, values: [192.0.2.10] }", "");
    lab.place.run("").ends(0);
    assert_eq!(lab.dig("www", "A"), ["192.0.2.11"]);

    lab.book("- { name: www, type: CNAME, values: [site.example.net.] }", "");
    let said = lab.place.regrow("run book.yaml --yes --run-id run2").ends(2);
    assert!(said.stderr.contains("RG2511") && said.stderr.contains("delete: true"), "{said:#?}");
    assert_eq!(lab.dig("www", "A"), ["192.0.2.11"]);

    lab.book("- { name: www, type: CNAME, values: [site.example.net.] }\n- { name: www, type: A, delete: true }", "");
    lab.place.regrow("run book.yaml --yes --run-id run3").ends(0);
    assert_eq!(lab.dig("www", "CNAME"), ["site.example.net."]);
}

#[test]
fn a_record_that_somebody_moved_meanwhile_stops_the_step() {
    let lab = Lab::start();
    lab.book("- { name: www, type: A, values: [192.0.2.99] }", "approval: {}");
    let running = lab.place.start_run("");
    lab.place.until_step("point", "waiting");
    let asks = lab.place.step("point")["asks"].clone();
    assert!(asks["what"].to_string().contains("192.0.2.10 (TTL 300) becomes 192.0.2.99 (TTL 300)"), "{asks:#}");
    lab.dns.update("update delete www.example.test. A\nupdate add www.example.test. 300 A 192.0.2.77").unwrap();
    let code = asks["code"].as_str().unwrap();
    lab.place.argv(&["approve", "point", "--run", "run1", "--code", code]).ends(0);
    running.end().ends(1);
    let fault = fault(&lab);
    assert_eq!(fault["code"], "RG2508", "{fault:#}");
    let causes = fault["causes"].to_string();
    for part in ["expected 192.0.2.10", "to be 192.0.2.99", "found 192.0.2.77"] {
        assert!(causes.contains(part), "{part}: {causes}");
    }
    assert_eq!(lab.dig("www", "A"), ["192.0.2.77"]);
    // A person decides that what is there now is right to start from.
    lab.place.argv(&["rerun", "point", "--run", "run1", "--because", "moved by us"]).ends(0);
    lab.place.regrow("resume run1 --no-wait").ends(3);
    assert!(lab.place.step("point")["asks"]["what"].to_string().contains("192.0.2.77"));
}

#[test]
fn undo_is_refused_where_somebody_moved_the_record_since() {
    let lab = Lab::start();
    lab.book(
        "- { name: www, type: A, values: [192.0.2.99] }\n- { name: old, type: A, delete: true }",
        "undo: restore_previous",
    );
    lab.place.run("").ends(0);
    lab.dns.update("update delete www.example.test. A\nupdate add www.example.test. 300 A 192.0.2.77").unwrap();
    let said = lab.place.argv(&["undo", "--run", "run1", "--yes", "--because", "test"]);
    assert_ne!(said.code, Some(0), "{said:#?}");
    assert!(said.stderr.contains("RG2508") || fault(&lab)["code"] == "RG2508", "{said:#?}");
    assert_eq!(lab.dig("www", "A"), ["192.0.2.77"]);
    assert_eq!(lab.dig("old", "A"), [""; 0], "nothing is taken back by half");
}

#[test]
fn the_step_waits_for_a_secondary_that_lags_and_names_it() {
    let lab = Lab::lagging(3600);
    let server = lab.dns.server();
    let records = "- { name: www, type: A, values: [192.0.2.99] }";
    let with = "wait: { timeout: 4s }";
    lab.step(&Step { server: &server, zone: ZONE, key: KEY, secret: "tsig", records, with, more: "" });
    let running = lab.place.start_run("");
    lab.place.until("progress is shown", |place| {
        place.run_dir().join("journal.000001").exists()
            && place.step("point")["progress"]
                == json!({"done": 1, "total": 2, "unit": "servers", "doing": place.step("point")["progress"]["doing"]})
    });
    running.end().ends(1);
    let fault = fault(&lab);
    assert_eq!(fault["code"], "RG2509", "{fault:#}");
    assert!(fault["causes"].to_string().contains("ns2.example.test."), "{fault:#}");
    assert!(fault["causes"].to_string().contains("192.0.2.10"), "{fault:#}");
    assert_eq!(lab.dig("www", "A"), ["192.0.2.99"]);
    let serial = lab.dns.serial().unwrap();
    // The retry only waits.
    lab.place.regrow("retry point --run run1").ends(0);
    lab.place.regrow("resume run1").ends(1);
    assert_eq!(lab.dns.serial().unwrap(), serial);
}

#[test]
fn a_resolver_that_is_named_is_waited_for_until_its_answer_is_old() {
    let lab = Lab::start();
    lab.dns.update("update add short.example.test. 3 A 192.0.2.1").unwrap();
    let resolver = lab.dns.resolver();
    assert_eq!(lab.dns.dig(&resolver, "short", "A").unwrap(), ["192.0.2.1"]);
    let server = lab.dns.server();
    let records = "- { name: short, type: A, values: [192.0.2.2] }";
    let with = format!("wait: {{ servers: [], resolvers: [\"{resolver}\"] }}");
    lab.step(&Step { server: &server, zone: ZONE, key: KEY, secret: "tsig", records, with: &with, more: "" });
    lab.place.run("").ends(0);
    assert_eq!(lab.dns.dig(&resolver, "short", "A").unwrap(), ["192.0.2.2"]);
    assert!(lab.place.regrow("logs point --run run1").stdout.contains(&format!("waits: {resolver}")));
}

#[test]
fn a_refusal_has_a_code_of_its_own_and_is_known_before_anything_starts() {
    let lab = Lab::start();
    let server = lab.dns.server();
    let records = "- { name: www, type: A, values: [192.0.2.99] }";
    let step = |key: &'static str, secret: &'static str, zone: &'static str| Step {
        server: &server,
        zone,
        key,
        secret,
        records,
        with: "",
        more: "",
    };
    for (step, code, word) in [
        (step("nobody", "tsig", ZONE), "RG2505", "BADKEY"),
        (step(KEY, "wrong", ZONE), "RG2505", "BADSIG"),
        (step(KEY, "tsig", "apps.example.test"), "RG2507", "apps.example.test"),
        (step(KEY, "tsig", "example.net"), "RG2502", "REFUSED"),
        (Step { server: "127.0.0.1:1", ..step(KEY, "tsig", ZONE) }, "RG2501", "127.0.0.1:1"),
    ] {
        lab.step(&step);
        let said = lab.place.regrow("plan book.yaml --json").ends(2);
        let plan: Value = serde_json::from_str(&said.stdout).unwrap();
        let fault = &plan["findings"][0]["fault"];
        assert_eq!(fault["code"], code, "{fault:#}");
        assert!(fault["message"].as_str().unwrap().contains(word), "{fault:#}");
        assert!(fault["hint"].is_string(), "{fault:#}");
    }
    // What a key may change is asked only by changing it.
    lab.step(&lab.idle_step(&server, records));
    lab.place.run("").ends(1);
    let fault = fault(&lab);
    assert_eq!(fault["code"], "RG2504", "{fault:#}");
    assert_eq!(lab.dig("www", "A"), ["192.0.2.10"]);
}

#[test]
fn a_ttl_longer_than_the_rto_is_a_finding() {
    let lab = Lab::start();
    lab.dns.update("update add slow.example.test. 86400 A 192.0.2.1").unwrap();
    lab.book("- { name: slow, type: A, values: [192.0.2.2] }\n- { name: www, type: A, values: [192.0.2.2] }", "");
    let serial = lab.dns.serial().unwrap();
    let said = lab.place.regrow("plan book.yaml --json").ends(0);
    let plan: Value = serde_json::from_str(&said.stdout).unwrap();
    let finding = &plan["findings"][0];
    assert_eq!((&finding["fault"]["code"], &finding["severity"]), (&json!("RG2514"), &json!("warning")), "{plan:#}");
    let message = finding["fault"]["message"].as_str().unwrap();
    assert!(message.contains("slow.example.test.") && message.contains("1d") && message.contains("1h"), "{message}");
    assert!(lab.place.regrow("plan book.yaml").ends(0).stdout.contains("RG2514"));
    assert_eq!(lab.dns.serial().unwrap(), serial, "a plan changes nothing");
    lab.book("- { name: slow, type: A, values: [192.0.2.1] }", "");
    let said = lab.place.regrow("plan book.yaml --json").ends(0);
    assert_eq!(serde_json::from_str::<Value>(&said.stdout).unwrap()["findings"], json!([]), "nothing changes");
}

#[test]
fn a_large_answer_is_fetched_whole_and_lookups_prove() {
    let lab = Lab::start();
    let values: Vec<String> = (0..40).map(|n| format!("value-{n:02}-{}", "x".repeat(60))).collect();
    let list = serde_json::to_string(&values).unwrap();
    let verify = format!(
        "verify:\n  - probe: dns.lookup\n    with: {{ name: big.example.test, type: TXT, server: \"{0}\" }}\n    expect: {{ equals: {list} }}\n  \
         - probe: dns.lookup\n    with: {{ name: nothing.example.test., server: \"{0}\" }}\n    expect: {{ equals: [] }}",
        lab.dns.server()
    );
    lab.book(&format!("- {{ name: big, type: TXT, values: {list} }}"), &verify);
    lab.place.run("").ends(0);
    let step = |name: &str, server: &str| {
        let text = format!(
            "version: 1\nname: book\nseverity: partial\nsteps:\n  - id: look\n    uses: dns.lookup\n    with: {{ name: {name}, server: \"{server}\" }}\n"
        );
        lab.place.write("book.yaml", &text);
    };
    step("db.example.test", &lab.dns.server());
    lab.place.regrow("run book.yaml --yes --run-id run2").ends(0);
    let look = lab.place.step("look");
    assert_eq!(look["outputs"]["values"], json!(["192.0.2.20"]), "behind an alias: {look:#}");
    assert_eq!((&look["outputs"]["code"], &look["outputs"]["authoritative"]), (&json!("NOERROR"), &json!(true)));
    step("nothing.example.test", &lab.dns.server());
    lab.place.regrow("run book.yaml --yes --run-id run3").ends(1);
    assert_eq!(lab.place.step("look")["fault"]["code"], "RG2512");
}

#[test]
fn what_is_no_record_is_refused_by_check() {
    let lab = Lab::start();
    for (record, word) in [
        ("{ name: www.example.net., type: A, values: [192.0.2.1] }", "does not lie in the zone"),
        ("{ name: www, type: A, values: [site] }", "192.0.2.1"),
        ("{ name: www, type: CNAME, values: [site] }", "no full name"),
        ("{ name: www, type: A }", "delete: true"),
        ("{ name: www, type: NS, values: [ns.example.net.] }", "NS"),
        ("{ name: www, type: CNAME, values: [a.example.net., b.example.net.] }", "one name only"),
    ] {
        lab.book(&format!("- {record}"), "");
        let said = lab.place.regrow("check book.yaml").ends(2);
        assert!(said.stderr.contains(word) || said.stdout.contains(word), "{record}: {said:#?}");
    }
    lab.book(
        "- { name: www, type: A, values: [192.0.2.1] }\n- { name: www.example.test., type: A, values: [192.0.2.2] }",
        "",
    );
    lab.place.regrow("check book.yaml").ends(2);
}
