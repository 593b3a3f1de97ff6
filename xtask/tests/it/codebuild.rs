//! `codebuild run`: CodeBuild's semantics on this machine.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Ran, Sandbox, tiny, wait_for_line};

/// A workspace with a buildspec of these phases.
fn buildspec(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("buildspec.yml", format!("version: 0.2\n{text}"));
    sandbox
}

fn run(sandbox: &Sandbox) -> Ran {
    sandbox.run(["codebuild", "run", "buildspec.yml"])
}

/// The phases that ran, and whether they succeeded.
fn phases(sandbox: &Sandbox, code: i32) -> Vec<(String, bool)> {
    let objects = sandbox.json(code, &["codebuild", "run", "buildspec.yml"]);
    let of = |phase: &Value| {
        let name = phase["phase"].as_str().unwrap().to_owned();
        (name, phase["succeeded"].as_bool().unwrap())
    };
    objects.iter().map(of).collect()
}

fn ran(expected: &[(&str, bool)]) -> Vec<(String, bool)> {
    expected
        .iter()
        .map(|(name, succeeded)| ((*name).to_owned(), *succeeded))
        .collect()
}

#[test]
fn one_shell_runs_all_commands() {
    let sandbox = buildspec(
        "env: {shell: bash}\nphases:\n  pre_build: {commands: [X=kept, mkdir -p deep, cd deep, 'f() { echo of $X; }']}\n  build: {commands: [f, pwd]}\n",
    );
    let ran = run(&sandbox);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "of kept");
    assert!(lines[1].ends_with("/deep"), "{lines:?}");
    assert!(ran.stderr.contains("done  build ("), "{}", ran.stderr);
}

#[test]
fn the_first_failing_command_ends_its_phase_and_is_named() {
    for shell in ["bash", "sh", "/bin/sh"] {
        let sandbox = buildspec(&format!(
            "env: {{shell: {shell}}}\nphases:\n  build:\n    commands:\n      - echo one\n      - sh -c 'exit 7'\n      - echo two\n    finally: [echo finally]\n  post_build:\n    commands: [echo succeeding $CODEBUILD_BUILD_SUCCEEDING]\n"
        ));
        let ran = run(&sandbox);
        ran.fails(
            1,
            &[
                "buildspec.yml:7: `sh -c 'exit 7'` failed in the phase build with status 7",
                "FAILED  build",
            ],
        );
        assert_eq!(ran.stdout, "one\nfinally\nsucceeding 0\n");
    }
}

#[test]
fn a_secret_is_not_exported() {
    let mut sandbox = buildspec(
        "env:\n  parameter-store: {PASS: DOCKER_PASSWORD}\n  exported-variables: [PASS]\nphases: {build: {commands: [echo one]}}\n",
    );
    sandbox.set("DOCKER_PASSWORD", "canary");
    let ran = run(&sandbox);
    ran.fails(3, &["exports PASS, a secret"]);
    assert!(!format!("{ran:?}").contains("canary"));
    assert_eq!(ran.stdout, "");
    sandbox.edit("buildspec.yml", "parameter-store", "secrets-manager");
    let ran = sandbox.run(["codebuild", "run", "buildspec.yml", "--lenient"]);
    ran.fails(3, &["exports PASS, a secret"]);
}

#[test]
fn a_secret_is_not_exported_by_another_name() {
    let mut sandbox = buildspec(
        "env:\n  parameter-store: {PASS: DOCKER_PASSWORD}\n  exported-variables: [URL, A]\nphases: {build: {commands: ['export A=1 URL=http://me:$PASS@host']}}\n",
    );
    sandbox.set("DOCKER_PASSWORD", "canary");
    let told = run(&sandbox);
    told.fails(3, &["URL holds the value of PASS", "exported A=1"]);
    let objects = sandbox.json(3, &["codebuild", "run", "buildspec.yml"]);
    assert_eq!(objects[0]["exported"], serde_json::json!({ "A": "1" }));
    assert_eq!(objects[1]["phase"], "exported-variables");
    assert!(!format!("{told:?}{objects:?}").contains("canary"));
    // Given at the start it is a secret all the same.
    let line = ["codebuild", "run", "buildspec.yml", "--env"];
    let given = sandbox.run(line.iter().chain(&["PASS=canary-given"]));
    given.fails(3, &["URL holds the value of PASS"]);
    assert!(!format!("{given:?}").contains("canary"));
}

