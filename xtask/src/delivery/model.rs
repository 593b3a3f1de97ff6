//! The pipeline as a value: what its stages do, in order. The template and the
//! picture are two ways to write it down.

use std::collections::BTreeMap;

use super::template::logical_id;
use crate::error::{Fault, Kind};
use crate::workspace::{Environment, Service, Workspace, prefix_of};

/// How many services one pipeline delivers.
pub(super) const SERVICES: usize = 20;

/// How long a service's name may be. With twenty such names a stage's policy has
/// nearly the 6144 characters that IAM allows, and an approval's text leaves no room
/// for more approvals (IAM User Guide, "IAM and AWS STS quotas").
pub(super) const NAME_LENGTH: usize = 40;

/// How long the delivery's name may be: a notification rule is called after it, with
/// `-failed` behind (AWS CodeStar Notifications API Reference, "CreateNotificationRule").
const DELIVERY_NAME_LENGTH: usize = 64 - "-failed".len();

/// How long an alias may be: a container's name has it between the delivery's name and the
/// environment's (Amazon ECS API Reference, "ContainerDefinition").
const ALIAS_LENGTH: usize = 255 - DELIVERY_NAME_LENGTH - "--production".len();

/// How long a path may be that a load balancer's rule takes, with `/*` behind (Elastic Load
/// Balancing API Reference, "PathPatternConditionConfig").
const CONTEXT_PATH_LENGTH: usize = 128 - "/*".len();

/// How many actions a stage may have (AWS CodePipeline User Guide, "Quotas in AWS CodePipeline").
pub(super) const ACTIONS: usize = 50;

/// How long an approval's text may be before its variables have values, and after;
/// 60 of the 1000 characters are for the commit.
const APPROVAL_LENGTH: usize = 940;

/// How long a digest and a usual tag are.
const DIGEST_AND_TAG_LENGTH: usize = 71 + 40;

/// How many priorities a load balancer's rules have (Elastic Load Balancing API
/// Reference, "CreateRule").
const RULE_PRIORITIES: u32 = 50_000;

const BUILD: &str = "build/staging/buildspec.yml";
const END_TO_END: &str = "build/staging/buildspec_e2e.yml";
const PROMOTION: &str = "build/production/buildspec.yml";

/// All buildspecs that a service may have, below its folder.
pub(super) const BUILDSPECS: [&str; 3] = [BUILD, END_TO_END, PROMOTION];

/// What an action does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    /// Has CodeBuild run a buildspec.
    Run(Job<'a>),
    /// Gives the image to ECS.
    Deploy(&'a Service, Environment),
    /// Asks people.
    Approve(Part<'a>),
}

/// What CodeBuild does, with a buildspec and a project for each.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job<'a> {
    /// Builds the image and tags it for staging.
    Build(&'a Service),
    /// Tests the pages of the deployed services in a browser.
    EndToEnd(&'a Service),
    /// Points the production tag at the tested image.
    Promote(&'a Service),
}

/// The services that one approval shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    /// Which of the approvals it is, from 1.
    pub(super) number: usize,
    /// What it shows.
    pub(super) services: &'a [Service],
}

/// An action; those of the same order run side by side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Action<'a> {
    /// The `RunOrder`, from 1.
    pub(super) order: usize,
    /// What it does.
    pub(super) step: Step<'a>,
}

/// The actions of the stage `staging`: level by level, upstreams first, then the
/// tests of what was deployed, then the approval.
pub(super) fn staging(workspace: &Workspace) -> Vec<Action<'_>> {
    let mut actions = Vec::new();
    let mut order = 0;
    for level in workspace.levels() {
        let deploy = |service| Step::Deploy(service, Environment::Staging);
        push(
            &mut actions,
            order + 1,
            level.iter().copied().map(Job::Build).map(Step::Run),
        );
        push(&mut actions, order + 2, level.iter().copied().map(deploy));
        order += 2;
    }
    let with_pages = workspace.with_pages();
    if !with_pages.is_empty() {
        order += 1;
        push(
            &mut actions,
            order,
            with_pages.into_iter().map(Job::EndToEnd).map(Step::Run),
        );
    }
    push(&mut actions, order + 1, approvals(&workspace.services));
    actions
}

/// The actions of the stage `release`: all services side by side.
pub(super) fn release(workspace: &Workspace) -> Vec<Action<'_>> {
    let deploy = |service| Step::Deploy(service, Environment::Production);
    let mut actions = Vec::new();
    push(
        &mut actions,
        1,
        workspace.services.iter().map(Job::Promote).map(Step::Run),
    );
    push(&mut actions, 2, workspace.services.iter().map(deploy));
    actions
}

