//! The rules of a single action (AWS CodePipeline User Guide, "Action structure reference").

use serde::Deserialize;

use super::{Finding, Node};

/// The longest value of a configuration (AWS CodePipeline User Guide, "Quotas in AWS CodePipeline").
const VALUE_LENGTH: usize = 1000;

/// A provider: its category, its name, and the keys of its configuration.
struct Provider {
    category: &'static str,
    name: &'static str,
    keys: &'static [&'static str],
}

/// The providers whose keys are known here; of the others only what they have in
/// common is checked.
const PROVIDERS: [Provider; 8] = [
    Provider {
        category: "Source",
        name: "CodeStarSourceConnection",
        keys: &[
            "ConnectionArn",
            "FullRepositoryId",
            "BranchName",
            "OutputArtifactFormat",
            "DetectChanges",
        ],
    },
    Provider {
        category: "Source",
        name: "S3",
        keys: &[
            "S3Bucket",
            "S3ObjectKey",
            "PollForSourceChanges",
            "AllowOverrideForS3ObjectKey",
        ],
    },
    Provider {
        category: "Build",
        name: "CodeBuild",
        keys: CODEBUILD_KEYS,
    },
    Provider {
        category: "Test",
        name: "CodeBuild",
        keys: CODEBUILD_KEYS,
    },
    Provider {
        category: "Deploy",
        name: "ECS",
        keys: &[
            "ClusterName",
            "ServiceName",
            "FileName",
            "DeploymentTimeout",
        ],
    },
    Provider {
        category: "Deploy",
        name: "CodeDeployToECS",
        keys: &[
            "ApplicationName",
            "DeploymentGroupName",
            "TaskDefinitionTemplateArtifact",
            "TaskDefinitionTemplatePath",
            "AppSpecTemplateArtifact",
            "AppSpecTemplatePath",
            "Image1ArtifactName",
            "Image1ContainerName",
            "Image2ArtifactName",
            "Image2ContainerName",
            "Image3ArtifactName",
            "Image3ContainerName",
            "Image4ArtifactName",
            "Image4ContainerName",
        ],
    },
    Provider {
        category: "Deploy",
        name: "CloudFormation",
        keys: &[
            "ActionMode",
            "StackName",
            "Capabilities",
            "ChangeSetName",
            "RoleArn",
            "TemplatePath",
            "OutputFileName",
            "ParameterOverrides",
            "TemplateConfiguration",
        ],
    },
    Provider {
        category: "Approval",
        name: "Manual",
        keys: &["NotificationArn", "CustomData", "ExternalEntityLink"],
    },
];

const CODEBUILD_KEYS: &[&str] = &[
    "ProjectName",
    "PrimarySource",
    "BatchEnabled",
    "CombineArtifacts",
    "EnvironmentVariables",
];