#[test]
fn an_empty_secret_is_in_no_variable() {
    let sandbox = buildspec(
        "env:\n  secrets-manager: {TOKEN: token}\n  exported-variables: [A]\nphases: {build: {commands: ['export A=1']}}\n",
    )
    .with("TOKEN", "");
    let ran = sandbox.run(["codebuild", "run", "buildspec.yml", "--lenient"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("exported A=1"), "{}", ran.stderr);
}

#[test]
fn commands_see_the_secrets_that_the_buildspec_names_and_no_other() {
    let command = "printenv DOCKER_PASSWORD || echo none; printenv AWS_SESSION_TOKEN";
    let env =
        |env: &str| format!("env: {{{env}}}\nphases: {{build: {{commands: ['{command}']}}}}\n");
    let none: &[&str] = &[];
    for (variables, arguments, expected) in [
        ("", none, "none"),
        ("variables: {A: a}", none, "none"),
        ("parameter-store: {PASS: DOCKER_PASSWORD}", none, "none"),
        (
            "parameter-store: {DOCKER_PASSWORD: DOCKER_PASSWORD}",
            none,
            "of-the-caller",
        ),
        ("variables: {DOCKER_PASSWORD: literal}", none, "literal"),
        ("", &["--env", "DOCKER_PASSWORD=given"], "given"),
        (
            "secrets-manager: {DOCKER_PASSWORD: 'registry:password'}",
            &["--lenient"],
            "of-the-caller",
        ),
    ] {
        let mut sandbox = buildspec(&env(variables));
        sandbox.set("DOCKER_PASSWORD", "of-the-caller");
        // What signs in to AWS is not the delivery's.
        sandbox.set("AWS_SESSION_TOKEN", "of-aws");
        let run = ["codebuild", "run", "buildspec.yml"].iter();
        let ran = sandbox.ok(run.chain(arguments));
        assert_eq!(ran.stdout, format!("{expected}\nof-aws\n"), "{variables}");
    }
}

#[test]
fn a_build_that_cleans_the_target_directory_comes_to_what_its_commands_do() {
    for (last, code) in [("'false'", 1), ("touch target/a", 0)] {
        let sandbox = buildspec(&format!(
            "env: {{exported-variables: [A]}}\nphases:\n  build: {{commands: [rm -r target, mkdir target, export A=1, {last}]}}\n  post_build: {{commands: ['true']}}\nartifacts: {{files: [target/a], discard-paths: 'yes'}}\n"
        ));
        let expected = ran(&[("build", code == 0), ("post_build", true)]);
        assert_eq!(phases(&sandbox, code), expected);
        assert!(run(&sandbox).stderr.contains("exported A=1"));
        let artifact = sandbox.path("target/codebuild/artifacts/a");
        assert_eq!(artifact.exists(), code == 0);
    }
}

#[test]
fn a_build_that_says_nothing_of_its_phases_is_no_success() {
    let mut sandbox = buildspec("phases: {build: {commands: ['rm -r temporary/*']}}\n");
    fs::create_dir(sandbox.path("temporary")).unwrap();
    sandbox.set("TMPDIR", "temporary");
    run(&sandbox).fails(1, &["took away what it has written down", "hint: "]);
}

#[test]
fn a_build_leaves_nothing_but_its_artifacts() {
    for (command, signal) in [
        ("export A=1", false),
        ("kill -TERM $PPID; while :; do :; done", true),
    ] {
        let mut sandbox = buildspec(&format!(
            "env: {{exported-variables: [A]}}\nphases: {{build: {{commands: ['{command}']}}}}\n"
        ));
        fs::create_dir(sandbox.path("temporary")).unwrap();
        sandbox.set("TMPDIR", "temporary");
        let code = if signal { 130 } else { 0 };
        assert_eq!(run(&sandbox).code, Some(code));
        let left = fs::read_dir(sandbox.path("temporary")).unwrap();
        assert_eq!(left.count(), 0);
    }
}

#[test]
fn a_shell_that_dies_is_no_success() {
    for (shell, command, status) in [
        ("bash", "kill -9 $$", 137),
        ("sh", "kill -9 $$", 137),
        ("bash", "exec false", 1),
        ("sh", "exec true", 0),
        ("bash", "trap - EXIT; exit 3", 3),
    ] {
        let sandbox = buildspec(&format!(
            "env: {{shell: {shell}}}\nphases:\n  build:\n    commands: [echo one, '{command}', echo two]\n"
        ));
        let words = format!("`{command}` ended the shell in the phase build with status {status}");
        let ran = run(&sandbox);
        ran.fails(1, &[&words]);
        assert_eq!(ran.stdout, "one\n");
    }
}

#[test]
fn a_command_that_ends_the_shell_fails_its_phase() {
    for shell in ["bash", "sh"] {
        let sandbox = buildspec(&format!(
            "env: {{shell: {shell}}}\nphases:\n  build:\n    commands: [X=1, exit 3, echo never]\n    finally: [echo finally $X]\n  post_build: {{commands: [echo post]}}\n"
        ));
        let ran = run(&sandbox);
        ran.fails(
            1,
            &[
                "`exit 3` ended the shell in the phase build with status 3",
                "done  post_build",
            ],
        );
        assert_eq!(ran.stdout, "finally 1\npost\n");
    }
}

#[test]
fn the_phase_in_which_the_shell_ended_is_the_one_that_failed() {
    let both: &[_] = &[("build", false), ("post_build", true)];
    for (build, post_build, expected, ended) in [
        ("exit 3", "true", both, ("exit 3", 3)),
        ("exit 0", "true", both, ("exit 0", 0)),
        ("set -e; false", "true", both, ("set -e; false", 1)),
        (
            "false",
            "exit 0",
            &[("build", false), ("post_build", false)],
            ("exit 0", 0),
        ),
        (
            "exit 3",
            "exit 4",
            &[("build", false), ("post_build", false)],
            ("exit 4", 4),
        ),
        (
            "exit 3",
            "exec false",
            &[("build", false), ("post_build", false)],
            ("exec false", 1),
        ),
        (
            "true",
            "exec true",
            &[("build", true), ("post_build", false)],
            ("exec true", 0),
        ),
    ] {
        for shell in ["bash", "sh"] {
            let sandbox = buildspec(&format!(
                "env: {{shell: {shell}}}\nphases:\n  build: {{commands: ['{build}']}}\n  post_build: {{commands: ['{post_build}']}}\n"
            ));
            assert_eq!(phases(&sandbox, 1), ran(expected), "{shell} {build}");
            let (command, status) = ended;
            let phase = if command == build {
                "build"
            } else {
                "post_build"
            };
            let words =
                format!("`{command}` ended the shell in the phase {phase} with status {status}");
            run(&sandbox).fails(1, &[&words]);
        }
    }
}

#[test]
fn an_unset_variable_ends_the_shell_in_its_phase() {
    for shell in ["bash", "sh"] {
        let sandbox = buildspec(&format!(
            "env: {{shell: {shell}}}\nphases:\n  build: {{commands: [set -eu, 'echo $UNSET']}}\n  post_build: {{commands: [echo ok]}}\n"
        ));
        let ran = run(&sandbox);
        let words = "buildspec.yml:4: `echo $UNSET` ended the shell in the phase build";
        ran.fails(1, &[words, "done  post_build"]);
        assert_eq!(ran.stdout, "ok\n");
    }
}

#[test]
fn what_separates_words_hides_no_failure() {
    for separator in [",", "0", " 1"] {
        let sandbox = buildspec(&format!(
            "phases: {{build: {{commands: ['IFS=\"{separator}\"', 'sh -c \"exit 10\"']}}}}\n"
        ));
        run(&sandbox).fails(1, &["failed in the phase build with status 10"]);
    }
}

#[test]
fn a_failed_phase_before_build_skips_the_others() {
    let text = |rule| {
        format!(
            "phases:\n  install:\n    {rule}commands: ['false']\n  build: {{commands: ['true']}}\n  post_build: {{commands: ['true']}}\n"
        )
    };
    assert_eq!(phases(&buildspec(&text("")), 1), ran(&[("install", false)]));
    assert_eq!(
        phases(&buildspec(&text("on-failure: CONTINUE\n    ")), 1),
        ran(&[("install", false), ("build", true), ("post_build", true)])
    );
}

#[test]
fn post_build_follows_a_failed_build_unless_that_aborts() {
    let text = |rule| {
        format!(
            "phases:\n  build:\n    {rule}commands: ['false']\n  post_build: {{commands: ['true']}}\n"
        )
    };
    assert_eq!(
        phases(&buildspec(&text("")), 1),
        ran(&[("build", false), ("post_build", true)])
    );
    assert_eq!(
        phases(&buildspec(&text("on-failure: ABORT\n    ")), 1),
        ran(&[("build", false)])
    );
}

#[test]
fn of_several_lines_the_last_ones_status_counts() {
    let sandbox =
        buildspec("phases:\n  build:\n    commands:\n      - |\n        false\n        true\n");
    assert_eq!(phases(&sandbox, 0), ran(&[("build", true)]));
}

#[test]
fn what_starts_a_build_takes_precedence() {
    let sandbox = buildspec(
        "env:\n  variables: {A: '$HOME', B: spec}\n  parameter-store: {TAG: BACKEND_IMAGE_TAG_STAGING, REPO: BACKEND_IMAGE_REPO_NAME}\nphases:\n  build:\n    commands: ['echo \"$A $B $TAG $REPO $AWS_REGION\"']\n",
    );
    let ran = sandbox.ok([
        "codebuild",
        "run",
        "buildspec.yml",
        "--env",
        "B=start",
        "--env",
        "REPO=x=y",
        "--env",
        "AWS_REGION=eu-west-1",
    ]);
    assert_eq!(ran.stdout, "$HOME start 1.0.SNAPSHOT x=y eu-west-1\n");
    for wrong in ["B", "=1", "B C=1", "1B=1"] {
        sandbox
            .run(["codebuild", "run", "buildspec.yml", "--env", wrong])
            .fails(2, &["NAME=VALUE is expected"]);
    }
}

#[test]
fn a_template_is_no_buildspec() {
    let sandbox = Sandbox::new();
    sandbox.write("pipeline.yaml", "Resources: {}\n");
    sandbox.run(["codebuild", "run", "pipeline.yaml"]).fails(
        4,
        &[
            "pipeline.yaml is a template and no buildspec",
            "hint: run a buildspec that it names",
        ],
    );
    for (version, words) in [
        ("", "has no version"),
        ("version: 0.1\n", "version is \"0.1\""),
    ] {
        sandbox.write("buildspec.yml", format!("{version}phases: {{}}\n"));
        sandbox.run(["codebuild", "run", "buildspec.yml"]).fails(
            4,
            &["buildspec.yml: the buildspec", words, "hint: version: 0.2"],
        );
    }
}

#[test]
fn a_buildspec_says_in_which_account_and_region_its_registry_is() {
    let sandbox = buildspec(
        "env: {variables: {AWS_ACCOUNT_ID: '123456789012', AWS_DEFAULT_REGION: eu-central-1}}\nphases: {build: {commands: ['echo $AWS_ACCOUNT_ID $AWS_DEFAULT_REGION']}}\n",
    );
    let ran = sandbox.ok(["codebuild", "run", "buildspec.yml"]);
    assert_eq!(ran.stdout, "123456789012 eu-central-1\n");
    assert!(sandbox.json(0, &["lint", "buildspec.yml"]).is_empty());
}

#[test]
fn a_missing_parameter_fails_the_build_before_its_first_command() {
    let sandbox = buildspec(
        "env:\n  parameter-store: {A: NOWHERE}\nphases:\n  build: {commands: [echo started]}\n",
    );
    let ran = run(&sandbox);
    ran.fails(4, &["the parameter NOWHERE is missing"]);
    assert_eq!(ran.stdout, "");
    sandbox.edit("buildspec.yml", "NOWHERE", "/app/nowhere");
    let words = ["the parameter /app/nowhere is missing", "hint: `--env A=…`"];
    run(&sandbox).fails(4, &words);
    sandbox.ok(["codebuild", "run", "buildspec.yml", "--env", "A=1"]);
}

#[test]
fn exported_variables_are_told_at_the_end() {
    let sandbox = buildspec(
        "env:\n  exported-variables: [A, B]\nphases:\n  build:\n    commands: [A=1, 'export A', B=not-exported]\n",
    );
    let objects = sandbox.json(0, &["codebuild", "run", "buildspec.yml"]);
    assert_eq!(objects[0]["exported"], serde_json::json!({ "A": "1" }));
    assert!(run(&sandbox).stderr.contains("exported A=1"));
}

#[test]
fn the_variables_of_codebuild_are_set() {
    let names = [
        "BUILD_ID",
        "BUILD_ARN",
        "BUILD_NUMBER",
        "BUILD_SUCCEEDING",
        "INITIATOR",
        "SRC_DIR",
        "START_TIME",
    ];
    let commands: Vec<_> = names
        .iter()
        .map(|name| format!("'test -n \"$CODEBUILD_{name}\"'"))
        .collect();
    let sandbox = buildspec(&format!(
        "phases:\n  build:\n    commands: [{}, 'test -n \"$AWS_REGION\"']\n",
        commands.join(", ")
    ));
    assert_eq!(phases(&sandbox, 0), ran(&[("build", true)]));
}

#[test]
fn the_commit_of_the_sources_is_told() {
    let sandbox = tiny::workspace();
    let commit = tiny::commit(&sandbox);
    sandbox.write(
        "target/buildspec.yml",
        "version: 0.2\nphases: {build: {commands: ['echo $CODEBUILD_RESOLVED_SOURCE_VERSION']}}\n",
    );
    let ran = sandbox.ok(["codebuild", "run", "target/buildspec.yml"]);
    assert_eq!(ran.line(), commit);
}

#[test]
fn artifacts_are_the_files_that_fit() {
    let sandbox = buildspec(
        "phases:\n  build:\n    commands: [mkdir -p out/deep, touch out/a.json out/b.txt out/deep/c.json]\nartifacts:\n  base-directory: out\n  files: ['**/*']\n  exclude-paths: ['*.txt']\n  secondary-artifacts:\n    flat: {base-directory: out, files: ['deep/*.json'], discard-paths: 'yes'}\n",
    );
    sandbox.write("target/codebuild/artifacts/old", "");
    sandbox.ok(["codebuild", "run", "buildspec.yml"]);
    for (file, there) in [
        ("artifacts/a.json", true),
        ("artifacts/deep/c.json", true),
        ("artifacts/b.txt", false),
        ("artifacts/old", false),
        ("flat/c.json", true),
    ] {
        assert_eq!(
            sandbox.path(&format!("target/codebuild/{file}")).exists(),
            there,
            "{file}"
        );
    }
}

#[test]
fn artifacts_of_cargo_are_found_where_its_target_directory_is() {
    let mut sandbox = buildspec(
        "phases:\n  build:\n    commands: [mkdir -p elsewhere/out target/out, touch elsewhere/out/a target/out/b]\nartifacts: {base-directory: ./target/out, files: ['*']}\n",
    );
    let elsewhere = sandbox.path("elsewhere").display().to_string();
    sandbox.set("CARGO_TARGET_DIR", elsewhere);
    sandbox.ok(["codebuild", "run", "buildspec.yml"]);
    assert!(sandbox.path("elsewhere/codebuild/artifacts/a").exists());
    assert!(!sandbox.path("elsewhere/codebuild/artifacts/b").exists());
}

#[test]
fn variables_say_where_artifacts_are() {
    let mut sandbox = buildspec(
        "env: {variables: {OUT: out, UNUSED: $NAME}, exported-variables: [VERSION]}\nphases:\n  build:\n    commands: [mkdir -p out elsewhere/a, touch out/a-1.txt out/b-1.txt out/a-2.txt elsewhere/a/b, export NAME=a VERSION=1]\nartifacts:\n  base-directory: $OUT\n  files: ['*-${VERSION}.txt']\n  exclude-paths: [b-*]\n  secondary-artifacts:\n    absolute: {base-directory: $CODEBUILD_SRC_DIR/out, files: ['$NAME-*.txt']}\n    cargo: {base-directory: '${CODEBUILD_SRC_DIR}/target/$NAME', files: [b]}\n",
    );
    let elsewhere = sandbox.path("elsewhere").display().to_string();
    sandbox.set("CARGO_TARGET_DIR", elsewhere);
    let object = sandbox.one(0, &["codebuild", "run", "buildspec.yml"]);
    let expected = [
        "artifacts/a-1.txt",
        "absolute/a-1.txt",
        "absolute/a-2.txt",
        "cargo/b",
    ];
    let expected = expected.map(|file| sandbox.path("elsewhere/codebuild").join(file));
    assert_eq!(object["artifacts"], serde_json::json!(expected));
    assert_eq!(object["exported"], serde_json::json!({ "VERSION": "1" }));
}

#[test]
fn artifacts_may_be_in_all_folders_whose_names_fit() {
    let files = "my-build1/one.txt my-build2/two.txt my-build2/deep/three.txt other/four.txt";
    let sandbox = buildspec(&format!(
        "phases: {{build: {{commands: [mkdir -p my-build1 my-build2/deep other, touch {files} my-build3]}}}}\nartifacts:\n  base-directory: 'my-build*'\n  files: ['**/*']\n  secondary-artifacts:\n    flat: {{base-directory: './my-build?', files: ['**/*'], discard-paths: 'yes'}}\n"
    ));
    let object = sandbox.one(0, &["codebuild", "run", "buildspec.yml"]);
    let expected = [
        "artifacts/deep/three.txt",
        "artifacts/one.txt",
        "artifacts/two.txt",
        "flat/one.txt",
        "flat/three.txt",
        "flat/two.txt",
    ];
    let expected = expected.map(|file| sandbox.path("target/codebuild").join(file));
    assert_eq!(object["artifacts"], serde_json::json!(expected));
}

#[test]
fn artifacts_of_one_name_are_told_once() {
    let sandbox = buildspec(
        "phases:\n  build: {commands: [mkdir -p a b, echo a > a/file, echo b > b/file]}\nartifacts: {files: ['?/file'], discard-paths: 'yes'}\n",
    );
    let object = sandbox.one(0, &["codebuild", "run", "buildspec.yml"]);
    let file = sandbox.path("target/codebuild/artifacts/file");
    assert_eq!(object["artifacts"], serde_json::json!([file]));
    assert_eq!(sandbox.read("target/codebuild/artifacts/file"), "b\n");
}

/// Runs a build whose artifacts fail with these words: its phases are told all the same,
/// and no artifact is left.
fn fails_after_its_phases(sandbox: &Sandbox, words: &[&str]) {
    run(sandbox).fails(1, words);
    run(sandbox).fails(1, &["done  build (", "FAILED  artifacts"]);
    assert_eq!(
        phases(sandbox, 1),
        ran(&[("build", true), ("artifacts", false)])
    );
    let left = fs::read_dir(sandbox.path("target/codebuild")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".lock"]);
}

