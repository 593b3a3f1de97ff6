//! `lint`: what breaks in AWS and no schema catches.

use serde_json::Value;

use crate::support::Sandbox;

const PIPELINE: &str = "build/pipeline.yaml";
const BUILDSPEC: &str = "backend/build/staging/buildspec.yml";

/// The article's way to release: commands and layout of its buildspec for production.
const ARTICLE: &str = r#"version: 0.2
env:
  parameter-store:
    DOCKER_USER: "DOCKER_USER"
    DOCKER_PASSWORD: "DOCKER_PASSWORD"
    DOCKER_REPO : "DOCKER_REPO"
    IMAGE_REPO_NAME: "BACKEND_IMAGE_REPO_NAME"
    IMAGE_TAG_STAGING: "BACKEND_IMAGE_TAG_STAGING"
    IMAGE_TAG: "BACKEND_IMAGE_TAG_PRODUCTION"
phases:
  install:
    runtime-versions:
      docker: 18
  pre_build:
    commands:
      - docker login -u $DOCKER_USER -p $DOCKER_PASSWORD $DOCKER_REPO
  build:
    commands:
      - docker pull $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING
      - docker tag $IMAGE_REPO_NAME:$IMAGE_TAG_STAGING $IMAGE_REPO_NAME:$IMAGE_TAG
  post_build:
    commands:
      - docker push $IMAGE_REPO_NAME:$IMAGE_TAG
      - printf '[{"name":"mynavi-sample-continuous-delivery-backend-production","imageUri":"%s"}]' $IMAGE_REPO_NAME:$IMAGE_TAG > imagedefinitions.json
artifacts:
  files:
      - imagedefinitions.json
"#;

fn generated() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(["generate"]);
    sandbox
}

/// The codes and lines of the findings in a file.
fn findings(sandbox: &Sandbox, file: &str) -> Vec<(String, u64)> {
    let objects = sandbox.json(1, &["lint", file]);
    let of = |finding: &Value| {
        for key in ["happens", "mend"] {
            assert!(!finding[key].as_str().unwrap().is_empty(), "{finding}");
        }
        assert_eq!(finding["file"], file);
        (
            finding["code"].as_str().unwrap().to_owned(),
            finding["line"].as_u64().unwrap(),
        )
    };
    objects.iter().map(of).collect()
}

/// Asserts that the generated file with this one change has this one finding.
fn breaks(file: &str, from: &str, to: &str, code: &str) {
    let sandbox = generated();
    let text = sandbox.read(file);
    assert!(text.contains(from), "{file} has no {from:?}");
    sandbox.write(file, text.replacen(from, to, 1));
    let found = findings(&sandbox, file);
    assert!(
        found.iter().any(|(found, _)| found == code),
        "{to:?} has no {code}, but {found:?}"
    );
    assert!(
        found.iter().all(|(found, _)| found == code),
        "{to:?} has {found:?}"
    );
}

#[test]
fn what_is_generated_has_no_finding() {
    assert!(generated().json(0, &["lint"]).is_empty());
}

#[test]
fn the_faults_of_the_article_are_found() {
    let sandbox = Sandbox::new();
    sandbox.write("article.yml", ARTICLE);
    let line = |text: &str| {
        let lines = ARTICLE.lines().take_while(|line| !line.contains(text));
        lines.count() as u64 + 1
    };
    let expected = [
        ("docker-runtime", "docker: 18"),
        ("password-argument", "docker login"),
        ("mutable-tag", "docker pull"),
        ("unguarded-push", "docker push"),
    ];
    let expected: Vec<_> = expected
        .map(|(code, text)| (code.to_owned(), line(text)))
        .to_vec();
    assert_eq!(findings(&sandbox, "article.yml"), expected);
    let ran = sandbox.run(["lint", "article.yml"]);
    ran.fails(1, &["4 findings"]);
    assert!(
        ran.stdout.starts_with("article.yml:13: docker-runtime: "),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_container_that_no_task_definition_has_is_found() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "article.yml",
        ARTICLE.replace("delivery-backend-production", "delivery-production"),
    );
    let found = findings(&sandbox, "article.yml");
    assert!(
        found.contains(&("unknown-container".to_owned(), 24)),
        "{found:?}"
    );
}

#[test]
fn a_guarded_push_is_no_finding() {
    let sandbox = Sandbox::new();
    let guard = "      - test \"$CODEBUILD_BUILD_SUCCEEDING\" = 1\n      - docker push";
    sandbox.write("guarded.yml", ARTICLE.replace("      - docker push", guard));
    sandbox.write(
        "aborted.yml",
        ARTICLE.replace("  build:\n", "  build:\n    on-failure: ABORT\n"),
    );
    for file in ["guarded.yml", "aborted.yml"] {
        let found = findings(&sandbox, file);
        assert!(
            found.iter().all(|(code, _)| code != "unguarded-push"),
            "{file}: {found:?}"
        );
    }
}