/// Refuses what would pass the limits of AWS.
pub(super) fn check(workspace: &Workspace) -> Result<(), Fault> {
    let count = workspace.services.len();
    if count == 0 {
        return Err(Kind::Configuration
            .because("there is no service to deliver")
            .hint("cargo xtask onboard NAME"));
    }
    if count > SERVICES {
        let fault = format!("{count} services are too many: one pipeline delivers {SERVICES}");
        return Err(Kind::Configuration.because(fault).hint(
            "split the workspace: move services that are released together into one of their own, with another delivery.name",
        ));
    }
    check_names(workspace)?;
    let actions = staging(workspace).len();
    if actions > ACTIONS {
        let fault =
            format!("the stage staging would have {actions} actions, and may have {ACTIONS}");
        return Err(Kind::Configuration.because(fault).hint(
            "set `pages = false` in the services whose pages need no end-to-end test of their own",
        ));
    }
    Ok(())
}

/// How the parameters of a service would begin that nobody could set: Parameter Store
/// takes no name that begins with `AWS` or `SSM` (AWS Systems Manager API Reference,
/// "PutParameter"), and CodeBuild keeps `CODEBUILD_` for itself.
pub(super) fn reserved_beginning(package: &str) -> Option<&'static str> {
    let parameter = format!("{}_", prefix_of(package));
    let reserved = ["AWS", "SSM", "CODEBUILD_"];
    reserved
        .into_iter()
        .find(|beginning| parameter.starts_with(beginning))
}

/// The priority of a service's rule at the load balancer. It follows from the name
/// alone: were it the place among the services, those behind one that is taken out
/// would move to priorities that CloudFormation frees only afterwards.
pub(super) fn rule_priority(package: &str) -> u32 {
    let mix = |sum, byte| (sum * 31 + u32::from(byte)) % RULE_PRIORITIES;
    1 + package.bytes().fold(0, mix)
}

/// Names that are too long or reserved, and those that would be one in the templates.
fn check_names(workspace: &Workspace) -> Result<(), Fault> {
    let names = [(&workspace.name, DELIVERY_NAME_LENGTH)];
    let services = &workspace.services;
    let packages = services
        .iter()
        .map(|service| (&service.package, NAME_LENGTH));
    for (name, limit) in names.into_iter().chain(packages) {
        if name.len() > limit {
            let fault = format!(
                "the name {name:?} has {} characters, and may have {limit}",
                name.len()
            );
            return Err(Kind::Configuration
                .because(fault)
                .hint("what AWS calls after it would pass its limits; choose a shorter name"));
        }
    }
    for service in services {
        for (key, has, limit) in [
            (
                "context-path",
                service.context_path.len(),
                CONTEXT_PATH_LENGTH,
            ),
            ("alias", service.alias.len(), ALIAS_LENGTH),
        ] {
            if has > limit {
                let fault = format!(
                    "the key `{key}` of {} has {has} characters, and may have {limit}",
                    service.package
                );
                return Err(Kind::Configuration
                    .because(fault)
                    .hint("AWS takes no more of them; choose a shorter one"));
            }
        }
    }
    let (mut ids, mut priorities) = (BTreeMap::new(), BTreeMap::new());
    for service in services {
        if let Some(beginning) = reserved_beginning(&service.package) {
            let fault = format!(
                "the parameters of {} would begin with {beginning}, which AWS keeps for itself",
                service.package
            );
            return Err(Kind::Configuration
                .because(fault)
                .hint("rename the package"));
        }
        if let Some(other) = ids.insert(logical_id(&service.package), &service.package) {
            let fault = format!(
                "{other} and {} would be called the same in the templates",
                service.package
            );
            return Err(Kind::Configuration
                .because(fault)
                .hint("rename one of the packages"));
        }
        let priority = rule_priority(&service.package);
        if let Some(other) = priorities.insert(priority, &service.package) {
            let fault = format!(
                "the names of {other} and {} give one priority at the load balancer: {priority}",
                service.package
            );
            return Err(Kind::Configuration
                .because(fault)
                .hint("rename one of the packages"));
        }
    }
    Ok(())
}