#[test]
fn an_artifact_without_a_file_fails() {
    let sandbox = buildspec(
        "phases:\n  build: {commands: [touch a]}\nartifacts:\n  files: [a]\n  secondary-artifacts: {second: {files: [a.json]}}\n",
    );
    fails_after_its_phases(
        &sandbox,
        &[
            "no file fits the artifact second",
            "hint: a.json is looked for in",
        ],
    );
    for (base, hint) in [
        ("out*", "base-directory: out* fits no folder"),
        ("$UNSET", "a is looked for in"),
        ("$UNSET", "/$UNSET\n"),
    ] {
        let sandbox = buildspec(&format!(
            "phases: {{build: {{commands: [touch a]}}}}\nartifacts: {{base-directory: {base}, files: [a]}}\n"
        ));
        fails_after_its_phases(&sandbox, &["no file fits the artifact artifacts", hint]);
    }
}

#[test]
fn an_artifact_that_is_no_file_is_named_as_what_it_is() {
    for (command, words, hint) in [
        (
            "ln -sf nowhere out/b",
            "/out/b of the artifact artifacts is a broken symbolic link to nowhere",
            "exclude-paths: [\"b\"]",
        ),
        (
            "ln -sfn ../deep out/b",
            "is a symbolic link to ../deep, which is no file",
            "hint: ",
        ),
        (
            "rm -f out/b; mkfifo out/b",
            "/out/b of the artifact artifacts is no file",
            "hint: ",
        ),
    ] {
        let sandbox = buildspec(&format!(
            "phases:\n  build: {{commands: [mkdir -p out deep, touch out/a, '{command}']}}\nartifacts: {{base-directory: out, files: ['**/*']}}\n"
        ));
        fails_after_its_phases(&sandbox, &[words, hint]);
    }
}

