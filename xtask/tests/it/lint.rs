//! `lint`: what breaks in AWS and no schema catches.

use serde_json::Value;

use crate::support::{ARTICLE, Ran, Sandbox};

const PIPELINE: &str = "build/pipeline.yaml";
const BUILDSPEC: &str = "backend/build/staging/buildspec.yml";

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

/// A buildspec with these commands, each quoted.
fn with_commands(commands: &[&str]) -> String {
    let items = commands
        .iter()
        .map(|command| format!("      - {command:?}\n"));
    format!(
        "version: 0.2\nphases:\n  build:\n    commands:\n{}",
        items.collect::<String>()
    )
}

/// The codes of the findings in a file.
fn codes(sandbox: &Sandbox, file: &str) -> Vec<String> {
    let found = findings(sandbox, file).into_iter();
    found.map(|(code, _)| code).collect()
}

#[test]
fn what_is_generated_has_no_finding() {
    assert!(generated().json(0, &["lint"]).is_empty());
}

#[test]
fn the_faults_of_the_article_are_found() {
    let sandbox = Sandbox::new();
    sandbox.write("article.yml", ARTICLE);
    let expected = [
        ("docker-runtime", "docker: 18"),
        ("password-argument", "docker login"),
        ("mutable-tag", "docker pull"),
        ("unguarded-push", "docker push"),
    ];
    let expected: Vec<_> = expected
        .map(|(code, text)| (code.to_owned(), line_in_article(text)))
        .to_vec();
    assert_eq!(findings(&sandbox, "article.yml"), expected);
    let ran = sandbox.run(["lint", "article.yml"]);
    ran.fails(1, &["4 findings"]);
    let first = format!(
        "article.yml:{}: docker-runtime: ",
        line_in_article("docker: 18")
    );
    assert!(ran.stdout.starts_with(&first), "{}", ran.stdout);
}

fn line_in_article(text: &str) -> u64 {
    let lines = ARTICLE.lines().take_while(|line| !line.contains(text));
    lines.count() as u64 + 1
}