/// A variable of a CodeBuild action.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only whether the text has this form matters")]
struct Variable {
    name: String,
    value: String,
    #[serde(rename = "type", default)]
    kind: Kind,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Kind {
    #[default]
    Plaintext,
    ParameterStore,
    SecretsManager,
}

/// The findings in an action; `clones` are the artifacts that hold a reference instead of files.
pub(super) fn findings(action: &Node, clones: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(unknown_provider(action));
    findings.extend(unknown_keys(action));
    findings.extend(long_values(action));
    findings.extend(malformed_variables(action));
    findings.extend(timeout(action));
    findings.extend(clone_as_files(action, clones));
    findings.extend(primary_source(action));
    findings
}

/// The provider's name.
pub(super) fn provider(action: &Node) -> &str {
    action
        .text_at(&["ActionTypeId", "Provider"])
        .unwrap_or_default()
}

fn unknown_provider(action: &Node) -> Option<Finding> {
    let node = action.at(&["ActionTypeId", "Provider"])?;
    let (category, name) = (
        action.text_at(&["ActionTypeId", "Category"])?,
        provider(action),
    );
    let of_aws = action.text_at(&["ActionTypeId", "Owner"]) == Some("AWS");
    let others = [
        "CodeCommit",
        "ECR",
        "CodeDeploy",
        "ElasticBeanstalk",
        "ServiceCatalog",
        "S3",
        "Lambda",
        "StepFunctions",
        "AppConfig",
        "CloudFormationStackSet",
        "CloudFormationStackInstances",
        "DeviceFarm",
        "EKS",
        "EC2",
        "ECRBuildAndPublish",
        "Commands",
        "InspectorScan",
        "CodePipeline",
    ];
    let known = PROVIDERS
        .iter()
        .any(|known| known.category == category && known.name == name);
    (of_aws && !known && !others.contains(&name)).then(|| {
        Finding::new(
            node,
            "wrong-provider",
            format!("the stack fails: there is no action {category} of AWS by {name:?}"),
            "a connection is CodeStarSourceConnection, a build CodeBuild, a rolling deployment ECS, an approval Manual",
        )
    })
}

fn unknown_keys(action: &Node) -> Vec<Finding> {
    let category = action.text_at(&["ActionTypeId", "Category"]);
    let name = provider(action);
    let known = PROVIDERS
        .iter()
        .find(|known| Some(known.category) == category && known.name == name);
    let Some(Provider { keys, .. }) = known else {
        return Vec::new();
    };
    let unknown = action
        .entries_at(&["Configuration"])
        .map(|(key, _)| key)
        .filter(|key| !key.text().is_some_and(|key| keys.contains(&key)));
    unknown
        .map(|key| {
            Finding::new(
                key,
                "unknown-configuration",
                format!(
                    "the stack fails: {name} has no configuration {:?}",
                    key.text().unwrap_or_default()
                ),
                format!("one of {} is meant", keys.join(", ")),
            )
        })
        .collect()
}

fn long_values(action: &Node) -> Vec<Finding> {
    let values = action.entries_at(&["Configuration"]);
    values
        .filter(|(_, value)| {
            value
                .text()
                .is_some_and(|text| text.chars().count() > VALUE_LENGTH)
        })
        .map(|(key, value)| {
            Finding::new(
                value,
                "long-value",
                format!(
                    "the stack fails: the value of {:?} has more than {VALUE_LENGTH} characters",
                    key.text().unwrap_or_default()
                ),
                "shorten it, or spread it over several actions",
            )
        })
        .collect()
}

fn malformed_variables(action: &Node) -> Option<Finding> {
    let node = action.at(&["Configuration", "EnvironmentVariables"])?;
    let fault = |text: &str| serde_json::from_str::<Vec<Variable>>(text).err();
    let error = match node.substituted().and_then(Node::text) {
        Some(text) => {
            // A text between quotes, a value without them, or nothing may stand there.
            let faults = ["-", "\"-\"", ""].map(|value| fault(&without_parameters(text, value)));
            let [Some(error), Some(other), Some(another)] = faults else {
                return None;
            };
            let all = [&error, &other, &another];
            all.iter().all(|fault| !fault.is_data()).then_some(error)?
        }
        None => fault(node.text().filter(|_| node.tag.is_none())?)?,
    };
    Some(Finding::new(
        node,
        "malformed-variables",
        format!("the action fails when it starts: its variables are malformed ({error})"),
        r#"EnvironmentVariables: '[{"name":"NAME","value":"VALUE","type":"PLAINTEXT"}]'"#,
    ))
}

/// The text of a `Sub` with this value for each of its parameters.
fn without_parameters(text: &str, value: &str) -> String {
    let mut parts = text.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.split_once('}').map_or("", |(_, rest)| rest);
        text + value + rest
    })
}

fn timeout(action: &Node) -> Option<Finding> {
    let node = action.get("TimeoutInMinutes")?;
    (provider(action) != "Manual").then(|| {
        Finding::new(
            node,
            "timeout",
            "the stack fails: only an approval has a TimeoutInMinutes",
            "set the time-out of the CodeBuild project, or DeploymentTimeout of the ECS action",
        )
    })
}

fn clone_as_files(action: &Node, clones: &[&str]) -> Option<Finding> {
    if provider(action) == "CodeBuild" {
        return None;
    }
    let inputs = action.items_at(&["InputArtifacts"]);
    let is_clone = |name: &str| clones.contains(&name);
    let input = inputs
        .iter()
        .find(|input| input.text_at(&["Name"]).is_some_and(is_clone))?;
    Some(Finding::new(
        input,
        "clone-reference",
        format!(
            "the action fails: the artifact is a reference to a clone, which {} cannot read",
            provider(action)
        ),
        "give it the artifact of a CodeBuild action, or use OutputArtifactFormat: CODE_ZIP",
    ))
}

fn primary_source(action: &Node) -> Option<Finding> {
    let several = provider(action) == "CodeBuild" && action.items_at(&["InputArtifacts"]).len() > 1;
    let named = action.at(&["Configuration", "PrimarySource"]).is_some();
    (several && !named).then(|| {
        Finding::new(
            action,
            "primary-source",
            "the action fails: with two input artifacts CodeBuild does not know which one has the buildspec",
            "add PrimarySource with an artifact's name to the Configuration",
        )
    })
}