#[test]
fn what_was_copied_before_a_copy_failed_is_no_artifact() {
    // Nobody can read the start of a process's memory, which says that it is a file.
    let sandbox = buildspec(
        "phases:\n  build: {commands: [mkdir -p out, touch out/a, ln -sf /proc/self/mem out/b]}\nartifacts: {base-directory: out, files: ['*']}\n",
    );
    fails_after_its_phases(&sandbox, &["/out/b to the artifacts as artifacts/b\n"]);
}

#[test]
fn what_is_not_emulated_ends_the_run_unless_it_may_be_left_out() {
    let sandbox = buildspec(
        "proxy: {upload-artifacts: 'no'}\nphases:\n  install: {runtime-versions: {docker: 18}}\n  build: {commands: [echo ran]}\n",
    );
    run(&sandbox).fails(
        4,
        &[
            "not emulated here: proxy, phases.install.runtime-versions",
            "hint: --lenient",
        ],
    );
    let ran = sandbox.ok(["codebuild", "run", "buildspec.yml", "--lenient"]);
    assert_eq!(ran.stdout, "ran\n");
    assert!(
        ran.stderr
            .contains("warning: proxy is not emulated and left out")
    );
}

#[test]
fn a_build_that_would_be_retried_is_run_once() {
    for rule in [
        "RETRY",
        "RETRY-4",
        "RETRY-.*refused.*",
        "RETRY-4-.*refused.*",
    ] {
        let sandbox = buildspec(&format!(
            "phases: {{build: {{on-failure: '{rule}', commands: [echo ran, 'false']}}}}\n"
        ));
        let words = format!("not emulated here: phases.build.on-failure: {rule}");
        run(&sandbox).fails(4, &[&words]);
        let ran = sandbox.run(["codebuild", "run", "buildspec.yml", "--lenient"]);
        assert_eq!((ran.code, &*ran.stdout), (Some(1), "ran\n"), "{rule}");
    }
}

