//! The rules of a pipeline as a whole.

use std::sync::Arc;

use super::action::provider;
use super::project::Inline;
use super::{Document, Finding, Linter, Node, action, yaml};
use crate::delivery::buildspec::EXPORTED;
use crate::delivery::model::ACTIONS;

/// How many stages a pipeline may have (AWS CodePipeline User Guide, "Quotas in AWS CodePipeline").
const STAGES: usize = 50;

/// What every pipeline has (AWS CodePipeline User Guide, "Variables reference").
const SOURCE_VARIABLES: [&str; 6] = [
    "AuthorDate",
    "BranchName",
    "CommitId",
    "CommitMessage",
    "ConnectionArn",
    "FullRepositoryName",
];

/// The properties of the resources of a type.
pub(super) fn resources<'a>(template: &'a Node, kind: &'a str) -> impl Iterator<Item = &'a Node> {
    let resources = template
        .entries_at(&["Resources"])
        .map(|(_, resource)| resource);
    resources
        .filter(move |resource| resource.text_at(&["Type"]) == Some(kind))
        .filter_map(|resource| resource.get("Properties"))
}

/// The findings in the pipelines of a template.
pub(super) fn findings(template: &Node, linter: &Linter<'_>) -> Vec<Finding> {
    resources(template, "AWS::CodePipeline::Pipeline")
        .flat_map(|properties| Pipeline::new(template, properties, linter).findings())
        .collect()
}

struct Pipeline<'a> {
    template: &'a Node,
    properties: &'a Node,
    linter: &'a Linter<'a>,
    stages: Vec<Conditional<'a>>,
    actions: Vec<Action<'a>>,
}

struct Action<'a> {
    /// In the order of execution: the stage and the `RunOrder`.
    place: (usize, usize),
    /// When it is there.
    conditions: Vec<Condition<'a>>,
    node: &'a Node,
}

/// The name of a condition, and whether it holds.
type Condition<'a> = (&'a str, bool);

/// An item of a list, and when it is there.
#[derive(Clone)]
struct Conditional<'a> {
    conditions: Vec<Condition<'a>>,
    node: &'a Node,
}