fn push<'a>(
    actions: &mut Vec<Action<'a>>,
    order: usize,
    steps: impl IntoIterator<Item = Step<'a>>,
) {
    actions.extend(steps.into_iter().map(|step| Action { order, step }));
}

/// As few approvals as their length allows, each with the services that it shows.
fn approvals(services: &[Service]) -> Vec<Step<'_>> {
    let mut approvals = Vec::new();
    let mut rest = services;
    while !rest.is_empty() {
        let (services, others) = rest.split_at(shown_at_once(rest));
        let number = approvals.len() + 1;
        approvals.push(Step::Approve(Part { number, services }));
        rest = others;
    }
    approvals
}

/// How many of the services one approval can show, at least one.
fn shown_at_once(services: &[Service]) -> usize {
    let lengths = services.iter().map(|service| {
        let with_values = service.alias.len() + DIGEST_AND_TAG_LENGTH;
        shown(service).len().max(with_values) + ";\n".len()
    });
    let sums = lengths.scan(0, |sum, length| {
        *sum += length;
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= APPROVAL_LENGTH)
        .count()
        .max(1)
}

/// What an approval shows of a service.
pub(super) fn shown(service: &Service) -> String {
    let tested = Job::Build(service).namespace();
    format!(
        "{} #{{{tested}.IMAGE_DIGEST}} as #{{{tested}.PRODUCTION_TAG}}",
        service.alias
    )
}

impl Step<'_> {
    /// The action's name, unique in its stage.
    pub(super) fn action_name(self) -> String {
        match self {
            Self::Run(job) => job.action_name(),
            Self::Deploy(service, _) => format!("deploy-{}", service.package),
            Self::Approve(Part { number: 1, .. }) => "approve".to_owned(),
            Self::Approve(part) => format!("approve-{}", part.number),
        }
    }
}

impl<'a> Action<'a> {
    /// What CodeBuild does in it, where it does.
    pub(super) fn job(&self) -> Option<Job<'a>> {
        match self.step {
            Step::Run(job) => Some(job),
            Step::Deploy(..) | Step::Approve(_) => None,
        }
    }
}

impl<'a> Job<'a> {
    /// The service that it is about.
    pub(super) fn service(self) -> &'a Service {
        let (Self::Build(service) | Self::EndToEnd(service) | Self::Promote(service)) = self;
        service
    }

    /// The name of its action.
    pub(super) fn action_name(self) -> String {
        let verb = match self {
            Self::Build(_) => "build",
            Self::EndToEnd(_) => "e2e",
            Self::Promote(_) => "promote",
        };
        format!("{verb}-{}", self.service().package)
    }

    /// Where the action's variables are found: unique, and no artifact's name.
    pub(super) fn namespace(self) -> String {
        let kind = match self {
            Self::Build(_) => "staging",
            Self::EndToEnd(_) => "e2e",
            Self::Promote(_) => "production",
        };
        format!("{}_{kind}", self.service().package.replace('-', "_"))
    }

    /// The artifact that the action leaves; its name has no hyphen.
    pub(super) fn artifact(self) -> String {
        format!("{}_files", self.namespace())
    }

    /// The buildspec, below the workspace's root.
    pub(super) fn buildspec(self) -> String {
        let file = match self {
            Self::Build(_) => BUILD,
            Self::EndToEnd(_) => END_TO_END,
            Self::Promote(_) => PROMOTION,
        };
        format!("{}/{file}", self.service().folder.display())
    }
}