#[test]
fn faults_of_buildspecs_are_found() {
    for (from, to, code) in [
        (
            "      - IMAGE_DIGEST=$(",
            "      - export IMAGE_DIGEST=$(",
            "lost-status",
        ),
        (
            "      - cargo xtask build backend",
            "      - |\n        cargo xtask build backend\n        true",
            "lost-status",
        ),
        ("/root/.cargo/registry/**/*", "target/**/*", "cached-target"),
        ("[IMAGE_DIGEST,", "[DOCKER_PASSWORD,", "exported-secret"),
        (
            "DOCKER_USER: DOCKER_USER",
            "AWS_USER: DOCKER_USER",
            "reserved-name",
        ),
        (
            "  shell: bash",
            "  shell: bash\n  variables: {API_TOKEN: abc}",
            "plain-secret",
        ),
        ("version: 0.2", "version: 0.1", "version"),
        (
            "    commands:",
            "    on-faliure: ABORT\n    commands:",
            "unknown-key",
        ),
    ] {
        breaks(BUILDSPEC, from, to, code);
    }
}

#[test]
fn faults_of_pipelines_are_found() {
    let long = "x".repeat(1001);
    for (from, to, code) in [
        (
            "#{backend_staging.IMAGE_DIGEST}",
            "#{backend_staging.DIGEST}",
            "undefined-variable",
        ),
        (
            "#{source.CommitId}",
            "#{sauce.CommitId}",
            "undefined-variable",
        ),
        (
            "Namespace: backend_for_frontend_production",
            "Namespace: backend_production",
            "namespace",
        ),
        (
            "Namespace: backend_production",
            "Namespace: SourceArtifact",
            "namespace",
        ),
        (
            "ExecutionMode: SUPERSEDED",
            "ExecutionMode: PARALLEL",
            "parallel-rollback",
        ),
        (
            "PipelineType: V2
      # A newer execution overtakes a waiting one between stages, never within one.
      ExecutionMode: SUPERSEDED",
            "PipelineType: V1
      ExecutionMode: QUEUED",
            "v1-mode",
        ),
        (
            "      Stages:",
            "      Triggers: [{ProviderType: CodeStarSourceConnection, GitConfiguration: {SourceActionName: sauce}}]\n      Stages:",
            "unknown-trigger",
        ),
        ("BranchName:", "Branch:", "unknown-configuration"),
        (
            r#"[{"name":"BACKEND_TESTED_DIGEST""#,
            r#"[{"nmae":"BACKEND_TESTED_DIGEST""#,
            "malformed-variables",
        ),
        (
            "Provider: CodeStarSourceConnection",
            "Provider: CodeStarConnection",
            "wrong-provider",
        ),
        (
            "Image: aws/codebuild/standard:8.0",
            "Image: aws/codebuild/standard:80",
            "unknown-image",
        ),
        (
            "            - Name: deploy-backend\n",
            "            - Name: deploy-backend\n              TimeoutInMinutes: 5\n",
            "timeout",
        ),
        (
            "                - Name: backend_staging_files\n            - Name: build-",
            "                - Name: SourceArtifact\n            - Name: build-",
            "clone-reference",
        ),
        (
            "                - Name: SourceArtifact\n              OutputArtifacts:\n                - Name: backend_production_files",
            "                - Name: SourceArtifact\n                - Name: backend_staging_files\n              OutputArtifacts:\n                - Name: backend_production_files",
            "primary-source",
        ),
        (
            "FileName: imagedefinitions.json",
            &format!("FileName: {long}"),
            "long-value",
        ),
    ] {
        breaks(PIPELINE, from, to, code);
    }
}

#[test]
fn variables_have_no_value_before_their_action_ran() {
    // The approval comes after both builds, so the first of them cannot know the second one's.
    breaks(
        PIPELINE,
        "                ProjectName: !Ref BackendBuild\n",
        "                ProjectName: !Ref BackendBuild\n                EnvironmentVariables: '[{\"name\":\"A\",\"value\":\"#{backend_for_frontend_staging.IMAGE_DIGEST}\"}]'\n",
        "undefined-variable",
    );
}

#[test]
fn more_actions_than_a_stage_may_have_are_found() {
    let action = "            - {Name: approve-it, ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: '1'}}\n";
    let from = "        - Name: release\n";
    breaks(
        PIPELINE,
        from,
        &format!("{}{from}", action.repeat(45)),
        "too-many",
    );
}

#[test]
fn what_is_no_file_of_aws_ends_with_an_error() {
    let sandbox = Sandbox::new();
    sandbox.write("list.yml", "- a\n");
    sandbox.write("broken.yml", "a: [\n");
    sandbox
        .run(["lint", "list.yml"])
        .fails(4, &["neither a buildspec nor a CloudFormation template"]);
    sandbox
        .run(["lint", "broken.yml"])
        .fails(1, &["broken.yml is no YAML"]);
    sandbox
        .run(["lint", "nowhere.yml"])
        .fails(4, &["nowhere.yml cannot be read"]);
    // A value that is dropped uses the stack for each one that lies in it.
    sandbox.write(
        "deep.yml",
        format!("phases:\n  {}a\n", "- ".repeat(100_000)),
    );
    sandbox
        .run(["lint", "deep.yml"])
        .fails(1, &["line 2 lies deeper than"]);
    sandbox
        .run(["lint", "/dev/zero"])
        .fails(4, &["no regular file"]);
}
