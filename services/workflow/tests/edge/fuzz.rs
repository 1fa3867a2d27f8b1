//! Requests that Schemathesis makes up from the OpenAPI document, also with what earlier answers said, against the whole service: none is
//! answered with a defect of ours, and each answer is one that the document knows, in the shape that it says.

use std::path::Path;

use deis_workflow::images::{Copied, Pulled};
use serde_json::json;
use tokio::process::Command;

use super::builder_hooks::KEY;
use super::push::{build, events, image};
use super::sandbox::Sandbox;

/// What is looked at in each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance";
/// What ends the account that asks, its token or its password.
const ENDS: &str = "accounts_(cancel|change_password|regenerate_tokens)";
/// And what takes the app from it.
const ENDS_OR_TAKES: &str = "accounts_(cancel|change_password|regenerate_tokens)|apps_(destroy|transfer)";
/// Of what is asked in known places: there is an app, with a release, and nobody waits for lines that are still to come.
const KNOWN: &str = r#"[parameters]
"path.app" = "shop"
"path.type" = "web"
"path.version" = "v2"
"path.other" = "v1"
"path.user" = "bob"
"query.follow" = false
"#;
/// Of what is asked everywhere.
const ANYWHERE: &str = "[parameters]\n\"query.follow\" = false\n";

/// Who asks for what.
struct Pass<'a> {
    name: &'static str,
    token: &'a str,
    config: &'static str,
    phases: &'static str,
    /// Which operations.
    filter: &'static [&'static str],
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_made_up_from_the_document_is_answered_as_it_says() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u32>().expect(name));
    // The same requests each time, but for `make fuzz-api`.
    let (examples, seed) = (number("DEIS_FUZZ_EXAMPLES").unwrap_or(4), number("DEIS_FUZZ_SEED").unwrap_or(2016));
    let sandbox = Sandbox::start().await;
    let (admin, owner, carol) = (sandbox.user("admin").await, sandbox.user("bob").await, sandbox.user("carol").await);
    for app in ["shop", "bare"] {
        assert_eq!(sandbox.post("/v2/apps/", &owner, json!({ "id": app })).await.status.as_u16(), 201);
    }
    assert_eq!(events(&sandbox, build("shop", &image("shop", "1"))).await, ["v2 created", "v2 deployed"]);
    let pulled =
        Pulled { user: 101, exposed_port: Some(8080), entrypoint: vec!["/serve".to_owned()], command: Vec::new() };
    sandbox.builder.answer_pulls(Copied { image: image("shop", "2"), pulled });

    let passes = [
        Pass {
            name: "an app that is there",
            token: &owner,
            config: KNOWN,
            phases: "examples,coverage,fuzzing",
            filter: &["--exclude-operation-id-regex", ENDS_OR_TAKES],
        },
        Pass {
            name: "from one to the next",
            token: &owner,
            config: ANYWHERE,
            phases: "stateful",
            filter: &["--exclude-operation-id-regex", ENDS],
        },
        Pass {
            name: "an administrator",
            token: &admin,
            config: KNOWN,
            phases: "coverage,fuzzing",
            filter: &[
                "--include-operation-id-regex",
                "accounts_(login|register|whoami)|users_|administrators_(activity|list)|root_",
            ],
        },
        Pass {
            name: "an outside builder",
            token: &owner,
            config: KNOWN,
            phases: "coverage,fuzzing",
            filter: &["--include-tag", "hooks"],
        },
        Pass {
            name: "what ends the account",
            token: &carol,
            config: ANYWHERE,
            phases: "coverage,fuzzing",
            filter: &["--include-operation-id-regex", ENDS],
        },
    ];
    let (mut cases, mut failures) = (0, Vec::new());
    for pass in passes {
        match ask(&sandbox, &pass, examples, seed).await {
            Ok((asked, said)) => {
                println!("{}\n{said}", pass.name);
                cases += asked;
            }
            Err(said) => failures.push(format!("{}\n{said}", pass.name)),
        }
    }
    println!("{cases} cases, DEIS_FUZZ_SEED={seed} DEIS_FUZZ_EXAMPLES={examples}");
    assert!(failures.is_empty(), "DEIS_FUZZ_SEED={seed} DEIS_FUZZ_EXAMPLES={examples}\n{}", failures.join("\n"));
    let least = number("DEIS_FUZZ_CASES").unwrap_or(1_000);
    assert!(cases >= least, "{cases} cases are less than {least}");
}

/// How many cases were made up, and what is said of them; only that when some have failed.
#[expect(clippy::disallowed_methods, reason = "a program that is no part of the service")]
async fn ask(sandbox: &Sandbox, pass: &Pass<'_>, examples: u32, seed: u32) -> Result<(u32, String), String> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/schemathesis");
    let program = Command::new(scripts).output().await.unwrap();
    assert!(program.status.success(), "{}", String::from_utf8_lossy(&program.stderr));
    let program = String::from_utf8(program.stdout).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("schemathesis.toml");
    std::fs::write(&config, pass.config).unwrap();
    let address = format!("http://{}", sandbox.rest());
    let mut command = Command::new(program.trim());
    command.arg("--config-file").arg(config).args(["run", &format!("{address}/v2/docs/"), "--url", &address]);
    command.args(["--header", &format!("Authorization: token {}", pass.token)]);
    command.args(["--header", &format!("X-Deis-Builder-Auth: {KEY}")]);
    command.args(["--phases", pass.phases, "--checks", CHECKS]).args(pass.filter);
    // One scenario is of several requests, and not of one operation alone.
    let examples = if pass.phases == "stateful" { 20 * examples } else { examples };
    command.args(["--max-examples", &examples.to_string(), "--seed", &seed.to_string(), "--workers", "1"]);
    command.args(["--request-timeout", "60", "--generation-database", "none", "--suppress-health-check", "all"]);
    command.args(["--generation-with-security-parameters", "false"]);
    command.args(["--no-color", "--output-truncate", "false"]);
    let output = command.current_dir(folder.path()).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("{said}\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let cases = said.lines().find_map(|line| line.split_once(" generated")?.0.split_whitespace().last()?.parse().ok());
    match cases {
        Some(cases) => Ok((cases, said)),
        None => Err(format!("it does not say how many cases there were\n{said}")),
    }
}
