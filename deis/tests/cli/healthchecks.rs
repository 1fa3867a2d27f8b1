use serde_json::json;

use crate::stub::{Answer, StubBuilder, config_of};
use crate::transcript::Machine;

const ENDPOINT: &str = "POST /v2/apps/earthy-instinct/config/";

fn checks() -> serde_json::Value {
    config_of(
        "healthcheck",
        json!({
            "web/cmd": {
                "livenessProbe": {
                    "initialDelaySeconds": 50, "timeoutSeconds": 50, "periodSeconds": 10, "successThreshold": 1,
                    "failureThreshold": 3,
                    "httpGet": {"path": "/", "port": 80, "httpHeaders": [
                        {"name": "X", "value": "1"}, {"name": "Y", "value": "2"}
                    ]}
                },
                "readinessProbe": {"timeoutSeconds": 5, "tcpSocket": {"port": 80}}
            },
            "worker": {"livenessProbe": {"exec": {"command": ["cat", "/tmp/alive"]}}, "readinessProbe": null}
        }),
    )
}

#[test]
fn checks_are_listed() {
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/config/", Answer::new(200, checks()));
    insta::assert_snapshot!(
        Machine::logged_in(stub).run_all(&[
            "healthchecks -a earthy-instinct",
            "healthchecks:list -a earthy-instinct --type worker",
            "healthchecks:list -a earthy-instinct --type clock",
            "healthchecks:list -a earthy-instinct --type worker --output json",
        ]) + &Machine::usual().run("healthchecks -a earthy-instinct")
    );
}

#[test]
fn set_and_unset_show_what_is_set_then() {
    let machine = Machine::logged_in(StubBuilder::new().answer(ENDPOINT, Answer::new(201, checks())));
    insta::assert_snapshot!(machine.run_all(&[
        "healthchecks:set liveness httpGet 5000 -a earthy-instinct",
        "healthchecks:set readiness httpGet 5000 -p /health --headers=Accept:text/plain,X-Check:a:b \
         --initial-delay-timeout=1 --timeout-seconds=2 --period-seconds=3 --success-threshold=4 \
         --failure-threshold=5 --type web -a earthy-instinct",
        "healthchecks:set readiness tcpSocket 5000 -a earthy-instinct",
        "healthchecks:set liveness exec --type=worker -a earthy-instinct -- cat -A /tmp/alive",
        "healthchecks:unset liveness readiness --type=worker -a earthy-instinct",
    ]));
}

#[test]
fn refusals_are_told() {
    let refusals = [
        Answer::new(400, json!({"healthcheck": ["livenessProbe successThreshold can only be 1"]}))
            .code("invalid-argument"),
        Answer::new(422, json!({"detail": "web/cmd does not exist under healthcheck"})).code("not-set"),
        Answer::new(400, json!({"detail": "web is running but does not listen on port 80"})).code("never-ready"),
    ];
    let told = refusals.map(|refusal| {
        Machine::logged_in(StubBuilder::new().answer(ENDPOINT, refusal))
            .run("healthchecks:set liveness tcpSocket 80 -a earthy-instinct")
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn wrong_arguments_are_not_sent() {
    insta::assert_snapshot!(Machine::usual().run_all(&[
        "healthchecks:set alive httpGet 80 -a earthy-instinct",
        "healthchecks:set liveness ping 80 -a earthy-instinct",
        "healthchecks:set liveness httpGet http -a earthy-instinct",
        "healthchecks:set liveness tcpSocket 99999 -a earthy-instinct",
        "healthchecks:set liveness httpGet 80 --headers X=1 -a earthy-instinct",
        "healthchecks:set liveness exec",
        "healthchecks:unset",
    ]));
}