/// The items of a list, those as well that stand in the branches of an `If`.
fn items<'a>(node: &'a Node, conditions: &[Condition<'a>]) -> Vec<Conditional<'a>> {
    let branches = match node.tag.as_deref() {
        Some("If") => Some(node.items()),
        _ => node.get("Fn::If").map(Node::items),
    };
    match branches {
        Some([name, holds, fails]) => {
            let name = name.text().unwrap_or_default();
            let branch = |node, holds| items(node, &[conditions, &[(name, holds)]].concat());
            [branch(holds, true), branch(fails, false)].concat()
        }
        // `!Ref AWS::NoValue`
        _ if node.text().is_some() => Vec::new(),
        _ if node.entries().next().is_some() => vec![Conditional {
            conditions: conditions.to_vec(),
            node,
        }],
        _ => {
            let inner = node.items().iter();
            inner.flat_map(|item| items(item, conditions)).collect()
        }
    }
}

/// Whether what is there under one of the conditions is always there together with what
/// is under the other ones. Of conditions with different names nobody knows.
fn coexist(one: &[Condition<'_>], other: &[Condition<'_>]) -> bool {
    let within = |one: &[Condition<'_>], other: &[Condition<'_>]| {
        one.iter().all(|condition| other.contains(condition))
    };
    within(one, other) || within(other, one)
}

impl<'a> Pipeline<'a> {
    fn new(template: &'a Node, properties: &'a Node, linter: &'a Linter<'a>) -> Self {
        let order = |action: &Node| {
            action
                .text_at(&["RunOrder"])
                .and_then(|order| order.parse().ok())
                .unwrap_or(1)
        };
        let of = |node: Option<&'a Node>, conditions: &[Condition<'a>]| {
            node.map_or_else(Vec::new, |node| items(node, conditions))
        };
        let stages = of(properties.get("Stages"), &[]);
        let actions = stages.iter().enumerate().flat_map(|(index, stage)| {
            let actions = of(stage.node.get("Actions"), &stage.conditions).into_iter();
            actions.map(move |Conditional { conditions, node }| Action {
                place: (index, order(node)),
                conditions,
                node,
            })
        });
        Self {
            actions: actions.collect(),
            stages,
            template,
            properties,
            linter,
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let clones = self.clones();
        let actions = self.actions.iter();
        let mut findings: Vec<_> = actions
            .flat_map(|action| action::findings(action.node, &clones))
            .collect();
        findings.extend(self.execution_mode());
        findings.extend(self.too_many());
        findings.extend(self.namespaces());
        findings.extend(self.triggers());
        findings.extend(self.undefined_variables());
        findings
    }

    fn clones(&self) -> Vec<&'a str> {
        let is_clone = |action: &Node| {
            action.text_at(&["Configuration", "OutputArtifactFormat"])
                == Some("CODEBUILD_CLONE_REF")
        };
        let sources = self
            .actions
            .iter()
            .map(|action| action.node)
            .filter(|node| is_clone(node));
        sources.flat_map(artifacts).collect()
    }

    fn execution_mode(&self) -> Option<Finding> {
        let mode = self.properties.get("ExecutionMode")?;
        let is_v2 = self.properties.text_at(&["PipelineType"]) == Some("V2");
        let rolls_back = |stage: &Conditional<'_>| {
            stage.node.text_at(&["OnFailure", "Result"]) == Some("ROLLBACK")
        };
        match mode.text()? {
            "SUPERSEDED" => None,
            name if !is_v2 => Some(Finding::new(
                mode,
                "v1-mode",
                format!("the stack fails: a pipeline of type V1 has no execution mode {name}"),
                "PipelineType: V2",
            )),
            "PARALLEL" if self.stages.iter().any(rolls_back) => Some(Finding::new(
                mode,
                "parallel-rollback",
                "the stack fails: stages of parallel executions cannot be rolled back",
                "ExecutionMode: SUPERSEDED, or no OnFailure",
            )),
            _ => None,
        }
    }

    fn too_many(&self) -> Vec<Finding> {
        let stages = self.properties.items_at(&["Stages"]);
        let finding = |node: &Node, bound: usize, what: &str| {
            Finding::new(
                node,
                "too-many",
                format!("the stack fails: there are more than {bound} {what}"),
                "split the pipeline",
            )
        };
        let full = stages
            .iter()
            .filter(|stage| stage.items_at(&["Actions"]).len() > ACTIONS);
        let mut findings: Vec<_> = full
            .map(|stage| finding(stage, ACTIONS, "actions in this stage"))
            .collect();
        if stages.len() > STAGES {
            findings.push(finding(self.properties, STAGES, "stages"));
        }
        findings
    }

    fn namespaces(&self) -> Vec<Finding> {
        let mut taken: Vec<(&str, &[Condition<'_>])> = Vec::new();
        for action in &self.actions {
            taken.extend(artifacts(action.node).map(|name| (name, &*action.conditions)));
        }
        let mut findings = Vec::new();
        for action in &self.actions {
            let Some(node) = action.node.get("Namespace") else {
                continue;
            };
            let name = node.text().unwrap_or_default();
            let is_taken = |(other, conditions): &(&str, &[Condition<'_>])| {
                *other == name && coexist(conditions, &action.conditions)
            };
            if taken.iter().any(is_taken) {
                findings.push(Finding::new(
                    node,
                    "namespace",
                    format!("the stack fails: another action has the namespace {name:?}, or an artifact is called so"),
                    "choose a name of its own",
                ));
            }
            taken.push((name, &action.conditions));
        }
        findings
    }

    fn triggers(&self) -> Vec<Finding> {
        let keys = ["GitConfiguration", "SourceActionName"];
        let named = self
            .properties
            .items_at(&["Triggers"])
            .iter()
            .filter_map(|trigger| trigger.at(&keys));
        let unknown = named.filter(|name| {
            let is_it = |action: &Action<'_>| {
                provider(action.node) == "CodeStarSourceConnection"
                    && action.node.text_at(&["Name"]) == name.text()
            };
            !self.actions.iter().any(is_it)
        });
        unknown
            .map(|name| {
                Finding::new(
                    name,
                    "unknown-trigger",
                    format!(
                        "the stack fails: no source action with a connection is called {:?}",
                        name.text().unwrap_or_default()
                    ),
                    "name the source action",
                )
            })
            .collect()
    }

    fn undefined_variables(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for action in &self.actions {
            for (_, value) in action.node.entries_at(&["Configuration"]) {
                let text = value.substituted().unwrap_or(value).text();
                let names = variables(text.unwrap_or_default());
                let undefined =
                    names.filter(|(namespace, name)| !self.defines(action.place, namespace, name));
                findings.extend(undefined.map(|(namespace, name)| {
                    Finding::new(
                        value,
                        "undefined-variable",
                        format!("the action fails when it starts: nothing before it gives #{{{namespace}.{name}}}"),
                        "name an action's Namespace and a variable that its buildspec exports",
                    )
                }));
            }
        }
        findings
    }

    /// Whether the variable has a value before the action at `place` runs.
    fn defines(&self, place: (usize, usize), namespace: &str, name: &str) -> bool {
        match namespace {
            "codepipeline" => name == "PipelineExecutionId",
            "variables" => {
                let variables = self.properties.items_at(&["Variables"]);
                variables
                    .iter()
                    .any(|variable| variable.text_at(&["Name"]) == Some(name))
            }
            _ => self
                .actions
                .iter()
                .filter(|action| {
                    action.place < place && action.node.text_at(&["Namespace"]) == Some(namespace)
                })
                .any(|action| self.gives(action.node, name)),
        }
    }

    /// Whether the action gives the variable. What is not known here is believed.
    fn gives(&self, action: &Node, name: &str) -> bool {
        match provider(action) {
            "CodeStarSourceConnection" => SOURCE_VARIABLES.contains(&name),
            "CodeBuild" => match self.buildspec(action) {
                Some(buildspec) => {
                    let exported = buildspec.root.items_at(&["env", EXPORTED]);
                    exported
                        .iter()
                        .any(|exported| exported.text() == Some(name))
                }
                None => true,
            },
            _ => true,
        }
    }

    /// The buildspec of the action's project, where both are here.
    fn buildspec(&self, action: &Node) -> Option<Arc<Document>> {
        let project = action.at(&["Configuration", "ProjectName"])?.resource()?;
        let project = self.template.at(&["Resources", project, "Properties"])?;
        if let Some(inline) = Inline::of(project) {
            return yaml::read(&inline.text).ok().map(Arc::new);
        }
        let path = project.text_at(&["Source", "BuildSpec"])?;
        self.linter.document(&self.linter.root.join(path)).ok()
    }
}

fn artifacts(action: &Node) -> impl Iterator<Item = &str> {
    let artifacts = action.items_at(&["OutputArtifacts"]).iter();
    artifacts.filter_map(|artifact| artifact.text_at(&["Name"]))
}

/// The `#{namespace.NAME}` in a text.
fn variables(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let inside = text
        .split("#{")
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    inside.filter_map(|inside| inside.split_once('.'))
}
