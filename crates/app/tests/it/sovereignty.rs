//! Requirement 10 on the command line: evidence from a file on this machine to a report in each form.

use std::fs;

use serde_json::Value;

use crate::{Home, server::Server};

#[test]
fn evidence_is_recorded_from_a_file_and_the_report_comes_in_each_form() {
    let home = Home::new();
    let server = Server::start(&home.path("data"), &home.path("."));
    let run = |arguments: &[&str]| {
        let connection = ["--server", &server.url, "--token", &server.token];
        home.run(&[arguments, &connection].concat())
    };
    fs::write(home.path("contract.txt"), "the contract").unwrap();
    fs::write(home.path("other.txt"), "another").unwrap();
    let criterion = "csf.sov-1.seal-2.1";
    let record = ["evidence", "record", criterion, "--kind", "declared", "--issuer"];
    let file = ["local-operator", "--document", "contract.txt", "--valid-until", "2099-12-31"];
    let made = run(&[&record[..], &file, &["-o", "json"]].concat());
    assert_eq!(made.code, 0, "{}", made.stderr);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(made["valid_until"], "2100-01-01T00:00:00Z");
    let id = made["id"].as_str().unwrap();
    run(&["evidence", "list", "csf.sov-1"]).check(0, &[]);
    run(&["evidence", "show", id, "--document", "contract.txt"]).check(0, &[]);
    run(&["evidence", "show", id, "--document", "other.txt"]).check(1, &["is another document"]);
    run(&["audit", "criteria", "csf.sov-1"]).check(0, &[]);
    run(&["audit", "criteria", "nothing"]).check(3, &["no criterion begins with `nothing`"]);

    for form in ["text", "html", "json", "oscal"] {
        run(&["audit", "report", "--format", form, "--out", form]).check(0, &["report written"]);
    }
    let read = |form: &str| fs::read_to_string(home.path(form)).unwrap();
    for form in ["text", "html"] {
        assert!(read(form).contains("Kept down whatever is recorded"), "{form}");
    }
    let report: Value = serde_json::from_str(&read("json")).unwrap();
    assert_eq!(report["evidence"][0]["id"], id);
    let oscal: Value = serde_json::from_str(&read("oscal")).unwrap();
    let results = oscal["assessment-results"]["results"].as_array().unwrap();
    assert_eq!(results.len(), report["frameworks"].as_array().unwrap().len());
    // A saved report is rendered without any platform.
    drop(server);
    let again = home.run(&["audit", "report", "--from", "json"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stdout.contains("SEAL-0") && again.stdout.contains("1 pieces of evidence"));
    home.run(&["audit", "report", "--from", "text"]).check(7, &["is no saved report"]);
}