#[test]
fn what_codebuild_refuses_ends_the_run_before_its_first_command() {
    for (text, words) in [
        (
            "phases:\n  build:\n    commands:\n      - echo started\n      - echo Result: done\n",
            "buildspec.yml:6: the command is no text",
        ),
        (
            "phases:\n  build: {commands: [echo started]}\n  build: {}\n",
            "buildspec.yml:4: the key \"build\" is there twice",
        ),
        (
            "env: {variables: {TAGS: [a]}}\nphases: {build: {commands: [echo started]}}\n",
            "buildspec.yml:2: env.variables: the value of \"TAGS\" is no text",
        ),
        (
            "env: {variables: {AWS_X: a}}\nphases: {build: {commands: [echo started]}}\n",
            "the variable AWS_X, a name that CodeBuild keeps for itself",
        ),
        (
            "phases: {build: {commands: [echo started]}}\nartifacts: {secondary-artifacts: {a: {files: [b], s3-prefix: c}}}\n",
            "artifacts.secondary-artifacts.a.s3-prefix",
        ),
        (
            "phases: {build: {commands: [echo started]}}\ncache: {path: [a]}\n",
            "cache.path",
        ),
        (
            "phases:\n  install:\n    on-failure: RETRY-\n    commands: [echo started]\n",
            "buildspec.yml:4: phases.install.on-failure has no meaning: \"RETRY-\"",
        ),
        (
            "phases: {build: {on-failure: abort, commands: [echo started]}}\n",
            "hint: it is ABORT, CONTINUE, RETRY, ",
        ),
        (
            "env: {variables: {A-B: a}}\nphases: {build: {commands: [echo started]}}\n",
            "buildspec.yml:2: env.variables: \"A-B\" is no name of a variable",
        ),
        (
            "env: {parameter-store: {1A: BACKEND_IMAGE_TAG_STAGING}}\nphases: {build: {commands: [echo started]}}\n",
            "env.parameter-store: \"1A\" is no name of a variable",
        ),
        (
            "env: {exported-variables: [A, 'A; echo started']}\nphases: {build: {commands: [A=1]}}\n",
            "env.exported-variables: \"A; echo started\" is no name of a variable",
        ),
        (
            "phases: {build: {commands: [echo started]}}\nartifacts: {secondary-artifacts: {../../../escaped: {files: [b]}}}\n",
            "buildspec.yml:3: no secondary artifact can be called \"../../../escaped\"",
        ),
        (
            "phases: {build: {commands: [echo started]}}\nartifacts: {secondary-artifacts: {a-b: {files: [b]}}}\n",
            "no secondary artifact can be called \"a-b\"",
        ),
        (
            "phases: {build: {commands: [echo started]}}\nartifacts: {files: [a], secondary-artifacts: {artifacts: {files: [b]}}}\n",
            "the secondary artifact artifacts would lie where the primary one does",
        ),
        (
            "env: {shell: powershell}\nphases: {build: {commands: [echo started]}}\n",
            "the shell \"powershell\" is neither bash nor sh",
        ),
    ] {
        let ran = run(&buildspec(text));
        ran.fails(4, &[words, "hint: "]);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn the_build_goes_on_however_often_a_command_ends_the_shell() {
    for shell in ["bash", "sh"] {
        let sandbox = buildspec(&format!(
            "env: {{shell: {shell}, exported-variables: [X]}}\nphases:\n  build: {{commands: [export X=kept, exit 1], finally: [exit 2, exit 3, echo last]}}\n  post_build: {{commands: [exit 4, echo never], finally: [echo $X]}}\n"
        ));
        let ran = run(&sandbox);
        assert_eq!(ran.stdout, "last\nkept\n", "{}", ran.stderr);
        let words = ["`exit 1` ended the shell", "`exit 4` ended the shell"];
        ran.fails(1, &words);
        assert!(ran.stderr.contains("exported X=kept"), "{}", ran.stderr);
    }
}

#[test]
fn a_build_waits_for_the_one_before_it() {
    let sandbox = buildspec(
        "phases: {build: {commands: ['echo started >&2', 'for i in $(seq 900); do test -e go && break; sleep 0.1; done', echo ended]}}\n",
    );
    sandbox.write(
        "other.yml",
        "version: 0.2\nphases: {build: {commands: [echo ended]}}\n",
    );
    let start = |buildspec: &str| {
        let mut command = sandbox.command(["codebuild", "run", buildspec]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut first = start("buildspec.yml");
    wait_for_line(&mut first, "started");
    let mut second = start("other.yml");
    wait_for_line(&mut second, "waiting for another command");
    sandbox.write("go", "");
    for build in [first, second] {
        let ran = Ran::from(build.wait_with_output().unwrap());
        assert_eq!((ran.code, &*ran.stdout), (Some(0), "ended\n"), "{ran:?}");
    }
}

#[test]
fn aliases_repeat_what_they_name() {
    let sandbox = buildspec(
        "phases:\n  pre_build: {commands: &all [echo one, &two echo two]}\n  build: {commands: *all, finally: [*two]}\n",
    );
    assert_eq!(
        sandbox.ok(["codebuild", "run", "buildspec.yml"]).stdout,
        "one\ntwo\none\ntwo\ntwo\n"
    );
}

/// A workspace with the images in staging, in which `cargo xtask` is the tool that is
/// tested, and compiled already.
fn staged() -> (Sandbox, String) {
    let mut sandbox = Sandbox::new();
    sandbox.ok(["generate"]);
    let digest = sandbox.has_staged("one").to_string();
    let tool = env!("CARGO_BIN_EXE_xtask");
    let cargo = format!("test \"$1\" = build && exit\nshift\nexec '{tool}' \"$@\"");
    sandbox.program("target/bin/cargo", &cargo);
    (sandbox, digest)
}

#[test]
fn a_release_leaves_what_the_commands_typed_by_hand_leave() {
    let (here, digest) = staged();
    here.ok(["promote-to-production", "backend", "--digest", &digest]);
    let by_hand = [
        "imagedefinitions",
        "backend",
        "--environment",
        "production",
        "--by-digest",
    ];
    here.ok(by_hand);

    let (there, same_digest) = staged();
    assert_eq!(digest, same_digest);
    let ran = there.ok([
        "codebuild",
        "run",
        "backend/build/production/buildspec.yml",
        "--env",
        &format!("BACKEND_TESTED_DIGEST={digest}"),
    ]);
    assert_eq!(ran.stdout.lines().next(), Some(&*digest), "{}", ran.stderr);
    let artifact = |file: &str| there.read(&format!("target/codebuild/artifacts/{file}"));
    for file in ["imagedefinitions.json", "imageDetail.json"] {
        let expected = here.record("production", "backend", file);
        assert_eq!(there.record("production", "backend", file), expected);
        assert_eq!(artifact(file), expected);
    }
    let without_time_and_build = |text: String| {
        let mut record: Value = serde_json::from_str(&text).unwrap();
        let record = record.as_object_mut().unwrap();
        let by = record.remove("by").unwrap();
        assert!(record.remove("time").is_some());
        (record.clone(), by)
    };
    let (expected, _) =
        without_time_and_build(here.record("production", "backend", "promotion.json"));
    let (record, by) = without_time_and_build(artifact("promotion.json"));
    assert_eq!(record, expected);
    let name = "mynavi-sample-continuous-delivery:";
    assert!(by.as_str().unwrap().starts_with(name), "{by}");
}