#[test]
fn a_container_that_no_task_definition_has_is_found() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "article.yml",
        ARTICLE.replace("delivery-backend-production", "delivery-production"),
    );
    let found = findings(&sandbox, "article.yml");
    let expected = ("unknown-container".to_owned(), line_in_article("printf"));
    assert!(found.contains(&expected), "{found:?}");
    let quoted = r#"printf "[{\"name\":\"nobody\",\"imageUri\":\"$X\"}]" > imagedefinitions.json"#;
    sandbox.write("quoted.yml", with_commands(&[quoted]));
    assert_eq!(codes(&sandbox, "quoted.yml"), ["unknown-container"]);
    let known = "mynavi-sample-continuous-delivery-backend-production";
    let second = quoted.replace(
        "[{",
        &format!(r#"[{{\"name\":\"{known}\",\"imageUri\":\"$Y\"}},{{"#),
    );
    sandbox.write("second.yml", with_commands(&[&second]));
    assert_eq!(codes(&sandbox, "second.yml"), ["unknown-container"]);
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
fn who_only_tells_how_the_build_went_guards_no_push() {
    let sandbox = Sandbox::new();
    let lint = |code: i32, guard: &str| {
        let text = with_commands(&[guard, "docker push x"]);
        sandbox.write("buildspec.yml", text.replace("  build:", "  post_build:"));
        let found = sandbox.json(code, &["lint", "buildspec.yml"]);
        assert_eq!(found.len(), usize::from(code == 1), "{guard}");
    };
    for guard in [
        "echo \"status $CODEBUILD_BUILD_SUCCEEDING\"",
        "aws sns publish --message $CODEBUILD_BUILD_SUCCEEDING",
        "true # see CODEBUILD_BUILD_SUCCEEDING",
    ] {
        lint(1, guard);
    }
    for guard in [
        "[ \"$CODEBUILD_BUILD_SUCCEEDING\" = 1 ]",
        "[[ $CODEBUILD_BUILD_SUCCEEDING == 1 ]] || exit 1",
        "(( CODEBUILD_BUILD_SUCCEEDING ))",
        "if [ ${CODEBUILD_BUILD_SUCCEEDING:-0} -eq 0 ]; then exit 1; fi",
        "case $CODEBUILD_BUILD_SUCCEEDING in 0) exit 1 ;; esac",
        "echo $CODEBUILD_BUILD_SUCCEEDING | grep -q 1",
        "SUCCEEDING=$CODEBUILD_BUILD_SUCCEEDING",
        "bash -c 'test $CODEBUILD_BUILD_SUCCEEDING = 1'",
    ] {
        lint(0, guard);
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
        (
            "  shell: bash",
            "  shell: bash\n  variables: {image-tag: abc}",
            "variable-name",
        ),
        (
            "  shell: bash",
            "  shell: bash\n  variables: {TAGS: [a, b]}",
            "variable-value",
        ),
        (
            "    commands:",
            "    on-failure: STOP\n    commands:",
            "on-failure",
        ),
        ("version: 0.2", "version: 0.1", "version"),
        (
            "    commands:",
            "    on-faliure: ABORT\n    commands:",
            "unknown-key",
        ),
        (
            "    commands:",
            "    runtime-versions: {rust: 1}\n    commands:",
            "unknown-key",
        ),
        ("  files:", "  flies:", "unknown-key"),
        ("  paths:", "  path:", "unknown-key"),
        (
            "artifacts:",
            "artifacts:\n  secondary-artifacts: {more: {flies: [a]}}",
            "unknown-key",
        ),
        (
            "artifacts:",
            "artifacts:\n  secondary-artifacts: {more: {files: [a], secondary-artifacts: {}}}",
            "unknown-key",
        ),
        (
            "artifacts:",
            "artifacts:\n  secondary-artifacts: {../more: {files: [a]}}",
            "artifact-name",
        ),
        (
            "      - cargo xtask build backend",
            "      - echo Result: done",
            "no-command",
        ),
        ("phases:", "env: {}\nphases:", "repeated-key"),
    ] {
        breaks(BUILDSPEC, from, to, code);
    }
}

#[test]
fn keys_that_codebuild_knows_are_no_finding() {
    let sandbox = Sandbox::new();
    let text = "version: 0.2\nphases:\n  pre_build: &default\n    on-failure: ABORT\n    steps: [{uses: actions/checkout@v4}]\n  build: {<<: *default, commands: [echo one]}\ncache: {action: restore, key: a, paths: [a]}\n";
    sandbox.write("buildspec.yml", text);
    assert!(sandbox.json(0, &["lint", "buildspec.yml"]).is_empty());
    sandbox.write(
        "buildspec.yml",
        text.replace("on-failure: ABORT", "commands: [docker login -p x]")
            .replace(", commands: [echo one]", ""),
    );
    assert_eq!(codes(&sandbox, "buildspec.yml"), ["password-argument"; 2]);
}

#[test]
fn a_buildspec_of_a_batch_needs_no_phases() {
    let sandbox = Sandbox::new();
    let text =
        "version: 0.2\nbatch:\n  build-graph:\n    - {identifier: one, buildspec: one.yml}\n";
    sandbox.write("buildspec.yml", text);
    assert!(sandbox.json(0, &["lint", "buildspec.yml"]).is_empty());
    sandbox.write("buildspec.yml", format!("{text}phasse: {{}}\n"));
    assert_eq!(codes(&sandbox, "buildspec.yml"), ["unknown-key"]);
}

#[test]
fn a_secret_is_known_by_its_name_in_any_case() {
    let sandbox = Sandbox::new();
    let lint = |code: i32, variable: &str| {
        let text = with_commands(&["true"]).replace(
            "phases:",
            &format!("env:\n  variables: {{{variable}}}\nphases:"),
        );
        sandbox.write("buildspec.yml", text);
        let found = sandbox.json(code, &["lint", "buildspec.yml"]);
        let found: Vec<_> = found.iter().map(|finding| &finding["code"]).collect();
        let expected: &[&str] = if code == 1 { &["plain-secret"] } else { &[] };
        assert_eq!(found, expected, "{variable}");
    };
    for secret in [
        "db_password: hunter2",
        "DOCKER_PASS: a",
        "PASS: a",
        "API_KEY: a",
        "DJANGO_SECRET_KEY: a",
    ] {
        lint(1, secret);
    }
    for other in [
        "BYPASS: a",
        "NEXT_PUBLIC_MAPS_API_KEY: a",
        "CACHE_KEY: a",
        "DB_PASSWORD: 'arn:aws:secretsmanager:eu-central-1:1:secret:a'",
        "DB_PASSWORD: '{{resolve:secretsmanager:a}}'",
        "DB_PASSWORD: /prod/db-password",
        "DB_PASSWORD: ''",
        "HAS_DATABASE_URL: 'true'",
    ] {
        lint(0, other);
    }
}

#[test]
fn a_secret_is_known_by_where_it_comes_from() {
    for from in [
        "  parameter-store: {ACCESS: DOCKER_PASSWORD}",
        "  secrets-manager: {ACCESS: 'registry:access'}",
    ] {
        let sandbox = Sandbox::new();
        let text = with_commands(&["true"]).replace(
            "phases:",
            &format!("env:\n{from}\n  exported-variables: [ACCESS]\nphases:"),
        );
        sandbox.write("buildspec.yml", text);
        assert_eq!(codes(&sandbox, "buildspec.yml"), ["exported-secret"]);
    }
}

#[test]
fn commands_are_read_as_a_shell_does() {
    let sandbox = Sandbox::new();
    for (command, code) in [
        (
            "docker login -u ${DOCKER_USER} -p ${DOCKER_PASSWORD}",
            "password-argument",
        ),
        ("docker login -u x \\\n  --password=$P", "password-argument"),
        ("true && docker login -psecret", "password-argument"),
        (
            "docker login --password-stdin a < file && docker login -p $P b",
            "password-argument",
        ),
        ("podman login -u me -p $P quay.io", "password-argument"),
        ("helm registry login --password=$P a", "password-argument"),
        ("crane auth login -u me -p $P a", "password-argument"),
        ("cd deep && export X=$(date)", "lost-status"),
        ("declare -x X=\"$(date)\"", "lost-status"),
        ("export A=1 X=`date`", "lost-status"),
        ("false\ntrue", "lost-status"),
        ("set -u\nunset -e\necho set -e", "lost-status"),
        ("export \"X=$(date)\"", "lost-status"),
        ("if true; then export X=$(date); fi", "lost-status"),
        ("cd app; make; make test", "lost-status"),
        ("make; echo done", "lost-status"),
        ("X=$(date); true", "lost-status"),
        ("(cd app && make); true", "lost-status"),
        ("for f in a b; do make $f; done; true", "lost-status"),
        ("f() {\n  true\n}\nf\ntrue", "lost-status"),
        ("if true; then\n  true\nfi\ntrue", "lost-status"),
        ("cat > a.json <<END\n{}\nEND\ntrue", "lost-status"),
        ("echo \"$(docker login -p x)\"", "password-argument"),
        ("docker 'login' -p'x'", "password-argument"),
        (
            "sudo docker --config /tmp login --password x",
            "password-argument",
        ),
        (
            "bash -euc 'cd deep; docker login -p x'",
            "password-argument",
        ),
    ] {
        sandbox.write("buildspec.yml", with_commands(&[command]));
        assert_eq!(codes(&sandbox, "buildspec.yml"), [code], "{command}");
    }
    sandbox.write(
        "buildspec.yml",
        with_commands(&[
            "docker login -u x --password-stdin < file && mkdir -p deep",
            "docker login -u x --password-stdin < file\\\n && mkdir -p deep",
            "cat > a.json <<END\n{}\nEND",
            "set -e\nfalse\ntrue",
            "set -ue\nfalse\ntrue",
            "set -x; set -o pipefail -o errexit\nfalse\ntrue",
            "until true; do\n  true\ndone",
            "if true; then\n  true\nfi",
            "X=$(date) && export X",
            "echo \"began at `date`\"; make",
            "export A=1; B=2; C=(a b); make",
            "docker pull app:cache || true; docker build .",
            "cd app || exit 1\nmake",
            "set -e; cd app; make",
            "for f in a b; do echo $f; make $f; done",
            "for f in a b; do echo $f; done; make",
            "if true; then cd app; make; fi",
            "f() { cd app; make; }; f",
            "find . -exec rm {} \\;",
            "case x in y) cd app; make ;; *) true ;; esac;",
            "(cd app; make)",
            "f() {\n  echo done\n  true\n}\nf",
            "f()\n{\n  true\n}\nf",
            "function f {\n  true\n  true\n}\nf",
            "{\n  true\n  true\n} > log",
            "(\n  cd deep\n  true\n)",
            "X=$(\n  case x in\n    y) true ;;\n  esac\n  true\n)",
            "case x in\n  y) true ;;\n  *) true ;;\nesac",
            "cd deep && if true; then\n  true\nfi",
            "true &&\n  true |\n  # not lost\n  true",
            "# docker login -p x\ntrue # export X=$(date)\n",
            "printf %s 'one\ntwo; export X=$(date)'",
            "printf %s \"one\n'two'\nthree\"",
            "echo 'docker login -p x' \"; docker login -p x\"",
            "echo ${X:-a; b\n} $((1<<2))",
            "echo then docker login -p x",
            "docker run -p 80:80 app login",
            "podman run -p 80:80 app login",
        ]),
    );
    assert!(sandbox.json(0, &["lint", "buildspec.yml"]).is_empty());
}

#[test]
fn a_push_is_found_wherever_it_stands_in_post_build() {
    let sandbox = Sandbox::new();
    for push in [
        "docker push x",
        "echo one;docker push x",
        "cargo xtask promote backend",
        "DIGEST=$(cargo xtask staging-tag backend)",
        "DIGEST=\"$(cargo xtask staging-tag backend)\"",
        "if true; then docker push x; fi",
        "sh -c \"cd deep && docker push x\"",
        "/bin/sh -c 'docker push x'",
        "cargo xtask --parameters env staging-tag backend",
        "cargo xtask -v --format=json --timeout 5 push backend",
        "cargo run --package xtask -- promote backend",
        "env X=Y /usr/bin/docker --config deep -D push x",
        "time sudo docker image push x",
        "docker buildx build --push --tag x .",
        "docker compose -f app.yml push",
        "docker-compose push",
        "podman push x",
        "crane copy a b",
        "crane push x.tar b",
        "skopeo copy --dest-creds a:b oci:x docker://b",
        "skopeo copy docker://a docker://b",
    ] {
        let text = with_commands(&[push]).replace("  build:", "  post_build:");
        sandbox.write("buildspec.yml", text);
        assert_eq!(
            codes(&sandbox, "buildspec.yml"),
            ["unguarded-push"],
            "{push}"
        );
    }
}

#[test]
fn what_only_tells_of_a_push_is_none() {
    let sandbox = Sandbox::new();
    let text = with_commands(&[
        "echo docker push x",
        "printf '%s\\n' docker push x",
        "docker run x push",
        "docker images",
        "cargo xtask build push",
        "skopeo copy docker://a oci:x",
        "crane digest a",
    ]);
    sandbox.write("buildspec.yml", text.replace("  build:", "  post_build:"));
    assert!(sandbox.json(0, &["lint", "buildspec.yml"]).is_empty());
}

#[test]
fn a_pull_by_tag_is_found_however_docker_is_started() {
    let sandbox = Sandbox::new();
    for (pull, codes_of_it) in [
        ("docker pull app:staging", &["mutable-tag"][..]),
        ("sudo docker pull app:staging", &["mutable-tag"]),
        (
            "cd deep && /usr/bin/docker pull app:staging",
            &["mutable-tag"],
        ),
        (
            "docker --config deep image pull app:staging",
            &["mutable-tag"],
        ),
        (
            "docker pull app:staging # not app@$DIGEST",
            &["mutable-tag"],
        ),
        ("sudo docker pull app@$DIGEST", &[]),
        ("docker pull --quiet \"app@$(cat digest)\"", &[]),
        ("docker pull app:staging && docker compose build", &[]),
    ] {
        sandbox.write("buildspec.yml", with_commands(&[pull, "docker push app"]));
        let code = i32::from(!codes_of_it.is_empty());
        let found = sandbox.json(code, &["lint", "buildspec.yml"]);
        let found: Vec<_> = found.iter().map(|finding| &finding["code"]).collect();
        assert_eq!(found, codes_of_it, "{pull}");
    }
}

#[test]
fn aliases_are_for_buildspecs_and_not_for_templates() {
    let sandbox = generated();
    let text = with_commands(&["true"])
        + "    finally: &end ['docker login -p x']\n  post_build: {commands: *end}\n";
    sandbox.write("buildspec.yml", text);
    assert_eq!(
        codes(&sandbox, "buildspec.yml"),
        ["password-argument"; 2],
        "an alias is the value again"
    );
    breaks(
        PIPELINE,
        "        - Name: release\n          OnFailure:\n            Result: ROLLBACK\n",
        "        - Name: release\n          OnFailure: &rollback {Result: ROLLBACK}\n          BeforeEntry: *rollback\n",
        "alias",
    );
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
fn variables_that_a_template_substitutes_are_read_as_well() {
    let sandbox = generated();
    let from = "                ProjectName: !Ref BackendBuild\n";
    let text = sandbox.read(PIPELINE);
    assert!(text.contains(from));
    let write = |variables: &str| {
        let to = format!("{from}                EnvironmentVariables: {variables}\n");
        sandbox.write(PIPELINE, text.replacen(from, &to, 1));
    };
    for right in [
        r#"!Sub '[{"name":"A","value":"${AWS::Region}"}]'"#,
        r#"!Sub '[{"name":"A","value":${A}},${B}]'"#,
        r#"!Sub '[{"name":"A","value":"a"}${More}]'"#,
        r#"!Sub ['[{"name":"A","value":"${A}"}]', {A: b}]"#,
        r#"!Join ['', ['[{"name":', '"A"}]']]"#,
    ] {
        write(right);
        assert!(sandbox.json(0, &["lint", PIPELINE]).is_empty(), "{right}");
    }
    for wrong in [
        r#"!Sub '[{"name":"A","value":"${AWS::Region}",}]'"#,
        r#"{'Fn::Sub': '[{"name":"A","value":"${AWS::Region}"},]'}"#,
        r#"!Sub ['[{"name":"A","value":"${A}"}', {A: b}]"#,
    ] {
        write(wrong);
        assert_eq!(
            codes(&sandbox, PIPELINE),
            ["malformed-variables"],
            "{wrong}"
        );
    }
    write(r##"{'Fn::Sub': '[{"name":"A","value":"#{source.Commit}"}]'}"##);
    assert_eq!(codes(&sandbox, PIPELINE), ["undefined-variable"]);
}

#[test]
fn conditional_stages_and_actions_are_read_as_well() {
    let sandbox = Sandbox::new();
    let action = |name: &str, namespace: &str| {
        format!(
            "{{Name: {name}, Namespace: {namespace}, ActionTypeId: {{Category: Build, Owner: AWS, Provider: CodeBuild}}, Configuration: {{ProjectName: p}}}}"
        )
    };
    let pipeline = |stages: &[String]| {
        let stages = stages.iter().map(|stage| format!("        - {stage}\n"));
        format!(
            "Resources:\n  Pipeline:\n    Type: AWS::CodePipeline::Pipeline\n    Properties:\n      PipelineType: V2\n      Stages:\n{}",
            stages.collect::<String>()
        )
    };
    let approval = "{Name: approve, Actions: [{Name: a, ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual}, Configuration: {CustomData: '#{build.TAG}'}}]}".to_owned();
    let build = action("one", "build");
    for stage in [
        format!("{{Name: build, Actions: [{{Fn::If: [Fast, {build}, {build}]}}]}}"),
        format!("{{Name: build, Actions: [!If [Fast, {build}, !Ref AWS::NoValue]]}}"),
        format!("{{Name: build, Actions: !If [Fast, [{build}], [{build}]]}}"),
        format!("!If [Fast, {{Name: build, Actions: [{build}]}}, !Ref AWS::NoValue]"),
        // Whether both conditions may hold nobody knows.
        format!(
            "{{Name: build, Actions: [!If [Fast, {build}, !Ref AWS::NoValue], !If [Slow, {build}, !Ref AWS::NoValue]]}}"
        ),
    ] {
        sandbox.write(
            "pipeline.yaml",
            pipeline(&[stage.clone(), approval.clone()]),
        );
        assert!(
            sandbox.json(0, &["lint", "pipeline.yaml"]).is_empty(),
            "{stage}"
        );
    }
    for (stage, code) in [
        (
            format!("{{Name: build, Actions: [!If [Fast, {build}, {build}], {build}]}}"),
            "namespace",
        ),
        (
            format!(
                "{{Name: build, Actions: [!If [Fast, {}, {build}]]}}",
                build.replace("ProjectName", "Project")
            ),
            "unknown-configuration",
        ),
        (
            format!(
                "{{Name: build, Actions: [!If [Fast, {}, {}]]}}",
                action("one", "a"),
                action("one", "b")
            ),
            "undefined-variable",
        ),
    ] {
        sandbox.write(
            "pipeline.yaml",
            pipeline(&[stage.clone(), approval.clone()]),
        );
        assert_eq!(codes(&sandbox, "pipeline.yaml"), [code], "{stage}");
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
fn more_stages_than_a_pipeline_may_have_are_found() {
    let stage = "        - {Name: again, Actions: []}\n";
    let from = "        - Name: release\n";
    breaks(
        PIPELINE,
        from,
        &format!("{}{from}", stage.repeat(48)),
        "too-many",
    );
}

#[test]
fn a_buildspec_in_a_template_is_read_as_well() {
    let sandbox = generated();
    let indented = |text: &str| {
        let lines = text.lines().map(|line| format!("          {line}\n"));
        format!("BuildSpec: |\n{}", lines.collect::<String>())
    };
    let from = "BuildSpec: backend/build/staging/buildspec.yml\n";
    let text = sandbox.read(PIPELINE);
    let inline = |buildspec: &str| text.replace(from, &indented(buildspec));
    // What it exports is known as well.
    let buildspec = sandbox.read(BUILDSPEC);
    sandbox.write(PIPELINE, inline(&buildspec));
    assert!(sandbox.json(0, &["lint", PIPELINE]).is_empty());
    let wrong = buildspec.replace("      - IMAGE_DIGEST=$(", "      - export IMAGE_DIGEST=$(");
    sandbox.write(PIPELINE, inline(&wrong));
    let text = sandbox.read(PIPELINE);
    let before = text
        .lines()
        .take_while(|line| !line.contains("export IMAGE_DIGEST=$("));
    let line = before.count() as u64 + 1;
    assert_eq!(
        findings(&sandbox, PIPELINE),
        [("lost-status".to_owned(), line)]
    );
    sandbox.write(PIPELINE, inline("phases: [\n"));
    assert_eq!(codes(&sandbox, PIPELINE), ["malformed-buildspec"]);
}

/// A template of one project with this buildspec, which stands from line 6 on.
fn project_with(buildspec: &str) -> String {
    format!(
        "Resources:\n  Build:\n    Type: AWS::CodeBuild::Project\n    Properties:\n      Source:\n        BuildSpec: {buildspec}\n"
    )
}

#[test]
fn a_finding_in_a_template_has_the_line_of_the_template() {
    let sandbox = Sandbox::new();
    let block = |before: &str| {
        format!(
            "{before}            version: 0.2\n            phases:\n              build:\n                commands:\n                  - docker login -p x"
        )
    };
    for (buildspec, line) in [
        (block("|\n"), 11),
        (block("!Sub |\n"), 11),
        (block("|-\n\n"), 12),
        (block("|\n\n\n"), 13),
        (block("!Sub |-\n\n"), 12),
        (block("\n          Fn::Sub: |\n"), 12),
        (block("!Sub\n          - |\n") + "\n          - {A: b}", 12),
        (
            "!Join\n          - \"\\n\"\n          - - 'version: 0.2'\n            - 'phases:'\n            - '  build:'\n            - '    commands:'\n            - !Sub '      - docker login -p ${A}'".to_owned(),
            12,
        ),
        (
            r#"{"Fn::Join": ["", ["version: 0.2\nphases:\n", "  build:\n    commands:\n", "      - docker login -p ", {"Ref": "A"}]]}"#.to_owned(),
            6,
        ),
        // Between quotes a line of the text is none of the file.
        (
            r#""version: 0.2\nphases:\n  build:\n    commands:\n      - docker login -p x""#.to_owned(),
            6,
        ),
    ] {
        sandbox.write("template.yaml", project_with(&buildspec));
        let expected = [("password-argument".to_owned(), line)];
        assert_eq!(findings(&sandbox, "template.yaml"), expected, "{buildspec}");
    }
}

#[test]
fn what_a_template_is_written_in_does_not_matter() {
    let sandbox = Sandbox::new();
    let template = |image: &str| {
        format!(
            "{{\n\t\"Resources\": {{\n\t\t\"Build\": {{\"Type\": \"AWS::CodeBuild::Project\",\n\t\t\t\"Properties\": {{\"Environment\": {{\n\t\t\t\t\"Image\": \"{image}\"}}}}}}}}\n}}\n"
        )
    };
    for image in [
        "aws/codebuild/standard:8.0",
        "aws/codebuild/standard:7.0-24.10.29",
        "aws/codebuild/amazonlinux2-x86_64-standard:3.0",
        "aws/codebuild/amazonlinux2-x86_64-standard:corretto11",
        "aws/codebuild/amazonlinux-x86_64-standard:corretto8",
        "aws/codebuild/windows-base:2019-3.0-24.10.29",
        "aws/codebuild/amazonlinux-x86_64-lambda-standard:python3.12",
        "registry.example.com/build:1.0",
    ] {
        sandbox.write("right.json", template(image));
        assert!(sandbox.json(0, &["lint", "right.json"]).is_empty());
    }
    for image in [
        "aws/codebuild/standard:80",
        "aws/codebuild/standard:9.9-1.0.0",
        "aws/codebuild/standart:8.0",
    ] {
        sandbox.write("wrong.json", template(image));
        let expected = [("unknown-image".to_owned(), 5)];
        assert_eq!(findings(&sandbox, "wrong.json"), expected, "{image}");
    }
    let text = ARTICLE.replace('\n', "\r\n");
    sandbox.write("windows.yml", format!("\u{feff}{text}"));
    sandbox.write("article.yml", ARTICLE);
    assert_eq!(
        findings(&sandbox, "windows.yml"),
        findings(&sandbox, "article.yml")
    );
}

#[test]
fn files_are_looked_for_where_the_user_is() {
    let sandbox = Sandbox::new();
    sandbox.write("backend/article.yml", ARTICLE);
    let mut command = sandbox.command(["lint", "article.yml"]);
    let command = command.current_dir(sandbox.path("backend"));
    Ran::from(command.output().unwrap()).fails(1, &["4 findings"]);
    sandbox
        .run(["lint", "article.yml"])
        .fails(4, &["article.yml cannot be read"]);
}

#[test]
fn hostile_files_end_with_an_error() {
    let sandbox = Sandbox::new();
    let mut levels = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..30 {
        levels += &format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}]\n", level - 1);
    }
    let mut chain = "- &a0 x\n".to_owned();
    for level in 1..=100 {
        let (open, close) = ("[".repeat(190), "]".repeat(190));
        chain += &format!("- &a{level} {open}*a{}{close}\n", level - 1);
    }
    let files: [(&str, Vec<u8>, i32, &str); 9] = [
        ("binary", vec![0xff, 0, 0xfe, 1], 4, "cannot be read"),
        ("zeros", vec![0; 1000], 1, "is no YAML"),
        ("empty", Vec::new(), 1, "the file is empty"),
        ("large", b"- a\n".repeat(2_500_000), 4, "larger than"),
        ("deep", b"- ".repeat(10_000), 1, "more than 200 lists"),
        ("deeper", b"[".repeat(100_000), 1, "is no YAML"),
        ("chain", chain.into_bytes(), 1, "at line 3, more than 200"),
        ("bomb", levels.into_bytes(), 1, "more than 1000000 values"),
        ("tabs", b"phases:\n\tbuild: {}\n".to_vec(), 1, "is no YAML"),
    ];
    for (name, bytes, code, words) in files {
        let file = format!("{name}.yml");
        sandbox.write(&file, bytes);
        sandbox.run(["lint", &file]).fails(code, &[&file, words]);
        let run = sandbox.run(["codebuild", "run", &file]);
        run.fails(4, &[&file, words]);
    }
    sandbox
        .run(["lint", "backend"])
        .fails(4, &["backend cannot be read", "no regular file"]);
}

#[test]
fn an_anchor_takes_no_memory_of_its_own() {
    let sandbox = Sandbox::new();
    let anchors = (0..190).map(|anchor| format!("&a{anchor} ["));
    let text = format!(
        "phases: {{}}\nversion: 0.2\nanchors: {}{}{}\n",
        anchors.collect::<String>(),
        "a,".repeat(50_000),
        "]".repeat(190)
    );
    sandbox.write("anchors.yml", text);
    let ran = sandbox.run_after("ulimit -v 500000", &["lint", "anchors.yml"]);
    ran.fails(1, &["1 finding"]);
    assert!(ran.stdout.contains("unknown-key"), "{}", ran.stdout);
}

#[test]
fn what_stands_behind_the_first_document_is_found() {
    let sandbox = Sandbox::new();
    let text = with_commands(&["true"]);
    for end in ["---\n", "...\n", "--- # the end\n"] {
        sandbox.write("buildspec.yml", format!("---\n{text}{end}"));
        assert!(
            sandbox.json(0, &["lint", "buildspec.yml"]).is_empty(),
            "{end}"
        );
    }
    sandbox.write("buildspec.yml", format!("{text}---\n{text}"));
    let expected = [("next-document".to_owned(), 7)];
    assert_eq!(findings(&sandbox, "buildspec.yml"), expected);
    sandbox.write("buildspec.yml", format!("{text}---\n}}\n"));
    sandbox
        .run(["lint", "buildspec.yml"])
        .fails(1, &["buildspec.yml is no YAML"]);
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
    for command in [&["lint"][..], &["codebuild", "run"]] {
        sandbox
            .run([command, &["nowhere.yml"]].concat())
            .fails(4, &["nowhere.yml cannot be read", "hint: give the path"]);
    }
    sandbox
        .run(["lint", "/dev/zero"])
        .fails(4, &["no regular file"]);
}
