//! The templates at moto's CloudFormation, and the pipeline at its CodePipeline.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::parameter_store::Moto;
use crate::support::{SERVICES, Sandbox, output_of, python_of};

const NAME: &str = "mynavi-sample-continuous-delivery";

/// What knows no resources below `*` (Service Authorization Reference, "Actions,
/// resources, and condition keys for Amazon Elastic Container Service").
const WITHOUT_RESOURCES: [&str; 3] = [
    "ecs:DescribeTaskDefinition",
    "ecs:RegisterTaskDefinition",
    "ecs:TagResource",
];

/// Makes all stacks and the pipeline from the templates, and tells what is there then.
fn account(sandbox: &Sandbox) -> Value {
    let moto = Moto::start();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/with_moto/account.py");
    let mut python = python_of("moto_server");
    let python = python
        .arg(program)
        .arg(moto.address())
        .arg(sandbox.path("build"))
        .arg(NAME);
    serde_json::from_str(&output_of(python)).unwrap()
}

fn items(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap()],
    }
}

#[test]
fn an_account_made_from_the_templates_is_what_the_metadata_says() {
    let sandbox = Sandbox::new();
    sandbox.ok(["generate"]);
    let account = account(&sandbox);
    for environment in ["staging", "production"] {
        has_the_containers_of_the_image_definitions(&sandbox, environment, &account);
    }
    assert_eq!(account["subscriptions"], json!(["someone@example.com"]));
    let key = account["keys"][0].as_str().unwrap();
    assert!(key.ends_with(account["key"].as_str().unwrap()), "{key}");
    every_statement_names_its_resources(&account["statements"]);
    each_project_reads_the_parameters_of_its_buildspec(&sandbox, &account);
    has_the_stages_of_the_model(&account["pipeline"]);
}

fn has_the_containers_of_the_image_definitions(
    sandbox: &Sandbox,
    environment: &str,
    account: &Value,
) {
    sandbox.ok(["imagedefinitions", "--environment", environment]);
    let made = &account["environments"][environment];
    assert_eq!(made["cluster"], format!("{NAME}-{environment}"));
    // No image exists yet: a service with tasks would hang the stack.
    assert_eq!(made["counts"], json!([0, 0]));
    for service in SERVICES {
        let containers = made["services"][service].as_array().unwrap();
        let record = sandbox.record(environment, service, "imagedefinitions.json");
        let definitions: Value = serde_json::from_str(&record).unwrap();
        assert_eq!(containers.len(), 1, "{containers:?}");
        assert_eq!(containers[0]["name"], definitions[0]["name"]);
        assert_eq!(containers[0]["portMappings"][0]["containerPort"], 8080);
        for secret in containers[0]["secrets"].as_array().unwrap() {
            let ending = format!("_{}", environment.to_uppercase());
            let parameter = secret["valueFrom"].as_str().unwrap();
            assert!(parameter.ends_with(&ending), "{secret}");
        }
    }
}

fn every_statement_names_its_resources(statements: &Value) {
    let statements = statements.as_object().unwrap();
    assert_eq!(statements.len(), 13, "{:?}", statements.keys());
    for (role, statements) in statements {
        for statement in statements.as_array().unwrap() {
            let actions = items(&statement["Action"]);
            for resource in items(&statement["Resource"]) {
                let is_exact = resource.starts_with("arn:aws:") && !resource.contains('*');
                // Objects of the bucket, and the task roles of an environment.
                let is_below = resource.starts_with("arn:aws:s3:::mynavi")
                    || resource.starts_with(&format!("arn:aws:iam::123456789012:role/{NAME}/"));
                let knows_none = actions
                    .iter()
                    .all(|action| WITHOUT_RESOURCES.contains(action));
                assert!(
                    is_exact || is_below || (resource == "*" && knows_none),
                    "{role}: {statement}"
                );
            }
        }
    }
}

fn each_project_reads_the_parameters_of_its_buildspec(sandbox: &Sandbox, account: &Value) {
    for (project, buildspec) in [
        ("BackendBuildRole", "backend/build/staging/buildspec.yml"),
        (
            "BackendPromotionRole",
            "backend/build/production/buildspec.yml",
        ),
        (
            "BackendForFrontendEndToEndRole",
            "backend-for-frontend/build/staging/buildspec_e2e.yml",
        ),
    ] {
        let role = account["roles"][project].as_str().unwrap();
        let statements = account["statements"][role].as_array().unwrap();
        let read = statements
            .iter()
            .find(|statement| statement["Action"] == "ssm:GetParameters")
            .unwrap();
        let allowed: Vec<_> = items(&read["Resource"])
            .iter()
            .map(|arn| arn.rsplit_once('/').unwrap().1.to_owned())
            .collect();
        let text = sandbox.read(buildspec);
        let lines = text
            .lines()
            .skip_while(|line| !line.contains("parameter-store:"))
            .skip(1)
            .take_while(|line| line.starts_with("    "));
        let named: Vec<_> = lines
            .map(|line| line.trim().split(':').next().unwrap().to_owned())
            .collect();
        assert_eq!(allowed, named, "{project}");
    }
}

fn has_the_stages_of_the_model(pipeline: &Value) {
    assert_eq!(pipeline["got"], pipeline["wanted"]);
    let actions = |stage: &Value| {
        let actions = stage["actions"].as_array().unwrap().iter();
        let of = |action: &Value| {
            format!(
                "{} {}",
                action["runOrder"],
                action["name"].as_str().unwrap()
            )
        };
        actions.map(of).collect::<Vec<_>>()
    };
    let stages = pipeline["got"]["stages"].as_array().unwrap();
    let stages: Vec<_> = stages
        .iter()
        .map(|stage| (stage["name"].as_str().unwrap(), actions(stage)))
        .collect();
    let expected: [(&str, &[&str]); 3] = [
        ("Source", &["1 source"]),
        (
            "staging",
            &[
                "1 build-backend",
                "2 deploy-backend",
                "3 build-backend-for-frontend",
                "4 deploy-backend-for-frontend",
                "5 e2e-backend-for-frontend",
                "6 approve",
            ],
        ),
        (
            "release",
            &[
                "1 promote-backend",
                "1 promote-backend-for-frontend",
                "2 deploy-backend",
                "2 deploy-backend-for-frontend",
            ],
        ),
    ];
    let expected = expected.map(|(stage, actions)| {
        let actions: Vec<_> = actions.iter().map(|&action| action.to_owned()).collect();
        (stage, actions)
    });
    assert_eq!(stages, expected);
    let promotion = &pipeline["got"]["stages"][2]["actions"][0]["configuration"];
    assert_eq!(
        promotion["EnvironmentVariables"],
        r##"[{"name":"BACKEND_TESTED_DIGEST","value":"#{backend_staging.IMAGE_DIGEST}"}, {"name":"BACKEND_IMAGE_TAG_PRODUCTION","value":"#{backend_staging.PRODUCTION_TAG}"}]"##
    );
}
