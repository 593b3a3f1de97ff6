//! `generate`: the files follow from the metadata, and stay within AWS's limits.

use std::path::Path;

use crate::support::{Sandbox, many};

/// The longest policy that a role can be given (IAM User Guide, "IAM and AWS STS
/// quotas"), without white space.
const POLICY_LENGTH: usize = 6144;

#[test]
fn this_project_has_what_its_metadata_gives() {
    let sandbox = Sandbox::empty();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ran = sandbox
        .command(["generate", "--check"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[test]
fn files_are_written_once() {
    let sandbox = Sandbox::new();
    let outcomes = |code, arguments: &[&str]| {
        let objects = sandbox.json(code, arguments);
        let outcomes = objects
            .iter()
            .map(|object| object["outcome"].as_str().unwrap().to_owned());
        outcomes.collect::<Vec<_>>()
    };
    assert_eq!(outcomes(0, &["generate", "--dry-run"]), ["planned"; 9]);
    assert!(!sandbox.path("build/pipeline.yaml").exists());
    assert_eq!(outcomes(0, &["generate"]), ["written"; 9]);
    assert_eq!(outcomes(0, &["generate"]), ["unchanged"; 9]);
    assert_eq!(outcomes(0, &["generate", "--check"]), ["unchanged"; 9]);
}

#[test]
fn a_stale_file_is_shown_with_the_command_that_mends_it() {
    let sandbox = Sandbox::new();
    sandbox.ok(["generate"]);
    sandbox.edit(
        "build/pipeline.yaml",
        "DeploymentTimeout: \"15\"",
        "DeploymentTimeout: \"60\"",
    );
    let ran = sandbox.run(["generate", "--check"]);
    ran.fails(
        1,
        &[
            "build/pipeline.yaml is not what the metadata gives",
            "-                DeploymentTimeout: \"60\"",
            "+                DeploymentTimeout: \"15\"",
            "hint: cargo xtask generate",
        ],
    );
    let stale = sandbox.json(1, &["generate", "--check"]);
    let stale: Vec<_> = stale
        .iter()
        .filter(|file| file["outcome"] == "stale")
        .collect();
    assert_eq!(stale.len(), 1);
    assert_eq!(stale[0]["file"], "build/pipeline.yaml");
    assert_eq!(stale[0]["error"]["kind"], "failed");
}

#[test]
fn a_release_gets_the_digest_and_the_tag_that_were_approved() {
    let sandbox = Sandbox::new();
    sandbox.ok(["generate"]);
    let pipeline = sandbox.read("build/pipeline.yaml");
    for line in [
        r##"[{"name":"BACKEND_TESTED_DIGEST","value":"#{backend_staging.IMAGE_DIGEST}"},"##,
        r##"{"name":"BACKEND_IMAGE_TAG_PRODUCTION","value":"#{backend_staging.PRODUCTION_TAG}"}]"##,
        "backend #{backend_staging.IMAGE_DIGEST} as #{backend_staging.PRODUCTION_TAG};",
        "BuildSpec: backend-for-frontend/build/staging/buildspec_e2e.yml",
    ] {
        assert!(pipeline.contains(line), "no {line} in:\n{pipeline}");
    }
    let end_to_end = sandbox.read("backend-for-frontend/build/staging/buildspec_e2e.yml");
    let line = "- cargo xtask e2e --url \"${SERVICE_DNS_STAGING%/}/backend-for-frontend\"";
    assert!(end_to_end.contains(line), "{end_to_end}");
    let environment = sandbox.read("build/environment.yaml");
    for line in [
        "Name: !Sub mynavi-sample-continuous-delivery-bff-${Environment}",
        "Values: [/backend, /backend/*]",
        "parameter/BACKEND_DATABASE_URL_${Suffix}",
        "- Name: SERVICE_DNS",
    ] {
        assert!(environment.contains(line), "no {line} in:\n{environment}");
    }
}

#[test]
fn services_without_an_image_start_without_tasks_while_the_others_keep_theirs() {
    let sandbox = Sandbox::new();
    sandbox.ok(["generate"]);
    let environment = sandbox.read("build/environment.yaml");
    for (service, id) in [
        ("backend", "Backend"),
        ("backend-for-frontend", "BackendForFrontend"),
    ] {
        for line in [
            format!(
                "  {id}Image:\n    Type: String\n    Description: repository@digest or repository:tag of {service};"
            ),
            format!("  {id}WithoutTasks: !Equals [!Ref {id}Image, none]\n"),
            format!("      DesiredCount: !If [{id}WithoutTasks, 0, !Ref AWS::NoValue]\n"),
        ] {
            assert!(environment.contains(&line), "no {line} in:\n{environment}");
        }
    }
}

#[test]
fn a_service_keeps_its_priority_where_another_one_is_taken_out() {
    let sandbox = Sandbox::new();
    let priorities = || {
        sandbox.ok(["generate"]);
        let environment = sandbox.read("build/environment.yaml");
        let lines = environment.lines().map(str::trim);
        let rules = lines.filter_map(|line| line.strip_prefix("Priority: "));
        rules.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = priorities();
    sandbox.edit("Cargo.toml", "\"backend\", ", "");
    sandbox.edit(
        "backend-for-frontend/Cargo.toml",
        "upstreams = [\"backend\"]",
        "",
    );
    assert_eq!(before.len(), 2);
    assert_eq!(priorities(), before[1..]);
}

#[test]
fn a_repository_for_production_is_read_where_it_is_used() {
    let sandbox = Sandbox::new();
    sandbox.edit(
        "backend/Cargo.toml",
        "port = 8080",
        "port = 8080\nproduction-repository = true",
    );
    sandbox.ok(["generate"]);
    let line = "    BACKEND_IMAGE_REPO_NAME_PRODUCTION: BACKEND_IMAGE_REPO_NAME_PRODUCTION\n";
    assert!(
        sandbox
            .read("backend/build/production/buildspec.yml")
            .contains(line)
    );
    assert!(
        !sandbox
            .read("backend/build/staging/buildspec.yml")
            .contains(line)
    );
}

#[test]
fn pages_are_tested_where_the_metadata_says() {
    let sandbox = Sandbox::new();
    sandbox.edit(
        "backend/Cargo.toml",
        "port = 8080",
        "port = 8080\npages = true",
    );
    sandbox.edit(
        "backend-for-frontend/Cargo.toml",
        "port = 8080",
        "port = 8080\npages = false",
    );
    sandbox.ok(["generate"]);
    // It calls nobody: where it is itself is a parameter.
    let end_to_end = sandbox.read("backend/build/staging/buildspec_e2e.yml");
    let line = "- cargo xtask e2e --url \"${SERVICE_DNS_STAGING%/}/backend\"";
    assert!(end_to_end.contains(line), "{end_to_end}");
    assert!(
        !sandbox
            .path("backend-for-frontend/build/staging/buildspec_e2e.yml")
            .exists()
    );
}

#[test]
fn twenty_services_are_within_the_limits() {
    for count in [1, 2, 10, 20] {
        let sandbox = many::workspace(count);
        sandbox.ok(["generate"]);
        let pipeline = sandbox.read("build/pipeline.yaml");
        assert!(!pipeline.contains("<<"), "{pipeline}");
        // The last in the row calls others and is called by none: it has an end-to-end test.
        let (staging, release) = pipeline.split_once("- Name: release").unwrap();
        let approvals = staging.matches("Category: Approval").count();
        let actions = staging.matches("RunOrder: ").count();
        assert_eq!(actions, 2 * count + usize::from(count > 1) + approvals);
        assert!(approvals > 0 && actions <= 50);
        assert_eq!(release.matches("RunOrder: ").count(), 2 * count);
        if count > 1 {
            // The pages are found where what they call is.
            let (last, before) = (many::name(count), many::name(count - 1));
            let prefix = before.to_uppercase().replace('-', "_");
            let line = format!("--url \"${{{prefix}_SERVICE_DNS_STAGING%/}}/{last}\"");
            let file = format!("{last}/build/staging/buildspec_e2e.yml");
            assert!(sandbox.read(&file).contains(&line), "no {line}");
        }
        for part in pipeline.split("CustomData: >-").skip(1) {
            assert!(approval_length(part) <= 1000);
        }
        for policy in ["  StagingPolicy:", "  ReleasePolicy:"] {
            let length = policy_length(&pipeline, policy);
            assert!(length <= POLICY_LENGTH, "{policy} {length} with {count}");
        }
        assert!(sandbox.json(0, &["lint"]).is_empty());
        // CloudFormation takes 500 resources and a megabyte.
        for file in ["build/pipeline.yaml", "build/environment.yaml"] {
            let text = sandbox.read(file);
            assert!(text.matches("    Type: AWS::").count() <= 500 && text.len() <= 1_000_000);
        }
    }
}

/// With a digest of 71 characters and a tag of 32 in the place of each variable.
fn approval_length(part: &str) -> usize {
    let lines = part
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with("                  "));
    let length = |line: &str| {
        let variables = line.matches("IMAGE_DIGEST").count() * 71
            + line.matches("PRODUCTION_TAG").count() * 32
            + line.matches("CommitId").count() * 40;
        let fixed: usize = line
            .trim()
            .split("#{")
            .map(|text| text.rsplit('}').next().unwrap_or_default().len())
            .sum();
        (variables + fixed).max(line.trim().len()) + 1
    };
    lines.map(length).sum()
}

/// The policy as JSON, with the longest names that CloudFormation gives.
fn policy_length(pipeline: &str, policy: &str) -> usize {
    let (_, text) = pipeline.split_once(policy).unwrap();
    let lines = text
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with("    "));
    // A project is called after its name in the template and twelve characters.
    let project = "arn:${AWS::Partition}:codebuild:${AWS::Region}:${AWS::AccountId}:project/";
    let length = |line: &str| {
        let line = line
            .trim()
            .replace("!GetAtt ", project)
            .replace(".Arn", "-123456789012")
            .replace("${AWS::Partition}", "aws-us-gov")
            .replace("${AWS::Region}", "ap-northeast-1")
            .replace("${AWS::AccountId}", "123456789012");
        line.len() + 4
    };
    lines.map(length).sum()
}

#[test]
fn the_target_chooses_the_machines_or_is_refused() {
    let of_target = |target: &str| {
        let sandbox = Sandbox::new();
        sandbox.edit("Cargo.toml", "x86_64-unknown-linux-gnu", target);
        sandbox
    };
    for (target, lines) in [
        (
            "x86_64-unknown-linux-musl",
            ["X86_64", "LINUX_CONTAINER", "aws/codebuild/standard:8.0"],
        ),
        (
            "aarch64-unknown-linux-gnu",
            [
                "ARM64",
                "ARM_CONTAINER",
                "aws/codebuild/amazonlinux-aarch64-standard:3.0",
            ],
        ),
    ] {
        let sandbox = of_target(target);
        sandbox.ok(["generate"]);
        let [architecture, kind, image] = lines;
        let environment = sandbox.read("build/environment.yaml");
        let pipeline = sandbox.read("build/pipeline.yaml");
        assert!(environment.contains(&format!("CpuArchitecture: {architecture}\n")));
        assert!(pipeline.contains(&format!("Type: {kind}\n")));
        assert!(pipeline.contains(&format!("Image: {image}\n")));
    }
    for target in ["riscv64gc-unknown-linux-gnu", "s390x-unknown-linux-gnu"] {
        let sandbox = of_target(target);
        sandbox.run(["generate"]).fails(
            4,
            &[
                "the key `target` in [workspace.metadata.delivery]",
                "Cargo.toml",
                target,
                "neither Fargate nor CodeBuild has such a processor",
                "hint: AWS has those of x86_64, aarch64, e.g. target = ",
            ],
        );
        assert!(!sandbox.path("build/pipeline.yaml").exists());
    }
}

#[test]
fn more_than_twenty_services_are_refused() {
    let sandbox = many::workspace(21);
    let ran = sandbox.run(["generate"]);
    ran.fails(
        4,
        &["21 services are too many", "hint: split the workspace"],
    );
    assert!(!sandbox.path("build/pipeline.yaml").exists());
}

#[test]
fn names_that_aws_would_not_take_are_refused() {
    let long = "a".repeat(58);
    for (file, from, to, words) in [
        (
            "Cargo.toml",
            "name = \"mynavi-sample-continuous-delivery\"",
            &*format!("name = {long:?}"),
            "has 58 characters, and may have 57",
        ),
        (
            "backend-for-frontend/Cargo.toml",
            "name = \"backend-for-frontend\"",
            &format!("name = {:?}", &long[..41]),
            "has 41 characters, and may have 40",
        ),
        (
            "backend-for-frontend/Cargo.toml",
            "alias = \"bff\"",
            &format!("alias = \"{}\"", "a".repeat(187)),
            "the key `alias` of backend-for-frontend has 187 characters, and may have 186",
        ),
        (
            "backend-for-frontend/Cargo.toml",
            "context-path = \"/backend-for-frontend\"",
            &format!("context-path = \"/{}\"", "a".repeat(126)),
            "the key `context-path` of backend-for-frontend has 127 characters, and may have 126",
        ),
        (
            "backend-for-frontend/Cargo.toml",
            "name = \"backend-for-frontend\"",
            "name = \"ssm-reader\"",
            "the parameters of ssm-reader would begin with SSM",
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.edit(file, from, to);
        sandbox.run(["generate"]).fails(4, &[words, "hint: "]);
        assert!(!sandbox.path("build/pipeline.yaml").exists());
    }
    for (names, words) in [
        (
            ["a-1", "a1"],
            "a-1 and a1 would be called the same in the templates",
        ),
        (
            ["orders-43502", "payments-0"],
            "orders-43502 and payments-0 give one priority",
        ),
    ] {
        let sandbox = Sandbox::new();
        for (file, name) in ["backend", "backend-for-frontend"].iter().zip(names) {
            let file = format!("{file}/Cargo.toml");
            let text = sandbox.read(&file);
            let old = text
                .lines()
                .find(|line| line.starts_with("name = "))
                .unwrap();
            let text = text.replace(old, &format!("name = {name:?}"));
            sandbox.write(&file, text.replace("upstreams = [\"backend\"]", ""));
        }
        sandbox.run(["generate"]).fails(4, &[words]);
    }
}

#[test]
fn a_members_folder_is_named_in_one_way() {
    let generated = |members: &str| {
        let sandbox = Sandbox::new();
        sandbox.edit("Cargo.toml", "[\"backend\"", members);
        sandbox.ok(["generate"]);
        let buildspec = sandbox.read("backend/build/staging/buildspec.yml");
        (sandbox.read("build/pipeline.yaml"), buildspec)
    };
    // Not shown where they differ: they are long.
    assert!(generated("[\"./backend/\"") == generated("[\"backend\""));
}

#[test]
fn what_a_removed_service_leaves_behind_is_named() {
    let sandbox = Sandbox::new();
    let nothing = |arguments: &[&str]| {
        let ran = sandbox.ok(arguments);
        assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    };
    nothing(&["generate"]);
    nothing(&["params", "check"]);
    let manifest = sandbox.read("backend-for-frontend/Cargo.toml");
    let (package, _) = manifest.split_once("[package.metadata.service]").unwrap();
    sandbox.write("backend-for-frontend/Cargo.toml", package);
    sandbox.ok(["generate"]);
    let ran = sandbox.ok(["generate", "--check"]);
    for words in [
        "backend-for-frontend/build/staging/buildspec.yml is of no service any more: git rm ",
        "backend-for-frontend/build/staging/buildspec_e2e.yml is of no service any more",
        "backend-for-frontend/build/production/buildspec.yml is of no service any more",
        "BACKEND_FOR_FRONTEND_TESTED_DIGEST, SERVICE_DNS_PRODUCTION, SERVICE_DNS_STAGING out",
    ] {
        assert!(ran.stderr.contains(words), "{words} {}", ran.stderr);
    }
    assert!(
        !ran.stderr.contains("BACKEND_DATABASE_URL"),
        "{}",
        ran.stderr
    );
    let checked = sandbox.json(0, &["params", "check"]);
    let warned: Vec<_> = checked
        .iter()
        .filter(|object| object["warning"].is_string())
        .collect();
    assert_eq!(warned.len(), 6, "{warned:?}");
    // What its folder and its tables were in is as if it had never been.
    std::fs::remove_dir_all(sandbox.path("backend-for-frontend")).unwrap();
    sandbox.edit("Cargo.toml", ", \"backend-for-frontend\"", "");
    let parameters = sandbox.read("build/parameters.toml");
    let kept = parameters.split("\n\n").filter(|table| {
        let of_it = ["[BACKEND_FOR_FRONTEND_", "[SERVICE_DNS_"];
        !of_it.iter().any(|start| table.starts_with(start))
    });
    let kept: Vec<_> = kept.collect();
    sandbox.write("build/parameters.toml", kept.join("\n\n") + "\n");
    nothing(&["generate"]);
    nothing(&["params", "check"]);
    let page = sandbox.read("build/pipeline.md");
    assert!(!page.contains("BACKEND_FOR_FRONTEND"), "{page}");
}
